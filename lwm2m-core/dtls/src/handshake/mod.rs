//! One handshake, on either side: what it has said and heard, and how the two become keys.
//!
//! Messages come through [`reassembly`] in the order of their numbers ([`hearing`]), [`state`] says whether they may come
//! now, and `client` and `server` say what they mean. What is said goes out as a [`flight`] ([`saying`]), which is
//! repeated until the peer shows that it has it: by its next flight, or by repeating its own last one.

mod abort;
mod client;
mod completed;
pub(crate) mod cookie;
mod early;
mod flight;
mod hearing;
mod reassembly;
mod saying;
mod server;
mod state;

pub(crate) use abort::{Abort, Cause};
pub(crate) use completed::Completed;
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
    resumption::{Resumables, Revocation, Tickets},
    suite::{CipherSuite, KeyExchange},
    wire::{alert::AlertDescription, extension::CertificateType},
};
use alloc::{boxed::Box, collections::VecDeque, sync::Arc, vec::Vec};
use core::{net::SocketAddr, time::Duration};
use lwm2m_core::{engine::CloseReason, peer::PeerIdentity, time::Instant, timer::TimerId};
use rand_core::RngCore;
use reassembly::{Limits, Reassembly};
use state::{Course, State};

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
    /// Of the session that is taken up by its id.
    revocation: Option<Revocation>,
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

    fn hash(&self, length: usize) -> [u8; 32] {
        sha256(&[&self.transcript[..length]])
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
}
