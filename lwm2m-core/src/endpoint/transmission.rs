//! Reliability of one message (RFC 7252, section 4.2): repeated with exponential back-off until it is
//! acknowledged, reset or given up.
//!
//! ```text
//!                       timer, repetitions left: send again, time-out doubled
//!                          ┌──────┐
//!             send         │      ▼     ACK
//!    ────┬──────────────▶ Unacknowledged ───────────────────▶ Acknowledged
//!        │                 │  ▲   │ │    RST
//!        │                 │  │   │ └─────────────────────▶ Rejected
//!        │                 │  │   │ timer, none left
//!        │         no room │  │   └───────────────────────▶ GivenUp
//!        │                 ▼  │ room: sent
//!        └─ no room ────▶ Withheld ─────────────────────────▶ Expired
//!                          │           EXCHANGE_LIFETIME
//!                          └─ ACK, RST (of what went before): Acknowledged, Rejected
//! ```
//!
//! A message that may not go to an address that is not proven (`address`) is withheld: it counts neither as sent nor as
//! repeated, and nobody waits for its acknowledgement. It goes when the peer is heard and that makes room, after the
//! answers to what the peer asks itself. Requests of ours are never withheld.
//!
//! Non-confirmable messages are entered as well where a reset of them means something (requests, notifications): it
//! means that for EXCHANGE_LIFETIME, after which their message id may be another's.

use super::{Endpoint, ObserverGone, Timer, Timing, address::Account, peer::take_out};
use crate::{coap::Message, peer::PeerId, time::Instant, timer::TimerId};
use alloc::vec::Vec;
use core::time::Duration;
use rand_core::RngCore;

/// On whose behalf a message was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// A request of ours, or a ping.
    Request(u64),
    /// A response of ours in a message of its own.
    Response,
    /// A notification to an observer.
    Notification { observer: u64, notification: u64 },
}

impl Owner {
    fn account(self) -> Account {
        match self {
            Owner::Request(_) => Account::Ours,
            Owner::Response | Owner::Notification { .. } => Account::Theirs,
        }
    }

    /// Whether it is charged as a message that the peer did not ask for just now.
    fn is_charged(self) -> bool {
        self != Owner::Response
    }
}

/// A message that can be acknowledged or reset.
pub(super) struct Transmission {
    owner: Owner,
    /// `None` for a non-confirmable message.
    reliable: Option<Reliable>,
    /// When it was handed in.
    since: Instant,
}

struct Reliable {
    state: State,
    data: Vec<u8>,
    timer: TimerId,
    /// Whether it has gone at all.
    gone: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Unacknowledged {
        repetitions: u32,
        timeout: Duration,
    },
    /// As `Unacknowledged`, when it has gone.
    Withheld {
        repetitions: u32,
        timeout: Duration,
    },
    Acknowledged,
    Rejected,
    GivenUp,
    Expired,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Input {
    Acknowledgement,
    Reset,
    Timer,
    /// It was to go and may not.
    NoRoom,
    /// It goes after all.
    Room,
}

impl State {
    fn transition(self, input: Input, max_retransmit: u32) -> State {
        took!("transmission", self, input);
        use {Input as I, State as S};
        match (self, input) {
            (S::Unacknowledged { .. } | S::Withheld { .. }, I::Acknowledgement) => S::Acknowledged,
            (S::Unacknowledged { .. } | S::Withheld { .. }, I::Reset) => S::Rejected,
            (
                S::Unacknowledged {
                    repetitions,
                    timeout,
                },
                I::Timer,
            ) if repetitions < max_retransmit.min(16) => S::Unacknowledged {
                repetitions: repetitions + 1,
                timeout: timeout * 2,
            },
            (S::Unacknowledged { .. }, I::Timer) => S::GivenUp,
            (S::Withheld { .. }, I::Timer) => S::Expired,
            (
                S::Unacknowledged {
                    repetitions,
                    timeout,
                },
                I::NoRoom,
            ) => S::Withheld {
                repetitions,
                timeout,
            },
            (
                S::Withheld {
                    repetitions,
                    timeout,
                },
                I::Room,
            ) => S::Unacknowledged {
                repetitions,
                timeout,
            },
            (S::Unacknowledged { .. }, I::Room)
            | (S::Withheld { .. }, I::NoRoom)
            | (S::Acknowledged | S::Rejected | S::GivenUp | S::Expired, _) => self,
        }
    }
}

impl Endpoint {
    fn first_state(&mut self, timing: &Timing) -> State {
        let random = self.random.next_u32() as f32 / u32::MAX as f32;
        let spread = timing.ack_random_factor.clamp(1.0, 100.0) - 1.0;
        State::Unacknowledged {
            repetitions: 0,
            timeout: timing.ack_timeout.mul_f32(1.0 + random * spread),
        }
    }

