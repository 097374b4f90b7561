//! What is left in memory of a session that is gone: this process reads its own memory and looks for its keys. One test
//! only, since others would write beside it.
//!
//! The stack of the thread is left out: what a function had on it stays until another writes there, and safe code cannot
//! wipe that. Everything else that can be written is read, freed blocks of the heap too.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use lwm2m_core::{peer::PeerIdentity, secret::Secret, time::Instant};
use lwm2m_dtls::{
    ClientConfig, ClientCredentials, Connection, Endpoint, EndpointConfig, Event, KeyAnswer,
    ServerConfig,
    crypto::{
        CryptoError,
        prf::{Derivation, MasterSecret},
        psk::PreSharedKey,
        rustcrypto::RustCrypto,
    },
};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
use std::{
    fs::File,
    net::SocketAddr,
    os::unix::fs::FileExt,
    sync::{Arc, Mutex},
    time::Duration,
};

/// Keys are written here and remembered in this disguise, else the test would find itself.
const MASK: u8 = 0xa5;

type Masked = Vec<u8>;

fn mask(bytes: &[u8]) -> Masked {
    bytes.iter().map(|byte| byte ^ MASK).collect()
}

/// A pre-shared key, which writes down what master secrets come of it.
struct Recorded {
    key: Secret,
    masters: Mutex<Vec<Masked>>,
}

/// Bytes that stand nowhere else.
fn psk() -> Secret {
    let mut key = Vec::with_capacity(32);
    key.extend((0..32u8).map(|at| at.wrapping_mul(37) ^ 0x6b));
    Secret::new(key)
}

impl PreSharedKey for Recorded {
    fn master_secret(&self, derivation: &Derivation<'_>) -> Result<MasterSecret, CryptoError> {
        let master = self.key.master_secret(derivation)?;
        let masked = mask(master.expose_secret());
        self.masters.lock().unwrap().push(masked);
        Ok(master)
    }
}

fn recorded() -> Arc<Recorded> {
    Arc::new(Recorded {
        key: psk(),
        masters: Mutex::default(),
    })
}

/// Whether these bytes stand anywhere but on the stack of this thread.
fn found(needles: &[Masked]) -> Vec<bool> {
    let here = 0u8;
    let here = (&raw const here).addr() as u64;
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let memory = File::open("/proc/self/mem").unwrap();
    let mut found = vec![false; needles.len()];
    for line in maps.lines() {
        let mut words = line.split_whitespace();
        let (range, rights) = (words.next().unwrap(), words.next().unwrap());
        let (start, end) = range.split_once('-').unwrap();
        let start = u64::from_str_radix(start, 16).unwrap();
        let end = u64::from_str_radix(end, 16).unwrap();
        if !rights.starts_with("rw") || (start..end).contains(&here) {
            continue;
        }
        let mut bytes = vec![0; (end - start) as usize];
        // Some, like those of the kernel, cannot be read.
        if memory.read_exact_at(&mut bytes, start).is_err() {
            continue;
        }
        for byte in &mut bytes {
            *byte ^= MASK;
        }
        for (needle, found) in needles.iter().zip(&mut found) {
            *found |= bytes.windows(needle.len()).any(|window| window == needle);
        }
        // In here, the disguise is off what has worn it.
        bytes.fill(0);
        std::hint::black_box(&bytes);
    }
    found
}

fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

struct Pair {
    client: Endpoint,
    server: Endpoint,
    key: Option<Arc<Recorded>>,
    /// Of the client, and of the server.
    connected: [Option<Connection>; 2],
}

impl Pair {
    /// Everything that is under way arrives; all events are taken and dropped.
    fn run(&mut self) {
        let now = Instant::from_micros(1);
        loop {
            let mut idle = true;
            for (at, endpoint) in [&mut self.client, &mut self.server].into_iter().enumerate() {
                while let Some(event) = endpoint.poll_event() {
                    idle = false;
                    match event {
                        Event::KeyWanted { connection, .. } => {
                            let key = self.key.clone().unwrap();
                            endpoint.answer_key(now, connection, KeyAnswer::Key(key));
                        }
                        Event::Connected { connection, .. } => {
                            self.connected[at] = Some(connection)
                        }
                        _ => {}
                    }
                }
            }
            while let Some(mut transmit) = self.client.poll_transmit() {
                idle = false;
                self.server
                    .handle_datagram(now, address(1000), &mut transmit.data);
            }
            while let Some(mut transmit) = self.server.poll_transmit() {
                idle = false;
                self.client
                    .handle_datagram(now, address(5684), &mut transmit.data);
            }
            if idle {
                return;
            }
        }
    }
}

#[test]
fn nothing_is_left_of_a_session_that_is_gone() {
    if !cfg!(target_os = "linux") {
        println!("skipped: the memory of a process is read by way of /proc");
        return;
    }
    for tickets in [false, true] {
        comes_and_goes(tickets);
    }
}

/// A session that may be taken up again, by its id or by a ticket.
fn comes_and_goes(tickets: bool) {
    let now = Instant::from_micros(1);
    let mut config = EndpointConfig::default();
    config.export_reservation = Some(8);
    config.max_resumable = 2;
    config.ticket_lifetime = tickets.then(|| Duration::from_secs(60));
    let endpoint = |server, seed| {
        let random = Box::new(ChaCha20Rng::seed_from_u64(seed));
        Endpoint::new(config.clone(), server, Arc::new(RustCrypto), random).unwrap()
    };
    let mut pair = Pair {
        client: endpoint(None, 1),
        server: endpoint(Some(ServerConfig::new().psk()), 2),
        key: Some(recorded()),
        connected: [None; 2],
    };
    let credentials = ClientCredentials::Psk {
        identity: b"device".to_vec(),
        key: pair.key.clone().unwrap(),
    };
    let mut connection = ClientConfig::new(credentials);
    connection.session_tickets = tickets;
    pair.client.connect(now, address(5684), connection).unwrap();
    pair.run();
    let (client, server) = (pair.connected[0].unwrap(), pair.connected[1].unwrap());

    let mut needles = vec![mask(psk().expose_secret())];
    needles.extend(pair.key.as_ref().unwrap().masters.lock().unwrap().drain(..));
    assert_eq!(needles.len(), 3, "both sides have made a master secret");
    assert_eq!(needles[1], needles[2]);
    // The keys of both directions, as an export says them.
    let export = pair.server.export(server).unwrap();
    needles.push(mask(&export.expose_secret()[4..20]));
    needles.push(mask(&export.expose_secret()[24..40]));
    drop(export);
    pair.server.export_stored(server);
    let export = pair.client.export(client).unwrap();
    assert_eq!(mask(&export.expose_secret()[4..20]), needles[4]);
    drop(export);
    pair.client.export_stored(client);
    pair.client.send(now, client, b"data").unwrap();
    pair.run();
    // That this way of looking sees what is there: of the master secret, a server that gives a ticket keeps nothing.
    let kept = !tickets;
    assert_eq!(found(&needles), [true, kept, kept, true, true]);

    // The sessions end; the endpoints live on. That the server may take the session up again ends, too.
    pair.key = None;
    pair.client.close(now, client);
    pair.run();
    pair.server
        .forget(now, &PeerIdentity::Psk(b"device".to_vec()));
    pair.run();
    assert_eq!(pair.client.session_count() + pair.server.session_count(), 0);
    assert_eq!(
        found(&needles),
        [false; 5],
        "pre-shared key, master secret twice, keys of the server and of the client"
    );
}
