//! IPSO: sensors of physical quantities, 3315 to 3331 and 3346.

use crate::table::object;

object! {
    /// Barometer: the pressure of the air.
    barometer = 3315 "Barometer" OptionalMultiple { V1_1 = (1, 1) }
    TIMESTAMP = 5518 "Timestamp" R Time;
    MIN_MEASURED_VALUE = 5601 "Min Measured Value" R Float;
    MAX_MEASURED_VALUE = 5602 "Max Measured Value" R Float;
    MIN_RANGE_VALUE = 5603 "Min Range Value" R Float;
    MAX_RANGE_VALUE = 5604 "Max Range Value" R Float;
    RESET_MIN_AND_MAX_MEASURED_VALUES = 5605 "Reset Min and Max Measured Values" E None;
    SENSOR_VALUE = 5700 "Sensor Value" R Float .mandatory();
    SENSOR_UNITS = 5701 "Sensor Units" R String;
    APPLICATION_TYPE = 5750 "Application Type" RW String;
    MEASUREMENT_QUALITY_INDICATOR = 6042 "Measurement Quality Indicator" R Integer
        .range("0..23", &[number(0.0, 23.0)]);
    MEASUREMENT_QUALITY_LEVEL = 6049 "Measurement Quality Level" R Integer
        .range("0..100", &[number(0.0, 100.0)]);
    FRACTIONAL_TIMESTAMP = 6050 "Fractional Timestamp" R Float .range("0..1", &[number(0.0, 1.0)]).units("s");
}

object! {
    /// Voltage: between two points of a circuit.
    voltage = 3316 "Voltage" OptionalMultiple { V1_1 = (1, 1) }
    TIMESTAMP = 5518 "Timestamp" R Time;
    MIN_MEASURED_VALUE = 5601 "Min Measured Value" R Float;
    MAX_MEASURED_VALUE = 5602 "Max Measured Value" R Float;
    MIN_RANGE_VALUE = 5603 "Min Range Value" R Float;
    MAX_RANGE_VALUE = 5604 "Max Range Value" R Float;
    RESET_MIN_AND_MAX_MEASURED_VALUES = 5605 "Reset Min and Max Measured Values" E None;
    SENSOR_VALUE = 5700 "Sensor Value" R Float .mandatory();
    SENSOR_UNITS = 5701 "Sensor Units" R String;
    APPLICATION_TYPE = 5750 "Application Type" RW String;
    CURRENT_CALIBRATION = 5821 "Current Calibration" RW Float;
    MEASUREMENT_QUALITY_INDICATOR = 6042 "Measurement Quality Indicator" R Integer
        .range("0..23", &[number(0.0, 23.0)]);
    MEASUREMENT_QUALITY_LEVEL = 6049 "Measurement Quality Level" R Integer
        .range("0..100", &[number(0.0, 100.0)]);
    FRACTIONAL_TIMESTAMP = 6050 "Fractional Timestamp" R Float .range("0..1", &[number(0.0, 1.0)]).units("s");
}

object! {
    /// Current: through a conductor.
    current = 3317 "Current" OptionalMultiple { V1_1 = (1, 1) }
    TIMESTAMP = 5518 "Timestamp" R Time;
    MIN_MEASURED_VALUE = 5601 "Min Measured Value" R Float;
    MAX_MEASURED_VALUE = 5602 "Max Measured Value" R Float;
    MIN_RANGE_VALUE = 5603 "Min Range Value" R Float;
    MAX_RANGE_VALUE = 5604 "Max Range Value" R Float;
    RESET_MIN_AND_MAX_MEASURED_VALUES = 5605 "Reset Min and Max Measured Values" E None;
    SENSOR_VALUE = 5700 "Sensor Value" R Float .mandatory();
    SENSOR_UNITS = 5701 "Sensor Units" R String;
    APPLICATION_TYPE = 5750 "Application Type" RW String;
    CURRENT_CALIBRATION = 5821 "Current Calibration" RW Float;
    MEASUREMENT_QUALITY_INDICATOR = 6042 "Measurement Quality Indicator" R Integer
        .range("0..23", &[number(0.0, 23.0)]);
    MEASUREMENT_QUALITY_LEVEL = 6049 "Measurement Quality Level" R Integer
        .range("0..100", &[number(0.0, 100.0)]);
    FRACTIONAL_TIMESTAMP = 6050 "Fractional Timestamp" R Float .range("0..1", &[number(0.0, 1.0)]).units("s");
}

