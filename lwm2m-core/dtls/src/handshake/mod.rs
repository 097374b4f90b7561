//! One handshake, on either side: what it has said and heard, and how the two become keys.
//!
//! Messages come through [`reassembly`] in the order of their numbers, [`state`] says whether they may come now, and
//! `client` and `server` say what they mean. What is said goes out as a [`flight`], which is repeated until the peer
//! shows that it has it: by its next flight, or by repeating its own last one.

mod client;
pub(crate) mod cookie;
mod early;
mod flight;
mod reassembly;
mod server;
mod state;

pub(crate) use flight::{Flight, Sealer};
pub(crate) use server::Answer;

use crate::{
    config::{ClientConfig, EndpointConfig, ServerConfig},
    crypto::{
        KeyAgreement, Provider, PublicKey,
        hash::sha256,
        prf::{MasterSecret, Side, VERIFY_DATA_LEN},
    },
    record::{self, Keys, ReplayWindow},
    resumption::{Resumables, Resumption, Tickets},
    suite::{CipherSuite, KeyExchange},
    wire::{
        alert::{Alert, AlertDescription},
        codec::{Malformed, Reader},
        extension::CertificateType,
        handshake::{Fragment, MessageType, put_message},
        record::{ContentType, DTLS_1_2, Record, put_plain},
    },
};
use alloc::{boxed::Box, collections::VecDeque, string::String, sync::Arc, vec::Vec};
use core::{net::SocketAddr, time::Duration};
use flight::Item;
use lwm2m_core::{engine::CloseReason, peer::PeerIdentity, time::Instant, timer::TimerId};
use rand_core::RngCore;
use reassembly::{Limits, Pushed, Reassembly};
use state::{Course, State};

/// How often a flight is repeated because the peer repeats its own, beyond what the timer does.
const MAX_ASKED_REPEATS: u32 = 16;
/// Longest plaintext of a record (RFC 5246, section 6.2.1).
pub(crate) const MAX_PLAINTEXT: usize = 1 << 14;

/// What a handshake works with.
pub(crate) struct Context<'a> {
    pub(crate) now: Instant,
    pub(crate) config: &'a EndpointConfig,
    pub(crate) server: Option<&'a ServerConfig>,
    pub(crate) provider: &'a dyn Provider,
    pub(crate) random: &'a mut (dyn RngCore + 'static),
    pub(crate) resumables: &'a mut Resumables,
    pub(crate) tickets: &'a mut Tickets,
    pub(crate) transmits: &'a mut VecDeque<(SocketAddr, Vec<u8>)>,
}

/// Why a handshake ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Abort {
    /// What the peer is told.
    pub(crate) alert: Option<AlertDescription>,
    pub(crate) reason: CloseReason,
    pub(crate) cause: Cause,
}

/// The causes that are counted apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    UnknownIdentity,
    WrongKey,
    Certificate,
    Other,
}

impl Abort {
    fn new(alert: AlertDescription, why: impl Into<String>) -> Self {
        Abort {
            alert: Some(alert),
            reason: CloseReason::HandshakeFailed(why.into()),
            cause: Cause::Other,
        }
    }

    fn because(mut self, cause: Cause) -> Self {
        self.cause = cause;
        self
    }

    fn unexpected(message: MessageType) -> Self {
        Abort::new(
            AlertDescription::UNEXPECTED_MESSAGE,
            alloc::format!("the peer sent a {message:?} out of turn"),
        )
    }
}

impl From<Malformed> for Abort {
    fn from(_: Malformed) -> Self {
        Abort::new(
            AlertDescription::DECODE_ERROR,
            "the peer sent a malformed message",
        )
    }
}

/// What a handshake needs now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Time, or the peer.
    Waiting,
    /// The key of a PSK identity.
    KeyWanted(Vec<u8>),
    /// A word on a peer that has proven to be this.
    PeerWanted(PeerIdentity),
    Complete,
}

