//! What a judge proves itself with, and what it asks of the peer.

use lwm2m_core::{
    engine::{CertificateUsage, Credentials},
    secret::Secret,
};
use lwm2m_transport::{DtlsServerConfig, PskTable, dtls::ServerCertificate};
use std::sync::Arc;

/// A pre-shared key with its identity.
#[derive(Debug, Clone)]
pub struct PskCredentials {
    /// PSK identity.
    pub identity: String,
    /// The key.
    pub key: Secret,
}

/// A certificate, its key, and whom to trust.
#[derive(Debug, Clone)]
pub struct CertificateCredentials {
    /// DER.
    pub certificate: Vec<u8>,
    /// PKCS#8 DER, P-256.
    pub private_key: Secret,
    /// Authority that vouches for the other side, or the other side's own certificate, DER.
    pub trust: Vec<u8>,
}

impl CertificateCredentials {
    /// As a client uses them: `trust` is the trust anchor of the server's certificate, and the host name is checked.
    pub(crate) fn as_client(&self) -> Credentials {
        Credentials::Certificate {
            chain: vec![self.certificate.clone()],
            private_key: self.private_key.clone(),
            server_certificate: self.trust.clone(),
            usage: CertificateUsage::TrustAnchorAssertion,
        }
    }
}

/// A listener that knows these credentials.
pub(crate) fn listener(
    psk: Option<&PskCredentials>,
    certificate: Option<&CertificateCredentials>,
) -> DtlsServerConfig {
    let keys = PskTable::new();
    if let Some(psk) = psk {
        keys.insert(psk.identity.as_bytes(), psk.key.clone());
    }
    let config = DtlsServerConfig::new(Arc::new(keys));
    match certificate {
        Some(ours) => config.certificate(
            ServerCertificate {
                chain: vec![ours.certificate.clone()],
                private_key: ours.private_key.clone().into(),
            },
            vec![ours.trust.clone()],
        ),
        None => config,
    }
}
