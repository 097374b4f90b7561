//! A peer that is told step by step what to say, honest or not, in front of an engine.

use crate::protocol::*;
use lwm2m_core::{secret::Secret, time::Instant};
use lwm2m_dtls::{
    CipherSuite, ClientConfig, ClientCredentials, Connection, ConnectionIds, Endpoint,
    EndpointConfig, Event, KeyAnswer, Resumption, ServerConfig,
    certificate::spki_of,
    crypto::{Group, KeyAgreement, Provider, Signer, rustcrypto::RustCrypto},
};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
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
use kinds::*;

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

/// What a handshake is to be like.
#[derive(Clone)]
pub(crate) struct Plan {
    pub(crate) suite: CipherSuite,
    /// What the peer offers or answers.
    pub(crate) extended: bool,
    pub(crate) encrypt_then_mac: bool,
    /// The peer's Connection ID.
    pub(crate) id: Option<Vec<u8>>,
    /// Length of the engine's.
    pub(crate) engine_id: usize,
    pub(crate) engine: EndpointConfig,
    pub(crate) serves: ServerConfig,
    pub(crate) connection: ClientConfig,
    pub(crate) resumes: Option<(Vec<u8>, Vec<u8>)>,
    /// What a client offers for a ticket; with any, a server announces one.
    pub(crate) ticket: Option<Vec<u8>>,
    /// Client: takes up a first session, which it makes before.
    pub(crate) again: bool,
    /// The session id that the peer gives out as a server.
    pub(crate) session_id: Vec<u8>,
}

pub(crate) fn is_psk(suite: CipherSuite) -> bool {
    format!("{suite:?}").starts_with("Psk")
}

impl Plan {
    pub(crate) fn new(suite: CipherSuite) -> Self {
        let credentials = if is_psk(suite) {
            ClientCredentials::Psk {
                identity: IDENTITY.into(),
                key: Arc::new(Secret::new(KEY.into())),
            }
        } else {
            ClientCredentials::RawPublicKey {
                signer: KEYS[0].clone(),
                server: spki_of(&KEYS[1].public_key()),
            }
        };
        let mut connection = ClientConfig::new(credentials);
        connection.suites = vec![suite];
        Plan {
            suite,
            extended: true,
            encrypt_then_mac: false,
            id: None,
            engine_id: 0,
            engine: EndpointConfig::default(),
            serves: ServerConfig::new().psk().raw_public_key(KEYS[0].clone()),
            connection,
            resumes: None,
            ticket: None,
            again: false,
            session_id: Vec::new(),
        }
    }

    pub(crate) fn psk() -> Self {
        Plan::new(CipherSuite::PskAes128Ccm8)
    }

    pub(crate) fn ecdhe() -> Self {
        Plan::new(CipherSuite::EcdheEcdsaAes128Ccm8)
    }

    fn endpoint(&self, server: Option<ServerConfig>) -> Endpoint {
        let mut config = self.engine.clone();
        if self.engine_id > 0 {
            config.connection_ids = Some(ConnectionIds {
                prefix: Vec::new(),
                length: self.engine_id,
            });
        }
        let random = Box::new(ChaCha20Rng::seed_from_u64(7));
        Endpoint::new(config, server, Arc::new(RustCrypto), random).unwrap()
    }

    /// A server in front of a client engine, which has said hello.
    pub(crate) fn server(self) -> Peer {
        let mut engine = self.endpoint(None);
        let now = Instant::from_micros(1_000_000);
        engine
            .connect(now, ADDRESS, self.connection.clone())
            .unwrap();
        let mut peer = Peer::new(self, engine, true);
        peer.drain();
        peer
    }

