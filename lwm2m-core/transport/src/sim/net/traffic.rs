//! How datagrams and handshakes travel.

use super::{Content, Handshake, Happening, Net, Parcel, Session, Socket};
use crate::{
    sim::link::{Fate, Link},
    transport::Received,
};
use lwm2m_core::{
    engine::{CloseReason, Credentials, Outbound},
    peer::{PeerId, PeerIdentity},
    uri::{Scheme, ServerUri},
};
use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

/// Record header, explicit nonce and tag of AES_128_CCM_8 (RFC 6347, RFC 6655).
const RECORD_OVERHEAD: usize = 13 + 8 + 8;

/// How often a secure connect is tried while there is no way through.
const HANDSHAKE_RETRY: Duration = Duration::from_secs(1);

/// What fits into one UDP datagram over IPv4.
const MAX_PAYLOAD: usize = 65_507;

/// The port that secure listeners have in captures.
const CAPTURE_PORT: u16 = 5683;

impl Net {
    pub(super) fn carry_out(&mut self, host: usize, outbound: Outbound) {
        match outbound {
            Outbound::Connect {
                peer,
                target,
                credentials,
                // Names in certificates are not compared here.
                server_name: _,
            } => self.connect(host, peer, &target, credentials),
            Outbound::Datagram { peer, data } => self.send(host, peer, data),
            Outbound::Rebind { peer } => self.rebind_session(host, peer),
            Outbound::Close { peer } => self.close(host, peer),
            Outbound::Forget { identity } => {
                let resting: Vec<PeerId> = self.hosts[host]
                    .sessions
                    .iter()
                    .filter(|(_, session)| session.stands && *session.identity == identity)
                    .map(|(peer, _)| *peer)
                    .collect();
                for peer in resting {
                    self.close(host, peer);
                    let reason = CloseReason::CredentialsRemoved;
                    self.report(host, Duration::ZERO, Received::Closed { peer, reason });
                }
            }
            other => panic!("the simulated network does not know {other:?}"),
        }
    }

    fn send(&mut self, host: usize, peer: PeerId, data: Vec<u8>) {
        self.stats.sent += 1;
        let (from, to, association) = match peer.address() {
            Some(address) => {
                let listener = self.hosts[host].listeners.get(usize::from(peer.listener()));
                match listener {
                    Some(listener) if listener.security.is_none() => {
                        (listener.address, address, None)
                    }
                    _ => {
                        self.stats.unreachable += 1;
                        return;
                    }
                }
            }
            None => match self.hosts[host].sessions.get(&peer) {
                Some(session) if session.stands => {
                    (session.local, session.remote, session.association)
                }
                _ => {
                    self.stats.unreachable += 1;
                    return;
                }
            },
        };
        self.transmit(
            host,
            from,
            to,
            Parcel {
                association,
                content: Content::Data(data),
            },
        );
    }

    fn transmit(&mut self, host: usize, from: SocketAddr, to: SocketAddr, parcel: Parcel) {
        let length = match &parcel.content {
            Content::Data(data) => {
                self.record(from, to, data);
                data.len()
            }
            Content::Goodbye => 2,
        };
        let headers = if to.is_ipv4() { 28 } else { 48 };
        let overhead = if parcel.association.is_some() {
            RECORD_OVERHEAD
        } else {
            0
        };
        let receiver = self.owner(to);
        let link = self.link(host, receiver);
        // The dice are thrown for every datagram, so that cutting a link does not change all that follows.
        let fate = link.fate(&mut self.rng);
        if self.is_cut(host, receiver) {
            self.stats.cut_off += 1;
            return;
        }
        if length > MAX_PAYLOAD || length + overhead + headers > link.mtu {
            self.stats.too_big += 1;
            return;
        }
        match fate {
            Fate::Lost => self.stats.lost += 1,
            Fate::Arrives {
                after,
                again,
                reordered,
            } => {
                if reordered {
                    self.stats.reordered += 1;
                }
                if let Some(again) = again {
                    self.stats.duplicated += 1;
                    let parcel = parcel.clone();
                    self.push(self.now + again, Happening::Arrival { from, to, parcel });
                }
                self.push(self.now + after, Happening::Arrival { from, to, parcel });
            }
        }
    }

    fn record(&mut self, from: SocketAddr, to: SocketAddr, data: &[u8]) {
        let plain = |address: SocketAddr| match self.sockets.get(&address) {
            Some(Socket::Listener { host, number })
                if self.hosts[*host].listeners[usize::from(*number)]
                    .security
                    .is_some() =>
            {
                SocketAddr::new(address.ip(), CAPTURE_PORT)
            }
            _ => address,
        };
        let (from, to) = (plain(from), plain(to));
        if let Some(capture) = &mut self.capture {
            capture.record(self.now, from, to, data);
        }
    }

    /// The host that an address belongs to.
    fn owner(&self, address: SocketAddr) -> Option<usize> {
        match self.sockets.get(&address) {
            Some(Socket::Listener { host, .. } | Socket::Connection { host, .. }) => Some(*host),
            None => self.hosts_by_ip.get(&address.ip()).copied(),
        }
    }

