//! The bytes of application/senml+cbor and application/senml-etch+cbor (RFC 8428, section 6; RFC 8790; Core 1.2.2,
//! section 7.5.7). Object links stand under the text `vlo`.

use super::{
    ContentFormat, DecodeError,
    cbor::{Fault, Reader, Writer, utf8},
    senml::{Content, OutContent, OutRecord, Record},
};
use crate::value::Value;
use alloc::{borrow::Cow, vec::Vec};
use ciborium_ll::Header;

/// Labels (RFC 8428, table 4). Negative ones hold for the records that follow.
mod label {
    pub(super) const BASE_VERSION: i64 = -1;
    pub(super) const BASE_NAME: i64 = -2;
    pub(super) const BASE_TIME: i64 = -3;
    pub(super) const BASE_UNIT: i64 = -4;
    pub(super) const BASE_VALUE: i64 = -5;
    pub(super) const NAME: i64 = 0;
    pub(super) const UNIT: i64 = 1;
    pub(super) const VALUE: i64 = 2;
    pub(super) const STRING: i64 = 3;
    pub(super) const BOOLEAN: i64 = 4;
    pub(super) const TIME: i64 = 6;
    pub(super) const DATA: i64 = 8;
    /// The extension of LwM2M for object links.
    pub(super) const OBJECT_LINK: &str = "vlo";
}

pub(super) fn read<'p>(
    format: ContentFormat,
    payload: &'p [u8],
    each: &mut dyn FnMut(&mut Record<'p>) -> Result<(), DecodeError>,
) -> Result<(), DecodeError> {
    let malformed = |reason: Fault| DecodeError::Malformed { format, reason };
    let mut reader = Reader::new(payload);
    let Header::Array(mut left) = reader.header().map_err(malformed)? else {
        return Err(malformed("a SenML pack must be an array"));
    };
    while let Some(header) = reader.next_in(&mut left).map_err(malformed)? {
        let mut record = Record::default();
        fill(&mut record, header, &mut reader).map_err(malformed)?;
        each(&mut record)?;
    }
    reader.end().map_err(malformed)
}

fn fill<'p>(record: &mut Record<'p>, header: Header, reader: &mut Reader<'p>) -> Result<(), Fault> {
    let Header::Map(mut left) = header else {
        return Err("a SenML record must be a map");
    };
    // Labels that have been seen, by number; -6 to 8 are all there are.
    let mut seen = 0u32;
    while let Some(label) = next_label(reader, &mut left)? {
        let label = match label {
            Label::Number(label) => label,
            Label::Text(label) => {
                fill_from_text_label(record, &label, reader)?;
                continue;
            }
        };
        if (-16..16).contains(&label) {
            let bit = 1 << (label + 16);
            if seen & bit != 0 {
                return Err("a record with one field twice");
            }
            seen |= bit;
        }
        match label {
            label::BASE_VERSION => {
                record.has_other = true;
                record.version = Some(match reader.number()? {
                    Value::Integer(version) => version,
                    _ => i64::MAX,
                });
            }
            label::BASE_NAME => record.base_name = Some(name(reader)?),
            label::BASE_TIME => record.base_time = reader.number()?.as_f64(),
            label::BASE_VALUE => {
                record.has_other = true;
                record.base_value = Some(reader.number()?);
            }
            label::NAME => record.name = Some(name(reader)?),
            label::TIME => record.time = reader.number()?.as_f64(),
            label::BASE_UNIT | label::UNIT => {
                text(reader)?;
            }
            label::VALUE => {
                record.set_content(match reader.value()? {
                    None => Content::Null,
                    Some(
                        value @ (Value::Integer(_)
                        | Value::Unsigned(_)
                        | Value::Float(_)
                        | Value::Time(_)),
                    ) => Content::Value(value),
                    Some(_) => return Err("a v that is neither a number nor a date"),
                })?;
            }
            label::STRING => {
                let text = text(reader)?.into_owned();
                record.set_content(Content::Value(Value::String(text)))?;
            }
            label::BOOLEAN => match reader.value()? {
                Some(value @ Value::Boolean(_)) => record.set_content(Content::Value(value))?,
                _ => return Err("a vb that is no boolean"),
            },
            label::DATA => match reader.header()? {
                Header::Bytes(length) => {
                    let bytes = reader.bytes(length)?.into_owned();
                    record.set_content(Content::Value(Value::Opaque(bytes)))?;
                }
                _ => return Err("a vd that is not bytes"),
            },
            // Sums and update times mean nothing to LwM2M; unknown fields are ignored (section 4.4).
            _ => {
                record.has_other = true;
                reader.skip()?;
            }
        }
    }
    Ok(())
}

