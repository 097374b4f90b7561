//! PROBING_RATE (RFC 7252, section 4.7): how much goes to a peer from which nothing comes.
//!
//! Requests and notifications are charged to their peer when they are first sent; repetitions have a back-off of
//! their own. What was withheld from an address that is not proven (`address`) is charged when it goes. Whatever comes
//! from the peer clears the account, and silence pays it off at PROBING_RATE, so that a peer that answers is never
//! slowed. What is kept is the bytes that are owed and not when they will be paid: another rate rules from the moment
//! it is set. Where more than `probing_credit` is owed,
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
    /// What was owed at `since`, millionths of a byte: what a rate of one pays in a microsecond.
    owed: u64,
    since: Instant,
    /// Requests wait for this.
    held: Option<TimerId>,
}

fn millionths(bytes: usize) -> u64 {
    (bytes as u64).saturating_mul(1_000_000)
}

impl Probing {
    /// What is owed now, millionths of a byte.
    fn owed(&self, now: Instant, rate: u32) -> u64 {
        let micros = u64::try_from(now.since(self.since).as_micros()).unwrap_or(u64::MAX);
        let paid = micros.saturating_mul(rate.max(1).into());
        self.owed.saturating_sub(paid)
    }

    /// Takes down what is owed; from now on another rate may rule.
    fn settle(&mut self, now: Instant, rate: u32) {
        self.owed = self.owed(now, rate);
        self.since = now;
    }

    pub(super) fn charge(&mut self, now: Instant, bytes: usize, rate: u32) {
        self.settle(now, rate);
        self.owed = self.owed.saturating_add(millionths(bytes));
    }

    /// How long until at most `credit` bytes are owed; zero: that is so.
    fn wait(&self, now: Instant, credit: usize, rate: u32) -> Duration {
        let over = self.owed(now, rate).saturating_sub(millionths(credit));
        Duration::from_micros(over.div_ceil(rate.max(1).into()))
    }

    /// Whether anything is owed.
    pub(super) fn owes(&self, now: Instant, rate: u32) -> bool {
        self.owed(now, rate) > 0
    }

    pub(super) fn timer(&self) -> Option<TimerId> {
        self.held
    }
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

    /// Another rate is about to rule for a peer: what silence has paid so far, it has paid at the old one.
    pub(super) fn settle_probing(&mut self, peer: PeerId) {
        let (now, rate) = (self.now, self.timing(peer).probing_rate);
        if let Some(state) = self.peers.get_mut(&peer) {
            state.probing.settle(now, rate);
        }
    }

    /// Another rate rules for a peer: requests that wait do so by the new one, or may go.
    pub(super) fn rearm_probing(&mut self, peer: PeerId) {
        let wait = self.probing_wait(peer);
        let Some(state) = self.peers.get_mut(&peer) else {
            return;
        };
        let Some(held) = state.probing.held.take() else {
            return;
        };
        self.timers.cancel(held);
        if !wait.is_zero() {
            let timer = self.timers.set(self.now + wait, Timer::Probing(peer));
            state.probing.held = Some(timer);
        }
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
        state.probing.owed = 0;
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
        assert!(!probing.owes(at(5), 1));
        probing.charge(at(5), 100, 1);
        probing.charge(at(55), 100, 1);
        // 150 bytes are owed at 55 s.
        for (now, credit, wait) in [(55, 150, 0), (55, 100, 50), (95, 100, 10), (110, 100, 0)] {
            let wait = Duration::from_secs(wait);
            assert_eq!(probing.wait(at(now), credit, 1), wait, "{now} {credit}");
        }
        assert!(probing.owes(at(204), 1) && !probing.owes(at(205), 1));
        // At none, which counts as the lowest.
        assert_eq!(probing.wait(at(55), 100, 0), Duration::from_secs(50));
        // However much: a duration, and no overflow.
        probing.charge(at(55), usize::MAX, u32::MAX);
        assert!(probing.wait(at(55), 0, 1) > Duration::from_secs(1 << 40));
    }

    #[test]
    fn another_rate_rules_from_the_moment_it_is_set() {
        let at = |seconds: u64| Instant::from_micros(seconds * 1_000_000);
        let mut probing = Probing::default();
        probing.charge(at(0), 4000, 1);
        probing.settle(at(1000), 1);
        // 3,000 bytes are owed still: three seconds at a thousand a second.
        assert_eq!(probing.wait(at(1000), 0, 1000), Duration::from_secs(3));
        assert_eq!(probing.wait(at(1001), 0, 1000), Duration::from_secs(2));
        // And back: what remains is paid slowly again.
        probing.settle(at(1002), 1000);
        assert_eq!(probing.wait(at(1002), 0, 1), Duration::from_secs(1000));
    }
}
