//! What a coaps listener is told.

use crate::credentials::CredentialSource;
use lwm2m_core::secret::Secret;
use std::{fmt, sync::Arc, time::Duration};

/// Credentials and bounds of one coaps listener.
#[non_exhaustive]
#[derive(Clone)]
pub struct DtlsServerConfig {
    /// Where pre-shared keys are found and certificates are judged.
    pub credentials: Arc<dyn CredentialSource>,
    /// Our certificate, for clients that offer ECDHE_ECDSA suites; without it they are refused.
    pub certificate: Option<ServerCertificate>,
    /// Trust anchors for client certificates, each DER. A client without a certificate that one of them vouches for is
    /// refused.
    pub client_trust_anchors: Vec<Vec<u8>>,
    /// Time for a whole handshake. Default 30 s.
    pub handshake_timeout: Duration,
    /// Time to the first retransmission of a handshake flight; the backend does not back off. Default 1 s.
    pub retransmit_interval: Duration,
    /// Longest datagram of a handshake, in bytes of UDP payload; longer messages are sent in fragments. Default 1232,
    /// which fits every IPv6 link.
    pub max_handshake_datagram: usize,
    /// Bytes that one handshake may receive, retransmissions included; what comes beyond is dropped. Default 128 KiB.
    pub max_handshake_bytes: usize,
    /// Handshakes going on at one time, each about 50 KiB and up to `max_handshake_bytes` more. When there are as
    /// many, the oldest whose address is not proven gives way to a newer one. Default 256.
    pub max_handshakes: usize,
    /// Handshakes going on at one time with one IP address. Default 64.
    pub max_handshakes_per_address: usize,
    /// Sessions at one time, each about 48 KiB. Default 10,000.
    pub max_sessions: usize,
    /// Datagrams that wait for one session in each direction; what comes beyond is dropped. Default 32.
    pub session_queue: usize,
    /// How long a session lives on without receiving. Default 48 h.
    pub idle_timeout: Duration,
}

/// The certificate of a server and its private key.
#[derive(Debug, Clone)]
pub struct ServerCertificate {
    /// End entity first, each DER.
    pub chain: Vec<Vec<u8>>,
    /// PKCS#8 DER, ECDSA P-256.
    pub private_key: Secret,
}

impl DtlsServerConfig {
    /// Pre-shared keys only, with the default bounds.
    pub fn new(credentials: Arc<dyn CredentialSource>) -> Self {
        DtlsServerConfig {
            credentials,
            certificate: None,
            client_trust_anchors: Vec::new(),
            handshake_timeout: Duration::from_secs(30),
            retransmit_interval: Duration::from_secs(1),
            max_handshake_datagram: 1232,
            max_handshakes: 256,
            max_handshakes_per_address: 64,
            max_handshake_bytes: 128 * 1024,
            max_sessions: 10_000,
            session_queue: 32,
            idle_timeout: Duration::from_secs(48 * 3600),
        }
    }

    /// Serves ECDHE_ECDSA suites, too, with this certificate, to clients whose certificate one of `client_trust_anchors`
    /// vouches for.
    pub fn certificate(
        mut self,
        certificate: ServerCertificate,
        client_trust_anchors: Vec<Vec<u8>>,
    ) -> Self {
        self.certificate = Some(certificate);
        self.client_trust_anchors = client_trust_anchors;
        self
    }

    /// Sets [`idle_timeout`](Self::idle_timeout).
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle_timeout = timeout;
        self
    }

    /// Sets [`handshake_timeout`](Self::handshake_timeout).
    pub fn handshake_timeout(mut self, timeout: Duration) -> Self {
        self.handshake_timeout = timeout;
        self
    }

    /// Sets [`max_handshakes`](Self::max_handshakes) and
    /// [`max_handshakes_per_address`](Self::max_handshakes_per_address).
    pub fn max_handshakes(mut self, in_all: usize, per_address: usize) -> Self {
        self.max_handshakes = in_all;
        self.max_handshakes_per_address = per_address;
        self
    }

    /// Sets [`max_sessions`](Self::max_sessions).
    pub fn max_sessions(mut self, sessions: usize) -> Self {
        self.max_sessions = sessions;
        self
    }
}

impl fmt::Debug for DtlsServerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DtlsServerConfig")
            .field("certificate", &self.certificate.is_some())
            .field("client_trust_anchors", &self.client_trust_anchors.len())
            .finish_non_exhaustive()
    }
}
