//! Connections to servers, one UDP socket each.

use crate::{
    metrics::Metrics,
    report::Report,
    transport::{Received, Transport},
};
use lwm2m_core::{
    engine::{CloseReason, Credentials, Outbound},
    peer::{PeerId, PeerIdentity},
    uri::{Scheme, ServerUri},
};
use std::{
    collections::{HashMap, VecDeque},
    fmt,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{net::lookup_host, sync::mpsc, task::JoinHandle};

mod plain;

/// Settings of a [`ClientTransport`].
#[derive(Clone)]
#[non_exhaustive]
pub struct ClientTransportConfig {
    /// Local IP address of the sockets; by default any address of the target's family.
    pub bind: Option<IpAddr>,
    /// Trust anchors for certificate usages 0 and 1 of /0/x/15, each DER. Without any, connections with these usages
    /// are refused.
    pub trust_anchors: Vec<Vec<u8>>,
    /// Time for name resolution and handshake, each. Default 30 s.
    pub handshake_timeout: Duration,
    /// Time to the first retransmission of a handshake flight, which doubles with each. Default 1 s.
    pub retransmit_interval: Duration,
    /// Longest datagram of a handshake, in bytes of UDP payload; longer messages are sent in fragments. Default 1232,
    /// which fits every IPv6 link.
    pub max_handshake_datagram: usize,
    /// What carries out DTLS.
    #[cfg(feature = "dtls")]
    pub backend: crate::dtls::Backend,
    /// Cipher suites that are offered, the preferred first; those that the credentials of a connection cannot serve are
    /// left out by themselves. Default [`CipherSuite::AEAD`](crate::dtls::CipherSuite::AEAD): all but CBC.
    #[cfg(feature = "dtls")]
    pub suites: Vec<crate::dtls::CipherSuite>,
    /// Whether servers must bind sessions to their handshakes (RFC 7627). Default
    /// [`ExtendedMasterSecret::Preferred`](crate::dtls::ExtendedMasterSecret::Preferred): used with all that know it.
    #[cfg(feature = "dtls")]
    pub extended_master_secret: crate::dtls::ExtendedMasterSecret,
    /// Where sessions stay when the transport is shut down, for the next one with the same credentials, which makes no
    /// handshake then; for servers that use Connection IDs. Default `None`: the servers are told goodbye.
    #[cfg(feature = "dtls")]
    pub sessions: Option<Arc<dyn crate::dtls::ClientSessionStore>>,
    /// Sessions that are kept in memory, one for each account with a server, to be taken up again with an abbreviated
    /// handshake when their connection has ended: by ticket (RFC 5077) where the server gives one, and else by the id
    /// that it gave. Beyond it, the oldest makes room. Each costs some 500 bytes, and up to 2 KiB more with a ticket of a
    /// client that has a certificate. Default 0: none, and no ticket is asked for; a Connection ID does more for less.
    #[cfg(feature = "dtls")]
    pub max_resumable: usize,
    /// Keys that are not in memory and are only named by what accounts have as their secret key. Default `None`.
    #[cfg(feature = "dtls")]
    pub key_store: Option<Arc<dyn crate::dtls::KeyStore>>,
    /// What the certificates of servers are judged by. Default: the system's clock.
    #[cfg(feature = "dtls")]
    pub clock: crate::dtls::UnixClock,
    /// Connections at one time; further ones are refused. Default 1024.
    pub max_connections: usize,
    /// Datagrams that wait in each connection for sending; what comes beyond is dropped. Default 32.
    pub send_queue: usize,
    /// Datagrams of all connections that wait for the engine; beyond them connections stop reading. Default 256.
    pub receive_queue: usize,
}

impl Default for ClientTransportConfig {
    fn default() -> Self {
        ClientTransportConfig {
            bind: None,
            trust_anchors: Vec::new(),
            handshake_timeout: Duration::from_secs(30),
            retransmit_interval: Duration::from_secs(1),
            max_handshake_datagram: 1232,
            #[cfg(feature = "dtls")]
            backend: crate::dtls::Backend::default(),
            #[cfg(feature = "dtls")]
            suites: crate::dtls::CipherSuite::AEAD.into(),
            #[cfg(feature = "dtls")]
            extended_master_secret: crate::dtls::ExtendedMasterSecret::Preferred,
            #[cfg(feature = "dtls")]
            sessions: None,
            #[cfg(feature = "dtls")]
            max_resumable: 0,
            #[cfg(feature = "dtls")]
            key_store: None,
            #[cfg(feature = "dtls")]
            clock: crate::dtls::UnixClock::default(),
            max_connections: 1024,
            send_queue: 32,
            receive_queue: 256,
        }
    }
}

impl fmt::Debug for ClientTransportConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientTransportConfig")
            .field("bind", &self.bind)
            .field("trust_anchors", &self.trust_anchors.len())
            .field("max_connections", &self.max_connections)
            .finish_non_exhaustive()
    }
}

