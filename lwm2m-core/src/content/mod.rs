//! The formats that carry values: decode to and encode from [`Entry`].
//!
//! # What all formats have in common
//!
//! - A payload is about a place, its *base*: whatever it names must lie there. Only an answer may bring more, the object
//!   instances that its object links lead to ([`decode_answer`]).
//! - With a model, each value has the type of its resource after decoding, or is refused; when encoding, values
//!   are brought to that type first. Without one, values have the type that the format tells: strings for text,
//!   bytes for TLV and opaque, and in CBOR and JSON the kind of item.
//! - Resources with instances give one entry for each resource instance. Whether a place has instances is taken
//!   from the payload where that says it; the formats without paths ask the model.
//! - Two values for one place are refused, unless they have time stamps, and so is a resource with both a value and
//!   instances.
//! - Nothing is allocated for a length that is announced but not there, nothing recurses on depth, and a payload
//!   gives at most [`MAX_ENTRIES`] values.

mod cbor;
mod codec;
mod date;
mod lwm2m_cbor;
mod lwm2m_json;
pub mod negotiation;
mod opaque;
mod scope;
mod senml;
mod senml_cbor;
mod senml_json;
mod senml_name;
mod text;
mod tlv;

pub use codec::Codec;

use crate::{
    entry::Entry,
    model::{Models, NoModels},
    path::Path,
    version::LwM2mVersion,
};
use alloc::{string::String, vec::Vec};

/// How many values or paths one payload may carry, a bound of ours; more are refused. Costs 64 bytes each, so 1 MiB in
/// all, apart from texts and bytes, which take as much as they do in the payload.
pub const MAX_ENTRIES: usize = 16_384;

/// A content format of LwM2M, by its number in the CoAP registry (Core 1.2.2, section 7.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ContentFormat {
    /// text/plain, 0 (Core 1.2.2, section 7.5.1)
    Text,
    /// application/link-format, 40 (RFC 6690, section 7.3; RFC 7252, section 12.3)
    Link,
    /// application/octet-stream, 42 (Core 1.2.2, section 7.5.2)
    Opaque,
    /// application/cbor, 60 (Core 1.2.2, section 7.5.3)
    Cbor,
    /// application/senml+json, 110 (Core 1.2.2, section 7.5.6)
    SenmlJson,
    /// application/senml+cbor, 112 (Core 1.2.2, section 7.5.7)
    SenmlCbor,
    /// application/senml-etch+json, 320 (RFC 8790, section 7.1)
    SenmlEtchJson,
    /// application/senml-etch+cbor, 322 (RFC 8790, section 7.1)
    SenmlEtchCbor,
    /// application/vnd.oma.lwm2m+tlv, 11542 (Core 1.2.2, section 7.5.5)
    Tlv,
    /// application/vnd.oma.lwm2m+json, 11543 (LwM2M 1.0; Core 1.2.2, section 7.5.6.1)
    Json,
    /// application/vnd.oma.lwm2m+cbor, 11544 (LwM2M 1.2; Core 1.2.2, section 7.5.4)
    LwM2mCbor,
}

impl ContentFormat {
    /// The number it has on the wire.
    pub const fn number(self) -> u16 {
        match self {
            ContentFormat::Text => 0,
            ContentFormat::Link => 40,
            ContentFormat::Opaque => 42,
            ContentFormat::Cbor => 60,
            ContentFormat::SenmlJson => 110,
            ContentFormat::SenmlCbor => 112,
            ContentFormat::SenmlEtchJson => 320,
            ContentFormat::SenmlEtchCbor => 322,
            ContentFormat::Tlv => 11542,
            ContentFormat::Json => 11543,
            ContentFormat::LwM2mCbor => 11544,
        }
    }

    /// The format of a number, the unregistered numbers of early implementations (1541 text, 1542 TLV, 1543
    /// JSON, 1544 opaque) included.
    pub const fn from_number(number: u16) -> Option<Self> {
        Some(match number {
            0 | 1541 => ContentFormat::Text,
            40 => ContentFormat::Link,
            42 | 1544 => ContentFormat::Opaque,
            60 => ContentFormat::Cbor,
            110 => ContentFormat::SenmlJson,
            112 => ContentFormat::SenmlCbor,
            320 => ContentFormat::SenmlEtchJson,
            322 => ContentFormat::SenmlEtchCbor,
            11542 | 1542 => ContentFormat::Tlv,
            11543 | 1543 => ContentFormat::Json,
            11544 => ContentFormat::LwM2mCbor,
            _ => return None,
        })
    }

    /// Whether it carries one value without a path: text, opaque, CBOR.
    pub const fn is_single_value(self) -> bool {
        matches!(
            self,
            ContentFormat::Text | ContentFormat::Opaque | ContentFormat::Cbor
        )
    }

    /// Whether it is SenML or SenML-ETCH, in JSON or CBOR.
    pub const fn is_senml(self) -> bool {
        matches!(self, ContentFormat::SenmlJson | ContentFormat::SenmlCbor) || self.is_etch()
    }

    /// Whether it is SenML-ETCH, in JSON or CBOR (RFC 8790).
    pub const fn is_etch(self) -> bool {
        matches!(
            self,
            ContentFormat::SenmlEtchJson | ContentFormat::SenmlEtchCbor
        )
    }

    /// Whether this version of the protocol knows it.
    pub const fn is_known_to(self, version: LwM2mVersion) -> bool {
        match self {
            ContentFormat::Text
            | ContentFormat::Link
            | ContentFormat::Opaque
            | ContentFormat::Tlv
            | ContentFormat::Json => true,
            ContentFormat::Cbor | ContentFormat::SenmlJson | ContentFormat::SenmlCbor => {
                !matches!(version, LwM2mVersion::V1_0)
            }
            ContentFormat::SenmlEtchJson
            | ContentFormat::SenmlEtchCbor
            | ContentFormat::LwM2mCbor => matches!(version, LwM2mVersion::V1_2),
        }
    }
}

