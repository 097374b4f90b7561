//! Says refusals to the operator, a line each, without letting strangers fill the log.

use crate::{engine::Source, event::RefusalReason};
use lwm2m_core::time::Instant;
use std::time::Duration;
use tracing::{debug, warn};

/// How many lines a period may have; the others are at `debug`, and counted in the first line of the next.
const LINES: u32 = 20;
const PERIOD: Duration = Duration::from_secs(10);

/// What has been said lately.
#[derive(Debug, Default)]
pub(crate) struct RefusalLog {
    since: Instant,
    said: u32,
    unsaid: u64,
}

impl RefusalLog {
    pub(crate) fn say(
        &mut self,
        now: Instant,
        source: Source<'_>,
        endpoint: Option<&str>,
        reason: &RefusalReason,
    ) {
        let (address, identity, code) = (source.address, source.identity, reason.code());
        // Escaped: a stranger chose it.
        let endpoint = endpoint.unwrap_or_default().escape_debug();
        let Some(unsaid) = self.take_line(now) else {
            debug!(%address, %identity, %endpoint, %code, "refused: {reason}");
            return;
        };
        if unsaid > 0 {
            warn!(unsaid, "more was refused than is said here");
        }
        warn!(%address, %identity, %endpoint, %code, "refused: {reason}");
    }

    /// Whether there is a line left, and how many refusals had none before.
    fn take_line(&mut self, now: Instant) -> Option<u64> {
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
        let mut log = RefusalLog::default();
        let start = Instant::ZERO + Duration::from_secs(3600);
        for _ in 0..LINES {
            assert_eq!(log.take_line(start), Some(0));
        }
        for _ in 0..1000 {
            assert_eq!(log.take_line(start), None);
        }
        assert_eq!(log.take_line(start + PERIOD), Some(1000));
        assert_eq!(log.take_line(start + PERIOD), Some(0));
    }
}
