//! The compact format of LwM2M 1.2, application/vnd.oma.lwm2m+cbor (Core 1.2.2, section 7.5.4).
//!
//! Nested maps: a key is an identifier or an array of identifiers, which go on from the keys around, and a value is
//! a map again or a value. `{[3, 0]: {9: 100, 6: {0: 1, 1: 5}}}` says /3/0/9, /3/0/6/0 and /3/0/6/1. Each level of
//! maps takes at least one of the four identifiers of a path, so nothing can nest deeper.

use super::{
    DecodeError, EncodeError,
    cbor::{Fault, Reader, Writer},
    scope::{Incoming, Outgoing},
};
use crate::{entry::Entry, value::Value};
use alloc::{borrow::Cow, vec::Vec};
use ciborium_ll::Header;

/// The identifiers of a path, 16 bits each, the outermost below.
#[derive(Clone, Copy, Default)]
struct Ids {
    lanes: u64,
    len: usize,
}

impl Ids {
    /// How many a path has at most.
    const MAX: usize = 4;

    #[inline(always)] // so that they stay in registers
    fn push(&mut self, id: u64) -> Result<(), Fault> {
        if self.len == Self::MAX {
            return Err("a path of more than four identifiers");
        }
        if id > u16::MAX.into() {
            return Err("an identifier above 65535");
        }
        self.lanes |= id << (16 * self.len);
        self.len += 1;
        Ok(())
    }

    /// Appends the identifiers of a key, whose header has just been read.
    #[inline(always)] // as above
    fn push_key(&mut self, header: Header, reader: &mut Reader<'_>) -> Result<(), Fault> {
        const FAULT: Fault = "a key that is neither an identifier nor an array of them";
        match header {
            Header::Positive(id) => self.push(id),
            Header::Array(mut left) => {
                let before = self.len;
                while let Some(header) = reader.next_in(&mut left)? {
                    match header {
                        Header::Positive(id) => self.push(id)?,
                        _ => return Err(FAULT),
                    }
                }
                match self.len == before {
                    true => Err("a key without identifiers"),
                    false => Ok(()),
                }
            }
            _ => Err(FAULT),
        }
    }
}

pub(super) fn decode(payload: &[u8], to: &mut Incoming<'_>) -> Result<Vec<Entry>, DecodeError> {
    // A read of nothing may be answered with nothing.
    if payload.is_empty() {
        return to.finish();
    }
    let format = to.format;
    let malformed = |reason: Fault| DecodeError::Malformed { format, reason };
    let mut reader = Reader::new(payload);
    let Header::Map(left) = reader.header().map_err(malformed)? else {
        return Err(malformed("LwM2M-CBOR must be a map"));
    };
    // The open maps: what is left of them, and the identifiers that lead to them, fewer than a path has.
    let mut maps = [(left, Ids::default()); Ids::MAX];
    let mut open = 1;
    while let Some((left, around)) = maps[..open].last_mut() {
        let mut ids = *around;
        let Some(header) = reader.next_in(left).map_err(malformed)? else {
            open -= 1;
            continue;
        };
        ids.push_key(header, &mut reader).map_err(malformed)?;
        match reader.header().map_err(malformed)? {
            Header::Map(_) if ids.len == Ids::MAX => {
                return Err(malformed("a map below a resource instance"));
            }
            Header::Map(left) => {
                maps[open] = (left, ids);
                open += 1;
            }
            header => {
                let path = to.path_of_lanes(ids.lanes, ids.len)?;
                match reader.value_of(header).map_err(malformed)? {
                    Some(value) => to.push(path, value, None)?,
                    None => {
                        return Err(DecodeError::Value {
                            path,
                            reason: "null is no value".into(),
                        });
                    }
                }
            }
        }
    }
    reader.end().map_err(malformed)?;
    to.finish()
}

/// Writes a map whose upper keys lead as far as the values below them share their path, and below that a map for
/// each level.
pub(super) fn encode(entries: &[Entry], from: &Outgoing<'_>) -> Result<Vec<u8>, EncodeError> {
    let values = from.tree(entries)?;
    let mut bytes = Vec::new();
    write_map(&values, 0, &mut Writer::new(&mut bytes));
    Ok(bytes)
}

/// Writes the values, all below the same `depth` identifiers, as a map. Calls itself for the levels of a path only.
fn write_map(values: &[(&Entry, Cow<'_, Value>)], depth: usize, writer: &mut Writer<'_>) {
    let ids = |value: &(&Entry, _)| value.0.path;
    let groups = || values.chunk_by(|a, b| ids(a).ids()[depth] == ids(b).ids()[depth]);
    writer.push(Header::Map(Some(groups().count())));
    for group in groups() {
        let [(first, _), ..] = group else {
            continue;
        };
        let first = first.path;
        let shared = match (depth, group) {
            (0, [.., (last, _)]) => {
                // They are sorted: what the first and the last share, all do.
                let both = first.ids().iter().zip(last.path.ids());
                both.take_while(|(a, b)| a == b).count()
            }
            _ => depth + 1,
        };
        match &first.ids()[depth..shared] {
            [id] => writer.push(Header::Positive((*id).into())),
            ids => {
                writer.push(Header::Array(Some(ids.len())));
                for id in ids {
                    writer.push(Header::Positive((*id).into()));
                }
            }
        }
        match group {
            [(_, value)] if shared == first.ids().len() => writer.value(value),
            _ => write_map(group, shared, writer),
        }
    }
}
