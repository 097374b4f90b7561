//! IPSO: controls and actuators, 3308, 3310 to 3312 and 3338 to 3350.

use crate::table::object;

object! {
    /// Set Point: a value that a controller is to reach, as of a thermostat.
    set_point = 3308 "Set Point" OptionalMultiple { V1_1 = (1, 1) }
    TIMESTAMP = 5518 "Timestamp" R Time;
    SENSOR_UNITS = 5701 "Sensor Units" R String;
    COLOUR = 5706 "Colour" RW String;
    APPLICATION_TYPE = 5750 "Application Type" RW String;
    SET_POINT_VALUE = 5900 "Set Point Value" RW Float .mandatory();
    FRACTIONAL_TIMESTAMP = 6050 "Fractional Timestamp" R Float .range("0..1", &[number(0.0, 1.0)]).units("s");
}

object! {
    /// Load Control: how much of a load may draw power, and when, on the demand of a utility.
    load_control = 3310 "Load Control" OptionalMultiple { V1_1 = (1, 1) }
    TIMESTAMP = 5518 "Timestamp" R Time;
    APPLICATION_TYPE = 5750 "Application Type" RW String;
    EVENT_IDENTIFIER = 5823 "Event Identifier" RW String .mandatory();
    START_TIME = 5824 "Start Time" RW Time .mandatory();
    DURATION_IN_MIN = 5825 "Duration In Min" RW Integer .mandatory().units("min");
    CRITICALITY_LEVEL = 5826 "Criticality Level" RW Integer .range("0..3", &[number(0.0, 3.0)]);
    AVG_LOAD_ADJPCT = 5827 "Avg Load AdjPct" RW Integer .range("0..100", &[number(0.0, 100.0)]).units("/100");
    DUTY_CYCLE = 5828 "Duty Cycle" RW Integer .range("0..100", &[number(0.0, 100.0)]).units("/100");
    FRACTIONAL_TIMESTAMP = 6050 "Fractional Timestamp" R Float .range("0..1", &[number(0.0, 1.0)]).units("s");
}

object! {
    /// Light Control: a light to switch, dim and colour.
    light_control = 3311 "Light Control" OptionalMultiple { V1_0 = (1, 0) }
    SENSOR_UNITS = 5701 "Sensor Units" R String;
    COLOUR = 5706 "Colour" RW String;
    APPLICATION_TYPE = 5750 "Application Type" RW String;
    CUMULATIVE_ACTIVE_POWER = 5805 "Cumulative active power" R Float .units("Wh");
    POWER_FACTOR = 5820 "Power factor" R Float;
    ON_OFF = 5850 "On/Off" RW Boolean .mandatory();
    DIMMER = 5851 "Dimmer" RW Integer .range("0..100", &[number(0.0, 100.0)]).units("/100");
    ON_TIME = 5852 "On time" RW Integer .units("s");
}

object! {
    /// Power Control: a source or socket to switch and dim, with what has run through it.
    power_control = 3312 "Power Control" OptionalMultiple { V1_1 = (1, 1) }
    TIMESTAMP = 5518 "Timestamp" R Time;
    APPLICATION_TYPE = 5750 "Application Type" RW String;
    CUMULATIVE_ACTIVE_POWER = 5805 "Cumulative active power" R Float .units("Wh");
    POWER_FACTOR = 5820 "Power factor" R Float;
    ON_OFF = 5850 "On/Off" RW Boolean .mandatory();
    DIMMER = 5851 "Dimmer" RW Integer .range("0..100", &[number(0.0, 100.0)]).units("/100");
    ON_TIME = 5852 "On time" RW Integer .units("s");
    FRACTIONAL_TIMESTAMP = 6050 "Fractional Timestamp" R Float .range("0..1", &[number(0.0, 1.0)]).units("s");
}

object! {
    /// Buzzer: an audible alarm, its loudness and rhythm.
    buzzer = 3338 "Buzzer" OptionalMultiple { V1_1 = (1, 1) }
    TIMESTAMP = 5518 "Timestamp" R Time;
    DELAY_DURATION = 5521 "Delay Duration" RW Float .units("s");
    MINIMUM_OFF_TIME = 5525 "Minimum Off-time" RW Float .mandatory().units("s");
    LEVEL = 5548 "Level" RW Float .range("0..100", &[number(0.0, 100.0)]).units("/100");
    APPLICATION_TYPE = 5750 "Application Type" RW String;
    ON_OFF = 5850 "On/Off" RW Boolean .mandatory();
    FRACTIONAL_TIMESTAMP = 6050 "Fractional Timestamp" R Float .range("0..1", &[number(0.0, 1.0)]).units("s");
}

