//! Whole engines in every state: an honest client and an honest server get so far with each other, and then somebody
//! between them does what the input says. They meet again with what they keep of a session (its id, a ticket), and the
//! server is started anew from its exports. Nothing panics, no bound is passed, and no time is left unset.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lwm2m_core::{secret::Secret, time::Instant};
use lwm2m_dtls::{
    CipherSuite, ClientConfig, Connection, ConnectionIds, Endpoint, EndpointConfig, Event, Export,
    ExtendedMasterSecret, KeyAnswer, Resumption, crypto::Provider,
};
use lwm2m_fuzz::dtls::{HOST, Kind, UNIX_AT_ZERO, damage, endpoint, key, provider, serves};
use std::{collections::VecDeque, net::SocketAddr, sync::Arc, time::Duration};

/// How many of the latest datagrams are kept for the input to play with.
const LOG: usize = 32;
/// Round trips within which honest sides have a session.
const ENOUGH: usize = 6;

struct World {
    config: EndpointConfig,
    provider: Arc<dyn Provider>,
    /// How the client connects.
    connection: ClientConfig,
    /// Endpoints that were made so far: each has another randomness.
    made: u64,
    /// The client, and the server.
    engines: [Endpoint; 2],
    now: Instant,
    /// What either has sent and nobody has delivered yet, and what was sent of late.
    flying: [Vec<Vec<u8>>; 2],
    log: VecDeque<Vec<u8>>,
    asked: Vec<Connection>,
    sessions: [Vec<Connection>; 2],
    /// What the client has kept of its last session.
    kept: Option<Resumption>,
    /// Whether the program gives the server its key for tickets.
    given_key: bool,
}

fn address(engine: usize) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], [40_000, 5684][engine]))
}

fn config([choice, more]: [u8; 2]) -> EndpointConfig {
    let mut config = EndpointConfig::default();
    config.mtu = if choice & 8 != 0 { 160 } else { 1232 };
    config.max_handshakes = 4;
    config.max_handshakes_per_address = 3;
    config.max_sessions = 3;
    config.max_forgeries_short_tag = 64;
    config.max_resumable = if more & 2 != 0 { 0 } else { 2 };
    config.ticket_lifetime = (choice & 32 != 0).then(|| Duration::from_secs(60));
    config.unix_at_zero = Some(UNIX_AT_ZERO);
    if choice & 64 != 0 {
        config.max_sessions_per_identity = 1;
    }
    if choice & 16 != 0 {
        config.connection_ids = Some(ConnectionIds {
            prefix: vec![1],
            length: 5,
        });
    }
    if more & 16 != 0 {
        config.extended_master_secret = ExtendedMasterSecret::Required;
    }
    config.export_reservation = (more & 32 != 0).then_some(4);
    config
}

impl World {
    fn new(choices: [u8; 2]) -> Self {
        let [choice, more] = choices;
        let suite = CipherSuite::ALL[usize::from(choice % 8)];
        let kind = match format!("{suite:?}").starts_with("Psk") {
            true => Kind::Psk,
            false if choice & 128 != 0 => Kind::Certificate,
            false => Kind::RawPublicKey,
        };
        let mut connection = ClientConfig::new(kind.credentials());
        connection.suites = vec![suite];
        connection.session_tickets = choice & 32 != 0;
        connection.server_name = (more & 4 != 0).then(|| HOST.to_owned());
        connection.max_fragment_length = (more & 8 != 0).then_some(512);
        let (config, provider) = (config(choices), provider(more & 1 != 0));
        let side = |server, seed| endpoint(config.clone(), server, provider.clone(), seed);
        let mut world = World {
            engines: [side(None, 1), side(Some(serves()), 2)],
            config,
            provider,
            connection,
            made: 2,
            now: Instant::from_micros(1_000_000),
            flying: Default::default(),
            log: VecDeque::new(),
            asked: Vec::new(),
            sessions: Default::default(),
            kept: None,
            given_key: more & 64 != 0,
        };
        world.give_key(&[]);
        world.connect(4);
        world
    }

