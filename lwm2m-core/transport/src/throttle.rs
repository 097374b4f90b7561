//! Keeps strangers from filling the log.

use lwm2m_core::time::Instant;
use std::time::Duration;

/// How many lines a period may have.
const LINES: u32 = 20;
const PERIOD: Duration = Duration::from_secs(10);

/// Decides which of the lines that strangers can cause are said: twenty in ten seconds.
#[derive(Debug, Default)]
pub struct Throttle {
    since: Instant,
    said: u32,
    unsaid: u64,
}

impl Throttle {
    /// `Some` where there is a line left: then it also tells how many had none since the last one that had.
    pub fn take(&mut self, now: Instant) -> Option<u64> {
        if now.since(self.since) >= PERIOD {
            (self.since, self.said) = (now, 0);
        }
        if self.said >= LINES {
            self.unsaid += 1;
            return None;
        }
        self.said += 1;
        Some(std::mem::take(&mut self.unsaid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_bounded_and_the_rest_is_counted() {
        let mut throttle = Throttle::default();
        let start = Instant::ZERO + Duration::from_secs(3600);
        for _ in 0..LINES {
            assert_eq!(throttle.take(start), Some(0));
        }
        for _ in 0..1000 {
            assert_eq!(throttle.take(start), None);
        }
        assert_eq!(throttle.take(start + PERIOD), Some(1000));
        assert_eq!(throttle.take(start + PERIOD), Some(0));
    }
}
