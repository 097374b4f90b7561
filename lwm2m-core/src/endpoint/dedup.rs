//! Deduplication (RFC 7252, section 4.5): what a peer has sent, and how to answer it when it comes again.
//!
//! Two rings for each peer. Requests that must not be executed twice are *protected*: they stay for
//! EXCHANGE_LIFETIME, and where there are too many, new ones are refused. All else (safe requests, blocks in the
//! middle of an upload, responses) is *replaceable*: the oldest makes room, since executing it again does no harm.

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

/// The rings of one peer.
#[derive(Default)]
pub(super) struct Dedup {
    protected: VecDeque<Entry>,
    replaceable: VecDeque<Entry>,
}

/// The protected ring is full of live entries.
#[derive(Debug, PartialEq)]
pub(super) struct Full;

impl Dedup {
    /// How to answer the message with this id, if it came before.
    pub(super) fn find(
        &mut self,
        id: u16,
        now: Instant,
        lifetime: Duration,
    ) -> Option<&mut Answer> {
        self.forget_old(now, lifetime);
        self.replaceable
            .iter_mut()
            .rev()
            .chain(self.protected.iter_mut().rev())
            .find(|entry| entry.id == id)
            .map(|entry| &mut entry.answer)
    }

    /// Whether a protected entry would find room.
    pub(super) fn has_room(&self, limit: usize) -> bool {
        self.protected.len() < limit
    }

    /// Remembers a message that must not be executed twice.
    pub(super) fn protect(
        &mut self,
        id: u16,
        now: Instant,
        answer: Answer,
        limit: usize,
    ) -> Result<(), Full> {
        if !self.has_room(limit) {
            return Err(Full);
        }
        self.protected.push_back(Entry {
            id,
            at: now,
            answer,
        });
        Ok(())
    }

    /// Remembers a message that may be executed twice.
    pub(super) fn remember(&mut self, id: u16, now: Instant, answer: Answer, limit: usize) {
        if limit == 0 {
            return;
        }
        while self.replaceable.len() >= limit {
            self.replaceable.pop_front();
        }
        self.replaceable.push_back(Entry {
            id,
            at: now,
            answer,
        });
    }

    /// Notes how a message that came before was answered. An answer to a replaceable message that is larger than
    /// `limit` is not kept; the message then counts as new when it comes again.
    pub(super) fn answered(&mut self, id: u16, answer: Answer, limit: usize) {
        let large = matches!(&answer, Answer::Replay(data) if data.len() > limit);
        if let Some(at) = self.replaceable.iter().rposition(|entry| entry.id == id) {
            if large {
                self.replaceable.remove(at);
            } else {
                self.replaceable[at].answer = answer;
            }
        } else if let Some(entry) = self.protected.iter_mut().rev().find(|entry| entry.id == id) {
            entry.answer = answer;
        }
    }

    /// Whether nothing is remembered any more.
    pub(super) fn is_empty(&mut self, now: Instant, lifetime: Duration) -> bool {
        self.forget_old(now, lifetime);
        self.protected.is_empty() && self.replaceable.is_empty()
    }

    fn forget_old(&mut self, now: Instant, lifetime: Duration) {
        for ring in [&mut self.protected, &mut self.replaceable] {
            while ring
                .front()
                .is_some_and(|entry| now.since(entry.at) >= lifetime)
            {
                ring.pop_front();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    const LIFETIME: Duration = Duration::from_secs(247);
    const START: Instant = Instant::ZERO;

    #[test]
    fn answers_are_replayed_until_the_lifetime_ends() {
        let mut dedup = Dedup::default();
        dedup.protect(7, START, Answer::Pending(1), 4).unwrap();
        assert_eq!(
            dedup.find(7, START, LIFETIME),
            Some(&mut Answer::Pending(1))
        );
        dedup.answered(7, Answer::Replay(vec![0; 500]), 256);
        let almost = START + (LIFETIME - Duration::from_micros(1));
        assert_eq!(
            dedup.find(7, almost, LIFETIME),
            Some(&mut Answer::Replay(vec![0; 500]))
        );
        assert_eq!(dedup.find(7, START + LIFETIME, LIFETIME), None);
        assert!(dedup.is_empty(START + LIFETIME, LIFETIME));
    }

    #[test]
    fn a_full_ring_evicts_no_live_request() {
        let mut dedup = Dedup::default();
        for id in 0..4 {
            dedup.protect(id, START, Answer::Ignore, 4).unwrap();
        }
        assert_eq!(dedup.protect(4, START, Answer::Ignore, 4), Err(Full));
        for id in 100..110 {
            dedup.remember(id, START, Answer::Acknowledge, 4);
        }
        assert_eq!(dedup.find(105, START, LIFETIME), None, "made room");
        assert!(dedup.find(106, START, LIFETIME).is_some());
        assert!(dedup.find(0, START, LIFETIME).is_some());
        assert!(dedup.find(0, START + LIFETIME, LIFETIME).is_none());
        dedup
            .protect(5, START + LIFETIME, Answer::Ignore, 4)
            .unwrap();
    }

    #[test]
    fn large_answers_to_safe_requests_are_not_kept() {
        let mut dedup = Dedup::default();
        dedup.remember(1, START, Answer::Pending(1), 4);
        dedup.remember(2, START, Answer::Pending(2), 4);
        dedup.answered(1, Answer::Replay(vec![0; 257]), 256);
        dedup.answered(2, Answer::Replay(vec![0; 256]), 256);
        assert!(dedup.find(1, START, LIFETIME).is_none());
        assert!(dedup.find(2, START, LIFETIME).is_some());
    }
}