impl ClientTransportConfig {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets [`bind`](Self::bind).
    pub fn bind(mut self, address: IpAddr) -> Self {
        self.bind = Some(address);
        self
    }

    /// Sets [`trust_anchors`](Self::trust_anchors).
    pub fn trust_anchors(mut self, anchors: Vec<Vec<u8>>) -> Self {
        self.trust_anchors = anchors;
        self
    }

    /// Sets [`backend`](Self::backend).
    #[cfg(feature = "dtls")]
    pub fn backend(mut self, backend: crate::dtls::Backend) -> Self {
        self.backend = backend;
        self
    }

    /// Sets [`suites`](Self::suites).
    #[cfg(feature = "dtls")]
    pub fn suites(mut self, suites: impl Into<Vec<crate::dtls::CipherSuite>>) -> Self {
        self.suites = suites.into();
        self
    }

    /// Sets [`sessions`](Self::sessions).
    #[cfg(feature = "dtls")]
    pub fn sessions(mut self, store: Arc<dyn crate::dtls::ClientSessionStore>) -> Self {
        self.sessions = Some(store);
        self
    }

    /// Sets [`max_resumable`](Self::max_resumable).
    #[cfg(feature = "dtls")]
    pub fn max_resumable(mut self, sessions: usize) -> Self {
        self.max_resumable = sessions;
        self
    }

    /// Sets [`key_store`](Self::key_store).
    #[cfg(feature = "dtls")]
    pub fn key_store(mut self, keys: Arc<dyn crate::dtls::KeyStore>) -> Self {
        self.key_store = Some(keys);
        self
    }

    /// Sets [`clock`](Self::clock).
    #[cfg(feature = "dtls")]
    pub fn clock(mut self, clock: crate::dtls::UnixClock) -> Self {
        self.clock = clock;
        self
    }

    /// Refuses servers that do not know the extended master secret (RFC 7627).
    #[cfg(feature = "dtls")]
    pub fn require_extended_master_secret(mut self) -> Self {
        self.extended_master_secret = crate::dtls::ExtendedMasterSecret::Required;
        self
    }

    /// Sets [`handshake_timeout`](Self::handshake_timeout).
    pub fn handshake_timeout(mut self, timeout: Duration) -> Self {
        self.handshake_timeout = timeout;
        self
    }
}

struct Connection {
    // Dropping it ends the task, which says goodbye.
    outbound: mpsc::Sender<Vec<u8>>,
    established: Option<(Arc<PeerIdentity>, SocketAddr)>,
    /// Told before `outbound` is dropped: the end is not the engine's will but the transport's.
    hibernates: Arc<AtomicBool>,
    /// Told before what is to be sent from another socket is queued; `None` where the backend cannot change it.
    moved: Option<Arc<AtomicBool>>,
    task: JoinHandle<()>,
}

