//! One value at one place, with the time it was taken where that is known.

use crate::{path::Path, value::Value};

/// A value of the tree: what all formats decode to and encode from.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// A resource or resource instance.
    pub path: Path,
    /// Its value.
    pub value: Value,
    /// When the value was taken, in seconds since 1970-01-01T00:00:00Z (as resolved by RFC 8428, section
    /// 4.5.3); `None` means "now".
    pub time: Option<f64>,
}

impl Entry {
    /// A value without a time stamp.
    pub fn new(path: Path, value: impl Into<Value>) -> Self {
        Entry {
            path,
            value: value.into(),
            time: None,
        }
    }

    /// The same with a time stamp, in seconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn at(mut self, time: f64) -> Self {
        self.time = Some(time);
        self
    }
}
