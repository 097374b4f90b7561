//! The demultiplexer of one listener: takes datagrams from the socket and brings each record to the session or the
//! handshake of its address.
//!
//! ```text
//!                    ClientHello            done
//!   no entry ───────────────────▶ handshake ─────▶ session
//!      ▲                             │ failed,        │ │
//!      ├─────────────────────────────┘ silent         │ │ ClientHello
//!      │                                  closed      │ ▼
//!      └──────────────────────────────────────────────┴─ session beside handshake
//!                                                         │ done: the old session is replaced
//!                                                         │ failed: it goes on as before
//! ```

use super::handshake::{Client, Security};
use crate::{
    dtls::DtlsServerConfig,
    metrics::Metrics,
    report::{Accepted, Report},
    udp::{MAX_DATAGRAM, PAUSE_AFTER_ERROR},
    webrtc::{
        hello::{ClientHello, HelloError, KeyExchange},
        record::{APPLICATION_DATA, CHANGE_CIPHER_SPEC, Record, Records},
        session::Session,
        wire::{Role, Shared, Wire},
    },
};
use lwm2m_core::{engine::CloseReason, peer::PeerId};
use std::{
    collections::{HashMap, VecDeque, hash_map::Entry},
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};
use tokio::{
    net::UdpSocket,
    sync::{Mutex, mpsc, oneshot, watch},
    task::AbortHandle,
    time::Instant,
};
use tracing::{debug, warn};

/// The most that the backend takes of one datagram.
const MAX_RECEIVABLE: usize = 8192;

/// Datagrams that wait for one session in each direction; what comes beyond is dropped.
const SESSION_QUEUE: usize = 32;

/// How long a handshake must have been silent before a hello of another start of the client takes its place.
const RESTART_AFTER: Duration = Duration::from_millis(900);

pub(super) struct Demultiplexer {
    number: u16,
    socket: Arc<UdpSocket>,
    config: Arc<DtlsServerConfig>,
    security: Arc<Security>,
    reports: mpsc::Sender<Report>,
    alive: mpsc::Sender<()>,
    metrics: Arc<Metrics>,

    routes: HashMap<SocketAddr, Route>,
    next_connection: u64,
    sessions: usize,
    handshakes: usize,
    handshakes_by_ip: HashMap<IpAddr, usize>,
    // Handshakes in the order they began, to give way to newer ones while their address is not proven.
    unproven: VecDeque<(SocketAddr, u64)>,
    notes: mpsc::Receiver<Note>,
    noter: mpsc::Sender<Note>,
}

#[derive(Default)]
struct Route {
    session: Option<Established>,
    handshake: Option<Handshaking>,
}

struct Established {
    connection: u64,
    feed: mpsc::Sender<Vec<u8>>,
    shared: Arc<Shared>,
    end: oneshot::Sender<CloseReason>,
}

struct Handshaking {
    connection: u64,
    feed: mpsc::Sender<Vec<u8>>,
    shared: Arc<Shared>,
    task: AbortHandle,
    random: [u8; 32],
    heard: Instant,
    bytes_left: usize,
    // From here on protected records are the new session's.
    changed_cipher: bool,
}

/// What the tasks tell the demultiplexer.
enum Note {
    Shaken {
        address: SocketAddr,
        connection: u64,
        outcome: Option<Box<Client>>,
    },
    SessionEnded {
        address: SocketAddr,
        connection: u64,
    },
}

impl Demultiplexer {
    pub(super) fn new(
        number: u16,
        socket: Arc<UdpSocket>,
        config: DtlsServerConfig,
        security: Security,
        reports: mpsc::Sender<Report>,
        alive: mpsc::Sender<()>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let (noter, notes) = mpsc::channel(64);
        Demultiplexer {
            number,
            socket,
            config: Arc::new(config),
            security: Arc::new(security),
            reports,
            alive,
            metrics,
            routes: HashMap::new(),
            next_connection: 0,
            sessions: 0,
            handshakes: 0,
            handshakes_by_ip: HashMap::new(),
            unproven: VecDeque::new(),
            notes,
            noter,
        }
    }

