//! The objects that manage a device, its software and what stands behind it.

use crate::table::object;

object! {
    /// Lock and Wipe: what to lock of a lost device, and what to erase.
    lock_and_wipe = 8 "Lock and Wipe" Optional { V1_0 = (1, 0) }
    STATE = 0 "State" RW Integer .mandatory().range("0..2", &[number(0.0, 2.0)]);
    LOCK_TARGET = 1 "Lock target" W String .mandatory().multiple();
    WIPE_ITEM = 2 "Wipe item" R String .multiple();
    WIPE = 3 "Wipe" E None .mandatory();
    WIPE_TARGET = 4 "Wipe target" W String .mandatory().multiple();
    LOCK_OR_WIPE_OPERATION_RESULT = 5 "Lock or Wipe Operation Result" R Integer
        .mandatory().range("0..8", &[number(0.0, 8.0)]);
}

object! {
    /// LWM2M Software Management: packages of software, to install and to activate.
    software_management = 9 "LWM2M Software Management" OptionalMultiple { V1_0 = (1, 0) }
    PKG_NAME = 0 "PkgName" R String .mandatory().range("0..255 bytes", &[length(0, 255)]);
    PKG_VERSION = 1 "PkgVersion" R String .mandatory().range("0..255 bytes", &[length(0, 255)]);
    PACKAGE = 2 "Package" W Opaque;
    PACKAGE_URI = 3 "Package URI" W String .range("0..255 bytes", &[length(0, 255)]);
    INSTALL = 4 "Install" E None .mandatory();
    CHECKPOINT = 5 "Checkpoint" R ObjectLink;
    UNINSTALL = 6 "Uninstall" E None .mandatory();
    UPDATE_STATE = 7 "Update State" R Integer .mandatory().range("0..4", &[number(0.0, 4.0)]);
    UPDATE_SUPPORTED_OBJECTS = 8 "Update Supported Objects" RW Boolean;
    UPDATE_RESULT = 9 "Update Result" R Integer .mandatory().range("0..200", &[number(0.0, 200.0)]);
    ACTIVATE = 10 "Activate" E None .mandatory();
    DEACTIVATE = 11 "Deactivate" E None .mandatory();
    ACTIVATION_STATE = 12 "Activation State" R Boolean .mandatory();
    PACKAGE_SETTINGS = 13 "Package Settings" RW ObjectLink;
    USER_NAME = 14 "User Name" W String .range("0..255 bytes", &[length(0, 255)]);
    PASSWORD = 15 "Password" W String .range("0..255 bytes", &[length(0, 255)]);
    STATUS_REASON = 16 "Status Reason" R String;
    SOFTWARE_COMPONENT_LINK = 17 "Software Component Link" R ObjectLink .multiple();
    SOFTWARE_COMPONENT_TREE_LENGTH = 18 "Software Component tree length" R Integer
        .range("0..255", &[number(0.0, 255.0)]);
}

object! {
    /// DevCapMgmt: what a device can do, to switch on and off.
    device_capability_management = 15 "DevCapMgmt" OptionalMultiple { V2_0 = (2, 0) }
    PROPERTY = 0 "Property" R String .mandatory();
    GROUP = 1 "Group" R Integer .mandatory().range("0..15", &[number(0.0, 15.0)]);
    DESCRIPTION = 2 "Description" R String;
    ATTACHED = 3 "Attached" R Boolean;
    ENABLED = 4 "Enabled" R Boolean .mandatory();
    OP_ENABLE = 5 "opEnable" E None .mandatory();
    OP_DISABLE = 6 "opDisable" E None .mandatory();
    NOTIFY_EN = 7 "NotifyEn" RW Boolean;
}

object! {
    /// Portfolio: identities beyond those of the device object.
    portfolio = 16 "Portfolio" OptionalMultiple { V1_0 = (1, 0) }
    IDENTITY = 0 "Identity" RW String .mandatory().multiple();
    GET_AUTH_DATA = 1 "GetAuthData" E None;
    AUTH_DATA = 2 "AuthData" R Opaque .multiple();
    AUTH_STATUS = 3 "AuthStatus" R Integer .range("0..2", &[number(0.0, 2.0)]);
}

object! {
    /// BinaryAppDataContainer: data of an application, not read by LwM2M.
    binary_app_data_container = 19 "BinaryAppDataContainer" OptionalMultiple { V1_0 = (1, 0) }
    DATA = 0 "Data" RW Opaque .mandatory().multiple();
    DATA_PRIORITY = 1 "Data Priority" RW Integer;
    DATA_CREATION_TIME = 2 "Data Creation Time" RW Time;
    DATA_DESCRIPTION = 3 "Data Description" RW String .range("32 bytes", &[length(0, 32)]);
    DATA_FORMAT = 4 "Data Format" RW String .range("32 bytes", &[length(0, 32)]);
    APP_ID = 5 "App ID" RW Integer;
}

