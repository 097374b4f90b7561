//! PROBING_RATE (RFC 7252, section 4.7): how much goes to a peer from which nothing comes.
//!
//! Requests and notifications are charged to their peer when they are first sent; repetitions have a back-off of
//! their own. Whatever comes from the peer clears the account, and silence pays it off at PROBING_RATE, so that a
//! peer that answers is never slowed. Where more than `probing_credit` is owed,
//!
//! - requests wait in their queue, which is bounded, until less is owed or the peer is heard;
//! - a non-confirmable notification goes confirmably instead: its acknowledgement clears the account, and where
//!   none comes, NSTART, the back-off and the end of the observation keep the rate down.

use super::{Endpoint, Timer};
use crate::{peer::PeerId, time::Instant, timer::TimerId};
use core::time::Duration;

/// What is owed for messages to a peer that has not been heard since.
#[derive(Debug, Default)]
pub(super) struct Probing {
    /// When silence will have paid for all of them.
    paid: Instant,
    /// Requests wait until then.
    held: Option<TimerId>,
}

impl Probing {
    pub(super) fn charge(&mut self, now: Instant, bytes: usize, rate: u32) {
        self.paid = self.paid.max(now) + cost(bytes, rate);
    }

    /// How long until at most `credit` bytes are owed; zero: that is so.
    fn wait(&self, now: Instant, credit: usize, rate: u32) -> Duration {
        self.paid.since(now).saturating_sub(cost(credit, rate))
    }

    /// Whether anything is owed.
    pub(super) fn owes(&self, now: Instant) -> bool {
        self.paid > now
    }

    pub(super) fn timer(&self) -> Option<TimerId> {
        self.held
    }
}

/// How long silence pays for this many bytes.
fn cost(bytes: usize, rate: u32) -> Duration {
    Duration::from_micros((bytes as u64).saturating_mul(1_000_000) / u64::from(rate.max(1)))
}

impl Endpoint {
    /// Charges a message to a peer.
    pub(super) fn charge(&mut self, peer: PeerId, bytes: usize) {
        let (now, rate) = (self.now, self.timing(peer).probing_rate);
        if let Some(state) = self.peers.get_mut(&peer) {
            state.probing.charge(now, bytes, rate);
        }
    }

    fn probing_wait(&self, peer: PeerId) -> Duration {
        let rate = self.timing(peer).probing_rate;
        self.peers.get(&peer).map_or(Duration::ZERO, |state| {
            let credit = self.config.probing_credit;
            state.probing.wait(self.now, credit, rate)
        })
    }

    /// Whether so much went to a silent peer that the next notification is to be acknowledged.
    pub(super) fn owes_too_much(&self, peer: PeerId) -> bool {
        !self.probing_wait(peer).is_zero()
    }

    /// Whether requests to a peer have to wait; whoever waits is tried again in time.
    pub(super) fn hold_requests(&mut self, peer: PeerId) -> bool {
        let wait = self.probing_wait(peer);
        if wait.is_zero() {
            return false;
        }
        if let Some(state) = self.peers.get_mut(&peer)
            && state.probing.held.is_none()
        {
            let timer = self.timers.set(self.now + wait, Timer::Probing(peer));
            state.probing.held = Some(timer);
            self.metrics.held_requests += 1;
        }
        true
    }

    pub(super) fn on_probing_timer(&mut self, peer: PeerId) {
        if let Some(state) = self.peers.get_mut(&peer) {
            state.probing.held = None;
        }
        self.start_requests(peer);
    }

    /// A message has come from a peer: nothing is owed, and what waits may go.
    pub(super) fn on_heard(&mut self, peer: PeerId) {
        let Some(state) = self.peers.get_mut(&peer) else {
            return;
        };
        state.probing.paid = Instant::ZERO;
        if let Some(timer) = state.probing.held.take() {
            self.timers.cancel(timer);
            self.start_requests(peer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_pays_at_the_rate() {
        let at = |seconds: u64| Instant::from_micros(seconds * 1_000_000);
        let mut probing = Probing::default();
        assert!(!probing.owes(at(5)));
        probing.charge(at(5), 100, 1);
        probing.charge(at(55), 100, 1);
        // 150 bytes are owed at 55 s.
        for (now, credit, wait) in [(55, 150, 0), (55, 100, 50), (95, 100, 10), (110, 100, 0)] {
            let wait = Duration::from_secs(wait);
            assert_eq!(probing.wait(at(now), credit, 1), wait, "{now} {credit}");
        }
        assert!(probing.owes(at(204)) && !probing.owes(at(205)));
        // At a higher rate, and at none, which counts as the lowest.
        assert_eq!(cost(4000, 1000), Duration::from_secs(4));
        assert_eq!(cost(4000, 0), cost(4000, 1));
        assert!(cost(usize::MAX, 1) > Duration::from_secs(1 << 40));
    }
}
