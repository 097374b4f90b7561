//! Requests of ours, from the queue to their response.
//!
//! ```text
//!                turn (NSTART)               empty ACK; NON: ACK_TIMEOUT passed
//!   Waiting ─────────────────▶ Transmitted ─────────────────────────▶ AwaitingResponse
//!      ▲                        │  │  │ RST, given up                      │  │ time-out
//!      │         response (in   │  │  └──────────▶ Ended ◀─────────────────┼──┘
//!      │         ACK, CON, NON) │  │                 ▲                      │ response
//!      │                        │  └─────────────────┤ (in whichever order with the ACK)
//!      │                        ▼                    │                      │
//!      └── next block ── response taken ─────────────┴──────────────────────┘
//! ```
//!
//! A request counts against NSTART while it is `Transmitted`. One exchange is a whole block-wise transfer: each of
//! its messages has a token and a message id of its own and takes its turn behind other requests.
//!
//! 4.01 with an Echo option is answered once in an exchange by the same message with that option, and so are all that
//! follow it. A server that has dropped the upload of which that message was a later block says 4.08: then the body goes
//! once more from its first block, with the option.

mod state;

use super::{
    Endpoint, Event, Failure, ObservationId, RequestId, Timer, TokenOwner,
    blockwise::{Outcome, Transfer},
    observe::Observation,
    peer::take_out,
    transmission::Owner,
};
use crate::{
    coap::{Code, Message, MessageKind, Request, Response, Token, option},
    peer::PeerId,
    timer::TimerId,
};
use bytes::Bytes;
use core::time::Duration;
use rand_core::RngCore;
use state::{Action, Input, State};

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// The layer above asked for it.
    Request,
    /// An empty message that is to be reset.
    Ping,
    /// The end of an observation.
    Cancel,
    /// An observation begun anew.
    Refresh(u64),
    /// The rest of a notification.
    Fetch { observation: u64, last: bool },
}

/// A request of ours.
pub(super) struct ClientExchange {
    pub(super) peer: PeerId,
    pub(super) purpose: Purpose,
    pub(super) request: Request,
    pub(super) transfer: Transfer,
    state: State,
    /// The token of the message under way; before, the one it must have.
    token: Token,
    keeps_token: bool,
    message_id: Option<u16>,
    wait: Option<TimerId>,
    deadline: Option<TimerId>,
    /// What the peer wants to have repeated as a proof of our address or of freshness (RFC 9175, section 2).
    echo: Option<Bytes>,
    /// Whether its body goes for the second time because the server wanted Echo in the middle of it.
    begun_again: bool,
    /// The observation that has begun with it.
    pub(super) observation: Option<u64>,
    /// Of a renewal: the sequence number of the newest representation that was known when its message was sent.
    sent_after: Option<u32>,
}

impl Endpoint {
    /// Enters a request and lets it wait for its turn.
    pub(super) fn open_request(
        &mut self,
        peer: PeerId,
        purpose: Purpose,
        request: Request,
        transfer: Transfer,
        token: Option<Token>,
        deadline: Option<Duration>,
    ) -> Option<u64> {
        let id = self.fresh_id();
        self.peer(peer)?.requests.push(id);
        let deadline =
            deadline.map(|deadline| self.timers.set(self.now + deadline, Timer::Deadline(id)));
        self.requests.insert(
            id,
            ClientExchange {
                peer,
                purpose,
                request,
                transfer,
                state: State::Waiting,
                token: token.unwrap_or(Token::EMPTY),
                keeps_token: token.is_some(),
                message_id: None,
                wait: None,
                deadline,
                echo: None,
                begun_again: false,
                observation: None,
                sent_after: None,
            },
        );
        self.queue_request(id);
        Some(id)
    }

    fn queue_request(&mut self, id: u64) {
        let Some(peer) = self.requests.get(&id).map(|exchange| exchange.peer) else {
            return;
        };
        if let Some(state) = self.peer(peer) {
            state.waiting.push_back(id);
        }
        self.start_requests(peer);
    }

