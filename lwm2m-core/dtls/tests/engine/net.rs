//! Endpoints on a network in memory, in virtual time: loss, delay, duplicates, reordering, and a hand in between.

use lwm2m_core::time::Instant;
use lwm2m_dtls::{Connection, Endpoint, Event, KeyAnswer, crypto::psk::PreSharedKey};
use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore, SeedableRng};
use std::{collections::BTreeMap, net::SocketAddr, sync::Arc, time::Duration};

/// What the network does to datagrams.
#[derive(Clone, Copy)]
pub(crate) struct Link {
    /// Of a hundred.
    pub(crate) loss: u32,
    pub(crate) duplicates: u32,
    pub(crate) delay: Duration,
    /// Added to the delay, at random: datagrams overtake each other.
    pub(crate) jitter: Duration,
}

pub(crate) const CLEAN: Link = Link {
    loss: 0,
    duplicates: 0,
    delay: Duration::from_millis(10),
    jitter: Duration::ZERO,
};

/// An endpoint at an address, and what it has reported.
pub(crate) struct Host {
    pub(crate) endpoint: Endpoint,
    pub(crate) address: SocketAddr,
    /// Answers [`Event::KeyWanted`].
    pub(crate) keys: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Answers it in their place.
    pub(crate) hardware: Option<Arc<dyn PreSharedKey>>,
    /// Answers [`Event::PeerWanted`].
    pub(crate) admits: bool,
    pub(crate) events: Vec<Event>,
    sent: usize,
}

impl Host {
    pub(crate) fn new(address: &str, endpoint: Endpoint) -> Self {
        Host {
            endpoint,
            address: address.parse().unwrap(),
            keys: BTreeMap::new(),
            hardware: None,
            admits: true,
            events: Vec::new(),
            sent: 0,
        }
    }

    pub(crate) fn key(mut self, identity: &[u8], key: &[u8]) -> Self {
        self.keys.insert(identity.into(), key.into());
        self
    }

    /// Connections that were reported and not reported as closed.
    pub(crate) fn connected(&self) -> Vec<Connection> {
        let mut connected = Vec::new();
        for event in &self.events {
            match event {
                Event::Connected { connection, .. } => connected.push(*connection),
                Event::Closed { connection, .. } => connected.retain(|other| other != connection),
                _ => {}
            }
        }
        connected
    }

    /// What has arrived.
    pub(crate) fn data(&self) -> Vec<(Connection, Vec<u8>)> {
        let data = self.events.iter().filter_map(|event| match event {
            Event::Data {
                connection, data, ..
            } => Some((*connection, data.clone())),
            _ => None,
        });
        data.collect()
    }

    /// Why handshakes of clients have failed.
    pub(crate) fn refused(&self) -> Vec<String> {
        let refused = self.events.iter().filter_map(|event| match event {
            Event::Refused { reason, .. } => Some(reason.to_string()),
            _ => None,
        });
        refused.collect()
    }

    pub(crate) fn closed(&self) -> Vec<String> {
        let closed = self.events.iter().filter_map(|event| match event {
            Event::Closed { reason, .. } => Some(reason.to_string()),
            _ => None,
        });
        closed.collect()
    }
}

/// A datagram under way.
#[derive(Clone)]
pub(crate) struct Packet {
    pub(crate) from: SocketAddr,
    pub(crate) to: SocketAddr,
    pub(crate) data: Vec<u8>,
}

/// Sees each datagram before the network does: `None` drops it.
type Tap = Box<dyn FnMut(&Packet) -> Option<Packet>>;

pub(crate) struct Net {
    pub(crate) hosts: Vec<Host>,
    pub(crate) now: Instant,
    pub(crate) link: Link,
    pub(crate) tap: Option<Tap>,
    /// Everything that was sent, before anything was lost.
    pub(crate) log: Vec<Packet>,
    /// And when.
    pub(crate) times: Vec<Instant>,
    pub(crate) keep_log: bool,
    flying: BTreeMap<(Instant, u64), Packet>,
    count: u64,
    random: ChaCha8Rng,
}

impl Net {
    pub(crate) fn new(seed: u64, link: Link, hosts: Vec<Host>) -> Self {
        Net {
            hosts,
            now: Instant::from_micros(1_000_000),
            link,
            tap: None,
            log: Vec::new(),
            times: Vec::new(),
            keep_log: true,
            flying: BTreeMap::new(),
            count: 0,
            random: ChaCha8Rng::seed_from_u64(seed),
        }
    }

    fn chance(&mut self, of_a_hundred: u32) -> bool {
        self.random.next_u32() % 100 < of_a_hundred
    }

