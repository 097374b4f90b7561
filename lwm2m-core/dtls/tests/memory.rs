//! What is left in memory of a session that is gone: this process reads its own memory and looks for its keys. One test
//! only, since others would write beside it.
//!
//! The stack of the thread is left out: what a function had on it stays until another writes there, and safe code cannot
//! wipe that. Everything else that can be written is read, freed blocks of the heap too.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use lwm2m_core::{secret::Secret, time::Instant};
#[cfg(feature = "ring")]
use lwm2m_dtls::crypto::ring::Ring;
use lwm2m_dtls::{
    ClientConfig, ClientCredentials, Connection, Endpoint, EndpointConfig, Event, KeyAnswer,
    KeyLog, ServerConfig,
    certificate::spki_of,
    crypto::{
        Aead, CryptoError, Group, KeyAgreement, Provider, PublicKey, Signer, rustcrypto::RustCrypto,
    },
};
use rand_chacha::{
    ChaCha20Rng,
    rand_core::{RngCore, SeedableRng},
};
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

/// Secrets that were written down, in disguise.
#[derive(Debug, Default)]
struct Record(Mutex<Vec<Masked>>);

impl Record {
    fn note(&self, secret: Masked) {
        self.0.lock().unwrap().push(secret);
    }

    fn take(&self) -> Vec<Masked> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// Master secrets, as they are told for Wireshark: in hexadecimal, which is disguise enough.
impl KeyLog for Record {
    fn line(&self, line: &str) {
        let master = line.rsplit(' ').next().unwrap().as_bytes();
        let digit = |byte: u8| (byte as char).to_digit(16).unwrap() as u8;
        // Byte by byte, so that it never stands anywhere.
        let bytes = master.chunks(2);
        let masked = bytes.map(|pair| (digit(pair[0]) << 4 | digit(pair[1])) ^ MASK);
        self.note(masked.collect());
    }
}

/// Bytes that stand nowhere else.
fn psk() -> Secret {
    let mut key = Vec::with_capacity(32);
    key.extend((0..32u8).map(|at| at.wrapping_mul(37) ^ 0x6b));
    Secret::new(key)
}

/// Another provider, whose premaster secrets are written down.
struct Recording {
    inner: Arc<dyn Provider>,
    premasters: Arc<Record>,
}

struct RecordingAgreement {
    inner: Box<dyn KeyAgreement>,
    premasters: Arc<Record>,
}

impl KeyAgreement for RecordingAgreement {
    fn public_key(&self) -> &[u8] {
        self.inner.public_key()
    }

    fn agree(self: Box<Self>, peer: &[u8]) -> Result<Secret, CryptoError> {
        let secret = self.inner.agree(peer)?;
        self.premasters.note(mask(secret.expose_secret()));
        Ok(secret)
    }
}

impl Provider for Recording {
    fn seal(
        &self,
        aead: Aead,
        key: &[u8; 16],
        nonce: &[u8; 12],
        additional: &[u8],
        text: &mut [u8],
        tag: &mut [u8],
    ) {
        self.inner.seal(aead, key, nonce, additional, text, tag);
    }

    fn open(
        &self,
        aead: Aead,
        key: &[u8; 16],
        nonce: &[u8; 12],
        additional: &[u8],
        text: &mut [u8],
        tag: &[u8],
    ) -> Result<(), CryptoError> {
        self.inner.open(aead, key, nonce, additional, text, tag)
    }

    fn cbc_encrypt(&self, key: &[u8; 16], iv: &[u8; 16], blocks: &mut [u8]) {
        self.inner.cbc_encrypt(key, iv, blocks);
    }

    fn cbc_decrypt(&self, key: &[u8; 16], iv: &[u8; 16], blocks: &mut [u8]) {
        self.inner.cbc_decrypt(key, iv, blocks);
    }

    fn key_agreement(
        &self,
        group: Group,
        random: &mut dyn RngCore,
    ) -> Result<Box<dyn KeyAgreement>, CryptoError> {
        Ok(Box::new(RecordingAgreement {
            inner: self.inner.key_agreement(group, random)?,
            premasters: self.premasters.clone(),
        }))
    }

    fn public_key(&self, point: &[u8]) -> Result<PublicKey, CryptoError> {
        self.inner.public_key(point)
    }

    fn verify(&self, key: &PublicKey, message: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
        self.inner.verify(key, message, signature)
    }

