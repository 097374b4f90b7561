//! What SenML-JSON and SenML-CBOR share: the resolution of records (RFC 8428, section 4), packs without values for
//! composite reads, and packs that also remove for composite writes (RFC 8790; Core 1.2.2, section 7.5.6).

use super::{
    Change, ContentFormat, DecodeError, EncodeError,
    scope::{Incoming, Outgoing},
    senml_cbor, senml_json,
    senml_name::{Name, NameParser, Namer},
};
use crate::{
    entry::Entry,
    path::{Path, PathLevel},
    value::{Value, integer_value},
};
use alloc::{borrow::Cow, vec::Vec};
use core::mem;

/// The highest version of SenML that is understood (RFC 8428, section 4.4), which is the default as well.
const VERSION: i64 = 10;

/// What stands in the value fields of a record.
#[derive(Debug, Default)]
pub(super) enum Content {
    /// No value field.
    #[default]
    Absent,
    /// `"v": null`, which removes (RFC 8790, section 3.2).
    Null,
    /// The value.
    Value(Value),
}

/// A record as it stands in the pack. Times are numbers of any kind; names may be borrowed from the payload, and are
/// bytes because a path is read byte by byte: whatever is no text is no path either.
#[derive(Debug, Default)]
pub(super) struct Record<'a> {
    pub(super) base_name: Option<Cow<'a, [u8]>>,
    pub(super) base_time: Option<f64>,
    pub(super) base_value: Option<Value>,
    pub(super) version: Option<i64>,
    pub(super) name: Option<Cow<'a, [u8]>>,
    pub(super) time: Option<f64>,
    pub(super) content: Content,
    /// Whether it has a field that a fetch pack must not have (RFC 8790, section 3.1), values aside.
    pub(super) has_other: bool,
}

impl Record<'_> {
    /// Sets the value; a record has no more than one.
    #[inline]
    pub(super) fn set_content(&mut self, content: Content) -> Result<(), &'static str> {
        match self.content {
            Content::Absent => {
                self.content = content;
                Ok(())
            }
            _ => Err("a record with two values"),
        }
    }
}

/// The base fields that are in force.
#[derive(Default)]
struct Resolver {
    base_name: NameParser,
    base_time: Option<f64>,
    base_value: Option<Value>,
}

impl Resolver {
    /// Applies the base fields to a record, keeps those it has for the ones that follow, and gives its place and
    /// time. `None` for a record that does nothing else; `base_names_place` says that a base name alone names a
    /// place, as it does in a request for values.
    #[inline(always)] // so that the place stays in registers, for each value of each payload
    fn resolve(
        &mut self,
        record: &mut Record<'_>,
        base_names_place: bool,
        to: &Incoming<'_>,
    ) -> Result<Option<(Path, Option<f64>)>, DecodeError> {
        if record.version.is_some_and(|version| version > VERSION) {
            return Err(to.malformed("a version of SenML above 10"));
        }
        let only_base = record.name.is_none()
            && !(base_names_place && record.base_name.is_some())
            && matches!(record.content, Content::Absent);
        if let Some(base_name) = &record.base_name {
            self.base_name.begin(base_name, to)?;
        }
        self.base_time = record.base_time.or(self.base_time);
        if let Some(base_value) = record.base_value.take() {
            self.base_value = Some(base_value);
        }
        if only_base {
            return Ok(None);
        }
        let time = match (self.base_time, record.time) {
            (None, time) | (time, None) => time,
            (Some(base), Some(time)) => Some(base + time),
        };
        if time.is_some_and(|time| !time.is_finite()) {
            return Err(to.malformed("a time that is no number"));
        }
        let name = record.name.as_deref().unwrap_or_default();
        let path = self.base_name.finish(name, to)?;
        if let (Content::Value(value), Some(base)) = (&mut record.content, &self.base_value) {
            *value = sum(base, mem::replace(value, Value::Boolean(false)));
        }
        if matches!(record.content, Content::Value(Value::Float(v)) if !v.is_finite()) {
            return Err(to.malformed("a value that is no number"));
        }
        Ok(Some((path, time)))
    }
}

