//! Whose last flight is kept, and until when: all for the same time, so that a queue does what timers would. It takes
//! a third of their memory, and gives it back when most sessions are at rest.

use super::Connection;
use alloc::collections::VecDeque;
use core::mem::size_of;
use lwm2m_core::time::Instant;

/// So many that have gone are not worth a walk.
const SPARE: usize = 16;

#[derive(Default)]
pub(super) struct Lingering {
    /// In the order of their ends.
    ends: VecDeque<(Instant, Connection)>,
}

impl Lingering {
    /// Not before any that was pushed earlier.
    pub(super) fn push(&mut self, end: Instant, connection: Connection) {
        self.ends.push_back((end, connection));
    }

    /// Takes out those that do not `stand`, where they may be more than the sessions that there are: whoever makes one
    /// session after the other does not fill the memory. It walks over all, but not before as many have been pushed since
    /// the last time as there are sessions.
    pub(super) fn prune(&mut self, sessions: usize, stand: impl Fn(Connection) -> bool) {
        if self.ends.len() > 2 * sessions + SPARE {
            self.ends.retain(|(_, connection)| stand(*connection));
            self.ends.shrink_to(2 * self.ends.len());
        }
    }

    /// Takes out the next one whose time has come; its session, or its flight, may be gone since.
    pub(super) fn expire(&mut self, now: Instant) -> Option<Connection> {
        self.next().filter(|end| *end <= now)?;
        let (_, connection) = self.ends.pop_front()?;
        if self.ends.len() < self.ends.capacity() / 4 {
            self.ends.shrink_to(self.ends.capacity() / 2);
        }
        Some(connection)
    }

    /// When the next one is due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.ends.front().map(|(end, _)| *end)
    }

    /// Bytes on the heap.
    pub(super) fn size(&self) -> usize {
        self.ends.capacity() * size_of::<(Instant, Connection)>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn at(seconds: u64) -> Instant {
        Instant::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn those_that_are_gone_make_room() {
        let mut lingering = Lingering::default();
        let walked = core::cell::Cell::new(0);
        let mut most = 0;
        // Ten sessions stand; each new one takes the place of the oldest.
        for n in 0..10_000u32 {
            lingering.push(at(n.into()), Connection::new(n, 0));
            lingering.prune(10, |connection| {
                walked.set(walked.get() + 1);
                (n.saturating_sub(9)..=n).any(|n| connection == Connection::new(n, 0))
            });
            most = most.max(lingering.ends.len());
        }
        assert_eq!(most, 36);
        assert!(walked.get() < 3 * 10_000, "{}", walked.get());
        assert!(lingering.size() < 100 * size_of::<(Instant, Connection)>());
        // And those that stand are not lost.
        let left = core::iter::from_fn(|| lingering.expire(at(10_000))).collect::<Vec<_>>();
        assert!(
            left.ends_with(
                &(9_990..10_000)
                    .map(|n| Connection::new(n, 0))
                    .collect::<Vec<_>>()
            )
        );
    }

    #[test]
    fn memory_comes_back() {
        let mut lingering = Lingering::default();
        for n in 0..10_000 {
            lingering.push(at(n), Connection::new(n as u32, 0));
        }
        assert_eq!(lingering.next(), Some(at(0)));
        let full = lingering.size();
        for n in 0..9_999 {
            let connection = lingering.expire(at(9_998));
            assert_eq!(connection, Some(Connection::new(n as u32, 0)));
        }
        assert_eq!(lingering.expire(at(9_998)), None);
        assert_eq!(lingering.next(), Some(at(9_999)));
        assert!(lingering.size() < full / 1000, "{}", lingering.size());
    }
}
