//! One handshake of a listener with one client.

use crate::{
    credentials::CredentialSource,
    metrics::Metrics,
    throttle::Throttle,
    webrtc::{
        backend::{self, Failure, Flights, PskLookup, alert_text},
        hello::KeyExchange,
        verify::judge_of_clients,
        wire::Wire,
    },
};
use lwm2m_core::{peer::PeerIdentity, secret::Secret, time::Instant};
use lwm2m_dtls::certificate::identity_of_certificate;
use rustls::RootCertStore;
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tracing::{debug, warn};
use webrtc_dtls::{Error, conn::DTLSConn, crypto::Certificate};

/// What handshakes of one listener need.
pub(super) struct Security {
    pub(super) credentials: Arc<dyn CredentialSource>,
    pub(super) certificate: Option<(Certificate, RootCertStore)>,
    pub(super) flights: Flights,
    pub(super) handshake_timeout: Duration,
    pub(super) log: Log,
}

/// What of failed handshakes is said at `warn`: whoever can send datagrams can cause them.
pub(super) struct Log {
    throttle: Mutex<Throttle>,
    zero: tokio::time::Instant,
}

impl Default for Log {
    fn default() -> Self {
        Log {
            throttle: Mutex::default(),
            zero: tokio::time::Instant::now(),
        }
    }
}

impl Log {
    /// Whether there is a line left.
    pub(super) fn take(&self) -> bool {
        let now = Instant::ZERO + self.zero.elapsed();
        let mut throttle = self.throttle.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(unsaid) = throttle.take(now) else {
            return false;
        };
        if unsaid > 0 {
            warn!(unsaid, "more DTLS handshakes failed than are said here");
        }
        true
    }
}

/// Whoever has completed a handshake.
pub(super) struct Client {
    pub(super) backend: DTLSConn,
    pub(super) identity: PeerIdentity,
    /// The key it has shown to know.
    pub(super) key: Option<Secret>,
}

/// How far the look-up of a key has come.
enum Asked {
    NotYet,
    Unknown(Vec<u8>),
    Known(Vec<u8>, Secret),
}

type Progress = Arc<Mutex<Asked>>;

impl Security {
    /// Runs the handshake, counts its outcome and says in the log what an operator must see of it.
    pub(super) async fn handshake(
        &self,
        exchange: KeyExchange,
        wire: Wire,
        metrics: &Metrics,
    ) -> Option<Client> {
        let (address, shared) = (wire.remote, wire.shared.clone());
        let progress: Progress = Arc::new(Mutex::new(Asked::NotYet));
        let config = match (exchange, &self.certificate) {
            (KeyExchange::Psk, _) => {
                backend::psk_server(self.flights, self.lookup(progress.clone()))
            }
            (KeyExchange::Certificate, Some((own, anchors))) => backend::certificate_server(
                self.flights,
                own.clone(),
                anchors.clone(),
                judge_of_clients(self.credentials.clone()),
            ),
            (KeyExchange::Certificate, None) => return None,
        };
        metrics.handshakes_started.add();
        let result = backend::handshake(wire, config, false, self.handshake_timeout).await;
        let asked = std::mem::replace(
            &mut *progress.lock().unwrap_or_else(PoisonError::into_inner),
            Asked::NotYet,
        );
        match result {
            Ok(backend) => {
                let client = identify(backend, exchange, asked).await;
                match &client {
                    Some(_) => metrics.handshakes_completed.add(),
                    None => metrics.handshakes_failed.add(),
                }
                client
            }
            Err(failure) => {
                metrics.handshakes_failed.add();
                let alert = alert_text(&shared);
                self.report(address, exchange, &failure, asked, alert, metrics);
                None
            }
        }
    }

    fn lookup(&self, progress: Progress) -> PskLookup {
        let credentials = self.credentials.clone();
        Arc::new(move |identity| {
            let found = credentials.psk(identity).filter(|key| !key.is_empty());
            let mut progress = progress.lock().unwrap_or_else(PoisonError::into_inner);
            match found {
                Some(key) => {
                    let bytes = key.expose_secret().to_vec();
                    *progress = Asked::Known(identity.to_vec(), key);
                    Ok(bytes)
                }
                None => {
                    *progress = Asked::Unknown(identity.to_vec());
                    Err(Error::Other("unknown PSK identity".into()))
                }
            }
        })
    }
}

/// Who the client has proven to be; `None` when the backend accepted what proves nothing.
async fn identify(backend: DTLSConn, exchange: KeyExchange, asked: Asked) -> Option<Client> {
    let (identity, key) = match (exchange, asked) {
        (KeyExchange::Psk, Asked::Known(identity, key)) => (PeerIdentity::Psk(identity), Some(key)),
        (KeyExchange::Psk, _) => return None,
        (KeyExchange::Certificate, _) => {
            let state = backend.connection_state().await;
            let names = identity_of_certificate(state.peer_certificates.first()?).ok()?;
            (PeerIdentity::from(names), None)
        }
    };
    Some(Client {
        backend,
        identity,
        key,
    })
}

impl Security {
    fn report(
        &self,
        address: SocketAddr,
        exchange: KeyExchange,
        failure: &Failure,
        asked: Asked,
        alert: Option<String>,
        metrics: &Metrics,
    ) {
        let why = match failure {
            Failure::Timeout => {
                metrics.handshakes_timed_out.add();
                debug!(%address, "DTLS handshake timed out");
                return;
            }
            Failure::Panicked => {
                metrics.handshakes_panicked.add();
                if self.log.take() {
                    warn!(%address, "DTLS handshake refused: the backend panicked");
                }
                return;
            }
            Failure::Error(error) => alert.unwrap_or_else(|| error.to_string()),
        };
        match (exchange, asked) {
            (KeyExchange::Psk, Asked::Unknown(identity)) => {
                metrics.unknown_identities.add();
                if self.log.take() {
                    let identity = PeerIdentity::Psk(identity);
                    warn!(%address, %identity, "DTLS handshake refused: unknown PSK identity");
                }
            }
            // Behind the look-up stands only the client's Finished, which the key must open.
            (KeyExchange::Psk, Asked::Known(identity, _)) => {
                metrics.wrong_keys.add();
                if self.log.take() {
                    let identity = PeerIdentity::Psk(identity);
                    warn!(%address, %identity, "DTLS handshake refused: the client has another key for this identity");
                }
            }
            (KeyExchange::Psk, Asked::NotYet) => debug!(%address, why, "DTLS handshake failed"),
            (KeyExchange::Certificate, _) => {
                metrics.certificates_refused.add();
                if self.log.take() {
                    warn!(%address, why, "DTLS handshake with certificates failed");
                }
            }
        }
    }
}