/// Why a payload cannot be read.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// It does not follow its format.
    #[error("malformed {format:?} payload: {reason}")]
    Malformed {
        /// The format.
        format: ContentFormat,
        /// What is wrong, for a person.
        reason: &'static str,
    },
    /// It names a place outside of what was asked for.
    #[error("{path} lies outside of {base}")]
    OutsideBase {
        /// The place it names.
        path: Path,
        /// What was asked for.
        base: Path,
    },
    /// A value that the resource of its model cannot have.
    #[error("{path}: {reason}")]
    Value {
        /// The place.
        path: Path,
        /// What is wrong, for a person.
        reason: String,
    },
    /// This format cannot carry what was asked for.
    #[error("{0:?} cannot carry this")]
    Unsupported(ContentFormat),
}

/// Why values cannot be written in a format.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// This format cannot carry them: several values in a single-value format, time stamps in TLV.
    #[error("{format:?} cannot carry this: {reason}")]
    Unsupported {
        /// The format.
        format: ContentFormat,
        /// Why, for a person.
        reason: &'static str,
    },
    /// A value that the format has no form for (NaN in SenML).
    #[error("{path} has a value that {format:?} cannot carry")]
    Value {
        /// The format.
        format: ContentFormat,
        /// The place.
        path: Path,
    },
    /// An entry outside of what the payload is about.
    #[error("{path} lies outside of {base}")]
    OutsideBase {
        /// The place it names.
        path: Path,
        /// What the payload is about.
        base: Path,
    },
}

/// One step of a write-composite request (Core 1.2.2, section 6.3.9).
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// Writes a value.
    Set(Entry),
    /// Removes a resource instance: a record with a value of null, which only SenML-ETCH knows (RFC 8790, section
    /// 3.2; Core 1.2.2, section 7.5.6).
    Remove(Path),
}

impl Change {
    /// What it is about.
    pub fn path(&self) -> Path {
        match self {
            Change::Set(entry) => entry.path,
            Change::Remove(path) => *path,
        }
    }
}

/// Reads the values of a payload (Core 1.2.2, section 7.5); see [`Codec::decode`].
///
/// # Errors
/// Malformed bytes, places outside of `base`, values that do not fit their type.
pub fn decode(
    format: ContentFormat,
    payload: &[u8],
    base: &Path,
    models: &dyn Models,
) -> Result<Vec<Entry>, DecodeError> {
    Codec::new(models).decode(format, payload, base)
}

/// Reads the values of an answer (Core 1.2.2, section 7.5); see [`Codec::decode_answer`].
///
/// # Errors
/// As [`decode`].
pub fn decode_answer(
    format: ContentFormat,
    payload: &[u8],
    base: &Path,
    models: &dyn Models,
) -> Result<Vec<Entry>, DecodeError> {
    Codec::new(models).decode_answer(format, payload, base)
}

/// Reads the values of a create request (Core 1.2.2, section 6.3.6); see [`Codec::decode_create`].
///
/// # Errors
/// As [`decode`].
pub fn decode_create(
    format: ContentFormat,
    payload: &[u8],
    base: &Path,
    new_instance: u16,
    models: &dyn Models,
) -> Result<Vec<Entry>, DecodeError> {
    Codec::new(models).decode_create(format, payload, base, new_instance)
}

/// Writes values as a payload about `base` (Core 1.2.2, section 7.5); see [`Codec::encode`].
///
/// # Errors
/// Values or combinations that the format cannot carry.
pub fn encode(
    format: ContentFormat,
    entries: &[Entry],
    base: &Path,
    models: &dyn Models,
) -> Result<Vec<u8>, EncodeError> {
    Codec::new(models).encode(format, entries, base)
}

/// Reads the paths of a read-composite or observe-composite request (Core 1.2.2, sections 6.3.8 and 6.4.4); see
/// [`Codec::decode_paths`].
///
/// # Errors
/// Malformed bytes, or a format that carries no paths.
pub fn decode_paths(format: ContentFormat, payload: &[u8]) -> Result<Vec<Path>, DecodeError> {
    Codec::new(&NoModels).decode_paths(format, payload)
}

/// Writes the paths of a read-composite or observe-composite request (Core 1.2.2, sections 6.3.8 and 6.4.4); see
/// [`Codec::encode_paths`].
///
/// # Errors
/// A format that carries no paths.
pub fn encode_paths(format: ContentFormat, paths: &[Path]) -> Result<Vec<u8>, EncodeError> {
    Codec::new(&NoModels).encode_paths(format, paths)
}

/// Reads a write-composite request (Core 1.2.2, section 6.3.9); see [`Codec::decode_changes`].
///
/// # Errors
/// As [`decode`].
pub fn decode_changes(
    format: ContentFormat,
    payload: &[u8],
    models: &dyn Models,
) -> Result<Vec<Change>, DecodeError> {
    Codec::new(models).decode_changes(format, payload)
}

/// Writes a write-composite request (Core 1.2.2, section 6.3.9); see [`Codec::encode_changes`].
///
/// # Errors
/// As [`encode`]; a [`Change::Remove`] in another format than SenML-ETCH, or of more than a resource instance.
pub fn encode_changes(
    format: ContentFormat,
    changes: &[Change],
    models: &dyn Models,
) -> Result<Vec<u8>, EncodeError> {
    Codec::new(models).encode_changes(format, changes)
}

#[cfg(test)]
mod tests;