    fn signer(&self, pkcs8: &Secret) -> Result<Arc<dyn Signer>, CryptoError> {
        self.inner.signer(pkcs8)
    }
}

/// PKCS#8 with an ECPrivateKey on P-256 that holds the private number alone (RFC 5208, RFC 5915).
fn pkcs8(byte: u8) -> Secret {
    let mut der =
        hex::decode("3041020100301306072a8648ce3d020106082a8648ce3d030107042730250201010420")
            .unwrap();
    der.extend([byte; 32]);
    Secret::new(der)
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
    key: Option<Arc<Secret>>,
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
                        Event::PeerWanted { connection, .. } => {
                            endpoint.answer_peer(now, connection, true);
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
    let providers: &[(&str, Arc<dyn Provider>)] = &[
        ("RustCrypto", Arc::new(RustCrypto)),
        #[cfg(feature = "ring")]
        ("ring", Arc::new(Ring::new())),
    ];
    for (name, provider) in providers {
        for psk in [true, false] {
            for tickets in [false, true] {
                println!("{name}, pre-shared key: {psk}, tickets: {tickets}");
                comes_and_goes(provider, psk, tickets);
            }
        }
    }
}

/// A session with a pre-shared key or with an ephemeral exchange, that may be taken up again, by its id or by a ticket.
fn comes_and_goes(provider: &Arc<dyn Provider>, is_psk: bool, tickets: bool) {
    let now = Instant::from_micros(1);
    let (premasters, masters) = (Arc::new(Record::default()), Arc::new(Record::default()));
    let provider = Arc::new(Recording {
        inner: provider.clone(),
        premasters: premasters.clone(),
    });
    let mut config = EndpointConfig::default();
    config.export_reservation = Some(8);
    config.max_resumable = 2;
    config.ticket_lifetime = tickets.then(|| Duration::from_secs(60));
    config.danger_key_log = Some(masters.clone());
    let endpoint = |server, seed| {
        let random = Box::new(ChaCha20Rng::seed_from_u64(seed));
        Endpoint::new(config.clone(), server, provider.clone(), random).unwrap()
    };
    let [of_client, of_server] = [3, 5].map(|byte| provider.signer(&pkcs8(byte)).unwrap());
    let key = Arc::new(psk());
    let (serves, credentials) = match is_psk {
        true => (
            ServerConfig::new().psk(),
            ClientCredentials::Psk {
                identity: b"device".to_vec(),
                key: key.clone(),
            },
        ),
        false => (
            ServerConfig::new().raw_public_key(of_server.clone()),
            ClientCredentials::RawPublicKey {
                signer: of_client,
                server: spki_of(&of_server.public_key()),
            },
        ),
    };
    let mut pair = Pair {
        client: endpoint(None, 1),
        server: endpoint(Some(serves), 2),
        key: Some(key),
        connected: [None; 2],
    };
    let mut connection = ClientConfig::new(credentials);
    connection.session_tickets = tickets;
    pair.client.connect(now, address(5684), connection).unwrap();
    pair.run();
    let (client, server) = (pair.connected[0].unwrap(), pair.connected[1].unwrap());
    let identity = pair.server.identity(server).unwrap().clone();

    // What the master secret is made of: the key, or what both ends have agreed on.
    let mut needles = match is_psk {
        true => vec![mask(psk().expose_secret())],
        false => premasters.take(),
    };
    needles.dedup();
    assert_eq!(needles.len(), 1, "both ends have agreed on one");
    needles.extend(masters.take());
    assert_eq!(needles.len(), 3, "both ends have made a master secret");
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
    // That this way of looking sees what is there: a pre-shared key stays where it is, and what was agreed on is wiped
    // when the master secret is made of it; of that, a server that gives a ticket keeps nothing.
    let kept = !tickets;
    assert_eq!(found(&needles), [is_psk, kept, kept, true, true]);

    // The sessions end; the endpoints live on. That the server may take the session up again ends, too.
    pair.key = None;
    pair.client.close(now, client);
    pair.run();
    pair.server.forget(now, &identity);
    pair.run();
    assert_eq!(pair.client.session_count() + pair.server.session_count(), 0);
    assert_eq!(
        found(&needles),
        [false; 5],
        "pre-shared or premaster secret, master secret twice, keys of the server and of the client"
    );
}
