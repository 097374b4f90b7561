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

mod read;
mod write;

pub(crate) use read::{EntryForm, LinkForm};
pub(crate) use write::{WriteForm, attribute_change};

/// The largest integer that every JSON reader keeps exact (RFC 8259, section 6), 2^53 - 1.
const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;
