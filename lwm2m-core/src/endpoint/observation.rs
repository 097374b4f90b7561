//! Our observations of resources of peers (RFC 7641).
//!
//! An observation is in one of these states:
//!
//! ```text
//!   response with Observe       exchange ended               newer, whole: reported
//!   ────────────────────▶ Asked ─────────────▶ Settled ◀──────────┐
//!                          ▲ ▲ renewed           │ │ ▲ └──────────┘
//!                          │ └───────────────────┘ │ │ exchange ended
//!                          │  newer, first block   ▼ │
//!                          └──────────────────── Fetching
//!                              renewed
//!
//!   older (in every state):         dropped
//!   newer, in Asked and Fetching:   the exchange under way goes on with it
//!   no Observe option, an error:    Ended; the last representation is reported, or fetched first
//!   forgotten, cancelled, not renewed, peer lost: Ended
//!
//!   newest representation:   came ──▶ fresh ──Max-Age──▶ stale: see Endpoint::is_fresh
//! ```
//!
//! A notification whose body goes in blocks brings the first; the rest is fetched by requests without Observe option.

mod state;

use super::{
    Endpoint, Event, ObservationId, TokenOwner,
    blockwise::{Outcome, Transfer},
    client::Purpose,
    incoming::is_known,
    peer::take_out,
};
use crate::{
    coap::{Code, Message, MessageKind, Options, Request, Response, Token, option},
    peer::PeerId,
    time::Instant,
};
use core::time::Duration;
use state::{Action, Input, Part, State};

/// Of the numbers that order notifications, 24 bits count.
pub(super) const SEQUENCE_MASK: u32 = 0x00FF_FFFF;

/// Seconds.
const DEFAULT_MAX_AGE: u32 = 60;

/// Whether a notification is newer than the last one (RFC 7641, section 3.4).
fn is_newer(last: (u32, Instant), new: (u32, Instant)) -> bool {
    let ahead = new.0.wrapping_sub(last.0) & SEQUENCE_MASK;
    (1..1 << 23).contains(&ahead) || new.1.since(last.1) > Duration::from_secs(128)
}

/// An observation of ours at a peer.
pub(super) struct Observation {
    pub(super) peer: PeerId,
    pub(super) token: Token,
    /// The request that began it.
    pub(super) request: Request,
    last: (u32, Instant),
    /// Until when the newest representation is fresh.
    pub(super) fresh_until: Instant,
    state: State,
    /// The exchange that brings the newest representation, or the rest of it.
    exchange: Option<u64>,
    /// The request that is renewing it, from when it is queued.
    pub(super) renewal: Option<u64>,
}

impl Observation {
    pub(super) fn new(
        peer: PeerId,
        token: Token,
        request: Request,
        sequence: u32,
        now: Instant,
        exchange: u64,
    ) -> Self {
        Observation {
            peer,
            token,
            request,
            last: (sequence & SEQUENCE_MASK, now),
            fresh_until: now,
            state: State::Asked,
            exchange: Some(exchange),
            renewal: None,
        }
    }

    /// The sequence number of the newest representation.
    pub(super) fn sequence(&self) -> u32 {
        self.last.0
    }

    /// Whether a representation with this number is newer than all before it.
    pub(super) fn would_renew(&self, sequence: u32, now: Instant) -> bool {
        is_newer(self.last, (sequence & SEQUENCE_MASK, now))
    }

    fn step(&mut self, input: Input) -> Action {
        let (state, action) = self.state.transition(input);
        self.state = state;
        action
    }

    /// Notes how long the representation that came now is fresh (RFC 7252, section 5.10.5).
    pub(super) fn note_max_age(&mut self, now: Instant, options: &Options) {
        let seconds = options.uint(option::MAX_AGE).unwrap_or(DEFAULT_MAX_AGE);
        self.fresh_until = now + Duration::from_secs(seconds.into());
    }

    /// Takes in the response that renewed it; gives back the fetch of what came before, which is to end.
    pub(super) fn renew(&mut self, sequence: u32, now: Instant, exchange: u64) -> Option<u64> {
        self.last = (sequence & SEQUENCE_MASK, now);
        let ends = self.step(Input::Renewed) == Action::EndFetch;
        self.exchange.replace(exchange).filter(|_| ends)
    }

    /// An exchange has ended.
    pub(super) fn brought(&mut self, exchange: u64) {
        if self.exchange == Some(exchange) {
            self.exchange = None;
            self.step(Input::Brought);
        }
    }
}

