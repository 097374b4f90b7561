//! The CoAP endpoint: reliability, deduplication, observe and block-wise transfer for many peers, sans-I/O.
//!
//! A datagram's way through it:
//!
//! ```text
//!  handle_datagram                                                              poll_event
//!        │                                                                          ▲
//!        ▼        ACK, RST      ┌──────────────┐  acknowledged, reset, given up     │
//!   Message::parse ────────────▶│ transmission │──────────────┐                     │
//!        │  malformed: RST      └──────────────┘              ▼                     │
//!        │            response  ┌───────┐ by token  ┌──────────────────┐ blockwise  │
//!        ├─────────────────────▶│ dedup │──────────▶│ client   observe │────────────┤
//!        │                      │       │           └──────────────────┘            │
//!        │            request   │       │           ┌──────────────────┐            │
//!        └─────────────────────▶│       │──────────▶│ server    upload │────────────┘
//!                               └───────┘           └──────────────────┘
//!                                   │ repeated: stored answer │ answers, requests
//!                                   ▼                         ▼
//!                               ┌─────────────────────────────────────┐
//!                               │ address   no more than three times  │──▶ poll_transmit
//!                               │ probing   slowly to silent peers    │
//!                               └─────────────────────────────────────┘
//! ```
//!
//! Whatever a datagram or a timer touches is found by hash or through the timing wheel: no step depends on how
//! many peers or exchanges there are. After every call, drain [`Endpoint::poll_event`] and
//! [`Endpoint::poll_transmit`].

#[macro_use]
mod trace;

mod address;
mod answer;
mod blockwise;
mod client;
mod config;
mod dedup;
mod event;
mod holdings;
mod message_id;
mod metrics;
mod observe;
mod peer;
mod probing;
mod served;
mod server;
mod transmission;
mod upload;

#[cfg(test)]
mod tests;

pub use config::{Amplification, EndpointConfig, Timing};
pub use event::{
    Event, ExchangeId, Failure, NotificationId, ObservationId, ObserverGone, ObserverId, RequestId,
    RequestOptions, UploadId,
};
pub use holdings::Holdings;
pub use metrics::Metrics;

use crate::{
    coap::{
        Code, Message, MessageError, MessageKind, OptionNumber, Request, Response, Token, option,
    },
    peer::PeerId,
    time::Instant,
    timer::Wheel,
};
use address::Account;
use alloc::{boxed::Box, collections::VecDeque, vec::Vec};
use blockwise::Transfer;
use client::{ClientExchange, Purpose};
use core::fmt;
use hashbrown::{DefaultHashBuilder, HashMap};
use observe::{Observation, Observer};
use peer::Peer;
use rand_core::RngCore;
use served::Body;
use server::ServerExchange;
use transmission::Transmission;
use upload::Upload;

/// A datagram that the driver is to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transmit {
    /// To whom.
    pub peer: PeerId,
    /// The bytes.
    pub data: Vec<u8>,
}

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