    /// Serves until the other side of `running` is dropped.
    pub(super) async fn run(mut self, mut running: watch::Receiver<()>) {
        let mut buffer = vec![0; MAX_DATAGRAM];
        loop {
            tokio::select! {
                received = self.socket.recv_from(&mut buffer) => match received {
                    Ok((length, address)) => {
                        self.metrics.datagrams_received.add();
                        self.datagram(address, &buffer[..length]);
                    }
                    Err(error) => {
                        debug!(listener = self.number, %error, "cannot receive");
                        self.metrics.socket_errors.add();
                        tokio::time::sleep(PAUSE_AFTER_ERROR).await;
                    }
                },
                Some(note) = self.notes.recv() => self.note(note),
                // Nothing is ever sent there.
                _ = running.changed() => break,
            }
        }
        for route in self.routes.into_values() {
            if let Some(handshake) = route.handshake {
                handshake.task.abort();
            }
        }
    }

    fn datagram(&mut self, address: SocketAddr, datagram: &[u8]) {
        let mut to_handshake = Vec::new();
        let mut to_session = Vec::new();
        for record in Records(datagram) {
            let Ok(record) = record else {
                self.metrics.records_dropped.add();
                break;
            };
            if let Some(hello) = record.client_hello() {
                match self.hello(address, hello) {
                    Ok(()) => to_handshake.extend_from_slice(record.bytes),
                    Err(error) => {
                        // An honest device that cannot come in is for an operator to see.
                        let honest = matches!(
                            error,
                            HelloError::NoCommonSuite | HelloError::Unsupported(_)
                        );
                        if honest && self.security.log.take() {
                            warn!(%address, "DTLS handshake refused: {error}");
                        } else {
                            debug!(%address, "ClientHello refused: {error}");
                        }
                        match error {
                            HelloError::NoRoom => self.metrics.hellos_over_limit.add(),
                            _ => self.metrics.hellos_refused.add(),
                        }
                    }
                }
                continue;
            }
            match self.destination(address, &record) {
                Destination::Handshake => to_handshake.extend_from_slice(record.bytes),
                Destination::Session => to_session.extend_from_slice(record.bytes),
                Destination::Repeat(flight) => self.repeat(address, &flight),
                Destination::Nowhere => self.metrics.records_dropped.add(),
            }
        }
        let Some(route) = self.routes.get_mut(&address) else {
            return;
        };
        if !to_session.is_empty()
            && let Some(session) = &route.session
        {
            let fits = to_session.len() <= MAX_RECEIVABLE;
            if !fits || session.feed.try_send(to_session).is_err() {
                self.metrics.inbound_dropped.add();
            }
        }
        if !to_handshake.is_empty()
            && let Some(handshake) = &mut route.handshake
        {
            handshake.heard = Instant::now();
            let length = to_handshake.len();
            let fits = length <= MAX_RECEIVABLE.min(handshake.bytes_left);
            if !fits || handshake.feed.try_send(to_handshake).is_err() {
                self.metrics.inbound_dropped.add();
            } else {
                handshake.bytes_left -= length;
            }
        }
    }

    fn destination(&mut self, address: SocketAddr, record: &Record<'_>) -> Destination {
        let Some(route) = self.routes.get_mut(&address) else {
            return Destination::Nowhere;
        };
        if let Some(handshake) = &mut route.handshake {
            let suite = handshake.shared.suite();
            let proven = suite.is_some();
            if record.epoch == 0 || handshake.changed_cipher || route.session.is_none() {
                if !record.fits_handshake_as_server(suite) {
                    return Destination::Nowhere;
                }
                if record.kind == CHANGE_CIPHER_SPEC && proven {
                    handshake.changed_cipher = true;
                }
                if let Some((level, description)) = record.plain_alert() {
                    handshake.shared.note_alert(level, description);
                }
                return Destination::Handshake;
            }
        }
        let Some(session) = &route.session else {
            return Destination::Nowhere;
        };
        if record.fits_session(session.shared.suite()) {
            if record.kind == APPLICATION_DATA {
                session.shared.forget_last_flight();
            }
            return Destination::Session;
        }
        if !record.repeats_finished() {
            return Destination::Nowhere;
        }
        match session.shared.repeat_last_flight() {
            Some(flight) => Destination::Repeat(flight),
            None => Destination::Nowhere,
        }
    }