impl Endpoint {
    pub(super) fn on_notification(&mut self, id: u64, message: Message) {
        let now = self.now;
        let Some(observation) = self.observations.get_mut(&id) else {
            return;
        };
        let peer = observation.peer;
        if message.unprocessable_option(is_known).is_some() {
            self.metrics.bad_option += 1;
            if message.kind == MessageKind::Confirmable {
                self.on_unreadable(id, peer);
            }
            return;
        }
        let sequence = message.options.uint(option::OBSERVE);
        let sequence = sequence.filter(|_| message.code.is_success());
        let last = sequence.is_none();
        if let Some(sequence) = sequence {
            let new = (sequence & SEQUENCE_MASK, now);
            if !is_newer(observation.last, new) {
                self.metrics.stale_notifications += 1;
                observation.step(Input::Older);
                return;
            }
            observation.last = new;
            observation.note_max_age(now, &message.options);
        }
        let request = observation.request.clone();
        self.note_echo(peer, &message);
        let response = Response {
            code: message.code,
            options: message.options,
            payload: message.payload,
        };
        let mut transfer = Transfer::new(&request, self.config.block_size, None).without_observe();
        let outcome = transfer.on_response(&request, response, self.config.max_body);
        let part = match outcome {
            Outcome::Done(_) => Part::Whole,
            Outcome::Next => Part::First,
            Outcome::Failed(_) => Part::Broken,
        };
        let input = match last {
            true => Input::Final(part),
            false => Input::Newer(part),
        };
        let Some(observation) = self.observations.get_mut(&id) else {
            return;
        };
        let running = observation.exchange;
        let (state, action) = observation.state.transition(input);
        match state {
            State::Ended => drop(self.close_observation(id)),
            state => observation.state = state,
        }
        match (action, outcome) {
            (Action::HandOver, outcome) => {
                let Some(exchange) = running else {
                    return;
                };
                self.halt_request(exchange);
                if let Some(exchange) = self.requests.get_mut(&exchange) {
                    exchange.transfer = transfer;
                }
                self.take_outcome(exchange, outcome);
                self.start_requests(peer);
            }
            (Action::Fetch, _) => {
                let purpose = Purpose::Fetch {
                    observation: id,
                    last,
                };
                let fetch = self.open_request(peer, purpose, request, transfer, None, None);
                if let Some(observation) = self.observations.get_mut(&id) {
                    observation.exchange = fetch;
                    if fetch.is_none() {
                        observation.step(Input::Brought);
                    }
                }
            }
            (Action::Report, Outcome::Done(mut response)) => {
                for number in [option::BLOCK2, option::SIZE2, option::OBSERVE, option::ECHO] {
                    response.options.remove(number);
                }
                self.report_notification(id, peer, response, last);
            }
            (Action::Miss, _) => {
                self.metrics.incomplete_notifications += 1;
                if last {
                    let none = Response::new(Code::REQUEST_ENTITY_INCOMPLETE);
                    self.report_notification(id, peer, none, last);
                }
            }
            _ => {}
        }
    }

    /// A notification was reset because it has an option that must be understood and is not: to the peer we are no
    /// observer any more (RFC 7641, section 3.2).
    fn on_unreadable(&mut self, id: u64, peer: PeerId) {
        let exchange = self.observations.get(&id).and_then(|known| known.exchange);
        let exchange = exchange.and_then(|exchange| self.requests.get(&exchange));
        // Else the layer above has not heard of it, and the response does not tell of an observation.
        let told = exchange.is_none_or(|exchange| exchange.purpose != Purpose::Request);
        self.close_observation(id);
        if told {
            self.report_notification(id, peer, Response::new(Code::BAD_OPTION), true);
        }
    }

    fn report_notification(&mut self, id: u64, peer: PeerId, response: Response, last: bool) {
        self.events.push_back(Event::Notification {
            observation: ObservationId(id),
            peer,
            response,
            last,
        });
    }

    /// Whether there is room for another observation of ours at this peer.
    pub(super) fn may_observe(&self, peer: PeerId) -> bool {
        let at_peer = (self.peers.get(&peer)).map_or(0, |state| state.observations.len());
        self.observations.len() < self.config.max_observations
            && at_peer < self.config.max_observations_per_peer
    }

    /// Takes an observation out; a fetch for it that runs on behalf of nobody else ends.
    pub(super) fn close_observation(&mut self, id: u64) -> Option<Observation> {
        let mut observation = self.observations.remove(&id)?;
        let key = (observation.peer, observation.token);
        if self.tokens.get(&key) == Some(&TokenOwner::Observation(id)) {
            self.tokens.remove(&key);
        }
        if let Some(peer) = self.peers.get_mut(&observation.peer) {
            take_out(&mut peer.observations, id);
        }
        // A request of the layer above goes on.
        let ends = observation.step(Input::Left) == Action::EndFetch;
        let fetch = observation.exchange.filter(|_| ends);
        if let Some(fetch) = fetch {
            self.close_request(fetch);
            self.start_requests(observation.peer);
        }
        Some(observation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // proves: OBSV-04
    #[test]
    fn order_of_rfc_7641() {
        let at = |seconds: u64| Instant::from_micros(seconds * 1_000_000);
        for (last, new, newer) in [
            ((1, 0), (2, 0), true),
            ((2, 0), (1, 0), false),
            ((2, 0), (2, 0), false),
            ((0xFF_FFFF, 0), (0, 0), true),
            ((0, 0), (0xFF_FFFF, 0), false),
            ((0, 0), ((1 << 23) - 1, 0), true),
            ((0, 0), (1 << 23, 0), false),
            ((2, 0), (1, 128), false),
            ((2, 0), (1, 129), true),
        ] {
            let result = is_newer((last.0, at(last.1)), (new.0, at(new.1)));
            assert_eq!(result, newer, "{last:?} {new:?}");
        }
    }
}
