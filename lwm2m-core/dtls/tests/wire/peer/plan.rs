//! What a handshake is to be like, and the engine for it.

use super::{ADDRESS, IDENTITY, KEY, KEYS, Peer};
use crate::protocol::ALERT;
use lwm2m_core::{secret::Secret, time::Instant};
use lwm2m_dtls::{
    CipherSuite, ClientConfig, ClientCredentials, ConnectionIds, Endpoint, EndpointConfig,
    ServerConfig, certificate::spki_of, crypto::rustcrypto::RustCrypto,
};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use std::sync::Arc;

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
