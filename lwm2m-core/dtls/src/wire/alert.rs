//! Alerts (RFC 5246, section 7.2).

use core::fmt;

/// What an alert says (RFC 5246, section 7.2).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct AlertDescription(pub u8);

macro_rules! descriptions {
    ($($name:ident = $number:literal, $word:literal, $section:literal;)*) => {
        impl AlertDescription {
            $(#[doc = concat!("`", $word, "`, ", $section, ".")]
            pub const $name: AlertDescription = AlertDescription($number);)*

            /// Its name in the specification (RFC 5246, section 7.2), or `unknown`.
            pub const fn name(self) -> &'static str {
                match self.0 {
                    $($number => $word,)*
                    _ => "unknown",
                }
            }
        }
    };
}

descriptions! {
    CLOSE_NOTIFY = 0, "close_notify", "RFC 5246, section 7.2.1";
    UNEXPECTED_MESSAGE = 10, "unexpected_message", "RFC 5246, section 7.2.2";
    BAD_RECORD_MAC = 20, "bad_record_mac", "RFC 5246, section 7.2.2";
    RECORD_OVERFLOW = 22, "record_overflow", "RFC 5246, section 7.2.2";
    HANDSHAKE_FAILURE = 40, "handshake_failure", "RFC 5246, section 7.2.2";
    BAD_CERTIFICATE = 42, "bad_certificate", "RFC 5246, section 7.2.2";
    UNSUPPORTED_CERTIFICATE = 43, "unsupported_certificate", "RFC 5246, section 7.2.2";
    CERTIFICATE_REVOKED = 44, "certificate_revoked", "RFC 5246, section 7.2.2";
    CERTIFICATE_EXPIRED = 45, "certificate_expired", "RFC 5246, section 7.2.2";
    CERTIFICATE_UNKNOWN = 46, "certificate_unknown", "RFC 5246, section 7.2.2";
    ILLEGAL_PARAMETER = 47, "illegal_parameter", "RFC 5246, section 7.2.2";
    UNKNOWN_CA = 48, "unknown_ca", "RFC 5246, section 7.2.2";
    ACCESS_DENIED = 49, "access_denied", "RFC 5246, section 7.2.2";
    DECODE_ERROR = 50, "decode_error", "RFC 5246, section 7.2.2";
    DECRYPT_ERROR = 51, "decrypt_error", "RFC 5246, section 7.2.2";
    PROTOCOL_VERSION = 70, "protocol_version", "RFC 5246, section 7.2.2";
    INSUFFICIENT_SECURITY = 71, "insufficient_security", "RFC 5246, section 7.2.2";
    INTERNAL_ERROR = 80, "internal_error", "RFC 5246, section 7.2.2";
    USER_CANCELED = 90, "user_canceled", "RFC 5246, section 7.2.2";
    NO_RENEGOTIATION = 100, "no_renegotiation", "RFC 5246, section 7.2.2";
    UNSUPPORTED_EXTENSION = 110, "unsupported_extension", "RFC 5246, section 7.2.2";
    UNRECOGNIZED_NAME = 112, "unrecognized_name", "RFC 6066, section 9";
    UNKNOWN_PSK_IDENTITY = 115, "unknown_psk_identity", "RFC 4279, section 6";
}

impl fmt::Display for AlertDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name(), self.0)
    }
}

impl fmt::Debug for AlertDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// An alert as it travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Alert {
    pub(crate) fatal: bool,
    pub(crate) description: AlertDescription,
}

impl Alert {
    pub(crate) const fn fatal(description: AlertDescription) -> Self {
        Alert {
            fatal: true,
            description,
        }
    }

    pub(crate) const CLOSE_NOTIFY: Alert = Alert {
        fatal: false,
        description: AlertDescription::CLOSE_NOTIFY,
    };

    /// `None` where it is not well-formed.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        match *bytes {
            [level @ (1 | 2), description] => Some(Alert {
                fatal: level == 2,
                description: AlertDescription(description),
            }),
            _ => None,
        }
    }

    pub(crate) fn encode(self) -> [u8; 2] {
        [if self.fatal { 2 } else { 1 }, self.description.0]
    }
}
