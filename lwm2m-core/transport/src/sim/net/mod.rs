//! The network itself: what it consists of, and what lies between hosts. What a test does to hosts stands in `hosts`, how
//! time passes in `clock`, how things travel in `traffic`.

mod clock;
mod hosts;
mod traffic;

use super::{
    host::{AnyResident, HostId},
    link::Link,
    pcap::Capture,
    secure::Security,
};
use clock::{Entry, Happening};
use lwm2m_core::{
    engine::Credentials,
    peer::{PeerId, PeerIdentity},
    time::Instant,
};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap, HashMap, HashSet},
    fmt, io,
    net::{IpAddr, SocketAddr},
    path::Path,
    sync::Arc,
    time::Duration,
};

/// The first port of sockets that a host opens for its connections (RFC 6335, section 6).
const FIRST_PORT: u16 = 49_152;

/// What became of all datagrams so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Stats {
    /// Handed to the network by engines.
    pub sent: u64,
    /// Handed to engines; duplicates count.
    pub delivered: u64,
    /// Lost by chance.
    pub lost: u64,
    /// Delivered a second time.
    pub duplicated: u64,
    /// Held back to arrive behind later ones.
    pub reordered: u64,
    /// Lost to a partition, an isolated host or one without power.
    pub cut_off: u64,
    /// Larger than the MTU.
    pub too_big: u64,
    /// Addressed to nobody: no socket, a session that is gone, a session whose address has changed.
    pub unreachable: u64,
}

/// A network of simulated hosts; see the [module](super).
pub struct Net {
    now: Instant,
    rng: ChaCha8Rng,
    schedule: BinaryHeap<Reverse<Entry>>,
    sequence: u64,
    hosts: Vec<Host>,
    // By public address.
    sockets: HashMap<SocketAddr, Socket>,
    hosts_by_ip: HashMap<IpAddr, usize>,
    names: HashMap<String, IpAddr>,
    default_link: Link,
    // Directed.
    links: HashMap<(usize, usize), Link>,
    partitions: HashSet<(usize, usize)>,
    handshake_timeout: Duration,
    connection_ids: bool,
    associations: u64,
    stats: Stats,
    capture: Option<Capture>,
    // The host whose timer ran last, when, and how often in a row.
    rush: (usize, Instant, u32),
}

struct Host {
    resident: Box<dyn AnyResident>,
    ip: IpAddr,
    listeners: Vec<Listener>,
    // Ordered, so that walking through them is the same in every run.
    sessions: BTreeMap<PeerId, Session>,
    // Secure sessions by the number that both ends know.
    associations: HashMap<u64, PeerId>,
    // Secure sessions of listeners by listener and the other side's address.
    by_remote: HashMap<(u16, SocketAddr), PeerId>,
    powered: bool,
    isolated: bool,
    // Grows with every restart: what was meant for the engine before does not reach the one after.
    incarnation: u32,
    next_port: u16,
    next_connection: u64,
    timer: Option<Instant>,
}

struct Listener {
    address: SocketAddr,
    security: Option<Security>,
}

#[derive(Clone)]
struct Session {
    // Our socket as others see it; a listener's or one of its own.
    local: SocketAddr,
    remote: SocketAddr,
    identity: Arc<PeerIdentity>,
    // `None` without security.
    association: Option<u64>,
    owns_socket: bool,
    stands: bool,
}

#[derive(Clone, Copy)]
enum Socket {
    Listener { host: usize, number: u16 },
    Connection { host: usize, peer: PeerId },
}

#[derive(Clone)]
struct Parcel {
    association: Option<u64>,
    content: Content,
}

#[derive(Clone)]
enum Content {
    Data(Vec<u8>),
    Goodbye,
}

struct Handshake {
    host: usize,
    incarnation: u32,
    peer: PeerId,
    target: SocketAddr,
    credentials: Credentials,
    deadline: Instant,
}

