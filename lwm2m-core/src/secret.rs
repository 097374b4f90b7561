//! Key material that never shows itself.

use alloc::vec::Vec;
use core::fmt;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Bytes that are wiped when dropped and hidden from `Debug`: pre-shared keys, private keys.
///
/// It has no `Display` and no serialisation on purpose: whoever stores one asks for the bytes by name. Two are compared
/// in a time that depends on their lengths only.
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Secret {}

impl Secret {
    /// Takes the bytes over.
    pub fn new(bytes: Vec<u8>) -> Self {
        Secret(Zeroizing::new(bytes))
    }

    /// The bytes themselves; the name is long so that each use is seen in review.
    pub fn expose_secret(&self) -> &[u8] {
        &self.0
    }

    /// Number of bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Vec<u8>> for Secret {
    fn from(bytes: Vec<u8>) -> Self {
        Secret::new(bytes)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn equal_where_all_bytes_are() {
        let secret = |bytes: &[u8]| Secret::new(bytes.into());
        assert_eq!(secret(b"key"), secret(b"key"));
        for other in [&b"kez"[..], b"ke", b"keyy", b""] {
            assert_ne!(secret(b"key"), secret(other));
        }
    }

    #[test]
    fn debug_hides_bytes_and_length() {
        assert_eq!(
            format!("{:?}", Secret::new([1, 2, 3].into())),
            "Secret(hidden)"
        );
    }
}