/// Base value and value together; values that are no numbers have no base.
fn sum(base: &Value, value: Value) -> Value {
    let whole = |value: &Value| match value {
        Value::Integer(n) => Some(i128::from(*n)),
        Value::Unsigned(n) => Some(i128::from(*n)),
        _ => None,
    };
    if let (Some(base), Some(value)) = (whole(base), whole(&value)) {
        return integer_value(base + value);
    }
    match (base.as_f64(), value.as_f64()) {
        (Some(base), Some(v)) => Value::Float(base + v),
        _ => value,
    }
}

/// Hands the records of a pack to `each`, in order.
fn read<'p>(
    format: ContentFormat,
    payload: &'p [u8],
    each: &mut dyn FnMut(&mut Record<'p>) -> Result<(), DecodeError>,
) -> Result<(), DecodeError> {
    match format {
        // A read of nothing may be answered with nothing.
        _ if payload.is_empty() => Ok(()),
        ContentFormat::SenmlJson | ContentFormat::SenmlEtchJson => {
            senml_json::read(format, payload, each)
        }
        _ => senml_cbor::read(format, payload, each),
    }
}

fn write(format: ContentFormat, records: &[OutRecord<'_>]) -> Vec<u8> {
    match format {
        ContentFormat::SenmlJson | ContentFormat::SenmlEtchJson => senml_json::write(records),
        _ => senml_cbor::write(records),
    }
}

/// Reads a pack of values.
pub(super) fn decode(payload: &[u8], to: &mut Incoming<'_>) -> Result<Vec<Entry>, DecodeError> {
    let mut resolver = Resolver::default();
    read(to.format, payload, &mut |record| {
        let Some((path, time)) = resolver.resolve(record, false, to)? else {
            return Ok(());
        };
        match mem::take(&mut record.content) {
            Content::Value(value) => to.push(path, value, time),
            Content::Absent => Err(to.malformed("a record without a value")),
            Content::Null => Err(DecodeError::Value {
                path,
                reason: "null is no value".into(),
            }),
        }
    })?;
    to.finish()
}

/// Reads a pack without values.
pub(super) fn decode_paths(payload: &[u8], to: &Incoming<'_>) -> Result<Vec<Path>, DecodeError> {
    let mut resolver = Resolver::default();
    let mut paths = Vec::new();
    read(to.format, payload, &mut |record| {
        if !matches!(record.content, Content::Absent) || (to.format.is_etch() && record.has_other) {
            return Err(to.malformed("a request for values that carries more than names"));
        }
        if let Some((path, _)) = resolver.resolve(record, true, to)? {
            if paths.len() == super::MAX_ENTRIES {
                return Err(to.malformed("too many paths"));
            }
            paths.push(path);
        }
        Ok(())
    })?;
    Ok(paths)
}

/// Reads a pack that sets and removes.
pub(super) fn decode_changes(
    payload: &[u8],
    to: &Incoming<'_>,
) -> Result<Vec<Change>, DecodeError> {
    let mut resolver = Resolver::default();
    let mut changes = Vec::new();
    read(to.format, payload, &mut |record| {
        let Some((path, time)) = resolver.resolve(record, false, to)? else {
            return Ok(());
        };
        to.check_place(path)?;
        if changes.len() == super::MAX_ENTRIES {
            return Err(to.malformed("too many values"));
        }
        changes.push(match mem::take(&mut record.content) {
            Content::Value(value) if path.level() >= PathLevel::Resource => Change::Set(Entry {
                path,
                value: to.typed(path, value)?,
                time,
            }),
            Content::Null if path.level() == PathLevel::ResourceInstance => Change::Remove(path),
            Content::Value(_) => {
                return Err(to.malformed("a value above the level of resources"));
            }
            Content::Null => {
                return Err(DecodeError::Value {
                    path,
                    reason: "only a resource instance can be removed".into(),
                });
            }
            Content::Absent => return Err(to.malformed("a record without a value")),
        });
        Ok(())
    })?;
    Ok(changes)
}

/// A record to write, fields in the order in which they are written.
#[derive(Debug, Default)]
pub(super) struct OutRecord<'a> {
    pub(super) base_name: Option<Name<'a>>,
    pub(super) base_time: Option<f64>,
    pub(super) name: Option<Name<'a>>,
    pub(super) time: Option<f64>,
    pub(super) content: OutContent<'a>,
}