    /// Sends a message and repeats it until it is acknowledged. `state`: the back-off it takes over from the one
    /// that it supersedes.
    pub(super) fn send_confirmable(
        &mut self,
        peer: PeerId,
        message: &Message,
        owner: Owner,
        state: Option<State>,
    ) {
        let timing = self.timing(peer);
        let state = state.unwrap_or_else(|| self.first_state(&timing));
        let Some(data) = self.encode(peer, message) else {
            return;
        };
        let id = message.id;
        if let (Owner::Response, Some(state)) = (owner, self.peers.get_mut(&peer)) {
            state.responses.push(id.into());
        }
        let gone = self.send_bytes(peer, data.clone(), owner.account());
        if gone && owner.is_charged() {
            self.charge(peer, data.len());
        }
        let state = match gone {
            true => state,
            false => state.transition(Input::NoRoom, 0),
        };
        let timer = self.state_timer(peer, id, state);
        let reliable = Some(Reliable {
            state,
            data,
            timer,
            gone,
        });
        self.note_withheld(peer, id, state);
        self.enter_transmission(peer, id, owner, reliable);
    }

    fn enter_transmission(
        &mut self,
        peer: PeerId,
        id: u16,
        owner: Owner,
        reliable: Option<Reliable>,
    ) {
        let since = self.now;
        let transmission = Transmission {
            owner,
            reliable,
            since,
        };
        self.transmissions.insert((peer, id), transmission);
    }

    /// Whether an acknowledgement or reset with this message id means something.
    pub(super) fn is_under_way(&self, peer: PeerId, id: u16) -> bool {
        self.transmissions
            .get(&(peer, id))
            .is_some_and(|transmission| {
                let age = self.now.since(transmission.since);
                transmission.reliable.is_some() || age < self.timing(peer).exchange_lifetime()
            })
    }

    /// Sends a message once; a reset of it will be known.
    pub(super) fn send_non_confirmable(&mut self, peer: PeerId, message: &Message, owner: Owner) {
        let Some(data) = self.encode(peer, message) else {
            return;
        };
        let length = data.len();
        if !self.send_bytes(peer, data, owner.account()) {
            return;
        }
        self.charge(peer, length);
        self.enter_transmission(peer, message.id, owner, None);
    }

    /// When something is to be done about a message in this state.
    fn state_timer(&mut self, peer: PeerId, id: u16, state: State) -> TimerId {
        let wait = match state {
            State::Unacknowledged { timeout, .. } => timeout,
            _ => self.timing(peer).exchange_lifetime(),
        };
        self.timers
            .set(self.now + wait, Timer::Retransmit(peer, id))
    }

    /// Enters a message among those that wait for room, where it does.
    fn note_withheld(&mut self, peer: PeerId, id: u16, state: State) {
        if matches!(state, State::Withheld { .. })
            && let Some(peer) = self.peers.get_mut(&peer)
        {
            peer.withheld.push(id.into());
            self.withheld += 1;
        }
    }

    fn forget_withheld(&mut self, peer: PeerId, id: u16, state: State) {
        if matches!(state, State::Withheld { .. })
            && let Some(peer) = self.peers.get_mut(&peer)
        {
            take_out(&mut peer.withheld, id.into());
            self.withheld -= 1;
        }
    }

