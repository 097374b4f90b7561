//! Whose last flight is kept, and until when: all for the same time, so that a queue does what timers would. It takes
//! a third of their memory, and gives it back when most sessions are at rest.

use super::Connection;
use alloc::collections::VecDeque;
use core::mem::size_of;
use lwm2m_core::time::Instant;

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

    #[test]
    fn memory_comes_back() {
        let at = |seconds: u64| Instant::from_micros(seconds * 1_000_000);
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
