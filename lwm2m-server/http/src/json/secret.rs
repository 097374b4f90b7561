//! Bytes that only go in: keys are taken and never shown, not even in an error.

use lwm2m_core::secret::Secret;
use serde::{Deserialize, Deserializer, de::Error};
use serde_json::Value as Json;

/// A key as hexadecimal digits.
#[derive(Debug, Clone)]
pub(crate) struct HexSecret(pub(crate) Secret);

impl<'de> Deserialize<'de> for HexSecret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // By way of any JSON value, because the errors of a typed reader repeat what they did not expect.
        let bytes = match Json::deserialize(deserializer)? {
            Json::String(text) => hex::decode(text).ok(),
            _ => None,
        };
        let secret = bytes.map(|bytes| HexSecret(bytes.into()));
        secret.ok_or_else(|| D::Error::custom("a key is a string of hexadecimal digits"))
    }
}

/// A private key as padded Base64.
#[derive(Debug, Clone)]
pub(crate) struct Base64Secret(pub(crate) Secret);

impl<'de> Deserialize<'de> for Base64Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use base64::{Engine as _, engine::general_purpose::STANDARD};
        let bytes = match Json::deserialize(deserializer)? {
            Json::String(text) => STANDARD.decode(text).ok(),
            _ => None,
        };
        let secret = bytes.map(|bytes| Base64Secret(bytes.into()));
        secret.ok_or_else(|| D::Error::custom("a private key is a string in padded Base64"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_do_not_repeat_keys() {
        for text in ["\"c0ffee0\"", "\"coffee\"", "123456789", "[\"c0ffee\"]"] {
            let error = serde_json::from_str::<HexSecret>(text)
                .unwrap_err()
                .to_string();
            assert!(error.contains("hexadecimal"), "{error}");
            assert!(!error.contains("ff") && !error.contains("123"), "{error}");
        }
        let error = serde_json::from_str::<Base64Secret>("\"c0ffee*\"").unwrap_err();
        assert!(!error.to_string().contains("c0ffee"), "{error}");
    }

    #[test]
    fn debug_hides_them() {
        let secret: HexSecret = serde_json::from_str("\"c0ffee\"").unwrap();
        assert_eq!(secret.0.expose_secret(), [0xc0, 0xff, 0xee]);
        assert_eq!(format!("{secret:?}"), "HexSecret(Secret(hidden))");
    }
}
