//! What an endpoint is told: bounds and timings, and the credentials of either side.

use crate::{
    certificate::{ClientTrust, LocalCertificate, ServerTrust},
    crypto::{Signer, psk::PreSharedKey},
    key_log::KeyLog,
    resumption::Resumption,
    suite::CipherSuite,
};
use alloc::{string::String, sync::Arc, vec::Vec};
use core::{fmt, time::Duration};
use lwm2m_core::time::Instant;

/// Longest Connection ID that we can be addressed by, bytes: a bound of ours, RFC 9146 allows 255.
pub const MAX_OWN_CONNECTION_ID: usize = 8;

/// The largest payload of UDP.
pub(crate) const MAX_DATAGRAM: usize = 65_507;

/// Smallest [`EndpointConfig::mtu`], bytes: a bound of ours.
pub const MIN_MTU: usize = 128;

/// Shortest secret that keys for tickets are made of ([`Endpoint::set_ticket_key`](crate::Endpoint::set_ticket_key)), bytes.
pub const MIN_TICKET_SECRET: usize = 16;

/// Whether sessions must be bound to their handshake (RFC 7627, section 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExtendedMasterSecret {
    /// Used with every peer that knows it.
    Preferred,
    /// Peers that do not know it are refused.
    Required,
}

/// What a server answers to a PSK identity that nobody knows (RFC 4279, section 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnknownIdentity {
    /// The alert `unknown_psk_identity` (RFC 4279, section 2): a person who sets a device up sees what is wrong.
    Alert,
    /// The same as to a wrong key: whoever tries names learns nothing.
    Indistinguishable,
}

/// How peers address us (RFC 9146, section 3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionIds {
    /// Begins every id: tells shards or nodes apart. At most 4 bytes.
    pub prefix: Vec<u8>,
    /// Length of the whole id, fixed because records do not tell it; at least 4 bytes more than the prefix, at most
    /// [`MAX_OWN_CONNECTION_ID`]. What is not prefix is random.
    pub length: usize,
}