    /// Lets a message wait in another state.
    fn wait_in(&mut self, peer: PeerId, id: u16, state: State) {
        let timer = self.state_timer(peer, id, state);
        let transmission = self.transmissions.get_mut(&(peer, id));
        let Some(reliable) = transmission.and_then(|t| t.reliable.as_mut()) else {
            self.timers.cancel(timer);
            return;
        };
        let old = core::mem::replace(&mut reliable.state, state);
        self.timers
            .cancel(core::mem::replace(&mut reliable.timer, timer));
        self.forget_withheld(peer, id, old);
        self.note_withheld(peer, id, state);
    }

    /// Takes a transmission out; it is repeated no more.
    fn take_transmission(&mut self, peer: PeerId, id: u16) -> Option<Transmission> {
        let transmission = self.transmissions.remove(&(peer, id))?;
        if let Some(reliable) = &transmission.reliable {
            self.timers.cancel(reliable.timer);
            self.forget_withheld(peer, id, reliable.state);
        }
        Some(transmission)
    }

    /// Repeats a message of this owner no more and knows no answer to it. Where the message id has become another's
    /// since, that goes on.
    pub(super) fn end_transmission(&mut self, peer: PeerId, id: u16, owner: Owner) {
        let transmission = self.transmissions.get(&(peer, id));
        if transmission.is_some_and(|transmission| transmission.owner == owner) {
            self.take_transmission(peer, id);
        }
    }

    /// The observer whose notification this is, if there is newer content for it.
    fn superseded_by(&self, owner: Owner) -> Option<u64> {
        let Owner::Notification { observer, .. } = owner else {
            return None;
        };
        let state = self.observers.get(&observer)?;
        state.is_superseded().then_some(observer)
    }

    pub(super) fn on_retransmit_timer(&mut self, peer: PeerId, id: u16) {
        let max_retransmit = self.timing(peer).max_retransmit;
        let Some(transmission) = self.transmissions.get(&(peer, id)) else {
            return;
        };
        let owner = transmission.owner;
        let Some(reliable) = &transmission.reliable else {
            return;
        };
        let state = reliable.state.transition(Input::Timer, max_retransmit);
        if let State::Unacknowledged { .. } = state {
            if let Some(observer) = self.superseded_by(owner) {
                self.take_transmission(peer, id);
                self.supersede_notification(observer, state);
                return;
            }
            let data = reliable.data.clone();
            let gone = self.send_bytes(peer, data, owner.account());
            self.metrics.retransmissions += u64::from(gone);
            let state = match gone {
                true => state,
                false => state.transition(Input::NoRoom, max_retransmit),
            };
            self.wait_in(peer, id, state);
            return;
        }
        self.take_transmission(peer, id);
        let expired = state == State::Expired;
        match expired {
            true => self.metrics.withheld_to_the_end += 1,
            false => self.metrics.transmissions_given_up += 1,
        }
        match owner {
            Owner::Request(request) => self.on_request_given_up(request),
            Owner::Notification { observer, .. } if expired => {
                self.on_notification_expired(peer, observer);
            }
            Owner::Notification { observer, .. } => {
                self.lose_observer(observer, ObserverGone::Timeout);
            }
            Owner::Response => self.response_settled(peer, id),
        }
    }

    /// There may be room for what was withheld from a peer: because it was heard, has proven its address, was
    /// answered with less than it may be, or what it asked has ended without an answer.
    pub(super) fn release_withheld(&mut self, peer: PeerId) {
        if self.withheld == 0 {
            return;
        }
        let Some(state) = self.peers.get(&peer) else {
            return;
        };
        // What it asks is answered first.
        if !state.exchanges.is_empty() && self.wants_proof(peer) {
            return;
        }
        for id in state.withheld.clone() {
            self.release(peer, id as u16);
        }
    }

    fn release(&mut self, peer: PeerId, id: u16) {
        let Some(Transmission {
            owner,
            reliable: Some(reliable),
            ..
        }) = self.transmissions.get(&(peer, id))
        else {
            return;
        };
        let owner = *owner;
        let state = reliable.state.transition(Input::Room, 0);
        let length = reliable.data.len();
        if let Some(observer) = self.superseded_by(owner) {
            self.take_transmission(peer, id);
            self.supersede_notification(observer, state);
            return;
        }
        // Before a copy of it is made.
        if !self.has_room(peer, length) {
            return;
        }
        let (data, repeated) = (reliable.data.clone(), reliable.gone);
        if !self.send_bytes(peer, data, owner.account()) {
            return;
        }
        match repeated {
            true => self.metrics.retransmissions += 1,
            false if owner.is_charged() => self.charge(peer, length),
            false => {}
        }
        let transmission = self.transmissions.get_mut(&(peer, id));
        if let Some(reliable) = transmission.and_then(|t| t.reliable.as_mut()) {
            reliable.gone = true;
        }
        self.wait_in(peer, id, state);
    }

