//! The objects of the core specification: 0 to 7.

use crate::table::object;

object! {
    /// LwM2M Security: the account of a server or bootstrap server, its address and its keys. No server may read or
    /// write it; only the bootstrap interface does.
    from "Core 1.2.2, appendix E.1";
    security = 0 "LWM2M Security" MandatoryMultiple { V1_0 = (1, 0), V1_1 = (1, 1), V1_2 = (1, 2) }
    SERVER_URI = 0 "LWM2M Server URI" None String .mandatory().range("0..255", &[length(0, 255)]);
    BOOTSTRAP_SERVER = 1 "Bootstrap-Server" None Boolean .mandatory();
    SECURITY_MODE = 2 "Security Mode" None Integer .mandatory().range("0..4", &[number(0.0, 4.0)]);
    PUBLIC_KEY_OR_IDENTITY = 3 "Public Key or Identity" None Opaque .mandatory();
    SERVER_PUBLIC_KEY = 4 "Server Public Key" None Opaque .mandatory();
    SECRET_KEY = 5 "Secret Key" None Opaque .mandatory();
    SMS_SECURITY_MODE = 6 "SMS Security Mode" None Integer .range("0..255", &[number(0.0, 255.0)]);
    SMS_BINDING_KEY_PARAMETERS = 7 "SMS Binding Key Parameters" None Opaque .range("6", &[length(0, 6)]);
    SMS_BINDING_SECRET_KEYS = 8 "SMS Binding Secret Key(s)" None Opaque
        .range("16,32,48", &[length(16, 16), length(32, 32), length(48, 48)]);
    SERVER_SMS_NUMBER = 9 "LwM2M Server SMS Number" None String;
    SHORT_SERVER_ID = 10 "Short Server ID" None Integer .range("1..65534", &[number(1.0, 65534.0)]);
    CLIENT_HOLD_OFF_TIME = 11 "Client Hold Off Time" None Integer .units("s");
    BOOTSTRAP_SERVER_ACCOUNT_TIMEOUT = 12 "Bootstrap-Server Account Timeout" None Integer .units("s");
    MATCHING_TYPE = 13 "Matching Type" None Unsigned .range("0..3", &[number(0.0, 3.0)]).since(1, 1);
    SNI = 14 "SNI" None String .since(1, 1);
    _ = 15 "Certificate Usage" None Integer .range("0..3", &[number(0.0, 3.0)]).since(1, 1).until(1, 1);
    CERTIFICATE_USAGE = 15 "Certificate Usage" None Unsigned .range("0..3", &[number(0.0, 3.0)]).since(1, 2);
    _ = 16 "DTLS/TLS Ciphersuite" None Integer .multiple().since(1, 1).until(1, 1);
    DTLS_TLS_CIPHERSUITE = 16 "DTLS/TLS Ciphersuite" None Unsigned .multiple().since(1, 2);
    OSCORE_SECURITY_MODE = 17 "OSCORE Security Mode" None ObjectLink .since(1, 1);
    GROUPS_TO_USE_BY_CLIENT = 18 "Groups To Use by Client" None Unsigned
        .multiple().range("0..65535", &[number(0.0, 65535.0)]).since(1, 2);
    SIGNATURE_ALGORITHMS_SUPPORTED_BY_SERVER = 19 "Signature Algorithms Supported by Server" None Unsigned
        .multiple().range("0..65535", &[number(0.0, 65535.0)]).since(1, 2);
    SIGNATURE_ALGORITHMS_TO_USE_BY_CLIENT = 20 "Signature Algorithms To Use by Client" None Unsigned
        .multiple().range("0..65535", &[number(0.0, 65535.0)]).since(1, 2);
    SIGNATURE_ALGORITHM_CERTS_SUPPORTED_BY_SERVER = 21 "Signature Algorithm Certs Supported by Server" None Unsigned
        .multiple().range("0..65535", &[number(0.0, 65535.0)]).since(1, 2);
    TLS_1_3_FEATURES_TO_USE_BY_CLIENT = 22 "TLS 1.3 Features To Use by Client" None Unsigned
        .range("0..65535", &[number(0.0, 65535.0)]).since(1, 2);
    TLS_EXTENSIONS_SUPPORTED_BY_SERVER = 23 "TLS Extensions Supported by Server" None Unsigned
        .range("0..65535", &[number(0.0, 65535.0)]).since(1, 2);
    TLS_EXTENSIONS_TO_USE_BY_CLIENT = 24 "TLS Extensions To Use by Client" None Unsigned
        .range("0..65535", &[number(0.0, 65535.0)]).since(1, 2);
    SECONDARY_SERVER_URI = 25 "Secondary LwM2M Server URI" None String
        .multiple().range("0..255", &[length(0, 255)]).since(1, 2);
    MQTT_SERVER = 26 "MQTT Server" None ObjectLink .since(1, 2);
    COSE_SECURITY = 27 "LwM2M COSE Security" None ObjectLink .multiple().since(1, 2);
    RDS_DESTINATION_PORT = 28 "RDS Destination Port" None Integer
        .range("0..15", &[number(0.0, 15.0)]).since(1, 2);
    RDS_SOURCE_PORT = 29 "RDS Source Port" None Integer .range("0..15", &[number(0.0, 15.0)]).since(1, 2);
    RDS_APPLICATION_ID = 30 "RDS Application ID" None String .since(1, 2);
}

