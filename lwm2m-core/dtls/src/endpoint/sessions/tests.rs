//! What only somebody with the keys can say.

use super::*;
use crate::{
    ClientConfig, ClientCredentials, EndpointConfig, KeyAnswer, ServerConfig,
    crypto::rustcrypto::RustCrypto, resumption::Resumption,
};
use alloc::vec;
use core::time::Duration;
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
        let mut pair = Pair::new(EndpointConfig::default());
        pair.connect(None, false);
        pair
    }

    fn new(config: EndpointConfig) -> Self {
        let end = |server, seed| {
            let random = Box::new(ChaCha20Rng::seed_from_u64(seed));
            Endpoint::new(config.clone(), server, Arc::new(RustCrypto), random)
                .expect("a sound configuration")
        };
        Pair {
            ends: [end(None, 1), end(Some(ServerConfig::new().psk()), 2)],
            events: [Vec::new(), Vec::new()],
            datagrams: 0,
        }
    }

    fn connect(&mut self, resumption: Option<Resumption>, session_tickets: bool) {
        let credentials = ClientCredentials::Psk {
            identity: b"device".to_vec(),
            key: key(),
        };
        let mut config = ClientConfig::new(credentials);
        config.resumption = resumption;
        config.session_tickets = session_tickets;
        self.ends[CLIENT]
            .connect(Instant::ZERO, address(SERVER), config)
            .expect("a suite");
        self.settle();
        for end in &self.ends {
            assert_eq!((end.session_count(), end.handshake_count()), (1, 0));
        }
    }

    /// What takes up the session that the client has made last.
    fn resumption(&self) -> Option<Resumption> {
        let mut events = self.events[CLIENT].iter().rev();
        events.find_map(|event| match event {
            Event::Connected { resumption, .. } => Some(resumption.clone()),
            _ => None,
        })?
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

/// How a session ends.
#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    Goodbye,
    /// By what this end says.
    Alert(usize),
    /// Because of what somebody says to this end.
    Forgeries(usize),
}

const ENDS: [End; 5] = [
    End::Goodbye,
    End::Alert(CLIENT),
    End::Alert(SERVER),
    End::Forgeries(CLIENT),
    End::Forgeries(SERVER),
];

impl Pair {
    fn end(&mut self, end: End) {
        match end {
            End::Goodbye => {
                let connection = self.ends[CLIENT].sessions()[0];
                self.ends[CLIENT].close(Instant::ZERO, connection);
            }
            End::Alert(from) => {
                let connection = self.ends[from].sessions()[0];
                let alert = Alert::fatal(AlertDescription::INTERNAL_ERROR).encode();
                self.ends[from]
                    .seal(connection, ContentType::Alert, &alert)
                    .unwrap();
            }
            End::Forgeries(at) => {
                let mut forged = [
                    [23, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 1, 0, 0].as_slice(),
                    &[40; 41],
                ]
                .concat();
                self.ends[at].handle_datagram(Instant::ZERO, address(1 - at), &mut forged);
            }
        }
        self.settle();
    }
}

/// RFC 5246, section 7.2.2: what a fatal alert has ended must not be taken up again, whoever has said it, and whichever
/// of the connections of a session it has ended.
#[test]
fn a_session_that_an_alert_has_ended_is_not_taken_up_again() {
    for tickets in [false, true] {
        for end in ENDS {
            for again in [false, true] {
                let mut config = EndpointConfig {
                    max_resumable: 4,
                    max_forgeries_short_tag: 1,
                    ..EndpointConfig::default()
                };
                config.ticket_lifetime = tickets.then(|| Duration::from_secs(3600));
                let mut pair = Pair::new(config);
                pair.connect(None, tickets);
                let what = alloc::format!("{end:?}, tickets: {tickets}, again: {again}");
                if again {
                    // It is the second connection of the session that ends.
                    let resumption = pair.resumption();
                    pair.connect(resumption, tickets);
                    assert_eq!(pair.ends[SERVER].metrics().handshakes_resumed, 1, "{what}");
                }
                let resumption = pair.resumption();
                assert!(
                    resumption
                        .as_ref()
                        .is_some_and(|it| it.is_ticket() == tickets)
                );
                pair.end(end);
                let left = pair.ends.iter().map(Endpoint::session_count);
                let ended = match end {
                    // Who says it is not told.
                    End::Alert(_) => 1,
                    _ => 2,
                };
                assert_eq!(left.sum::<usize>(), 2 - ended, "{what}");
                let before = pair.ends[SERVER].metrics().handshakes_resumed;
                pair.connect(resumption, tickets);
                let taken_up = pair.ends[SERVER].metrics().handshakes_resumed > before;
                assert_eq!(taken_up, end == End::Goodbye, "{what}");
            }
        }
    }
}
