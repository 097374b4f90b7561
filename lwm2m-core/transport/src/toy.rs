//! An engine for tests: tells all it hears and echoes what it is asked to.

use lwm2m_core::{
    engine::{CloseReason, Credentials, Engine, Inbound, Outbound},
    peer::{PeerId, PeerIdentity},
    time::Instant,
};
use std::{collections::VecDeque, net::SocketAddr};

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Heard {
    Connected(PeerId, PeerIdentity, SocketAddr),
    Datagram(PeerId, PeerIdentity, Vec<u8>),
    Closed(PeerId, CloseReason),
    Timeout(Instant),
}

#[derive(Default)]
pub(crate) struct Toy {
    pub(crate) outbound: VecDeque<Outbound>,
    pub(crate) events: VecDeque<Heard>,
    pub(crate) timeout: Option<Instant>,
    /// Sends every datagram back.
    pub(crate) echo: bool,
    /// Asked for by the next connections.
    pub(crate) server_name: Option<String>,
    next_connection: u64,
}

impl Toy {
    pub(crate) fn echo() -> Self {
        Toy {
            echo: true,
            ..Toy::default()
        }
    }

    pub(crate) fn connect(&mut self, target: &str, credentials: Credentials) -> PeerId {
        let peer = PeerId::from_connection(0, self.next_connection);
        self.next_connection += 1;
        self.outbound.push_back(Outbound::Connect {
            peer,
            target: target.parse().unwrap(),
            server_name: self.server_name.clone(),
            credentials,
        });
        peer
    }

    pub(crate) fn send(&mut self, peer: PeerId, data: impl Into<Vec<u8>>) {
        let data = data.into();
        self.outbound.push_back(Outbound::Datagram { peer, data });
    }

    pub(crate) fn rebind(&mut self, peer: PeerId) {
        self.outbound.push_back(Outbound::Rebind { peer });
    }

    pub(crate) fn close(&mut self, peer: PeerId) {
        self.outbound.push_back(Outbound::Close { peer });
    }

    pub(crate) fn forget(&mut self, identity: PeerIdentity) {
        self.outbound.push_back(Outbound::Forget { identity });
    }
}

impl Engine for Toy {
    type Event = Heard;

    fn handle(&mut self, _now: Instant, inbound: Inbound<'_>) {
        let heard = match inbound {
            Inbound::Connected {
                peer,
                identity,
                address,
            } => Heard::Connected(peer, identity.clone(), address),
            Inbound::Datagram {
                peer,
                identity,
                data,
                ..
            } => {
                if self.echo {
                    self.send(peer, data);
                }
                Heard::Datagram(peer, identity.clone(), data.to_vec())
            }
            Inbound::Closed { peer, reason } => Heard::Closed(peer, reason),
            other => panic!("the toy does not know {other:?}"),
        };
        self.events.push_back(heard);
    }

    fn handle_timeout(&mut self, now: Instant) {
        if self.timeout.is_some_and(|at| at <= now) {
            self.timeout = None;
            self.events.push_back(Heard::Timeout(now));
        }
    }

    fn poll_outbound(&mut self) -> Option<Outbound> {
        self.outbound.pop_front()
    }

    fn poll_event(&mut self) -> Option<Heard> {
        self.events.pop_front()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.timeout
    }
}