object! {
    /// LwM2M Server: how a client registers with a server and reports to it.
    from "Core 1.2.2, appendix E.2";
    server = 1 "LwM2M Server" MandatoryMultiple { V1_0 = (1, 0), V1_1 = (1, 1), V1_2 = (1, 2) }
    _ = 0 "Short Server ID" R Integer .mandatory().range("1..65535", &[number(1.0, 65535.0)]).until(1, 0);
    SHORT_SERVER_ID = 0 "Short Server ID" R Integer
        .mandatory().range("1..65534", &[number(1.0, 65534.0)]).since(1, 1);
    LIFETIME = 1 "Lifetime" RW Integer .mandatory().units("s");
    DEFAULT_MINIMUM_PERIOD = 2 "Default Minimum Period" RW Integer .units("s");
    DEFAULT_MAXIMUM_PERIOD = 3 "Default Maximum Period" RW Integer .units("s");
    DISABLE = 4 "Disable" E None;
    DISABLE_TIMEOUT = 5 "Disable Timeout" RW Integer .units("s");
    NOTIFICATION_STORING_WHEN_DISABLED_OR_OFFLINE = 6 "Notification Storing When Disabled or Offline" RW Boolean
        .mandatory();
    BINDING = 7 "Binding" RW String .mandatory();
    REGISTRATION_UPDATE_TRIGGER = 8 "Registration Update Trigger" E None .mandatory();
    BOOTSTRAP_REQUEST_TRIGGER = 9 "Bootstrap-Request Trigger" E None .since(1, 1);
    APN_LINK = 10 "APN Link" RW ObjectLink .since(1, 1);
    TLS_DTLS_ALERT_CODE = 11 "TLS-DTLS Alert Code" R Unsigned
        .range("0..255", &[number(0.0, 255.0)]).since(1, 1);
    LAST_BOOTSTRAPPED = 12 "Last Bootstrapped" R Time .since(1, 1);
    _ = 13 "Registration Priority Order" None Unsigned .since(1, 1).until(1, 1);
    REGISTRATION_PRIORITY_ORDER = 13 "Registration Priority Order" R Unsigned .since(1, 2);
    _ = 14 "Initial Registration Delay Timer" None Unsigned .units("s").since(1, 1).until(1, 1);
    INITIAL_REGISTRATION_DELAY_TIMER = 14 "Initial Registration Delay Timer" RW Unsigned
        .units("s").since(1, 2);
    _ = 15 "Registration Failure Block" None Boolean .since(1, 1).until(1, 1);
    REGISTRATION_FAILURE_BLOCK = 15 "Registration Failure Block" R Boolean .since(1, 2);
    _ = 16 "Bootstrap on Registration Failure" None Boolean .since(1, 1).until(1, 1);
    BOOTSTRAP_ON_REGISTRATION_FAILURE = 16 "Bootstrap on Registration Failure" R Boolean .since(1, 2);
    _ = 17 "Communication Retry Count" None Unsigned .since(1, 1).until(1, 1);
    COMMUNICATION_RETRY_COUNT = 17 "Communication Retry Count" RW Unsigned .since(1, 2);
    _ = 18 "Communication Retry Timer" None Unsigned .units("s").since(1, 1).until(1, 1);
    COMMUNICATION_RETRY_TIMER = 18 "Communication Retry Timer" RW Unsigned .units("s").since(1, 2);
    _ = 19 "Communication Sequence Delay Timer" None Unsigned .since(1, 1).until(1, 1);
    COMMUNICATION_SEQUENCE_DELAY_TIMER = 19 "Communication Sequence Delay Timer" RW Unsigned
        .units("s").since(1, 2);
    _ = 20 "Communication Sequence Retry Count" None Unsigned .since(1, 1).until(1, 1);
    COMMUNICATION_SEQUENCE_RETRY_COUNT = 20 "Communication Sequence Retry Count" RW Unsigned .since(1, 2);
    TRIGGER = 21 "Trigger" RW Boolean .since(1, 1);
    PREFERRED_TRANSPORT = 22 "Preferred Transport" RW String .since(1, 1);
    MUTE_SEND = 23 "Mute Send" RW Boolean .since(1, 1);
    ALTERNATE_APN_LINKS = 24 "Alternate APN Links" RW ObjectLink .multiple().since(1, 2);
    SUPPORTED_SERVER_VERSIONS = 25 "Supported Server Versions" RW String .multiple().since(1, 2);
    DEFAULT_NOTIFICATION_MODE = 26 "Default Notification Mode" RW Integer
        .range("0..1", &[number(0.0, 1.0)]).since(1, 2);
    PROFILE_ID_HASH_ALGORITHM = 27 "Profile ID Hash Algorithm" RW Unsigned
        .range("0..255", &[number(0.0, 255.0)]).since(1, 2);
}

