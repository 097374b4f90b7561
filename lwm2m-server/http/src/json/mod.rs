//! The JSON forms of the vocabulary of `lwm2m-core`.
//!
//! | LwM2M | JSON |
//! |---|---|
//! | String, Corelnk | string |
//! | Integer, Unsigned, Time | number from -(2^53 - 1) to 2^53 - 1, beyond that a string of digits |
//! | Float | number; `"NaN"`, `"Infinity"`, `"-Infinity"`, which JSON has no numbers for |
//! | Boolean | boolean |
//! | Opaque | string, padded Base64 |
//! | Objlnk | string, `"3:0"` |
//!
//! The same forms are taken when writing, where numbers may always be strings too.

mod device;
mod read;
mod secret;
mod write;

pub(crate) use device::{DeviceForm, RegistrationForm};
pub(crate) use read::{EntryForm, LinkForm, json_value};
pub(crate) use secret::{Base64Secret, HexSecret};
pub(crate) use write::{EntryInput, WriteForm, attribute_change};

use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds since 1970-01-01T00:00:00Z, to the millisecond.
pub(crate) fn seconds(time: SystemTime) -> f64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_millis() as f64 / 1000.0
}

/// The largest integer that every JSON reader keeps exact (RFC 8259, section 6), 2^53 - 1.
const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;
