//! Deduplication (RFC 7252, section 4.5): what a peer has sent, and how to answer it when it comes again.
//!
//! ```text
//!                                         answered            room needed, and there is some among the seen
//!   not to be executed twice ─▶ Unanswered ──────▶ Answered ──────────────────────────────────────────────▶ Seen
//!                                               answer and all                                        8 bytes
//!
//!                                           room needed, too large an answer
//!   harmless when repeated ───▶ Replaceable ─────────────────────────────────▶ Forgotten
//!                                │       ▲
//!                                └───────┘ answered
//!
//!   room needed in Unanswered, and in Answered with none among the seen: the new request is refused
//!   EXCHANGE_LIFETIME (from every state): Forgotten
//! ```
//!
//! A message that comes again is answered as it was: by its exchange while it is unanswered, from its stored answer
//! later, not at all once it is only seen; a forgotten one is new.
//!
//! A request that must not be executed twice is known for EXCHANGE_LIFETIME: the latest with their answers, older
//! ones (which their sender, having had answers to many later ones, no longer repeats) only as seen. Where there
//! is no room even for that, new requests are refused. Where the answers of all peers together are too many, the oldest
//! of the peer that asks makes room in the same way. All else (safe requests, blocks in the middle of an upload,
//! responses) makes room for newer ones, since taking it in again does no harm.

use crate::time::Instant;
use alloc::{collections::VecDeque, vec::Vec};
use core::time::Duration;

/// How a repetition is answered.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Answer {
    /// The request waits for its answer in this exchange.
    Pending(u64),
    /// With this datagram.
    Replay(Vec<u8>),
    /// With an empty acknowledgement: the response goes (or came) in a message of its own.
    Acknowledge,
    /// Not at all.
    Ignore,
}

struct Entry {
    id: u16,
    at: Instant,
    answer: Answer,
}

struct Seen {
    id: u16,
    /// Seconds since the driver's zero; they wrap around after 136 years.
    at: u32,
}

/// What one peer has sent.
#[derive(Default)]
pub(super) struct Dedup {
    protected: VecDeque<Entry>,
    replaceable: VecDeque<Entry>,
    seen: VecDeque<Seen>,
    /// What the answers in both rings cost, bytes.
    bytes: usize,
}

/// What an answer that is kept costs beside its length, bytes: its entry, and what allocating it takes.
pub(super) const ANSWER_OVERHEAD: usize = 72;

impl Answer {
    /// Bytes that keeping it costs.
    fn bytes(&self) -> usize {
        match self {
            Answer::Replay(data) => ANSWER_OVERHEAD + data.len(),
            _ => 0,
        }
    }
}

/// What is known of one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Unanswered,
    Answered,
    Seen,
    Replaceable,
    Forgotten,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Input {
    /// It is answered; `large`: by more than is kept for a message that may be taken in twice.
    Answer { large: bool },
    /// Its place is needed; whether there is one among those that are only seen.
    Room { among_seen: bool },
}

impl State {
    fn transition(self, input: Input) -> State {
        took!("dedup", self, input);
        use {Input as I, State as S};
        match (self, input) {
            (S::Forgotten, _) => S::Forgotten,
            (S::Unanswered | S::Answered, I::Answer { .. }) => S::Answered,
            (S::Answered, I::Room { among_seen: true }) => S::Seen,
            (S::Replaceable, I::Answer { large: true } | I::Room { .. }) => S::Forgotten,
            (S::Replaceable, I::Answer { large: false })
            | (S::Seen, I::Answer { .. })
            | (S::Unanswered | S::Answered | S::Seen, I::Room { .. }) => self,
        }
    }
}

impl Entry {
    /// Its state among those that must not be executed twice.
    fn state(&self) -> State {
        match self.answer {
            Answer::Pending(_) => State::Unanswered,
            _ => State::Answered,
        }
    }
}

/// How many messages are remembered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) protected: usize,
    pub(super) seen: usize,
    pub(super) replaceable: usize,
}

/// There is no room for another request that must not be executed twice.
#[derive(Debug, PartialEq)]
pub(super) struct Full;

impl Dedup {
    /// What all answers that are kept cost, bytes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether the message with this id must not be executed twice, so that its answer is not to be missed.
    pub(super) fn is_protected(&self, id: u16) -> bool {
        let mut entries = self.replaceable.iter();
        !entries.any(|entry| entry.id == id) && self.protected.iter().any(|entry| entry.id == id)
    }

    /// How to answer the message with this id, if it came before. What came EXCHANGE_LIFETIME ago is forgotten first.
    pub(super) fn find(&mut self, id: u16, now: Instant, lifetime: Duration) -> Option<Answer> {
        self.forget_old(now, lifetime);
        let mut entries = self
            .replaceable
            .iter()
            .rev()
            .chain(self.protected.iter().rev());
        match entries.find(|entry| entry.id == id) {
            Some(entry) => Some(entry.answer.clone()),
            None => self
                .seen
                .iter()
                .any(|seen| seen.id == id)
                .then_some(Answer::Ignore),
        }
    }

