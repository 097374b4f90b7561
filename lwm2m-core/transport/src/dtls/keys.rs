//! Our own keys: in memory, or in hardware that works with them and does not give them out; and the public keys of raw
//! public key mode (RFC 7250), for those who keep and hand them out.

use lwm2m_core::secret::Secret;
use lwm2m_dtls::{
    MIN_TICKET_SECRET,
    certificate::{CertificateError, public_key_of_spki, spki_of},
    crypto::{CryptoError, Provider, Signer, psk::PreSharedKey, ring::Ring},
};
use std::{fmt, sync::Arc};

/// A private key, ECDSA P-256.
#[derive(Clone)]
#[non_exhaustive]
pub enum PrivateKey {
    /// PKCS#8 DER.
    Pkcs8(Secret),
    /// One that stays where it is: in a secure element, a TPM, a hardware security module. It is asked in the task that
    /// drives the transport, which stands still until it has signed.
    Elsewhere(Arc<dyn Signer>),
}

impl PrivateKey {
    /// What signs with it.
    pub(crate) fn signer(&self, provider: &dyn Provider) -> Result<Arc<dyn Signer>, CryptoError> {
        match self {
            PrivateKey::Pkcs8(der) => provider.signer(der),
            PrivateKey::Elsewhere(signer) => Ok(signer.clone()),
        }
    }

    /// Its public half, as it is sent and compared: a SubjectPublicKeyInfo, DER, 91 bytes.
    ///
    /// # Errors
    /// [`KeyError::Private`].
    pub fn public_key(&self) -> Result<Vec<u8>, KeyError> {
        let signer = self.signer(&Ring::new()).map_err(KeyError::Private)?;
        Ok(spki_of(&signer.public_key()))
    }
}

impl From<Secret> for PrivateKey {
    fn from(pkcs8: Secret) -> Self {
        PrivateKey::Pkcs8(pkcs8)
    }
}

impl From<Vec<u8>> for PrivateKey {
    fn from(pkcs8: Vec<u8>) -> Self {
        PrivateKey::Pkcs8(pkcs8.into())
    }
}

impl From<Arc<dyn Signer>> for PrivateKey {
    fn from(signer: Arc<dyn Signer>) -> Self {
        PrivateKey::Elsewhere(signer)
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PrivateKey::Pkcs8(_) => "Pkcs8(hidden)",
            PrivateKey::Elsewhere(_) => "Elsewhere",
        })
    }
}

/// The keys of a client that stay where they are: in a secure element, a SIM, a TPM. What its accounts have as their
/// secret key (/0/x/5) then only names one, in whatever way the store understands, and reaches the transport as that
/// ([`Credentials`](lwm2m_core::engine::Credentials)); the other resources are as ever.
///
/// It is asked when a connection is made. The keys work in the task of their connection, and nothing else waits.
pub trait KeyStore: Send + Sync + 'static {
    /// The private key of this name. `None`, as by default: it is no name but a key, PKCS#8 DER.
    fn private_key(&self, name: &Secret) -> Option<Arc<dyn Signer>> {
        let _ = name;
        None
    }

    /// The pre-shared key of this name, for this identity. `None`, as by default: it is no name but the key.
    fn pre_shared_key(&self, identity: &[u8], name: &Secret) -> Option<Arc<dyn PreSharedKey>> {
        let _ = (identity, name);
        None
    }
}

/// Why a key cannot be used. The text shows nothing of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// A private key that is no PKCS#8 DER, or of another kind than ECDSA P-256.
    #[error(transparent)]
    Private(CryptoError),
    /// A secret for tickets that is too short.
    #[error("a key for tickets is made of at least {MIN_TICKET_SECRET} bytes")]
    Ticket,
    /// A public key that is no SubjectPublicKeyInfo, DER, or of another kind than a point of P-256.
    #[error("no raw public key: {0}")]
    Public(CertificateError),
}

/// The public half of a private key (PKCS#8 DER, ECDSA P-256), as it is sent and compared: a SubjectPublicKeyInfo, DER,
/// 91 bytes.
///
/// # Errors
/// [`KeyError::Private`].
pub fn public_key_of(private_key: &Secret) -> Result<Vec<u8>, KeyError> {
    PrivateKey::Pkcs8(private_key.clone()).public_key()
}

/// Whether somebody can prove to a listener or connection of ours to hold the private half of this: a
/// SubjectPublicKeyInfo, DER, of a point of P-256, uncompressed.
///
/// # Errors
/// [`KeyError::Public`].
pub fn check_public_key(public_key: &[u8]) -> Result<(), KeyError> {
    match public_key_of_spki(public_key) {
        Ok(_) => Ok(()),
        Err(error) => Err(KeyError::Public(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::KeyPair;

    #[test]
    fn a_public_key_follows_from_its_private_key() {
        let pair = KeyPair::generate().unwrap();
        let public = public_key_of(&Secret::new(pair.serialize_der())).unwrap();
        assert_eq!(public, pair.public_key_der());
        assert_eq!(check_public_key(&public), Ok(()));
        let other = Secret::new(KeyPair::generate().unwrap().serialize_der());
        assert_ne!(public_key_of(&other).unwrap(), public);
    }

    #[test]
    fn what_is_no_key_of_the_kind_is_refused() {
        let foreign = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
        for private_key in [vec![], vec![0x30; 40], foreign.serialize_der()] {
            let error = public_key_of(&Secret::new(private_key)).unwrap_err();
            assert!(error.to_string().contains("P-256"), "{error}");
        }
        let public = KeyPair::generate().unwrap().public_key_der();
        let mut off_curve = public.clone();
        *off_curve.last_mut().unwrap() ^= 1;
        for (der, said) in [
            (vec![], "malformed"),
            (public[..90].to_vec(), "malformed"),
            ([&public[..], &[0]].concat(), "malformed"),
            (off_curve, "no point"),
            (foreign.public_key_der(), "not of P-256"),
        ] {
            let error = check_public_key(&der).unwrap_err().to_string();
            assert!(error.contains(said), "{said}: {error}");
        }
    }
}
