//! The JSON of LwM2M 1.0, application/vnd.oma.lwm2m+json (TS 1.0.2, section 6.4.4).
//!
//! An object with a base name `bn`, a base time `bt` and an array `e` of flat elements, each with a name `n`, a time
//! `t` and one of the values `v`, `sv`, `bv` and `ov`. Bytes are Base64 in `sv`, which only the model tells from
//! text.

use super::{
    DecodeError, EncodeError, MAX_ENTRIES,
    scope::{Incoming, Outgoing},
    senml_json::{Number, Shown, Text, Time, fault, utf8},
    senml_name::parse_name,
    text::BASE64,
};
use crate::{
    entry::Entry,
    path::{Path, PathLevel},
    value::{DataType, Value},
};
use alloc::{borrow::Cow, format, string::String, vec::Vec};
use base64::Engine as _;
use core::fmt;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor},
    ser::{SerializeMap, SerializeSeq},
};

/// The fields of the whole; read by hand, since what serde derives takes arrays for objects and null for nothing.
#[derive(Default)]
struct Pack<'p> {
    bn: Option<Text<'p>>,
    bt: Option<Number>,
    e: Option<Elements<'p>>,
}

impl<'de: 'p, 'p> Deserialize<'de> for Pack<'p> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PackVisitor;
        impl<'de> Visitor<'de> for PackVisitor {
            type Value = Pack<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with the elements e")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Pack<'de>, A::Error> {
                let mut pack = Pack::default();
                while let Some(Text(label)) = fields.next_key()? {
                    match &*label {
                        "bn" => read_field(&mut pack.bn, &mut fields)?,
                        "bt" => read_field(&mut pack.bt, &mut fields)?,
                        "e" => read_field(&mut pack.e, &mut fields)?,
                        _ => _ = fields.next_value::<IgnoredAny>()?,
                    }
                }
                Ok(pack)
            }
        }
        deserializer.deserialize_map(PackVisitor)
    }
}

#[derive(Default)]
struct Element<'p> {
    n: Option<Text<'p>>,
    t: Option<Number>,
    v: Option<Number>,
    sv: Option<Text<'p>>,
    bv: Option<bool>,
    ov: Option<Text<'p>>,
}

impl<'de: 'p, 'p> Deserialize<'de> for Element<'p> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ElementVisitor;
        impl<'de> Visitor<'de> for ElementVisitor {
            type Value = Element<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an element")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Element<'de>, A::Error> {
                let mut element = Element::default();
                while let Some(Text(label)) = fields.next_key()? {
                    match &*label {
                        "n" => read_field(&mut element.n, &mut fields)?,
                        "t" => read_field(&mut element.t, &mut fields)?,
                        "v" => read_field(&mut element.v, &mut fields)?,
                        "sv" => read_field(&mut element.sv, &mut fields)?,
                        "bv" => read_field(&mut element.bv, &mut fields)?,
                        "ov" => read_field(&mut element.ov, &mut fields)?,
                        _ => _ = fields.next_value::<IgnoredAny>()?,
                    }
                }
                Ok(element)
            }
        }
        deserializer.deserialize_map(ElementVisitor)
    }
}

/// A field, which stands no more than once.
fn read_field<'de, T: Deserialize<'de>, A: MapAccess<'de>>(
    field: &mut Option<T>,
    fields: &mut A,
) -> Result<(), A::Error> {
    match field.replace(fields.next_value()?) {
        None => Ok(()),
        Some(_) => Err(A::Error::custom("a field twice")),
    }
}

/// The elements, no more than there may be values.
struct Elements<'p>(Vec<Element<'p>>);

impl<'de: 'p, 'p> Deserialize<'de> for Elements<'p> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ElementsVisitor;
        impl<'de> Visitor<'de> for ElementsVisitor {
            type Value = Elements<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of elements")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Elements<'de>, A::Error> {
                let mut elements = Vec::new();
                while let Some(element) = seq.next_element()? {
                    if elements.len() == MAX_ENTRIES {
                        return Err(A::Error::custom("too many values"));
                    }
                    elements.push(element);
                }
                Ok(Elements(elements))
            }
        }
        deserializer.deserialize_seq(ElementsVisitor)
    }
}

