//! The faults of one direction between two hosts.

use rand::Rng;
use std::time::Duration;

/// How datagrams travel in one direction. The default is a clean link: 10 ms, nothing lost, MTU 1500.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Link {
    /// Share of datagrams that vanish, 0 to 1.
    pub loss: f64,
    /// Share of datagrams that arrive twice, 0 to 1.
    pub duplicate: f64,
    /// Share of datagrams that are held back long enough to arrive behind later ones, 0 to 1.
    pub reorder: f64,
    /// Time from sender to receiver.
    pub delay: Duration,
    /// Up to this much is added to `delay`, evenly spread; reorders by itself.
    pub jitter: Duration,
    /// Largest IP packet in bytes (headers of 28 bytes for IPv4 and 48 for IPv6 included); larger ones vanish.
    pub mtu: usize,
}

impl Default for Link {
    fn default() -> Self {
        Link {
            loss: 0.0,
            duplicate: 0.0,
            reorder: 0.0,
            delay: Duration::from_millis(10),
            jitter: Duration::ZERO,
            mtu: 1500,
        }
    }
}

impl Link {
    /// A clean link.
    pub fn new() -> Self {
        Link::default()
    }

    /// Sets [`loss`](Self::loss).
    pub fn loss(mut self, share: f64) -> Self {
        self.loss = share;
        self
    }

    /// Sets [`duplicate`](Self::duplicate).
    pub fn duplicate(mut self, share: f64) -> Self {
        self.duplicate = share;
        self
    }

    /// Sets [`reorder`](Self::reorder).
    pub fn reorder(mut self, share: f64) -> Self {
        self.reorder = share;
        self
    }

    /// Sets [`delay`](Self::delay).
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Sets [`jitter`](Self::jitter).
    pub fn jitter(mut self, jitter: Duration) -> Self {
        self.jitter = jitter;
        self
    }

    /// Sets [`mtu`](Self::mtu).
    pub fn mtu(mut self, bytes: usize) -> Self {
        self.mtu = bytes;
        self
    }

    /// Whether nothing gets through at all.
    pub(super) fn is_dead(&self) -> bool {
        self.loss >= 1.0
    }

    /// Decides the fate of one datagram.
    pub(super) fn fate(&self, rng: &mut impl Rng) -> Fate {
        // Every datagram draws the same numbers, so that one setting does not shift the others' fortune.
        let (loss, duplicate, reorder) = (rng.random(), rng.random(), rng.random());
        let (first, second) = (self.travel(rng), self.travel(rng));
        if chance(self.loss, loss) {
            return Fate::Lost;
        }
        let reordered = chance(self.reorder, reorder);
        let held_back = if reordered {
            // Behind everything sent within the next few travel times.
            (self.delay + self.jitter) * 3 + Duration::from_millis(1)
        } else {
            Duration::ZERO
        };
        Fate::Arrives {
            after: first + held_back,
            again: chance(self.duplicate, duplicate).then_some(second),
            reordered,
        }
    }

    fn travel(&self, rng: &mut impl Rng) -> Duration {
        self.delay + self.jitter.mul_f64(rng.random::<f64>())
    }
}

fn chance(share: f64, drawn: f64) -> bool {
    drawn < share
}

pub(super) enum Fate {
    Lost,
    Arrives {
        after: Duration,
        again: Option<Duration>,
        reordered: bool,
    },
}