/// The transport of a client: serves [`Outbound::Connect`] with one UDP socket and one task per connection, coap or
/// coaps by the scheme of the target.
pub struct ClientTransport {
    config: Arc<ClientTransportConfig>,
    connections: HashMap<PeerId, Connection>,
    // Tasks of connections the engine has closed, which may still say goodbye.
    closing: Vec<JoinHandle<()>>,
    refused: VecDeque<Received>,
    reports: mpsc::Receiver<Report>,
    reporter: mpsc::Sender<Report>,
    #[cfg(feature = "dtls")]
    resumables: Arc<crate::dtls::Resumables>,
    metrics: Arc<Metrics>,
}

impl fmt::Debug for ClientTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientTransport")
            .field("connections", &self.connections.len())
            .finish_non_exhaustive()
    }
}

impl Default for ClientTransport {
    fn default() -> Self {
        ClientTransport::new(ClientTransportConfig::default())
    }
}

impl ClientTransport {
    /// A transport without connections yet.
    pub fn new(config: ClientTransportConfig) -> Self {
        let (reporter, reports) = mpsc::channel(config.receive_queue.max(1));
        ClientTransport {
            #[cfg(feature = "dtls")]
            resumables: Arc::new(crate::dtls::Resumables::new(config.max_resumable)),
            config: Arc::new(config),
            connections: HashMap::new(),
            closing: Vec::new(),
            refused: VecDeque::new(),
            reports,
            reporter,
            metrics: Arc::new(Metrics::default()),
        }
    }

    /// The counters, which may be kept when the transport has moved into a driver.
    pub fn metrics(&self) -> Arc<Metrics> {
        self.metrics.clone()
    }

    fn connect(
        &mut self,
        peer: PeerId,
        target: ServerUri,
        server_name: Option<String>,
        credentials: Credentials,
    ) {
        if self.connections.contains_key(&peer) {
            tracing::warn!(%peer, "the engine uses the name of a connection twice; the second is ignored");
            return;
        }
        if self.connections.len() >= self.config.max_connections {
            self.refuse(peer, CloseReason::Transport("too many connections".into()));
            return;
        }
        let (outbound, queue) = mpsc::channel(self.config.send_queue.max(1));
        let hibernates = Arc::new(AtomicBool::new(false));
        let moved = Arc::new(AtomicBool::new(false));
        let link = Link {
            peer,
            server_name,
            hibernates: hibernates.clone(),
            moved: moved.clone(),
            config: self.config.clone(),
            #[cfg(feature = "dtls")]
            resumables: self.resumables.clone(),
            outbound: queue,
            reports: self.reporter.clone(),
            metrics: self.metrics.clone(),
        };
        #[cfg(feature = "webrtc")]
        let target_is_plain = target.scheme() == Scheme::Coap;
        let task = match (target.scheme(), credentials) {
            (Scheme::Coap, Credentials::None) => tokio::spawn(plain::run(link, target)),
            (Scheme::Coap, _) => {
                self.refuse(
                    peer,
                    CloseReason::Unsupported("credentials on coap, which has no security".into()),
                );
                return;
            }
            #[cfg(feature = "dtls")]
            (Scheme::Coaps, credentials) => match self.config.backend {
                crate::dtls::Backend::Engine => {
                    tokio::spawn(crate::dtls::client::run(link, target, credentials))
                }
                #[cfg(feature = "webrtc")]
                crate::dtls::Backend::Webrtc => {
                    tokio::spawn(crate::webrtc::client::run(link, target, credentials))
                }
            },
            (scheme, _) => {
                self.refuse(
                    peer,
                    CloseReason::Unsupported(format!("the scheme {}", scheme.as_str())),
                );
                return;
            }
        };
        #[cfg(feature = "webrtc")]
        let can_move = target_is_plain || self.config.backend == crate::dtls::Backend::Engine;
        #[cfg(not(feature = "webrtc"))]
        let can_move = true;
        self.connections.insert(
            peer,
            Connection {
                outbound,
                established: None,
                hibernates,
                moved: can_move.then_some(moved),
                task,
            },
        );
    }

    fn refuse(&mut self, peer: PeerId, reason: CloseReason) {
        self.refused.push_back(Received::Closed { peer, reason });
    }

