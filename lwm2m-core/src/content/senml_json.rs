//! The text of application/senml+json and application/senml-etch+json (RFC 8428, section 5; RFC 8790; Core 1.2.2,
//! section 7.5.6).
//!
//! Records are flat, so reading needs no recursion: whatever nests is an unknown field, which serde_json skips
//! with a loop.

use super::{
    ContentFormat, DecodeError,
    senml::{Content, OutContent, OutRecord, Record},
    senml_name::Name,
    text::BASE64URL,
};
use crate::value::{ObjectLink, Value};
use alloc::{borrow::Cow, string::String, vec::Vec};
use base64::Engine as _;
use core::fmt;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor},
    ser::{SerializeMap, SerializeSeq},
};

pub(super) fn read<'p>(
    format: ContentFormat,
    payload: &'p [u8],
    each: &mut dyn FnMut(&mut Record<'p>) -> Result<(), DecodeError>,
) -> Result<(), DecodeError> {
    let mut refusal = None;
    let text = utf8(payload).map_err(|reason| DecodeError::Malformed { format, reason })?;
    let mut json = serde_json::Deserializer::from_str(text);
    let pack = Pack {
        each,
        refusal: &mut refusal,
    };
    let result = pack.deserialize(&mut json).and_then(|()| json.end());
    match (result, refusal) {
        (Ok(()), _) => Ok(()),
        (Err(_), Some(refusal)) => Err(refusal),
        (Err(error), None) => Err(DecodeError::Malformed {
            format,
            reason: fault(&error),
        }),
    }
}

/// The text of a payload. Checked as a whole, since serde_json does not look into strings that it skips.
pub(super) fn utf8(payload: &[u8]) -> Result<&str, &'static str> {
    core::str::from_utf8(payload).map_err(|_| "text that is not UTF-8")
}

/// What is wrong with JSON, for a person.
pub(super) fn fault(error: &serde_json::Error) -> &'static str {
    use serde_json::error::Category;
    match error.classify() {
        Category::Eof => "ends in the middle of the JSON",
        Category::Data => "JSON with a field twice, unknown but needed, or of the wrong type",
        Category::Syntax | Category::Io => "not well-formed JSON",
    }
}

struct Pack<'s, 'p> {
    each: &'s mut dyn FnMut(&mut Record<'p>) -> Result<(), DecodeError>,
    /// Why a record was refused: serde's errors cannot carry it.
    refusal: &'s mut Option<DecodeError>,
}

impl<'p> DeserializeSeed<'p> for Pack<'_, 'p> {
    type Value = ();

    fn deserialize<D: Deserializer<'p>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'p> Visitor<'p> for Pack<'_, 'p> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of SenML records")
    }

    fn visit_seq<A: SeqAccess<'p>>(self, mut records: A) -> Result<(), A::Error> {
        while let Some(JsonRecord(mut record)) = records.next_element()? {
            if let Err(refusal) = (self.each)(&mut record) {
                *self.refusal = Some(refusal);
                return Err(A::Error::custom("refused"));
            }
        }
        Ok(())
    }
}

struct JsonRecord<'p>(Record<'p>);

impl<'p> Deserialize<'p> for JsonRecord<'p> {
    fn deserialize<D: Deserializer<'p>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(RecordVisitor)
    }
}

/// The fields of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    BaseName,
    BaseTime,
    BaseUnit,
    BaseValue,
    Version,
    Name,
    Time,
    Unit,
    Value,
    String,
    Boolean,
    Data,
    ObjectLink,
    Other,
}

impl<'p> Deserialize<'p> for Field {
    fn deserialize<D: Deserializer<'p>>(deserializer: D) -> Result<Self, D::Error> {
        struct FieldVisitor;
        impl Visitor<'_> for FieldVisitor {
            type Value = Field;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a SenML label")
            }

            fn visit_str<E: serde::de::Error>(self, label: &str) -> Result<Field, E> {
                Ok(match label {
                    "bn" => Field::BaseName,
                    "bt" => Field::BaseTime,
                    "bu" => Field::BaseUnit,
                    "bv" => Field::BaseValue,
                    "bver" => Field::Version,
                    "n" => Field::Name,
                    "t" => Field::Time,
                    "u" => Field::Unit,
                    "v" => Field::Value,
                    "vs" => Field::String,
                    "vb" => Field::Boolean,
                    "vd" => Field::Data,
                    "vlo" => Field::ObjectLink,
                    // Section 4.4: such fields must be understood.
                    other if other.ends_with('_') => {
                        return Err(E::custom("a field that must be understood, and is not"));
                    }
                    _ => Field::Other,
                })
            }
        }
        deserializer.deserialize_identifier(FieldVisitor)
    }
}

struct RecordVisitor;