object! {
    /// Frequency: how often something recurs.
    frequency = 3318 "Frequency" OptionalMultiple { V1_1 = (1, 1) }
    TIMESTAMP = 5518 "Timestamp" R Time;
    MIN_MEASURED_VALUE = 5601 "Min Measured Value" R Float;
    MAX_MEASURED_VALUE = 5602 "Max Measured Value" R Float;
    MIN_RANGE_VALUE = 5603 "Min Range Value" R Float;
    MAX_RANGE_VALUE = 5604 "Max Range Value" R Float;
    RESET_MIN_AND_MAX_MEASURED_VALUES = 5605 "Reset Min and Max Measured Values" E None;
    SENSOR_VALUE = 5700 "Sensor Value" R Float .mandatory();
    SENSOR_UNITS = 5701 "Sensor Units" R String;
    APPLICATION_TYPE = 5750 "Application Type" RW String;
    CURRENT_CALIBRATION = 5821 "Current Calibration" RW Float;
    MEASUREMENT_QUALITY_INDICATOR = 6042 "Measurement Quality Indicator" R Integer
        .range("0..23", &[number(0.0, 23.0)]);
    MEASUREMENT_QUALITY_LEVEL = 6049 "Measurement Quality Level" R Integer
        .range("0..100", &[number(0.0, 100.0)]);
    FRACTIONAL_TIMESTAMP = 6050 "Fractional Timestamp" R Float .range("0..1", &[number(0.0, 1.0)]).units("s");
}

object! {
    /// Depth: how far something lies below a surface.
    depth = 3319 "Depth" OptionalMultiple { V1_1 = (1, 1) }
    TIMESTAMP = 5518 "Timestamp" R Time;
    MIN_MEASURED_VALUE = 5601 "Min Measured Value" R Float;
    MAX_MEASURED_VALUE = 5602 "Max Measured Value" R Float;
    MIN_RANGE_VALUE = 5603 "Min Range Value" R Float;
    MAX_RANGE_VALUE = 5604 "Max Range Value" R Float;
    RESET_MIN_AND_MAX_MEASURED_VALUES = 5605 "Reset Min and Max Measured Values" E None;
    SENSOR_VALUE = 5700 "Sensor Value" R Float .mandatory();
    SENSOR_UNITS = 5701 "Sensor Units" R String;
    APPLICATION_TYPE = 5750 "Application Type" RW String;
    CURRENT_CALIBRATION = 5821 "Current Calibration" RW Float;
    MEASUREMENT_QUALITY_INDICATOR = 6042 "Measurement Quality Indicator" R Integer
        .range("0..23", &[number(0.0, 23.0)]);
    MEASUREMENT_QUALITY_LEVEL = 6049 "Measurement Quality Level" R Integer
        .range("0..100", &[number(0.0, 100.0)]);
    FRACTIONAL_TIMESTAMP = 6050 "Fractional Timestamp" R Float .range("0..1", &[number(0.0, 1.0)]).units("s");
}

object! {
    /// Percentage: a share of a whole.
    percentage = 3320 "Percentage" OptionalMultiple { V1_1 = (1, 1) }
    TIMESTAMP = 5518 "Timestamp" R Time;
    MIN_MEASURED_VALUE = 5601 "Min Measured Value" R Float;
    MAX_MEASURED_VALUE = 5602 "Max Measured Value" R Float;
    MIN_RANGE_VALUE = 5603 "Min Range Value" R Float;
    MAX_RANGE_VALUE = 5604 "Max Range Value" R Float;
    RESET_MIN_AND_MAX_MEASURED_VALUES = 5605 "Reset Min and Max Measured Values" E None;
    SENSOR_VALUE = 5700 "Sensor Value" R Float .mandatory();
    SENSOR_UNITS = 5701 "Sensor Units" R String;
    APPLICATION_TYPE = 5750 "Application Type" RW String;
    CURRENT_CALIBRATION = 5821 "Current Calibration" RW Float;
    MEASUREMENT_QUALITY_INDICATOR = 6042 "Measurement Quality Indicator" R Integer
        .range("0..23", &[number(0.0, 23.0)]);
    MEASUREMENT_QUALITY_LEVEL = 6049 "Measurement Quality Level" R Integer
        .range("0..100", &[number(0.0, 100.0)]);
    FRACTIONAL_TIMESTAMP = 6050 "Fractional Timestamp" R Float .range("0..1", &[number(0.0, 1.0)]).units("s");
}

