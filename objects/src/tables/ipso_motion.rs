//! IPSO: motion, place, time and colour, 3313, 3314 and 3332 to 3337.

use crate::table::object;

object! {
    /// Accelerometer: acceleration along up to three axes.
    accelerometer = 3313 "Accelerometer" OptionalMultiple { V1_1 = (1, 1) }
    TIMESTAMP = 5518 "Timestamp" R Time;
    MIN_RANGE_VALUE = 5603 "Min Range Value" R Float;
    MAX_RANGE_VALUE = 5604 "Max Range Value" R Float;
    SENSOR_UNITS = 5701 "Sensor Units" R String;
    X_VALUE = 5702 "X Value" R Float .mandatory();
    Y_VALUE = 5703 "Y Value" R Float;
    Z_VALUE = 5704 "Z Value" R Float;
    APPLICATION_TYPE = 5750 "Application Type" RW String;
    MEASUREMENT_QUALITY_INDICATOR = 6042 "Measurement Quality Indicator" R Integer
        .range("0..23", &[number(0.0, 23.0)]);
    MEASUREMENT_QUALITY_LEVEL = 6049 "Measurement Quality Level" R Integer
        .range("0..100", &[number(0.0, 100.0)]);
    FRACTIONAL_TIMESTAMP = 6050 "Fractional Timestamp" R Float .range("0..1", &[number(0.0, 1.0)]).units("s");
}

object! {
    /// Magnetometer: the magnetic field along up to three axes, and the compass direction.
    magnetometer = 3314 "Magnetometer" OptionalMultiple { V1_1 = (1, 1) }
    TIMESTAMP = 5518 "Timestamp" R Time;
    SENSOR_UNITS = 5701 "Sensor Units" R String;
    X_VALUE = 5702 "X Value" R Float .mandatory();
    Y_VALUE = 5703 "Y Value" R Float;
    Z_VALUE = 5704 "Z Value" R Float;
    COMPASS_DIRECTION = 5705 "Compass Direction" R Float .range("0..360", &[number(0.0, 360.0)]).units("deg");
    APPLICATION_TYPE = 5750 "Application Type" RW String;
    MEASUREMENT_QUALITY_INDICATOR = 6042 "Measurement Quality Indicator" R Integer
        .range("0..23", &[number(0.0, 23.0)]);
    MEASUREMENT_QUALITY_LEVEL = 6049 "Measurement Quality Level" R Integer
        .range("0..100", &[number(0.0, 100.0)]);
    FRACTIONAL_TIMESTAMP = 6050 "Fractional Timestamp" R Float .range("0..1", &[number(0.0, 1.0)]).units("s");
}

object! {
    /// Direction: where something points, in degrees.
    direction = 3332 "Direction" OptionalMultiple { V1_1 = (1, 1) }
    TIMESTAMP = 5518 "Timestamp" R Time;
    MIN_MEASURED_VALUE = 5601 "Min Measured Value" R Float;
    MAX_MEASURED_VALUE = 5602 "Max Measured Value" R Float;
    RESET_MIN_AND_MAX_MEASURED_VALUES = 5605 "Reset Min and Max Measured Values" E None;
    COMPASS_DIRECTION = 5705 "Compass Direction" R Float
        .mandatory().range("0..360", &[number(0.0, 360.0)]).units("deg");
    APPLICATION_TYPE = 5750 "Application Type" RW String;
    MEASUREMENT_QUALITY_INDICATOR = 6042 "Measurement Quality Indicator" R Integer
        .range("0..23", &[number(0.0, 23.0)]);
    MEASUREMENT_QUALITY_LEVEL = 6049 "Measurement Quality Level" R Integer
        .range("0..100", &[number(0.0, 100.0)]);
    FRACTIONAL_TIMESTAMP = 6050 "Fractional Timestamp" R Float .range("0..1", &[number(0.0, 1.0)]).units("s");
}

object! {
    /// Time: a clock that is read and set.
    time = 3333 "Time" OptionalMultiple { V1_1 = (1, 1) }
    CURRENT_TIME = 5506 "Current Time" RW Time .mandatory();
    FRACTIONAL_TIME = 5507 "Fractional Time" RW Float .range("0..1", &[number(0.0, 1.0)]).units("s");
    APPLICATION_TYPE = 5750 "Application Type" RW String;
    MEASUREMENT_QUALITY_INDICATOR = 6042 "Measurement Quality Indicator" R Integer
        .range("0..23", &[number(0.0, 23.0)]);
    MEASUREMENT_QUALITY_LEVEL = 6049 "Measurement Quality Level" R Integer
        .range("0..100", &[number(0.0, 100.0)]);
}