impl<'p> Visitor<'p> for RecordVisitor {
    type Value = JsonRecord<'p>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a SenML record")
    }

    fn visit_map<A: MapAccess<'p>>(self, mut fields: A) -> Result<JsonRecord<'p>, A::Error> {
        let mut record = Record::default();
        let mut seen = 0u32;
        while let Some(field) = fields.next_key::<Field>()? {
            let bit = 1 << field as u32;
            if field != Field::Other && seen & bit != 0 {
                return Err(A::Error::custom("a record with one field twice"));
            }
            seen |= bit;
            let content = match field {
                Field::BaseName => {
                    record.base_name = Some(fields.next_value::<Text<'p>>()?.into_bytes());
                    continue;
                }
                Field::Name => {
                    record.name = Some(fields.next_value::<Text<'p>>()?.into_bytes());
                    continue;
                }
                Field::BaseTime => {
                    record.base_time = fields.next_value::<Number>()?.0.as_f64();
                    continue;
                }
                Field::Time => {
                    record.time = fields.next_value::<Number>()?.0.as_f64();
                    continue;
                }
                Field::BaseUnit | Field::Unit => {
                    fields.next_value::<Text<'p>>()?;
                    continue;
                }
                Field::BaseValue => {
                    record.has_other = true;
                    record.base_value = Some(fields.next_value::<Number>()?.0);
                    continue;
                }
                Field::Version => {
                    record.has_other = true;
                    let version = fields.next_value::<Number>()?.0;
                    record.version = Some(version.as_i64().unwrap_or(i64::MAX));
                    continue;
                }
                Field::Other => {
                    record.has_other = true;
                    fields.next_value::<IgnoredAny>()?;
                    continue;
                }
                Field::Value => match fields.next_value::<Option<Number>>()? {
                    Some(Number(value)) => Content::Value(value),
                    None => Content::Null,
                },
                Field::String => {
                    let Text(text) = fields.next_value()?;
                    Content::Value(Value::String(text.into_owned()))
                }
                Field::Boolean => Content::Value(Value::Boolean(fields.next_value()?)),
                Field::Data => {
                    let Text(text) = fields.next_value()?;
                    let bytes = BASE64URL.decode(&*text).map_err(A::Error::custom)?;
                    Content::Value(Value::Opaque(bytes))
                }
                Field::ObjectLink => {
                    let Text(text) = fields.next_value()?;
                    let link: ObjectLink = text.parse().map_err(A::Error::custom)?;
                    Content::Value(Value::ObjectLink(link))
                }
            };
            record.set_content(content).map_err(A::Error::custom)?;
        }
        Ok(JsonRecord(record))
    }
}

/// Text, borrowed from the payload where it has no escapes.
pub(super) struct Text<'p>(pub(super) Cow<'p, str>);

impl<'p> Text<'p> {
    fn into_bytes(self) -> Cow<'p, [u8]> {
        match self.0 {
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        }
    }
}

impl<'de: 'p, 'p> Deserialize<'de> for Text<'p> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.into())))
            }

            fn visit_string<E>(self, text: String) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text)))
            }
        }
        deserializer.deserialize_str(TextVisitor)
    }
}

/// A number, exactly: an integer stays one as far as 64 bits go.
pub(super) struct Number(pub(super) Value);

impl<'p> Deserialize<'p> for Number {
    fn deserialize<D: Deserializer<'p>>(deserializer: D) -> Result<Self, D::Error> {
        struct NumberVisitor;
        impl Visitor<'_> for NumberVisitor {
            type Value = Number;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number")
            }

            fn visit_i64<E>(self, n: i64) -> Result<Number, E> {
                Ok(Number(Value::Integer(n)))
            }

            fn visit_u64<E>(self, n: u64) -> Result<Number, E> {
                Ok(Number(match i64::try_from(n) {
                    Ok(n) => Value::Integer(n),
                    Err(_) => Value::Unsigned(n),
                }))
            }

            fn visit_f64<E>(self, v: f64) -> Result<Number, E> {
                Ok(Number(Value::Float(v)))
            }
        }
        deserializer.deserialize_any(NumberVisitor)
    }
}

pub(super) fn write(records: &[OutRecord<'_>]) -> Vec<u8> {
    struct Records<'r>(&'r [OutRecord<'r>]);
    impl Serialize for Records<'_> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut pack = serializer.serialize_seq(Some(self.0.len()))?;
            for record in self.0 {
                pack.serialize_element(record)?;
            }
            pack.end()
        }
    }
    // Maps with text keys and finite numbers always have a JSON form.
    serde_json::to_vec(&Records(records)).unwrap_or_default()
}

impl Serialize for OutRecord<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.len()))?;
        if let Some(name) = &self.base_name {
            map.serialize_entry("bn", name)?;
        }
        if let Some(time) = self.base_time {
            map.serialize_entry("bt", &Time(time))?;
        }
        if let Some(name) = &self.name {
            map.serialize_entry("n", name)?;
        }
        if let Some(time) = self.time {
            map.serialize_entry("t", &Time(time))?;
        }
        match &self.content {
            OutContent::Absent => {}
            OutContent::Null => map.serialize_entry("v", &())?,
            OutContent::Value(value) => match &**value {
                Value::String(text) | Value::CoreLink(text) => map.serialize_entry("vs", text)?,
                Value::Integer(n) | Value::Time(n) => map.serialize_entry("v", n)?,
                Value::Unsigned(n) => map.serialize_entry("v", n)?,
                Value::Float(v) => map.serialize_entry("v", v)?,
                Value::Boolean(v) => map.serialize_entry("vb", v)?,
                Value::Opaque(bytes) => map.serialize_entry("vd", &BASE64URL.encode(bytes))?,
                Value::ObjectLink(link) => map.serialize_entry("vlo", &Shown(link))?,
            },
        }
        map.end()
    }
}

impl Serialize for Name<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.parts() {
            ("", name) => serializer.serialize_str(&name),
            (root, name) => serializer.collect_str(&format_args!("{root}{}", &*name)),
        }
    }
}

/// What is written as its text.
pub(super) struct Shown<T>(pub(super) T);

impl<T: fmt::Display> Serialize for Shown<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// A time, as an integer where it is whole.
pub(super) struct Time(pub(super) f64);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match Value::Float(self.0).as_i64() {
            Some(seconds) => serializer.serialize_i64(seconds),
            None => serializer.serialize_f64(self.0),
        }
    }
}