object! {
    /// Audio Clip: a recording to play.
    audio_clip = 3339 "Audio Clip" OptionalMultiple { V1_0 = (1, 0) }
    CLIP = 5522 "Clip" RW Opaque .mandatory();
    TRIGGER = 5523 "Trigger" E None;
    DURATION = 5524 "Duration" RW Float .units("s");
    LEVEL = 5548 "Level" RW Float .range("0..100", &[number(0.0, 100.0)]).units("/100");
    APPLICATION_TYPE = 5750 "Application Type" RW String;
}

object! {
    /// Timer: an output that goes on or off after a time, with what triggers it.
    timer = 3340 "Timer" OptionalMultiple { V1_0 = (1, 0) }
    DIGITAL_INPUT_COUNTER = 5501 "Digital Input Counter" R Integer;
    DELAY_DURATION = 5521 "Delay Duration" RW Float .mandatory().units("s");
    TRIGGER = 5523 "Trigger" E None;
    MINIMUM_OFF_TIME = 5525 "Minimum Off-time" RW Float .units("s");
    TIMER_MODE = 5526 "Timer Mode" RW Integer .range("0..4", &[number(0.0, 4.0)]);
    COUNTER = 5534 "Counter" RW Integer;
    REMAINING_TIME = 5538 "Remaining Time" R Float .units("s");
    DIGITAL_STATE = 5543 "Digital State" R Boolean;
    CUMULATIVE_TIME = 5544 "Cumulative Time" RW Float .units("s");
    APPLICATION_TYPE = 5750 "Application Type" RW String;
    ON_OFF = 5850 "On/Off" RW Boolean;
}

object! {
    /// Addressable Text Display: text at a place on a display.
    addressable_text_display = 3341 "Addressable Text Display" OptionalMultiple { V1_0 = (1, 0) }
    TEXT = 5527 "Text" RW String .mandatory();
    X_COORDINATE = 5528 "X Coordinate" RW Integer;
    Y_COORDINATE = 5529 "Y Coordinate" RW Integer;
    CLEAR_DISPLAY = 5530 "Clear Display" E None;
    CONTRAST = 5531 "Contrast" RW Float .range("0..100", &[number(0.0, 100.0)]).units("/100");
    MAX_X_COORDINATE = 5545 "Max X Coordinate" R Integer;
    MAX_Y_COORDINATE = 5546 "Max Y Coordinate" R Integer;
    LEVEL = 5548 "Level" RW Float .range("0..100", &[number(0.0, 100.0)]).units("/100");
    APPLICATION_TYPE = 5750 "Application Type" RW String;
}

object! {
    /// On/Off switch: a switch that a person turns on and off.
    on_off_switch = 3342 "On/Off switch" OptionalMultiple { V1_1 = (1, 1) }
    DIGITAL_INPUT_STATE = 5500 "Digital Input State" R Boolean .mandatory();
    DIGITAL_INPUT_COUNTER = 5501 "Digital Input Counter" R Integer;
    TIMESTAMP = 5518 "Timestamp" R Time;
    APPLICATION_TYPE = 5750 "Application Type" RW String;
    ON_TIME = 5852 "On time" RW Integer .units("s");
    OFF_TIME = 5854 "Off Time" RW Integer .units("s");
    FRACTIONAL_TIMESTAMP = 6050 "Fractional Timestamp" R Float .range("0..1", &[number(0.0, 1.0)]).units("s");
}

object! {
    /// Dimmer: a knob that a person turns, in percent.
    dimmer = 3343 "Dimmer" OptionalMultiple { V1_0 = (1, 0) }
    LEVEL = 5548 "Level" RW Float .mandatory().range("0..100", &[number(0.0, 100.0)]).units("/100");
    APPLICATION_TYPE = 5750 "Application Type" RW String;
    ON_TIME = 5852 "On time" RW Integer .units("s");
    OFF_TIME = 5854 "Off Time" RW Integer .units("s");
}