    /// Sends what waits, as far as NSTART allows.
    pub(super) fn start_requests(&mut self, peer: PeerId) {
        let nstart = self.timing(peer).nstart.max(1);
        loop {
            let Some(state) = self.peers.get_mut(&peer) else {
                return;
            };
            if state.active >= nstart || state.waiting.is_empty() || self.hold_requests(peer) {
                return;
            }
            let Some(message_id) = self.message_id(peer) else {
                return;
            };
            let next = self
                .peers
                .get_mut(&peer)
                .and_then(|s| s.waiting.pop_front());
            if let Some(id) = next {
                self.transmit(id, message_id);
            }
        }
    }

    fn transmit(&mut self, id: u64, message_id: u16) {
        if self.advance(id, Input::Turn) != Action::Send {
            return;
        }
        let Some(exchange) = self.requests.get(&id) else {
            return;
        };
        let peer = exchange.peer;
        let owner = Owner::Request(id);
        if exchange.purpose == Purpose::Ping {
            let message = Message::empty(MessageKind::Confirmable, message_id);
            self.note_message(id, Token::EMPTY, message_id);
            self.send_confirmable(peer, &message, owner, None);
            return;
        }
        let token = match exchange.keeps_token {
            true => exchange.token,
            false => self.fresh_token(peer),
        };
        let Some(exchange) = self.requests.get(&id) else {
            return;
        };
        let (mut options, payload) = exchange.transfer.message(&exchange.request);
        let told = self
            .peers
            .get_mut(&peer)
            .and_then(|state| state.echo.take());
        if let Some(echo) = exchange.echo.as_deref().or(told.as_deref()) {
            options.set(option::ECHO, echo);
        }
        let kind = match exchange.request.confirmable {
            true => MessageKind::Confirmable,
            false => MessageKind::NonConfirmable,
        };
        let message = Message {
            kind,
            code: exchange.request.code,
            id: message_id,
            token,
            options,
            payload,
        };
        self.note_message(id, token, message_id);
        self.tokens.insert((peer, token), TokenOwner::Request(id));
        if kind == MessageKind::Confirmable {
            self.send_confirmable(peer, &message, owner, None);
        } else {
            self.send_non_confirmable(peer, &message, owner);
            let wait = self.timing(peer).ack_timeout;
            self.set_wait(id, wait);
        }
    }

    fn note_message(&mut self, id: u64, token: Token, message_id: u16) {
        if let Some(exchange) = self.requests.get_mut(&id) {
            exchange.token = token;
            exchange.message_id = Some(message_id);
            if let Purpose::Refresh(observation) = exchange.purpose {
                let known = self.observations.get(&observation);
                exchange.sent_after = known.map(Observation::sequence);
            }
        }
    }

    fn set_wait(&mut self, id: u64, wait: Duration) {
        let timer = self.timers.set(self.now + wait, Timer::Wait(id));
        if let Some(exchange) = self.requests.get_mut(&id)
            && let Some(old) = exchange.wait.replace(timer)
        {
            self.timers.cancel(old);
        }
    }

    /// A token that nothing under way with this peer has.
    fn fresh_token(&mut self, peer: PeerId) -> Token {
        let length = self.config.token_length.clamp(4, 8);
        loop {
            let mut bytes = [0; 8];
            self.random.fill_bytes(&mut bytes[..length]);
            let token = Token::new(&bytes[..length]).unwrap_or_default();
            if !self.tokens.contains_key(&(peer, token)) {
                return token;
            }
        }
    }

    /// Moves the state on and does the accounting that goes with it.
    fn advance(&mut self, id: u64, input: Input) -> Action {
        let Some(exchange) = self.requests.get_mut(&id) else {
            return Action::Nothing;
        };
        let (state, action) = exchange.state.transition(input);
        let counted = exchange.state.counts();
        exchange.state = state;
        if action != Action::Nothing
            && let Some(wait) = exchange.wait.take()
        {
            self.timers.cancel(wait);
        }
        if counted != state.counts()
            && let Some(peer) = self.peers.get_mut(&exchange.peer)
        {
            match counted {
                true => peer.active = peer.active.saturating_sub(1),
                false => peer.active += 1,
            }
        }
        action
    }