    /// Remembers a message that must not be executed twice.
    pub(super) fn protect(
        &mut self,
        id: u16,
        now: Instant,
        answer: Answer,
        limits: Limits,
    ) -> Result<(), Full> {
        if self.protected.len() >= limits.protected {
            let among_seen = self.seen.len() < limits.seen;
            let input = Input::Room { among_seen };
            let oldest = self
                .protected
                .iter()
                .position(|entry| entry.state().transition(input) == State::Seen);
            oldest.and_then(|at| self.retire(at)).ok_or(Full)?;
        }
        self.protected.push_back(Entry {
            id,
            at: now,
            answer,
        });
        Ok(())
    }

    /// Keeps of a message only that it was seen.
    fn retire(&mut self, at: usize) -> Option<()> {
        let entry = self.protected.remove(at)?;
        self.bytes -= entry.answer.bytes();
        let (id, at) = (entry.id, seconds(entry.at));
        // The oldest first, in whatever order they were answered.
        let place = self.seen.partition_point(|seen| seen.at <= at);
        self.seen.insert(place, Seen { id, at });
        Some(())
    }

    /// Lets the oldest answer to a message that must not be executed twice go, where its place is needed by other
    /// answers; `false`: there is none, or no room among the seen.
    pub(super) fn retire_answer(&mut self, limits: Limits) -> bool {
        let among_seen = self.seen.len() < limits.seen;
        let input = Input::Room { among_seen };
        let oldest = self.protected.iter().position(|entry| {
            entry.answer.bytes() > 0 && entry.state().transition(input) == State::Seen
        });
        oldest.and_then(|at| self.retire(at)).is_some()
    }

    /// Remembers a message that may be taken in twice.
    pub(super) fn remember(&mut self, id: u16, now: Instant, answer: Answer, limits: Limits) {
        if limits.replaceable == 0 {
            return;
        }
        while self.replaceable.len() >= limits.replaceable {
            let oldest = self.replaceable.pop_front();
            self.bytes -= oldest.map_or(0, |entry| entry.answer.bytes());
        }
        self.replaceable.push_back(Entry {
            id,
            at: now,
            answer,
        });
    }

    /// Notes how a message that came before was answered. An answer to a replaceable message that is larger than
    /// `largest` is not kept; the message then counts as new when it comes again.
    pub(super) fn answered(&mut self, id: u16, answer: Answer, largest: usize) {
        let large = matches!(&answer, Answer::Replay(data) if data.len() > largest);
        let input = Input::Answer { large };
        if let Some(at) = self.replaceable.iter().rposition(|entry| entry.id == id) {
            match State::Replaceable.transition(input) {
                State::Forgotten => {
                    let entry = self.replaceable.remove(at);
                    self.bytes -= entry.map_or(0, |entry| entry.answer.bytes());
                }
                _ => {
                    self.bytes += answer.bytes();
                    let old = core::mem::replace(&mut self.replaceable[at].answer, answer);
                    self.bytes -= old.bytes();
                }
            }
        } else if let Some(entry) = self.protected.iter_mut().rev().find(|entry| entry.id == id)
            && entry.state().transition(input) == State::Answered
        {
            self.bytes += answer.bytes();
            let old = core::mem::replace(&mut entry.answer, answer);
            self.bytes -= old.bytes();
        }
    }

    /// Whether nothing is remembered any more.
    pub(super) fn is_empty(&mut self, now: Instant, lifetime: Duration) -> bool {
        self.forget_old(now, lifetime);
        self.protected.is_empty() && self.replaceable.is_empty() && self.seen.is_empty()
    }

    fn forget_old(&mut self, now: Instant, lifetime: Duration) {
        for ring in [&mut self.protected, &mut self.replaceable] {
            while ring
                .front()
                .is_some_and(|entry| now.since(entry.at) >= lifetime)
            {
                let oldest = ring.pop_front();
                self.bytes -= oldest.map_or(0, |entry| entry.answer.bytes());
            }
        }
        // Whole seconds may be one short.
        let lifetime = lifetime.as_secs() + 1;
        while self
            .seen
            .front()
            .is_some_and(|seen| u64::from(seconds(now).wrapping_sub(seen.at)) > lifetime)
        {
            self.seen.pop_front();
        }
    }
}