    fn response_settled(&mut self, peer: PeerId, id: u16) {
        if let Some(peer) = self.peers.get_mut(&peer) {
            take_out(&mut peer.responses, id.into());
        }
    }

    /// An empty acknowledgement came.
    pub(super) fn on_acknowledgement(&mut self, peer: PeerId, id: u16) {
        let Some(owner) = self.settle(peer, id, Input::Acknowledgement) else {
            self.metrics.unmatched_acknowledgements += 1;
            self.note_message_id(peer, false);
            return;
        };
        match owner {
            Owner::Request(request) => self.on_request_acknowledged(request),
            Owner::Notification {
                observer,
                notification,
            } => self.on_notification_acknowledged(observer, notification),
            Owner::Response => self.response_settled(peer, id),
        }
    }

    /// A reset came.
    pub(super) fn on_reset(&mut self, peer: PeerId, id: u16) {
        let Some(owner) = self.settle(peer, id, Input::Reset) else {
            self.doubt_observers(peer);
            self.metrics.unmatched_acknowledgements += 1;
            self.note_message_id(peer, false);
            return;
        };
        self.metrics.resets += 1;
        match owner {
            Owner::Request(request) => self.on_request_reset(request),
            Owner::Notification { observer, .. } => self.on_notification_reset(observer),
            Owner::Response => self.response_settled(peer, id),
        }
    }

    /// Ends a transmission by what came for it; `None` where nothing waits for that.
    fn settle(&mut self, peer: PeerId, id: u16, input: Input) -> Option<Owner> {
        if !self.is_under_way(peer, id) {
            return None;
        }
        let transmission = self.transmissions.get(&(peer, id))?;
        // Nobody may acknowledge what is not confirmable.
        if transmission.reliable.is_none() && input == Input::Acknowledgement {
            return None;
        }
        let owner = self.take_transmission(peer, id)?.owner;
        self.note_message_id(peer, true);
        Some(owner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // proves: COAP-07, COAP-09
    #[test]
    fn every_transition() {
        use {Input as I, State as S};
        let sent = |repetitions, seconds| S::Unacknowledged {
            repetitions,
            timeout: Duration::from_secs(seconds),
        };
        let withheld = |repetitions, seconds| S::Withheld {
            repetitions,
            timeout: Duration::from_secs(seconds),
        };
        let inputs = [I::Timer, I::Acknowledgement, I::Reset, I::NoRoom, I::Room];
        let (acknowledged, rejected) = (S::Acknowledged, S::Rejected);
        for (from, row) in [
            (
                sent(0, 2),
                [
                    sent(1, 4),
                    acknowledged,
                    rejected,
                    withheld(0, 2),
                    sent(0, 2),
                ],
            ),
            (
                sent(3, 16),
                [
                    sent(4, 32),
                    acknowledged,
                    rejected,
                    withheld(3, 16),
                    sent(3, 16),
                ],
            ),
            (
                sent(4, 32),
                [
                    S::GivenUp,
                    acknowledged,
                    rejected,
                    withheld(4, 32),
                    sent(4, 32),
                ],
            ),
            // What was withheld has used up nothing.
            (
                withheld(4, 32),
                [
                    S::Expired,
                    acknowledged,
                    rejected,
                    withheld(4, 32),
                    sent(4, 32),
                ],
            ),
            (acknowledged, [acknowledged; 5]),
            (rejected, [rejected; 5]),
            (S::GivenUp, [S::GivenUp; 5]),
            (S::Expired, [S::Expired; 5]),
        ] {
            for (input, to) in inputs.into_iter().zip(row) {
                assert_eq!(from.transition(input, 4), to, "{from:?} {input:?}");
            }
        }
    }
}