    fn link(&self, from: usize, to: Option<usize>) -> Link {
        to.and_then(|to| self.links.get(&(from, to)))
            .copied()
            .unwrap_or(self.default_link)
    }

    fn is_cut(&self, from: usize, to: Option<usize>) -> bool {
        let off = |host: usize| self.hosts[host].isolated || !self.hosts[host].powered;
        off(from) || to.is_some_and(|to| off(to) || self.partitions.contains(&(from, to)))
    }

    pub(super) fn arrive(&mut self, from: SocketAddr, to: SocketAddr, parcel: Parcel) {
        let Some((host, peer)) = self.recipient(from, to, &parcel) else {
            self.stats.unreachable += 1;
            return;
        };
        if !self.hosts[host].powered {
            self.stats.cut_off += 1;
            return;
        }
        let identity = match self.hosts[host].sessions.get(&peer) {
            Some(session) => session.identity.clone(),
            None => Arc::new(PeerIdentity::None),
        };
        match parcel.content {
            Content::Data(data) => self.deliver(
                host,
                &Received::Datagram {
                    peer,
                    identity,
                    address: from,
                    data,
                },
            ),
            Content::Goodbye => {
                self.forget_session(host, peer);
                let reason = CloseReason::ByPeer;
                self.deliver(host, &Received::Closed { peer, reason });
            }
        }
    }

    /// Who takes a parcel, and whom they take it to be from.
    fn recipient(
        &mut self,
        from: SocketAddr,
        to: SocketAddr,
        parcel: &Parcel,
    ) -> Option<(usize, PeerId)> {
        match (*self.sockets.get(&to)?, parcel.association) {
            (Socket::Listener { host, number }, None) => {
                let listener = &self.hosts[host].listeners[usize::from(number)];
                listener.security.is_none().then_some(())?;
                Some((host, PeerId::from_address(number, from)))
            }
            (Socket::Listener { host, number }, Some(association)) => {
                let connection_ids = self.connection_ids;
                let host_state = &mut self.hosts[host];
                let peer = *host_state.associations.get(&association)?;
                let session = host_state.sessions.get_mut(&peer)?;
                if session.remote != from {
                    if !connection_ids {
                        return None;
                    }
                    host_state.by_remote.remove(&(number, session.remote));
                    host_state.by_remote.insert((number, from), peer);
                    session.remote = from;
                }
                Some((host, peer))
            }
            (Socket::Connection { host, peer }, association) => {
                let session = self.hosts[host].sessions.get(&peer)?;
                let ours =
                    session.stands && session.association == association && session.remote == from;
                ours.then_some((host, peer))
            }
        }
    }

    fn connect(&mut self, host: usize, peer: PeerId, target: &ServerUri, credentials: Credentials) {
        let ip: Option<IpAddr> = match target.host().parse() {
            Ok(ip) => Some(ip),
            Err(_) => self.names.get(target.host()).copied(),
        };
        let secured = !matches!(credentials, Credentials::None);
        let refusal = match (ip, target.scheme()) {
            (None, _) => Some(CloseReason::Unresolvable),
            (Some(_), Scheme::Coap) if secured => Some(CloseReason::Unsupported(
                "credentials on coap, which has no security".into(),
            )),
            (Some(_), Scheme::Coaps) if !secured => {
                Some(CloseReason::Unsupported("coaps without credentials".into()))
            }
            _ => None,
        };
        let (Some(ip), None) = (ip, &refusal) else {
            let reason = refusal.unwrap_or(CloseReason::Unresolvable);
            self.report(host, Duration::ZERO, Received::Closed { peer, reason });
            return;
        };
        let remote = SocketAddr::new(ip, target.port());
        let local = self.free_port(host);
        self.sockets
            .insert(local, Socket::Connection { host, peer });
        let identity = Arc::new(PeerIdentity::None);
        let before = self.hosts[host].sessions.insert(
            peer,
            Session {
                local,
                remote,
                identity: identity.clone(),
                association: None,
                owns_socket: true,
                stands: !secured,
            },
        );
        assert!(before.is_none(), "the engine uses the name {peer} twice");
        if secured {
            let travel = self.round_trip(host, remote) * 2;
            let handshake = Handshake {
                host,
                incarnation: self.hosts[host].incarnation,
                peer,
                target: remote,
                credentials,
                deadline: self.now + self.handshake_timeout,
            };
            self.push(self.now + travel, Happening::Handshake(Box::new(handshake)));
        } else {
            let address = remote;
            let connected = Received::Connected {
                peer,
                identity,
                address,
            };
            self.report(host, Duration::ZERO, connected);
        }
    }

    fn round_trip(&self, host: usize, remote: SocketAddr) -> Duration {
        let other = self.owner(remote);
        let back = match other {
            Some(other) => self.link(other, Some(host)).delay,
            None => self.default_link.delay,
        };
        self.link(host, other).delay + back
    }

