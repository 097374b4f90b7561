//! Observation (RFC 7641), both sides.
//!
//! Our observation of a resource of a peer is an [`Observation`]:
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
//!
//! A peer that observes us is an [`Observer`]:
//!
//! ```text
//!          notify (NON): sent at once
//!          ┌──────┐
//!          │      ▼   notify (CON)              turn (NSTART)                 notify
//!         Idle ─────────────────▶ Waiting ────────────────────▶ InFlight ──────────────▶ Superseded
//!          ▲                       │    ▲ notify: newer content  │   ▲  retransmission     │    │
//!          │                       └────┘                        │   │  time: newer content│    │
//!          │              ACK, nothing newer                     │   └─────────────────────┘    │
//!          └─────────────────────────────────────────────────────┘   ACK: Waiting ◀────────────┘
//! ```
//!
//! Content that is no success is the last: nothing follows it, and when it has been sent non-confirmably, or is
//! acknowledged with nothing newer, the observer is `Ended` and removed without a word. Each state but `Idle` so is two,
//! with and without the last content; `state` has them all.
//!
//! RST, a given-up retransmission, and a notification that was withheld for too long remove the observer from every
//! state, and the layer above is told unless it has ended the observation itself. An observer whose notification is
//! withheld (`transmission`) is `InFlight` or `Superseded`: it is not found silent for what was never sent to it.

mod state;

mod observation;

use super::{
    Endpoint, Event, NotificationId, ObservationId, ObserverGone, ObserverId, TokenOwner,
    blockwise::{Outcome, Transfer},
    client::Purpose,
    peer::take_out,
    transmission::{Owner, State as Backoff},
};
use crate::{
    coap::{BlockSize, Code, Message, MessageKind, Options, Request, Response, Token, option},
    peer::PeerId,
    time::Instant,
};
use core::time::Duration;
use observation::{Action as Act, Input as Happens, Part, State as Watch};
use state::{Action, Input, State};

const SEQUENCE_MASK: u32 = 0x00FF_FFFF;

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
    state: Watch,
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
            state: Watch::Asked,
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

    fn step(&mut self, input: Happens) -> Act {
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
        let ends = self.step(Happens::Renewed) == Act::EndFetch;
        self.exchange.replace(exchange).filter(|_| ends)
    }

    /// An exchange has ended.
    pub(super) fn brought(&mut self, exchange: u64) {
        if self.exchange == Some(exchange) {
            self.exchange = None;
            self.step(Happens::Brought);
        }
    }
}

/// A peer that observes us.
pub(super) struct Observer {
    pub(super) peer: PeerId,
    token: Token,
    view: View,
    sequence: u32,
    /// When the last notification went that it had to acknowledge, or it was entered; `None`: the next is to show
    /// whether it still observes.
    last_confirmable: Option<Instant>,
    state: State,
    /// The message id of the last notification, and what it was entered as.
    message: Option<(u16, Owner)>,
    newer: Option<Newer>,
}

/// What of a resource an observer sees, and how.
#[derive(Debug, Clone, Copy)]
pub(super) struct View {
    /// The key under which the peer fetches the later blocks.
    pub(super) key: u64,
    /// The hash of the body of a FETCH.
    pub(super) payload: u64,
    /// The block size it asked for.
    pub(super) size: Option<BlockSize>,
}

struct Newer {
    notification: u64,
    response: Response,
}

impl Observer {
    pub(super) fn is_superseded(&self) -> bool {
        matches!(self.state, State::Superseded { .. })
    }

    fn next_sequence(&mut self) -> u32 {
        self.sequence = (self.sequence + 1) & SEQUENCE_MASK;
        self.sequence
    }
}

// --- our observations ------------------------------------------------------------------------------