/// Bounds and timings of an [`Endpoint`](crate::Endpoint), each with what it costs.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct EndpointConfig {
    /// Longest datagram that is sent in a handshake, bytes of UDP payload; messages that do not fit go in fragments.
    /// Default 1,232, which fits every IPv6 link; at least [`MIN_MTU`].
    pub mtu: usize,
    /// Time to the first repetition of a flight, which doubles with each (RFC 6347, section 4.2.4.1). Default 1 s; some
    /// 10 s for NB-IoT.
    pub retransmit_initial: Duration,
    /// Longest time between two repetitions. Default 60 s.
    pub retransmit_max: Duration,
    /// Time for a whole handshake. Default 90 s.
    pub handshake_timeout: Duration,
    /// Handshakes at one time. Each costs some 2 KiB with the messages that were said and heard, which a chain of
    /// certificates makes more, and at most `max_handshake_bytes` beyond them. Beyond it, new ones are refused. Default
    /// 4,096.
    pub max_handshakes: usize,
    /// Handshakes at one time with one IPv4 address, or with one network of 64 bits of IPv6, which is what one host may
    /// have. Default 64.
    pub max_handshakes_per_address: usize,
    /// Longest handshake message, bytes. Default 8 KiB: a chain of four certificates.
    pub max_handshake_message: usize,
    /// Bytes that wait in one handshake: messages for what is missing of them or before them, and records for their keys
    /// or for its end. Records make way for messages. Default 16 KiB.
    pub max_handshake_bytes: usize,
    /// Records that came before their keys or before the end of the handshake and wait for it, as far as
    /// `max_handshake_bytes` has room. Default 8.
    pub max_early_records: usize,
    /// Records of a handshake that do not open under the new keys before it is given up: the peer has another key.
    /// Default 3.
    pub max_bad_finished: u32,
    /// Sessions at one time. Each costs some 400 bytes, and that of a peer with a certificate
    /// as much as its certificate more. Beyond it, the one that was quiet for longest makes room.
    /// Default 1,000,000.
    pub max_sessions: usize,
    /// Sessions at one time of clients with one and the same identity; as many may be taken up again. Beyond it, the one
    /// of them that was quiet for longest is [replaced](lwm2m_core::engine::CloseReason::Replaced) by the new one, so that
    /// a device that has lost its state comes in from wherever it is. Sessions that are imported stay until the next
    /// handshake of their identity. Where each device has a key of its own, a handful does. Default: as many as there
    /// may be in all.
    pub max_sessions_per_identity: usize,
    /// How long a session lives on without receiving. Default 48 h.
    pub idle_timeout: Duration,
    /// How long the last flight of a handshake is kept to be repeated; data from the peer ends it early. Default 240 s,
    /// twice the lifetime of a segment (RFC 6347, section 4.2.4).
    pub linger: Duration,
    /// Records that do not open before a session with tags of 8 bytes is closed: at 2^20, a forger has succeeded with a
    /// probability of 2^-44. Default 2^20.
    pub max_forgeries_short_tag: u32,
    /// The same for tags of 16 bytes and more. Default 2^32 - 1.
    pub max_forgeries: u32,
    /// How we want to be addressed. Default `None`: by network address.
    pub connection_ids: Option<ConnectionIds>,
    /// Default [`ExtendedMasterSecret::Preferred`].
    pub extended_master_secret: ExtendedMasterSecret,
    /// Default [`UnknownIdentity::Alert`].
    pub unknown_identity: UnknownIdentity,
    /// How long a cookie is good for, at least. Default 60 s.
    pub cookie_lifetime: Duration,
    /// Sessions that clients may take up again without a full handshake. Each costs some 300 bytes. Default 0: none; a
    /// Connection ID does more for less.
    pub max_resumable: usize,
    /// How long they may. Default 24 h.
    pub resumable_lifetime: Duration,
    /// How long a ticket is good for, from the full handshake on: clients that ask for one keep their session for us,
    /// sealed (RFC 5077), and are asked again for what it rests on when that time is over. Keys are made of our randomness
    /// and change as often, unless [`Endpoint::set_ticket_key`](crate::Endpoint::set_ticket_key) gives them. Default
    /// `None`: there are no tickets.
    pub ticket_lifetime: Option<Duration>,
    /// How far the clocks may differ of those who take each other's tickets: a ticket that says to be younger than that is
    /// taken as new, and one from further in the future is not taken. It is no less between a process and the one before,
    /// since [`unix_at_zero`](Self::unix_at_zero) counts whole seconds. Tickets made within this time after
    /// [`forget`](crate::Endpoint::forget) was said of their identity are no good either. Default 5 s.
    pub ticket_clock_skew: Duration,
    /// Longest ticket that is made, taken or kept, bytes. One has some 120 bytes and what the client is known by: the
    /// name of its key, or its whole certificate. Default 2,048.
    pub max_ticket: usize,
    /// Sequence numbers that are reserved ahead in an export, so that a crash never uses one twice; more than 2^32 - 1 are
    /// so many. `None`: exports are made at the end only. Default `None`.
    pub export_reservation: Option<u64>,
    /// Seconds since 1970 at [`Instant::ZERO`], to judge the validity of certificates.
    /// `None`: there is no clock. A clock that is set later is followed where
    /// [`Endpoint::set_unix_time`](crate::Endpoint::set_unix_time) says so.
    pub unix_at_zero: Option<u64>,
    /// Hears the secret of every handshake: whoever reads it, reads all traffic. Only to look at traffic of one's own
    /// with Wireshark. Default `None`.
    pub danger_key_log: Option<Arc<dyn KeyLog>>,
}

impl Default for EndpointConfig {
    fn default() -> Self {
        EndpointConfig {
            mtu: 1232,
            retransmit_initial: Duration::from_secs(1),
            retransmit_max: Duration::from_secs(60),
            handshake_timeout: Duration::from_secs(90),
            max_handshakes: 4096,
            max_handshakes_per_address: 64,
            max_handshake_message: 8 * 1024,
            max_handshake_bytes: 16 * 1024,
            max_early_records: 8,
            max_bad_finished: 3,
            max_sessions: 1_000_000,
            max_sessions_per_identity: usize::MAX,
            idle_timeout: Duration::from_secs(48 * 3600),
            linger: Duration::from_secs(240),
            max_forgeries_short_tag: 1 << 20,
            max_forgeries: u32::MAX,
            connection_ids: None,
            extended_master_secret: ExtendedMasterSecret::Preferred,
            unknown_identity: UnknownIdentity::Alert,
            cookie_lifetime: Duration::from_secs(60),
            max_resumable: 0,
            resumable_lifetime: Duration::from_secs(24 * 3600),
            ticket_lifetime: None,
            ticket_clock_skew: Duration::from_secs(5),
            max_ticket: 2048,
            export_reservation: None,
            unix_at_zero: None,
            danger_key_log: None,
        }
    }
}