    /// The key for tickets that the program keeps over a restart.
    fn give_key(&mut self, bytes: &[u8]) {
        if self.given_key {
            let mut key = [7; 16];
            for (byte, given) in key.iter_mut().zip(bytes) {
                *byte = *given;
            }
            let given = self.engines[1].set_ticket_key(self.now, &Secret::new(key.to_vec()));
            given.expect("it is long enough");
        }
    }

    /// The client connects, as a rule with what it has kept.
    fn connect(&mut self, argument: u8) {
        if argument & 2 != 0 {
            self.made += 1;
            let (config, provider) = (self.config.clone(), self.provider.clone());
            self.engines[0] = endpoint(config, None, provider, self.made);
            self.sessions[0].clear();
        }
        if self.engines[0].handshake_count() >= self.config.max_handshakes {
            return;
        }
        let mut connection = self.connection.clone();
        if argument & 4 == 0 {
            connection.resumption = self.kept.clone();
        }
        if argument & 8 != 0 {
            connection.session_tickets = !connection.session_tickets;
        }
        if argument & 16 != 0 {
            connection.server_name = Some("other.example".to_owned());
        }
        if argument & 32 != 0 {
            connection.suites = CipherSuite::ALL.to_vec();
        }
        let connected = self.engines[0].connect(self.now, address(1), connection);
        connected.expect("a good configuration");
        self.drain();
    }

    /// The server is started anew, from what it exports at its end or has reserved, with or without damage.
    fn restart(&mut self, argument: u8, bytes: &[u8]) {
        let old = &mut self.engines[1];
        let mut exports = Vec::new();
        for connection in old.sessions() {
            exports.extend(match argument & 2 {
                0 => old.take_export(connection),
                _ => old.export(connection),
            });
        }
        self.made += 1;
        let (config, provider) = (self.config.clone(), self.provider.clone());
        self.engines[1] = endpoint(config, Some(serves()), provider, self.made);
        self.asked.clear();
        self.sessions[1].clear();
        self.give_key(&[]);
        for export in exports {
            let mut export = export.expose_secret().to_vec();
            if argument & 4 != 0 {
                damage(&mut export, bytes);
            }
            let taken = self.engines[1].import(self.now, &Export::from_bytes(export));
            assert!(argument & 4 != 0 || taken.is_ok(), "{taken:?}");
        }
        self.drain();
    }

    fn drain(&mut self) {
        for engine in 0..2 {
            while let Some(event) = self.engines[engine].poll_event() {
                match event {
                    Event::KeyWanted { connection, .. } | Event::PeerWanted { connection, .. } => {
                        self.asked.push(connection);
                    }
                    Event::Connected {
                        connection,
                        resumption,
                        ..
                    } => {
                        self.sessions[engine].push(connection);
                        self.kept = resumption.or(self.kept.take());
                    }
                    Event::ExportWanted { connection } => {
                        // Of a session that is gone already, there is none.
                        let _ = self.engines[engine].export(connection);
                        self.engines[engine].export_stored(connection);
                    }
                    _ => {}
                }
            }
            while let Some(transmit) = self.engines[engine].poll_transmit() {
                assert!(!transmit.data.is_empty());
                if self.log.len() == LOG {
                    self.log.pop_front();
                }
                self.log.push_back(transmit.data.clone());
                if self.flying[engine].len() < LOG {
                    self.flying[engine].push(transmit.data);
                }
            }
        }
        let server = &self.engines[1];
        assert!(server.handshake_count() <= 4);
        assert!(server.session_count() <= 3);
        for engine in &self.engines {
            let waits = engine.handshake_count() + engine.session_count() > 0;
            assert!(!waits || engine.poll_timeout().is_some());
        }
    }

    fn deliver(&mut self, to: usize, from: SocketAddr, mut datagram: Vec<u8>) {
        self.engines[to].handle_datagram(self.now, from, &mut datagram);
        self.drain();
    }

