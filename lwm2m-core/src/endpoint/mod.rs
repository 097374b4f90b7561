//! The CoAP endpoint: reliability, deduplication, observe and block-wise transfer for many peers, sans-I/O.
//!
//! A datagram's way through it:
//!
//! ```text
//!  handle_datagram (incoming)                                                   poll_event
//!        │                                                                          ▲
//!        ▼        ACK, RST      ┌──────────────┐  acknowledged, reset, given up     │
//!   Message::parse ────────────▶│ transmission │──────────────┐                     │
//!        │  malformed: RST      └──────────────┘              ▼                     │
//!        │            response  ┌───────┐ by token  ┌───────────────────┐ blockwise │
//!        ├─────────────────────▶│ dedup │──────────▶│client  observation│───────────┤
//!        │                      │       │           └───────────────────┘           │
//!        │            request   │       │           ┌───────────────────┐           │
//!        └─────────────────────▶│       │──────────▶│server  upload     │───────────┘
//!                               └───────┘           │observer           │
//!                                   │               └───────────────────┘
//!                                   │ repeated: stored answer │ answers, requests
//!                                   ▼                         ▼
//!                               ┌─────────────────────────────────────┐
//!                               │ address   no more than three times  │──▶ poll_transmit (outgoing)
//!                               │ probing   slowly to silent peers    │
//!                               └─────────────────────────────────────┘
//! ```
//!
//! What the layer above asks for comes in at `client::calls` and `server::calls`.
//!
//! Whatever a datagram or a timer touches is found by hash or through the timing wheel: no step depends on how
//! many peers or exchanges there are. After every call, drain [`Endpoint::poll_event`] and
//! [`Endpoint::poll_transmit`].

#[macro_use]
mod trace;

// The way in and the way out.
mod incoming;
mod outgoing;

// Requests of ours, and what we observe.
mod client;
mod observation;

// Requests of peers: taken, put together, answered; and who observes us.
mod answer;
mod observer;
mod served;
mod server;
mod upload;

// Bodies larger than a block, of both.
mod blockwise;

// Single messages: their ids, repeated until they are acknowledged, executed once.
mod dedup;
mod message_id;
mod transmission;

// Peers: what is kept for each, and how much may be sent to it.
mod address;
mod peer;
mod probing;

// What the layer above sets and sees.
mod config;
mod event;
mod holdings;
mod metrics;

#[cfg(test)]
mod tests;

pub use config::{Amplification, EndpointConfig, Timing};
pub use event::{
    Event, ExchangeId, Failure, NotificationId, ObservationId, ObserverGone, ObserverId, RequestId,
    RequestOptions, UploadId,
};
pub use holdings::Holdings;
pub use metrics::Metrics;
pub use outgoing::Transmit;

use crate::{coap::Token, peer::PeerId, time::Instant, timer::Wheel};
use alloc::{boxed::Box, collections::VecDeque};
use client::ClientExchange;
use core::fmt;
use hashbrown::{DefaultHashBuilder, HashMap};
use observation::Observation;
use observer::Observer;
use peer::Peer;
use rand_core::RngCore;
use served::Body;
use server::ServerExchange;
use transmission::Transmission;
use upload::Upload;

/// Why a request or response was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// Too many requests to this peer, or in all, are under way or waiting.
    #[error("too many requests are under way")]
    Busy,
    /// What the id names is gone: answered, cancelled, or timed out.
    #[error("the exchange is gone")]
    Gone,
    /// The message cannot be encoded.
    #[error("the message cannot be encoded")]
    Encode,
    /// The peer has not proven its address and has sent too little to be told what it wants to observe: it was
    /// answered 4.01 with Echo, or 5.03 where not even that fits, and may ask again.
    #[error("the peer has not proven its address")]
    Unproven,
    /// `max_observations` or `max_observations_per_peer` observations of ours are alive.
    #[error("too many observations are alive")]
    TooManyObservations,
    /// `max_peer_timings` peers have transmission parameters of their own.
    #[error("too many peers have transmission parameters of their own")]
    TooManyTimings,
}

/// What a timer of the wheel is for.
#[derive(Debug, Clone, Copy)]
enum Timer {
    /// A peer may have been quiet for long enough to be forgotten.
    Peer(PeerId),
    /// There are message ids again.
    MessageIds(PeerId),
    /// A silent peer owes less.
    Probing(PeerId),
    Retransmit(PeerId, u16),
    /// A request of ours waits no longer for its response.
    Wait(u64),
    /// A request of ours is past its deadline.
    Deadline(u64),
    /// A request of a peer waits for its answer.
    Exchange(u64),
    Upload(u64),
    Body(PeerId, u64),
}

/// What a token of ours stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TokenOwner {
    Request(u64),
    Observation(u64),
}

