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

mod calls;
mod observing;
mod response;
mod sending;
mod state;

use super::{
    Endpoint, Event, Failure, ObservationId, RequestId, Timer, TokenOwner, blockwise::Transfer,
    peer::take_out, transmission::Owner,
};
use crate::{
    coap::{Code, Request, Response, Token, option},
    peer::PeerId,
    timer::TimerId,
};
use bytes::Bytes;
use core::time::Duration;
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

    fn set_wait(&mut self, id: u64, wait: Duration) {
        let timer = self.timers.set(self.now + wait, Timer::Wait(id));
        if let Some(exchange) = self.requests.get_mut(&id)
            && let Some(old) = exchange.wait.replace(timer)
        {
            self.timers.cancel(old);
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
