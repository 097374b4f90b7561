//! The task of a coaps connection.

use super::{
    backend::{self, Failure, Flights, alert_text},
    record::Records,
    session::Session,
    verify::{ensure_provider, judge_of_server, own_certificate},
    wire::{Role, Shared, Wire},
};
use crate::dtls::{CipherSuite, ExtendedMasterSecret};
use crate::{client::Link, metrics::Metrics, report::Report, udp::PAUSE_AFTER_ERROR};
use lwm2m_core::{
    engine::{CloseReason, Credentials},
    peer::{PeerId, PeerIdentity},
    uri::ServerUri,
};
use lwm2m_dtls::certificate::identity_of_certificate;
use std::{
    io::ErrorKind,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::{
    net::UdpSocket,
    sync::{Mutex, mpsc, oneshot},
};
use tracing::{debug, warn};
use webrtc_dtls::{config::Config, conn::DTLSConn};

/// The most that the backend takes of one datagram.
const MAX_RECEIVABLE: usize = 8192;

/// Datagrams that wait for the backend.
const INBOUND_QUEUE: usize = 32;

pub(crate) async fn run(mut link: Link, target: ServerUri, credentials: Credentials) {
    ensure_provider();
    let config = match configuration(&link, &target, &credentials) {
        Ok(config) => config,
        Err(reason) => return link.closed(reason).await,
    };
    let (socket, address) = match link.socket(&target).await {
        Ok((socket, address)) => (Arc::new(socket), address),
        Err(reason) => return link.closed(reason).await,
    };
    let (feed, inbound) = mpsc::channel(INBOUND_QUEUE);
    let shared = Arc::new(Shared::default());
    let established = AtomicBool::new(false);
    let wire = Wire {
        role: Role::Client,
        socket: socket.clone(),
        remote: address,
        inbound: Mutex::new(inbound),
        shared: shared.clone(),
        metrics: link.metrics.clone(),
    };
    let metrics = link.metrics.clone();
    let pump = Pump {
        peer: link.peer,
        socket: &socket,
        feed,
        shared: &shared,
        established: &established,
        metrics: &metrics,
    };
    let work = async {
        let handshake = backend::handshake(wire, config, true, link.config.handshake_timeout);
        link.metrics.handshakes_started.add();
        let result = tokio::select! {
            result = handshake => result,
            () = closed_by_engine(&mut link.outbound) => return,
        };
        let ready = match result {
            Ok(backend) => identify(backend, &credentials).await,
            Err(failure) => Err(explain(&link.metrics, failure, &shared)),
        };
        match ready {
            Ok((backend, identity)) => {
                established.store(true, Ordering::Release);
                link.metrics.handshakes_completed.add();
                carry(link, backend, identity, address).await;
            }
            Err(reason) => {
                link.metrics.handshakes_failed.add();
                warn!(server = %target, %reason, "DTLS handshake failed");
                link.closed(reason).await;
            }
        }
    };
    // The pump has no end of its own.
    tokio::select! {
        () = work => {}
        () = pump.run() => {}
    }
}

/// Waits until the engine gives the connection up. Nothing can be sent before it stands.
async fn closed_by_engine(outbound: &mut mpsc::Receiver<Vec<u8>>) {
    while outbound.recv().await.is_some() {}
}

fn configuration(
    link: &Link,
    target: &ServerUri,
    credentials: &Credentials,
) -> Result<Config, CloseReason> {
    let unsupported = |what: &str| CloseReason::Unsupported(what.into());
    if link.config.suites != CipherSuite::AEAD {
        return Err(unsupported(
            "a choice of suites with the backend webrtc-dtls",
        ));
    }
    if !link.config.clock.is_of_the_system() {
        return Err(unsupported(
            "another clock than the system's with the backend webrtc-dtls",
        ));
    }
    if link.config.key_store.is_some() {
        return Err(unsupported(
            "keys that are not in memory with the backend webrtc-dtls",
        ));
    }
    if link.config.sessions.is_some() {
        return Err(unsupported(
            "a store of sessions with the backend webrtc-dtls",
        ));
    }
    if link.config.max_resumable > 0 {
        return Err(unsupported("resumption with the backend webrtc-dtls"));
    }
    if link.config.extended_master_secret == ExtendedMasterSecret::Required {
        return Err(unsupported(
            "a required extended master secret with the backend webrtc-dtls",
        ));
    }
    let flights = Flights {
        retransmit_interval: link.config.retransmit_interval,
        max_datagram: link.config.max_handshake_datagram,
    };
    match credentials {
        Credentials::None => Err(unsupported("coaps without credentials")),
        Credentials::Psk { identity, key } => {
            if identity.is_empty() {
                return Err(unsupported("an empty PSK identity"));
            }
            if key.is_empty() {
                return Err(CloseReason::HandshakeFailed("the key is empty".into()));
            }
            Ok(backend::psk_client(
                flights,
                identity.clone(),
                key.clone(),
                link.name_of(target),
            ))
        }
        Credentials::Certificate {
            chain,
            private_key,
            server_certificate,
            usage,
        } => {
            let own = own_certificate(chain, private_key)
                .map_err(|reason| CloseReason::HandshakeFailed(reason.into()))?;
            let judge = judge_of_server(
                *usage,
                server_certificate.clone(),
                &link.config.trust_anchors,
                link.name_of(target),
            )?;
            Ok(backend::certificate_client(
                flights,
                own,
                judge,
                link.name_of(target),
            ))
        }
        _ => Err(unsupported("these credentials")),
    }
}

/// Who the server has proven to be.
async fn identify(
    backend: DTLSConn,
    credentials: &Credentials,
) -> Result<(DTLSConn, PeerIdentity), CloseReason> {
    let identity = match credentials {
        Credentials::Psk { identity, .. } => PeerIdentity::Psk(identity.clone()),
        _ => {
            let state = backend.connection_state().await;
            let names = state
                .peer_certificates
                .first()
                .map(|der| identity_of_certificate(der));
            match names {
                Some(Ok(names)) => PeerIdentity::from(names),
                _ => {
                    let reason = "the certificate of the server is malformed";
                    return Err(CloseReason::HandshakeFailed(reason.into()));
                }
            }
        }
    };
    Ok((backend, identity))
}

fn explain(metrics: &Metrics, failure: Failure, shared: &Shared) -> CloseReason {
    match failure {
        Failure::Timeout => {
            metrics.handshakes_timed_out.add();
            CloseReason::HandshakeTimeout
        }
        Failure::Panicked => {
            metrics.handshakes_panicked.add();
            CloseReason::HandshakeFailed("the DTLS backend failed".into())
        }
        Failure::Error(error) => {
            let text = alert_text(shared).unwrap_or_else(|| error.to_string());
            CloseReason::HandshakeFailed(text)
        }
    }
}

async fn carry(link: Link, backend: DTLSConn, identity: PeerIdentity, address: SocketAddr) {
    let ready = Report::Ready {
        peer: link.peer,
        identity: Arc::new(identity),
        address,
        accepted: None,
    };
    if !link.report(ready).await {
        return;
    }
    // Nobody ends a client's session from outside but the engine.
    let (_end, ended) = oneshot::channel();
    let session = Session {
        peer: link.peer,
        backend,
        outbound: link.outbound,
        end: ended,
        reports: link.reports,
        idle_timeout: None,
        metrics: link.metrics,
    };
    session.run().await;
}

/// Brings what arrives at the socket to the backend, as far as it may see it.
struct Pump<'a> {
    peer: PeerId,
    socket: &'a UdpSocket,
    feed: mpsc::Sender<Vec<u8>>,
    shared: &'a Shared,
    established: &'a AtomicBool,
    metrics: &'a Metrics,
}

