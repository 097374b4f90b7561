//! A peer that is told step by step what to say, honest or not, in front of an engine.

mod hearing;
mod plan;
mod saying;

pub(crate) use hearing::extension;
pub(crate) use plan::{Plan, is_psk};
pub(crate) use saying::encode;

use crate::protocol::*;
use lwm2m_core::{secret::Secret, time::Instant};
use lwm2m_dtls::{
    Connection, Endpoint, Event, KeyAnswer, Resumption,
    crypto::{KeyAgreement, Provider, Signer, rustcrypto::RustCrypto},
};
use std::{collections::BTreeSet, net::SocketAddr, sync::Arc, sync::LazyLock, time::Duration};

pub(crate) const KEY: &[u8] = b"sixteen bytes...";
pub(crate) const IDENTITY: &[u8] = b"device-1";
pub(crate) const ADDRESS: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 5684);
pub(crate) const COOKIE: &[u8] = b"a cookie";
const CLIENT_RANDOM: [u8; 32] = [0xc1; 32];
const SERVER_RANDOM: [u8; 32] = [0x5e; 32];

pub(crate) mod kinds {
    pub(crate) const HELLO_REQUEST: u8 = 0;
    pub(crate) const CLIENT_HELLO: u8 = 1;
    pub(crate) const SERVER_HELLO: u8 = 2;
    pub(crate) const HELLO_VERIFY: u8 = 3;
    pub(crate) const TICKET: u8 = 4;
    pub(crate) const CERTIFICATE: u8 = 11;
    pub(crate) const SERVER_KEY: u8 = 12;
    pub(crate) const REQUEST: u8 = 13;
    pub(crate) const DONE: u8 = 14;
    pub(crate) const VERIFY: u8 = 15;
    pub(crate) const CLIENT_KEY: u8 = 16;
    pub(crate) const FINISHED: u8 = 20;
}

fn signer(base: [u8; 16]) -> Arc<dyn Signer> {
    // PKCS#8 with an ECPrivateKey on P-256 that holds the private number alone (RFC 5208, RFC 5915).
    let mut der =
        hex::decode("3041020100301306072a8648ce3d020106082a8648ce3d030107042730250201010420")
            .unwrap();
    der.extend([base, base].concat());
    RustCrypto.signer(&Secret::new(der)).unwrap()
}

/// The engine's raw public key, and that of the peer.
static KEYS: LazyLock<[Arc<dyn Signer>; 2]> =
    LazyLock::new(|| [signer([0x31; 16]), signer([0x77; 16])]);

pub(crate) struct Peer {
    pub(crate) plan: Plan,
    pub(crate) engine: Endpoint,
    pub(crate) now: Instant,
    pub(crate) is_server: bool,
    /// Whether what the engine asks its program is answered at once.
    pub(crate) answers: bool,
    pub(crate) next_message: u16,
    pub(crate) plain: u64,
    pub(crate) sealed: u64,
    pub(crate) transcript: Vec<u8>,
    pub(crate) cookie: Vec<u8>,
    /// What a server has given.
    pub(crate) ticket: Vec<u8>,
    client_random: [u8; 32],
    server_random: [u8; 32],
    pub(crate) master: Vec<u8>,
    pub(crate) cipher: Option<Cipher>,
    share: Option<Box<dyn KeyAgreement>>,
    premaster: Vec<u8>,
    /// The id that the engine wants in its records.
    pub(crate) engine_id: Vec<u8>,
    seen: BTreeSet<u16>,
    /// Types of the messages that were heard, repetitions too.
    pub(crate) heard: Vec<u8>,
    /// Every record that was heard, as it came.
    pub(crate) records: Vec<Vec<u8>>,
    pub(crate) alerts: Vec<[u8; 2]>,
    pub(crate) data: Vec<Vec<u8>>,
    pub(crate) engine_finished: Vec<u8>,
    pub(crate) asked: Vec<Connection>,
    pub(crate) connected: Option<Connection>,
    pub(crate) resumption: Option<Resumption>,
    pub(crate) ended: Vec<String>,
    pub(crate) received: Vec<Vec<u8>>,
    /// Records that do not open, as where the two have seen different handshakes.
    pub(crate) unreadable: usize,
}