object! {
    /// LwM2M Access Control: which server may do what with an object instance.
    from "Core 1.2.2, appendix E.3";
    access_control = 2 "LwM2M Access Control" OptionalMultiple { V1_0 = (1, 0), V1_1 = (1, 1) }
    OBJECT_ID = 0 "Object ID" R Integer .mandatory().range("1..65534", &[number(1.0, 65534.0)]);
    OBJECT_INSTANCE_ID = 1 "Object Instance ID" R Integer
        .mandatory().range("0..65535", &[number(0.0, 65535.0)]);
    _ = 2 "ACL" RW Integer .multiple().until(1, 0);
    ACL = 2 "ACL" RW Integer .multiple().range("0..31", &[number(0.0, 31.0)]).since(1, 1);
    ACCESS_CONTROL_OWNER = 3 "Access Control Owner" RW Integer
        .mandatory().range("0..65535", &[number(0.0, 65535.0)]);
}

object! {
    /// Device: the hardware and software a client runs on, its time and its power.
    from "Core 1.2.2, appendix E.4";
    device = 3 "Device" Mandatory { V1_0 = (1, 0), V1_1 = (1, 1), V1_2 = (1, 2) }
    MANUFACTURER = 0 "Manufacturer" R String;
    MODEL_NUMBER = 1 "Model Number" R String;
    SERIAL_NUMBER = 2 "Serial Number" R String;
    FIRMWARE_VERSION = 3 "Firmware Version" R String;
    REBOOT = 4 "Reboot" E None .mandatory();
    FACTORY_RESET = 5 "Factory Reset" E None;
    AVAILABLE_POWER_SOURCES = 6 "Available Power Sources" R Integer
        .multiple().range("0..7", &[number(0.0, 7.0)]);
    _ = 7 "Power Source Voltage" R Integer .multiple().units("mV").until(1, 0);
    POWER_SOURCE_VOLTAGE = 7 "Power Source Voltage" R Integer .multiple().since(1, 1);
    _ = 8 "Power Source Current" R Integer .multiple().units("mA").until(1, 0);
    POWER_SOURCE_CURRENT = 8 "Power Source Current" R Integer .multiple().since(1, 1);
    _ = 9 "Battery Level" R Integer .range("0..100", &[number(0.0, 100.0)]).units("%").until(1, 1);
    BATTERY_LEVEL = 9 "Battery Level" R Integer
        .range("0..100", &[number(0.0, 100.0)]).units("/100").since(1, 2);
    _ = 10 "Memory Free" R Integer .units("KB").until(1, 0);
    MEMORY_FREE = 10 "Memory Free" R Integer .since(1, 1);
    _ = 11 "Error Code" R Integer .mandatory().multiple().range("0..8", &[number(0.0, 8.0)]).until(1, 1);
    ERROR_CODE = 11 "Error Code" R Integer
        .mandatory().multiple().range("0..32", &[number(0.0, 32.0)]).since(1, 2);
    RESET_ERROR_CODE = 12 "Reset Error Code" E None;
    CURRENT_TIME = 13 "Current Time" RW Time;
    UTC_OFFSET = 14 "UTC Offset" RW String;
    TIMEZONE = 15 "Timezone" RW String;
    SUPPORTED_BINDING_AND_MODES = 16 "Supported Binding and Modes" R String .mandatory();
    DEVICE_TYPE = 17 "Device Type" R String;
    HARDWARE_VERSION = 18 "Hardware Version" R String;
    SOFTWARE_VERSION = 19 "Software Version" R String;
    BATTERY_STATUS = 20 "Battery Status" R Integer .range("0..6", &[number(0.0, 6.0)]);
    MEMORY_TOTAL = 21 "Memory Total" R Integer;
    EXT_DEV_INFO = 22 "ExtDevInfo" R ObjectLink .multiple();
}