object! {
    /// Altitude: how high something is.
    altitude = 3321 "Altitude" OptionalMultiple { V1_1 = (1, 1) }
    TIMESTAMP = 5518 "Timestamp" R Time;
    MIN_MEASURED_VALUE = 5601 "Min Measured Value" R Float;
    MAX_MEASURED_VALUE = 5602 "Max Measured Value" R Float;
    MIN_RANGE_VALUE = 5603 "Min Range Value" R Float;
    MAX_RANGE_VALUE = 5604 "Max Range Value" R Float;
    RESET_MIN_AND_MAX_MEASURED_VALUES = 5605 "Reset Min and Max Measured Values" E None;
    SENSOR_VALUE = 5700 "Sensor Value" R Float .mandatory();
    SENSOR_UNITS = 5701 "Sensor Units" R String;
    APPLICATION_TYPE = 5750 "Application Type" RW String;
    CURRENT_CALIBRATION = 5821 "Current Calibration" RW Float;
    MEASUREMENT_QUALITY_INDICATOR = 6042 "Measurement Quality Indicator" R Integer
        .range("0..23", &[number(0.0, 23.0)]);
    MEASUREMENT_QUALITY_LEVEL = 6049 "Measurement Quality Level" R Integer
        .range("0..100", &[number(0.0, 100.0)]);
    FRACTIONAL_TIMESTAMP = 6050 "Fractional Timestamp" R Float .range("0..1", &[number(0.0, 1.0)]).units("s");
}

object! {
    /// Load: the force or weight on a thing.
    load = 3322 "Load" OptionalMultiple { V1_1 = (1, 1) }
    TIMESTAMP = 5518 "Timestamp" R Time;
    MIN_MEASURED_VALUE = 5601 "Min Measured Value" R Float;
    MAX_MEASURED_VALUE = 5602 "Max Measured Value" R Float;
    MIN_RANGE_VALUE = 5603 "Min Range Value" R Float;
    MAX_RANGE_VALUE = 5604 "Max Range Value" R Float;
    RESET_MIN_AND_MAX_MEASURED_VALUES = 5605 "Reset Min and Max Measured Values" E None;
    SENSOR_VALUE = 5700 "Sensor Value" R Float .mandatory();
    SENSOR_UNITS = 5701 "Sensor Units" R String;
    APPLICATION_TYPE = 5750 "Application Type" RW String;
    CURRENT_CALIBRATION = 5821 "Current Calibration" RW Float;
    MEASUREMENT_QUALITY_INDICATOR = 6042 "Measurement Quality Indicator" R Integer
        .range("0..23", &[number(0.0, 23.0)]);
    MEASUREMENT_QUALITY_LEVEL = 6049 "Measurement Quality Level" R Integer
        .range("0..100", &[number(0.0, 100.0)]);
    FRACTIONAL_TIMESTAMP = 6050 "Fractional Timestamp" R Float .range("0..1", &[number(0.0, 1.0)]).units("s");
}

object! {
    /// Pressure: of a gas or liquid.
    pressure = 3323 "Pressure" OptionalMultiple { V1_1 = (1, 1) }
    TIMESTAMP = 5518 "Timestamp" R Time;
    MIN_MEASURED_VALUE = 5601 "Min Measured Value" R Float;
    MAX_MEASURED_VALUE = 5602 "Max Measured Value" R Float;
    MIN_RANGE_VALUE = 5603 "Min Range Value" R Float;
    MAX_RANGE_VALUE = 5604 "Max Range Value" R Float;
    RESET_MIN_AND_MAX_MEASURED_VALUES = 5605 "Reset Min and Max Measured Values" E None;
    SENSOR_VALUE = 5700 "Sensor Value" R Float .mandatory();
    SENSOR_UNITS = 5701 "Sensor Units" R String;
    APPLICATION_TYPE = 5750 "Application Type" RW String;
    CURRENT_CALIBRATION = 5821 "Current Calibration" RW Float;
    MEASUREMENT_QUALITY_INDICATOR = 6042 "Measurement Quality Indicator" R Integer
        .range("0..23", &[number(0.0, 23.0)]);
    MEASUREMENT_QUALITY_LEVEL = 6049 "Measurement Quality Level" R Integer
        .range("0..100", &[number(0.0, 100.0)]);
    FRACTIONAL_TIMESTAMP = 6050 "Fractional Timestamp" R Float .range("0..1", &[number(0.0, 1.0)]).units("s");
}