/// Whether an option is one that this stack can deal with.
fn is_known(number: OptionNumber) -> bool {
    option::name(number).is_some() && number != option::OSCORE
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

    /// Takes in a datagram.
    pub fn handle_datagram(&mut self, now: Instant, peer: PeerId, datagram: &[u8]) {
        self.set_now(now);
        self.metrics.received += 1;
        self.arriving = datagram.len();
        self.note_arrival(peer, datagram.len());
        match Message::parse(datagram) {
            Ok(message) => {
                self.on_heard(peer);
                self.on_message(peer, message);
            }
            Err(MessageError::TooShort | MessageError::UnknownVersion) => {
                self.metrics.not_coap += 1;
            }
            Err(error) => {
                tracing::debug!(%peer, %error, "malformed message");
                self.metrics.malformed += 1;
                if let Some((MessageKind::Confirmable, id)) = Message::peek_id(datagram) {
                    self.reset(peer, id);
                }
            }
        }
        self.release_withheld(peer);
        self.arriving = 0;
    }

    fn on_message(&mut self, peer: PeerId, message: Message) {
        use MessageKind::{Acknowledgement, Confirmable, NonConfirmable, Reset};
        match (message.kind, message.code) {
            (Acknowledgement, Code::EMPTY) => self.on_acknowledgement(peer, message.id),
            (Reset, Code::EMPTY) => self.on_reset(peer, message.id),
            // A ping (RFC 7252, section 4.3).
            (Confirmable, Code::EMPTY) => self.reset(peer, message.id),
            (Confirmable | NonConfirmable, code) if code.is_request() => {
                self.on_request(peer, message);
            }
            (Confirmable | NonConfirmable | Acknowledgement, code) if code.is_response() => {
                self.on_any_response(peer, message);
            }
            (kind, code) => {
                tracing::debug!(%peer, ?kind, %code, "code not allowed here");
                self.metrics.bad_code += 1;
                if kind == Confirmable {
                    self.reset(peer, message.id);
                }
            }
        }
    }

    fn on_any_response(&mut self, peer: PeerId, message: Message) {
        let owner = self.tokens.get(&(peer, message.token)).copied();
        let owner = owner.map(|owner| self.told_by(owner, &message));
        let expected = match owner {
            Some(TokenOwner::Request(id)) => self.awaits(id, &message),
            Some(TokenOwner::Observation(_)) => message.kind != MessageKind::Acknowledgement,
            None => false,
        };
        if message.kind == MessageKind::Confirmable {
            if self.repeated(peer, &message) {
                return;
            }
            if !expected || message.unprocessable_option(is_known).is_some() {
                self.reset(peer, message.id);
            } else {
                self.acknowledge(peer, message.id);
                self.remember_response(peer, message.id);
            }
        } else if message.kind == MessageKind::NonConfirmable
            && !expected
            && message.options.contains(option::OBSERVE)
        {
            self.reset(peer, message.id);
        }
        if expected {
            self.prove_address(peer);
        }
        match owner.filter(|_| expected) {
            Some(TokenOwner::Request(id)) => self.on_response(id, message),
            Some(TokenOwner::Observation(id)) => self.on_notification(id, message),
            None => {
                tracing::debug!(%peer, token = ?message.token, "response to no request of ours");
                self.metrics.unmatched_responses += 1;
            }
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

    /// The next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
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

    // --- as a client -------------------------------------------------------------------------------

    /// Sends a request; ends in one [`Event::Response`] or [`Event::RequestFailed`].
    ///
    /// A GET or FETCH with Observe = 0 that is answered with an Observe option begins an observation: the
    /// event carries its id. Bodies larger than a block are sent and fetched block by block.
    ///
    /// # Errors
    /// [`EndpointError::Busy`], [`EndpointError::Encode`], [`EndpointError::TooManyObservations`]. Where the last place
    /// for an observation was taken while the request was under way, it is answered without observation.
    pub fn request(
        &mut self,
        now: Instant,
        peer: PeerId,
        mut request: Request,
        options: RequestOptions,
    ) -> Result<RequestId, EndpointError> {
        self.set_now(now);
        for number in [
            option::BLOCK1,
            option::BLOCK2,
            option::SIZE1,
            option::SIZE2,
            option::REQUEST_TAG,
        ] {
            request.options.remove(number);
        }
        let encodable = request.options.iter().all(|(number, value)| {
            option::length_is_valid(number, value.len()) && value.len() <= 65_804
        });
        if !request.code.is_request() || !encodable {
            return Err(EndpointError::Encode);
        }
        let size = self.config.block_size;
        if !Transfer::fits(&request, size) {
            return Err(EndpointError::Encode);
        }
        self.check_room(peer)?;
        let observes = request.options.uint(option::OBSERVE) == Some(0);
        if observes && blockwise::is_safe(request.code) && !self.may_observe(peer) {
            self.metrics.refused_observations += 1;
            return Err(EndpointError::TooManyObservations);
        }
        let tag = self.request_tag(peer, &request);
        let transfer = Transfer::new(&request, size, tag).only(options.block);
        let deadline = options.deadline;
        self.open_request(peer, Purpose::Request, request, transfer, None, deadline)
            .map(RequestId)
            .ok_or(EndpointError::Busy)
    }

    /// Sends a ping, an empty message that every peer resets; ends in [`Event::Pong`] or
    /// [`Event::RequestFailed`].
    ///
    /// # Errors
    /// [`EndpointError::Busy`]
    pub fn ping(&mut self, now: Instant, peer: PeerId) -> Result<RequestId, EndpointError> {
        self.set_now(now);
        self.check_room(peer)?;
        let request = Request::new(Code::EMPTY);
        let transfer = Transfer::new(&request, self.config.block_size, None);
        self.open_request(peer, Purpose::Ping, request, transfer, None, None)
            .map(RequestId)
            .ok_or(EndpointError::Busy)
    }

    fn check_room(&mut self, peer: PeerId) -> Result<(), EndpointError> {
        let (limit, in_all) = (self.config.max_requests_per_peer, self.config.max_requests);
        let full = self.requests.len() >= in_all;
        match self.peer(peer) {
            Some(state) if !full && state.requests.len() < limit => Ok(()),
            _ => Err(EndpointError::Busy),
        }
    }

    /// A body that goes in blocks is told by a tag from one that went before and of which the server may still
    /// hold a part (RFC 9175, section 3.4).
    fn request_tag(&mut self, peer: PeerId, request: &Request) -> Option<[u8; 4]> {
        if !Transfer::is_upload(request, self.config.block_size) {
            return None;
        }
        let before = core::mem::replace(&mut self.peer(peer)?.has_uploaded, true);
        before.then(|| self.random.next_u32().to_be_bytes())
    }

    /// Gives a request up; no event follows. What was sent cannot be unsent.
    pub fn cancel_request(&mut self, id: RequestId) {
        if let Some(exchange) = self.close_request(id.0) {
            if let Some(observation) = exchange.observation
                && exchange.purpose == Purpose::Request
            {
                self.close_observation(observation);
            }
            self.start_requests(exchange.peer);
        }
    }

    /// Ends an observation of ours by a request with Observe = 1, same token and options (RFC 7641, section
    /// 3.6), whose response comes as any other. A renewal that is under way ends with [`Failure::Superseded`].
    ///
    /// # Errors
    /// [`EndpointError::Gone`], [`EndpointError::Busy`].
    pub fn cancel_observation(
        &mut self,
        now: Instant,
        id: ObservationId,
    ) -> Result<RequestId, EndpointError> {
        self.set_now(now);
        let observation = self.observations.get(&id.0).ok_or(EndpointError::Gone)?;
        self.check_room(observation.peer)?;
        self.end_renewal(id.0);
        let observation = self.close_observation(id.0).ok_or(EndpointError::Gone)?;
        let request = observation.request.uint_option(option::OBSERVE, 1);
        self.request_as_observer(
            observation.peer,
            observation.token,
            request,
            Purpose::Cancel,
        )
    }

    /// Renews an observation of ours by a request with Observe = 0, same token and options (RFC 7641, section
    /// 3.3.1), whose response comes as any other. Where the peer does not renew it, it has ended. Where a newer
    /// representation has overtaken the one in the response, it was reported as a notification, and the response is a
    /// 2.03 without content of our own making.
    ///
    /// One request at a time has the token: a renewal that is under way ends with [`Failure::Superseded`].
    ///
    /// # Errors
    /// [`EndpointError::Gone`], [`EndpointError::Busy`].
    pub fn refresh_observation(
        &mut self,
        now: Instant,
        id: ObservationId,
    ) -> Result<RequestId, EndpointError> {
        self.set_now(now);
        let observation = self.observations.get(&id.0).ok_or(EndpointError::Gone)?;
        let (peer, token) = (observation.peer, observation.token);
        let request = observation.request.clone();
        self.check_room(peer)?;
        self.end_renewal(id.0);
        let renewal = self.request_as_observer(peer, token, request, Purpose::Refresh(id.0))?;
        if let Some(observation) = self.observations.get_mut(&id.0) {
            observation.renewal = Some(renewal.0);
        }
        Ok(renewal)
    }

    /// Whether the newest representation of an observation of ours is fresh: less than its Max-Age, 60 seconds where
    /// it has none, has passed since it came (RFC 7641, section 3.3.1). Where not, and its resource is thought to
    /// change, [`Endpoint::refresh_observation`] finds out whether the peer still knows of it.
    pub fn is_fresh(&self, now: Instant, id: ObservationId) -> bool {
        let observation = self.observations.get(&id.0);
        observation.is_some_and(|observation| now < observation.fresh_until)
    }

    /// Ends an observation of ours in silence: its next notification is answered with RST.
    pub fn forget_observation(&mut self, id: ObservationId) {
        self.close_observation(id.0);
    }

    // --- as a server -------------------------------------------------------------------------------

    /// Answers a request. The response goes piggybacked where the acknowledgement has not left yet, else
    /// separately, and block by block where it is large.
    ///
    /// # Errors
    /// [`EndpointError::Gone`] where it was answered before or is too old.
    pub fn respond(
        &mut self,
        now: Instant,
        exchange: ExchangeId,
        response: Response,
    ) -> Result<(), EndpointError> {
        self.set_now(now);
        self.respond_exchange(exchange.0, response, None)
            .ok_or(EndpointError::Gone)
    }

    /// Answers a request that had Observe = 0 and enters its sender as observer.
    ///
    /// A new observation by the same peer with the same token replaces the old one.
    ///
    /// # Errors
    /// [`EndpointError::Gone`], also where the request did not ask to observe or the response is no success: it
    /// has then been sent; [`EndpointError::Busy`] where there are too many observers: the response has then been
    /// sent without Observe (RFC 7641, section 4.1); [`EndpointError::Unproven`].
    pub fn respond_observe(
        &mut self,
        now: Instant,
        exchange: ExchangeId,
        response: Response,
    ) -> Result<ObserverId, EndpointError> {
        self.set_now(now);
        let wanted = self
            .wants_to_observe(exchange.0)
            .filter(|_| response.code.is_success());
        let Some((peer, token, view)) = wanted else {
            self.respond(now, exchange, response)?;
            return Err(EndpointError::Gone);
        };
        if let Some(proof) = self.proof_before_observing(exchange.0, &response) {
            self.respond(now, exchange, proof)?;
            return Err(EndpointError::Unproven);
        }
        let entered = self.enter_observer(peer, token, view);
        let sequence = entered.map(|(_, sequence)| sequence);
        self.respond_exchange(exchange.0, response, sequence)
            .ok_or(EndpointError::Gone)?;
        entered
            .map(|(id, _)| ObserverId(id))
            .ok_or(EndpointError::Busy)
    }

    /// Notifies an observer. A notification still under way is superseded (RFC 7641, section 4.5.2): it is repeated no
    /// more, and reported as acknowledged only where its acknowledgement was on the way already. A response
    /// code that is no success ends the observation.
    ///
    /// It goes confirmably also where the last one that did is `confirmable_notification_interval` ago, and after a
    /// reset by the peer of a message that is not known any more, such as an earlier notification.
    ///
    /// # Errors
    /// [`EndpointError::Gone`]
    pub fn notify(
        &mut self,
        now: Instant,
        observer: ObserverId,
        response: Response,
        confirmable: bool,
    ) -> Result<NotificationId, EndpointError> {
        self.set_now(now);
        self.notify_observer(observer.0, response, confirmable)
            .map(NotificationId)
            .ok_or(EndpointError::Gone)
    }

    /// Removes an observer without a word to it.
    pub fn remove_observer(&mut self, observer: ObserverId) {
        self.remove_observer_state(observer.0);
    }

    /// Lets an upload that began with [`Event::UploadStarted`] come in: each block is reported as
    /// [`Event::UploadBlock`] and waits for [`Endpoint::continue_upload`]; after the last, the request is
    /// answered through its exchange. Without this call the endpoint collects the body itself up to
    /// `max_body` and reports it as a whole with [`Event::Request`]; to refuse it, answer the exchange.
    ///
    /// All blocks of an upload have the same exchange. An answer given between two blocks goes with the next.
    ///
    /// # Errors
    /// [`EndpointError::Gone`]
    pub fn stream_upload(&mut self, upload: UploadId) -> Result<(), EndpointError> {
        self.stream(upload.0).ok_or(EndpointError::Gone)
    }

    /// Asks for the next block of a streamed upload (2.31).
    ///
    /// # Errors
    /// [`EndpointError::Gone`]
    pub fn continue_upload(&mut self, now: Instant, upload: UploadId) -> Result<(), EndpointError> {
        self.set_now(now);
        self.continue_stream(upload.0).ok_or(EndpointError::Gone)
    }
}

// --- what all parts use ------------------------------------------------------------------------------

impl Endpoint {
    fn set_now(&mut self, now: Instant) {
        self.now = self.now.max(now);
    }

    /// A number that no other thing of this endpoint has.
    fn fresh_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// The bytes of a message. One that cannot be encoded is counted and not sent.
    fn encode(&mut self, peer: PeerId, message: &Message) -> Option<Vec<u8>> {
        match message.encode() {
            Ok(data) => Some(data),
            Err(error) => {
                tracing::debug!(%peer, %error, "message not sent");
                self.metrics.unencodable += 1;
                None
            }
        }
    }

    /// Sends a message on the account of what the peer has sent; gives back its bytes. Where it may not go, that is as
    /// if the network had lost it.
    fn send(&mut self, peer: PeerId, message: &Message) -> Option<Vec<u8>> {
        let data = self.encode(peer, message)?;
        self.send_bytes(peer, data.clone(), Account::Theirs);
        Some(data)
    }

    /// Sends bytes, where so many may go to the peer; `false`: they may not.
    fn send_bytes(&mut self, peer: PeerId, data: Vec<u8>, account: Account) -> bool {
        if account == Account::Theirs && !self.may_go(peer, data.len()) {
            return false;
        }
        self.metrics.sent += 1;
        self.transmits.push_back(Transmit { peer, data });
        true
    }

    fn request_as_observer(
        &mut self,
        peer: PeerId,
        token: Token,
        request: Request,
        purpose: Purpose,
    ) -> Result<RequestId, EndpointError> {
        let transfer = Transfer::new(&request, self.config.block_size, None);
        self.open_request(peer, purpose, request, transfer, Some(token), None)
            .map(RequestId)
            .ok_or(EndpointError::Busy)
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
