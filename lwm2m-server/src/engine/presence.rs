//! Queue mode (Transport 1.2.2, section 6.5): who is awake, and what waits for who is not.
//!
//! ```text
//!              silent for the awake window, or a request timed out
//!   Awake  ------------------------------------------------------->  Asleep
//!          <-------------------------------------------------------
//!              any datagram of the device: what waits is sent
//! ```
//!
//! A device without queue mode is always awake.

use super::{ServerEngine, Timer, registry::Slot};
use crate::{event::ServerEvent, registration::Presence};
use lwm2m_core::{peer::PeerId, time::Instant};
use std::sync::Arc;

impl ServerEngine {
    /// A datagram came from this peer.
    pub(super) fn on_heard(&mut self, now: Instant, peer: PeerId) {
        let Some(slot) = self.registry.by_peer(peer) else {
            return;
        };
        let Some(entry) = self.registry.entry_mut(slot) else {
            return;
        };
        entry.last_heard = now;
        self.wake(now, slot);
        self.send_waiting(now, slot);
    }

    /// Takes a device for awake.
    pub(super) fn wake(&mut self, now: Instant, slot: Slot) {
        let Some(entry) = self.registry.entry_mut(slot) else {
            return;
        };
        if entry.registration.presence == Presence::Asleep {
            Arc::make_mut(&mut entry.registration).presence = Presence::Awake;
            let endpoint = entry.registration.endpoint.clone();
            self.emit(ServerEvent::Awake { endpoint });
            self.arm_sleep(now, slot);
        }
    }

    /// The connection to this peer is gone.
    pub(super) fn on_peer_lost(&mut self, peer: PeerId) {
        if let Some(slot) = self.registry.by_peer(peer) {
            self.registry.set_peer(slot, None);
            let endpoint = self
                .registry
                .entry(slot)
                .map(|entry| entry.registration.endpoint.clone());
            if let Some(endpoint) = endpoint {
                self.reset_observations(&endpoint);
            }
        }
    }

    /// Whether requests to this device can be sent now.
    pub(super) fn is_reachable(&self, slot: Slot) -> bool {
        self.registry.entry(slot).is_some_and(|entry| {
            entry.peer.is_some() && entry.registration.presence == Presence::Awake
        })
    }

    /// Watches over the awake window of a device that may sleep.
    pub(super) fn arm_sleep(&mut self, now: Instant, slot: Slot) {
        let window = self.config.awake_window;
        let Some(entry) = self.registry.entry_mut(slot) else {
            return;
        };
        if entry.registration.queue_mode && entry.sleep_timer.is_none() {
            entry.sleep_timer = Some(self.timers.set(now + window, Timer::Sleep(slot)));
        }
    }

    /// The awake window has passed, counted from some message; there may have been others since.
    pub(super) fn on_awake_window_over(&mut self, now: Instant, slot: Slot) {
        let window = self.config.awake_window;
        let Some(entry) = self.registry.entry_mut(slot) else {
            return;
        };
        entry.sleep_timer = None;
        let until = entry.last_heard + window;
        if until > now {
            entry.sleep_timer = Some(self.timers.set(until, Timer::Sleep(slot)));
        } else {
            self.fall_asleep(slot);
        }
    }

    /// Takes a device that may sleep for asleep.
    pub(super) fn fall_asleep(&mut self, slot: Slot) {
        let Some(entry) = self.registry.entry_mut(slot) else {
            return;
        };
        let registration = &entry.registration;
        if registration.queue_mode && registration.presence == Presence::Awake {
            Arc::make_mut(&mut entry.registration).presence = Presence::Asleep;
            let endpoint = entry.registration.endpoint.clone();
            if let Some(timer) = entry.sleep_timer.take() {
                self.timers.cancel(timer);
            }
            self.emit(ServerEvent::Asleep { endpoint });
        }
    }
}
