//! The objects that configure networks: 10 to 13.

use crate::table::object;

object! {
    /// LWM2M Cellular Connectivity: power saving and the profiles of a cellular network.
    cellular_connectivity = 10 "LWM2M Cellular Connectivity" Optional { V1_1 = (1, 1) }
    SMSC_ADDRESS = 0 "SMSC address" RW String;
    DISABLE_RADIO_PERIOD = 1 "Disable radio period" RW Integer .range("0..65535", &[number(0.0, 65535.0)]);
    MODULE_ACTIVATION_CODE = 2 "Module activation code" RW String;
    VENDOR_SPECIFIC_EXTENSIONS = 3 "Vendor specific extensions" R ObjectLink;
    PSM_TIMER = 4 "PSM Timer" RW Integer .units("s");
    ACTIVE_TIMER = 5 "Active Timer" RW Integer .units("s");
    EDRX_PARAMETERS_FOR_IU_MODE = 7 "eDRX parameters for Iu mode" RW Opaque
        .range("0..255", &[length(0, 255)]);
    EDRX_PARAMETERS_FOR_WB_S1_MODE = 8 "eDRX parameters for WB-S1 mode" RW Opaque
        .range("0..255", &[length(0, 255)]);
    EDRX_PARAMETERS_FOR_NB_S1_MODE = 9 "eDRX parameters for NB-S1 mode" RW Opaque
        .range("0..255", &[length(0, 255)]);
    EDRX_PARAMETERS_FOR_A_GB_MODE = 10 "eDRX parameters for A/Gb mode" RW Opaque
        .range("0..255", &[length(0, 255)]);
    ACTIVATED_PROFILE_NAMES = 11 "Activated Profile Names" R ObjectLink .mandatory().multiple();
    SUPPORTED_POWER_SAVING_MODES = 12 "Supported Power Saving Modes" R Unsigned
        .range("0..255", &[number(0.0, 255.0)]);
    ACTIVE_POWER_SAVING_MODES = 13 "Active Power Saving Modes" RW Unsigned
        .range("0..255", &[number(0.0, 255.0)]);
    RELEASE_ASSISTANCE_INDICATION_USAGE = 14 "Release Assistance Indication Usage" RW Unsigned
        .range("0..255", &[number(0.0, 255.0)]);
}

object! {
    /// LWM2M APN Connection Profile: how to reach one access point of a cellular network.
    apn_connection_profile = 11 "LWM2M APN Connection Profile" OptionalMultiple { V1_1 = (1, 1) }
    PROFILE_NAME = 0 "Profile name" RW String .mandatory();
    APN = 1 "APN" RW String;
    AUTO_SELECT_APN_BY_DEVICE = 2 "Auto select APN by device" RW Boolean;
    ENABLE_STATUS = 3 "Enable status" RW Boolean;
    AUTHENTICATION_TYPE = 4 "Authentication Type" RW Integer .mandatory();
    USER_NAME = 5 "User Name" RW String;
    SECRET = 6 "Secret" RW String;
    RECONNECT_SCHEDULE = 7 "Reconnect Schedule" RW String;
    VALIDITY = 8 "Validity (MCC, MNC)" RW String .multiple();
    CONNECTION_ESTABLISHMENT_TIME = 9 "Connection establishment time (1)" R Time .multiple();
    CONNECTION_ESTABLISHMENT_RESULT = 10 "Connection establishment result (1)" R Integer .multiple();
    CONNECTION_ESTABLISHMENT_REJECT_CAUSE = 11 "Connection establishment reject cause (1)" R Integer
        .multiple().range("0..111", &[number(0.0, 111.0)]);
    CONNECTION_END_TIME = 12 "Connection end time (1)" R Time .multiple();
    TOTAL_BYTES_SENT = 13 "TotalBytesSent" R Integer;
    TOTAL_BYTES_RECEIVED = 14 "TotalBytesReceived" R Integer;
    IP_ADDRESS = 15 "IP address (2)" RW String .multiple();
    PREFIX_LENGTH = 16 "Prefix length(2)" RW String .multiple();
    SUBNET_MASK = 17 "Subnet mask (2)" RW String .multiple();
    GATEWAY = 18 "Gateway (2)" RW String .multiple();
    PRIMARY_DNS_ADDRESS = 19 "Primary DNS address (2)" RW String .multiple();
    SECONDARY_DNS_ADDRESS = 20 "Secondary DNS address (2)" RW String .multiple();
    QCI = 21 "QCI (3)" R Integer .range("1..9", &[number(1.0, 9.0)]);
    VENDOR_SPECIFIC_EXTENSIONS = 22 "Vendor specific extensions" R ObjectLink;
    TOTAL_PACKETS_SENT = 23 "TotalPacketsSent" R Integer;
    PDN_TYPE = 24 "PDN Type" RW Integer;
    APN_RATE_CONTROL = 25 "APN Rate Control" R Integer;
    SERVING_PLMN_RATE_CONTROL = 26 "Serving PLMN Rate control" RW Unsigned;
    UPLINK_TIME_UNIT = 27 "Uplink Time Unit" RW Unsigned .range("0..4", &[number(0.0, 4.0)]);
    APN_RATE_CONTROL_FOR_EXCEPTION_DATA = 28 "APN Rate Control for Exception Data" R Integer;
    APN_EXCEPTION_DATA_UPLINK_TIME_UNIT = 29 "APN Exception Data Uplink Time Unit" RW Unsigned
        .range("0..4", &[number(0.0, 4.0)]);
    SUPPORTED_RAT_TYPES = 30 "Supported RAT Types" RW Unsigned .multiple();
    RDS_APPLICATION_ID = 31 "RDS Application ID" RW String .multiple();
    RDS_DESTINATION_PORT = 32 "RDS Destination Port" RW Integer
        .multiple().range("0..15", &[number(0.0, 15.0)]);
    RDS_SOURCE_PORT = 33 "RDS Source Port" RW Integer .multiple().range("0..15", &[number(0.0, 15.0)]);
}

