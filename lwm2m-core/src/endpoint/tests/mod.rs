//! Two endpoints over a bad network in virtual time.

mod basics;
mod blocks;
pub(super) mod coverage;
mod echo;
mod examples;
mod garbage;
mod limits;
mod messages;
mod model;
mod observing;
mod probing;
mod proof;
mod transfers;
mod withheld;

use super::*;
use crate::coap::{
    BlockSize, Code, Message, MessageKind, OptionNumber, Request, Response, Token, option,
};
use alloc::{collections::BTreeMap, string::ToString, vec, vec::Vec};
use bytes::Bytes;
use core::time::Duration;
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore as _, SeedableRng},
};

/// The client end of a [`Net`].
pub(super) const A: usize = 0;
/// The server end.
pub(super) const B: usize = 1;

/// What the network does to datagrams, in percent.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Faults {
    pub(super) loss: u32,
    pub(super) duplication: u32,
    /// Datagrams that are overtaken by those within the next two seconds.
    pub(super) reordering: u32,
}

type Loser = Box<dyn FnMut(usize, &Message) -> bool>;

/// Two endpoints and the network between them.
pub(super) struct Net {
    pub(super) now: Instant,
    pub(super) ends: [Endpoint; 2],
    pub(super) faults: Faults,
    pub(super) events: [VecDeque<Event>; 2],
    /// All that was sent, unless `record` is off: by whom, and what.
    pub(super) sent: Vec<(usize, Message)>,
    pub(super) record: bool,
    /// Leaves the events of B to the test.
    pub(super) hold_events: bool,
    /// Decides for each datagram by sender and count whether it is lost; asked before `faults`.
    pub(super) lose: Loser,
    flying: BTreeMap<(Instant, u64), (usize, Vec<u8>)>,
    count: u64,
    rng: ChaCha8Rng,
}

pub(super) const LATENCY: Duration = Duration::from_millis(50);

pub(super) fn rng(seed: u64) -> Box<ChaCha8Rng> {
    Box::new(ChaCha8Rng::seed_from_u64(seed))
}

/// The ends know that addresses are true here.
pub(super) fn plain_config() -> EndpointConfig {
    EndpointConfig {
        amplification: Amplification::Unlimited,
        ..EndpointConfig::default()
    }
}

impl Net {
    pub(super) fn new(seed: u64) -> Self {
        Net::with(seed, plain_config(), plain_config())
    }

    pub(super) fn with(seed: u64, a: EndpointConfig, b: EndpointConfig) -> Self {
        Net {
            now: Instant::from_micros(1_000_000_000),
            ends: [
                Endpoint::new(a, rng(seed * 3)),
                Endpoint::new(b, rng(seed * 3 + 1)),
            ],
            faults: Faults::default(),
            events: [VecDeque::new(), VecDeque::new()],
            sent: Vec::new(),
            record: true,
            hold_events: false,
            lose: Box::new(|_, _| false),
            flying: BTreeMap::new(),
            count: 0,
            rng: ChaCha8Rng::seed_from_u64(seed * 3 + 2),
        }
    }

    /// The name under which the other end knows this one.
    pub(super) fn peer(end: usize) -> PeerId {
        PeerId::from_address(0, ([192, 0, 2, end as u8], 5683).into())
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.rng.next_u32() % 100 < percent
    }

    /// Lets what the ends have to say leave.
    pub(super) fn drain(&mut self) {
        for end in [A, B] {
            while !(self.hold_events && end == B) {
                let Some(event) = self.ends[end].poll_event() else {
                    break;
                };
                self.events[end].push_back(event);
            }
            while let Some(transmit) = self.ends[end].poll_transmit() {
                assert_eq!(transmit.peer, Net::peer(1 - end));
                let message = Message::parse(&transmit.data).expect("only CoAP is sent");
                let lost = (self.lose)(end, &message) || self.chance(self.faults.loss);
                if self.record {
                    self.sent.push((end, message));
                }
                if lost {
                    continue;
                }
                let copies = if self.chance(self.faults.duplication) {
                    2
                } else {
                    1
                };
                for _ in 0..copies {
                    let delay = match self.chance(self.faults.reordering) {
                        true => Duration::from_millis(u64::from(self.rng.next_u32() % 2000)),
                        false => LATENCY,
                    };
                    self.count += 1;
                    self.flying.insert(
                        (self.now + delay, self.count),
                        (1 - end, transmit.data.clone()),
                    );
                }
            }
        }
    }