impl Peer {
    pub(super) fn new(plan: Plan, engine: Endpoint, is_server: bool) -> Self {
        Peer {
            plan,
            engine,
            now: Instant::from_micros(1_000_000),
            is_server,
            answers: true,
            next_message: 0,
            plain: 0,
            sealed: 0,
            transcript: Vec::new(),
            cookie: Vec::new(),
            ticket: Vec::new(),
            client_random: CLIENT_RANDOM,
            server_random: SERVER_RANDOM,
            master: Vec::new(),
            cipher: None,
            share: None,
            premaster: Vec::new(),
            engine_id: Vec::new(),
            seen: BTreeSet::new(),
            heard: Vec::new(),
            records: Vec::new(),
            alerts: Vec::new(),
            data: Vec::new(),
            engine_finished: Vec::new(),
            asked: Vec::new(),
            connected: None,
            resumption: None,
            ended: Vec::new(),
            received: Vec::new(),
            unreadable: 0,
        }
    }

    fn halves(&self) -> Option<(Half, Half)> {
        let cipher = self.cipher.as_ref()?;
        let (client, server) = (cipher.client.clone(), cipher.server.clone());
        Some(if self.is_server {
            (server, client)
        } else {
            (client, server)
        })
    }

    pub(crate) fn datagram(&mut self, mut bytes: Vec<u8>) {
        self.engine.handle_datagram(self.now, ADDRESS, &mut bytes);
        self.drain();
    }

    pub(crate) fn plain_record(&mut self, kind: u8, body: &[u8]) {
        let sequence = self.plain;
        self.plain += 1;
        self.datagram(record(kind, 0, sequence, &[], body));
    }

    /// A protected record; noise where there are no keys yet.
    pub(crate) fn sealed_bytes(&mut self, kind: u8, text: &[u8]) -> Vec<u8> {
        let sequence = self.sealed;
        self.sealed += 1;
        let id = self.engine_id.clone();
        match (&self.cipher, self.halves()) {
            (Some(cipher), Some((ours, _))) => {
                cipher.seal(&ours, kind, (1, sequence), &id, text, [0x1f; 16])
            }
            _ => record(kind, 1, sequence, &[], &[0x55; 40]),
        }
    }

    pub(crate) fn sealed_record(&mut self, kind: u8, text: &[u8]) {
        let bytes = self.sealed_bytes(kind, text);
        self.datagram(bytes);
    }

    /// Answers what the engine has asked its program.
    pub(crate) fn answer(&mut self) {
        for connection in std::mem::take(&mut self.asked) {
            let key = KeyAnswer::Key(Arc::new(Secret::new(KEY.into())));
            self.engine.answer_key(self.now, connection, key);
            self.engine.answer_peer(self.now, connection, true);
        }
        self.drain();
    }

    pub(crate) fn wait(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(at) = self.engine.poll_timeout().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.engine.handle_timeout(self.now);
            self.drain();
        }
        self.now = until;
    }

    pub(crate) fn drain(&mut self) {
        loop {
            while let Some(event) = self.engine.poll_event() {
                match event {
                    Event::KeyWanted { connection, .. } | Event::PeerWanted { connection, .. } => {
                        self.asked.push(connection);
                    }
                    Event::Connected {
                        connection,
                        resumption,
                        ..
                    } => {
                        self.connected = Some(connection);
                        self.resumption = resumption;
                    }
                    Event::Data { data, .. } => self.received.push(data),
                    Event::Closed { reason, .. } | Event::Refused { reason, .. } => {
                        self.ended.push(reason.to_string());
                    }
                    _ => {}
                }
            }
            let mut idle = true;
            while let Some(transmit) = self.engine.poll_transmit() {
                idle = false;
                self.hear(&transmit.data);
            }
            if idle && (self.asked.is_empty() || !self.answers) {
                return;
            }
            if self.answers {
                self.answer();
            }
        }
    }

    pub(crate) fn proven(&mut self) -> bool {
        let Some(connection) = self.connected else {
            return false;
        };
        let (heard, received) = (self.data.len(), self.received.len());
        if self.engine.send(self.now, connection, b"ping").is_err() {
            return false;
        }
        self.drain();
        self.sealed_record(DATA, b"pong");
        self.data.get(heard).is_some_and(|data| data == b"ping")
            && self
                .received
                .get(received)
                .is_some_and(|data| data == b"pong")
    }
}