    /// The client's side has spoken; here the server answers, if there is one and a way to it.
    pub(super) fn shake_hands(&mut self, handshake: Handshake) {
        let Handshake {
            host,
            incarnation,
            peer,
            target,
            ..
        } = handshake;
        if self.hosts[host].incarnation != incarnation {
            return;
        }
        let Some(client) = self.hosts[host].sessions.get(&peer).cloned() else {
            return;
        };
        let Some((server, number)) = self.secure_listener(host, target) else {
            let (at, happening) = if self.now >= handshake.deadline {
                self.forget_session(host, peer);
                let reason = CloseReason::HandshakeTimeout;
                return self.report(host, Duration::ZERO, Received::Closed { peer, reason });
            } else {
                let at = (self.now + HANDSHAKE_RETRY).min(handshake.deadline);
                (at, Happening::Handshake(Box::new(handshake)))
            };
            return self.push(at, happening);
        };
        let back = self.link(server, Some(host)).delay;
        let security = self.hosts[server].listeners[usize::from(number)]
            .security
            .clone()
            .expect("secure listeners are asked for");
        let (theirs, ours) = match security.handshake(&handshake.credentials) {
            Ok(identities) => identities,
            Err(reason) => {
                self.forget_session(host, peer);
                return self.report(host, back, Received::Closed { peer, reason });
            }
        };
        let association = self.associations;
        self.associations += 1;

        let replaced = self.hosts[server]
            .by_remote
            .get(&(number, client.local))
            .copied();
        if let Some(old) = replaced {
            self.forget_session(server, old);
        }
        let state = &mut self.hosts[server];
        let name = PeerId::from_connection(number, state.next_connection);
        state.next_connection += 1;
        let identity = Arc::new(theirs);
        state.sessions.insert(
            name,
            Session {
                local: target,
                remote: client.local,
                identity: identity.clone(),
                association: Some(association),
                owns_socket: false,
                stands: true,
            },
        );
        state.associations.insert(association, name);
        state.by_remote.insert((number, client.local), name);

        let identity_of_server = Arc::new(ours);
        if let Some(session) = self.hosts[host].sessions.get_mut(&peer) {
            session.association = Some(association);
            session.identity = identity_of_server.clone();
            session.stands = true;
        }
        // The server completes first: its last flight is what completes the client.
        if let Some(peer) = replaced {
            let reason = CloseReason::Replaced;
            self.report(server, Duration::ZERO, Received::Closed { peer, reason });
        }
        let connected = Received::Connected {
            peer: name,
            identity,
            address: client.local,
        };
        self.report(server, Duration::ZERO, connected);
        let connected = Received::Connected {
            peer,
            identity: identity_of_server,
            address: target,
        };
        self.report(host, back, connected);
    }

    /// The listener at `target`, if a handshake can reach it from `host` and the answers can come back.
    fn secure_listener(&self, host: usize, target: SocketAddr) -> Option<(usize, u16)> {
        let Socket::Listener {
            host: server,
            number,
        } = *self.sockets.get(&target)?
        else {
            return None;
        };
        self.hosts[server].listeners[usize::from(number)]
            .security
            .as_ref()?;
        let there = self.is_cut(host, Some(server)) || self.link(host, Some(server)).is_dead();
        let back = self.is_cut(server, Some(host)) || self.link(server, Some(host)).is_dead();
        (!there && !back).then_some((server, number))
    }

    fn close(&mut self, host: usize, peer: PeerId) {
        let Some(session) = self.hosts[host].sessions.get(&peer).cloned() else {
            return;
        };
        if session.association.is_some() && session.stands {
            let parcel = Parcel {
                association: session.association,
                content: Content::Goodbye,
            };
            self.transmit(host, session.local, session.remote, parcel);
        }
        self.forget_session(host, peer);
    }

    fn forget_session(&mut self, host: usize, peer: PeerId) {
        let state = &mut self.hosts[host];
        let Some(session) = state.sessions.remove(&peer) else {
            return;
        };
        if let Some(association) = session.association {
            state.associations.remove(&association);
        }
        if session.owns_socket {
            self.sockets.remove(&session.local);
        } else {
            let key = (peer.listener(), session.remote);
            if state.by_remote.get(&key) == Some(&peer) {
                state.by_remote.remove(&key);
            }
        }
    }

    fn report(&mut self, host: usize, after: Duration, received: Received) {
        let incarnation = self.hosts[host].incarnation;
        self.push(
            self.now + after,
            Happening::Report {
                host,
                incarnation,
                received,
            },
        );
    }

    pub(super) fn free_port(&mut self, host: usize) -> SocketAddr {
        loop {
            let state = &mut self.hosts[host];
            let address = SocketAddr::new(state.ip, state.next_port);
            state.next_port = state
                .next_port
                .checked_add(1)
                .expect("no test opens 16,384 sockets on one host");
            if !self.sockets.contains_key(&address) {
                return address;
            }
        }
    }
}
