//! Peers that observe us (RFC 7641).
//!
//! An observer is in one of these states:
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

use super::{
    Endpoint, Event, NotificationId, ObserverGone, ObserverId,
    observation::SEQUENCE_MASK,
    peer::take_out,
    transmission::{Owner, State as Backoff},
};
use crate::{
    coap::{BlockSize, Message, MessageKind, Response, Token},
    peer::PeerId,
    time::Instant,
};
use state::{Action, Input, State};

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
