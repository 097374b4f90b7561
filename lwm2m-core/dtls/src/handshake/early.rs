//! Records that came before their keys, and data that came before the end of the handshake: they wait, within bounds.

use super::{Abort, Context, Handshake, Progress};
use crate::wire::record::next_record;

impl Handshake {
    /// Whether there is room for one more record that came too early; takes it up if so.
    pub(super) fn may_wait(&mut self, cx: &Context<'_>, bytes: usize) -> bool {
        let count = self.early.len() + self.early_data.len();
        let waiting = self.early_bytes + self.inbound.bytes();
        let fits =
            count < cx.config.max_early_records && waiting + bytes <= cx.config.max_handshake_bytes;
        if fits {
            self.early_bytes += bytes;
        }
        fits
    }

    /// Lets records that came too early go where a message needs their room: without its messages, a handshake comes to
    /// nothing, and what stands in the records is said again.
    pub(super) fn make_way(&mut self, cx: &Context<'_>, bytes: usize) {
        while self.early_bytes + self.inbound.bytes() + bytes > cx.config.max_handshake_bytes {
            let Some(dropped) = self.early.pop().or_else(|| self.early_data.pop()) else {
                return;
            };
            self.early_bytes = self.early_bytes.saturating_sub(dropped.len());
        }
    }

    /// Opens the records that waited for keys.
    pub(super) fn reopen(&mut self, cx: &mut Context<'_>) -> Result<Progress, Abort> {
        let id_len = cx
            .config
            .connection_ids
            .as_ref()
            .map_or(0, |ids| ids.length);
        let mut early = core::mem::take(&mut self.early).into_iter();
        while let Some(mut bytes) = early.next() {
            self.early_bytes = self.early_bytes.saturating_sub(bytes.len());
            let mut rest = &mut bytes[..];
            let Some(record) = next_record(&mut rest, id_len) else {
                continue;
            };
            let progress = self.on_sealed(cx, record)?;
            if progress != Progress::Waiting {
                // What came behind a Finished is for the session.
                self.early.extend(early);
                return Ok(progress);
            }
        }
        Ok(Progress::Waiting)
    }
}

#[cfg(test)]
#[cfg(feature = "rustcrypto")]
mod tests;
