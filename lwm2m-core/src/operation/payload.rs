use crate::{
    content::{self, ContentFormat, DecodeError, EncodeError},
    entry::Entry,
    model::Models,
    path::Path,
};
use alloc::vec::Vec;
use bytes::Bytes;
use core::fmt;

/// A body with its format (Core 1.2.2, section 7.5). `Debug` shows its length only: it may hold keys.
#[derive(Clone, PartialEq)]
pub struct Payload {
    /// The format.
    pub format: ContentFormat,
    /// The bytes.
    pub data: Bytes,
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}({} bytes)", self.format, self.data.len())
    }
}

impl Payload {
    /// Values in a format; see [`content::encode`].
    ///
    /// # Errors
    /// Values or combinations that the format cannot carry.
    pub fn encode(
        format: ContentFormat,
        entries: &[Entry],
        base: &Path,
        models: &dyn Models,
    ) -> Result<Self, EncodeError> {
        let data = content::encode(format, entries, base, models)?.into();
        Ok(Payload { format, data })
    }

    /// The values; see [`content::decode`].
    ///
    /// # Errors
    /// Malformed bytes, places outside of `base`, values that do not fit their type.
    pub fn decode(&self, base: &Path, models: &dyn Models) -> Result<Vec<Entry>, DecodeError> {
        content::decode(self.format, &self.data, base, models)
    }
}
