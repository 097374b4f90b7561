//! What an endpoint tells its program, and what it counts.

use crate::{crypto::psk::PreSharedKey, resumption::Resumption, suite::CipherSuite};
use alloc::{sync::Arc, vec::Vec};
use core::{fmt, net::SocketAddr};
use lwm2m_core::{engine::CloseReason, peer::PeerIdentity};

/// Names a connection, from its handshake on; never used twice.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Connection(u64);

impl Connection {
    pub(super) const fn new(generation: u32, index: u32) -> Self {
        Connection(((generation as u64) << 32) | index as u64)
    }

    pub(super) const fn index(self) -> usize {
        (self.0 & 0xffff_ffff) as usize
    }

    pub(super) const fn generation(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// As a number, for a [`PeerId`](lwm2m_core::peer::PeerId).
    pub const fn number(self) -> u64 {
        self.0
    }

    /// The inverse of [`Connection::number`]. A number that names no connection does no harm.
    pub const fn from_number(number: u64) -> Self {
        Connection(number)
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Connection({}.{})", self.generation(), self.index())
    }
}

/// A datagram that the driver is to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transmit {
    /// Where to.
    pub to: SocketAddr,
    /// The bytes.
    pub data: Vec<u8>,
}

/// What an endpoint tells the program around it.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// A handshake has succeeded, or a session was imported.
    Connected {
        /// From here on.
        connection: Connection,
        /// Who the peer has proven to be.
        identity: Arc<PeerIdentity>,
        /// Where it is.
        address: SocketAddr,
        /// What was agreed on.
        suite: CipherSuite,
        /// Client: what takes the session up again after its end; as secret as a key.
        resumption: Option<Resumption>,
    },
    /// The plaintext of one record.
    Data {
        /// Whose.
        connection: Connection,
        /// Who that has proven to be.
        identity: Arc<PeerIdentity>,
        /// Where it came from.
        address: SocketAddr,
        /// The bytes.
        data: Vec<u8>,
    },
    /// A connection is gone, or one that was asked for did not come about. Not reported for those that the program
    /// closed itself; handshakes of clients that did not succeed are [`Event::Refused`].
    Closed {
        /// Which; its handle is not used again.
        connection: Connection,
        /// Why.
        reason: CloseReason,
    },
    /// Server: the handshake of a client whose address is proven did not succeed.
    Refused {
        /// Whose.
        connection: Connection,
        /// Where it came from.
        address: SocketAddr,
        /// Who the client says it is, if it has come to say so.
        identity: PeerIdentity,
        /// Why.
        reason: CloseReason,
    },
    /// Server: a client names this PSK identity. [`Endpoint::answer_key`](crate::Endpoint::answer_key) goes on.
    KeyWanted {
        /// Whose handshake waits.
        connection: Connection,
        /// As the client wrote it.
        identity: Vec<u8>,
    },
    /// Server: a client has proven to have this raw public key, or this certificate, which the trust anchors vouch for.
    /// [`Endpoint::answer_peer`](crate::Endpoint::answer_peer) says whether it is let in.
    PeerWanted {
        /// Whose handshake waits.
        connection: Connection,
        /// Who it is.
        identity: PeerIdentity,
    },
    /// With [`EndpointConfig::export_reservation`](crate::EndpointConfig::export_reservation): the session should be
    /// exported and stored, as [`Endpoint::export`](crate::Endpoint::export) says.
    ExportWanted {
        /// Which.
        connection: Connection,
    },
}

/// What a session rests on (RFC 5246, section 6.1).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Agreed {
    /// How its keys came about and its records are protected.
    pub suite: CipherSuite,
    /// Whether it is bound to its handshake (RFC 7627).
    pub extended_master_secret: bool,
    /// Whether the MAC of a CBC suite is over the ciphertext (RFC 7366).
    pub encrypt_then_mac: bool,
    /// The Connection ID in the peer's records; empty: none.
    pub own_id: Vec<u8>,
    /// The Connection ID in ours; empty: none.
    pub peer_id: Vec<u8>,
    /// Longest data of a record, bytes.
    pub max_plaintext: usize,
}

impl Event {
    /// Which connection it is about.
    pub fn connection(&self) -> Connection {
        match self {
            Event::Connected { connection, .. }
            | Event::Data { connection, .. }
            | Event::Closed { connection, .. }
            | Event::Refused { connection, .. }
            | Event::KeyWanted { connection, .. }
            | Event::PeerWanted { connection, .. }
            | Event::ExportWanted { connection } => *connection,
        }
    }
}

/// What is known of a PSK identity: the answer to [`Event::KeyWanted`].
#[derive(Clone)]
pub enum KeyAnswer {
    /// Its key, or the hardware that has it.
    Key(Arc<dyn PreSharedKey>),
    /// Nobody knows it.
    Unknown,
}

impl fmt::Debug for KeyAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            KeyAnswer::Key(_) => "Key(hidden)",
            KeyAnswer::Unknown => "Unknown",
        })
    }
}

/// Why data was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// There is no such session, or not yet.
    #[error("there is no such session")]
    Unknown,
    /// Longer than the peer takes in one record, or than one datagram holds.
    #[error("the data does not fit into one record")]
    TooLong,
    /// No sequence number is left, or none that is stored as reserved.
    #[error("there is no sequence number that may be used")]
    NoSequenceNumber,
}

/// What an endpoint has counted: numbers that only grow, by reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metrics {
    /// Handshakes that began: those of peers with a cookie that was right, and ours.
    pub handshakes_started: u64,
    /// Handshakes that succeeded.
    pub handshakes_completed: u64,
    /// Those of them that took up an earlier session.
    pub handshakes_resumed: u64,
    /// Handshakes that failed; the counters below say more.
    pub handshakes_failed: u64,
    /// Handshakes that ran out of time.
    pub handshakes_timed_out: u64,
    /// Handshakes for a PSK identity that nobody knows.
    pub unknown_identities: u64,
    /// Handshakes whose peer has another key.
    pub wrong_keys: u64,
    /// Certificates, raw public keys and signatures that were not accepted.
    pub certificates_refused: u64,
    /// Cookies that were sent, without anything kept.
    pub cookies_sent: u64,
    /// ClientHellos that are malformed, or of another version.
    pub hellos_refused: u64,
    /// ClientHellos with a right cookie that were turned away because there are too many handshakes.
    pub hellos_over_limit: u64,
    /// Records of nobody: no handshake, no session.
    pub records_strayed: u64,
    /// Records that were repeated, or older than the window.
    pub records_replayed: u64,
    /// Records that did not open under the keys of their session, or that are not protected and should be.
    pub records_forged: u64,
    /// Sessions that a newer one of the same peer replaced.
    pub sessions_replaced: u64,
    /// Sessions that ended because nothing came for too long.
    pub sessions_idle: u64,
    /// Sessions that made room for newer ones.
    pub sessions_over_limit: u64,
    /// Sessions that made room for a newer one of the same identity.
    pub sessions_over_identity_limit: u64,
    /// Sessions that were closed because too many records did not open.
    pub sessions_forged: u64,
    /// Sessions whose peer has moved to another address.
    pub sessions_moved: u64,
}
