//! coaps listeners, as the server transport sees them.

mod demux;
mod handshake;

use super::{
    backend::Flights,
    verify::{anchors, ensure_provider, own_certificate},
};
use crate::{
    credentials::CredentialSource,
    dtls::{DtlsServerConfig, PrivateKey},
    metrics::Metrics,
    report::{Accepted, Report},
    server::BindError,
    transport::Received,
};
use demux::Demultiplexer;
use handshake::{Log, Security};
use lwm2m_core::{
    engine::CloseReason,
    peer::{PeerId, PeerIdentity},
    secret::Secret,
    uri::Scheme,
};
use std::{
    collections::{HashMap, HashSet, VecDeque},
    net::SocketAddr,
    sync::Arc,
    task::{Context, Poll},
};
use tokio::{
    net::UdpSocket,
    sync::{mpsc, watch},
};
use tracing::debug;

/// Reports of all sessions that wait for the engine, up to 8 KiB each; beyond them sessions stop reading.
const REPORT_QUEUE: usize = 1024;

struct Handle {
    // Dropping it ends the session with a goodbye.
    outbound: mpsc::Sender<Vec<u8>>,
    identity: Arc<PeerIdentity>,
    address: SocketAddr,
}

/// The transport's side of all coaps listeners.
pub(crate) struct SecureListeners {
    sessions: HashMap<PeerId, Handle>,
    by_identity: HashMap<Arc<PeerIdentity>, HashSet<PeerId>>,
    // By listener.
    credentials: HashMap<u16, Arc<dyn CredentialSource>>,
    // Sessions ended by `forget`, taken by the very next polls.
    forgotten: VecDeque<PeerId>,
    reports: mpsc::Receiver<Report>,
    reporter: mpsc::Sender<Report>,
    // Dropped to stop the demultiplexers.
    running: Option<watch::Sender<()>>,
    running_view: watch::Receiver<()>,
    // Every task holds a sender; when all are gone, `shutdown` is complete.
    alive: Option<mpsc::Sender<()>>,
    all_gone: mpsc::Receiver<()>,
    metrics: Arc<Metrics>,
}

impl SecureListeners {
    pub(crate) fn new(metrics: Arc<Metrics>) -> Self {
        let (reporter, reports) = mpsc::channel(REPORT_QUEUE);
        let (running, running_view) = watch::channel(());
        let (alive, all_gone) = mpsc::channel(1);
        SecureListeners {
            sessions: HashMap::new(),
            by_identity: HashMap::new(),
            credentials: HashMap::new(),
            forgotten: VecDeque::new(),
            reports,
            reporter,
            running: Some(running),
            running_view,
            alive: Some(alive),
            all_gone,
            metrics,
        }
    }