    /// Moves the state on, and what follows from it.
    fn step(&mut self, id: u64, input: Input) {
        let Some(peer) = self.requests.get(&id).map(|exchange| exchange.peer) else {
            return;
        };
        match self.advance(id, input) {
            Action::AwaitResponse => self.set_wait(id, self.config.separate_response_timeout),
            Action::Fail(failure) => self.finish_request(id, Err(failure)),
            Action::Nothing | Action::Send | Action::TakeResponse => {}
        }
        self.start_requests(peer);
    }

    pub(super) fn on_request_acknowledged(&mut self, id: u64) {
        if self.is_ping(id) {
            self.finish_ping(id);
        } else {
            self.step(id, Input::Acknowledged);
        }
    }

    pub(super) fn on_request_reset(&mut self, id: u64) {
        if self.is_ping(id) {
            self.finish_ping(id);
        } else {
            self.step(id, Input::Reset);
        }
    }

    pub(super) fn on_request_given_up(&mut self, id: u64) {
        self.step(id, Input::GivenUp);
    }

    pub(super) fn on_wait_timer(&mut self, id: u64) {
        self.step(id, Input::Elapsed);
    }

    pub(super) fn on_deadline_timer(&mut self, id: u64) {
        if let Some(peer) = self.requests.get(&id).map(|exchange| exchange.peer) {
            self.finish_request(id, Err(Failure::Timeout));
            self.start_requests(peer);
        }
    }

    fn is_ping(&self, id: u64) -> bool {
        self.requests
            .get(&id)
            .is_some_and(|exchange| exchange.purpose == Purpose::Ping)
    }

    fn finish_ping(&mut self, id: u64) {
        if let Some(exchange) = self.close_request(id) {
            self.events.push_back(Event::Pong {
                request: RequestId(id),
                peer: exchange.peer,
            });
            self.start_requests(exchange.peer);
        }
    }

    /// Whether a message may be the response to this request: a piggybacked one must answer its message id.
    pub(super) fn awaits(&self, id: u64, message: &Message) -> bool {
        self.requests.get(&id).is_some_and(|exchange| {
            message.kind != MessageKind::Acknowledgement || exchange.message_id == Some(message.id)
        })
    }

    /// What a message with this token is for. The notifications of an observation have the token of its renewal: until
    /// that is acknowledged, and where they go non-confirmably and are not newer than what came before, they are not the
    /// response to it (RFC 7641, section 3.4), and the renewal goes on. What comes confirmably behind the acknowledgement
    /// is the response whatever its number: a server that has restarted counts from the beginning. Should it be a late
    /// notification all the same, the response follows, and is newer.
    pub(super) fn told_by(&self, owner: TokenOwner, message: &Message) -> TokenOwner {
        let TokenOwner::Request(id) = owner else {
            return owner;
        };
        let Some(exchange) = self.requests.get(&id) else {
            return owner;
        };
        let sequence = message.options.uint(option::OBSERVE);
        let (Purpose::Refresh(observation), Some(sequence)) = (exchange.purpose, sequence) else {
            return owner;
        };
        let Some(known) = self.observations.get(&observation) else {
            return owner;
        };
        let unacknowledged = exchange.request.confirmable && exchange.state == State::Transmitted;
        let older = message.code.is_success()
            && message.kind == MessageKind::NonConfirmable
            && !known.would_renew(sequence, self.now);
        match message.kind != MessageKind::Acknowledgement && (unacknowledged || older) {
            true => TokenOwner::Observation(observation),
            false => owner,
        }
    }

    /// Whether a newer representation than that in the response to a renewal was reported while it was under way. An
    /// older number alone does not tell: who has restarted counts from the beginning.
    fn is_overtaken(&self, id: u64, sequence: u32) -> Option<u64> {
        let exchange = self.requests.get(&id)?;
        let Purpose::Refresh(observation) = exchange.purpose else {
            return None;
        };
        let known = self.observations.get(&observation)?;
        let newer_came = exchange.sent_after != Some(known.sequence());
        (newer_came && !known.would_renew(sequence, self.now)).then_some(observation)
    }

