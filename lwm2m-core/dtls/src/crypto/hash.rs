//! SHA-256 and HMAC-SHA-256 (FIPS 180-4, RFC 2104), the only hash of the profile.

use super::CryptoError;
use hmac::{KeyInit, Mac};
use sha2::Digest;
use subtle::ConstantTimeEq;

/// Bytes of a SHA-256 hash and of an HMAC made with it (RFC 5246, section 5).
pub const HASH_LEN: usize = 32;

/// SHA-256 of the parts, one behind the other: the hash of all suites here (RFC 5246, section 5).
pub fn sha256(parts: &[&[u8]]) -> [u8; HASH_LEN] {
    let mut hash = Hash::new();
    for part in parts {
        hash.update(part);
    }
    hash.current()
}

/// A running SHA-256, as over the messages of a handshake (RFC 5246, section 7.4.9): it can be read and go on.
#[derive(Clone, Default)]
pub struct Hash(sha2::Sha256);

impl Hash {
    /// The hash of nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        Digest::update(&mut self.0, bytes);
    }

    /// The hash of all bytes so far.
    pub fn current(&self) -> [u8; HASH_LEN] {
        self.0.clone().finalize().into()
    }
}

impl core::fmt::Debug for Hash {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Hash(..)")
    }
}

/// HMAC-SHA-256 under one key (RFC 2104, section 2), set up once and used as often as needed; its state is wiped when
/// dropped.
#[derive(Clone)]
pub struct Hmac(hmac::Hmac<sha2::Sha256>);

impl Hmac {
    /// Sets the key up; any length is allowed (RFC 2104, section 2).
    pub fn new(key: &[u8]) -> Self {
        match KeyInit::new_from_slice(key) {
            Ok(keyed) => Hmac(keyed),
            Err(_) => unreachable!("HMAC takes keys of any length"),
        }
    }

    /// The MAC of the parts, one behind the other.
    pub fn compute<'a>(&self, parts: impl IntoIterator<Item = &'a [u8]>) -> [u8; HASH_LEN] {
        let mut mac = self.0.clone();
        for part in parts {
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }

    /// Compares the MAC of the parts with `tag` in constant time.
    ///
    /// # Errors
    ///
    /// [`CryptoError::Invalid`] where they differ, or `tag` is not [`HASH_LEN`] long.
    pub fn verify<'a>(
        &self,
        parts: impl IntoIterator<Item = &'a [u8]>,
        tag: &[u8],
    ) -> Result<(), CryptoError> {
        if self.compute(parts)[..].ct_eq(tag).into() {
            Ok(())
        } else {
            Err(CryptoError::Invalid)
        }
    }
}

impl core::fmt::Debug for Hmac {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Hmac(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn a_running_hash_can_be_read_and_go_on() {
        let mut hash = Hash::new();
        hash.update(b"a");
        let first = hash.current();
        hash.update(b"bc");
        assert_eq!(first, sha256(&[b"a"]));
        // FIPS 180-4's example.
        assert_eq!(
            hex::encode(hash.current()),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn hmac_is_that_of_rfc_4231() {
        // Test cases 2 and 6: a short key, and one longer than a block.
        let short = Hmac::new(b"Jefe");
        let parts = [&b"what do ya want "[..], b"for nothing?"];
        let tag = short.compute(parts);
        assert_eq!(
            hex::encode(tag),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        assert_eq!(short.verify(parts, &tag), Ok(()));
        for at in 0..tag.len() {
            let mut wrong = tag;
            wrong[at] ^= 1;
            assert_eq!(short.verify(parts, &wrong), Err(CryptoError::Invalid));
        }
        for short_tag in [&tag[..0], &tag[..31]] {
            assert_eq!(short.verify(parts, short_tag), Err(CryptoError::Invalid));
        }
        let long = Hmac::new(&[0xaa; 131]);
        let text = &b"Test Using Larger Than Block-Size Key - Hash Key First"[..];
        assert_eq!(
            hex::encode(long.compute([text])),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        );
    }

    #[test]
    fn debug_hides_the_key() {
        assert_eq!(format!("{:?}", Hmac::new(b"Jefe")), "Hmac(hidden)");
    }
}
