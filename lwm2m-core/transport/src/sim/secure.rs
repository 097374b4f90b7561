//! The simulated handshake: who may speak to whom, without the cryptography.

use crate::credentials::CredentialSource;
use lwm2m_core::{
    engine::{CertificateUsage, CloseReason, Credentials},
    peer::{CertificateIdentity, PeerIdentity},
};
use std::{fmt, sync::Arc};

/// What a simulated coaps listener has and asks for.
#[derive(Clone)]
#[non_exhaustive]
pub struct Security {
    /// Judges those who come.
    pub credentials: Arc<dyn CredentialSource>,
    /// The listener's end-entity certificate, DER; without it clients with certificates are refused.
    pub certificate: Option<Vec<u8>>,
    /// The listener's raw public key, SubjectPublicKeyInfo DER; without it clients with raw public keys are refused.
    pub raw_public_key: Option<Vec<u8>>,
    /// Who issued the certificate, for certificate usages 0 and 2: chains are not verified here, this is compared.
    pub issuer: Option<Vec<u8>>,
}

impl Security {
    /// Pre-shared keys only.
    pub fn new(credentials: Arc<dyn CredentialSource>) -> Self {
        Security {
            credentials,
            certificate: None,
            raw_public_key: None,
            issuer: None,
        }
    }

    /// Certificates, too.
    pub fn certificate(mut self, certificate: Vec<u8>, issuer: Option<Vec<u8>>) -> Self {
        self.certificate = Some(certificate);
        self.issuer = issuer;
        self
    }

    /// Raw public keys, too: a client's is what its credentials say it is.
    pub fn raw_public_key(mut self, public_key: Vec<u8>) -> Self {
        self.raw_public_key = Some(public_key);
        self
    }

    /// Both sides' view of who the other is, first the client's identity as the server sees it.
    pub(super) fn handshake(
        &self,
        offered: &Credentials,
    ) -> Result<(PeerIdentity, PeerIdentity), CloseReason> {
        let failed = |why: &str| Err(CloseReason::HandshakeFailed(why.into()));
        match offered {
            Credentials::Psk { identity, key } => match self.credentials.psk(identity) {
                None => failed("the server does not know the identity"),
                Some(known) if known != *key => failed("the keys differ"),
                Some(_) => Ok((
                    PeerIdentity::Psk(identity.clone()),
                    PeerIdentity::Psk(identity.clone()),
                )),
            },
            Credentials::RawPublicKey {
                public_key,
                server_public_key,
                ..
            } => match &self.raw_public_key {
                None => failed("the server has no raw public key"),
                Some(ours) if ours != server_public_key => {
                    failed("the public key of the server is not the expected one")
                }
                Some(_) if !self.credentials.raw_public_key_allowed(public_key) => {
                    failed("the public key of the client is refused")
                }
                Some(ours) => Ok((
                    PeerIdentity::RawPublicKey(public_key.clone()),
                    PeerIdentity::RawPublicKey(ours.clone()),
                )),
            },
            Credentials::Certificate {
                chain,
                server_certificate,
                usage,
                ..
            } => {
                let Some(ours) = &self.certificate else {
                    return failed("the server has no certificate");
                };
                let trusted = match usage {
                    CertificateUsage::CaConstraint | CertificateUsage::TrustAnchorAssertion => {
                        self.issuer.as_ref() == Some(server_certificate)
                    }
                    CertificateUsage::ServiceCertificateConstraint
                    | CertificateUsage::DomainIssuedCertificate => ours == server_certificate,
                };
                if !trusted {
                    return failed("the certificate of the server is not the expected one");
                }
                let Some(theirs) = chain.first() else {
                    return failed("the client has no certificate");
                };
                let theirs = names(theirs);
                if !self.credentials.certificate_allowed(&theirs) {
                    return failed("the certificate of the client is refused");
                }
                Ok((PeerIdentity::from(theirs), PeerIdentity::from(names(ours))))
            }
            _ => Err(CloseReason::Unsupported("coaps without credentials".into())),
        }
    }
}

/// The names in a certificate. Whatever is no certificate has none: tests may use any bytes.
fn names(certificate: &[u8]) -> CertificateIdentity {
    #[cfg(feature = "dtls")]
    if let Ok(names) = lwm2m_dtls::certificate::identity_of_certificate(certificate) {
        return names;
    }
    CertificateIdentity::new(None, Vec::new(), certificate.to_vec())
}

impl fmt::Debug for Security {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Security")
            .field("certificate", &self.certificate.is_some())
            .field("raw_public_key", &self.raw_public_key.is_some())
            .finish_non_exhaustive()
    }
}