/// What the hellos have settled beside the course.
pub(crate) struct Negotiated {
    pub(crate) suite: CipherSuite,
    pub(crate) encrypt_then_mac: bool,
    pub(crate) extended_master_secret: bool,
    /// Longest plaintext of a record that either side may send.
    pub(crate) max_plaintext: usize,
    /// The peer's Connection ID, which goes into our records; empty: none.
    pub(crate) peer_id: Box<[u8]>,
    /// Whether the peer puts our Connection ID into its records.
    pub(crate) own_id: bool,
    client_certificate: CertificateType,
    server_certificate: CertificateType,
}

enum Role {
    Client(Box<Client>),
    Server(Server),
}

struct Client {
    config: ClientConfig,
    agreement: Option<Box<dyn KeyAgreement>>,
    /// The server's ephemeral key.
    peer_share: Vec<u8>,
    server_key: Option<PublicKey>,
    certificate_requested: bool,
    /// How many HelloVerifyRequests have come.
    cookies: u8,
    ticket: Option<NewTicket>,
}

/// What a server has given to be kept.
pub(crate) struct NewTicket {
    pub(crate) bytes: Vec<u8>,
    pub(crate) lifetime: Option<Duration>,
}

#[derive(Default)]
struct Server {
    agreement: Option<Box<dyn KeyAgreement>>,
    client_key: Option<PublicKey>,
    /// The host that the client asks for; empty: none.
    server_name: Box<[u8]>,
}

/// A handshake under way.
pub(crate) struct Handshake {
    pub(crate) address: SocketAddr,
    pub(crate) side: Side,
    /// The id under which we want to be addressed; reserved as soon as there is a handshake.
    pub(crate) own_id: Vec<u8>,
    pub(crate) timer: Option<TimerId>,
    deadline: Instant,
    repeat_at: Option<Instant>,
    interval: Duration,
    asked_repeats: u32,

    state: State,
    course: Course,
    role: Role,
    inbound: Reassembly,
    flight: Flight,
    /// All messages so far, in the form that is hashed.
    transcript: Vec<u8>,
    next_message: u16,
    plain_sequence: u64,
    sealed_sequence: u64,
    window: ReplayWindow,
    /// In a box, and the master secret in one that is shared, so that they are wiped where they stand: what is moved
    /// leaves a copy behind.
    keys: Option<Box<Keys>>,
    /// Records of epoch 1 that came too early, as they came.
    early: Vec<Vec<u8>>,
    /// Data of the peer that opened before its Finished did.
    early_data: Vec<Vec<u8>>,
    early_bytes: usize,
    bad_records: u32,

    client_random: [u8; 32],
    server_random: [u8; 32],
    session_id: Vec<u8>,
    negotiated: Negotiated,
    master: Option<Arc<MasterSecret>>,
    identity: PeerIdentity,
}

/// What is left of a handshake that has succeeded.
pub(crate) struct Completed {
    pub(crate) keys: Box<Keys>,
    pub(crate) negotiated: Negotiated,
    pub(crate) identity: PeerIdentity,
    pub(crate) own_id: Vec<u8>,
    pub(crate) sealed_sequence: u64,
    pub(crate) plain_sequence: u64,
    pub(crate) window: ReplayWindow,
    pub(crate) early_data: Vec<Vec<u8>>,
    /// Sealed records that came before the peer's Finished was verified.
    pub(crate) early: Vec<Vec<u8>>,
    /// Our last flight, where the peer may not have it.
    pub(crate) last_flight: Option<Flight>,
    pub(crate) master: Arc<MasterSecret>,
    pub(crate) session_id: Vec<u8>,
    pub(crate) resumed: bool,
    /// Client: a ticket for the session.
    pub(crate) ticket: Option<NewTicket>,
    /// Server: the host that the client has asked for; empty: none.
    pub(crate) server_name: Box<[u8]>,
    pub(crate) client_random: [u8; 32],
}