    /// A client in front of a server engine.
    pub(crate) fn client(mut self) -> Peer {
        let engine = self.endpoint(Some(self.serves.clone()));
        if !std::mem::take(&mut self.again) {
            return Peer::new(self, engine, false);
        }
        // A first session, which ends and may be taken up again.
        let mut first = Peer::new(self.clone(), engine, false);
        first.run();
        assert!(first.proven());
        first.sealed_record(ALERT, &[1, 0]);
        if self.ticket.is_some() {
            // By the id that it says, a client sees whether its ticket is taken.
            first.plan.session_id = vec![0x77; 32];
            self.ticket = Some(first.ticket);
        }
        self.resumes = Some((first.plan.session_id, first.master));
        Peer::new(self, first.engine, false)
    }
}

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
    fn new(plan: Plan, engine: Endpoint, is_server: bool) -> Self {
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

    /// Says a message with the next number, as part of the handshake.
    pub(crate) fn say(&mut self, kind: u8, body: &[u8]) {
        let said = message(kind, self.next_message, body);
        self.next_message += 1;
        if kind == CLIENT_HELLO {
            self.transcript.clear();
        }
        if kind != HELLO_VERIFY && kind != HELLO_REQUEST {
            self.transcript.extend(&said);
        }
        if kind == CLIENT_KEY && !self.is_server {
            self.derive();
        }
        self.plain_record(HANDSHAKE, &said);
    }

    /// Master secret and keys, with the ClientKeyExchange at the end of the transcript.
    fn derive(&mut self) {
        let premaster = if is_psk(self.plan.suite) {
            psk_premaster(KEY)
        } else {
            self.premaster.clone()
        };
        self.master = if self.plan.extended {
            prf(
                &premaster,
                "extended master secret",
                &sha256(&self.transcript),
                48,
            )
        } else {
            let seed = [self.client_random, self.server_random].concat();
            prf(&premaster, "master secret", &seed, 48)
        };
        self.use_keys();
    }

    fn use_keys(&mut self) {
        self.cipher = Some(Cipher::new(
            self.plan.suite,
            self.plan.encrypt_then_mac,
            &self.master,
            &self.client_random,
            &self.server_random,
        ));
    }

    pub(crate) fn extensions(&self) -> Vec<(u16, Vec<u8>)> {
        let mut extensions = Vec::new();
        let full = self.plan.resumes.is_none();
        if !is_psk(self.plan.suite) && full {
            extensions.push((11, vec![1, 0]));
            if self.is_server {
                extensions.extend([(19, vec![2]), (20, vec![2])]);
            } else {
                extensions.push((10, vec![0, 2, 0, 23]));
                extensions.push((13, vec![0, 2, 4, 3]));
                extensions.extend([(19, vec![1, 2]), (20, vec![1, 2])]);
            }
        }
        if self.plan.encrypt_then_mac {
            extensions.push((22, Vec::new()));
        }
        if self.plan.extended {
            extensions.push((23, Vec::new()));
        }
        if let Some(ticket) = &self.plan.ticket {
            let said = if self.is_server { &[][..] } else { ticket };
            extensions.push((35, said.to_vec()));
        }
        if let Some(id) = &self.plan.id {
            extensions.push((54, vector(1, id)));
        }
        extensions.push((0xff01, vec![0]));
        extensions
    }

    pub(crate) fn client_hello(&self) -> Vec<u8> {
        self.client_hello_with(&[self.plan.suite.number()], &self.extensions())
    }

    pub(crate) fn client_hello_with(
        &self,
        suites: &[u16],
        extensions: &[(u16, Vec<u8>)],
    ) -> Vec<u8> {
        let mut hello = vec![0xfe, 0xfd];
        hello.extend(CLIENT_RANDOM);
        let session = self.plan.resumes.as_ref().map_or(&[][..], |(id, _)| id);
        hello.extend(vector(1, session));
        hello.extend(vector(1, &self.cookie));
        let suites: Vec<u8> = suites
            .iter()
            .flat_map(|suite| suite.to_be_bytes())
            .collect();
        hello.extend(vector(2, &suites));
        hello.extend([1, 0]);
        hello.extend(encode(extensions));
        hello
    }

    pub(crate) fn server_hello(&self) -> Vec<u8> {
        self.server_hello_with(self.plan.suite.number(), &self.extensions())
    }

    pub(crate) fn server_hello_with(&self, suite: u16, extensions: &[(u16, Vec<u8>)]) -> Vec<u8> {
        let mut hello = vec![0xfe, 0xfd];
        hello.extend(SERVER_RANDOM);
        let session = self.plan.resumes.as_ref().map(|(id, _)| id);
        hello.extend(vector(1, session.unwrap_or(&self.plan.session_id)));
        hello.extend(suite.to_be_bytes());
        hello.push(0);
        hello.extend(encode(extensions));
        hello
    }

    pub(crate) fn certificate(&self) -> Vec<u8> {
        vector(3, &spki_of(&KEYS[1].public_key()))
    }

    fn sign(&self, signed: &[u8]) -> Vec<u8> {
        let mut random = ChaCha20Rng::seed_from_u64(9);
        let signature = KEYS[1].sign(signed, &mut random).unwrap();
        [&[4, 3][..], &vector(2, &signature)].concat()
    }

    fn new_share(&mut self) -> Vec<u8> {
        let mut random = ChaCha20Rng::seed_from_u64(8);
        let share = RustCrypto
            .key_agreement(Group::Secp256r1, &mut random)
            .unwrap();
        let public = share.public_key().to_vec();
        self.share = Some(share);
        public
    }

    pub(crate) fn server_key(&mut self) -> Vec<u8> {
        if is_psk(self.plan.suite) {
            return vector(2, b"hint");
        }
        let share = self.new_share();
        self.server_key_of(23, &share)
    }

    /// With this curve and this public key, well signed.
    pub(crate) fn server_key_of(&self, curve: u16, share: &[u8]) -> Vec<u8> {
        let mut parameters = vec![3];
        parameters.extend(curve.to_be_bytes());
        parameters.extend(vector(1, share));
        let signed = [&self.client_random[..], &self.server_random, &parameters].concat();
        parameters.extend(self.sign(&signed));
        parameters
    }

    pub(crate) fn client_key(&mut self) -> Vec<u8> {
        if is_psk(self.plan.suite) {
            return vector(2, IDENTITY);
        }
        match self.share.is_some() {
            // Already answered: another of the same form.
            true => vector(1, self.share.as_ref().unwrap().public_key()),
            false => vector(1, &self.new_share()),
        }
    }

    pub(crate) fn certificate_verify(&self) -> Vec<u8> {
        self.sign(&self.transcript)
    }

    pub(crate) fn finished(&self) -> Vec<u8> {
        let label = if self.is_server {
            "server finished"
        } else {
            "client finished"
        };
        prf(&self.master, label, &sha256(&self.transcript), 12)
    }

    /// Change of cipher and Finished.
    pub(crate) fn say_finished(&mut self) {
        let data = self.finished();
        self.say_finished_with(&data);
    }

    pub(crate) fn say_finished_with(&mut self, data: &[u8]) {
        self.plain_record(CHANGE_CIPHER_SPEC, &[1]);
        let said = message(FINISHED, self.next_message, data);
        self.next_message += 1;
        self.transcript.extend(&said);
        self.sealed_record(HANDSHAKE, &said);
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

    fn hear(&mut self, mut datagram: &[u8]) {
        while !datagram.is_empty() {
            let id_len = match datagram[0] {
                WITH_ID => self.plan.id.as_ref().map_or(0, Vec::len),
                _ => 0,
            };
            let at = 11 + id_len;
            let length = usize::from(u16::from_be_bytes([datagram[at], datagram[at + 1]]));
            let (record, rest) = datagram.split_at(at + 2 + length);
            datagram = rest;
            self.records.push(record.to_vec());
            let (kind, text) = if record[3..5] == [0, 0] {
                (record[0], record[13..].to_vec())
            } else {
                let opened = self
                    .halves()
                    .and_then(|(_, theirs)| self.cipher.as_ref()?.open(&theirs, record, id_len));
                let Some(opened) = opened else {
                    self.unreadable += 1;
                    continue;
                };
                opened
            };
            match kind {
                HANDSHAKE => self.hear_messages(&text),
                ALERT => self.alerts.push([text[0], text[1]]),
                DATA => self.data.push(text),
                _ => {}
            }
        }
    }

    fn hear_messages(&mut self, mut messages: &[u8]) {
        while !messages.is_empty() {
            let length = u32::from_be_bytes([0, messages[9], messages[10], messages[11]]) as usize;
            let (said, rest) = messages.split_at(12 + length);
            messages = rest;
            let (kind, body) = (said[0], &said[12..]);
            self.heard.push(kind);
            let sequence = u16::from_be_bytes([said[4], said[5]]);
            if kind == HELLO_VERIFY {
                self.cookie = body[3..].to_vec();
                continue;
            }
            if !self.seen.insert(sequence) {
                continue;
            }
            if kind == CLIENT_HELLO {
                self.transcript.clear();
            }
            self.transcript.extend(said);
            match kind {
                CLIENT_HELLO => {
                    self.client_random.copy_from_slice(&body[2..34]);
                    // A server that knows a session by its ticket takes the id that it hears.
                    if let Some((id, _)) = &mut self.plan.resumes
                        && self.is_server
                        && id.is_empty()
                    {
                        *id = body[35..35 + usize::from(body[34])].to_vec();
                    }
                }
                TICKET => self.ticket = body[6..].to_vec(),
                SERVER_HELLO => self.on_server_hello(body),
                SERVER_KEY => {
                    let share = self.new_share_of(&body[4..4 + usize::from(body[3])]);
                    self.premaster = share;
                }
                CLIENT_KEY => {
                    if let Some(share) = self.share.take() {
                        let theirs = &body[1..];
                        self.premaster = share.agree(theirs).unwrap().expose_secret().to_vec();
                    }
                    self.derive();
                }
                FINISHED => self.engine_finished = body.to_vec(),
                _ => {}
            }
            if self.is_server && kind == CLIENT_HELLO {
                self.engine_id =
                    extension(body, 54, true).map_or(Vec::new(), |id| id[1..].to_vec());
            }
        }
    }

    /// Our share stays for the message; the secret is computed with a second one from the same numbers.
    fn new_share_of(&mut self, theirs: &[u8]) -> Vec<u8> {
        self.new_share();
        let share = self.share.take().unwrap();
        let secret = share.agree(theirs).unwrap().expose_secret().to_vec();
        self.new_share();
        secret
    }

    fn on_server_hello(&mut self, body: &[u8]) {
        self.server_random.copy_from_slice(&body[2..34]);
        if let Some(id) = extension(body, 54, false) {
            self.engine_id = id[1..].to_vec();
        }
        let session = &body[35..35 + usize::from(body[34])];
        self.plan.session_id = session.to_vec();
        if let Some((id, master)) = &self.plan.resumes
            && id == session
        {
            self.master = master.clone();
            self.use_keys();
        }
    }

    /// Server: says its hello; with a session that is taken up again, the keys are there.
    pub(crate) fn say_server_hello(&mut self) {
        let hello = self.server_hello();
        // Before it is said: the engine may answer at once.
        if let Some((_, master)) = &self.plan.resumes {
            self.master = master.clone();
            self.use_keys();
        }
        self.say(SERVER_HELLO, &hello);
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

pub(crate) fn encode(extensions: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (number, body) in extensions {
        block.extend(number.to_be_bytes());
        block.extend(vector(2, body));
    }
    vector(2, &block)
}

/// An extension of a hello.
fn extension(hello: &[u8], wanted: u16, of_client: bool) -> Option<Vec<u8>> {
    let mut at = 34;
    at += 1 + usize::from(hello[at]);
    if of_client {
        at += 1 + usize::from(hello[at]);
        at += 2 + usize::from(u16::from_be_bytes([hello[at], hello[at + 1]]));
        at += 2;
    } else {
        at += 3;
    }
    at += 2;
    while at < hello.len() {
        let number = u16::from_be_bytes([hello[at], hello[at + 1]]);
        let length = usize::from(u16::from_be_bytes([hello[at + 2], hello[at + 3]]));
        let body = &hello[at + 4..at + 4 + length];
        if number == wanted {
            return Some(body.to_vec());
        }
        at += 4 + length;
    }
    None
}
