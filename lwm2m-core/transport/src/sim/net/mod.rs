//! The network itself: hosts, time, and what a test may do to them. How things travel stands in `traffic`.

mod traffic;

use super::{
    host::{AnyResident, HostId, Resident},
    link::Link,
    pcap::Capture,
    secure::Security,
};
use crate::{credentials::CredentialSource, transport::Received};
use lwm2m_core::{
    engine::{Credentials, Engine},
    peer::{PeerId, PeerIdentity},
    time::Instant,
};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::{
    cmp::{Ordering, Reverse},
    collections::{BTreeMap, BinaryHeap, HashMap, HashSet, VecDeque},
    fmt, io,
    net::{IpAddr, SocketAddr},
    path::Path,
    sync::Arc,
    time::Duration,
};

/// The first port of sockets that a host opens for its connections (RFC 6335, section 6).
const FIRST_PORT: u16 = 49_152;

/// Time-outs of one host at one and the same moment before it is taken for a busy loop.
const MAX_TIMEOUTS_AT_ONCE: u32 = 10_000;

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

struct Entry {
    at: Instant,
    sequence: u64,
    happening: Happening,
}

enum Happening {
    Arrival {
        from: SocketAddr,
        to: SocketAddr,
        parcel: Parcel,
    },
    Handshake(Box<Handshake>),
    Report {
        host: usize,
        incarnation: u32,
        received: Received,
    },
    Timer {
        host: usize,
    },
    Wake {
        host: usize,
    },
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

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.sequence).cmp(&(other.at, other.sequence))
    }
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

    // Hosts

    /// Adds a host whose listener 0, without security, is `address`.
    ///
    /// # Panics
    ///
    /// When the address is taken.
    pub fn add_host<E: Engine + 'static>(&mut self, address: SocketAddr, engine: E) -> HostId<E> {
        let index = self.hosts.len();
        self.hosts.push(Host {
            resident: Box::new(Resident {
                engine,
                events: VecDeque::new(),
            }),
            ip: address.ip(),
            listeners: Vec::new(),
            sessions: BTreeMap::new(),
            associations: HashMap::new(),
            by_remote: HashMap::new(),
            powered: true,
            isolated: false,
            incarnation: 0,
            next_port: FIRST_PORT,
            next_connection: 0,
            timer: None,
        });
        self.hosts_by_ip.entry(address.ip()).or_insert(index);
        let id = HostId::new(index);
        self.open(index, address, None);
        self.push(self.now, Happening::Wake { host: index });
        id
    }

    /// Opens a further listener without security and returns its number.
    ///
    /// # Panics
    ///
    /// When the address is taken.
    pub fn listen<E>(&mut self, host: HostId<E>, address: SocketAddr) -> u16 {
        self.open(host.index, address, None)
    }

    /// Opens a coaps listener for pre-shared keys and returns its number.
    ///
    /// # Panics
    ///
    /// When the address is taken.
    pub fn listen_secure<E>(
        &mut self,
        host: HostId<E>,
        address: SocketAddr,
        credentials: Arc<dyn CredentialSource>,
    ) -> u16 {
        self.open(host.index, address, Some(Security::new(credentials)))
    }

    /// Opens a coaps listener and returns its number.
    ///
    /// # Panics
    ///
    /// When the address is taken.
    pub fn listen_secure_with<E>(
        &mut self,
        host: HostId<E>,
        address: SocketAddr,
        security: Security,
    ) -> u16 {
        self.open(host.index, address, Some(security))
    }

    fn open(&mut self, host: usize, address: SocketAddr, security: Option<Security>) -> u16 {
        assert!(
            !self.sockets.contains_key(&address),
            "{address} is taken by another socket"
        );
        let listeners = &mut self.hosts[host].listeners;
        let number = u16::try_from(listeners.len()).expect("no test opens 65,536 listeners");
        listeners.push(Listener { address, security });
        let socket = Socket::Listener { host, number };
        self.sockets.insert(address, socket);
        number
    }

    /// Lets a name stand for an IP address in targets of connects.
    pub fn add_name(&mut self, name: impl Into<String>, ip: IpAddr) {
        self.names.insert(name.into(), ip);
    }

    /// The engine of a host.
    pub fn host<E: Engine + 'static>(&self, id: HostId<E>) -> &E {
        let resident = self.hosts[id.index].resident.as_any().downcast_ref();
        let resident: &Resident<E> = resident.expect("a host id knows the type of its engine");
        &resident.engine
    }

    /// The engine of a host, to be changed. What it then wants to send is fetched with the next step of the network;
    /// [`act`](Self::act) fetches it at once.
    pub fn host_mut<E: Engine + 'static>(&mut self, id: HostId<E>) -> &mut E {
        self.push(self.now, Happening::Wake { host: id.index });
        &mut self.resident_mut(id).engine
    }

    /// Runs `f` on the engine of a host as its driver would: everything that follows is carried out.
    pub fn act<E: Engine + 'static, R>(
        &mut self,
        id: HostId<E>,
        f: impl FnOnce(&mut E, Instant) -> R,
    ) -> R {
        let now = self.now;
        let result = f(&mut self.resident_mut(id).engine, now);
        self.settle(id.index);
        result
    }

    /// Takes the events that the engine of a host has told since the last call.
    pub fn events<E: Engine + 'static>(&mut self, id: HostId<E>) -> Vec<E::Event> {
        self.resident_mut(id).events.drain(..).collect()
    }

    fn resident_mut<E: Engine + 'static>(&mut self, id: HostId<E>) -> &mut Resident<E> {
        let resident = self.hosts[id.index].resident.as_any_mut().downcast_mut();
        resident.expect("a host id knows the type of its engine")
    }

    /// Cuts the power: sessions and sockets of connections are gone without a word, timers stand still, nothing
    /// arrives, until [`restart`](Self::restart).
    pub fn power_off<E>(&mut self, id: HostId<E>) {
        let host = &mut self.hosts[id.index];
        host.powered = false;
        host.incarnation += 1;
        host.next_port = FIRST_PORT;
        host.timer = None;
        host.associations.clear();
        host.by_remote.clear();
        for session in std::mem::take(&mut host.sessions).into_values() {
            if session.owns_socket {
                self.sockets.remove(&session.local);
            }
        }
    }

    /// Starts the host anew with another engine, as after a power cut: listeners are open again, connections are
    /// forgotten without a word. Returns the engine before, from which state may be taken over; events that nobody
    /// fetched are gone.
    pub fn restart<E: Engine + 'static>(&mut self, id: HostId<E>, engine: E) -> E {
        self.power_off(id);
        self.hosts[id.index].powered = true;
        let resident = self.resident_mut(id);
        resident.events.clear();
        let before = std::mem::replace(&mut resident.engine, engine);
        self.push(self.now, Happening::Wake { host: id.index });
        before
    }

    /// Gives each socket of the host's connections a new public port, as a NAT does that has forgotten them. What is
    /// on its way to the old ports is lost.
    pub fn rebind<E>(&mut self, id: HostId<E>) {
        let index = id.index;
        let peers: Vec<PeerId> = self.hosts[index].sessions.keys().copied().collect();
        for peer in peers {
            self.rebind_session(index, peer);
        }
    }

    fn rebind_session(&mut self, host: usize, peer: PeerId) {
        let session = self.hosts[host].sessions.get(&peer);
        let Some(session) = session.filter(|session| session.owns_socket) else {
            return;
        };
        let before = session.local;
        let local = self.free_port(host);
        self.sockets.remove(&before);
        let socket = Socket::Connection { host, peer };
        self.sockets.insert(local, socket);
        if let Some(session) = self.hosts[host].sessions.get_mut(&peer) {
            session.local = local;
        }
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

    // Time

    /// Lets this much time pass.
    pub fn run_for(&mut self, duration: Duration) {
        self.run_until(|_| false, duration);
    }

    /// Lets time pass until `done` holds, which is asked after everything that happens, but not more than `limit`;
    /// returns whether it holds.
    pub fn run_until(&mut self, mut done: impl FnMut(&mut Net) -> bool, limit: Duration) -> bool {
        let end = self.now + limit;
        loop {
            if done(self) {
                return true;
            }
            if !self.step(end) {
                self.now = end;
                return done(self);
            }
        }
    }

    /// Carries out the next thing that happens, no later than `end`; `false` when there is none.
    fn step(&mut self, end: Instant) -> bool {
        match self.schedule.peek() {
            Some(Reverse(entry)) if entry.at <= end => {}
            _ => return false,
        }
        let Some(Reverse(entry)) = self.schedule.pop() else {
            return false;
        };
        self.now = self.now.max(entry.at);
        match entry.happening {
            Happening::Arrival { from, to, parcel } => self.arrive(from, to, parcel),
            Happening::Handshake(handshake) => self.shake_hands(*handshake),
            Happening::Report {
                host,
                incarnation,
                received,
            } => {
                if self.hosts[host].incarnation == incarnation {
                    self.deliver(host, &received);
                }
            }
            Happening::Timer { host } => self.run_timer(host, entry.at),
            Happening::Wake { host } => self.settle(host),
        }
        true
    }

    fn run_timer(&mut self, index: usize, at: Instant) {
        let now = self.now;
        let host = &mut self.hosts[index];
        // Anything else is a moment that the engine no longer asks for.
        if host.timer != Some(at) {
            return;
        }
        host.timer = None;
        if self.rush.0 == index && self.rush.1 == now {
            self.rush.2 += 1;
            assert!(
                self.rush.2 < MAX_TIMEOUTS_AT_ONCE,
                "the engine at {} asks for the same moment again and again",
                host.ip
            );
        } else {
            self.rush = (index, now, 0);
        }
        host.resident.handle_timeout(now);
        self.settle(index);
    }

    fn push(&mut self, at: Instant, happening: Happening) {
        self.sequence += 1;
        self.schedule.push(Reverse(Entry {
            at,
            sequence: self.sequence,
            happening,
        }));
    }

    fn deliver(&mut self, host: usize, received: &Received) {
        if matches!(received, Received::Datagram { .. }) {
            self.stats.delivered += 1;
        }
        let now = self.now;
        self.hosts[host].resident.handle(now, received.as_inbound());
        self.settle(host);
    }

    /// Carries out all that the engine of a host wants, and sets its timer.
    fn settle(&mut self, index: usize) {
        if !self.hosts[index].powered {
            return;
        }
        loop {
            let mut idle = true;
            while let Some(outbound) = self.hosts[index].resident.poll_outbound() {
                self.carry_out(index, outbound);
                idle = false;
            }
            if self.hosts[index].resident.collect_events() {
                idle = false;
            }
            if idle {
                break;
            }
        }
        let now = self.now;
        let host = &mut self.hosts[index];
        let timer = host.resident.poll_timeout().map(|at| at.max(now));
        if host.timer != timer {
            host.timer = timer;
            if let Some(at) = timer {
                self.push(at, Happening::Timer { host: index });
            }
        }
    }
}