object! {
    /// Connectivity Monitoring: the network in use.
    from "Core 1.2.2, appendix E.5";
    connectivity_monitoring = 4 "Connectivity Monitoring" Optional { V1_0 = (1, 0), V1_1 = (1, 1), V1_2 = (1, 2), V1_3 = (1, 3) }
    NETWORK_BEARER = 0 "Network Bearer" R Integer .mandatory().range("0..50", &[number(0.0, 50.0)]);
    AVAILABLE_NETWORK_BEARER = 1 "Available Network Bearer" R Integer
        .mandatory().multiple().range("0..50", &[number(0.0, 50.0)]);
    RADIO_SIGNAL_STRENGTH = 2 "Radio Signal Strength" R Integer .mandatory().units("dBm");
    LINK_QUALITY = 3 "Link Quality" R Integer;
    IP_ADDRESSES = 4 "IP Addresses" R String .mandatory().multiple();
    ROUTER_IP_ADDRESSES = 5 "Router IP Addresses" R String .multiple();
    _ = 6 "Link Utilization" R Integer .range("0..100", &[number(0.0, 100.0)]).units("%").until(1, 2);
    LINK_UTILIZATION = 6 "Link Utilization" R Integer
        .range("0..100", &[number(0.0, 100.0)]).units("/100").since(1, 3);
    APN = 7 "APN" R String .multiple();
    CELL_ID = 8 "Cell ID" R Integer;
    SMNC = 9 "SMNC" R Integer .range("0..999", &[number(0.0, 999.0)]);
    SMCC = 10 "SMCC" R Integer .range("0..999", &[number(0.0, 999.0)]);
    SIGNAL_SNR = 11 "SignalSNR" R Integer .units("dB").since(1, 1);
    LAC = 12 "LAC" R Integer .since(1, 2);
    COVERAGE_ENHANCEMENT_LEVEL = 13 "Coverage Enhancement Level" R Integer
        .range("0..4", &[number(0.0, 4.0)]).since(1, 3);
}