/// A field whose label is text.
#[cold]
fn fill_from_text_label(
    record: &mut Record<'_>,
    label: &str,
    reader: &mut Reader<'_>,
) -> Result<(), Fault> {
    if label == label::OBJECT_LINK {
        let link = text(reader)?.parse();
        let link = link.map_err(|_| "a vlo that is no object link")?;
        record.set_content(Content::Value(Value::ObjectLink(link)))
    } else if label.ends_with('_') {
        Err("a field that must be understood, and is not")
    } else {
        record.has_other = true;
        reader.skip()
    }
}

enum Label<'p> {
    Number(i64),
    Text(Cow<'p, str>),
}

/// The next label where the record goes on.
#[inline(always)] // as the reader's own functions
fn next_label<'p>(
    reader: &mut Reader<'p>,
    left: &mut Option<usize>,
) -> Result<Option<Label<'p>>, Fault> {
    if let Some(left @ 1..) = left
        && let Some(number) = reader.short_number()
    {
        *left -= 1;
        return Ok(Some(Label::Number(number)));
    }
    Ok(Some(match reader.next_in(left)? {
        None => return Ok(None),
        Some(Header::Positive(n)) => Label::Number(i64::try_from(n).unwrap_or(i64::MAX)),
        Some(Header::Negative(n)) => Label::Number(i64::try_from(n).map_or(i64::MIN, |n| !n)),
        Some(Header::Text(length)) => Label::Text(reader.text(length)?),
        Some(_) => return Err("a label that is neither a number nor text"),
    }))
}

/// The bytes of a text that names a place.
#[inline(always)] // as above
fn name<'p>(reader: &mut Reader<'p>) -> Result<Cow<'p, [u8]>, Fault> {
    if let Some(name) = reader.short_text() {
        return Ok(Cow::Borrowed(name));
    }
    match reader.header()? {
        Header::Text(Some(length)) => reader.bytes(Some(length)),
        Header::Text(None) => Ok(Cow::Owned(reader.text(None)?.into_owned().into_bytes())),
        _ => Err("something else where text should be"),
    }
}

#[inline]
fn text<'p>(reader: &mut Reader<'p>) -> Result<Cow<'p, str>, Fault> {
    if let Some(text) = reader.short_text() {
        return utf8(text).map(Cow::Borrowed);
    }
    match reader.header()? {
        Header::Text(length) => reader.text(length),
        _ => Err("something else where text should be"),
    }
}

pub(super) fn write(records: &[OutRecord<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = Writer::new(&mut bytes);
    writer.push(Header::Array(Some(records.len())));
    for record in records {
        writer.push(Header::Map(Some(record.len())));
        if let Some(name) = &record.base_name {
            writer.integer(label::BASE_NAME);
            let (root, name) = name.parts();
            writer.text_of(root, &name);
        }
        if let Some(time) = record.base_time {
            writer.integer(label::BASE_TIME);
            write_time(time, &mut writer);
        }
        if let Some(name) = &record.name {
            writer.integer(label::NAME);
            let (root, name) = name.parts();
            writer.text_of(root, &name);
        }
        if let Some(time) = record.time {
            writer.integer(label::TIME);
            write_time(time, &mut writer);
        }
        match &record.content {
            OutContent::Absent => {}
            OutContent::Null => {
                writer.integer(label::VALUE);
                writer.push(Header::Simple(ciborium_ll::simple::NULL));
            }
            OutContent::Value(value) => {
                match **value {
                    Value::String(_) | Value::CoreLink(_) => writer.integer(label::STRING),
                    Value::Boolean(_) => writer.integer(label::BOOLEAN),
                    Value::Opaque(_) => writer.integer(label::DATA),
                    Value::ObjectLink(_) => writer.text(label::OBJECT_LINK),
                    Value::Integer(_) | Value::Unsigned(_) | Value::Float(_) | Value::Time(_) => {
                        writer.integer(label::VALUE);
                    }
                }
                writer.value(value);
            }
        }
    }
    bytes
}

/// Whole seconds as an integer, which is shorter and what most clients expect.
fn write_time(time: f64, writer: &mut Writer<'_>) {
    match Value::Float(time).as_i64() {
        Some(seconds) => writer.integer(seconds),
        None => writer.float(time),
    }
}
