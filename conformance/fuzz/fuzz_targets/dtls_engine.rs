//! Whole engines in every state: an honest client and an honest server get so far with each other, and then somebody
//! between them does what the input says. Nothing panics, no bound is passed, and no time is left unset.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lwm2m_core::{secret::Secret, time::Instant};
use lwm2m_dtls::{
    CipherSuite, ClientConfig, ClientCredentials, Connection, ConnectionIds, Endpoint,
    EndpointConfig, Event, KeyAnswer, ServerConfig,
    certificate::spki_of,
    crypto::{Provider, Signer, rustcrypto::RustCrypto},
};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
use std::{
    net::SocketAddr,
    sync::{Arc, LazyLock},
    time::Duration,
};

/// How many datagrams of a log are kept for the input to play with.
const LOG: usize = 32;

fn signer(base: u8) -> Arc<dyn Signer> {
    // PKCS#8 with an ECPrivateKey that holds the private number alone.
    let mut der = vec![
        0x30, 0x41, 2, 1, 0, 0x30, 0x13, 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 6, 8, 0x2a,
        0x86, 0x48, 0xce, 0x3d, 3, 1, 7, 4, 0x27, 0x30, 0x25, 2, 1, 1, 4, 0x20,
    ];
    der.extend([base; 32]);
    RustCrypto.signer(&Secret::new(der)).expect("a private key")
}

static KEYS: LazyLock<[Arc<dyn Signer>; 2]> = LazyLock::new(|| [signer(0x31), signer(0x77)]);

struct World {
    /// The client, and the server.
    engines: [Endpoint; 2],
    now: Instant,
    /// What either has sent and nobody has delivered yet, and what was ever sent.
    flying: [Vec<Vec<u8>>; 2],
    log: Vec<Vec<u8>>,
    asked: Vec<Connection>,
    sessions: [Vec<Connection>; 2],
}

fn address(engine: usize) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], [40_000, 5684][engine]))
}

impl World {
    fn new(choice: u8) -> Self {
        let suite = CipherSuite::ALL[usize::from(choice % 8)];
        let psk = format!("{suite:?}").starts_with("Psk");
        let mut config = EndpointConfig::default();
        config.mtu = if choice & 8 != 0 { 160 } else { 1232 };
        config.max_handshakes = 4;
        config.max_handshakes_per_address = 3;
        config.max_sessions = 3;
        config.max_forgeries_short_tag = 64;
        config.max_resumable = 2;
        let tickets = choice & 32 != 0;
        config.ticket_lifetime = tickets.then(|| Duration::from_secs(60));
        if choice & 64 != 0 {
            config.max_sessions_per_identity = 1;
        }
        if choice & 16 != 0 {
            config.connection_ids = Some(ConnectionIds {
                prefix: vec![1],
                length: 5,
            });
        }
        let serves = ServerConfig::new().psk().raw_public_key(KEYS[1].clone());
        let credentials = if psk {
            ClientCredentials::Psk {
                identity: b"device".to_vec(),
                key: Arc::new(Secret::new(b"sixteen bytes...".to_vec())),
            }
        } else {
            ClientCredentials::RawPublicKey {
                signer: KEYS[0].clone(),
                server: spki_of(&KEYS[1].public_key()),
            }
        };
        let mut connection = ClientConfig::new(credentials);
        connection.suites = vec![suite];
        connection.session_tickets = tickets;
        let engine = |server, seed| {
            let random = Box::new(ChaCha8Rng::seed_from_u64(seed));
            Endpoint::new(config.clone(), server, Arc::new(RustCrypto), random)
                .expect("a good configuration")
        };
        let mut world = World {
            engines: [engine(None, 1), engine(Some(serves), 2)],
            now: Instant::from_micros(1_000_000),
            flying: Default::default(),
            log: Vec::new(),
            asked: Vec::new(),
            sessions: Default::default(),
        };
        world.engines[0]
            .connect(world.now, address(1), connection)
            .expect("a good configuration");
        world.drain();
        world
    }

    fn drain(&mut self) {
        for engine in 0..2 {
            while let Some(event) = self.engines[engine].poll_event() {
                match event {
                    Event::KeyWanted { connection, .. } | Event::PeerWanted { connection, .. } => {
                        self.asked.push(connection);
                    }
                    Event::Connected { connection, .. } => self.sessions[engine].push(connection),
                    _ => {}
                }
            }
            while let Some(transmit) = self.engines[engine].poll_transmit() {
                assert!(!transmit.data.is_empty());
                if self.log.len() < LOG {
                    self.log.push(transmit.data.clone());
                }
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
            let key = match well {
                true => KeyAnswer::Key(Arc::new(Secret::new(b"sixteen bytes...".to_vec()))),
                false => KeyAnswer::Unknown,
            };
            self.engines[1].answer_key(self.now, connection, key);
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
        match op % 12 {
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
                for damage in bytes.chunks_exact(3) {
                    let at = usize::from(u16::from_be_bytes([damage[0], damage[1]]));
                    let at = at % datagram.len();
                    datagram[at] ^= damage[2];
                }
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
            _ => {
                if let Some(connection) = self.sessions[to].pop() {
                    self.engines[to].close(self.now, connection);
                    self.drain();
                }
            }
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    let [choice, rounds, input @ ..] = bytes else {
        return;
    };
    let mut world = World::new(*choice);
    for _ in 0..rounds % 8 {
        world.exchange();
        if rounds & 0x80 == 0 {
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