    fn repeat(&self, address: SocketAddr, flight: &[u8]) {
        // A datagram lost is what brought us here; one more does no harm.
        match self.socket.try_send_to(flight, address) {
            Ok(_) => self.metrics.datagrams_sent.add(),
            Err(error) => debug!(%address, %error, "cannot repeat the last flight"),
        }
    }

    /// Decides whether a hello goes to the handshake of its address, which is begun where it needs to be.
    fn hello(
        &mut self,
        address: SocketAddr,
        hello: Result<(u16, ClientHello), HelloError>,
    ) -> Result<(), HelloError> {
        let (sequence, hello) = hello?;
        let exchange = hello.choose(true, self.security.certificate.is_some())?;
        if let Some(Route {
            handshake: Some(handshake),
            ..
        }) = self.routes.get(&address)
        {
            if handshake.random == hello.random {
                return Ok(());
            }
            if handshake.heard.elapsed() < RESTART_AFTER {
                return Err(HelloError::OutOfTurn("two handshakes with one address"));
            }
        }
        if sequence != 0 || hello.has_cookie {
            return Err(HelloError::OutOfTurn("a cookie that nobody gave"));
        }
        self.abandon(address);
        if !self.has_room(address) {
            return Err(HelloError::NoRoom);
        }
        self.begin(address, hello.random, exchange);
        Ok(())
    }

    fn has_room(&mut self, address: SocketAddr) -> bool {
        let of_ip = self.handshakes_by_ip.get(&address.ip()).copied();
        // A device that comes back takes the place of its own session.
        let comes_back = self.routes.contains_key(&address);
        if (self.sessions >= self.config.max_sessions && !comes_back)
            || of_ip.unwrap_or(0) >= self.config.max_handshakes_per_address
        {
            return false;
        }
        if self.handshakes < self.config.max_handshakes {
            return true;
        }
        // The oldest whose address is not proven gives way: a flood from forged addresses evicts itself.
        while let Some((oldest, connection)) = self.unproven.pop_front() {
            if self.is_unproven(oldest, connection) {
                self.abandon(oldest);
                return true;
            }
        }
        false
    }

    fn is_unproven(&self, address: SocketAddr, connection: u64) -> bool {
        let route = self.routes.get(&address);
        let handshake = route.and_then(|route| route.handshake.as_ref());
        handshake.is_some_and(|handshake| {
            handshake.connection == connection && handshake.shared.suite().is_none()
        })
    }

    fn begin(&mut self, address: SocketAddr, random: [u8; 32], exchange: KeyExchange) {
        let connection = self.next_connection;
        self.next_connection += 1;
        let (feed, inbound) = mpsc::channel(SESSION_QUEUE.max(1));
        let shared = Arc::new(Shared::default());
        let wire = Wire {
            role: Role::Server,
            socket: self.socket.clone(),
            remote: address,
            inbound: Mutex::new(inbound),
            shared: shared.clone(),
            metrics: self.metrics.clone(),
        };
        let (security, metrics) = (self.security.clone(), self.metrics.clone());
        let (noter, alive) = (self.noter.clone(), self.alive.clone());
        let task = tokio::spawn(async move {
            let outcome = security.handshake(exchange, wire, &metrics).await;
            let note = Note::Shaken {
                address,
                connection,
                outcome: outcome.map(Box::new),
            };
            // An error means that the listener is closed.
            let _ = noter.send(note).await;
            drop(alive);
        });
        let handshake = Handshaking {
            connection,
            feed,
            shared,
            task: task.abort_handle(),
            random,
            heard: Instant::now(),
            bytes_left: self.config.max_handshake_bytes,
            changed_cipher: false,
        };
        self.routes.entry(address).or_default().handshake = Some(handshake);
        self.handshakes += 1;
        *self.handshakes_by_ip.entry(address.ip()).or_default() += 1;
        if self.unproven.len() >= self.config.max_handshakes.saturating_mul(2) {
            let unproven = std::mem::take(&mut self.unproven);
            self.unproven = unproven
                .into_iter()
                .filter(|(address, connection)| self.is_unproven(*address, *connection))
                .collect();
        }
        self.unproven.push_back((address, connection));
    }