object! {
    /// Loudness: how loud a place is.
    loudness = 3324 "Loudness" OptionalMultiple { V1_1 = (1, 1) }
    TIMESTAMP = 5518 "Timestamp" R Time;
    MIN_MEASURED_VALUE = 5601 "Min Measured Value" R Float;
    MAX_MEASURED_VALUE = 5602 "Max Measured Value" R Float;
    MIN_RANGE_VALUE = 5603 "Min Range Value" R Float;
    MAX_RANGE_VALUE = 5604 "Max Range Value" R Float;
    RESET_MIN_AND_MAX_MEASURED_VALUES = 5605 "Reset Min and Max Measured Values" E None;
    SENSOR_VALUE = 5700 "Sensor Value" R Float .mandatory();
    SENSOR_UNITS = 5701 "Sensor Units" R String;
    APPLICATION_TYPE = 5750 "Application Type" RW String;
    CURRENT_CALIBRATION = 5821 "Current Calibration" RW Float;
    MEASUREMENT_QUALITY_INDICATOR = 6042 "Measurement Quality Indicator" R Integer
        .range("0..23", &[number(0.0, 23.0)]);
    MEASUREMENT_QUALITY_LEVEL = 6049 "Measurement Quality Level" R Integer
        .range("0..100", &[number(0.0, 100.0)]);
    FRACTIONAL_TIMESTAMP = 6050 "Fractional Timestamp" R Float .range("0..1", &[number(0.0, 1.0)]).units("s");
}

object! {
    /// Concentration: of a particle or chemical in a medium.
    concentration = 3325 "Concentration" OptionalMultiple { V1_1 = (1, 1) }
    TIMESTAMP = 5518 "Timestamp" R Time;
    MIN_MEASURED_VALUE = 5601 "Min Measured Value" R Float;
    MAX_MEASURED_VALUE = 5602 "Max Measured Value" R Float;
    MIN_RANGE_VALUE = 5603 "Min Range Value" R Float;
    MAX_RANGE_VALUE = 5604 "Max Range Value" R Float;
    RESET_MIN_AND_MAX_MEASURED_VALUES = 5605 "Reset Min and Max Measured Values" E None;
    SENSOR_VALUE = 5700 "Sensor Value" R Float .mandatory();
    SENSOR_UNITS = 5701 "Sensor Units" R String;
    APPLICATION_TYPE = 5750 "Application Type" RW String;
    CURRENT_CALIBRATION = 5821 "Current Calibration" RW Float;
    MEASUREMENT_QUALITY_INDICATOR = 6042 "Measurement Quality Indicator" R Integer
        .range("0..23", &[number(0.0, 23.0)]);
    MEASUREMENT_QUALITY_LEVEL = 6049 "Measurement Quality Level" R Integer
        .range("0..100", &[number(0.0, 100.0)]);
    FRACTIONAL_TIMESTAMP = 6050 "Fractional Timestamp" R Float .range("0..1", &[number(0.0, 1.0)]).units("s");
}

object! {
    /// Acidity: the pH value of a liquid.
    acidity = 3326 "Acidity" OptionalMultiple { V1_1 = (1, 1) }
    TIMESTAMP = 5518 "Timestamp" R Time;
    MIN_MEASURED_VALUE = 5601 "Min Measured Value" R Float;
    MAX_MEASURED_VALUE = 5602 "Max Measured Value" R Float;
    MIN_RANGE_VALUE = 5603 "Min Range Value" R Float;
    MAX_RANGE_VALUE = 5604 "Max Range Value" R Float;
    RESET_MIN_AND_MAX_MEASURED_VALUES = 5605 "Reset Min and Max Measured Values" E None;
    SENSOR_VALUE = 5700 "Sensor Value" R Float .mandatory();
    SENSOR_UNITS = 5701 "Sensor Units" R String;
    APPLICATION_TYPE = 5750 "Application Type" RW String;
    CURRENT_CALIBRATION = 5821 "Current Calibration" RW Float;
    MEASUREMENT_QUALITY_INDICATOR = 6042 "Measurement Quality Indicator" R Integer
        .range("0..23", &[number(0.0, 23.0)]);
    MEASUREMENT_QUALITY_LEVEL = 6049 "Measurement Quality Level" R Integer
        .range("0..100", &[number(0.0, 100.0)]);
    FRACTIONAL_TIMESTAMP = 6050 "Fractional Timestamp" R Float .range("0..1", &[number(0.0, 1.0)]).units("s");
}

