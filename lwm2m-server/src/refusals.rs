//! Says refusals to the operator, a line each, without letting strangers fill the log.

use crate::{engine::Source, event::RefusalReason};
use lwm2m_core::time::Instant;
use lwm2m_transport::Throttle;
use tracing::{debug, warn};

/// What has been said lately.
#[derive(Debug, Default)]
pub(crate) struct RefusalLog(Throttle);

impl RefusalLog {
    /// Says it at `warn`, or at `debug` where there were many lately.
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
        let Some(unsaid) = self.0.take(now) else {
            debug!(%address, %identity, %endpoint, %code, "refused: {reason}");
            return;
        };
        if unsaid > 0 {
            warn!(unsaid, "more was refused than is said here");
        }
        warn!(%address, %identity, %endpoint, %code, "refused: {reason}");
    }
}
