//! What happens when: the schedule, and time as it passes.

use super::{Handshake, Net, Parcel};
use crate::transport::Received;
use lwm2m_core::time::Instant;
use std::{
    cmp::{Ordering, Reverse},
    net::SocketAddr,
    time::Duration,
};

/// Time-outs of one host at one and the same moment before it is taken for a busy loop.
const MAX_TIMEOUTS_AT_ONCE: u32 = 10_000;

pub(super) struct Entry {
    at: Instant,
    sequence: u64,
    happening: Happening,
}

pub(super) enum Happening {
    Arrival {
        from: SocketAddr,
        to: SocketAddr,
        parcel: Parcel,
    },
    Handshake(Box<Handshake>),
    Report {
        host: usize,
        incarnation: u32,
        received: Received,
    },
    Timer {
        host: usize,
    },
    Wake {
        host: usize,
    },
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.sequence).cmp(&(other.at, other.sequence))
    }
}

impl Net {
    /// Lets this much time pass.
    pub fn run_for(&mut self, duration: Duration) {
        self.run_until(|_| false, duration);
    }

    /// Lets time pass until `done` holds, which is asked after everything that happens, but not more than `limit`;
    /// returns whether it holds.
    pub fn run_until(&mut self, mut done: impl FnMut(&mut Net) -> bool, limit: Duration) -> bool {
        let end = self.now + limit;
        loop {
            if done(self) {
                return true;
            }
            if !self.step(end) {
                self.now = end;
                return done(self);
            }
        }
    }

    /// Carries out the next thing that happens, no later than `end`; `false` when there is none.
    fn step(&mut self, end: Instant) -> bool {
        match self.schedule.peek() {
            Some(Reverse(entry)) if entry.at <= end => {}
            _ => return false,
        }
        let Some(Reverse(entry)) = self.schedule.pop() else {
            return false;
        };
        self.now = self.now.max(entry.at);
        match entry.happening {
            Happening::Arrival { from, to, parcel } => self.arrive(from, to, parcel),
            Happening::Handshake(handshake) => self.shake_hands(*handshake),
            Happening::Report {
                host,
                incarnation,
                received,
            } => {
                if self.hosts[host].incarnation == incarnation {
                    self.deliver(host, &received);
                }
            }
            Happening::Timer { host } => self.run_timer(host, entry.at),
            Happening::Wake { host } => self.settle(host),
        }
        true
    }

    fn run_timer(&mut self, index: usize, at: Instant) {
        let now = self.now;
        let host = &mut self.hosts[index];
        // Anything else is a moment that the engine no longer asks for.
        if host.timer != Some(at) {
            return;
        }
        host.timer = None;
        if self.rush.0 == index && self.rush.1 == now {
            self.rush.2 += 1;
            assert!(
                self.rush.2 < MAX_TIMEOUTS_AT_ONCE,
                "the engine at {} asks for the same moment again and again",
                host.ip
            );
        } else {
            self.rush = (index, now, 0);
        }
        host.resident.handle_timeout(now);
        self.settle(index);
    }

    pub(super) fn push(&mut self, at: Instant, happening: Happening) {
        self.sequence += 1;
        self.schedule.push(Reverse(Entry {
            at,
            sequence: self.sequence,
            happening,
        }));
    }

    pub(super) fn deliver(&mut self, host: usize, received: &Received) {
        if matches!(received, Received::Datagram { .. }) {
            self.stats.delivered += 1;
        }
        let now = self.now;
        self.hosts[host].resident.handle(now, received.as_inbound());
        self.settle(host);
    }

    /// Carries out all that the engine of a host wants, and sets its timer.
    pub(super) fn settle(&mut self, index: usize) {
        if !self.hosts[index].powered {
            return;
        }
        loop {
            let mut idle = true;
            while let Some(outbound) = self.hosts[index].resident.poll_outbound() {
                self.carry_out(index, outbound);
                idle = false;
            }
            if self.hosts[index].resident.collect_events() {
                idle = false;
            }
            if idle {
                break;
            }
        }
        let now = self.now;
        let host = &mut self.hosts[index];
        let timer = host.resident.poll_timeout().map(|at| at.max(now));
        if host.timer != timer {
            host.timer = timer;
            if let Some(at) = timer {
                self.push(at, Happening::Timer { host: index });
            }
        }
    }
}