/// Why a configuration cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// [`EndpointConfig::mtu`] is below [`MIN_MTU`], or more than a datagram can hold.
    #[error("the MTU must be from {MIN_MTU} to {MAX_DATAGRAM} bytes")]
    Mtu,
    /// [`ConnectionIds`] that are too long, or too short to tell connections apart.
    #[error(
        "connection ids have a prefix of at most 4 bytes, at least 4 bytes behind it and at most {MAX_OWN_CONNECTION_ID} in all"
    )]
    ConnectionIds,
    /// A suite whose credentials are missing, or no suite at all.
    #[error("no cipher suite is left that the credentials can serve")]
    NoSuite,
    /// A [`ClientConfig::max_fragment_length`] that has no code.
    #[error("max_fragment_length must be 512, 1024, 2048 or 4096 bytes")]
    FragmentLength,
    /// A [`ClientConfig::server_name`] that is empty, or longer than 255 bytes (RFC 1035, section 2.3.4).
    #[error("the name of a server has 1 to 255 bytes")]
    ServerName,
    /// A secret for tickets that is shorter than 16 bytes.
    #[error("a key for tickets is made of at least {MIN_TICKET_SECRET} bytes")]
    TicketKey,
    /// A secret for tickets where [`EndpointConfig::unix_at_zero`] is `None`: the age of a ticket would be told from the
    /// start of the process, and start anew with the next.
    #[error("a key for tickets needs a clock that outlives the process: unix_at_zero")]
    TicketClock,
    /// A bound that is zero and must not be.
    #[error("{0} must not be zero")]
    Zero(&'static str),
}

impl EndpointConfig {
    /// Seconds since 1970, where there is a clock.
    pub(crate) fn unix_time(&self, now: Instant) -> Option<u64> {
        let zero = self.unix_at_zero?;
        Some(zero.saturating_add(now.as_micros() / 1_000_000))
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        if !(MIN_MTU..=MAX_DATAGRAM).contains(&self.mtu) {
            return Err(ConfigError::Mtu);
        }
        if let Some(ids) = &self.connection_ids {
            let random = ids.length.checked_sub(ids.prefix.len());
            if ids.prefix.len() > 4
                || ids.length > MAX_OWN_CONNECTION_ID
                || random.is_none_or(|random| random < 4)
            {
                return Err(ConfigError::ConnectionIds);
            }
        }
        let bounds = [
            ("max_handshakes", self.max_handshakes == 0),
            (
                "max_handshakes_per_address",
                self.max_handshakes_per_address == 0,
            ),
            ("max_sessions", self.max_sessions == 0),
            (
                "max_sessions_per_identity",
                self.max_sessions_per_identity == 0,
            ),
            ("max_bad_finished", self.max_bad_finished == 0),
            ("retransmit_initial", self.retransmit_initial.is_zero()),
            (
                "ticket_lifetime",
                self.ticket_lifetime.is_some_and(|time| time.is_zero()),
            ),
            ("cookie_lifetime", self.cookie_lifetime.is_zero()),
            ("export_reservation", self.export_reservation == Some(0)),
        ];
        match bounds.iter().find(|(_, zero)| *zero) {
            Some((name, _)) => Err(ConfigError::Zero(name)),
            None => Ok(()),
        }
    }
}

/// What a server has and asks for, the settings of its side. Clients prove who they are in every suite: there is no
/// anonymous device.
#[derive(Clone)]
#[non_exhaustive]
pub struct ServerConfig {
    /// Suites that are served; of those that a client offers, the first in the client's order is taken. Default
    /// [`CipherSuite::ALL`]; those without credentials are left out by themselves.
    pub suites: Vec<CipherSuite>,
    /// Whether pre-shared keys are served; each is asked for by [`Event::KeyWanted`](crate::Event::KeyWanted).
    pub psk: bool,
    /// Our raw public key.
    pub raw_public_key: Option<Arc<dyn Signer>>,
    /// Our certificate.
    pub certificate: Option<LocalCertificate>,
    /// Those that we show in its place to clients that ask for these hosts (RFC 6066, section 3).
    pub named_certificates: Vec<(String, LocalCertificate)>,
    /// Judges the certificates of clients; without it, clients with certificates are refused.
    pub client_trust: Option<ClientTrust>,
    /// Whether clients with raw public keys are served; each is asked about by
    /// [`Event::PeerWanted`](crate::Event::PeerWanted).
    pub client_raw_public_keys: bool,
}