impl Pump<'_> {
    async fn run(self) {
        // The backend takes no more; what is longer is cut off, and then malformed.
        let mut buffer = vec![0; MAX_RECEIVABLE];
        loop {
            match self.socket.recv(&mut buffer).await {
                Ok(length) => {
                    self.metrics.datagrams_received.add();
                    let admitted = self.screen(&buffer[..length]);
                    if !admitted.is_empty() && self.feed.try_send(admitted).is_err() {
                        self.metrics.inbound_dropped.add();
                    }
                }
                Err(error) => {
                    debug!(peer = %self.peer, %error, "socket error");
                    self.metrics.socket_errors.add();
                    if error.kind() != ErrorKind::ConnectionRefused {
                        tokio::time::sleep(PAUSE_AFTER_ERROR).await;
                    }
                }
            }
        }
    }

    fn screen(&self, datagram: &[u8]) -> Vec<u8> {
        let established = self.established.load(Ordering::Acquire);
        let mut admitted = Vec::with_capacity(datagram.len());
        for record in Records(datagram) {
            let Ok(record) = record else {
                self.metrics.records_dropped.add();
                break;
            };
            if let Some(suite) = record.chosen_suite()
                && !established
                && self.shared.suite().is_none()
            {
                self.shared.note_suite(suite);
            }
            let suite = self.shared.suite();
            let fits = if established {
                record.fits_session(suite)
            } else {
                record.fits_handshake_as_client(suite)
            };
            if !fits {
                self.metrics.records_dropped.add();
                continue;
            }
            if let Some((level, description)) = record.plain_alert() {
                self.shared.note_alert(level, description);
            }
            admitted.extend_from_slice(record.bytes);
        }
        admitted
    }
}
