//! The endpoint: routes records to handshakes and sessions, and turns the one into the other.
//!
//! ```text
//!  handle_datagram                       by what a record says of itself                       poll_event
//!        │                                                                                         ▲
//!        │   Connection ID   ┌─────────────────────────────────────────────┐   data, closed        │
//!        ├──────────────────▶│ session: window, open, note; move if newest │───────────────────────┤
//!        │   epoch 1, address│                                             │                       │
//!        ├──────────────────▶│                                             │                       │
//!        │                   └───────────▲─────────────────────────────────┘                       │
//!        │                               │ complete                                                │
//!        │   epoch 0, address┌───────────┴───────────┐  key wanted, peer wanted                    │
//!        ├──────────────────▶│ handshake             │─────────────────────────────────────────────┤
//!        │                   └───────────▲───────────┘                                             │
//!        │   ClientHello                 │ cookie right                                            │
//!        └──────────────────▶ no cookie: HelloVerifyRequest, and nothing kept                      │
//!                                                                                                  │
//!  handle_timeout ─▶ flights repeated, handshakes given up, idle sessions closed ──────────────────┘
//! ```

mod event;
mod export;
mod hello;
mod lingering;
mod sessions;
mod table;

pub use event::{Agreed, Connection, Event, KeyAnswer, Metrics, SendError, Transmit};
pub use export::{Export, ImportError};

use crate::{
    config::{ClientConfig, ConfigError, EndpointConfig, ServerConfig},
    crypto::{Provider, prf::Side},
    handshake::{Abort, Answer, Cause, Context, Handshake, Progress, cookie::Cookies},
    resumption::{Resumable, Resumables, Resumption, Tickets},
    session::Session,
    wire::{
        hello::MAX_SESSION_ID,
        record::{ContentType, Record, next_record},
    },
};
use alloc::{boxed::Box, collections::VecDeque, sync::Arc, vec, vec::Vec};
use core::{fmt, net::SocketAddr};
use lingering::Lingering;
use lwm2m_core::{
    engine::CloseReason, peer::PeerIdentity, secret::Secret, time::Instant, timer::Wheel,
};
use rand_core::RngCore;
use sessions::Outcome;
use table::Table;

#[derive(Debug, Clone, Copy)]
enum Timer {
    Handshake(Connection),
    /// The quietest session may have become idle.
    Idle,
}

/// A DTLS 1.2 endpoint, client and server at once, for any number of peers behind one socket (RFC 6347, sections 4.1
/// and 4.2).
///
/// Sans-I/O: hand in what arrives and that time passes, then drain [`Endpoint::poll_transmit`] and
/// [`Endpoint::poll_event`]. Time and randomness come from outside.
pub struct Endpoint {
    config: EndpointConfig,
    server: Option<ServerConfig>,
    provider: Arc<dyn Provider>,
    random: Box<dyn RngCore + Send>,
    /// The latest moment that was handed in.
    now: Instant,
    cookies: Cookies,
    resumables: Resumables,
    tickets: Tickets,
    table: Table,
    timers: Wheel<Timer>,
    lingering: Lingering,
    idle_timer: bool,
    metrics: Metrics,
    transmits: VecDeque<(SocketAddr, Vec<u8>)>,
    events: VecDeque<Event>,
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("sessions", &self.table.sessions())
            .field("handshakes", &self.table.handshakes())
            .finish_non_exhaustive()
    }
}

impl Endpoint {
    /// An endpoint that connects, and that accepts where `server` says how. `random` must be unpredictable.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] where bounds or credentials contradict each other.
    pub fn new(
        config: EndpointConfig,
        server: Option<ServerConfig>,
        provider: Arc<dyn Provider>,
        random: Box<dyn RngCore + Send>,
    ) -> Result<Self, ConfigError> {
        config.check()?;
        if let Some(server) = &server {
            server.check()?;
        }
        Ok(Endpoint {
            cookies: Cookies::new(config.cookie_lifetime),
            tickets: Tickets::new(config.ticket_lifetime),
            resumables: Resumables::new(config.max_resumable, config.max_sessions_per_identity),
            config,
            server,
            provider,
            random,
            now: Instant::ZERO,
            table: Table::new(),
            timers: Wheel::new(),
            lingering: Lingering::default(),
            idle_timer: false,
            metrics: Metrics::default(),
            transmits: VecDeque::new(),
            events: VecDeque::new(),
        })
    }

