//! Puts handshake messages together from their fragments, in any order and overlap, within bounds
//! (RFC 6347, section 4.2.3).

use crate::wire::handshake::{Fragment, MessageType};
use alloc::{collections::VecDeque, vec, vec::Vec};

/// How many separate pieces of one message may wait for what is between them. An honest sender makes this many only
/// where every second fragment is lost.
const MAX_PIECES: usize = 32;

/// Bounds of a [`Reassembly`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Longest message, bytes.
    pub(crate) message: usize,
    /// Bytes of all messages that wait.
    pub(crate) bytes: usize,
    /// How many messages beyond the next may begin to arrive.
    pub(crate) ahead: usize,
}

/// What became of a fragment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pushed {
    Stored,
    /// It belongs to a message that was handed out: its sender has not heard our answer.
    Old,
    /// Beyond a bound, or at odds with what came before.
    Dropped,
}

/// A message in the making.
struct Partial {
    message_type: MessageType,
    body: Vec<u8>,
    /// The parts that are there: disjoint, ascending, not touching.
    have: Vec<(u32, u32)>,
}

impl Partial {
    fn len(&self) -> usize {
        self.body.len()
    }

    fn is_complete(&self) -> bool {
        matches!(*self.have, [(0, end)] if end as usize == self.body.len())
    }

    /// Adds a piece; `false` where there would be too many.
    fn add(&mut self, offset: u32, bytes: &[u8]) -> bool {
        let end = offset + bytes.len() as u32;
        // Those that the piece touches become one with it.
        let first = self.have.partition_point(|have| have.1 < offset);
        let last = self.have.partition_point(|have| have.0 <= end);
        if first == last && self.have.len() == MAX_PIECES {
            return false;
        }
        let mut merged = (offset, end);
        for have in &self.have[first..last] {
            merged = (merged.0.min(have.0), merged.1.max(have.1));
        }
        // What was there first stays: a later fragment cannot change a message.
        let mut copy = |from: u32, to: u32| {
            if from < to {
                let source = (from - offset) as usize..(to - offset) as usize;
                self.body[from as usize..to as usize].copy_from_slice(&bytes[source]);
            }
        };
        let mut gap = offset;
        for &(have_start, have_end) in &self.have[first..last] {
            copy(gap, have_start.min(end));
            gap = gap.max(have_end);
        }
        copy(gap, end);
        self.have.splice(first..last, [merged]);
        true
    }
}

/// Hands out messages in the order of their sequence numbers.
pub(crate) struct Reassembly {
    limits: Limits,
    next: u16,
    /// The first is the next message.
    waiting: VecDeque<Option<Partial>>,
    bytes: usize,
}

impl Reassembly {
    pub(crate) fn new(next: u16, limits: Limits) -> Self {
        Reassembly {
            limits,
            next,
            waiting: VecDeque::new(),
            bytes: 0,
        }
    }

    /// Whether this ends the message that was handed out last.
    pub(crate) fn is_last_handed_out(&self, fragment: &Fragment<'_>) -> bool {
        let end = fragment.offset as usize + fragment.body.len();
        end == fragment.length as usize && fragment.sequence.checked_add(1) == Some(self.next)
    }

    /// Bytes of the messages that wait.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// By how many bytes these would become more with this fragment, at most.
    pub(crate) fn growth(&self, fragment: &Fragment<'_>) -> usize {
        let Some(ahead) = fragment.sequence.checked_sub(self.next) else {
            return 0;
        };
        let length = fragment.length as usize;
        if length > self.limits.message || usize::from(ahead) > self.limits.ahead {
            return 0;
        }
        let begun = self.waiting.get(usize::from(ahead));
        let begun = begun.and_then(Option::as_ref).map_or(0, Partial::len);
        let room = self.limits.bytes - self.bytes;
        length.saturating_sub(begun).min(room)
    }