    /// Ends the handshake of an address, if there is one.
    fn abandon(&mut self, address: SocketAddr) {
        let Some(route) = self.routes.get_mut(&address) else {
            return;
        };
        if let Some(handshake) = route.handshake.take() {
            handshake.task.abort();
            self.handshake_gone(address);
        }
    }

    /// Updates the counts after a handshake has left its route.
    fn handshake_gone(&mut self, address: SocketAddr) {
        self.handshakes = self.handshakes.saturating_sub(1);
        if let Entry::Occupied(mut count) = self.handshakes_by_ip.entry(address.ip()) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
        self.clean(address);
    }

    fn clean(&mut self, address: SocketAddr) {
        if let Entry::Occupied(route) = self.routes.entry(address)
            && route.get().session.is_none()
            && route.get().handshake.is_none()
        {
            route.remove();
        }
    }

    fn note(&mut self, note: Note) {
        match note {
            Note::Shaken {
                address,
                connection,
                outcome,
            } => {
                let Some(route) = self.routes.get_mut(&address) else {
                    return;
                };
                // Of a handshake that was given up nothing counts any more.
                let Some(handshake) = route
                    .handshake
                    .take_if(|handshake| handshake.connection == connection)
                else {
                    return;
                };
                if let Some(outcome) = outcome {
                    self.establish(address, handshake, *outcome);
                }
                self.handshake_gone(address);
            }
            Note::SessionEnded {
                address,
                connection,
            } => {
                self.sessions = self.sessions.saturating_sub(1);
                if let Some(route) = self.routes.get_mut(&address) {
                    route
                        .session
                        .take_if(|session| session.connection == connection);
                    self.clean(address);
                }
            }
        }
    }

    fn establish(&mut self, address: SocketAddr, handshake: Handshaking, client: Client) {
        let connection = handshake.connection;
        let peer = PeerId::from_connection(self.number, connection);
        let (end, ended) = oneshot::channel();
        let (outbound, plaintext) = mpsc::channel(SESSION_QUEUE.max(1));
        let route = self.routes.entry(address).or_default();
        let replaced = route.session.replace(Established {
            connection,
            feed: handshake.feed,
            shared: handshake.shared,
            end,
        });
        if let Some(old) = replaced {
            self.metrics.sessions_replaced.add();
            // An error means that it has just ended by itself.
            let _ = old.end.send(CloseReason::Replaced);
        }
        self.sessions += 1;
        let session = Session {
            peer,
            backend: client.backend,
            outbound: plaintext,
            end: ended,
            reports: self.reports.clone(),
            idle_timeout: Some(self.config.idle_timeout),
            metrics: self.metrics.clone(),
        };
        let ready = Report::Ready {
            peer,
            identity: Arc::new(client.identity),
            address,
            accepted: Some(Accepted {
                outbound,
                key: client.key,
            }),
        };
        let (reports, noter, alive) =
            (self.reports.clone(), self.noter.clone(), self.alive.clone());
        tokio::spawn(async move {
            if reports.send(ready).await.is_ok() {
                session.run().await;
            }
            let note = Note::SessionEnded {
                address,
                connection,
            };
            let _ = noter.send(note).await;
            drop(alive);
        });
    }
}

enum Destination {
    Handshake,
    Session,
    Repeat(Vec<u8>),
    Nowhere,
}
