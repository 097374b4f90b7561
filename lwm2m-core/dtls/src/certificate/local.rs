//! Our own certificate.

use super::{CertificateError, CredentialError, x509::Certificate};
use crate::crypto::Signer;
use alloc::{sync::Arc, vec::Vec};
use core::fmt;

/// Our certificate chain with the private key that signs for it (RFC 5246, sections 7.4.2 and 7.4.6).
#[derive(Clone)]
pub struct LocalCertificate {
    chain: Vec<Vec<u8>>,
    signer: Arc<dyn Signer>,
}

impl LocalCertificate {
    /// `chain` has the end entity first, each DER; the root need not be in it.
    ///
    /// # Errors
    ///
    /// [`CredentialError::Own`] where a certificate is missing, cannot be read, or may not sign handshakes,
    /// [`CredentialError::KeyMismatch`] where `signer` has another key than the end entity.
    pub fn new(chain: Vec<Vec<u8>>, signer: Arc<dyn Signer>) -> Result<Self, CredentialError> {
        let own = |index| move |reason| CredentialError::Own { index, reason };
        for (index, der) in chain.iter().enumerate().skip(1) {
            Certificate::read(der).map_err(own(index))?;
        }
        let end_entity = chain
            .first()
            .ok_or(CertificateError::Missing)
            .and_then(|der| Certificate::read(der))
            .map_err(own(0))?;
        if !end_entity.may_sign() {
            return Err(own(0)(CertificateError::KeyUsage));
        }
        if end_entity.public_key(None).map_err(own(0))? != signer.public_key() {
            return Err(CredentialError::KeyMismatch);
        }
        Ok(LocalCertificate { chain, signer })
    }

    /// The certificates as they are sent, end entity first, each DER.
    pub fn chain(&self) -> &[Vec<u8>] {
        &self.chain
    }

    /// The private key of the end entity.
    pub fn signer(&self) -> &Arc<dyn Signer> {
        &self.signer
    }
}

impl fmt::Debug for LocalCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "LocalCertificate({} certificates, {:?})",
            self.chain.len(),
            self.signer.public_key()
        )
    }
}