    /// A response to a request of ours.
    pub(super) fn on_response(&mut self, id: u64, message: Message) {
        let Some(exchange) = self.requests.get_mut(&id) else {
            return;
        };
        let now = self.now;
        let observe = message.options.uint(option::OBSERVE);
        let piggybacked = message.kind == MessageKind::Acknowledgement;
        if exchange.purpose == Purpose::Cancel && observe.is_some() && !piggybacked {
            // A notification that was under way when the observation was cancelled.
            return;
        }
        let peer = exchange.peer;
        let bad = message.unprocessable_option(super::is_known).is_some();
        if let Some(message_id) = exchange.message_id.take() {
            self.end_transmission(peer, message_id, Owner::Request(id));
        }
        self.advance(id, Input::Response);
        self.tokens.remove(&(peer, message.token));
        if bad {
            self.metrics.bad_option += 1;
            self.finish_request(id, Err(Failure::BadResponse));
            self.start_requests(peer);
            return;
        }
        if self.echo_wanted(id, &message) || self.begins_again(id, message.code) {
            self.send_next(id);
            return;
        }
        let sequence = observe.filter(|_| message.code.is_success());
        if let Some(observation) = sequence.and_then(|sequence| self.is_overtaken(id, sequence)) {
            self.metrics.stale_notifications += 1;
            if let Some(exchange) = self.requests.get_mut(&id) {
                exchange.observation = Some(observation);
            }
            self.finish_request(id, Ok(Response::new(Code::VALID)));
            self.start_requests(peer);
            return;
        }
        if let Some(sequence) = sequence {
            if let Some(observation) = self.begin_observation(id, message.token, sequence) {
                observation.note_max_age(now, &message.options);
            }
        } else if message.code != Code::CONTINUE {
            self.observation_not_renewed(id);
        }
        let response = Response {
            code: message.code,
            options: message.options,
            payload: message.payload,
        };
        let max_body = self.config.max_body;
        let Some(exchange) = self.requests.get_mut(&id) else {
            return;
        };
        let sent = exchange.transfer.sent();
        let outcome = exchange
            .transfer
            .on_response(&exchange.request, response, max_body);
        let total = exchange.request.payload.len();
        let now_sent = match &outcome {
            Outcome::Next => exchange.transfer.sent(),
            Outcome::Done(response) if response.code.is_success() => sent.map(|_| total),
            _ => None,
        };
        if let (Some(before), Some(now_sent)) = (sent, now_sent)
            && now_sent > before
        {
            self.events.push_back(Event::UploadProgress {
                request: RequestId(id),
                sent: now_sent,
                total,
            });
        }
        self.take_outcome(id, outcome);
        self.start_requests(peer);
    }

    /// 4.01 with an Echo option: the same message is wanted again with it. Not twice in one exchange, lest a peer
    /// keeps us busy.
    fn echo_wanted(&mut self, id: u64, message: &Message) -> bool {
        let Some(exchange) = self.requests.get_mut(&id) else {
            return false;
        };
        let wanted = message
            .options
            .well_formed(option::ECHO)
            .filter(|_| message.code == Code::UNAUTHORIZED && exchange.echo.is_none());
        exchange.echo = wanted.map(Bytes::copy_from_slice).or(exchange.echo.take());
        let again = wanted.is_some();
        let peer = exchange.peer;
        if !again {
            self.note_echo(peer, message);
        }
        again
    }

    /// 4.08 behind a challenge: the server has forgotten the blocks before it.
    fn begins_again(&mut self, id: u64, code: Code) -> bool {
        let Some(exchange) = self.requests.get_mut(&id) else {
            return false;
        };
        let may = code == Code::REQUEST_ENTITY_INCOMPLETE
            && exchange.echo.is_some()
            && !exchange.begun_again;
        let again = may && exchange.transfer.begin_again(&exchange.request);
        exchange.begun_again |= again;
        again
    }