impl Handshake {
    fn new(
        cx: &Context<'_>,
        side: Side,
        role: Role,
        address: SocketAddr,
        own_id: Vec<u8>,
        first_expected: u16,
    ) -> Self {
        let limits = Limits {
            message: cx.config.max_handshake_message,
            bytes: cx.config.max_handshake_bytes,
            // The longest flight has six messages.
            ahead: 8,
        };
        Handshake {
            address,
            side,
            own_id,
            timer: None,
            deadline: cx.now + cx.config.handshake_timeout,
            repeat_at: None,
            interval: cx.config.retransmit_initial,
            asked_repeats: 0,
            state: State::Hello,
            course: Course {
                key_exchange: KeyExchange::Psk,
                resumed: false,
                ticket: false,
            },
            role,
            inbound: Reassembly::new(first_expected, limits),
            flight: Flight::default(),
            transcript: Vec::new(),
            next_message: 0,
            plain_sequence: 0,
            sealed_sequence: 0,
            window: ReplayWindow::default(),
            keys: None,
            early: Vec::new(),
            early_data: Vec::new(),
            early_bytes: 0,
            bad_records: 0,
            client_random: [0; 32],
            server_random: [0; 32],
            session_id: Vec::new(),
            negotiated: Negotiated {
                suite: CipherSuite::PskAes128Ccm8,
                encrypt_then_mac: false,
                extended_master_secret: false,
                max_plaintext: MAX_PLAINTEXT,
                peer_id: Box::default(),
                own_id: false,
                client_certificate: CertificateType::X509,
                server_certificate: CertificateType::X509,
            },
            master: None,
            identity: PeerIdentity::None,
        }
    }

    /// The random of the ClientHello, which tells one handshake from the next.
    pub(crate) fn client_random(&self) -> &[u8; 32] {
        &self.client_random
    }

    /// Who the peer says it is; proven when the handshake is complete.
    pub(crate) fn identity(&self) -> &PeerIdentity {
        &self.identity
    }

    /// When [`Handshake::handle_timeout`] wants to be called.
    pub(crate) fn poll_timeout(&self) -> Instant {
        self.repeat_at
            .map_or(self.deadline, |at| at.min(self.deadline))
    }

    /// Takes in that time has passed.
    pub(crate) fn handle_timeout(&mut self, cx: &mut Context<'_>) -> Result<(), Abort> {
        if cx.now >= self.deadline {
            return Err(Abort {
                alert: None,
                reason: CloseReason::HandshakeTimeout,
                cause: Cause::Other,
            });
        }
        if self.repeat_at.is_some_and(|at| at <= cx.now) {
            self.interval = self
                .interval
                .saturating_mul(2)
                .min(cx.config.retransmit_max);
            self.repeat_at = Some(cx.now + self.interval);
            self.transmit(cx);
        }
        Ok(())
    }

    /// Takes in a record from the peer's address, or with our Connection ID.
    pub(crate) fn handle_record(
        &mut self,
        cx: &mut Context<'_>,
        record: Record<'_>,
    ) -> Result<Progress, Abort> {
        match record.epoch {
            0 => self.on_plain(cx, record.content_type, record.body),
            1 => self.on_sealed(cx, record),
            _ => Ok(Progress::Waiting),
        }
    }

    fn on_plain(
        &mut self,
        cx: &mut Context<'_>,
        content_type: ContentType,
        body: &[u8],
    ) -> Result<Progress, Abort> {
        match content_type {
            ContentType::Handshake => self.on_fragments(cx, 0, body),
            ContentType::Alert => self.on_alert(body),
            // The epoch of a record says which keys it is under; the change itself says nothing more. Data without
            // protection is none.
            _ => Ok(Progress::Waiting),
        }
    }

