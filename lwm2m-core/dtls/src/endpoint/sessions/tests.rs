//! What only somebody with the keys can say.

use super::*;
use crate::{
    ClientConfig, ClientCredentials, EndpointConfig, KeyAnswer, ServerConfig,
    crypto::rustcrypto::RustCrypto,
};
use alloc::vec;
use lwm2m_core::secret::Secret;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

const CLIENT: usize = 0;
const SERVER: usize = 1;

fn address(end: usize) -> SocketAddr {
    ([10, 0, 0, end as u8], 5684).into()
}

fn key() -> Arc<Secret> {
    Arc::new(Secret::new(vec![7; 16]))
}

/// Two ends between which nothing is lost.
struct Pair {
    ends: [Endpoint; 2],
    /// What each end has been told, without requests for keys.
    events: [Vec<Event>; 2],
    datagrams: usize,
}

impl Pair {
    fn connected() -> Self {
        let end = |server, seed| {
            let random = Box::new(ChaCha20Rng::seed_from_u64(seed));
            Endpoint::new(
                EndpointConfig::default(),
                server,
                Arc::new(RustCrypto),
                random,
            )
            .expect("a sound configuration")
        };
        let mut pair = Pair {
            ends: [end(None, 1), end(Some(ServerConfig::new().psk()), 2)],
            events: [Vec::new(), Vec::new()],
            datagrams: 0,
        };
        let credentials = ClientCredentials::Psk {
            identity: b"device".to_vec(),
            key: key(),
        };
        let config = ClientConfig::new(credentials);
        pair.ends[CLIENT]
            .connect(Instant::ZERO, address(SERVER), config)
            .expect("a suite");
        pair.settle();
        for end in &pair.ends {
            assert_eq!((end.session_count(), end.handshake_count()), (1, 0));
        }
        pair
    }

    fn settle(&mut self) {
        loop {
            let mut idle = true;
            for end in [CLIENT, SERVER] {
                while let Some(event) = self.ends[end].poll_event() {
                    if let Event::KeyWanted { connection, .. } = event {
                        let answer = KeyAnswer::Key(key());
                        self.ends[end].answer_key(Instant::ZERO, connection, answer);
                    } else {
                        self.events[end].push(event);
                    }
                    idle = false;
                }
                while let Some(mut transmit) = self.ends[end].poll_transmit() {
                    self.datagrams += 1;
                    let other = &mut self.ends[1 - end];
                    other.handle_datagram(Instant::ZERO, address(end), &mut transmit.data);
                    idle = false;
                }
            }
            if idle {
                return;
            }
        }
    }
}

// proves: DTLS-21
#[test]
fn who_asks_for_renegotiation_is_told_that_there_is_none() {
    // HelloRequest of a server, ClientHello of a client: header of a message, and nothing that would be read.
    for (from, kind) in [(SERVER, 0), (CLIENT, 1)] {
        let mut pair = Pair::connected();
        let before = pair.datagrams;
        let connections = [CLIENT, SERVER].map(|end| pair.ends[end].sessions()[0]);
        let message = [kind, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0];
        pair.ends[from]
            .seal(connections[from], ContentType::Handshake, &message)
            .unwrap();
        pair.settle();
        assert_eq!(pair.datagrams - before, 2, "the question and an alert");
        // The session goes on as it was, both ways.
        for (end, connection) in connections.into_iter().enumerate() {
            assert_eq!(pair.ends[end].handshake_count(), 0);
            pair.events[1 - end].clear();
            pair.ends[end]
                .send(Instant::ZERO, connection, b"as before")
                .unwrap();
            pair.settle();
            assert!(matches!(
                &pair.events[1 - end][..],
                [Event::Data { connection, data, .. }]
                    if *connection == connections[1 - end] && data == b"as before"
            ));
        }
    }
}
