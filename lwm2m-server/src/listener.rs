//! Where a server listens.

use lwm2m_core::{secret::Secret, uri::Scheme};
use std::fmt;

/// One socket that a server listens on.
#[derive(Debug, Clone)]
pub struct Listener {
    pub(crate) scheme: Scheme,
    pub(crate) address: String,
}

impl Listener {
    /// CoAP over UDP without security. `address` is `host:port`; port 0 takes a free one.
    ///
    /// Who comes this way proves nothing: see
    /// [`danger_accept_unsecured`](crate::ServerBuilder::danger_accept_unsecured).
    pub fn coap(address: impl ToString) -> Self {
        Listener {
            scheme: Scheme::Coap,
            address: address.to_string(),
        }
    }

    /// CoAP over DTLS. `address` is `host:port`; port 0 takes a free one.
    pub fn coaps(address: impl ToString) -> Self {
        Listener {
            scheme: Scheme::Coaps,
            address: address.to_string(),
        }
    }
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.as_str(), self.address)
    }
}

/// What a server proves itself with to devices that use certificates, and which of theirs it trusts.
#[derive(Debug, Clone)]
pub struct ServerCertificate {
    /// The server's chain, end entity first, each DER.
    pub chain: Vec<Vec<u8>>,
    /// Its private key, PKCS#8 DER.
    pub private_key: Secret,
    /// The authorities whose device certificates are accepted, each DER. A pinned certificate
    /// ([`CertificateMatch::Pinned`](crate::CertificateMatch::Pinned)) is accepted without one.
    pub trust_anchors: Vec<Vec<u8>>,
}
