//! IPSO: inputs, outputs and generic sensors, 3200 to 3203 and 3300 to 3306.

use crate::table::object;

object! {
    /// Digital Input: a pin that is read, 0 or 1, and counted.
    digital_input = 3200 "Digital Input" OptionalMultiple { V1_1 = (1, 1) }
    DIGITAL_INPUT_STATE = 5500 "Digital Input State" R Boolean .mandatory();
    DIGITAL_INPUT_COUNTER = 5501 "Digital Input Counter" R Integer;
    DIGITAL_INPUT_POLARITY = 5502 "Digital Input Polarity" RW Boolean;
    DIGITAL_INPUT_DEBOUNCE = 5503 "Digital Input Debounce" RW Integer .units("ms");
    DIGITAL_INPUT_EDGE_SELECTION = 5504 "Digital Input Edge Selection" RW Integer
        .range("1..3", &[number(1.0, 3.0)]);
    DIGITAL_INPUT_COUNTER_RESET = 5505 "Digital Input Counter Reset" E None;
    TIMESTAMP = 5518 "Timestamp" R Time;
    APPLICATION_TYPE = 5750 "Application Type" RW String;
    SENSOR_TYPE = 5751 "Sensor Type" R String;
    FRACTIONAL_TIMESTAMP = 6050 "Fractional Timestamp" R Float .range("0..1", &[number(0.0, 1.0)]).units("s");
}

object! {
    /// Digital Output: a pin that is set, 0 or 1.
    digital_output = 3201 "Digital Output" OptionalMultiple { V1_1 = (1, 1) }
    TIMESTAMP = 5518 "Timestamp" R Time;
    DIGITAL_OUTPUT_STATE = 5550 "Digital Output State" RW Boolean .mandatory();
    DIGITAL_OUTPUT_POLARITY = 5551 "Digital Output Polarity" RW Boolean;
    APPLICATION_TYPE = 5750 "Application Type" RW String;
    FRACTIONAL_TIMESTAMP = 6050 "Fractional Timestamp" R Float .range("0..1", &[number(0.0, 1.0)]).units("s");
}

object! {
    /// Analog Input: a level that is read.
    analog_input = 3202 "Analog Input" OptionalMultiple { V1_1 = (1, 1) }
    TIMESTAMP = 5518 "Timestamp" R Time;
    ANALOG_INPUT_CURRENT_VALUE = 5600 "Analog Input Current Value" R Float .mandatory();
    MIN_MEASURED_VALUE = 5601 "Min Measured Value" R Float;
    MAX_MEASURED_VALUE = 5602 "Max Measured Value" R Float;
    MIN_RANGE_VALUE = 5603 "Min Range Value" R Float;
    MAX_RANGE_VALUE = 5604 "Max Range Value" R Float;
    RESET_MIN_AND_MAX_MEASURED_VALUES = 5605 "Reset Min and Max Measured Values" E None;
    APPLICATION_TYPE = 5750 "Application Type" RW String;
    SENSOR_TYPE = 5751 "Sensor Type" R String;
    MEASUREMENT_QUALITY_INDICATOR = 6042 "Measurement Quality Indicator" R Integer
        .range("0..23", &[number(0.0, 23.0)]);
    MEASUREMENT_QUALITY_LEVEL = 6049 "Measurement Quality Level" R Integer
        .range("0..100", &[number(0.0, 100.0)]);
    FRACTIONAL_TIMESTAMP = 6050 "Fractional Timestamp" R Float .range("0..1", &[number(0.0, 1.0)]).units("s");
}

object! {
    /// Analog Output: a level that is set.
    analog_output = 3203 "Analog Output" OptionalMultiple { V1_1 = (1, 1) }
    TIMESTAMP = 5518 "Timestamp" R Time;
    MIN_RANGE_VALUE = 5603 "Min Range Value" R Float;
    MAX_RANGE_VALUE = 5604 "Max Range Value" R Float;
    ANALOG_OUTPUT_CURRENT_VALUE = 5650 "Analog Output Current Value" RW Float
        .mandatory().range("0..1", &[number(0.0, 1.0)]);
    APPLICATION_TYPE = 5750 "Application Type" RW String;
    FRACTIONAL_TIMESTAMP = 6050 "Fractional Timestamp" R Float .range("0..1", &[number(0.0, 1.0)]).units("s");
}

object! {
    /// Generic Sensor: any number that is measured and has no object of its own.
    generic_sensor = 3300 "Generic Sensor" OptionalMultiple { V1_1 = (1, 1) }
    TIMESTAMP = 5518 "Timestamp" R Time;
    MIN_MEASURED_VALUE = 5601 "Min Measured Value" R Float;
    MAX_MEASURED_VALUE = 5602 "Max Measured Value" R Float;
    MIN_RANGE_VALUE = 5603 "Min Range Value" R Float;
    MAX_RANGE_VALUE = 5604 "Max Range Value" R Float;
    RESET_MIN_AND_MAX_MEASURED_VALUES = 5605 "Reset Min and Max Measured Values" E None;
    SENSOR_VALUE = 5700 "Sensor Value" R Float .mandatory();
    SENSOR_UNITS = 5701 "Sensor Units" R String;
    APPLICATION_TYPE = 5750 "Application Type" RW String;
    SENSOR_TYPE = 5751 "Sensor Type" R String;
    MEASUREMENT_QUALITY_INDICATOR = 6042 "Measurement Quality Indicator" R Integer
        .range("0..23", &[number(0.0, 23.0)]);
    MEASUREMENT_QUALITY_LEVEL = 6049 "Measurement Quality Level" R Integer
        .range("0..100", &[number(0.0, 100.0)]);
    FRACTIONAL_TIMESTAMP = 6050 "Fractional Timestamp" R Float .range("0..1", &[number(0.0, 1.0)]).units("s");
}