fn seconds(at: Instant) -> u32 {
    (at.as_micros() / 1_000_000) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    const LIFETIME: Duration = Duration::from_secs(247);
    const START: Instant = Instant::ZERO;
    const LIMITS: Limits = Limits {
        protected: 4,
        seen: 2,
        replaceable: 4,
    };

    #[test]
    fn every_transition() {
        use {Input as I, State as S};
        let inputs = [
            I::Answer { large: false },
            I::Answer { large: true },
            I::Room { among_seen: true },
            I::Room { among_seen: false },
        ];
        // One row for each state, one column for each input in the order above.
        let table = [
            (
                S::Unanswered,
                [S::Answered, S::Answered, S::Unanswered, S::Unanswered],
            ),
            (
                S::Answered,
                [S::Answered, S::Answered, S::Seen, S::Answered],
            ),
            (S::Seen, [S::Seen; 4]),
            (
                S::Replaceable,
                [S::Replaceable, S::Forgotten, S::Forgotten, S::Forgotten],
            ),
            (S::Forgotten, [S::Forgotten; 4]),
        ];
        for (state, row) in table {
            for (input, expected) in inputs.into_iter().zip(row) {
                assert_eq!(state.transition(input), expected, "{state:?} {input:?}");
            }
        }
    }

    // proves: COAP-17
    #[test]
    fn answers_are_replayed_until_the_lifetime_ends() {
        let mut dedup = Dedup::default();
        dedup.protect(7, START, Answer::Pending(1), LIMITS).unwrap();
        assert_eq!(dedup.find(7, START, LIFETIME), Some(Answer::Pending(1)));
        dedup.answered(7, Answer::Replay(vec![0; 500]), 256);
        let almost = START + (LIFETIME - Duration::from_micros(1));
        let replay = Some(Answer::Replay(vec![0; 500]));
        assert_eq!(dedup.find(7, almost, LIFETIME), replay);
        assert_eq!(dedup.find(7, START + LIFETIME, LIFETIME), None);
        assert!(dedup.is_empty(START + LIFETIME, LIFETIME));
    }

    #[test]
    fn no_live_request_is_forgotten() {
        let mut dedup = Dedup::default();
        dedup.protect(0, START, Answer::Pending(1), LIMITS).unwrap();
        for id in 1..6 {
            dedup
                .protect(id, START, Answer::Acknowledge, LIMITS)
                .unwrap();
        }
        assert_eq!(dedup.protect(6, START, Answer::Ignore, LIMITS), Err(Full));
        for id in 100..110 {
            dedup.remember(id, START, Answer::Acknowledge, LIMITS);
        }
        assert_eq!(dedup.find(105, START, LIFETIME), None, "made room");
        assert!(dedup.find(106, START, LIFETIME).is_some());
        for (id, answer) in [
            (0, Answer::Pending(1)),
            (1, Answer::Ignore),
            (2, Answer::Ignore),
            (3, Answer::Acknowledge),
        ] {
            assert_eq!(dedup.find(id, START, LIFETIME), Some(answer), "{id}");
        }
        let later = START + LIFETIME + Duration::from_secs(2);
        for id in 0..6 {
            assert_eq!(dedup.find(id, later, LIFETIME), None);
        }
        dedup.protect(6, later, Answer::Ignore, LIMITS).unwrap();
    }

    #[test]
    fn the_oldest_answer_makes_room_for_those_of_others() {
        let mut dedup = Dedup::default();
        for id in 0..4 {
            let at = START + Duration::from_secs(id.into());
            dedup.protect(id, at, Answer::Pending(1), LIMITS).unwrap();
        }
        assert!(!dedup.retire_answer(LIMITS), "there is none");
        // Answered in another order than they came in, and one of them elsewhere.
        dedup.answered(0, Answer::Acknowledge, 256);
        for (id, retired) in [(2, 2), (1, 1)] {
            dedup.answered(id, Answer::Replay(vec![0; 100]), 256);
            assert_eq!(dedup.bytes(), 100 + ANSWER_OVERHEAD);
            assert!(dedup.retire_answer(LIMITS));
            assert_eq!(dedup.bytes(), 0);
            let seen = dedup.find(retired, START + Duration::from_secs(4), LIFETIME);
            assert_eq!(seen, Some(Answer::Ignore));
        }
        dedup.answered(3, Answer::Replay(vec![0; 100]), 256);
        assert!(!dedup.retire_answer(LIMITS), "no room among the seen");
        // Each is forgotten in its time; whole seconds may be one short.
        let after = |seconds| START + LIFETIME + Duration::from_secs(seconds);
        assert!(dedup.find(1, after(2), LIFETIME).is_some());
        assert!(dedup.find(1, after(3), LIFETIME).is_none());
        assert!(dedup.find(2, after(3), LIFETIME).is_some());
    }

    #[test]
    fn the_figure_of_an_answer() {
        assert!(size_of::<Entry>() + 16 <= ANSWER_OVERHEAD);
    }

    #[test]
    fn a_ring_of_unanswered_requests_is_full() {
        let mut dedup = Dedup::default();
        for id in 0..4 {
            dedup
                .protect(id, START, Answer::Pending(id.into()), LIMITS)
                .unwrap();
        }
        assert_eq!(dedup.protect(4, START, Answer::Ignore, LIMITS), Err(Full));
        dedup.answered(2, Answer::Acknowledge, 256);
        assert_eq!(dedup.protect(4, START, Answer::Ignore, LIMITS), Ok(()));
    }

    #[test]
    fn large_answers_to_safe_requests_are_not_kept() {
        let mut dedup = Dedup::default();
        dedup.remember(1, START, Answer::Pending(1), LIMITS);
        dedup.remember(2, START, Answer::Pending(2), LIMITS);
        dedup.answered(1, Answer::Replay(vec![0; 257]), 256);
        dedup.answered(2, Answer::Replay(vec![0; 256]), 256);
        assert!(dedup.find(1, START, LIFETIME).is_none());
        assert!(dedup.find(2, START, LIFETIME).is_some());
    }
}