    /// Moves on to whatever happens next; `false`: nothing will within `limit`.
    pub(super) fn step(&mut self, limit: Instant) -> bool {
        self.drain();
        let datagram = self.flying.keys().next().map(|(at, _)| *at);
        let timers = self.ends.iter().filter_map(|end| end.poll_timeout());
        let Some(next) = timers.chain(datagram).min().filter(|next| *next <= limit) else {
            return false;
        };
        self.now = self.now.max(next);
        if let Some(entry) = self
            .flying
            .first_entry()
            .filter(|entry| entry.key().0 <= self.now)
        {
            let (end, data) = entry.remove();
            self.ends[end].handle_datagram(self.now, Net::peer(1 - end), &data);
        } else {
            for end in &mut self.ends {
                end.handle_timeout(self.now);
            }
        }
        self.drain();
        true
    }

    /// Lets this much time pass.
    pub(super) fn run(&mut self, time: Duration) {
        let limit = self.now + time;
        while self.step(limit) {}
        self.now = limit;
    }

    /// The next event at an end.
    pub(super) fn event(&mut self, end: usize) -> Event {
        let limit = self.now + Duration::from_secs(600);
        loop {
            self.drain();
            if let Some(event) = self.events[end].pop_front() {
                return event;
            }
            assert!(self.step(limit), "no event within ten minutes");
        }
    }

    /// The next event at either end.
    pub(super) fn either(&mut self) -> (usize, Event) {
        let limit = self.now + Duration::from_secs(3600);
        loop {
            self.drain();
            for end in [A, B] {
                if let Some(event) = self.events[end].pop_front() {
                    return (end, event);
                }
            }
            assert!(self.step(limit), "no event within an hour");
        }
    }

    pub(super) fn no_event(&mut self, end: usize) {
        self.drain();
        assert_eq!(self.events[end].pop_front(), None);
    }

    pub(super) fn request(&mut self, request: Request) -> RequestId {
        let id = self.ends[A]
            .request(self.now, Net::peer(B), request, RequestOptions::default())
            .unwrap();
        self.drain();
        id
    }

    /// The next event at B, which is a request.
    pub(super) fn asked(&mut self) -> (ExchangeId, Request) {
        match self.event(B) {
            Event::Request {
                exchange, request, ..
            } => (exchange, request),
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn respond(&mut self, exchange: ExchangeId, response: Response) {
        self.ends[B].respond(self.now, exchange, response).unwrap();
        self.drain();
    }

    /// The next event at A, which is a response.
    pub(super) fn answer(&mut self) -> (RequestId, Response) {
        match self.event(A) {
            Event::Response {
                request, response, ..
            } => (request, response),
            other => panic!("{other:?}"),
        }
    }

    /// How many messages of this kind an end has sent.
    pub(super) fn count(&self, end: usize, kind: MessageKind) -> usize {
        self.sent
            .iter()
            .filter(|(by, message)| *by == end && message.kind == kind)
            .count()
    }

    /// Nothing but memory of the past is left, and that goes as well.
    pub(super) fn assert_forgets_all(&mut self) {
        self.run(Duration::from_secs(4000));
        for end in &self.ends {
            assert_eq!(end.poll_timeout(), None, "{end:?}");
            assert!(end.peers.is_empty());
            assert!(end.transmissions.is_empty());
            assert!(end.requests.is_empty());
            assert!(end.tokens.is_empty());
            assert!(end.exchanges.is_empty());
            assert!(end.uploads.is_empty() && end.upload_keys.is_empty());
            assert!(end.bodies.is_empty() && end.observer_tokens.is_empty());
            assert_eq!((end.collected, end.served), (0, 0));
            assert_eq!((end.replayed, end.withheld), (0, 0));
            let settings = Holdings {
                timings: end.timings.len(),
                ..Holdings::default()
            };
            assert_eq!(end.holdings(), settings);
        }
    }
}

pub(super) fn get(path: &str) -> Request {
    Request::new(Code::GET).path_segment(path)
}

pub(super) fn content(text: &str) -> Response {
    Response::new(Code::CONTENT).body(0, Bytes::copy_from_slice(text.as_bytes()))
}

pub(super) fn observe(path: &str) -> Request {
    get(path).uint_option(option::OBSERVE, 0)
}

/// A body of this length without repetition at any block size.
pub(super) fn body(length: usize) -> Bytes {
    let mut data = vec![0; length];
    ChaCha8Rng::seed_from_u64(length as u64).fill_bytes(&mut data);
    data.into()
}

/// A representation of this length.
pub(super) fn large(length: usize) -> Response {
    Response::new(Code::CONTENT).body(42, body(length))
}