    fn on_sealed(&mut self, cx: &mut Context<'_>, record: Record<'_>) -> Result<Progress, Abort> {
        if !self.window.admits(record.sequence) {
            return Ok(Progress::Waiting);
        }
        let Some(keys) = &self.keys else {
            let length = record.header.len() + record.body.len();
            if self.may_wait(cx, length) {
                self.early.push([record.header, record.body].concat());
            }
            return Ok(Progress::Waiting);
        };
        // Once a Connection ID is agreed on, it stands in every record (RFC 9146, section 3).
        if self.negotiated.own_id != (record.content_type == ContentType::ConnectionId) {
            return Ok(Progress::Waiting);
        }
        let sequence = record.sequence;
        let Ok((content_type, text)) = keys.open(cx.provider, record) else {
            self.bad_records += 1;
            if self.bad_records < cx.config.max_bad_finished {
                return Ok(Progress::Waiting);
            }
            return Err(
                Abort::new(AlertDescription::DECRYPT_ERROR, "the peer has another key")
                    .because(Cause::WrongKey),
            );
        };
        self.window.note(sequence);
        match content_type {
            ContentType::Handshake => self.on_fragments(cx, 1, text),
            ContentType::Alert => self.on_alert(text),
            ContentType::ApplicationData => {
                if self.may_wait(cx, text.len()) {
                    self.early_data.push(text.to_vec());
                }
                Ok(Progress::Waiting)
            }
            _ => Ok(Progress::Waiting),
        }
    }

    /// Refuses a Connection ID with which not even a Finished fits into one of our datagrams: the data of the session
    /// would fit still less, and its peer would hear nothing.
    fn check_peer_id(cx: &Context<'_>, suite: CipherSuite, id: &[u8]) -> Result<(), Abort> {
        let finished = crate::wire::handshake::HEADER_LEN + VERIFY_DATA_LEN;
        if record::overhead(suite, id.len()) + finished > cx.config.mtu {
            return Err(Abort::new(
                AlertDescription::ILLEGAL_PARAMETER,
                "the peer's Connection ID is too long for our datagrams",
            ));
        }
        Ok(())
    }

    fn on_alert(&self, body: &[u8]) -> Result<Progress, Abort> {
        match Alert::parse(body) {
            Some(alert) if alert.fatal || alert.description == AlertDescription::CLOSE_NOTIFY => {
                let description = alert.description;
                Err(Abort {
                    alert: None,
                    reason: CloseReason::HandshakeFailed(alloc::format!(
                        "the peer sent the alert {description}"
                    )),
                    cause: match description {
                        AlertDescription::UNKNOWN_PSK_IDENTITY => Cause::UnknownIdentity,
                        AlertDescription::DECRYPT_ERROR | AlertDescription::BAD_RECORD_MAC => {
                            Cause::WrongKey
                        }
                        _ => Cause::Other,
                    },
                })
            }
            _ => Ok(Progress::Waiting),
        }
    }

    fn on_fragments(
        &mut self,
        cx: &mut Context<'_>,
        epoch: u16,
        body: &[u8],
    ) -> Result<Progress, Abort> {
        let mut reader = Reader::new(body);
        let mut repeated = false;
        while !reader.is_empty() {
            let Ok(fragment) = Fragment::take(&mut reader) else {
                break;
            };
            // Only a Finished is protected, and it always is.
            if (fragment.message_type == MessageType::Finished) != (epoch == 1) {
                continue;
            }
            let growth = self.inbound.growth(&fragment);
            self.make_way(cx, growth);
            // The end of the peer's last flight, again: once for each time that the flight comes again.
            let ends_flight = self.inbound.is_last_handed_out(&fragment)
                // Behind a ticket, a Finished comes that we may not have.
                && fragment.message_type != MessageType::NewSessionTicket;
            repeated |= self.inbound.push(fragment) == Pushed::Old && ends_flight;
        }
        let progress = self.advance(cx)?;
        // Where the program is asked, the peer waits for an answer that there is not yet.
        let paused = matches!(self.state, State::Key | State::Peer);
        if repeated && !paused && progress == Progress::Waiting {
            self.repeat_as_asked(cx);
        }
        Ok(progress)
    }

