//! The window against replayed records (RFC 6347, section 4.1.2.6).

use crate::wire::record::MAX_SEQUENCE;

/// The 64 newest sequence numbers of one direction and epoch, and which of them have been seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct ReplayWindow {
    /// One more than the newest number; 0: none has come.
    next: u64,
    /// Bit n: `next - 1 - n` was seen.
    seen: u64,
}

impl ReplayWindow {
    /// One more than the newest number.
    pub(crate) const fn next(&self) -> u64 {
        self.next
    }

    /// Whether a record may be new.
    pub(crate) fn admits(&self, sequence: u64) -> bool {
        match self.next.checked_sub(sequence + 1) {
            None => true,
            Some(age) => age < 64 && self.seen & (1 << age) == 0,
        }
    }

    /// Notes a record that was verified; `true` where it is the newest so far.
    pub(crate) fn note(&mut self, sequence: u64) -> bool {
        match self.next.checked_sub(sequence + 1) {
            None => {
                let ahead = sequence + 1 - self.next;
                self.seen = if ahead < 64 { self.seen << ahead } else { 0 } | 1;
                self.next = sequence + 1;
                true
            }
            Some(age) => {
                if age < 64 {
                    self.seen |= 1 << age;
                }
                false
            }
        }
    }

    pub(crate) const fn parts(&self) -> (u64, u64) {
        (self.next, self.seen)
    }

    /// The inverse of [`ReplayWindow::parts`]; `None` where no records lead to such a window: the newest has been seen,
    /// and none before the first or beyond the last number that there is.
    pub(crate) const fn from_parts(next: u64, seen: u64) -> Option<Self> {
        let newest_seen = (next > 0) == (seen & 1 == 1);
        let none_before = next >= 64 || seen >> next == 0;
        if newest_seen && none_before && next <= MAX_SEQUENCE + 1 {
            Some(ReplayWindow { next, seen })
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // proves: DTLS-02
    #[test]
    fn each_number_once_and_none_that_is_too_old() {
        let mut window = ReplayWindow::default();
        assert!(window.admits(0));
        assert!(window.note(0));
        assert!(!window.admits(0));
        assert!(window.note(70));
        assert!(!window.admits(6), "64 back is out");
        assert!(window.admits(7));
        assert!(!window.note(7));
        assert!(!window.admits(7));
        assert!(window.note(71));
        assert!(!window.admits(7), "the window has moved on");
        assert!(window.note(1 << 40));
        assert!(window.admits((1 << 40) - 1));
        assert!(!window.admits(71));
    }

    #[test]
    fn behaves_like_a_set_of_all_numbers() {
        let mut window = ReplayWindow::default();
        let mut seen = alloc::collections::BTreeSet::new();
        let mut state = 1u32;
        for step in 0..20_000u64 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let sequence = (step / 2 + u64::from(state >> 25)).saturating_sub(64);
            let newest = seen.last().copied();
            let in_window = newest.is_none_or(|newest| sequence + 64 > newest);
            assert_eq!(
                window.admits(sequence),
                in_window && !seen.contains(&sequence),
                "{sequence} after {newest:?}"
            );
            if window.admits(sequence) {
                assert_eq!(
                    window.note(sequence),
                    newest.is_none_or(|newest| sequence > newest)
                );
                seen.insert(sequence);
            }
        }
    }
}