impl ServerConfig {
    /// Serves nothing yet.
    pub fn new() -> Self {
        ServerConfig {
            suites: CipherSuite::ALL.into(),
            psk: false,
            raw_public_key: None,
            certificate: None,
            named_certificates: Vec::new(),
            client_trust: None,
            client_raw_public_keys: false,
        }
    }

    /// Serves pre-shared keys.
    pub fn psk(mut self) -> Self {
        self.psk = true;
        self
    }

    /// Serves raw public keys, with this one as ours.
    pub fn raw_public_key(mut self, signer: Arc<dyn Signer>) -> Self {
        self.raw_public_key = Some(signer);
        self.client_raw_public_keys = true;
        self
    }

    /// Serves certificates.
    pub fn certificate(mut self, certificate: LocalCertificate, trust: ClientTrust) -> Self {
        self.certificate = Some(certificate);
        self.client_trust = Some(trust);
        self
    }

    /// Shows this certificate to clients that ask for this host, in place of the one that all others are shown
    /// ([`certificate`](Self::certificate), which there has to be). Case does not matter, nor a dot at the end.
    pub fn certificate_for(
        mut self,
        host: impl Into<String>,
        certificate: LocalCertificate,
    ) -> Self {
        self.named_certificates.push((host.into(), certificate));
        self
    }

    /// Serves these suites only, as far as there are credentials for them.
    pub fn suites(mut self, suites: impl Into<Vec<CipherSuite>>) -> Self {
        self.suites = suites.into();
        self
    }
}

impl Default for ServerConfig {
    fn default() -> Self {
        ServerConfig::new()
    }
}

impl fmt::Debug for ServerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerConfig")
            .field("suites", &self.suites)
            .field("psk", &self.psk)
            .field("raw_public_key", &self.raw_public_key.is_some())
            .field("certificate", &self.certificate.is_some())
            .finish_non_exhaustive()
    }
}

/// How a client proves who it is, and what it asks of the server (Transport 1.2.2, section 5.2.9).
#[derive(Clone)]
#[non_exhaustive]
pub enum ClientCredentials {
    /// A pre-shared key (Transport 1.2.2, section 5.2.9.1).
    Psk {
        /// Its identity, at most 65,535 bytes.
        identity: Vec<u8>,
        /// The key, or the hardware that has it.
        key: Arc<dyn PreSharedKey>,
    },
    /// Raw public keys on both sides (RFC 7250, section 3; Transport 1.2.2, section 5.2.9.2).
    RawPublicKey {
        /// Ours.
        signer: Arc<dyn Signer>,
        /// The server's SubjectPublicKeyInfo, DER, compared byte by byte.
        server: Vec<u8>,
    },
    /// Certificates on both sides (Transport 1.2.2, section 5.2.9.3).
    Certificate {
        /// Ours.
        local: LocalCertificate,
        /// Judges the server's.
        trust: Arc<ServerTrust>,
    },
}

/// One connection of a client: the settings of its side.
#[derive(Clone)]
#[non_exhaustive]
pub struct ClientConfig {
    /// Suites that are offered, the preferred first. Default [`CipherSuite::AEAD`]; those that the credentials cannot
    /// serve are left out by themselves.
    pub suites: Vec<CipherSuite>,
    /// Who we are.
    pub credentials: ClientCredentials,
    /// The host name that is told to the server (RFC 6066, section 3), 1 to 255 bytes.
    pub server_name: Option<String>,
    /// Whether a Connection ID is offered: ours where the endpoint has them, and leave to the server to have one of its
    /// own. Default `true`.
    pub connection_id: bool,
    /// Longest plaintext of a record that we can take: 512, 1,024, 2,048 or 4,096 bytes (RFC 6066, section 4).
    /// `None`: 2^14.
    pub max_fragment_length: Option<u16>,
    /// Whether a ticket is asked for, which the server then keeps nothing for and we send with the next handshake
    /// (RFC 5077). Default `false`: a device has little room for one, and a Connection ID does more for less.
    pub session_tickets: bool,
    /// A session to take up again, by its ticket if it has one.
    pub resumption: Option<Resumption>,
}

impl ClientConfig {
    /// With these credentials.
    pub fn new(credentials: ClientCredentials) -> Self {
        ClientConfig {
            suites: CipherSuite::AEAD.into(),
            credentials,
            server_name: None,
            connection_id: true,
            max_fragment_length: None,
            session_tickets: false,
            resumption: None,
        }
    }
}

impl fmt::Debug for ClientConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientConfig")
            .field("suites", &self.suites)
            .field("server_name", &self.server_name)
            .finish_non_exhaustive()
    }
}