    /// The peer repeats itself: it has not heard what we said last.
    fn repeat_as_asked(&mut self, cx: &mut Context<'_>) {
        if self.asked_repeats < MAX_ASKED_REPEATS && !self.flight.is_empty() {
            self.asked_repeats += 1;
            self.transmit(cx);
        }
    }

    /// Takes up what has become complete, as far as the state allows.
    fn advance(&mut self, cx: &mut Context<'_>) -> Result<Progress, Abort> {
        loop {
            match self.state {
                State::Complete => return Ok(Progress::Complete),
                State::Key | State::Peer => return Ok(Progress::Waiting),
                _ => {}
            }
            let Some((message_type, sequence, body)) = self.inbound.pop() else {
                return Ok(Progress::Waiting);
            };
            let progress = self.on_message(cx, message_type, sequence, &body)?;
            if progress != Progress::Waiting {
                return Ok(progress);
            }
        }
    }

    fn on_message(
        &mut self,
        cx: &mut Context<'_>,
        message_type: MessageType,
        sequence: u16,
        body: &[u8],
    ) -> Result<Progress, Abort> {
        tracing::trace!(address = %self.address, ?message_type, state = ?self.state, "handshake message");
        if message_type == MessageType::HelloRequest {
            return Ok(Progress::Waiting);
        }
        let table = match self.side {
            Side::Client => state::client,
            Side::Server => state::server,
        };
        if table(self.state, message_type, self.course).is_none() {
            return Err(Abort::unexpected(message_type));
        }
        // The peer has heard our last flight, else it could not have gone on. With a ticket it begins its own last one,
        // which it repeats only when it is asked.
        if message_type != MessageType::NewSessionTicket || self.course.resumed {
            self.repeat_at = None;
            self.interval = cx.config.retransmit_initial;
        }
        let before = self.transcript.len();
        if message_type != MessageType::HelloVerifyRequest {
            put_message(&mut self.transcript, message_type, sequence, body);
        }
        match self.side {
            Side::Client => self.on_server_message(cx, message_type, body, before)?,
            Side::Server => self.on_client_message(cx, message_type, body, before)?,
        }
        // A hello has chosen the course.
        self.state = table(self.state, message_type, self.course)
            .ok_or_else(|| Abort::unexpected(message_type))?;
        self.after(cx, message_type)
    }

    /// What follows from a message once the state has changed.
    fn after(
        &mut self,
        cx: &mut Context<'_>,
        message_type: MessageType,
    ) -> Result<Progress, Abort> {
        if let Some(wanted) = self.wanted() {
            return Ok(wanted);
        }
        if self.state == State::Complete {
            return Ok(Progress::Complete);
        }
        // The keys are there as soon as Finished is what is waited for.
        if self.state == State::Finished && message_type != MessageType::Finished {
            return self.reopen(cx);
        }
        Ok(Progress::Waiting)
    }

    fn hash(&self, length: usize) -> [u8; 32] {
        sha256(&[&self.transcript[..length]])
    }

    /// Makes a message part of the transcript and of the flight.
    fn say(&mut self, epoch: u16, message_type: MessageType, body: Vec<u8>) {
        let sequence = self.next_message;
        self.next_message += 1;
        put_message(&mut self.transcript, message_type, sequence, &body);
        self.flight.push(Item::Message {
            epoch,
            message_type,
            sequence,
            body,
        });
    }

    /// Changes to the new keys and says Finished.
    fn say_finished(&mut self) -> Result<(), Abort> {
        let hash = self.hash(self.transcript.len());
        let data = self.master()?.verify_data(self.side, &hash).to_vec();
        self.flight.push(Item::ChangeCipherSpec);
        self.say(1, MessageType::Finished, data);
        Ok(())
    }

