//! The binary format of LwM2M 1.0, application/vnd.oma.lwm2m+tlv (Core 1.2.2, section 7.5.5).
//!
//! A payload is a row of records: a byte that says the kind, an identifier of 8 or 16 bits, a length of up to 24
//! bits, and a value, which for an object instance and for a multiple resource is a row of records again. The
//! kinds allow three levels and no more, so nothing can nest deeper. Values carry no types: the model gives them,
//! and without one they are opaque.

use super::{
    DecodeError, EncodeError,
    cbor::Fault,
    scope::{Incoming, Outgoing},
};
use crate::{
    entry::Entry,
    path::{Path, PathLevel},
    value::{DataType, ObjectLink, Value},
};
use alloc::{format, vec::Vec};

/// What a record holds, by the upper two bits of its first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    ObjectInstance = 0b00,
    ResourceInstance = 0b01,
    MultipleResource = 0b10,
    Resource = 0b11,
}

/// The longest value, by the 24 bits of its length.
const MAX_LENGTH: usize = 0xff_ffff;

struct Record<'a> {
    kind: Kind,
    id: u16,
    value: &'a [u8],
}

/// The records of a row.
struct Records<'a>(&'a [u8]);

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        let (first, rest) = self.0.split_first()?;
        let record = take_record(*first, rest);
        // After a fault nothing that follows can be told apart.
        self.0 = record.as_ref().map(|(_, rest)| *rest).unwrap_or(&[]);
        Some(record.map(|(record, _)| record))
    }
}

fn take_record(first: u8, rest: &[u8]) -> Result<(Record<'_>, &[u8]), Fault> {
    const TRUNCATED: Fault = "ends in the middle of a record";
    let kind = match first >> 6 {
        0b00 => Kind::ObjectInstance,
        0b01 => Kind::ResourceInstance,
        0b10 => Kind::MultipleResource,
        _ => Kind::Resource,
    };
    let number = |bytes: &[u8]| bytes.iter().fold(0, |n, byte| n << 8 | usize::from(*byte));
    let id_length = if first & 0b0010_0000 == 0 { 1 } else { 2 };
    let (id, rest) = rest.split_at_checked(id_length).ok_or(TRUNCATED)?;
    let (length, rest) = match usize::from(first >> 3 & 0b11) {
        0 => (usize::from(first & 0b111), rest),
        bytes => {
            let (length, rest) = rest.split_at_checked(bytes).ok_or(TRUNCATED)?;
            (number(length), rest)
        }
    };
    let (value, rest) = rest.split_at_checked(length).ok_or(TRUNCATED)?;
    // Two bytes at most, so it fits.
    let id = number(id) as u16;
    Ok((Record { kind, id, value }, rest))
}

pub(super) fn decode(payload: &[u8], to: &mut Incoming<'_>) -> Result<Vec<Entry>, DecodeError> {
    if to.base == Path::ROOT {
        return Err(DecodeError::Unsupported(to.format));
    }
    for record in Records(payload) {
        let record = record.map_err(|fault| to.malformed(fault))?;
        match record.kind {
            Kind::ObjectInstance => {
                let object = to.base.ids()[0];
                let instance = to.path(&[object, record.id])?;
                for record in Records(record.value) {
                    let record = record.map_err(|fault| to.malformed(fault))?;
                    resource(record, instance, to)?;
                }
            }
            Kind::Resource | Kind::MultipleResource => {
                let instance = to.object_instance()?;
                resource(record, instance, to)?;
            }
            Kind::ResourceInstance => {
                let resource = to.base.truncated(PathLevel::Resource);
                if resource.level() != PathLevel::Resource {
                    return Err(to.malformed("a resource instance outside of a resource"));
                }
                leaf(record, resource, to)?;
            }
        }
    }
    to.finish()
}

/// Takes in a resource or a multiple resource of an object instance.
fn resource(record: Record<'_>, instance: Path, to: &mut Incoming<'_>) -> Result<(), DecodeError> {
    match record.kind {
        Kind::Resource => leaf(record, instance, to),
        Kind::MultipleResource => {
            let resource = child(instance, record.id, to)?;
            for record in Records(record.value) {
                let record = record.map_err(|fault| to.malformed(fault))?;
                if record.kind != Kind::ResourceInstance {
                    return Err(to.malformed("something else within a multiple resource"));
                }
                leaf(record, resource, to)?;
            }
            Ok(())
        }
        Kind::ObjectInstance | Kind::ResourceInstance => {
            Err(to.malformed("something else within an object instance"))
        }
    }
}