    pub(crate) fn push(&mut self, fragment: Fragment<'_>) -> Pushed {
        let Some(ahead) = fragment.sequence.checked_sub(self.next) else {
            return Pushed::Old;
        };
        let ahead = usize::from(ahead);
        let length = fragment.length as usize;
        if ahead > self.limits.ahead || length > self.limits.message {
            return Pushed::Dropped;
        }
        while self.waiting.len() <= ahead {
            self.waiting.push_back(None);
        }
        let fits =
            |begun: &Partial| begun.message_type == fragment.message_type && begun.len() == length;
        let begun = self.waiting[ahead].as_ref();
        if !begun.is_some_and(fits) {
            // Of two that contradict each other, one is forged, and nobody can tell which. What is incomplete goes: an
            // honest sender says its part again, and a single forged fragment must not keep it out for ever.
            if begun.is_some_and(Partial::is_complete) {
                return Pushed::Dropped;
            }
            let before = begun.map_or(0, Partial::len);
            if !self.make_way(ahead, length.saturating_sub(before)) {
                return Pushed::Dropped;
            }
            self.bytes = self.bytes - before + length;
            self.waiting[ahead] = Some(Partial {
                message_type: fragment.message_type,
                body: vec![0; length],
                have: Vec::new(),
            });
        }
        let Some(partial) = &mut self.waiting[ahead] else {
            return Pushed::Dropped;
        };
        if partial.add(fragment.offset, fragment.body) {
            Pushed::Stored
        } else {
            Pushed::Dropped
        }
    }

    /// Lets what is further ahead go, the furthest first, where a message needs its room; `false`: there is not enough.
    fn make_way(&mut self, ahead: usize, bytes: usize) -> bool {
        let further = self.waiting.iter_mut().skip(ahead + 1).rev();
        let mut further = further.filter_map(Option::take);
        while self.bytes + bytes > self.limits.bytes {
            let Some(gone) = further.next() else {
                return false;
            };
            self.bytes -= gone.len();
        }
        true
    }