    /// Puts a datagram on the wire as if a host had sent it.
    pub(crate) fn inject(&mut self, packet: Packet) {
        let at = self.now + self.link.delay;
        self.count += 1;
        self.flying.insert((at, self.count), packet);
    }

    fn send(&mut self, packet: Packet) {
        if self.keep_log {
            self.log.push(packet.clone());
            self.times.push(self.now);
        }
        let packet = match &mut self.tap {
            Some(tap) => match tap(&packet) {
                Some(packet) => packet,
                None => return,
            },
            None => packet,
        };
        let copies = if self.chance(self.link.duplicates) {
            2
        } else {
            1
        };
        for _ in 0..copies {
            if self.chance(self.link.loss) {
                continue;
            }
            let jitter = self.link.jitter.as_micros() as u64;
            let extra = if jitter == 0 {
                0
            } else {
                self.random.next_u64() % jitter
            };
            let at = self.now + self.link.delay + Duration::from_micros(extra);
            self.count += 1;
            self.flying.insert((at, self.count), packet.clone());
        }
    }

    fn drain(&mut self) {
        for index in 0..self.hosts.len() {
            loop {
                let host = &mut self.hosts[index];
                let mut idle = true;
                while let Some(event) = host.endpoint.poll_event() {
                    idle = false;
                    match &event {
                        Event::KeyWanted {
                            connection,
                            identity,
                        } => {
                            let answer = match (&host.hardware, host.keys.get(identity)) {
                                (Some(hardware), _) => KeyAnswer::Key(hardware.clone()),
                                (None, Some(key)) => KeyAnswer::Key(Arc::new(
                                    lwm2m_core::secret::Secret::new(key.clone()),
                                )),
                                (None, None) => KeyAnswer::Unknown,
                            };
                            host.endpoint.answer_key(self.now, *connection, answer);
                        }
                        Event::PeerWanted { connection, .. } => {
                            host.endpoint
                                .answer_peer(self.now, *connection, host.admits);
                        }
                        _ => {}
                    }
                    host.events.push(event);
                }
                let from = host.address;
                let mut packets = Vec::new();
                while let Some(transmit) = host.endpoint.poll_transmit() {
                    idle = false;
                    host.sent += 1;
                    packets.push(Packet {
                        from,
                        to: transmit.to,
                        data: transmit.data,
                    });
                }
                for packet in packets {
                    self.send(packet);
                }
                if idle {
                    break;
                }
            }
        }
    }

    /// Lets the time pass until a moment, and everything happen that is due.
    pub(crate) fn run_until(&mut self, until: Instant) {
        loop {
            self.drain();
            let packet = self.flying.keys().next().map(|(at, _)| *at);
            let timers = self
                .hosts
                .iter()
                .filter_map(|host| host.endpoint.poll_timeout());
            let next = timers.chain(packet).min().filter(|at| *at <= until);
            let Some(next) = next else {
                self.now = self.now.max(until);
                return;
            };
            self.now = self.now.max(next);
            while let Some(entry) = self.flying.first_entry() {
                if entry.key().0 > self.now {
                    break;
                }
                let mut packet = entry.remove();
                let host = self.hosts.iter_mut().find(|host| host.address == packet.to);
                if let Some(host) = host {
                    host.endpoint
                        .handle_datagram(self.now, packet.from, &mut packet.data);
                }
                self.drain();
            }
            for host in &mut self.hosts {
                if host
                    .endpoint
                    .poll_timeout()
                    .is_some_and(|at| at <= self.now)
                {
                    host.endpoint.handle_timeout(self.now);
                }
            }
        }
    }

    pub(crate) fn run(&mut self, time: Duration) {
        self.run_until(self.now + time);
    }

    /// When a host has sent what is meant, in milliseconds since the first of it.
    pub(crate) fn sent(&self, from: SocketAddr, is_meant: impl Fn(&[u8]) -> bool) -> Vec<u64> {
        let sent = self.log.iter().zip(&self.times);
        let meant = sent.filter(|(packet, _)| packet.from == from && is_meant(&packet.data));
        let times: Vec<_> = meant.map(|(_, at)| at.as_micros() / 1000).collect();
        times.iter().map(|at| at - times[0]).collect()
    }

    /// Sends data over the one connection of a host.
    pub(crate) fn say(&mut self, host: usize, data: &[u8]) {
        let connection = *self.hosts[host].connected().last().expect("is connected");
        let host = &mut self.hosts[host];
        host.endpoint
            .send(self.now, connection, data)
            .expect("can be sent");
    }
}
