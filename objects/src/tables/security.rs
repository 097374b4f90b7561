//! The objects of security beyond DTLS, and of MQTT: 21, 23, 24.

use crate::table::object;

object! {
    /// LWM2M OSCORE: a security context of RFC 8613. No server may read or write it.
    from "Core 1.2.2, appendix E.9";
    oscore = 21 "LWM2M OSCORE" OptionalMultiple { V1_0 = (1, 0), V2_0 = (2, 0) }
    _ = 0 "OSCORE Master Secret" None String .mandatory().until(1, 0);
    OSCORE_MASTER_SECRET = 0 "OSCORE Master Secret" None Opaque .mandatory().since(2, 0);
    _ = 1 "OSCORE Sender ID" None String .mandatory().until(1, 0);
    OSCORE_SENDER_ID = 1 "OSCORE Sender ID" None Opaque .mandatory().since(2, 0);
    _ = 2 "OSCORE Recipient ID" None String .mandatory().until(1, 0);
    OSCORE_RECIPIENT_ID = 2 "OSCORE Recipient ID" None Opaque .mandatory().since(2, 0);
    OSCORE_AEAD_ALGORITHM = 3 "OSCORE AEAD Algorithm" None Integer;
    OSCORE_HMAC_ALGORITHM = 4 "OSCORE HMAC Algorithm" None Integer;
    _ = 5 "OSCORE Master Salt" None String .until(1, 0);
    OSCORE_MASTER_SALT = 5 "OSCORE Master Salt" None Opaque .since(2, 0);
    OSCORE_ID_CONTEXT = 6 "OSCORE ID Context" None Opaque .since(2, 0);
}

object! {
    /// LwM2M COSE: keys for payloads. No server may read or write it.
    from "Core 1.2.2, appendix E.10";
    cose = 23 "LwM2M COSE" OptionalMultiple { V1_0 = (1, 0) }
    KID = 0 "KID" None String .mandatory();
    AEAD_ALGORITHM = 1 "AEAD Algorithm" None Integer .mandatory();
    KEY = 2 "Key" None String .mandatory();
}

object! {
    /// MQTT Server: how a client speaks to a broker.
    from "Core 1.2.2, appendix E.11";
    mqtt_server = 24 "MQTT Server" OptionalMultiple { V1_0 = (1, 0) }
    WILL_RETAIN = 0 "Will Retain" RW Boolean;
    WILL_TOPIC = 1 "Will Topic" RW String;
    WILL_MESSAGE = 2 "Will Message" RW String;
    CLEAN_SESSION = 3 "Clean Session" RW Boolean;
    WILL_QOS = 4 "Will QoS" RW Unsigned .range("0..3", &[number(0.0, 3.0)]);
    KEEP_ALIVE = 5 "Keep Alive" RW Unsigned .range("0..65535", &[number(0.0, 65535.0)]);
    CLIENT_IDENTIFIER = 6 "Client Identifier" RW String .mandatory();
    USER_NAME = 7 "User Name" RW String;
    PASSWORD = 8 "Password" RW Opaque;
}
