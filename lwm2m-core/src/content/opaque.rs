//! application/octet-stream: the bytes of one opaque resource (Core 1.2.2, section 7.5.2).

use super::{
    DecodeError, EncodeError,
    scope::{Incoming, Outgoing},
};
use crate::{entry::Entry, value::Value};
use alloc::vec::Vec;

pub(super) fn decode(payload: &[u8], to: &mut Incoming<'_>) -> Result<Vec<Entry>, DecodeError> {
    let path = to.single_value()?;
    to.push(path, Value::Opaque(payload.to_vec()), None)?;
    to.finish()
}

pub(super) fn encode(entries: &[Entry], from: &Outgoing<'_>) -> Result<Vec<u8>, EncodeError> {
    match &*from.single_value(entries)? {
        Value::Opaque(bytes) => Ok(bytes.clone()),
        _ => Err(from.unsupported("a value that is not opaque")),
    }
}