object! {
    /// Conductivity: of a medium, for electricity.
    conductivity = 3327 "Conductivity" OptionalMultiple { V1_1 = (1, 1) }
    TIMESTAMP = 5518 "Timestamp" R Time;
    MIN_MEASURED_VALUE = 5601 "Min Measured Value" R Float;
    MAX_MEASURED_VALUE = 5602 "Max Measured Value" R Float;
    MIN_RANGE_VALUE = 5603 "Min Range Value" R Float;
    MAX_RANGE_VALUE = 5604 "Max Range Value" R Float;
    RESET_MIN_AND_MAX_MEASURED_VALUES = 5605 "Reset Min and Max Measured Values" E None;
    SENSOR_VALUE = 5700 "Sensor Value" R Float .mandatory();
    SENSOR_UNITS = 5701 "Sensor Units" R String;
    APPLICATION_TYPE = 5750 "Application Type" RW String;
    CURRENT_CALIBRATION = 5821 "Current Calibration" RW Float;
    MEASUREMENT_QUALITY_INDICATOR = 6042 "Measurement Quality Indicator" R Integer
        .range("0..23", &[number(0.0, 23.0)]);
    MEASUREMENT_QUALITY_LEVEL = 6049 "Measurement Quality Level" R Integer
        .range("0..100", &[number(0.0, 100.0)]);
    FRACTIONAL_TIMESTAMP = 6050 "Fractional Timestamp" R Float .range("0..1", &[number(0.0, 1.0)]).units("s");
}

object! {
    /// Power: what is drawn or given at a moment.
    power = 3328 "Power" OptionalMultiple { V1_1 = (1, 1) }
    TIMESTAMP = 5518 "Timestamp" R Time;
    MIN_MEASURED_VALUE = 5601 "Min Measured Value" R Float;
    MAX_MEASURED_VALUE = 5602 "Max Measured Value" R Float;
    MIN_RANGE_VALUE = 5603 "Min Range Value" R Float;
    MAX_RANGE_VALUE = 5604 "Max Range Value" R Float;
    RESET_MIN_AND_MAX_MEASURED_VALUES = 5605 "Reset Min and Max Measured Values" E None;
    SENSOR_VALUE = 5700 "Sensor Value" R Float .mandatory();
    SENSOR_UNITS = 5701 "Sensor Units" R String;
    APPLICATION_TYPE = 5750 "Application Type" RW String;
    CURRENT_CALIBRATION = 5821 "Current Calibration" RW Float;
    MEASUREMENT_QUALITY_INDICATOR = 6042 "Measurement Quality Indicator" R Integer
        .range("0..23", &[number(0.0, 23.0)]);
    MEASUREMENT_QUALITY_LEVEL = 6049 "Measurement Quality Level" R Integer
        .range("0..100", &[number(0.0, 100.0)]);
    FRACTIONAL_TIMESTAMP = 6050 "Fractional Timestamp" R Float .range("0..1", &[number(0.0, 1.0)]).units("s");
}

object! {
    /// Power Factor: real power over apparent power.
    power_factor = 3329 "Power Factor" OptionalMultiple { V1_1 = (1, 1) }
    TIMESTAMP = 5518 "Timestamp" R Time;
    MIN_MEASURED_VALUE = 5601 "Min Measured Value" R Float;
    MAX_MEASURED_VALUE = 5602 "Max Measured Value" R Float;
    MIN_RANGE_VALUE = 5603 "Min Range Value" R Float;
    MAX_RANGE_VALUE = 5604 "Max Range Value" R Float;
    RESET_MIN_AND_MAX_MEASURED_VALUES = 5605 "Reset Min and Max Measured Values" E None;
    SENSOR_VALUE = 5700 "Sensor Value" R Float .mandatory();
    SENSOR_UNITS = 5701 "Sensor Units" R String;
    APPLICATION_TYPE = 5750 "Application Type" RW String;
    CURRENT_CALIBRATION = 5821 "Current Calibration" RW Float;
    MEASUREMENT_QUALITY_INDICATOR = 6042 "Measurement Quality Indicator" R Integer
        .range("0..23", &[number(0.0, 23.0)]);
    MEASUREMENT_QUALITY_LEVEL = 6049 "Measurement Quality Level" R Integer
        .range("0..100", &[number(0.0, 100.0)]);
    FRACTIONAL_TIMESTAMP = 6050 "Fractional Timestamp" R Float .range("0..1", &[number(0.0, 1.0)]).units("s");
}