    /// The next message, once it is complete.
    pub(crate) fn pop(&mut self) -> Option<(MessageType, u16, Vec<u8>)> {
        if !self.waiting.front()?.as_ref()?.is_complete() {
            return None;
        }
        let partial = self.waiting.pop_front()??;
        self.bytes -= partial.body.len();
        let sequence = self.next;
        // A handshake has a dozen messages; a peer that counts further than that has lost its way.
        self.next = self.next.saturating_add(1);
        Some((partial.message_type, sequence, partial.body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        message: 4096,
        bytes: 8192,
        ahead: 4,
    };

    fn fragment(sequence: u16, length: u32, offset: u32, body: &[u8]) -> Fragment<'_> {
        Fragment {
            message_type: MessageType::Certificate,
            length,
            sequence,
            offset,
            body,
        }
    }

    fn message(length: usize) -> Vec<u8> {
        (0..length).map(|n| (n * 7 % 251) as u8).collect()
    }

    // proves: DTLS-04
    #[test]
    fn any_order_and_overlap() {
        let whole = message(1000);
        let mut state = 7u32;
        for _ in 0..500 {
            let mut reassembly = Reassembly::new(3, LIMITS);
            let mut pushed = 0;
            let popped = loop {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let start = (state >> 8) as usize % 1000;
                let end = (start + 1 + (state >> 20) as usize % 400).min(1000);
                let piece = fragment(3, 1000, start as u32, &whole[start..end]);
                assert_eq!(reassembly.push(piece), Pushed::Stored);
                pushed += 1;
                assert!(pushed < 10_000);
                if let Some(popped) = reassembly.pop() {
                    break popped;
                }
            };
            assert_eq!(popped, (MessageType::Certificate, 3, whole.clone()));
            assert_eq!(reassembly.bytes, 0);
        }
    }

    #[test]
    fn messages_come_out_in_order() {
        let mut reassembly = Reassembly::new(0, LIMITS);
        assert_eq!(reassembly.push(fragment(1, 2, 0, b"bb")), Pushed::Stored);
        assert_eq!(reassembly.pop(), None);
        assert_eq!(reassembly.push(fragment(0, 1, 0, b"a")), Pushed::Stored);
        assert_eq!(reassembly.pop().unwrap().2, b"a");
        assert_eq!(reassembly.pop().unwrap().2, b"bb");
        assert_eq!(reassembly.pop(), None);
        assert_eq!(reassembly.push(fragment(1, 2, 0, b"bb")), Pushed::Old);
    }

    #[test]
    fn an_empty_message_is_complete_with_its_only_fragment() {
        let mut reassembly = Reassembly::new(0, LIMITS);
        assert_eq!(reassembly.push(fragment(0, 0, 0, b"")), Pushed::Stored);
        assert_eq!(reassembly.pop().unwrap().2, b"");
    }

    #[test]
    fn what_is_there_is_not_overwritten() {
        let mut reassembly = Reassembly::new(0, LIMITS);
        reassembly.push(fragment(0, 6, 1, b"bcd"));
        reassembly.push(fragment(0, 6, 0, b"XXXXXX"));
        assert_eq!(reassembly.pop().unwrap().2, b"XbcdXX");
    }

    #[test]
    fn bounds_hold() {
        let mut reassembly = Reassembly::new(0, LIMITS);
        assert_eq!(
            reassembly.push(fragment(5, 1, 0, b"x")),
            Pushed::Dropped,
            "too far ahead"
        );
        assert_eq!(
            reassembly.push(fragment(0, 4097, 0, b"x")),
            Pushed::Dropped,
            "too long"
        );
        assert_eq!(reassembly.push(fragment(0, 4096, 0, b"x")), Pushed::Stored);
        assert_eq!(reassembly.push(fragment(1, 4096, 0, b"x")), Pushed::Stored);
        assert_eq!(
            reassembly.push(fragment(2, 1, 0, b"x")),
            Pushed::Dropped,
            "too much in all"
        );
        let mut stored = 0;
        for n in 0..2000 {
            if reassembly.push(fragment(1, 4096, 2 * n + 2, b"x")) == Pushed::Stored {
                stored += 1;
            }
        }
        assert_eq!(stored, MAX_PIECES - 1, "one piece was there");
        assert_eq!(
            reassembly.push(fragment(0, 4096, 1, &message(4095))),
            Pushed::Stored
        );
        assert!(
            reassembly.pop().is_some(),
            "a full list of pieces elsewhere does no harm"
        );
    }

    #[test]
    fn what_contradicts_itself_begins_anew_unless_it_is_complete() {
        let mut reassembly = Reassembly::new(0, LIMITS);
        // Forged, then honest, in two parts.
        assert_eq!(reassembly.push(fragment(0, 4000, 9, b"x")), Pushed::Stored);
        assert_eq!(reassembly.push(fragment(0, 4, 0, b"ab")), Pushed::Stored);
        assert_eq!(reassembly.bytes(), 4);
        assert_eq!(reassembly.push(fragment(0, 4, 2, b"cd")), Pushed::Stored);
        assert_eq!(reassembly.push(fragment(0, 5, 0, b"x")), Pushed::Dropped);
        let other = Fragment {
            message_type: MessageType::ServerHelloDone,
            ..fragment(0, 4, 0, b"xxxx")
        };
        assert_eq!(reassembly.push(other), Pushed::Dropped);
        assert_eq!(reassembly.pop().unwrap().2, b"abcd");
        assert_eq!(reassembly.bytes(), 0);
    }

    #[test]
    fn what_is_further_ahead_makes_way() {
        let mut reassembly = Reassembly::new(0, LIMITS);
        for sequence in [1, 3] {
            let part = fragment(sequence, 4096, 0, b"x");
            assert_eq!(reassembly.push(part), Pushed::Stored);
        }
        // Not for what is further still, nor for nothing.
        assert_eq!(reassembly.push(fragment(4, 1, 0, b"x")), Pushed::Dropped);
        assert_eq!(reassembly.growth(&fragment(4, 1, 0, b"x")), 0);
        let part = fragment(0, 3, 0, b"abc");
        assert_eq!(reassembly.push(part), Pushed::Stored);
        assert_eq!(reassembly.bytes(), 4096 + 3);
        assert_eq!(reassembly.pop().unwrap().2, b"abc");
        assert_eq!(
            reassembly.push(fragment(1, 4096, 1, &message(4095))),
            Pushed::Stored
        );
        assert!(reassembly.pop().is_some(), "the nearer one is still there");
    }
}