object! {
    /// Up/Down Control: two buttons that count up and down.
    up_down_control = 3344 "Up/Down Control" OptionalMultiple { V1_0 = (1, 0) }
    INCREASE_INPUT_STATE = 5532 "Increase Input State" R Boolean .mandatory();
    DECREASE_INPUT_STATE = 5533 "Decrease Input State" R Boolean .mandatory();
    UP_COUNTER = 5541 "Up Counter" RW Integer;
    DOWN_COUNTER = 5542 "Down Counter" RW Integer;
    APPLICATION_TYPE = 5750 "Application Type" RW String;
}

object! {
    /// Multiple Axis Joystick: the places of up to three axes, and a button.
    multiple_axis_joystick = 3345 "Multiple Axis Joystick" OptionalMultiple { V1_0 = (1, 0) }
    DIGITAL_INPUT_STATE = 5500 "Digital Input State" R Boolean;
    DIGITAL_INPUT_COUNTER = 5501 "Digital Input Counter" R Integer;
    X_VALUE = 5702 "X Value" R Float;
    Y_VALUE = 5703 "Y Value" R Float;
    Z_VALUE = 5704 "Z Value" R Float;
    APPLICATION_TYPE = 5750 "Application Type" RW String;
}

object! {
    /// Push button: a button that is pressed and let go.
    push_button = 3347 "Push button" OptionalMultiple { V1_1 = (1, 1) }
    DIGITAL_INPUT_STATE = 5500 "Digital Input State" R Boolean .mandatory();
    DIGITAL_INPUT_COUNTER = 5501 "Digital Input Counter" R Integer;
    TIMESTAMP = 5518 "Timestamp" R Time;
    APPLICATION_TYPE = 5750 "Application Type" RW String;
    FRACTIONAL_TIMESTAMP = 6050 "Fractional Timestamp" R Float .range("0..1", &[number(0.0, 1.0)]).units("s");
}

object! {
    /// Multi-state Selector: a selector with several states.
    multi_state_selector = 3348 "Multi-state Selector" OptionalMultiple { V1_1 = (1, 1) }
    TIMESTAMP = 5518 "Timestamp" R Time;
    MULTI_STATE_INPUT = 5547 "Multi-state Input" R Integer .mandatory();
    APPLICATION_TYPE = 5750 "Application Type" RW String;
    FRACTIONAL_TIMESTAMP = 6050 "Fractional Timestamp" R Float .range("0..1", &[number(0.0, 1.0)]).units("s");
}

object! {
    /// Bitmap: several digital inputs as the bits of one number.
    bitmap = 3349 "Bitmap" OptionalMultiple { V1_1 = (1, 1) }
    TIMESTAMP = 5518 "Timestamp" R Time;
    APPLICATION_TYPE = 5750 "Application Type" RW String;
    BITMAP_INPUT = 5910 "Bitmap Input" R Integer .mandatory();
    BITMAP_INPUT_RESET = 5911 "Bitmap Input Reset" E None;
    ELEMENT_DESCRIPTION = 5912 "Element Description" RW String .multiple();
    FRACTIONAL_TIMESTAMP = 6050 "Fractional Timestamp" R Float .range("0..1", &[number(0.0, 1.0)]).units("s");
}

object! {
    /// Stopwatch: a counter of time and of starts.
    stopwatch = 3350 "Stopwatch" OptionalMultiple { V1_1 = (1, 1) }
    DIGITAL_INPUT_COUNTER = 5501 "Digital Input Counter" R Integer;
    TIMESTAMP = 5518 "Timestamp" R Time;
    CUMULATIVE_TIME = 5544 "Cumulative Time" RW Float .mandatory().units("s");
    APPLICATION_TYPE = 5750 "Application Type" RW String;
    ON_OFF = 5850 "On/Off" RW Boolean;
    MEASUREMENT_QUALITY_INDICATOR = 6042 "Measurement Quality Indicator" R Integer
        .range("0..23", &[number(0.0, 23.0)]);
    MEASUREMENT_QUALITY_LEVEL = 6049 "Measurement Quality Level" R Integer
        .range("0..100", &[number(0.0, 100.0)]);
    FRACTIONAL_TIMESTAMP = 6050 "Fractional Timestamp" R Float .range("0..1", &[number(0.0, 1.0)]).units("s");
}