/// The value field of a record to write.
#[derive(Debug, Default)]
pub(super) enum OutContent<'a> {
    #[default]
    Absent,
    Null,
    Value(Cow<'a, Value>),
}

impl OutRecord<'_> {
    /// How many fields it has.
    pub(super) fn len(&self) -> usize {
        [
            self.base_name.is_some(),
            self.base_time.is_some(),
            self.name.is_some(),
            self.time.is_some(),
            !matches!(self.content, OutContent::Absent),
        ]
        .into_iter()
        .filter(|present| *present)
        .count()
    }
}

/// Writes values.
pub(super) fn encode(entries: &[Entry], from: &Outgoing<'_>) -> Result<Vec<u8>, EncodeError> {
    let mut namer = Namer::new(from.root, entries.iter().map(|entry| entry.path));
    let mut clock = Clock::new(entries);
    let records = entries
        .iter()
        .map(|entry| {
            let value = checked_value(entry, from)?;
            let (base_time, time) = clock.times(entry, from)?;
            let (base_name, name) = namer.name(entry.path);
            Ok(OutRecord {
                base_name,
                base_time,
                name,
                time,
                content: OutContent::Value(value),
            })
        })
        .collect::<Result<Vec<_>, EncodeError>>()?;
    Ok(write(from.format, &records))
}

fn checked_value<'e>(entry: &'e Entry, from: &Outgoing<'_>) -> Result<Cow<'e, Value>, EncodeError> {
    let value = from.value(entry)?;
    match &*value {
        Value::Float(v) if !v.is_finite() => Err(from.no_form(entry.path)),
        _ => Ok(value),
    }
}

/// Writes places.
pub(super) fn encode_paths(paths: &[Path], from: &Outgoing<'_>) -> Vec<u8> {
    let records: Vec<_> = paths
        .iter()
        .map(|path| OutRecord {
            name: Some(Name::Path(from.root, *path)),
            ..OutRecord::default()
        })
        .collect();
    write(from.format, &records)
}

/// Writes what is to be set and removed.
pub(super) fn encode_changes(
    changes: &[Change],
    from: &Outgoing<'_>,
) -> Result<Vec<u8>, EncodeError> {
    let mut namer = Namer::new(from.root, changes.iter().map(Change::path));
    let records = changes
        .iter()
        .map(|change| {
            let (time, content) = match change {
                Change::Set(entry) => (entry.time, OutContent::Value(checked_value(entry, from)?)),
                Change::Remove(path) if path.level() == PathLevel::ResourceInstance => {
                    (None, OutContent::Null)
                }
                Change::Remove(_) => {
                    return Err(from.unsupported("removing more than a resource instance"));
                }
            };
            let (base_name, name) = namer.name(change.path());
            Ok(OutRecord {
                base_name,
                base_time: None,
                name,
                time,
                content,
            })
        })
        .collect::<Result<Vec<_>, EncodeError>>()?;
    Ok(write(from.format, &records))
}

/// Gives records their times: where all have one, as the distance from a base time, which is shorter.
struct Clock {
    all_have_times: bool,
    base: Option<f64>,
}

impl Clock {
    fn new(entries: &[Entry]) -> Self {
        Clock {
            all_have_times: entries.iter().all(|entry| entry.time.is_some()),
            base: None,
        }
    }

    /// Base time and time of a record.
    fn times(
        &mut self,
        entry: &Entry,
        from: &Outgoing<'_>,
    ) -> Result<(Option<f64>, Option<f64>), EncodeError> {
        let Some(time) = entry.time else {
            return Ok((None, None));
        };
        if !time.is_finite() {
            return Err(from.unsupported("a time that is no number"));
        }
        if !self.all_have_times {
            // A base time would hold for records without a time as well.
            return Ok((None, Some(time)));
        }
        match self.base {
            Some(base) if base == time => Ok((None, None)),
            // Only where the sum gives back the very same time.
            Some(base) if base + (time - base) == time => Ok((None, Some(time - base))),
            _ => {
                self.base = Some(time);
                Ok((Some(time), None))
            }
        }
    }
}