fn child(parent: Path, id: u16, to: &Incoming<'_>) -> Result<Path, DecodeError> {
    parent
        .child(id)
        .map_err(|_| to.malformed("a path with a reserved identifier"))
}

fn leaf(record: Record<'_>, parent: Path, to: &mut Incoming<'_>) -> Result<(), DecodeError> {
    let path = child(parent, record.id, to)?;
    let data_type = to.data_type(&path).unwrap_or(DataType::Opaque);
    let value = read_value(record.value, data_type).ok_or_else(|| DecodeError::Value {
        path,
        reason: format!("{} bytes are no {data_type}", record.value.len()),
    })?;
    to.push(path, value, None)
}

fn read_value(bytes: &[u8], data_type: DataType) -> Option<Value> {
    let unsigned = || match bytes.len() {
        1 | 2 | 4 | 8 => Some(bytes.iter().fold(0u64, |n, byte| n << 8 | u64::from(*byte))),
        _ => None,
    };
    let signed = || {
        unsigned().map(|n| {
            let unused = 64 - 8 * bytes.len();
            (n << unused) as i64 >> unused
        })
    };
    let text = || core::str::from_utf8(bytes).ok().map(Into::into);
    Some(match data_type {
        DataType::String => Value::String(text()?),
        DataType::CoreLink => Value::CoreLink(text()?),
        DataType::Integer => Value::Integer(signed()?),
        DataType::Time => Value::Time(signed()?),
        DataType::Unsigned => Value::Unsigned(unsigned()?),
        DataType::Float => Value::Float(match bytes.len() {
            4 => f32::from_be_bytes(bytes.try_into().ok()?).into(),
            8 => f64::from_be_bytes(bytes.try_into().ok()?),
            _ => return None,
        }),
        DataType::Boolean => Value::Boolean(match bytes {
            [0] => false,
            [1] => true,
            _ => return None,
        }),
        DataType::Opaque => Value::Opaque(bytes.to_vec()),
        DataType::ObjectLink => {
            let [a, b, c, d] = bytes.try_into().ok()?;
            Value::ObjectLink(ObjectLink {
                object: u16::from_be_bytes([a, b]),
                instance: u16::from_be_bytes([c, d]),
            })
        }
    })
}

pub(super) fn encode(entries: &[Entry], from: &Outgoing<'_>) -> Result<Vec<u8>, EncodeError> {
    if from.base == Path::ROOT {
        return Err(from.unsupported("values of more than one object"));
    }
    let mut row = Row::default();
    for (entry, value) in from.tree(entries)? {
        row.move_to(entry.path, from)?;
        let ids = entry.path.ids();
        let kind = match entry.path.level() {
            PathLevel::ResourceInstance => Kind::ResourceInstance,
            _ => Kind::Resource,
        };
        write_value(&value, &mut row.value);
        let id = ids[ids.len() - 1];
        row.leaf(kind, id, from)?;
    }
    row.finish(from)
}

/// The records written so far: containers are written into buffers of their own, since their length comes first.
#[derive(Default)]
struct Row {
    /// What is complete.
    done: Vec<u8>,
    /// The content of the open object instance.
    instance: Option<(u16, Vec<u8>)>,
    /// The content of the open multiple resource.
    resource: Option<(u16, Vec<u8>)>,
    /// The value at hand.
    value: Vec<u8>,
}

impl Row {
    /// Closes the containers that `path` does not lie in, and opens those that it does.
    fn move_to(&mut self, path: Path, from: &Outgoing<'_>) -> Result<(), EncodeError> {
        let ids = path.ids();
        // A container is written for each level below what the payload is about.
        let instance = (from.base.level() < PathLevel::ObjectInstance).then(|| ids[1]);
        let resource = (path.level() == PathLevel::ResourceInstance
            && from.base.level() < PathLevel::ResourceInstance)
            .then(|| ids[2]);
        let stays = self.instance.as_ref().map(|(id, _)| *id) == instance;
        if !stays || self.resource.as_ref().map(|(id, _)| *id) != resource {
            self.close_resource(from)?;
        }
        if !stays {
            self.close_instance(from)?;
        }
        if let (None, Some(id)) = (&self.instance, instance) {
            self.instance = Some((id, Vec::new()));
        }
        if let (None, Some(id)) = (&self.resource, resource) {
            self.resource = Some((id, Vec::new()));
        }
        Ok(())
    }

