//! Key material on its way into documents and out of them, wiped wherever it stands in between.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use lwm2m_core::secret::Secret;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, Visitor},
    ser::Error as _,
};
use std::{fmt, io};

/// Key material as text.
pub(crate) struct SecretBase64(pub(crate) Secret);

impl SecretBase64 {
    pub(crate) fn of(secret: &Secret) -> Self {
        SecretBase64(secret.clone())
    }
}

impl Serialize for SecretBase64 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = STANDARD.encode(self.0.expose_secret());
        let text = Secret::new(text.into_bytes());
        let text = std::str::from_utf8(text.expose_secret()).map_err(S::Error::custom)?;
        serializer.serialize_str(text)
    }
}

impl<'de> Deserialize<'de> for SecretBase64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Text)
    }
}

/// Takes text from where it stands, without a copy.
struct Text;

impl Visitor<'_> for Text {
    type Value = SecretBase64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("key material in padded Base64")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<SecretBase64, E> {
        let bytes = STANDARD.decode(text);
        // Its own text would tell of what it has read.
        let bytes = bytes.map_err(|_| E::custom("not in padded Base64"))?;
        Ok(SecretBase64(Secret::new(bytes)))
    }
}

/// A buffer that leaves no copies behind when it grows.
pub(super) struct Growing(Vec<u8>);

impl Growing {
    /// With room for most documents.
    pub(super) fn new() -> Self {
        Growing(Vec::with_capacity(512))
    }

    pub(super) fn finish(self) -> Secret {
        Secret::new(self.0)
    }
}

impl io::Write for Growing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let needed = self.0.len() + bytes.len();
        if needed > self.0.capacity() {
            let mut larger = Vec::with_capacity(needed.max(2 * self.0.capacity()));
            larger.extend_from_slice(&self.0);
            drop(Secret::new(std::mem::replace(&mut self.0, larger)));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn key_material_comes_back_as_it_was() {
        for length in [0, 1, 2, 16, 10_000] {
            let secret = Secret::new((0..length).map(|n| n as u8).collect());
            let mut text = Growing::new();
            serde_json::to_writer(&mut text, &SecretBase64::of(&secret)).unwrap();
            let text = text.finish();
            let read: SecretBase64 = serde_json::from_slice(text.expose_secret()).unwrap();
            assert!(read.0 == secret, "{length} bytes");
        }
        for bad in ["7", "null", "\"topsecret!\"", "\"YQ\""] {
            let error = serde_json::from_str::<SecretBase64>(bad).err().unwrap();
            assert!(!error.to_string().contains('!'), "{error}");
        }
    }

    #[test]
    fn a_buffer_grows_with_what_is_written() {
        let mut buffer = Growing::new();
        let mut expected = Vec::new();
        for n in 0..300u16 {
            let bytes = n.to_be_bytes().repeat(usize::from(n) % 7);
            buffer.write_all(&bytes).unwrap();
            expected.extend(bytes);
        }
        assert!(expected.len() > 1024);
        assert_eq!(buffer.finish().expose_secret(), expected);
    }
}