pub(super) fn decode(payload: &[u8], to: &mut Incoming<'_>) -> Result<Vec<Entry>, DecodeError> {
    let text = utf8(payload).map_err(|reason| to.malformed(reason))?;
    let pack: Pack<'_> = serde_json::from_str(text).map_err(|error| to.malformed(fault(&error)))?;
    let Some(Elements(elements)) = pack.e else {
        return Err(to.malformed("an object without the elements e"));
    };
    let base_time = pack.bt.and_then(|time| time.0.as_f64());
    for element in elements {
        let name = element.n.as_ref().map_or("", |name| &*name.0);
        let path = match &pack.bn {
            Some(base) => parse_name(&base.0, name, to)?,
            // Early clients leave the base name out and mean the place of the request.
            None if !name.starts_with('/') => {
                let base = format!("{}/", to.base);
                let base = base.strip_prefix('/').unwrap_or(&base);
                parse_name(base, name, to)?
            }
            None => parse_name("", name, to)?,
        };
        let time = match (base_time, element.t.and_then(|time| time.0.as_f64())) {
            (None, time) | (time, None) => time,
            (Some(base), Some(time)) => Some(base + time),
        };
        if time.is_some_and(|time| !time.is_finite()) {
            return Err(to.malformed("a time that is no number"));
        }
        let value = match (element.v, element.sv, element.bv, element.ov) {
            (Some(Number(value)), None, None, None) => value,
            (None, Some(Text(text)), None, None) => match to.data_type(&path) {
                Some(DataType::Opaque) => {
                    let bytes = BASE64.decode(&*text);
                    Value::Opaque(bytes.map_err(|_| DecodeError::Value {
                        path,
                        reason: "the text is no Base64".into(),
                    })?)
                }
                _ => Value::String(text.into_owned()),
            },
            (None, None, Some(value), None) => Value::Boolean(value),
            (None, None, None, Some(Text(text))) => {
                let link = text.parse();
                Value::ObjectLink(link.map_err(|_| to.malformed("an ov that is no object link"))?)
            }
            _ => return Err(to.malformed("an element without one value")),
        };
        to.push(path, value, time)?;
    }
    to.finish()
}

pub(super) fn encode(entries: &[Entry], from: &Outgoing<'_>) -> Result<Vec<u8>, EncodeError> {
    let at_base = |entry: &Entry| entry.path == from.base;
    let any_at_base = entries.iter().any(at_base);
    let base_name = match from.base {
        base if any_at_base || base == Path::ROOT => {
            format!("{}{base}", from.root)
        }
        base => format!("{}{base}/", from.root),
    };
    // One base time for all, where each distance from it is exact.
    let base_time = entries.first().and_then(|entry| entry.time);
    let base_time = base_time.filter(|base| {
        let exact = |time: f64| base + (time - base) == time;
        entries.iter().all(|entry| entry.time.is_some_and(exact))
    });
    let elements = entries
        .iter()
        .map(|entry| {
            let value = from.value(entry)?;
            if matches!(&*value, Value::Float(v) if !v.is_finite()) {
                return Err(from.no_form(entry.path));
            }
            if entry.time.is_some_and(|time| !time.is_finite()) {
                return Err(from.unsupported("a time that is no number"));
            }
            if at_base(entry) != any_at_base {
                return Err(from.unsupported("a resource with both a value and instances"));
            }
            let time = match (entry.time, base_time) {
                (Some(time), Some(base)) if time == base => None,
                (Some(time), Some(base)) => Some(time - base),
                (time, _) => time,
            };
            Ok(OutElement {
                name: below(entry.path, from.base),
                time,
                value,
            })
        })
        .collect::<Result<Vec<_>, EncodeError>>()?;
    let pack = OutPack {
        base_name,
        base_time,
        elements,
    };
    // Maps with text keys and finite numbers always have a JSON form.
    Ok(serde_json::to_vec(&pack).unwrap_or_default())
}

/// What follows `base` in a path; `None` where that is nothing.
fn below(path: Path, base: Path) -> Option<String> {
    let rest = path.ids().get(base.ids().len()..)?;
    let names: Vec<String> = rest.iter().map(|id| format!("{id}")).collect();
    (path.level() > base.level().min(PathLevel::ResourceInstance)).then(|| names.join("/"))
}

struct OutPack<'e> {
    base_name: String,
    base_time: Option<f64>,
    elements: Vec<OutElement<'e>>,
}

struct OutElement<'e> {
    name: Option<String>,
    time: Option<f64>,
    value: Cow<'e, Value>,
}

impl Serialize for OutPack<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct OutElements<'e>(&'e [OutElement<'e>]);
        impl Serialize for OutElements<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut seq = serializer.serialize_seq(Some(self.0.len()))?;
                for element in self.0 {
                    seq.serialize_element(element)?;
                }
                seq.end()
            }
        }
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("bn", &self.base_name)?;
        if let Some(time) = self.base_time {
            map.serialize_entry("bt", &Time(time))?;
        }
        map.serialize_entry("e", &OutElements(&self.elements))?;
        map.end()
    }
}

impl Serialize for OutElement<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(name) = &self.name {
            map.serialize_entry("n", name)?;
        }
        if let Some(time) = self.time {
            map.serialize_entry("t", &Time(time))?;
        }
        match &*self.value {
            Value::String(text) | Value::CoreLink(text) => map.serialize_entry("sv", text)?,
            Value::Integer(n) | Value::Time(n) => map.serialize_entry("v", n)?,
            Value::Unsigned(n) => map.serialize_entry("v", n)?,
            Value::Float(v) => map.serialize_entry("v", v)?,
            Value::Boolean(v) => map.serialize_entry("bv", v)?,
            Value::Opaque(bytes) => map.serialize_entry("sv", &BASE64.encode(bytes))?,
            Value::ObjectLink(link) => map.serialize_entry("ov", &Shown(link))?,
        }
        map.end()
    }
}
