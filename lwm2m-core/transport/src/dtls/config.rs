//! What a coaps listener is told.

use super::{
    clock::UnixClock,
    keeping::{Keeping, KeepingConfig, SessionStore},
    keys::PrivateKey,
    lookup::{CredentialLookup, LookupConfig},
    resumption::TicketKeys,
};
use crate::credentials::CredentialSource;
use lwm2m_dtls::{CipherSuite, ExtendedMasterSecret, UnknownIdentity};
use std::{fmt, sync::Arc, time::Duration};

/// What carries out DTLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Backend {
    /// [`lwm2m_dtls`].
    #[default]
    Engine,
    /// `webrtc-dtls`; what it cannot do and does not withstand stands in the documentation of its module.
    #[cfg(feature = "webrtc")]
    Webrtc,
}

/// Credentials and bounds of one coaps listener.
#[non_exhaustive]
#[derive(Clone)]
pub struct DtlsServerConfig {
    /// Where pre-shared keys are found and certificates are judged.
    pub credentials: Arc<dyn CredentialSource>,
    /// Our certificate, for clients that offer ECDHE_ECDSA suites; without it they are refused.
    pub certificate: Option<ServerCertificate>,
    /// Those that are shown in its place to clients that ask for these hosts (RFC 6066, section 3).
    pub named_certificates: Vec<(String, ServerCertificate)>,
    /// Trust anchors for client certificates, each DER. A client without a certificate that one of them vouches for is
    /// refused.
    pub client_trust_anchors: Vec<Vec<u8>>,
    /// Our raw public key, for clients that want one: its private key.
    /// [`CredentialSource::raw_public_key_allowed`] says which clients are welcome.
    pub raw_public_key: Option<PrivateKey>,
    /// What carries it out.
    pub backend: Backend,
    /// Suites that are served, as far as there are credentials for them: of those that a client offers, the first in the
    /// client's order is taken. Default [`CipherSuite::ALL`].
    pub suites: Vec<CipherSuite>,
    /// Whether clients must bind sessions to their handshakes (RFC 7627). Default [`ExtendedMasterSecret::Preferred`]:
    /// all that know it do, and those that do not are served too.
    pub extended_master_secret: ExtendedMasterSecret,
    /// What a client hears whose PSK identity nobody knows. Default [`UnknownIdentity::Alert`], which tells whoever sets
    /// a device up what is wrong; it also tells whoever tries identities which there are.
    pub unknown_identity: UnknownIdentity,
    /// Length of the Connection IDs that clients address us by, 4 to 8 bytes; 0: none. Default 6.
    pub connection_id: usize,
    /// Begins each of these Connection IDs, at most 4 bytes: what stands before several processes or machines tells by it
    /// whose session a record belongs to, wherever its device is now. At least 4 bytes of the id must be left behind it.
    /// Default: nothing.
    pub connection_id_prefix: Vec<u8>,
    /// Sessions that clients may take up again without a full handshake. Each costs some 300 bytes. Default 0: none; a
    /// Connection ID does more for less.
    pub max_resumable: usize,
    /// How long a session may be taken up again with a ticket (RFC 5077), from its full handshake on: clients that ask
    /// for one keep their session for us, sealed, and nothing is kept here. Whoever comes with one is asked for its
    /// credentials again when that time is over; that they are still there is looked at each time. Default `None`: there
    /// are no tickets.
    pub ticket_lifetime: Option<Duration>,
    /// Keys for tickets that outlive the process or are shared by several. Default `None`: keys of this listener alone,
    /// random, and changed as often as `ticket_lifetime` is over.
    pub ticket_keys: Option<TicketKeys>,
    /// Time for a whole handshake. Default 30 s.
    pub handshake_timeout: Duration,
    /// Time to the first retransmission of a handshake flight, which doubles with each. Default 1 s.
    pub retransmit_interval: Duration,
    /// Longest datagram of a handshake, in bytes of UDP payload; longer messages are sent in fragments. Default 1232,
    /// which fits every IPv6 link.
    pub max_handshake_datagram: usize,
    /// Bytes of messages that wait in one handshake; what comes beyond is dropped. Default 16 KiB.
    pub max_handshake_bytes: usize,
    /// Handshakes going on at one time, all with addresses that are proven. Each costs about 2 KiB, and up to
    /// twice `max_handshake_bytes` and 16 KiB more. Default 4,096.
    pub max_handshakes: usize,
    /// Handshakes going on at one time with one IP address. Default 64.
    pub max_handshakes_per_address: usize,
    /// Sessions at one time, each about 400 bytes. Beyond it, the one that was quiet for longest makes room. Default
    /// 1,000,000.
    pub max_sessions: usize,
    /// Sessions of one identity at one time. Beyond it, the one of them that was quiet for longest makes room: a device
    /// that has lost its state comes back. The other backend has no such bound. Default 16.
    pub max_sessions_per_identity: usize,
    /// How long a session lives on without receiving. Default 48 h.
    pub idle_timeout: Duration,
    /// What the certificates of clients are judged by. Default: the system's clock.
    pub clock: UnixClock,
    /// Where credentials are looked up in place of [`credentials`](Self::credentials).
    pub(super) lookup: Option<(Arc<dyn CredentialLookup>, LookupConfig)>,
    /// Where sessions outlive the process, and how. Default: nowhere.
    pub(super) keeping: Option<Keeping>,
}