    /// The honest network: everything that is under way arrives.
    fn exchange(&mut self) {
        for from in 0..2 {
            for datagram in std::mem::take(&mut self.flying[from]) {
                self.deliver(1 - from, address(from), datagram);
            }
        }
    }

    fn answer(&mut self, well: bool) {
        for connection in std::mem::take(&mut self.asked) {
            let answer = if well { key() } else { KeyAnswer::Unknown };
            self.engines[1].answer_key(self.now, connection, answer);
            self.engines[1].answer_peer(self.now, connection, well);
        }
        self.drain();
    }

    fn act(&mut self, op: u8, argument: u8, bytes: &[u8]) {
        let to = usize::from(argument & 1);
        let from = match argument & 2 {
            0 => address(1 - to),
            _ => SocketAddr::from(([127, 0, 0, 1 + (argument >> 4)], 1000)),
        };
        match op % 16 {
            // Anything at all.
            0 => self.deliver(to, from, bytes.to_vec()),
            // A record that is well-formed outside.
            1 | 2 => {
                let kind = 20 + argument % 6;
                let mut record = vec![kind, 0xfe, 0xfd, 0, op & 1, 0, 0, 0, 0, 0, argument];
                record.extend((bytes.len() as u16).to_be_bytes());
                record.extend(bytes);
                self.deliver(to, from, record);
            }
            // A message whose number may be right.
            3 | 4 => {
                let Some((kind, body)) = bytes.split_first() else {
                    return;
                };
                let mut message = vec![kind % 21, 0, 0, body.len() as u8, 0, argument >> 4 & 7];
                message.extend([0, 0, 0, 0, 0, body.len() as u8]);
                message.extend(body);
                let mut record = vec![22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 1, argument];
                record.extend((message.len() as u16).to_be_bytes());
                record.extend(message);
                self.deliver(to, from, record);
            }
            // Something genuine, again or with damage.
            5 | 6 => {
                let Some(mut datagram) = self.log.get(usize::from(argument >> 3)).cloned() else {
                    return;
                };
                damage(&mut datagram, bytes);
                self.deliver(to, from, datagram);
            }
            7 => self.exchange(),
            8 => self.answer(argument & 1 == 0),
            9 => {
                self.now += Duration::from_millis(1 << (argument % 20));
                for engine in 0..2 {
                    self.engines[engine].handle_timeout(self.now);
                }
                self.drain();
            }
            10 => {
                if let Some(connection) = self.sessions[to].last().copied() {
                    let _ = self.engines[to].send(self.now, connection, bytes);
                    self.drain();
                }
            }
            11 => {
                if let Some(connection) = self.sessions[to].pop() {
                    self.engines[to].close(self.now, connection);
                    self.drain();
                }
            }
            12 => self.connect(argument),
            13 => self.restart(argument, bytes),
            14 => self.give_key(bytes),
            // The program takes back that it knows this peer.
            _ => {
                let last = self.sessions[to].last().copied();
                let identity = last.and_then(|it| self.engines[to].identity(it).cloned());
                if let Some(identity) = identity {
                    self.engines[to].forget(self.now, &identity);
                    self.drain();
                }
            }
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    let [choice, more, rounds, input @ ..] = bytes else {
        return;
    };
    let mut world = World::new([*choice, *more]);
    // They have met before, and what the input does happens to their second handshake.
    if rounds & 64 != 0 {
        for _ in 0..ENOUGH {
            world.exchange();
            world.answer(true);
        }
        if rounds & 16 != 0 {
            world.restart(0, &[]);
        }
        world.connect(if rounds & 32 != 0 { 2 } else { 0 });
    }
    for _ in 0..rounds % 8 {
        world.exchange();
        if rounds & 128 == 0 {
            world.answer(true);
        }
    }
    let mut rest = input;
    // Operation, argument, and so many bytes.
    while let [op, argument, length, behind @ ..] = rest {
        let (bytes, behind) = behind.split_at(usize::from(*length).min(behind.len()));
        world.act(*op, *argument, bytes);
        rest = behind;
    }
});
