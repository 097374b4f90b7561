//! What the documentation is held to, and what is excepted.

/// The sources that are held to it.
pub(crate) const SOURCES: [&str; 3] = ["lwm2m-core/dtls/src", "lwm2m-core/src", "objects/src"];

/// What comes from no specification: where it stands, which items of it (none named: all), and what they are there for.
/// Errors need not stand here.
pub(crate) const OURS: &[(&str, &[&str], &str)] = &[
    (
        "lwm2m-core/dtls/src/certificate",
        &["ChainLimits", "DenyList", "MAX_CHAIN"],
        "bounds, and what an owner refuses",
    ),
    (
        "lwm2m-core/dtls/src/config.rs",
        &[
            "ClientConfig",
            "EndpointConfig",
            "MAX_OWN_CONNECTION_ID",
            "MIN_MTU",
            "MIN_TICKET_SECRET",
            "ServerConfig",
        ],
        "settings and bounds",
    ),
    (
        "lwm2m-core/dtls/src/crypto",
        &["Provider", "Ring", "RustCrypto"],
        "the seam to cryptography, and who stands behind it",
    ),
    (
        "lwm2m-core/dtls/src/endpoint",
        &[
            "Connection",
            "Event",
            "Export",
            "KeyAnswer",
            "Metrics",
            "Transmit",
        ],
        "the seams to the program and to the driver",
    ),
    (
        "lwm2m-core/dtls/src/fuzz.rs",
        &[],
        "hidden, for the fuzz targets",
    ),
    (
        "lwm2m-core/dtls/src/key_log.rs",
        &["KeyLog"],
        "the form is that of NSS",
    ),
    ("lwm2m-core/src/content/mod.rs", &["MAX_ENTRIES"], "a bound"),
    (
        "lwm2m-core/src/endpoint",
        &["Event", "Failure", "RequestOptions", "Transmit"],
        "the seams to the layer above and to the driver",
    ),
    (
        "lwm2m-core/src/endpoint",
        &["EndpointConfig", "Holdings", "Metrics", "entries"],
        "bounds, and what is counted",
    ),
    (
        "lwm2m-core/src/engine.rs",
        &["CloseReason", "Engine", "Inbound", "Outbound"],
        "the seam between engines and transports",
    ),
    (
        "lwm2m-core/src/link",
        &["LinkInterner", "LinkLimits", "LinkSet"],
        "bounds, and memory for equal lists",
    ),
    (
        "lwm2m-core/src/model.rs",
        &["Models", "NoModels"],
        "the seam at which definitions are looked up",
    ),
    (
        "lwm2m-core/src/secret.rs",
        &[],
        "keys that do not show themselves",
    ),
    (
        "lwm2m-core/src/time.rs",
        &[],
        "engines have no clock: moments are handed in",
    ),
    ("lwm2m-core/src/timer.rs", &[], "the timing wheel"),
    (
        "objects/src/ddf.rs",
        &["MAX_SIZE", "Warning"],
        "a bound, and what is made of files that are not as they should be",
    ),
    (
        "objects/src/validate.rs",
        &["ObjectName", "Reason", "ResourceName"],
        "parts of an error",
    ),
];

/// Types whose fields or variants are values on the wire: each has a section of its own and names it. The others may
/// lean on what their type says.
pub(crate) const ON_THE_WIRE: [&str; 15] = [
    "Attribute",
    "Attributes",
    "Binding",
    "BootstrapPackRequest",
    "BootstrapRequest",
    "CipherSuite",
    "ContentFormat",
    "Csm",
    "DataType",
    "Group",
    "MessageKind",
    "PropertyAttributes",
    "Register",
    "Signal",
    "Update",
];

/// Sections of the specification in which no requirement stands, and which are there all the same.
pub(crate) const OTHER_SECTIONS: &[(&str, &str)] = &[
    // JSON of 1.0.
    ("Core", "7.5.6.1"),
    // Definitions of objects: what holds for all, and those that nothing is demanded of.
    ("Core", "D"),
    ("Core", "E.5"),
    ("Core", "E.7"),
    ("Core", "E.9"),
    ("Core", "E.10"),
    ("Core", "E.11"),
    ("Core", "E.12"),
    ("Core", "E.13"),
];