impl fmt::Debug for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Net")
            .field("now", &self.now)
            .field("hosts", &self.hosts.len())
            .field("stats", &self.stats)
            .finish_non_exhaustive()
    }
}

impl Net {
    /// An empty network. Equal seeds, engines and calls make equal runs.
    pub fn new(seed: u64) -> Self {
        Net {
            now: Instant::ZERO,
            rng: ChaCha8Rng::seed_from_u64(seed),
            schedule: BinaryHeap::new(),
            sequence: 0,
            hosts: Vec::new(),
            sockets: HashMap::new(),
            hosts_by_ip: HashMap::new(),
            names: HashMap::new(),
            default_link: Link::default(),
            links: HashMap::new(),
            partitions: HashSet::new(),
            handshake_timeout: Duration::from_secs(30),
            connection_ids: false,
            associations: 0,
            stats: Stats::default(),
            capture: None,
            rush: (0, Instant::ZERO, 0),
        }
    }

    /// The present moment; it begins at zero.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// What became of all datagrams so far.
    pub fn stats(&self) -> Stats {
        self.stats
    }

    // Links

    /// Sets how datagrams travel where nothing else is said.
    pub fn set_default_link(&mut self, link: Link) {
        self.default_link = link;
    }

    /// Sets how datagrams travel between two hosts, both ways.
    pub fn set_link<A, B>(&mut self, a: HostId<A>, b: HostId<B>, link: Link) {
        self.set_one_way(a, b, link);
        self.set_one_way(b, a, link);
    }

    /// Sets how datagrams travel from one host to another.
    pub fn set_one_way<A, B>(&mut self, from: HostId<A>, to: HostId<B>, link: Link) {
        self.links.insert((from.index, to.index), link);
    }

    /// Lets nothing pass between two hosts until [`heal`](Self::heal). What is on its way arrives.
    pub fn partition<A, B>(&mut self, a: HostId<A>, b: HostId<B>) {
        self.partitions.insert((a.index, b.index));
        self.partitions.insert((b.index, a.index));
    }

    /// Ends a [`partition`](Self::partition).
    pub fn heal<A, B>(&mut self, a: HostId<A>, b: HostId<B>) {
        self.partitions.remove(&(a.index, b.index));
        self.partitions.remove(&(b.index, a.index));
    }

    /// Lets nothing pass to or from a host until [`rejoin`](Self::rejoin).
    pub fn isolate<E>(&mut self, id: HostId<E>) {
        self.hosts[id.index].isolated = true;
    }

    /// Ends an isolation.
    pub fn rejoin<E>(&mut self, id: HostId<E>) {
        self.hosts[id.index].isolated = false;
    }

    /// How long secure connects are tried; 30 s by default.
    pub fn set_handshake_timeout(&mut self, timeout: Duration) {
        self.handshake_timeout = timeout;
    }

    /// Whether secure sessions survive a change of the client's address, as with RFC 9146; not so by default.
    pub fn set_connection_ids(&mut self, used: bool) {
        self.connection_ids = used;
    }

    // Capture

    /// Records all plaintext from now on, as it leaves its sender, up to `limit` bytes. Secure listeners appear with
    /// the port of CoAP without security, 5683, so that Wireshark reads the content and does not look for DTLS.
    pub fn capture(&mut self, limit: usize) {
        self.capture = Some(Capture::new(limit));
    }

    /// The capture in the pcap format; empty when there is none.
    pub fn pcap(&self) -> &[u8] {
        self.capture.as_ref().map_or(&[], Capture::bytes)
    }

    /// Writes the capture to a file.
    ///
    /// # Errors
    ///
    /// Those of writing a file.
    pub fn write_pcap(&self, path: impl AsRef<Path>) -> io::Result<()> {
        if let Some(capture) = &self.capture
            && capture.left_out > 0
        {
            tracing::warn!(left_out = capture.left_out, "the capture reached its limit");
        }
        std::fs::write(path, self.pcap())
    }
}