/// A CoAP endpoint, client and server at once, for any number of peers: messages (RFC 7252, section 4), requests and
/// responses (RFC 7252, section 5), observations (RFC 7641, sections 3 and 4) and bodies in blocks (RFC 7959, section
/// 2).
pub struct Endpoint {
    config: EndpointConfig,
    random: Box<dyn RngCore + Send>,
    hasher: DefaultHashBuilder,
    /// The latest moment that was handed in.
    now: Instant,
    last_id: u64,
    /// Bytes of the datagram that is being taken in.
    arriving: usize,
    /// What Echo values are made with; drawn when the first is.
    echo_key: Option<[u8; 16]>,
    timers: Wheel<Timer>,
    metrics: Metrics,
    peers: HashMap<PeerId, Box<Peer>>,
    timings: HashMap<PeerId, Timing>,
    transmissions: HashMap<(PeerId, u16), Transmission>,
    /// How many of `transmissions` wait for room.
    withheld: usize,
    /// How many answers wait for message ids.
    unnumbered: usize,

    requests: HashMap<u64, ClientExchange>,
    observations: HashMap<u64, Observation>,
    tokens: HashMap<(PeerId, Token), TokenOwner>,

    exchanges: HashMap<u64, ServerExchange>,
    uploads: HashMap<u64, Upload>,
    upload_keys: HashMap<(PeerId, u64), u64>,
    /// Bytes that uploads hold.
    collected: usize,
    bodies: HashMap<(PeerId, u64), Body>,
    /// Bytes that `bodies` hold.
    served: usize,
    /// Bytes of answers that are kept for repeated messages of all peers.
    replayed: usize,
    observers: HashMap<u64, Observer>,
    observer_tokens: HashMap<(PeerId, Token), u64>,

    events: VecDeque<Event>,
    transmits: VecDeque<Transmit>,
    /// The upload whose beginning was the last event handed out.
    announced: Option<u64>,
}

impl Endpoint {
    /// An endpoint with these bounds and timings. `random` must be unpredictable to peers: tokens come from it.
    pub fn new(config: EndpointConfig, random: Box<dyn RngCore + Send>) -> Self {
        Endpoint {
            config,
            random,
            hasher: DefaultHashBuilder::default(),
            now: Instant::ZERO,
            last_id: 0,
            arriving: 0,
            echo_key: None,
            timers: Wheel::new(),
            metrics: Metrics::default(),
            peers: HashMap::new(),
            timings: HashMap::new(),
            transmissions: HashMap::new(),
            withheld: 0,
            unnumbered: 0,
            requests: HashMap::new(),
            observations: HashMap::new(),
            tokens: HashMap::new(),
            exchanges: HashMap::new(),
            uploads: HashMap::new(),
            upload_keys: HashMap::new(),
            collected: 0,
            bodies: HashMap::new(),
            served: 0,
            replayed: 0,
            observers: HashMap::new(),
            observer_tokens: HashMap::new(),
            events: VecDeque::new(),
            transmits: VecDeque::new(),
            announced: None,
        }
    }

    /// Takes in that time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.set_now(now);
        while let Some(timer) = self.timers.expire(self.now) {
            match timer {
                Timer::Peer(peer) => self.on_peer_timer(peer),
                Timer::MessageIds(peer) => self.on_message_ids_timer(peer),
                Timer::Probing(peer) => self.on_probing_timer(peer),
                Timer::Retransmit(peer, id) => self.on_retransmit_timer(peer, id),
                Timer::Wait(id) => self.on_wait_timer(id),
                Timer::Deadline(id) => self.on_deadline_timer(id),
                Timer::Exchange(id) => self.on_exchange_timer(id),
                Timer::Upload(id) => self.abort_upload(id),
                Timer::Body(peer, key) => self.drop_body(peer, key),
            }
        }
    }

    /// The next event. Whoever wants to stream an upload says so before polling again.
    pub fn poll_event(&mut self) -> Option<Event> {
        if let Some(upload) = self.announced.take() {
            self.collect_unless_decided(upload);
        }
        let event = self.events.pop_front()?;
        if let Event::UploadStarted { upload, .. } = &event {
            self.announced = Some(upload.0);
        }
        Some(event)
    }

    /// When [`Endpoint::handle_timeout`] wants to be called next. Now and then this is before anything happens.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// What was counted so far.
    pub fn metrics(&self) -> Metrics {
        self.metrics
    }

    /// How many peers state is kept for.
    pub fn peer_count(&self) -> usize {
        self.peers.len()
    }

    /// Drops all that is kept for a peer whose connection is gone: its requests fail with
    /// [`Failure::PeerLost`], its observers are gone. Observations of ours at it are forgotten without event.
    pub fn forget_peer(&mut self, now: Instant, peer: PeerId) {
        self.set_now(now);
        self.drop_peer(peer);
    }

    fn set_now(&mut self, now: Instant) {
        self.now = self.now.max(now);
    }

    /// A number that no other thing of this endpoint has.
    fn fresh_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("now", &self.now)
            .field("peers", &self.peers.len())
            .field("requests", &self.requests.len())
            .field("exchanges", &self.exchanges.len())
            .field("observations", &self.observations.len())
            .field("observers", &self.observers.len())
            .finish_non_exhaustive()
    }
}