object! {
    /// Event Log: what a device has recorded, by class, to start, stop and fetch.
    event_log = 20 "Event Log" OptionalMultiple { V1_0 = (1, 0) Optional, V2_0 = (2, 0), V2_1 = (2, 1) }
    LOG_CLASS = 4010 "LogClass" RW Integer .range("255", &[number(0.0, 255.0)]);
    LOG_START = 4011 "LogStart" E None;
    LOG_STOP = 4012 "LogStop" E None;
    LOG_STATUS = 4013 "LogStatus" R Integer;
    LOG_DATA = 4014 "LogData" R Opaque .mandatory();
    LOG_DATA_FORMAT = 4015 "LogDataFormat" RW Integer .range("255", &[number(0.0, 255.0)]);
    LOG_DATA_INCREMENTAL = 4016 "LogDataIncremental" None Opaque .since(2, 1);
    LOG_DATA_INCREMENTAL_MINIMUM_SEND_INTERVAL = 4017 "LogDataIncrementalMinimumSendInterval" RW Unsigned
        .since(2, 1);
}

object! {
    /// Virtual Observe Notify: several resources reported as one.
    virtual_observe_notify = 22 "Virtual Observe Notify" OptionalMultiple { V1_1 = (1, 1) }
    OBSERVE_LINKS = 0 "ObserveLinks" RW CoreLink .mandatory().multiple();
    REPORT = 1 "Report" R String .mandatory();
    RESOURCE_FILTER = 2 "ResourceFilter" RW Boolean;
    REPORT_LINKS = 3 "ReportLinks" RW CoreLink .multiple();
    OBSERVE_RELATION = 4 "ObserveRelation" RW Integer;
    VIRTUAL_OBSERVE_REPORT_FORMAT = 5 "Virtual Observe Report Format" RW Integer;
    VIRTUAL_OBSERVE_REPORT = 6 "Virtual Observe Report" R Opaque;
}

object! {
    /// LwM2M Gateway: devices that stand behind the client.
    from "Core 1.2.2, appendix E.12, and Gateway 1.1.1, section 6";
    gateway = 25 "LwM2M Gateway" OptionalMultiple { V1_0 = (1, 0), V2_0 = (2, 0) }
    DEVICE_ID = 0 "Device ID" R String .mandatory();
    _ = 1 "Prefix" RW String .mandatory().until(1, 0);
    PREFIX = 1 "Prefix" R String .mandatory().since(2, 0);
    ROUTING_TABLE_ENTRY = 2 "Routing Table Entry" R ObjectLink .until(1, 0);
    IOT_DEVICE_OBJECTS = 3 "IoT Device Objects" R CoreLink .mandatory().since(2, 0);
}

object! {
    /// LwM2M Gateway Routing: how objects of a device behind a gateway are named at the gateway.
    from "Core 1.2.2, appendix E.13";
    gateway_routing = 26 "LwM2M Gateway Routing" OptionalMultiple { V1_0 = (1, 0) }
    OBJECT_ID = 0 "LwM2M Object ID" R Unsigned .mandatory();
    MAPPING_INFO = 1 "Mapping Info" R CoreLink .mandatory();
}

object! {
    /// Battery: its level, capacity and wear.
    battery = 3411 "Battery" OptionalMultiple { V1_1 = (1, 1) }
    BATTERY_LEVEL = 1 "Battery level" R Integer .mandatory().units("/100");
    BATTERY_CAPACITY = 2 "Battery capacity" R Float .units("Ah");
    BATTERY_VOLTAGE = 3 "Battery voltage" R Float .units("V");
    TYPE_OF_BATTERY = 4 "Type of battery" RW String;
    LOW_BATTERY_THRESHOLD = 5 "Low battery threshold" RW Integer .units("/100");
    BATTERY_LEVEL_TOO_LOW = 6 "Battery level too low" R Boolean;
    BATTERY_SHUTDOWN = 7 "Battery shutdown" RW Boolean;
    NUMBER_OF_CYCLES = 8 "Number of cycles" R Integer;
    SUPPLY_LOSS = 9 "Supply loss" R Boolean;
    SUPPLY_LOSS_COUNTER = 10 "Supply loss counter" R Integer;
    SUPPLY_LOSS_COUNTER_RESET = 11 "Supply loss counter reset" E None;
    SUPPLY_LOSS_REASON = 12 "Supply loss reason" R String;
    TIMESTAMP = 5518 "Timestamp" R Time;
    MEASUREMENT_QUALITY_INDICATOR = 6042 "Measurement Quality Indicator" R Integer
        .range("0..23", &[number(0.0, 23.0)]);
    MEASUREMENT_QUALITY_LEVEL = 6049 "Measurement Quality Level" R Integer
        .range("0..100", &[number(0.0, 100.0)]);
    FRACTIONAL_TIMESTAMP = 6050 "Fractional Timestamp" R Float .range("0..1", &[number(0.0, 1.0)]).units("s");
}

object! {
    /// System Log: the lines that a device has logged.
    system_log = 10259 "System Log" OptionalMultiple { V1_0 = (1, 0) }
    NAME = 0 "Name" R String .mandatory();
    READ_ALL = 1 "Read All" R String .mandatory();
    READ = 2 "Read" R String;
    ENABLED = 3 "Enabled" RW Boolean;
    CAPTURE_LEVEL = 4 "Capture Level" RW Integer;
}