    /// Opens listener `number` and returns its address.
    pub(crate) async fn bind(
        &mut self,
        number: u16,
        address: SocketAddr,
        config: DtlsServerConfig,
    ) -> Result<SocketAddr, BindError> {
        let security =
            security(&config).map_err(|reason| BindError::Configuration { address, reason })?;
        let unavailable = |source| BindError::Address {
            scheme: Scheme::Coaps,
            address,
            source,
        };
        let socket = UdpSocket::bind(address).await.map_err(unavailable)?;
        let local = socket.local_addr().map_err(unavailable)?;
        let Some(alive) = &self.alive else {
            return Err(BindError::ListenerCount);
        };
        self.credentials.insert(number, config.credentials.clone());
        let demultiplexer = Demultiplexer::new(
            number,
            Arc::new(socket),
            config,
            security,
            self.reporter.clone(),
            alive.clone(),
            self.metrics.clone(),
        );
        tokio::spawn(demultiplexer.run(self.running_view.clone()));
        Ok(local)
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Received> {
        loop {
            if let Some(peer) = self.forgotten.pop_front() {
                let reason = CloseReason::CredentialsRemoved;
                return Poll::Ready(Received::Closed { peer, reason });
            }
            match self.reports.poll_recv(cx) {
                Poll::Ready(Some(report)) => {
                    if let Some(received) = self.take_in(report) {
                        return Poll::Ready(received);
                    }
                }
                // `None`: after `shutdown`.
                Poll::Ready(None) | Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// `None` for what comes from sessions that the engine has closed.
    fn take_in(&mut self, report: Report) -> Option<Received> {
        match report {
            Report::Ready {
                peer,
                identity,
                address,
                accepted,
            } => {
                let Accepted { outbound, key } = accepted?;
                if !self.still_good(peer.listener(), &identity, key.as_ref()) {
                    // The session ends with its sender, and the engine never hears of it.
                    debug!(%address, %identity, "credentials removed during the handshake");
                    return None;
                }
                let handle = Handle {
                    outbound,
                    identity: identity.clone(),
                    address,
                };
                self.sessions.insert(peer, handle);
                let resting = self.by_identity.entry(identity.clone()).or_default();
                resting.insert(peer);
                Some(Received::Connected {
                    peer,
                    identity,
                    address,
                })
            }
            Report::Datagram { peer, data } => {
                let handle = self.sessions.get(&peer)?;
                Some(Received::Datagram {
                    peer,
                    identity: handle.identity.clone(),
                    address: handle.address,
                    data,
                })
            }
            Report::Closed { peer, reason } => {
                self.remove(peer)?;
                Some(Received::Closed { peer, reason })
            }
        }
    }

    /// Whether the credentials of a new session have not been removed since its handshake asked for them. Those
    /// removed from now on are a matter of `forget`.
    fn still_good(&self, listener: u16, identity: &PeerIdentity, key: Option<&Secret>) -> bool {
        let Some(credentials) = self.credentials.get(&listener) else {
            return false;
        };
        match identity {
            PeerIdentity::Psk(identity) => credentials.psk(identity).as_ref() == key,
            PeerIdentity::Certificate(names) => credentials.certificate_allowed(names),
            _ => false,
        }
    }

    fn remove(&mut self, peer: PeerId) -> Option<()> {
        let handle = self.sessions.remove(&peer)?;
        if let Some(resting) = self.by_identity.get_mut(&handle.identity) {
            resting.remove(&peer);
            if resting.is_empty() {
                self.by_identity.remove(&handle.identity);
            }
        }
        Some(())
    }

    pub(crate) fn send(&mut self, peer: PeerId, data: Vec<u8>) {
        let taken = self
            .sessions
            .get(&peer)
            .is_some_and(|handle| handle.outbound.try_send(data).is_ok());
        if !taken {
            self.metrics.outbound_dropped.add();
        }
    }

    pub(crate) fn close(&mut self, peer: PeerId) {
        self.remove(peer);
    }

    pub(crate) fn forget(&mut self, identity: &PeerIdentity) {
        let Some(resting) = self.by_identity.remove(identity) else {
            return;
        };
        for peer in resting {
            self.sessions.remove(&peer);
            self.forgotten.push_back(peer);
        }
    }

    pub(crate) async fn shutdown(&mut self) {
        // Sessions that wait for room in the queue see that nobody listens any more.
        self.reports.close();
        while self.reports.try_recv().is_ok() {}
        self.sessions.clear();
        self.by_identity.clear();
        self.running = None;
        self.alive = None;
        // Nothing is ever sent there: `None` says that the last task has ended.
        let _ = self.all_gone.recv().await;
    }
}

/// Makes of the configuration what handshakes need.
fn security(config: &DtlsServerConfig) -> Result<Security, String> {
    if let Some(what) = config.beyond_webrtc() {
        return Err(format!("the backend webrtc-dtls does not offer {what}"));
    }
    ensure_provider();
    let certificate = match &config.certificate {
        None if !config.client_trust_anchors.is_empty() => {
            return Err("trust anchors for clients, but no certificate of the server".into());
        }
        None => None,
        Some(_) if config.client_trust_anchors.is_empty() => {
            return Err("a certificate, but no trust anchors for clients".into());
        }
        Some(certificate) => {
            let PrivateKey::Pkcs8(private_key) = &certificate.private_key else {
                return Err(
                    "the backend webrtc-dtls does not offer private keys in hardware".into(),
                );
            };
            Some((
                own_certificate(&certificate.chain, private_key)?,
                anchors(&config.client_trust_anchors)?,
            ))
        }
    };
    Ok(Security {
        credentials: config.credentials.clone(),
        certificate,
        flights: Flights {
            retransmit_interval: config.retransmit_interval,
            max_datagram: config.max_handshake_datagram,
        },
        handshake_timeout: config.handshake_timeout,
        log: Log::default(),
    })
}