    fn close_resource(&mut self, from: &Outgoing<'_>) -> Result<(), EncodeError> {
        let Some((id, content)) = self.resource.take() else {
            return Ok(());
        };
        let outer = match &mut self.instance {
            Some((_, content)) => content,
            None => &mut self.done,
        };
        write_record(Kind::MultipleResource, id, &content, outer, from)
    }

    fn close_instance(&mut self, from: &Outgoing<'_>) -> Result<(), EncodeError> {
        match self.instance.take() {
            Some((id, content)) => {
                write_record(Kind::ObjectInstance, id, &content, &mut self.done, from)
            }
            None => Ok(()),
        }
    }

    /// Writes the value at hand as a record into the innermost open container.
    fn leaf(&mut self, kind: Kind, id: u16, from: &Outgoing<'_>) -> Result<(), EncodeError> {
        let outer = match (&mut self.resource, &mut self.instance) {
            (Some((_, content)), _) | (None, Some((_, content))) => content,
            (None, None) => &mut self.done,
        };
        write_record(kind, id, &self.value, outer, from)?;
        self.value.clear();
        Ok(())
    }

    fn finish(mut self, from: &Outgoing<'_>) -> Result<Vec<u8>, EncodeError> {
        self.close_resource(from)?;
        self.close_instance(from)?;
        Ok(self.done)
    }
}

fn write_record(
    kind: Kind,
    id: u16,
    value: &[u8],
    to: &mut Vec<u8>,
    from: &Outgoing<'_>,
) -> Result<(), EncodeError> {
    if value.len() > MAX_LENGTH {
        return Err(from.unsupported("values of more than 16 MiB"));
    }
    let [_, length @ ..] = (value.len() as u32).to_be_bytes();
    let id = id.to_be_bytes();
    let (id_bit, id) = match id {
        [0, _] => (0, &id[1..]),
        _ => (0b0010_0000, &id[..]),
    };
    let (length_bits, length) = match value.len() {
        short @ 0..=7 => (short as u8, &length[3..3]),
        8..=0xff => (0b01 << 3, &length[2..]),
        0x100..=0xffff => (0b10 << 3, &length[1..]),
        _ => (0b11 << 3, &length[..]),
    };
    to.push((kind as u8) << 6 | id_bit | length_bits);
    to.extend_from_slice(id);
    to.extend_from_slice(length);
    to.extend_from_slice(value);
    Ok(())
}

fn write_value(value: &Value, to: &mut Vec<u8>) {
    match value {
        Value::String(text) | Value::CoreLink(text) => to.extend_from_slice(text.as_bytes()),
        Value::Integer(n) | Value::Time(n) => {
            let bytes = n.to_be_bytes();
            let length = match *n {
                n if i8::try_from(n).is_ok() => 1,
                n if i16::try_from(n).is_ok() => 2,
                n if i32::try_from(n).is_ok() => 4,
                _ => 8,
            };
            to.extend_from_slice(&bytes[8 - length..]);
        }
        Value::Unsigned(n) => {
            let bytes = n.to_be_bytes();
            // One bit less than would fit: peers that take it for a signed integer read the same number.
            let length = match *n {
                0..=0x7f => 1,
                0x80..=0x7fff => 2,
                0x8000..=0x7fff_ffff => 4,
                _ => 8,
            };
            to.extend_from_slice(&bytes[8 - length..]);
        }
        Value::Float(v) => {
            let single = *v as f32;
            if f64::from(single) == *v {
                to.extend_from_slice(&single.to_be_bytes());
            } else {
                to.extend_from_slice(&v.to_be_bytes());
            }
        }
        Value::Boolean(v) => to.push(u8::from(*v)),
        Value::Opaque(bytes) => to.extend_from_slice(bytes),
        Value::ObjectLink(link) => {
            to.extend_from_slice(&link.object.to_be_bytes());
            to.extend_from_slice(&link.instance.to_be_bytes());
        }
    }
}