    /// Seals tickets under a key made of this secret, for as long as no other is given; those under the one before are
    /// good for another [`EndpointConfig::ticket_lifetime`]. Several nodes with the same secrets take each other's
    /// tickets, and so does a process that is started anew: where credentials are removed, a new secret has to be given
    /// to all of those to whom [`Endpoint::forget`] was not said. Their ages are told by
    /// [`EndpointConfig::unix_at_zero`].
    ///
    /// # Errors
    ///
    /// [`ConfigError::TicketKey`] where the secret is shorter than 16 bytes, and [`ConfigError::TicketClock`] where there
    /// is no `unix_at_zero`.
    pub fn set_ticket_key(&mut self, now: Instant, secret: &Secret) -> Result<(), ConfigError> {
        if self.config.unix_at_zero.is_none() {
            return Err(ConfigError::TicketClock);
        }
        self.set_now(now);
        match self.tickets.give_key(self.now, secret) {
            true => Ok(()),
            false => Err(ConfigError::TicketKey),
        }
    }

    /// What the clock of the system shows now, seconds since 1970; `None`: there is none. From here on certificates and
    /// tickets are judged by it, in place of what [`EndpointConfig::unix_at_zero`] said: a device or gateway without a
    /// clock of its own learns the time late. It costs next to nothing, so it can be said before every datagram of a
    /// handshake. Differences of a second are rounding and change nothing.
    pub fn set_unix_time(&mut self, now: Instant, unix: Option<u64>) {
        self.set_now(now);
        let zero = unix.map(|unix| unix.saturating_sub(self.now.as_micros() / 1_000_000));
        match (zero, self.config.unix_at_zero) {
            (Some(zero), Some(known)) if zero.abs_diff(known) <= 1 => {}
            _ => self.config.unix_at_zero = zero,
        }
    }

    /// What that clock shows at the latest moment that was handed in.
    pub fn unix_time(&self) -> Option<u64> {
        self.config.unix_time(self.now)
    }

    /// Begins a handshake with a server.
    ///
    /// # Errors
    ///
    /// [`ConfigError::NoSuite`] where the credentials serve none of the suites, [`ConfigError::FragmentLength`] and
    /// [`ConfigError::ServerName`] where the length of fragments or the name of the server cannot be said.
    pub fn connect(
        &mut self,
        now: Instant,
        address: SocketAddr,
        config: ClientConfig,
    ) -> Result<Connection, ConfigError> {
        config.check()?;
        self.set_now(now);
        let own_id = self.new_id();
        let handshake = self.with_context(|cx| Handshake::connect(cx, address, own_id, config));
        Ok(self.insert_handshake(Box::new(handshake)))
    }

    /// Takes in a datagram; its bytes are decrypted where they stand.
    pub fn handle_datagram(&mut self, now: Instant, from: SocketAddr, datagram: &mut [u8]) {
        self.set_now(now);
        let mut rest = datagram;
        while let Some(record) = next_record(&mut rest, self.id_len()) {
            self.on_record(from, record);
        }
    }

    fn on_record(&mut self, from: SocketAddr, record: Record<'_>) {
        if record.content_type == ContentType::ConnectionId {
            match self.table.with_id(record.connection_id()) {
                Some(connection) if self.table.session(connection).is_some() => {
                    self.on_session_record(connection, from, record);
                }
                Some(connection) => self.on_handshake_record(connection, record),
                None => self.metrics.records_strayed += 1,
            }
            return;
        }
        if record.epoch == 0 {
            if record.content_type == ContentType::Handshake && self.on_hello(from, &record) {
                return;
            }
            match self.table.handshake_at(from) {
                Some(connection) => self.on_handshake_record(connection, record),
                // An established session hears nothing without protection.
                None if self.table.session_at(from).is_some() => self.metrics.records_forged += 1,
                None => self.metrics.records_strayed += 1,
            }
            return;
        }
        match (self.table.handshake_at(from), self.table.session_at(from)) {
            (None, None) => self.metrics.records_strayed += 1,
            (None, Some(session)) => self.on_session_record(session, from, record),
            (Some(handshake), None) => self.on_handshake_record(handshake, record),
            (Some(handshake), Some(session)) => {
                // A device has begun anew beside its session, or somebody lets it look so: it is for the session if it
                // opens there.
                let mut copy = [record.header, &*record.body].concat();
                let mut rest = &mut copy[..];
                let id_len = self.id_len();
                let outcome = next_record(&mut rest, id_len)
                    .map(|copy| self.try_session_record(session, from, copy));
                if outcome == Some(Outcome::Opened) {
                    return;
                }
                if outcome == Some(Outcome::Forged) {
                    // An attempt all the same: who begins a handshake must not have more of them.
                    self.note_forgery(session);
                }
                self.on_handshake_record(handshake, record);
            }
        }
    }