impl Endpoint {
    pub(super) fn on_notification(&mut self, id: u64, message: Message) {
        let now = self.now;
        let Some(observation) = self.observations.get_mut(&id) else {
            return;
        };
        let peer = observation.peer;
        if message.unprocessable_option(super::is_known).is_some() {
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
                observation.step(Happens::Older);
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
            true => Happens::Final(part),
            false => Happens::Newer(part),
        };
        let Some(observation) = self.observations.get_mut(&id) else {
            return;
        };
        let running = observation.exchange;
        let (state, action) = observation.state.transition(input);
        match state {
            Watch::Ended => drop(self.close_observation(id)),
            state => observation.state = state,
        }
        match (action, outcome) {
            (Act::HandOver, outcome) => {
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
            (Act::Fetch, _) => {
                let purpose = Purpose::Fetch {
                    observation: id,
                    last,
                };
                let fetch = self.open_request(peer, purpose, request, transfer, None, None);
                if let Some(observation) = self.observations.get_mut(&id) {
                    observation.exchange = fetch;
                    if fetch.is_none() {
                        observation.step(Happens::Brought);
                    }
                }
            }
            (Act::Report, Outcome::Done(mut response)) => {
                for number in [option::BLOCK2, option::SIZE2, option::OBSERVE, option::ECHO] {
                    response.options.remove(number);
                }
                self.report_notification(id, peer, response, last);
            }
            (Act::Miss, _) => {
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
        let ends = observation.step(Happens::Left) == Act::EndFetch;
        let fetch = observation.exchange.filter(|_| ends);
        if let Some(fetch) = fetch {
            self.close_request(fetch);
            self.start_requests(observation.peer);
        }
        Some(observation)
    }
}

// --- observers of ours -----------------------------------------------------------------------------

impl Endpoint {
    /// Enters an observer; tells with which sequence number the response goes. `None`: there are too many.
    pub(super) fn enter_observer(
        &mut self,
        peer: PeerId,
        token: Token,
        view: View,
    ) -> Option<(u64, u32)> {
        // The peer compares with what it had under the same token.
        let old = self.observer_tokens.get(&(peer, token)).copied();
        let sequence = match old.and_then(|old| self.remove_observer_state(old)) {
            Some(replaced) => {
                self.events.push_back(Event::ObserverGone {
                    observer: ObserverId(old.unwrap_or_default()),
                    reason: ObserverGone::Replaced,
                });
                (replaced.sequence + 1) & SEQUENCE_MASK
            }
            None => 1,
        };
        let limit = self.config.max_observers_per_peer;
        let full = self.observers.len() >= self.config.max_observers;
        let state = self.peer(peer)?;
        if full || state.observers.len() >= limit {
            self.metrics.refused_observers += 1;
            return None;
        }
        let id = self.fresh_id();
        self.peer(peer)?.observers.push(id);
        self.observer_tokens.insert((peer, token), id);
        self.observers.insert(
            id,
            Observer {
                peer,
                token,
                view,
                sequence,
                last_confirmable: Some(self.now),
                state: State::Idle,
                message: None,
                newer: None,
            },
        );
        Some((id, sequence))
    }

    /// The observer under a token.
    pub(super) fn observer_of(&self, peer: PeerId, token: Token) -> Option<u64> {
        self.observer_tokens.get(&(peer, token)).copied()
    }

    /// Sends a notification, or lets it wait for the one under way. `None`: no such observer.
    pub(super) fn notify_observer(
        &mut self,
        id: u64,
        response: Response,
        confirmable: bool,
    ) -> Option<u64> {
        let notification = self.fresh_id();
        let interval = self.config.confirmable_notification_interval;
        let observer = self
            .observers
            .get_mut(&id)
            .filter(|observer| !observer.state.is_closing())?;
        let last = !response.code.is_success();
        let (peer, idle) = (observer.peer, observer.state == State::Idle);
        let since = (observer.last_confirmable).map(|last| self.now.since(last));
        let confirmable = confirmable || since.is_none_or(|since| since >= interval);
        observer.newer = Some(Newer {
            notification,
            response,
        });
        let probing = !confirmable && (self.wants_proof(peer) || self.owes_too_much(peer));
        self.metrics.probing_notifications += u64::from(probing);
        let confirmable = confirmable || probing;
        // Where there is no message id, it waits for one, and goes confirmably then.
        let message_id = match idle && !confirmable {
            true => self.message_id(peer),
            false => None,
        };
        let confirmable = confirmable || idle && message_id.is_none();
        let action = self.step_observer(id, Input::Notify { confirmable, last });
        if let (Action::SendNonConfirmable, Some(message_id)) = (action, message_id) {
            self.send_notification(id, message_id, MessageKind::NonConfirmable, None);
            self.remove_ended(id);
        }
        Some(notification)
    }

    fn step_observer(&mut self, id: u64, input: Input) -> Action {
        let Some(observer) = self.observers.get_mut(&id) else {
            return Action::Nothing;
        };
        let peer = observer.peer;
        let (state, action) = observer.state.transition(input);
        let counted = observer.state.counts();
        observer.state = state;
        if let Some(peer) = self.peers.get_mut(&peer) {
            match (counted, state.counts()) {
                (true, false) => peer.notifying = peer.notifying.saturating_sub(1),
                (false, true) => peer.notifying += 1,
                _ => {}
            }
            if action == Action::Queue {
                peer.notify_waiting.push_back(id);
            }
        }
        if action == Action::Queue {
            self.start_notifications(peer);
        }
        action
    }

    /// Removes an observer whose last content has gone.
    fn remove_ended(&mut self, id: u64) {
        let observer = self.observers.get(&id);
        if observer.is_some_and(|observer| observer.state == State::Ended) {
            self.remove_observer_state(id);
        }
    }

    /// Sends confirmable notifications that wait, as far as NSTART allows.
    pub(super) fn start_notifications(&mut self, peer: PeerId) {
        let nstart = self.timing(peer).nstart.max(1);
        loop {
            let Some(state) = self.peers.get_mut(&peer) else {
                return;
            };
            if state.notifying >= nstart || state.notify_waiting.is_empty() {
                return;
            }
            let Some(message_id) = self.message_id(peer) else {
                return;
            };
            let next = self
                .peers
                .get_mut(&peer)
                .and_then(|state| state.notify_waiting.pop_front());
            if let Some(id) = next
                && self.step_observer(id, Input::Turn) == Action::Send
            {
                self.send_notification(id, message_id, MessageKind::Confirmable, None);
            }
        }
    }

    /// The time to repeat a notification has come, and there is newer content: it goes instead, with the
    /// back-off of the old (RFC 7641, section 4.5.2).
    pub(super) fn supersede_notification(&mut self, id: u64, backoff: Backoff) {
        let Some(peer) = self.observers.get(&id).map(|observer| observer.peer) else {
            return;
        };
        match self.message_id(peer) {
            Some(message_id) => {
                self.step_observer(id, Input::RetransmissionTime);
                self.send_notification(id, message_id, MessageKind::Confirmable, Some(backoff));
            }
            // As if acknowledged: it waits for its turn, which comes with the message ids.
            None => {
                self.step_observer(id, Input::Acknowledged);
            }
        }
    }

    fn send_notification(
        &mut self,
        id: u64,
        message_id: u16,
        kind: MessageKind,
        backoff: Option<Backoff>,
    ) {
        let now = self.now;
        let Some(observer) = self.observers.get_mut(&id) else {
            return;
        };
        let Some(newer) = observer.newer.take() else {
            return;
        };
        let (peer, token, view) = (observer.peer, observer.token, observer.view);
        let owner = Owner::Notification {
            observer: id,
            notification: newer.notification,
        };
        let old = observer.message.replace((message_id, owner));
        let sequence = newer
            .response
            .code
            .is_success()
            .then(|| observer.next_sequence());
        if kind == MessageKind::Confirmable {
            observer.last_confirmable = Some(now);
        }
        if let Some((old, owner)) = old {
            self.end_transmission(peer, old, owner);
        }
        let length = token.as_bytes().len();
        let response = self.cut_notification(peer, &view, length, newer.response, sequence);
        let message = Message {
            kind,
            code: response.code,
            id: message_id,
            token,
            options: response.options,
            payload: response.payload,
        };
        match kind {
            MessageKind::Confirmable => self.send_confirmable(peer, &message, owner, backoff),
            _ => self.send_non_confirmable(peer, &message, owner),
        }
    }

    pub(super) fn on_notification_acknowledged(&mut self, id: u64, notification: u64) {
        let Some(observer) = self.observers.get_mut(&id) else {
            return;
        };
        let peer = observer.peer;
        observer.message = None;
        self.events.push_back(Event::NotificationAcknowledged {
            notification: NotificationId(notification),
            observer: ObserverId(id),
        });
        self.step_observer(id, Input::Acknowledged);
        self.remove_ended(id);
        self.start_notifications(peer);
    }

    /// A reset came for a message that nothing is known of any more. It may have been a notification that others have
    /// followed, and whoever reset it observes no longer. The next notification to each observer of that peer, of which
    /// there are `max_observers_per_peer`, is to show it.
    pub(super) fn doubt_observers(&mut self, peer: PeerId) {
        let Some(state) = self.peers.get(&peer) else {
            return;
        };
        for id in &state.observers {
            if let Some(observer) = self.observers.get_mut(id) {
                observer.last_confirmable = None;
            }
        }
    }

    pub(super) fn on_notification_reset(&mut self, id: u64) {
        self.lose_observer(id, ObserverGone::Reset);
    }

    /// A notification was withheld to the end. So would be those that wait behind it: their observers go as well, lest
    /// a peer that is not there keeps them for one lifetime each.
    pub(super) fn on_notification_expired(&mut self, peer: PeerId, id: u64) {
        let state = self.peers.get_mut(&peer);
        let waiting = state.map(|state| core::mem::take(&mut state.notify_waiting));
        for id in core::iter::once(id).chain(waiting.unwrap_or_default()) {
            self.lose_observer(id, ObserverGone::Unproven);
        }
    }

    /// Removes an observer and says why. One that the layer above has ended is gone without a word.
    pub(super) fn lose_observer(&mut self, id: u64, reason: ObserverGone) {
        if let Some(observer) = self.remove_observer_state(id)
            && !observer.state.is_closing()
        {
            self.events.push_back(Event::ObserverGone {
                observer: ObserverId(id),
                reason,
            });
        }
    }

    pub(super) fn remove_observer_state(&mut self, id: u64) -> Option<Observer> {
        let observer = self.observers.remove(&id)?;
        let peer = observer.peer;
        self.observer_tokens.remove(&(peer, observer.token));
        if let Some((message_id, owner)) = observer.message {
            self.end_transmission(peer, message_id, owner);
        }
        if let Some(state) = self.peers.get_mut(&peer) {
            take_out(&mut state.observers, id);
            if observer.state.counts() {
                state.notifying = state.notifying.saturating_sub(1);
            }
            if matches!(observer.state, State::Waiting { .. }) {
                state.notify_waiting.retain(|other| *other != id);
            }
        }
        self.start_notifications(peer);
        Some(observer)
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
