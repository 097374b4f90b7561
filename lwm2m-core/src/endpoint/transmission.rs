//! Reliability of one message (RFC 7252, section 4.2): repeated with exponential back-off until it is
//! acknowledged, reset or given up.
//!
//! ```text
//!                       timer, repetitions left: send again, time-out doubled
//!                          ┌──────┐
//!             send         │      ▼     ACK
//!    ───────────────────▶ Unacknowledged ─────────▶ Acknowledged
//!                          │      │     RST
//!                          │      └───────────────▶ Rejected
//!                          │ timer, none left
//!                          └──────────────────────▶ GivenUp
//! ```
//!
//! Non-confirmable messages are entered as well where a reset of them means something (requests, notifications).

use super::{Endpoint, Timer, Timing, address::Account, peer::take_out};
use crate::{coap::Message, peer::PeerId, timer::TimerId};
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
    pub(super) owner: Owner,
    /// `None` for a non-confirmable message.
    reliable: Option<Reliable>,
}

struct Reliable {
    state: State,
    data: Vec<u8>,
    timer: TimerId,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Unacknowledged { repetitions: u32, timeout: Duration },
    Acknowledged,
    Rejected,
    GivenUp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Input {
    Acknowledgement,
    Reset,
    Timer,
}

impl State {
    fn transition(self, input: Input, max_retransmit: u32) -> State {
        took!("transmission", self, input);
        let State::Unacknowledged {
            repetitions,
            timeout,
        } = self
        else {
            return self;
        };
        match input {
            Input::Acknowledgement => State::Acknowledged,
            Input::Reset => State::Rejected,
            Input::Timer if repetitions < max_retransmit.min(16) => State::Unacknowledged {
                repetitions: repetitions + 1,
                timeout: timeout * 2,
            },
            Input::Timer => State::GivenUp,
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
        let State::Unacknowledged { timeout, .. } = state else {
            return;
        };
        let Some(data) = self.send(peer, message, owner.account()) else {
            return;
        };
        if owner.is_charged() {
            self.charge(peer, data.len());
        }
        let timer = self
            .timers
            .set(self.now + timeout, Timer::Retransmit(peer, message.id));
        let reliable = Some(Reliable { state, data, timer });
        if let (Owner::Response, Some(peer)) = (owner, self.peers.get_mut(&peer)) {
            peer.responses.push(message.id.into());
        }
        self.transmissions
            .insert((peer, message.id), Transmission { owner, reliable });
    }

    /// Sends a message once; a reset of it will be known.
    pub(super) fn send_non_confirmable(&mut self, peer: PeerId, message: &Message, owner: Owner) {
        if let Some(data) = self.send(peer, message, owner.account()) {
            self.charge(peer, data.len());
        }
        self.transmissions.insert(
            (peer, message.id),
            Transmission {
                owner,
                reliable: None,
            },
        );
    }

    /// Repeats a message no more and knows no answer to it.
    pub(super) fn end_transmission(&mut self, peer: PeerId, id: u16) {
        if let Some(Transmission {
            reliable: Some(reliable),
            ..
        }) = self.transmissions.remove(&(peer, id))
        {
            self.timers.cancel(reliable.timer);
        }
    }

    pub(super) fn on_retransmit_timer(&mut self, peer: PeerId, id: u16) {
        let timing = self.timing(peer);
        let now = self.now;
        let Some(transmission) = self.transmissions.get_mut(&(peer, id)) else {
            return;
        };
        let owner = transmission.owner;
        let Some(reliable) = &mut transmission.reliable else {
            return;
        };
        let state = reliable
            .state
            .transition(Input::Timer, timing.max_retransmit);
        reliable.state = state;
        match state {
            State::Unacknowledged { timeout, .. } => {
                let superseded = matches!(owner, Owner::Notification { observer, .. }
                    if self.observers.get(&observer).is_some_and(|o| o.is_superseded()));
                if let (true, Owner::Notification { observer, .. }) = (superseded, owner) {
                    self.transmissions.remove(&(peer, id));
                    self.supersede_notification(observer, state);
                    return;
                }
                reliable.timer = self.timers.set(now + timeout, Timer::Retransmit(peer, id));
                let data = reliable.data.clone();
                self.metrics.retransmissions += 1;
                self.send_bytes(peer, data, owner.account());
            }
            _ => {
                self.transmissions.remove(&(peer, id));
                self.metrics.transmissions_given_up += 1;
                match owner {
                    Owner::Request(request) => self.on_request_given_up(request),
                    Owner::Notification { observer, .. } => {
                        self.on_notification_given_up(observer);
                    }
                    Owner::Response => self.response_settled(peer, id),
                }
            }
        }
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
        let transmission = self.transmissions.get_mut(&(peer, id))?;
        let owner = transmission.owner;
        match &mut transmission.reliable {
            Some(reliable) => {
                reliable.state = reliable.state.transition(input, 0);
                self.timers.cancel(reliable.timer);
            }
            // Nobody may acknowledge what is not confirmable.
            None if input == Input::Acknowledgement => return None,
            None => {}
        }
        self.transmissions.remove(&(peer, id));
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
        let sent = |repetitions, seconds| State::Unacknowledged {
            repetitions,
            timeout: Duration::from_secs(seconds),
        };
        for (from, input, to) in [
            (sent(0, 2), Input::Timer, sent(1, 4)),
            (sent(3, 16), Input::Timer, sent(4, 32)),
            (sent(4, 32), Input::Timer, State::GivenUp),
            (sent(0, 2), Input::Acknowledgement, State::Acknowledged),
            (sent(4, 32), Input::Acknowledgement, State::Acknowledged),
            (sent(0, 2), Input::Reset, State::Rejected),
        ] {
            assert_eq!(from.transition(input, 4), to, "{from:?} {input:?}");
        }
        for end in [State::Acknowledged, State::Rejected, State::GivenUp] {
            for input in [Input::Acknowledgement, Input::Reset, Input::Timer] {
                assert_eq!(end.transition(input, 4), end);
            }
        }
    }
}
