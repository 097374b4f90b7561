//! The messages that a peer says, and the keys that it makes on its side.

use super::{CLIENT_RANDOM, IDENTITY, KEY, KEYS, Peer, SERVER_RANDOM, is_psk, kinds::*};
use crate::protocol::*;
use lwm2m_dtls::{
    certificate::spki_of,
    crypto::{Group, Provider, rustcrypto::RustCrypto},
};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

impl Peer {
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

    /// Server: says its hello; with a session that is taken up again, the keys are there.
    pub(crate) fn say_server_hello(&mut self) {
        let hello = self.server_hello();
        // Before it is said: the engine may answer at once.
        self.use_keys_of_resumed();
        self.say(SERVER_HELLO, &hello);
    }

    pub(crate) fn use_keys_of_resumed(&mut self) {
        if let Some((_, master)) = &self.plan.resumes {
            self.master = master.clone();
            self.use_keys();
        }
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

    pub(super) fn new_share(&mut self) -> Vec<u8> {
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

    /// Master secret and keys, with the ClientKeyExchange at the end of the transcript.
    pub(super) fn derive(&mut self) {
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

    pub(super) fn use_keys(&mut self) {
        self.cipher = Some(Cipher::new(
            self.plan.suite,
            self.plan.encrypt_then_mac,
            &self.master,
            &self.client_random,
            &self.server_random,
        ));
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