object! {
    /// Firmware Update: how a new firmware comes to a device and is put to use.
    from "Core 1.2.2, appendix E.6";
    firmware_update = 5 "Firmware Update" Optional { V1_0 = (1, 0), V1_1 = (1, 1), V1_2 = (1, 2) }
    PACKAGE = 0 "Package" W Opaque .mandatory();
    PACKAGE_URI = 1 "Package URI" RW String .mandatory().range("0..255", &[length(0, 255)]);
    UPDATE = 2 "Update" E None .mandatory();
    STATE = 3 "State" R Integer .mandatory().range("0..3", &[number(0.0, 3.0)]);
    _ = 5 "Update Result" R Integer .mandatory().range("0..9", &[number(0.0, 9.0)]).until(1, 0);
    UPDATE_RESULT = 5 "Update Result" R Integer .mandatory().range("0..11", &[number(0.0, 11.0)]).since(1, 1);
    PKG_NAME = 6 "PkgName" R String .range("0..255", &[length(0, 255)]);
    PKG_VERSION = 7 "PkgVersion" R String .range("0..255", &[length(0, 255)]);
    FIRMWARE_UPDATE_PROTOCOL_SUPPORT = 8 "Firmware Update Protocol Support" R Integer
        .multiple().range("0..5", &[number(0.0, 5.0)]);
    FIRMWARE_UPDATE_DELIVERY_METHOD = 9 "Firmware Update Delivery Method" R Integer
        .mandatory().range("0..2", &[number(0.0, 2.0)]);
    CANCEL = 10 "Cancel" E None .since(1, 1);
    SEVERITY = 11 "Severity" RW Integer .range("0..2", &[number(0.0, 2.0)]).since(1, 1);
    LAST_STATE_CHANGE_TIME = 12 "Last State Change Time" R Time .since(1, 1);
    MAXIMUM_DEFER_PERIOD = 13 "Maximum Defer Period" RW Unsigned .units("s").since(1, 1);
    AUTOMATIC_UPGRADE_AT_DOWNLOAD = 14 "Automatic Upgrade at Download" RW Boolean .since(1, 2);
}

object! {
    /// Location of the device.
    from "Core 1.2.2, appendix E.7";
    location = 6 "Location" Optional { V1_0 = (1, 0) }
    LATITUDE = 0 "Latitude" R Float .mandatory().units("lat");
    LONGITUDE = 1 "Longitude" R Float .mandatory().units("lon");
    ALTITUDE = 2 "Altitude" R Float .units("m");
    RADIUS = 3 "Radius" R Float .units("m");
    VELOCITY = 4 "Velocity" R Opaque;
    TIMESTAMP = 5 "Timestamp" R Time .mandatory();
    SPEED = 6 "Speed" R Float .units("m/s");
}

object! {
    /// Connectivity Statistics: what was sent and received.
    from "Core 1.2.2, appendix E.8";
    connectivity_statistics = 7 "Connectivity Statistics" Optional { V1_0 = (1, 0) }
    SMS_TX_COUNTER = 0 "SMS Tx Counter" R Integer;
    SMS_RX_COUNTER = 1 "SMS Rx Counter" R Integer;
    TX_DATA = 2 "Tx Data" R Integer;
    RX_DATA = 3 "Rx Data" R Integer;
    MAX_MESSAGE_SIZE = 4 "Max Message Size" R Integer .units("B");
    AVERAGE_MESSAGE_SIZE = 5 "Average Message Size" R Integer .units("B");
    START = 6 "Start" E None .mandatory();
    STOP = 7 "Stop" E None .mandatory();
    COLLECTION_PERIOD = 8 "Collection Period" RW Integer .units("s");
}