/// The certificate of a server and its private key.
#[derive(Debug, Clone)]
pub struct ServerCertificate {
    /// End entity first, each DER.
    pub chain: Vec<Vec<u8>>,
    /// That of the end entity.
    pub private_key: PrivateKey,
}

impl DtlsServerConfig {
    /// Pre-shared keys only, with the default bounds.
    pub fn new(credentials: Arc<dyn CredentialSource>) -> Self {
        DtlsServerConfig {
            credentials,
            certificate: None,
            named_certificates: Vec::new(),
            client_trust_anchors: Vec::new(),
            raw_public_key: None,
            backend: Backend::default(),
            suites: CipherSuite::ALL.into(),
            extended_master_secret: ExtendedMasterSecret::Preferred,
            unknown_identity: UnknownIdentity::Alert,
            connection_id: 6,
            connection_id_prefix: Vec::new(),
            max_resumable: 0,
            ticket_lifetime: None,
            ticket_keys: None,
            handshake_timeout: Duration::from_secs(30),
            retransmit_interval: Duration::from_secs(1),
            max_handshake_datagram: 1232,
            max_handshakes: 4096,
            max_handshakes_per_address: 64,
            max_handshake_bytes: 16 * 1024,
            max_sessions: 1_000_000,
            max_sessions_per_identity: 16,
            idle_timeout: Duration::from_secs(48 * 3600),
            clock: UnixClock::default(),
            lookup: None,
            keeping: None,
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

    /// Shows this certificate to clients that ask for this host, in place of that of [`certificate`](Self::certificate):
    /// for a server that is known by several names. The trust anchors are the same.
    pub fn certificate_for(
        mut self,
        host: impl Into<String>,
        certificate: ServerCertificate,
    ) -> Self {
        self.named_certificates.push((host.into(), certificate));
        self
    }

    /// Serves raw public keys, too, with this one as ours: its private key, PKCS#8 DER, or one in hardware.
    pub fn raw_public_key(mut self, private_key: impl Into<PrivateKey>) -> Self {
        self.raw_public_key = Some(private_key.into());
        self
    }

    /// Sets [`backend`](Self::backend).
    pub fn backend(mut self, backend: Backend) -> Self {
        self.backend = backend;
        self
    }

    /// Sets [`suites`](Self::suites).
    pub fn suites(mut self, suites: impl Into<Vec<CipherSuite>>) -> Self {
        self.suites = suites.into();
        self
    }

    /// Refuses clients that do not know the extended master secret (RFC 7627).
    pub fn require_extended_master_secret(mut self) -> Self {
        self.extended_master_secret = ExtendedMasterSecret::Required;
        self
    }

    /// Sets [`unknown_identity`](Self::unknown_identity).
    pub fn unknown_identity(mut self, answer: UnknownIdentity) -> Self {
        self.unknown_identity = answer;
        self
    }

    /// Looks credentials up there, in place of [`credentials`](Self::credentials), which are in memory: handshakes wait
    /// for the answers and nobody else does. Not offered by `Backend::Webrtc`.
    ///
    /// Sessions of credentials that are removed there are ended by
    /// [`Outbound::Forget`](lwm2m_core::engine::Outbound::Forget), as ever.
    pub fn look_up(mut self, source: Arc<dyn CredentialLookup>, config: LookupConfig) -> Self {
        self.lookup = Some((source, config));
        self
    }

    /// Sets [`connection_id`](Self::connection_id), the length of all, and
    /// [`connection_id_prefix`](Self::connection_id_prefix).
    pub fn connection_ids(mut self, length: usize, prefix: impl Into<Vec<u8>>) -> Self {
        self.connection_id = length;
        self.connection_id_prefix = prefix.into();
        self
    }

    /// Sets [`clock`](Self::clock).
    pub fn clock(mut self, clock: UnixClock) -> Self {
        self.clock = clock;
        self
    }

    /// Keeps sessions in this store, so that devices go on with them after a restart; see
    /// [`KeepingConfig`]. [`ServerTransport::restore`](crate::ServerTransport::restore) takes them up, and must be called
    /// at every start, which is also when those that have expired leave the store. At an orderly end, devices are not told
    /// goodbye. Not offered by `Backend::Webrtc`.
    pub fn keep_sessions(mut self, store: Arc<dyn SessionStore>, config: KeepingConfig) -> Self {
        self.keeping = Some(Keeping { store, config });
        self
    }

    /// Gives clients that ask for one a ticket, which is good for so long ([`ticket_lifetime`](Self::ticket_lifetime)).
    pub fn tickets(mut self, lifetime: Duration) -> Self {
        self.ticket_lifetime = Some(lifetime);
        self
    }

    /// Sets [`ticket_keys`](Self::ticket_keys).
    pub fn ticket_keys(mut self, keys: TicketKeys) -> Self {
        self.ticket_keys = Some(keys);
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

    /// What is asked for that the other backend has not: a listener says so and does not do without.
    #[cfg(feature = "webrtc")]
    pub(crate) fn beyond_webrtc(&self) -> Option<&'static str> {
        let asked = [
            (self.keeping.is_some(), "sessions that are kept"),
            (
                self.lookup.is_some(),
                "credentials that are looked up elsewhere",
            ),
            (self.raw_public_key.is_some(), "raw public keys"),
            (
                !self.named_certificates.is_empty(),
                "certificates by the name of the host",
            ),
            (self.max_resumable > 0, "resumption"),
            (
                self.ticket_lifetime.is_some() || self.ticket_keys.is_some(),
                "tickets",
            ),
            (
                !self.connection_id_prefix.is_empty(),
                "a prefix of Connection IDs",
            ),
            (
                !self.clock.is_of_the_system(),
                "another clock than the system's",
            ),
            (self.suites != CipherSuite::ALL, "a choice of suites"),
            (
                self.extended_master_secret == ExtendedMasterSecret::Required,
                "a required extended master secret",
            ),
            (
                self.unknown_identity == UnknownIdentity::Indistinguishable,
                "unknown identities that cannot be told from wrong keys",
            ),
        ];
        let found = asked.into_iter().find(|(asked, _)| *asked)?;
        Some(found.1)
    }

    /// Sets [`max_sessions_per_identity`](Self::max_sessions_per_identity).
    pub fn max_sessions_per_identity(mut self, sessions: usize) -> Self {
        self.max_sessions_per_identity = sessions;
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
            .field("backend", &self.backend)
            .field("certificate", &self.certificate.is_some())
            .field("raw_public_key", &self.raw_public_key.is_some())
            .field("client_trust_anchors", &self.client_trust_anchors.len())
            .field("keeping", &self.keeping)
            .finish_non_exhaustive()
    }
}