    fn close(&mut self, peer: PeerId) {
        if let Some(connection) = self.connections.remove(&peer) {
            self.closing.retain(|task| !task.is_finished());
            self.closing.push(connection.task);
        }
    }

    fn rebind(&mut self, peer: PeerId) {
        match self.connections.get(&peer).map(|found| &found.moved) {
            // The other side cannot know where we are before we send something, so that is soon enough.
            Some(Some(moved)) => moved.store(true, Ordering::Release),
            Some(None) => {
                self.close(peer);
                let reason = "this backend has no Connection IDs, and we have another address";
                self.refuse(peer, CloseReason::Transport(reason.into()));
            }
            None => {}
        }
    }

    /// `None` for what comes from connections that the engine has closed.
    fn take_in(&mut self, report: Report) -> Option<Received> {
        match report {
            Report::Ready {
                peer,
                identity,
                address,
                ..
            } => {
                let connection = self.connections.get_mut(&peer)?;
                connection.established = Some((identity.clone(), address));
                Some(Received::Connected {
                    peer,
                    identity,
                    address,
                })
            }
            Report::Datagram { peer, data } => {
                let connection = self.connections.get(&peer)?;
                let (identity, address) = connection.established.clone()?;
                Some(Received::Datagram {
                    peer,
                    identity,
                    address,
                    data,
                })
            }
            Report::Closed { peer, reason } => {
                self.connections.remove(&peer)?;
                Some(Received::Closed { peer, reason })
            }
        }
    }
}

impl Transport for ClientTransport {
    async fn next(&mut self) -> Received {
        loop {
            if let Some(refused) = self.refused.pop_front() {
                return refused;
            }
            match self.reports.recv().await {
                Some(report) => {
                    if let Some(received) = self.take_in(report) {
                        return received;
                    }
                }
                // Only after `shutdown`: we hold a sender ourselves.
                None => std::future::pending().await,
            }
        }
    }

    fn send(&mut self, outbound: Outbound) {
        match outbound {
            Outbound::Connect {
                peer,
                target,
                server_name,
                credentials,
            } => self.connect(peer, target, server_name, credentials),
            Outbound::Datagram { peer, data } => {
                let taken = self
                    .connections
                    .get(&peer)
                    .is_some_and(|connection| connection.outbound.try_send(data).is_ok());
                if !taken {
                    self.metrics.outbound_dropped.add();
                }
            }
            Outbound::Rebind { peer } => self.rebind(peer),
            Outbound::Close { peer } => self.close(peer),
            Outbound::Forget { identity } => {
                // Whichever rests on them: the others cost their servers a handshake.
                #[cfg(feature = "dtls")]
                self.resumables.clear();
                let resting: Vec<PeerId> = self
                    .connections
                    .iter()
                    .filter(|(_, connection)| {
                        matches!(&connection.established, Some((known, _)) if **known == identity)
                    })
                    .map(|(peer, _)| *peer)
                    .collect();
                for peer in resting {
                    self.close(peer);
                    self.refuse(peer, CloseReason::CredentialsRemoved);
                }
            }
            other => tracing::warn!(?other, "the client transport does not know this request"),
        }
    }

    async fn shutdown(&mut self) {
        self.reports.close();
        // Connections that wait for room in the report queue must not wait for ever.
        while self.reports.try_recv().is_ok() {}
        let tasks: Vec<_> = self
            .connections
            .drain()
            .map(|(_, connection)| {
                connection.hibernates.store(true, Ordering::Release);
                connection.task
            })
            .chain(self.closing.drain(..))
            .collect();
        for task in tasks {
            // A task that panicked has nothing left to say.
            let _ = task.await;
        }
    }
}

