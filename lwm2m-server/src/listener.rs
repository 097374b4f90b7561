//! Where a server listens.

use crate::error::StartError;
use lwm2m_core::{secret::Secret, uri::Scheme};
use lwm2m_transport::{BindError, CredentialSource, DtlsServerConfig, ServerTransport, dtls};
use std::{fmt, sync::Arc};

/// One socket that a server listens on.
#[derive(Debug, Clone)]
pub struct Listener {
    pub(crate) scheme: Scheme,
    pub(crate) address: String,
    max_handshake_datagram: Option<usize>,
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
            max_handshake_datagram: None,
        }
    }

    /// CoAP over DTLS. `address` is `host:port`; port 0 takes a free one.
    pub fn coaps(address: impl ToString) -> Self {
        Listener {
            scheme: Scheme::Coaps,
            address: address.to_string(),
            max_handshake_datagram: None,
        }
    }

    /// With datagrams of at most so many bytes in DTLS handshakes, for networks that carry less than the 1,280 bytes
    /// of IPv6: 548 for an MTU of 576. Certificates then come in fragments. Default: 1,232. It means nothing without
    /// DTLS.
    #[must_use]
    pub fn max_handshake_datagram(mut self, bytes: usize) -> Self {
        self.max_handshake_datagram = Some(bytes);
        self
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

/// What a server proves itself with on its coaps listeners, beside the pre-shared keys of its devices.
#[derive(Default)]
pub(crate) struct Proofs {
    pub(crate) certificate: Option<ServerCertificate>,
    /// PKCS#8 DER.
    pub(crate) raw_public_key: Option<Secret>,
}

/// Opens the listeners of a server.
pub(crate) async fn open(
    listeners: &[Listener],
    credentials: Arc<dyn CredentialSource>,
    proofs: &Proofs,
) -> Result<ServerTransport, StartError> {
    if listeners.is_empty() {
        return Err(StartError::NoListener);
    }
    let mut builder = ServerTransport::builder();
    for listener in listeners {
        let failed = |reason| StartError::Listen {
            listener: listener.to_string(),
            reason,
        };
        let mut addresses = tokio::net::lookup_host(&listener.address)
            .await
            .map_err(failed)?;
        let nowhere = || failed(std::io::Error::other("the name has no address"));
        let address = addresses.next().ok_or_else(nowhere)?;
        builder = match listener.scheme {
            Scheme::Coaps => {
                let mut config = DtlsServerConfig::new(credentials.clone());
                if let Some(bytes) = listener.max_handshake_datagram {
                    config.max_handshake_datagram = bytes;
                }
                if let Some(ours) = &proofs.certificate {
                    let certificate = dtls::ServerCertificate {
                        chain: ours.chain.clone(),
                        private_key: ours.private_key.clone(),
                    };
                    config = config.certificate(certificate, ours.trust_anchors.clone());
                }
                if let Some(private_key) = &proofs.raw_public_key {
                    config = config.raw_public_key(private_key.clone());
                }
                builder.coaps(address, config)
            }
            _ => builder.coap(address),
        };
    }
    builder.bind().await.map_err(|error| match error {
        BindError::Address {
            scheme,
            address,
            source,
        } => StartError::Listen {
            listener: format!("{}://{address}", scheme.as_str()),
            reason: source,
        },
        other => StartError::Transport(other.to_string()),
    })
}
