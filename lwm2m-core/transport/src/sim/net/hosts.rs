//! Hosts: what stands on them, where they listen, and what becomes of their power and their addresses.

use super::{FIRST_PORT, Happening, Host, Listener, Net, Socket};
use crate::{
    credentials::CredentialSource,
    sim::{
        host::{HostId, Resident},
        secure::Security,
    },
};
use lwm2m_core::{engine::Engine, peer::PeerId, time::Instant};
use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

impl Net {
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

    pub(super) fn rebind_session(&mut self, host: usize, peer: PeerId) {
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
}