/// What the task of a connection holds of its transport.
pub(crate) struct Link {
    pub(crate) peer: PeerId,
    /// What the server is known by, where that is not the host that it is at.
    #[cfg_attr(
        not(feature = "dtls"),
        allow(dead_code, reason = "for connections with sessions")
    )]
    pub(crate) server_name: Option<String>,
    /// Whether `outbound` has ended because the transport is shut down.
    #[cfg_attr(
        not(feature = "dtls"),
        allow(dead_code, reason = "for connections with sessions")
    )]
    pub(crate) hibernates: Arc<AtomicBool>,
    /// Whether what comes next out of `outbound` is to be sent from another socket.
    pub(crate) moved: Arc<AtomicBool>,
    pub(crate) config: Arc<ClientTransportConfig>,
    #[cfg(feature = "dtls")]
    pub(crate) resumables: Arc<crate::dtls::Resumables>,
    /// Ends when the engine closes the connection.
    pub(crate) outbound: mpsc::Receiver<Vec<u8>>,
    pub(crate) reports: mpsc::Sender<Report>,
    pub(crate) metrics: Arc<Metrics>,
}

impl Link {
    /// The name of the server in the handshake and in its certificate.
    #[cfg(feature = "dtls")]
    pub(crate) fn name_of<'a>(&'a self, target: &'a ServerUri) -> &'a str {
        self.server_name.as_deref().unwrap_or(target.host())
    }

    /// Reports; `false` when nobody listens any more.
    pub(crate) async fn report(&self, report: Report) -> bool {
        self.reports.send(report).await.is_ok()
    }

    pub(crate) async fn closed(&self, reason: CloseReason) {
        let peer = self.peer;
        self.report(Report::Closed { peer, reason }).await;
    }

    /// Counts an error of the socket, and rests unless it only says that nobody listens there just now.
    pub(crate) async fn failed(&self, error: &std::io::Error) {
        tracing::debug!(peer = %self.peer, %error, "socket error");
        self.metrics.socket_errors.add();
        if error.kind() != std::io::ErrorKind::ConnectionRefused {
            tokio::time::sleep(crate::udp::PAUSE_AFTER_ERROR).await;
        }
    }

    /// Resolves the target and binds a socket that speaks to it alone.
    pub(crate) async fn socket(
        &self,
        target: &ServerUri,
    ) -> Result<(tokio::net::UdpSocket, SocketAddr), CloseReason> {
        let lookup = lookup_host((target.host(), target.port()));
        let found = tokio::time::timeout(self.config.handshake_timeout, lookup).await;
        let mut addresses = match found {
            Ok(Ok(addresses)) => addresses,
            Ok(Err(error)) => {
                tracing::debug!(host = target.host(), %error, "cannot resolve");
                return Err(CloseReason::Unresolvable);
            }
            Err(_) => return Err(CloseReason::Unresolvable),
        };
        let bind = self.config.bind;
        let address = addresses
            .find(|address| bind.is_none_or(|bind| bind.is_ipv4() == address.is_ipv4()))
            .ok_or(CloseReason::Unresolvable)?;
        let socket = self.open(address).await?;
        Ok((socket, address))
    }

    /// Another socket in place of `socket` when it is time for one.
    pub(crate) async fn renew(
        &self,
        socket: &mut tokio::net::UdpSocket,
        address: SocketAddr,
    ) -> Result<(), CloseReason> {
        if self.moved.swap(false, Ordering::AcqRel) {
            *socket = self.open(address).await?;
        }
        Ok(())
    }

    /// Binds a socket that speaks to this address alone. The system chooses its own then, and keeps it.
    async fn open(&self, address: SocketAddr) -> Result<tokio::net::UdpSocket, CloseReason> {
        let local = self.config.bind.unwrap_or(if address.is_ipv4() {
            std::net::Ipv4Addr::UNSPECIFIED.into()
        } else {
            std::net::Ipv6Addr::UNSPECIFIED.into()
        });
        let failed = |error: std::io::Error| CloseReason::Transport(error.to_string());
        let socket = tokio::net::UdpSocket::bind((local, 0))
            .await
            .map_err(failed)?;
        socket.connect(address).await.map_err(failed)?;
        Ok(socket)
    }
}