object! {
    /// WLAN connectivity: how to reach a wireless network, and how it fares there.
    wlan_connectivity = 12 "WLAN connectivity" OptionalMultiple { V1_1 = (1, 1) }
    INTERFACE_NAME = 0 "Interface name" RW String .mandatory();
    ENABLE = 1 "Enable" RW Boolean .mandatory();
    RADIO_ENABLED = 2 "Radio Enabled" RW Integer;
    STATUS = 3 "Status" R Integer .mandatory();
    BSSID = 4 "BSSID" R String .mandatory().range("12", &[length(0, 12)]);
    SSID = 5 "SSID" RW String .mandatory().range("1..32", &[length(1, 32)]);
    BROADCAST_SSID = 6 "Broadcast SSID" RW Boolean;
    BEACON_ENABLED = 7 "Beacon Enabled" RW Boolean;
    MODE = 8 "Mode" RW Integer .mandatory();
    CHANNEL = 9 "Channel" RW Integer .mandatory().range("0..255", &[number(0.0, 255.0)]);
    AUTO_CHANNEL = 10 "Auto Channel" RW Boolean;
    SUPPORTED_CHANNELS = 11 "Supported Channels" RW Integer .multiple();
    CHANNELS_IN_USE = 12 "Channels In Use" RW Integer .multiple();
    REGULATORY_DOMAIN = 13 "Regulatory Domain" RW String .range("3", &[length(0, 3)]);
    STANDARD = 14 "Standard" RW Integer .mandatory();
    AUTHENTICATION_MODE = 15 "Authentication Mode" RW Integer .mandatory();
    ENCRYPTION_MODE = 16 "Encryption Mode" RW Integer;
    WPA_PRE_SHARED_KEY = 17 "WPA Pre Shared Key" W String .range("64", &[length(0, 64)]);
    WPA_KEY_PHRASE = 18 "WPA Key Phrase" W String .range("1..64", &[length(1, 64)]);
    WEP_ENCRYPTION_TYPE = 19 "WEP Encryption Type" RW Integer;
    WEP_KEY_INDEX = 20 "WEP Key Index" RW Integer .range("1..4", &[number(1.0, 4.0)]);
    WEP_KEY_PHRASE = 21 "WEP Key Phrase" W String .range("1..64", &[length(1, 64)]);
    WEP_KEY_1 = 22 "WEP Key 1" W String .range("10,26", &[length(10, 10), length(26, 26)]);
    WEP_KEY_2 = 23 "WEP Key 2" W String .range("10,26", &[length(10, 10), length(26, 26)]);
    WEP_KEY_3 = 24 "WEP Key 3" W String .range("10,26", &[length(10, 10), length(26, 26)]);
    WEP_KEY_4 = 25 "WEP Key 4" W String .range("10,26", &[length(10, 10), length(26, 26)]);
    RADIUS_SERVER = 26 "RADIUS Server" RW String .range("1..256", &[length(1, 256)]);
    RADIUS_SERVER_PORT = 27 "RADIUS Server Port" RW Integer;
    RADIUS_SECRET = 28 "RADIUS Secret" W String .range("1..256", &[length(1, 256)]);
    WMM_SUPPORTED = 29 "WMM Supported" R Boolean;
    WMM_ENABLED = 30 "WMM Enabled" RW Boolean;
    MAC_CONTROL_ENABLED = 31 "MAC Control Enabled" RW Boolean;
    MAC_ADDRESS_LIST = 32 "MAC Address List" RW String .multiple().range("12", &[length(0, 12)]);
    TOTAL_BYTES_SENT = 33 "Total Bytes Sent" R Integer;
    TOTAL_BYTES_RECEIVED = 34 "Total Bytes Received" R Integer;
    TOTAL_PACKETS_SENT = 35 "Total Packets Sent" R Integer;
    TOTAL_PACKETS_RECEIVED = 36 "Total Packets Received" R Integer;
    TRANSMIT_ERRORS = 37 "Transmit Errors" R Integer;
    RECEIVE_ERRORS = 38 "Receive Errors" R Integer;
    UNICAST_PACKETS_SENT = 39 "Unicast Packets Sent" R Integer;
    UNICAST_PACKETS_RECEIVED = 40 "Unicast Packets Received" R Integer;
    MULTICAST_PACKETS_SENT = 41 "Multicast Packets Sent" R Integer;
    MULTICAST_PACKETS_RECEIVED = 42 "Multicast Packets Received" R Integer;
    BROADCAST_PACKETS_SENT = 43 "Broadcast Packets Sent" R Integer;
    BROADCAST_PACKETS_RECEIVED = 44 "Broadcast Packets Received" R Integer;
    DISCARD_PACKETS_SENT = 45 "Discard Packets Sent" R Integer;
    DISCARD_PACKETS_RECEIVED = 46 "Discard Packets Received" R Integer;
    UNKNOWN_PACKETS_RECEIVED = 47 "Unknown Packets Received" R Integer;
    VENDOR_SPECIFIC_EXTENSIONS = 48 "Vendor specific extensions" R ObjectLink;
}