object! {
    /// Gyrometer: how fast something turns around up to three axes.
    gyrometer = 3334 "Gyrometer" OptionalMultiple { V1_1 = (1, 1) }
    MIN_X_VALUE = 5508 "Min X Value" R Float;
    MAX_X_VALUE = 5509 "Max X Value" R Float;
    MIN_Y_VALUE = 5510 "Min Y Value" R Float;
    MAX_Y_VALUE = 5511 "Max Y Value" R Float;
    MIN_Z_VALUE = 5512 "Min Z Value" R Float;
    MAX_Z_VALUE = 5513 "Max Z Value" R Float;
    TIMESTAMP = 5518 "Timestamp" R Time;
    MIN_RANGE_VALUE = 5603 "Min Range Value" R Float;
    MAX_RANGE_VALUE = 5604 "Max Range Value" R Float;
    RESET_MIN_AND_MAX_MEASURED_VALUES = 5605 "Reset Min and Max Measured Values" E None;
    SENSOR_UNITS = 5701 "Sensor Units" R String;
    X_VALUE = 5702 "X Value" R Float .mandatory();
    Y_VALUE = 5703 "Y Value" R Float;
    Z_VALUE = 5704 "Z Value" R Float;
    APPLICATION_TYPE = 5750 "Application Type" RW String;
    MEASUREMENT_QUALITY_INDICATOR = 6042 "Measurement Quality Indicator" R Integer
        .range("0..23", &[number(0.0, 23.0)]);
    MEASUREMENT_QUALITY_LEVEL = 6049 "Measurement Quality Level" R Integer
        .range("0..100", &[number(0.0, 100.0)]);
    FRACTIONAL_TIMESTAMP = 6050 "Fractional Timestamp" R Float .range("0..1", &[number(0.0, 1.0)]).units("s");
}

object! {
    /// Colour: a colour that is measured.
    colour = 3335 "Colour" OptionalMultiple { V1_1 = (1, 1) }
    TIMESTAMP = 5518 "Timestamp" R Time;
    SENSOR_UNITS = 5701 "Sensor Units" R String;
    COLOUR = 5706 "Colour" RW String .mandatory();
    APPLICATION_TYPE = 5750 "Application Type" RW String;
    MEASUREMENT_QUALITY_INDICATOR = 6042 "Measurement Quality Indicator" R Integer
        .range("0..23", &[number(0.0, 23.0)]);
    MEASUREMENT_QUALITY_LEVEL = 6049 "Measurement Quality Level" R Integer
        .range("0..100", &[number(0.0, 100.0)]);
    FRACTIONAL_TIMESTAMP = 6050 "Fractional Timestamp" R Float .range("0..1", &[number(0.0, 1.0)]).units("s");
}

object! {
    /// Location: where a thing is, how fast and in which direction it moves.
    location = 3336 "Location" OptionalMultiple { V1_0 = (1, 0), V2_0 = (2, 0) }
    LATITUDE = 5513 "Latitude" R String .mandatory().until(1, 0);
    LONGITUDE = 5514 "Longitude" R String .mandatory().until(1, 0);
    ALTITUDE = 5515 "Altitude" R String .until(1, 0);
    UNCERTAINTY = 5516 "Uncertainty" R String .until(1, 0);
    VELOCITY = 5517 "Velocity" R Opaque;
    TIMESTAMP = 5518 "Timestamp" R Time;
    _ = 5705 "Compass Direction" R Float .range("0..360", &[number(0.0, 360.0)]).units("Degrees").until(1, 0);
    COMPASS_DIRECTION = 5705 "Compass Direction" R Float
        .range("0..360", &[number(0.0, 360.0)]).units("deg").since(2, 0);
    APPLICATION_TYPE = 5750 "Application Type" RW String;
    MEASUREMENT_QUALITY_INDICATOR = 6042 "Measurement Quality Indicator" R Integer
        .range("0..23", &[number(0.0, 23.0)]).since(2, 0);
    MEASUREMENT_QUALITY_LEVEL = 6049 "Measurement Quality Level" R Integer
        .range("0..100", &[number(0.0, 100.0)]).since(2, 0);
    FRACTIONAL_TIMESTAMP = 6050 "Fractional Timestamp" R Float .range("0..1", &[number(0.0, 1.0)]).units("s").since(2, 0);
    NUMERIC_LATITUDE = 6051 "Numeric Latitude" R Float .mandatory().units("lat").since(2, 0);
    NUMERIC_LONGITUDE = 6052 "Numeric Longitude" R Float .mandatory().units("lon").since(2, 0);
    NUMERIC_UNCERTAINTY = 6053 "Numeric Uncertainty" R Float .units("m").since(2, 0);
}

object! {
    /// Positioner: a drive that goes to a place, in percent.
    positioner = 3337 "Positioner" OptionalMultiple { V1_1 = (1, 1) }
    TIMESTAMP = 5518 "Timestamp" R Time;
    MIN_LIMIT = 5519 "Min Limit" R Float;
    MAX_LIMIT = 5520 "Max Limit" R Float;
    CURRENT_POSITION = 5536 "Current Position" RW Float
        .mandatory().range("0..100", &[number(0.0, 100.0)]).units("/100");
    TRANSITION_TIME = 5537 "Transition Time" RW Float .units("s");
    REMAINING_TIME = 5538 "Remaining Time" R Float .units("s");
    MIN_MEASURED_VALUE = 5601 "Min Measured Value" R Float;
    MAX_MEASURED_VALUE = 5602 "Max Measured Value" R Float;
    RESET_MIN_AND_MAX_MEASURED_VALUES = 5605 "Reset Min and Max Measured Values" E None;
    APPLICATION_TYPE = 5750 "Application Type" RW String;
    FRACTIONAL_TIMESTAMP = 6050 "Fractional Timestamp" R Float .range("0..1", &[number(0.0, 1.0)]).units("s");
}