    /// Takes in that time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.set_now(now);
        while let Some(timer) = self.timers.expire(self.now) {
            match timer {
                Timer::Handshake(connection) => self.on_handshake_timer(connection),
                Timer::Idle => self.on_idle_timer(),
            }
        }
        while let Some(connection) = self.lingering.expire(self.now) {
            self.forget_last_flight(connection);
        }
    }

    /// When [`Endpoint::handle_timeout`] wants to be called next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let times = [self.timers.next(), self.lingering.next()];
        times.into_iter().flatten().min()
    }

    /// The next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        let (to, data) = self.transmits.pop_front()?;
        Some(Transmit { to, data })
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// What was counted so far.
    pub fn metrics(&self) -> Metrics {
        self.metrics
    }

    /// How many sessions stand.
    pub fn session_count(&self) -> usize {
        self.table.sessions()
    }

    /// All sessions that stand.
    pub fn sessions(&self) -> Vec<Connection> {
        let sessions = self.table.all_sessions();
        sessions.map(|(connection, _)| connection).collect()
    }

    /// The sessions of an identity. It costs as much as they are many.
    pub fn sessions_of(&self, identity: &PeerIdentity) -> Vec<Connection> {
        self.table.all_sessions_of(identity)
    }

    /// How many handshakes are under way.
    pub fn handshake_count(&self) -> usize {
        self.table.handshakes()
    }

    /// Bytes that sessions and their indexes take, spare capacity included, counted by walking over all of them.
    pub fn session_bytes(&self) -> usize {
        let heaps = self.table.all_sessions().map(|(_, session)| session.heap());
        let indexes = self.table.size() + self.resumables.size() + self.lingering.size();
        indexes + heaps.sum::<usize>()
    }

    /// Answers [`Event::KeyWanted`]. An answer to a handshake that is gone does nothing.
    pub fn answer_key(&mut self, now: Instant, connection: Connection, answer: KeyAnswer) {
        let answer = match answer {
            KeyAnswer::Key(key) => Answer::Key(key),
            KeyAnswer::Unknown => Answer::UnknownIdentity,
        };
        self.answer(now, connection, answer);
    }

    /// Answers [`Event::PeerWanted`]. An answer to a handshake that is gone does nothing.
    pub fn answer_peer(&mut self, now: Instant, connection: Connection, accepted: bool) {
        self.answer(now, connection, Answer::Peer { accepted });
    }

    fn answer(&mut self, now: Instant, connection: Connection, answer: Answer) {
        self.set_now(now);
        self.work_on(connection, |handshake, cx| handshake.answer(cx, answer));
    }

    fn on_handshake_record(&mut self, connection: Connection, record: Record<'_>) {
        self.work_on(connection, |handshake, cx| {
            handshake.handle_record(cx, record)
        });
    }

    fn on_handshake_timer(&mut self, connection: Connection) {
        if let Some(handshake) = self.table.handshake_mut(connection) {
            handshake.timer = None;
        }
        self.work_on(connection, |handshake, cx| {
            handshake.handle_timeout(cx)?;
            Ok(Progress::Waiting)
        });
    }

    /// Lets a handshake do something, and does what follows.
    fn work_on(
        &mut self,
        connection: Connection,
        work: impl FnOnce(&mut Handshake, &mut Context<'_>) -> Result<Progress, Abort>,
    ) {
        let Some(mut handshake) = self.table.take_handshake(connection) else {
            return;
        };
        let progress = self.with_context(|cx| work(&mut handshake, cx));
        match progress {
            Ok(Progress::Complete) => return self.complete(connection, handshake),
            Err(abort) => return self.fail(connection, handshake, abort),
            Ok(Progress::Waiting) => {}
            Ok(Progress::KeyWanted(identity)) => self.events.push_back(Event::KeyWanted {
                connection,
                identity,
            }),
            Ok(Progress::PeerWanted(identity)) => self.events.push_back(Event::PeerWanted {
                connection,
                identity,
            }),
        }
        self.arm(connection, &mut handshake);
        self.table.put_back(connection, handshake);
    }

    fn arm(&mut self, connection: Connection, handshake: &mut Handshake) {
        if let Some(timer) = handshake.timer.take() {
            self.timers.cancel(timer);
        }
        let at = handshake.poll_timeout();
        handshake.timer = Some(self.timers.set(at, Timer::Handshake(connection)));
    }

    fn insert_handshake(&mut self, handshake: Box<Handshake>) -> Connection {
        self.metrics.handshakes_started += 1;
        let (connection, replaced) = self.table.insert_handshake(handshake);
        if let Some((old, replaced)) = replaced {
            self.metrics.handshakes_failed += 1;
            self.report_end(old, &replaced, CloseReason::Replaced);
        }
        if let Some(mut handshake) = self.table.take_handshake(connection) {
            self.arm(connection, &mut handshake);
            self.table.put_back(connection, handshake);
        }
        connection
    }

    fn fail(&mut self, connection: Connection, mut handshake: Box<Handshake>, abort: Abort) {
        tracing::debug!(address = %handshake.address, reason = %abort.reason, "handshake failed");
        if abort.reason == CloseReason::HandshakeTimeout {
            self.metrics.handshakes_timed_out += 1;
        } else {
            self.metrics.handshakes_failed += 1;
        }
        match abort.cause {
            Cause::UnknownIdentity => self.metrics.unknown_identities += 1,
            Cause::WrongKey => self.metrics.wrong_keys += 1,
            Cause::Certificate => self.metrics.certificates_refused += 1,
            Cause::Other => {}
        }
        if let Some(alert) = abort.alert {
            self.with_context(|cx| handshake.send_alert(cx, alert));
        }
        self.table.abandon(connection, &handshake);
        self.report_end(connection, &handshake, abort.reason);
    }

    /// Reports that a handshake has come to nothing.
    fn report_end(&mut self, connection: Connection, handshake: &Handshake, reason: CloseReason) {
        if let Some(timer) = handshake.timer {
            self.timers.cancel(timer);
        }
        self.events.push_back(match handshake.side {
            Side::Client => Event::Closed { connection, reason },
            Side::Server => Event::Refused {
                connection,
                address: handshake.address,
                identity: handshake.identity().clone(),
                reason,
            },
        });
    }

    /// Turns a handshake into a session.
    fn complete(&mut self, connection: Connection, handshake: Box<Handshake>) {
        let (address, side, timer) = (handshake.address, handshake.side, handshake.timer);
        let handshake_id = handshake.own_id.clone();
        if let Some(timer) = timer {
            self.timers.cancel(timer);
        }
        let Some(mut completed) = handshake.complete() else {
            return;
        };
        self.metrics.handshakes_completed += 1;
        self.metrics.handshakes_resumed += u64::from(completed.resumed);
        let identity = Arc::new(core::mem::replace(
            &mut completed.identity,
            PeerIdentity::None,
        ));
        self.replace_session_at(address, &identity);
        if side == Side::Server {
            self.make_room_of(&identity);
        }
        self.make_room();
        let mut lingers = false;
        let mut session = Session::new(self.now, address, &mut completed, identity.clone());
        if let Some(flight) = completed.last_flight.take() {
            lingers = true;
            session.keep_last_flight(flight, &completed);
        }
        let suite = session.keys.suite;
        tracing::debug!(%address, ?suite, resumed = completed.resumed, "handshake completed");
        self.table
            .become_session(connection, address, &handshake_id, session);
        if lingers {
            let at = self.now + self.config.linger;
            self.lingering.push(at, connection);
            let table = &self.table;
            self.lingering.prune(table.sessions(), |connection| {
                let session = table.session(connection);
                session.is_some_and(|session| session.last_flight.is_some())
            });
        }
        self.watch_idle();
        let resumption = self.remember(connection, side, &mut completed, &identity);
        self.events.push_back(Event::Connected {
            connection,
            identity: identity.clone(),
            address,
            suite,
            resumption,
        });
        self.reserve(connection);
        for data in completed.early_data {
            self.events.push_back(Event::Data {
                connection,
                identity: identity.clone(),
                address,
                data,
            });
        }
        for mut bytes in completed.early {
            let id_len = self.id_len();
            if let Some(record) = next_record(&mut &mut bytes[..], id_len) {
                self.on_session_record(connection, address, record);
            }
        }
    }

    /// Keeps what takes a session up again: in the cache of a server, or as an answer to a client.
    fn remember(
        &mut self,
        connection: Connection,
        side: Side,
        completed: &mut crate::handshake::Completed,
        identity: &Arc<PeerIdentity>,
    ) -> Option<Resumption> {
        let negotiated = &completed.negotiated;
        let mut revocation = completed.revocation.take();
        let resumption = match side {
            Side::Client => {
                let ticket = completed.ticket.take();
                let (ticket, lifetime) =
                    ticket.map_or_else(Default::default, |ticket| (ticket.bytes, ticket.lifetime));
                let mut session_id = core::mem::take(&mut completed.session_id);
                if session_id.is_empty() && !ticket.is_empty() {
                    session_id = vec![0; MAX_SESSION_ID];
                    self.random.fill_bytes(&mut session_id);
                }
                (!session_id.is_empty()).then(|| Resumption {
                    revocation: revocation.get_or_insert_default().clone(),
                    session_id,
                    ticket,
                    lifetime,
                    master: completed.master.clone(),
                    suite: negotiated.suite,
                    extended_master_secret: negotiated.extended_master_secret,
                    asked_fragment: completed.asked_fragment,
                    max_plaintext: negotiated.max_plaintext,
                    identity: identity.clone(),
                })
            }
            Side::Server if !completed.resumed => {
                if let Ok(id) = completed.session_id[..].try_into() {
                    let session = Resumable {
                        master: completed.master.clone(),
                        suite: negotiated.suite,
                        extended_master_secret: negotiated.extended_master_secret,
                        // At most 2^14.
                        max_plaintext: negotiated.max_plaintext as u16,
                        identity: identity.clone(),
                        server_name: completed.server_name.clone(),
                    };
                    let expires = self.now + self.config.resumable_lifetime;
                    revocation = self.resumables.insert(self.now, id, expires, session);
                }
                None
            }
            _ => None,
        };
        if let Some(session) = self.table.session_mut(connection) {
            session.revocation = revocation;
        }
        resumption
    }

    /// Lends what handshakes work with.
    fn with_context<T>(&mut self, work: impl FnOnce(&mut Context<'_>) -> T) -> T {
        work(&mut Context {
            now: self.now,
            config: &self.config,
            server: self.server.as_ref(),
            provider: &*self.provider,
            random: &mut *self.random,
            resumables: &mut self.resumables,
            tickets: &mut self.tickets,
            transmits: &mut self.transmits,
        })
    }

    fn set_now(&mut self, now: Instant) {
        self.now = self.now.max(now);
    }

    fn id_len(&self) -> usize {
        self.config
            .connection_ids
            .as_ref()
            .map_or(0, |ids| ids.length)
    }

    /// Whether a Connection ID is one that we may have given: of our length, and of our shard.
    fn is_own_id(&self, id: &[u8]) -> bool {
        let ids = self.config.connection_ids.as_ref();
        ids.is_some_and(|ids| id.len() == ids.length && id.starts_with(&ids.prefix))
    }

    /// A Connection ID that nobody else has; empty where we want none.
    fn new_id(&mut self) -> Vec<u8> {
        let Some(ids) = &self.config.connection_ids else {
            return Vec::new();
        };
        let mut id = vec![0; ids.length];
        id[..ids.prefix.len()].copy_from_slice(&ids.prefix);
        loop {
            self.random.fill_bytes(&mut id[ids.prefix.len()..]);
            if self.table.with_id(&id).is_none() {
                return id;
            }
        }
    }
}
