//! Where a transport that listens finds the keys of those who come.

use lwm2m_core::{peer::CertificateIdentity, secret::Secret};
use std::{
    collections::HashMap,
    fmt,
    sync::{PoisonError, RwLock},
};

/// Answers, from memory, which credentials are good. Asked during handshakes, from several threads; whoever has to look
/// them up elsewhere first implements `dtls::CredentialLookup`.
pub trait CredentialSource: Send + Sync + 'static {
    /// The key of this PSK identity; `None` where the identity is unknown.
    fn psk(&self, identity: &[u8]) -> Option<Secret>;

    /// Whether a certificate that has been verified (chain, validity, key usage) is welcome: the place for a deny
    /// list. The default welcomes all that a trust anchor of the listener vouches for.
    fn certificate_allowed(&self, certificate: &CertificateIdentity) -> bool {
        let _ = certificate;
        true
    }

    /// Whether the client that has proven to hold the private key of this SubjectPublicKeyInfo, DER, is welcome: nothing
    /// else vouches for a raw public key. The default welcomes nobody.
    fn raw_public_key_allowed(&self, public_key: &[u8]) -> bool {
        let _ = public_key;
        false
    }
}

/// Knows nobody: for listeners that take certificates only.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoCredentials;

impl CredentialSource for NoCredentials {
    fn psk(&self, _identity: &[u8]) -> Option<Secret> {
        None
    }
}

/// Pre-shared keys in memory, changeable while listeners use them.
///
/// It holds as many as are put in; about 100 bytes each.
#[derive(Default)]
pub struct PskTable {
    keys: RwLock<HashMap<Vec<u8>, Secret>>,
}

impl PskTable {
    /// An empty table.
    pub fn new() -> Self {
        PskTable::default()
    }

    /// Sets the key of an identity; returns whether it had one before.
    pub fn insert(&self, identity: impl Into<Vec<u8>>, key: Secret) -> bool {
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        keys.insert(identity.into(), key).is_some()
    }

    /// Removes an identity; returns whether it was there. Sessions that rest on it are ended by
    /// [`Outbound::Forget`](lwm2m_core::engine::Outbound::Forget), not by this.
    pub fn remove(&self, identity: &[u8]) -> bool {
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        keys.remove(identity).is_some()
    }
}

impl CredentialSource for PskTable {
    fn psk(&self, identity: &[u8]) -> Option<Secret> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        keys.get(identity).cloned()
    }
}

impl fmt::Debug for PskTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        f.debug_struct("PskTable")
            .field("identities", &keys.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // proves: DTLS-29
    #[test]
    fn table_knows_what_it_was_told_and_shows_nothing() {
        let table = PskTable::new();
        assert!(!table.insert("device", Secret::new(vec![0xAB; 16])));
        assert_eq!(
            table.psk(b"device").map(|key| key.expose_secret().to_vec()),
            Some(vec![0xAB; 16])
        );
        assert_eq!(table.psk(b"other"), None);
        let shown = format!("{table:?}");
        assert!(
            !shown.contains("171") && !shown.to_lowercase().contains("ab,"),
            "{shown}"
        );
        assert!(table.remove(b"device"));
        assert_eq!(table.psk(b"device"), None);
    }
}