    /// An Echo option in any other response goes with the next request (RFC 9175, section 2.3).
    pub(super) fn note_echo(&mut self, peer: PeerId, message: &Message) {
        if let Some(echo) = message.options.well_formed(option::ECHO)
            && message.code != Code::UNAUTHORIZED
            && let Some(state) = self.peers.get_mut(&peer)
        {
            state.echo = Some(echo.into());
        }
    }

    pub(super) fn take_outcome(&mut self, id: u64, outcome: Outcome) {
        match outcome {
            Outcome::Next => {
                if let Some(exchange) = self.requests.get_mut(&id) {
                    // All blocks of the body that begins an observation anew go under its token.
                    exchange.keeps_token &= exchange.transfer.sent().is_some();
                }
                self.send_next(id);
            }
            Outcome::Done(response) => self.finish_request(id, Ok(response)),
            Outcome::Failed(failure) => self.finish_request(id, Err(failure)),
        }
    }

    /// Lets an exchange go on with another message.
    fn send_next(&mut self, id: u64) {
        self.advance(id, Input::NextBlock);
        if let Some(purpose) = self.requests.get(&id).map(|exchange| exchange.purpose) {
            self.give_token_back(purpose);
        }
        self.queue_request(id);
    }

    /// An observation lives under its token, which its renewal borrows for each message.
    fn give_token_back(&mut self, purpose: Purpose) {
        if let Purpose::Refresh(id) = purpose
            && let Some(observation) = self.observations.get(&id)
        {
            let key = (observation.peer, observation.token);
            self.tokens.insert(key, TokenOwner::Observation(id));
        }
    }

    /// Notes the observation that a successful response with Observe option begins or renews.
    fn begin_observation(
        &mut self,
        id: u64,
        token: Token,
        sequence: u32,
    ) -> Option<&mut Observation> {
        let exchange = self.requests.get_mut(&id)?;
        let asked = exchange.request.options.uint(option::OBSERVE) == Some(0)
            && matches!(exchange.request.code, Code::GET | Code::FETCH);
        let peer = exchange.peer;
        let observation = match exchange.purpose {
            Purpose::Request if asked && exchange.observation.is_none() => None,
            Purpose::Refresh(observation) => Some(observation),
            _ => return None,
        };
        let request = exchange.request.clone();
        let observation = match observation {
            Some(observation) => {
                // It may have been forgotten while it was being renewed.
                let known = self.observations.get_mut(&observation)?;
                if let Some(older) = known.renew(sequence, self.now, id) {
                    self.close_request(older);
                }
                observation
            }
            // The next notification is reset, and that ends it at the peer.
            None if !self.may_observe(peer) => {
                self.metrics.refused_observations += 1;
                return None;
            }
            None => {
                let observation = self.fresh_id();
                let entry = Observation::new(peer, token, request, sequence, self.now, id);
                self.observations.insert(observation, entry);
                if let Some(state) = self.peers.get_mut(&peer) {
                    state.observations.push(observation);
                }
                observation
            }
        };
        if let Some(exchange) = self.requests.get_mut(&id) {
            exchange.observation = Some(observation);
        }
        self.tokens
            .insert((peer, token), TokenOwner::Observation(observation));
        self.observations.get_mut(&observation)
    }

    /// A token names one request at a time (RFC 7252, section 5.3.1): before an observation lends its own to another,
    /// its renewal under way ends.
    pub(super) fn end_renewal(&mut self, observation: u64) {
        let known = self.observations.get(&observation);
        if let Some(renewal) = known.and_then(|known| known.renewal) {
            self.finish_request(renewal, Err(Failure::Superseded));
        }
    }

    /// A renewal that was answered without Observe option has ended the observation.
    fn observation_not_renewed(&mut self, id: u64) {
        if let Some(&ClientExchange {
            purpose: Purpose::Refresh(observation),
            observation: None,
            ..
        }) = self.requests.get(&id)
        {
            self.close_observation(observation);
        }
    }