object! {
    /// Illuminance: how much light falls on a place.
    illuminance = 3301 "Illuminance" OptionalMultiple { V1_1 = (1, 1) }
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
    /// Presence: whether somebody or something is there.
    presence = 3302 "Presence" OptionalMultiple { V1_1 = (1, 1) }
    DIGITAL_INPUT_STATE = 5500 "Digital Input State" R Boolean .mandatory();
    DIGITAL_INPUT_COUNTER = 5501 "Digital Input Counter" R Integer;
    DIGITAL_INPUT_COUNTER_RESET = 5505 "Digital Input Counter Reset" E None;
    TIMESTAMP = 5518 "Timestamp" R Time;
    APPLICATION_TYPE = 5750 "Application Type" RW String;
    SENSOR_TYPE = 5751 "Sensor Type" R String;
    BUSY_TO_CLEAR_DELAY = 5903 "Busy to Clear delay" RW Integer .units("ms");
    CLEAR_TO_BUSY_DELAY = 5904 "Clear to Busy delay" RW Integer .units("ms");
    MEASUREMENT_QUALITY_INDICATOR = 6042 "Measurement Quality Indicator" R Integer
        .range("0..23", &[number(0.0, 23.0)]);
    MEASUREMENT_QUALITY_LEVEL = 6049 "Measurement Quality Level" R Integer
        .range("0..100", &[number(0.0, 100.0)]);
    FRACTIONAL_TIMESTAMP = 6050 "Fractional Timestamp" R Float .range("0..1", &[number(0.0, 1.0)]).units("s");
}

object! {
    /// Temperature: of air, of a body or of a device.
    temperature = 3303 "Temperature" OptionalMultiple { V1_1 = (1, 1) }
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
    /// Humidity: how moist air or a material is.
    humidity = 3304 "Humidity" OptionalMultiple { V1_1 = (1, 1) }
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
    /// Power Measurement: active and reactive power, power factor and energy.
    power_measurement = 3305 "Power Measurement" OptionalMultiple { V1_1 = (1, 1) }
    TIMESTAMP = 5518 "Timestamp" R Time;
    RESET_MIN_AND_MAX_MEASURED_VALUES = 5605 "Reset Min and Max Measured Values" E None;
    APPLICATION_TYPE = 5750 "Application Type" RW String;
    INSTANTANEOUS_ACTIVE_POWER = 5800 "Instantaneous active power" R Float .mandatory().units("W");
    MIN_MEASURED_ACTIVE_POWER = 5801 "Min Measured active power" R Float .units("W");
    MAX_MEASURED_ACTIVE_POWER = 5802 "Max Measured active power" R Float .units("W");
    MIN_RANGE_ACTIVE_POWER = 5803 "Min Range active power" R Float .units("W");
    MAX_RANGE_ACTIVE_POWER = 5804 "Max Range active power" R Float .units("W");
    CUMULATIVE_ACTIVE_POWER = 5805 "Cumulative active power" R Float .units("Wh");
    ACTIVE_POWER_CALIBRATION = 5806 "Active Power Calibration" W Float .units("W");
    INSTANTANEOUS_REACTIVE_POWER = 5810 "Instantaneous reactive power" R Float .units("var");
    MIN_MEASURED_REACTIVE_POWER = 5811 "Min Measured reactive power" R Float .units("var");
    MAX_MEASURED_REACTIVE_POWER = 5812 "Max Measured reactive power" R Float .units("var");
    MIN_RANGE_REACTIVE_POWER = 5813 "Min Range reactive power" R Float .units("var");
    MAX_RANGE_REACTIVE_POWER = 5814 "Max Range reactive power" R Float .units("var");
    CUMULATIVE_REACTIVE_POWER = 5815 "Cumulative reactive power" R Float .units("varh");
    REACTIVE_POWER_CALIBRATION = 5816 "Reactive Power Calibration" W Float .units("var");
    POWER_FACTOR = 5820 "Power factor" R Float;
    CURRENT_CALIBRATION = 5821 "Current Calibration" RW Float;
    RESET_CUMULATIVE_ENERGY = 5822 "Reset Cumulative energy" E None;
    MEASUREMENT_QUALITY_INDICATOR = 6042 "Measurement Quality Indicator" R Integer
        .range("0..23", &[number(0.0, 23.0)]);
    MEASUREMENT_QUALITY_LEVEL = 6049 "Measurement Quality Level" R Integer
        .range("0..100", &[number(0.0, 100.0)]);
    FRACTIONAL_TIMESTAMP = 6050 "Fractional Timestamp" R Float .range("0..1", &[number(0.0, 1.0)]).units("s");
}

object! {
    /// Actuation: an actuator to switch and dim, with how long it has been on.
    actuation = 3306 "Actuation" OptionalMultiple { V1_1 = (1, 1) }
    TIMESTAMP = 5518 "Timestamp" R Time;
    APPLICATION_TYPE = 5750 "Application Type" RW String;
    ON_OFF = 5850 "On/Off" RW Boolean .mandatory();
    DIMMER = 5851 "Dimmer" RW Integer .range("0..100", &[number(0.0, 100.0)]).units("/100");
    ON_TIME = 5852 "On time" RW Integer .units("s");
    MULTI_STATE_OUTPUT = 5853 "Multi-state Output" RW String;
    FRACTIONAL_TIMESTAMP = 6050 "Fractional Timestamp" R Float .range("0..1", &[number(0.0, 1.0)]).units("s");
}