    /// Compares the peer's Finished, which stands at the end of the transcript.
    fn verify_finished(&self, body: &[u8], before: usize) -> Result<(), Abort> {
        let peer = match self.side {
            Side::Client => Side::Server,
            Side::Server => Side::Client,
        };
        if self.master()?.verifies(peer, &self.hash(before), body) {
            Ok(())
        } else {
            Err(Abort::new(
                AlertDescription::DECRYPT_ERROR,
                "the peer has seen another handshake",
            )
            .because(Cause::WrongKey))
        }
    }

    fn master(&self) -> Result<&MasterSecret, Abort> {
        self.master
            .as_deref()
            .ok_or_else(|| Abort::new(AlertDescription::INTERNAL_ERROR, "there are no keys yet"))
    }

    /// Takes a master secret and makes the keys of both directions.
    fn install(&mut self, cx: &Context<'_>, master: Arc<MasterSecret>) {
        if let Some(log) = &cx.config.danger_key_log {
            log.line(&crate::key_log::line(&self.client_random, &master));
        }
        self.keys = Some(Box::new(Keys::derive(
            self.negotiated.suite,
            self.negotiated.encrypt_then_mac,
            &master,
            &self.client_random,
            &self.server_random,
            self.side,
        )));
        self.master = Some(master);
    }

    /// Sends the flight for the first time.
    fn send_flight(&mut self, cx: &mut Context<'_>, awaits_answer: bool) {
        self.asked_repeats = 0;
        self.interval = cx.config.retransmit_initial;
        self.repeat_at = awaits_answer.then(|| cx.now + self.interval);
        self.transmit(cx);
    }

    fn transmit(&mut self, cx: &mut Context<'_>) {
        let mut sealer = Sealer {
            provider: cx.provider,
            random: &mut *cx.random,
            keys: self.keys.as_deref(),
            plain_sequence: &mut self.plain_sequence,
            sealed_sequence: &mut self.sealed_sequence,
            peer_id: &self.negotiated.peer_id,
        };
        let fragment = self.negotiated.max_plaintext - crate::wire::handshake::HEADER_LEN;
        for datagram in self.flight.datagrams(cx.config.mtu, fragment, &mut sealer) {
            cx.transmits.push_back((self.address, datagram));
        }
    }

    /// Tells the peer why it ends; without protection, since who fails may have other keys.
    pub(crate) fn send_alert(&mut self, cx: &mut Context<'_>, description: AlertDescription) {
        let mut datagram = Vec::new();
        let alert = Alert::fatal(description).encode();
        put_plain(
            &mut datagram,
            ContentType::Alert,
            DTLS_1_2,
            self.plain_sequence,
            &alert,
        );
        self.plain_sequence += 1;
        cx.transmits.push_back((self.address, datagram));
    }

    /// Turns a complete handshake into what a session needs; `None` where it is not complete.
    pub(crate) fn complete(mut self) -> Option<Completed> {
        if self.state != State::Complete {
            return None;
        }
        // Who speaks last may not have been heard: the server in a full handshake, the client in a resumed one.
        let spoke_last = (self.side == Side::Server) != self.course.resumed;
        let (server_name, ticket) = match self.role {
            Role::Server(server) => (server.server_name, None),
            Role::Client(client) => {
                // Who takes a session up and is given no other ticket, keeps the one it has.
                let kept = client.config.resumption.filter(|_| self.course.resumed);
                let kept = kept.filter(Resumption::is_ticket).map(|kept| NewTicket {
                    lifetime: kept.lifetime,
                    bytes: kept.ticket,
                });
                (Box::default(), client.ticket.or(kept))
            }
        };
        Some(Completed {
            keys: self.keys.take()?,
            master: self.master.take()?,
            negotiated: self.negotiated,
            identity: self.identity,
            own_id: self.own_id,
            sealed_sequence: self.sealed_sequence,
            plain_sequence: self.plain_sequence,
            window: self.window,
            early_data: self.early_data,
            early: self.early,
            last_flight: spoke_last.then_some(self.flight),
            session_id: self.session_id,
            resumed: self.course.resumed,
            ticket,
            server_name,
            client_random: self.client_random,
        })
    }
}