    /// Takes the message of an exchange off the network, so that it can go on with another.
    pub(super) fn halt_request(&mut self, id: u64) {
        self.advance(id, Input::Response);
        let Some(exchange) = self.requests.get_mut(&id) else {
            return;
        };
        let (peer, token) = (exchange.peer, exchange.token);
        // One that waits for its turn takes its place in the queue again.
        exchange.state = State::AwaitingResponse;
        let message_id = exchange.message_id.take();
        self.leave_network(id, peer, token, message_id);
    }

    fn leave_network(&mut self, id: u64, peer: PeerId, token: Token, message_id: Option<u16>) {
        if let Some(message_id) = message_id {
            self.end_transmission(peer, message_id, Owner::Request(id));
        }
        if self.tokens.get(&(peer, token)) == Some(&TokenOwner::Request(id)) {
            self.tokens.remove(&(peer, token));
        }
        if let Some(state) = self.peers.get_mut(&peer) {
            state.waiting.retain(|other| *other != id);
        }
    }

    /// Takes an exchange out with all that belongs to it.
    pub(super) fn close_request(&mut self, id: u64) -> Option<ClientExchange> {
        self.advance(id, Input::Ended);
        let exchange = self.requests.remove(&id)?;
        let peer = exchange.peer;
        self.leave_network(id, peer, exchange.token, exchange.message_id);
        for timer in [exchange.wait, exchange.deadline].into_iter().flatten() {
            self.timers.cancel(timer);
        }
        if let Some(state) = self.peers.get_mut(&peer) {
            take_out(&mut state.requests, id);
        }
        self.give_token_back(exchange.purpose);
        if let Purpose::Refresh(observation) = exchange.purpose
            && let Some(known) = self.observations.get_mut(&observation)
        {
            known.renewal = known.renewal.filter(|renewal| *renewal != id);
        }
        let observation = match exchange.purpose {
            Purpose::Fetch { observation, .. } => Some(observation),
            _ => exchange.observation,
        };
        if let Some(known) = observation.and_then(|o| self.observations.get_mut(&o)) {
            known.brought(id);
        }
        Some(exchange)
    }

    /// Ends an exchange and tells what came of it.
    pub(super) fn finish_request(&mut self, id: u64, result: Result<Response, Failure>) {
        let Some(exchange) = self.close_request(id) else {
            return;
        };
        let peer = exchange.peer;
        let one_block = exchange.transfer.is_of_one_block();
        let result = result.map(|mut response| {
            response.options.remove(option::BLOCK1);
            response.options.remove(option::OBSERVE);
            if response.code != Code::UNAUTHORIZED {
                response.options.remove(option::ECHO);
            }
            if !one_block {
                response.options.remove(option::BLOCK2);
                response.options.remove(option::SIZE2);
            }
            response
        });
        if let (Purpose::Request, Some(observation), Ok(response)) =
            (exchange.purpose, exchange.observation, &result)
            && !response.code.is_success()
        {
            // Begun by the first block, but the others could not be had.
            self.close_observation(observation);
        }
        let event = match (exchange.purpose, result) {
            (Purpose::Fetch { observation, last }, result) => {
                let whole = result
                    .ok()
                    .filter(|response| last || response.code.is_success());
                self.metrics.incomplete_notifications += u64::from(whole.is_none());
                let none = last.then(|| Response::new(Code::REQUEST_ENTITY_INCOMPLETE));
                // A newer notification comes, unless it was the last.
                let Some(response) = whole.or(none) else {
                    return;
                };
                Event::Notification {
                    observation: ObservationId(observation),
                    peer,
                    response,
                    last,
                }
            }
            (_, Ok(response)) => Event::Response {
                request: RequestId(id),
                peer,
                response,
                observation: exchange
                    .observation
                    .filter(|o| self.observations.contains_key(o))
                    .map(ObservationId),
            },
            (purpose, Err(failure)) => {
                // The layer above has not heard of an observation that began with it.
                if let (Purpose::Request, Some(observation)) = (purpose, exchange.observation) {
                    self.close_observation(observation);
                }
                Event::RequestFailed {
                    request: RequestId(id),
                    peer,
                    failure,
                }
            }
        };
        self.events.push_back(event);
    }
}