object! {
    /// Distance: how far away something is.
    distance = 3330 "Distance" OptionalMultiple { V1_1 = (1, 1) }
    TIMESTAMP = 5518 "Timestamp" R Time;
    MIN_MEASURED_VALUE = 5601 "Min Measured Value" R Float;
    MAX_MEASURED_VALUE = 5602 "Max Measured Value" R Float;
    MIN_RANGE_VALUE = 5603 "Min Range Value" R Float;
    MAX_RANGE_VALUE = 5604 "Max Range Value" R Float;
    RESET_MIN_AND_MAX_MEASURED_VALUES = 5605 "Reset Min and Max Measured Values" E None;
    SENSOR_VALUE = 5700 "Sensor Value" R Float .mandatory();
    SENSOR_UNITS = 5701 "Sensor Units" R String;
    APPLICATION_TYPE = 5750 "Application Type" RW String;
    CURRENT_CALIBRATION = 5821 "Current Calibration" RW Float;
    MEASUREMENT_QUALITY_INDICATOR = 6042 "Measurement Quality Indicator" R Integer
        .range("0..23", &[number(0.0, 23.0)]);
    MEASUREMENT_QUALITY_LEVEL = 6049 "Measurement Quality Level" R Integer
        .range("0..100", &[number(0.0, 100.0)]);
    FRACTIONAL_TIMESTAMP = 6050 "Fractional Timestamp" R Float .range("0..1", &[number(0.0, 1.0)]).units("s");
}

object! {
    /// Energy: what was drawn or given so far.
    energy = 3331 "Energy" OptionalMultiple { V1_1 = (1, 1) }
    TIMESTAMP = 5518 "Timestamp" R Time;
    SENSOR_VALUE = 5700 "Sensor Value" R Float .mandatory();
    SENSOR_UNITS = 5701 "Sensor Units" R String;
    APPLICATION_TYPE = 5750 "Application Type" RW String;
    RESET_CUMULATIVE_ENERGY = 5822 "Reset Cumulative energy" E None;
    MEASUREMENT_QUALITY_INDICATOR = 6042 "Measurement Quality Indicator" R Integer
        .range("0..23", &[number(0.0, 23.0)]);
    MEASUREMENT_QUALITY_LEVEL = 6049 "Measurement Quality Level" R Integer
        .range("0..100", &[number(0.0, 100.0)]);
    FRACTIONAL_TIMESTAMP = 6050 "Fractional Timestamp" R Float .range("0..1", &[number(0.0, 1.0)]).units("s");
}

object! {
    /// Rate: how fast something happens.
    rate = 3346 "Rate" OptionalMultiple { V1_1 = (1, 1) }
    TIMESTAMP = 5518 "Timestamp" R Time;
    MIN_MEASURED_VALUE = 5601 "Min Measured Value" R Float;
    MAX_MEASURED_VALUE = 5602 "Max Measured Value" R Float;
    MIN_RANGE_VALUE = 5603 "Min Range Value" R Float;
    MAX_RANGE_VALUE = 5604 "Max Range Value" R Float;
    RESET_MIN_AND_MAX_MEASURED_VALUES = 5605 "Reset Min and Max Measured Values" E None;
    SENSOR_VALUE = 5700 "Sensor Value" R Float .mandatory();
    SENSOR_UNITS = 5701 "Sensor Units" R String;
    APPLICATION_TYPE = 5750 "Application Type" RW String;
    CURRENT_CALIBRATION = 5821 "Current Calibration" RW Float;
    MEASUREMENT_QUALITY_INDICATOR = 6042 "Measurement Quality Indicator" R Integer
        .range("0..23", &[number(0.0, 23.0)]);
    MEASUREMENT_QUALITY_LEVEL = 6049 "Measurement Quality Level" R Integer
        .range("0..100", &[number(0.0, 100.0)]);
    FRACTIONAL_TIMESTAMP = 6050 "Fractional Timestamp" R Float .range("0..1", &[number(0.0, 1.0)]).units("s");
}