object! {
    /// LWM2M Bearer Selection: which cellular and wireless networks are preferred.
    bearer_selection = 13 "LWM2M Bearer Selection" Optional { V1_1 = (1, 1) }
    PREFERRED_COMMUNICATIONS_BEARER = 0 "Preferred Communications Bearer" RW Integer
        .multiple().range("0..100", &[number(0.0, 100.0)]);
    ACCEPTABLE_RSSI_GSM = 1 "Acceptable RSSI (GSM)" RW Integer .range("-110..-48", &[number(-110.0, -48.0)]);
    ACCEPTABLE_RSCP_UMTS = 2 "Acceptable RSCP (UMTS)" RW Integer .range("-120..-25", &[number(-120.0, -25.0)]);
    ACCEPTABLE_RSRP_LTE = 3 "Acceptable RSRP (LTE)" RW Integer .range("-140..-44", &[number(-140.0, -44.0)]);
    ACCEPTABLE_RSSI_1XEV_DO = 4 "Acceptable RSSI (1xEV-DO)" RW Integer;
    CELL_LOCK_LIST = 5 "Cell lock list" RW String;
    OPERATOR_LIST = 6 "Operator list" RW String;
    OPERATOR_LIST_MODE = 7 "Operator list mode" RW Boolean;
    LIST_OF_AVAILABLE_PLMNS = 8 "List of available PLMNs" R String;
    VENDOR_SPECIFIC_EXTENSIONS = 9 "Vendor specific extensions" R ObjectLink;
    ACCEPTABLE_RSRP_NB_IOT = 10 "Acceptable RSRP (NB-IoT)" RW Integer
        .range("-158..-44", &[number(-158.0, -44.0)]);
    HIGHER_PRIORITY_PLMN_SEARCH_TIMER = 11 "Higher Priority PLMN Search Timer" RW Integer;
    ATTACH_WITHOUT_PDN_CONNECTION = 12 "Attach without PDN connection" RW Boolean;
}
