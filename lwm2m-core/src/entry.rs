//! One value at one place, with the time it was taken where that is known.

use crate::{path::Path, value::Value};

/// The lowest time stamp that counts from 1970; lower ones count from now (RFC 8428, section 4.5.3).
pub const FIRST_ABSOLUTE_TIME: f64 = 268_435_456.0;

/// A value of the tree with its place and time, as a record of SenML has them (RFC 8428, section 4): what all formats
/// decode to and encode from.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// A resource or resource instance.
    pub path: Path,
    /// Its value.
    pub value: Value,
    /// When the value was taken, in seconds, as RFC 8428, section 4.5.3 has it: from 2^28 on since
    /// 1970-01-01T00:00:00Z, below that counted from the moment at which the payload was made (so mostly negative).
    /// `None` means that very moment. [`Entry::time_at`] tells the two apart.
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

    /// The same with a time stamp, in seconds since 1970-01-01T00:00:00Z, or below 2^28 counted from now.
    #[must_use]
    pub fn at(mut self, time: f64) -> Self {
        self.time = Some(time);
        self
    }

    /// When the value was taken, in seconds since 1970-01-01T00:00:00Z, where the payload was made at `now`. A
    /// receiver takes the moment of arrival for that.
    ///
    /// ```
    /// use lwm2m_core::{entry::Entry, path::Path};
    ///
    /// let now = 1_700_000_000.0;
    /// let entry = Entry::new(Path::resource(3303, 0, 5700), 21.5);
    /// assert_eq!(entry.time_at(now), now);
    /// assert_eq!(entry.clone().at(-5.0).time_at(now), now - 5.0);
    /// assert_eq!(entry.at(1_600_000_000.0).time_at(now), 1_600_000_000.0);
    /// ```
    pub fn time_at(&self, now: f64) -> f64 {
        match self.time {
            Some(time) if time >= FIRST_ABSOLUTE_TIME => time,
            Some(time) => now + time,
            None => now,
        }
    }
}
