//! SenML records as plain structs (RFC 8428), as a program would have them that takes a CBOR or JSON library and
//! goes: no resolution of names, no model, no types, no check for fields that stand twice.

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{IgnoredAny, MapAccess, Visitor},
    ser::SerializeMap,
};
use std::{convert::Infallible, fmt, io};

/// One record, with those fields that the payloads of this crate have.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Record {
    /// Base name.
    pub bn: Option<String>,
    /// Base time.
    pub bt: Option<Number>,
    /// Name.
    pub n: Option<String>,
    /// Time.
    pub t: Option<Number>,
    /// Number.
    pub v: Option<Number>,
    /// Text.
    pub vs: Option<String>,
    /// Boolean.
    pub vb: Option<bool>,
}

/// A number as it stands there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Number {
    /// An integer.
    Integer(i64),
    /// A float.
    Float(f64),
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NumberVisitor;
        impl Visitor<'_> for NumberVisitor {
            type Value = Number;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number")
            }
            fn visit_i64<E>(self, n: i64) -> Result<Number, E> {
                Ok(Number::Integer(n))
            }
            fn visit_u64<E>(self, n: u64) -> Result<Number, E> {
                Ok(i64::try_from(n).map_or(Number::Float(n as f64), Number::Integer))
            }
            fn visit_f64<E>(self, v: f64) -> Result<Number, E> {
                Ok(Number::Float(v))
            }
        }
        deserializer.deserialize_any(NumberVisitor)
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Number::Integer(n) => serializer.serialize_i64(*n),
            Number::Float(v) => serializer.serialize_f64(*v),
        }
    }
}

/// Records with the labels of SenML-CBOR, by serde.
#[derive(Debug, Clone, PartialEq)]
pub struct CborRecord(pub Record);

impl<'de> Deserialize<'de> for CborRecord {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct RecordVisitor;
        impl<'de> Visitor<'de> for RecordVisitor {
            type Value = CborRecord;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a SenML record")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<CborRecord, A::Error> {
                let mut record = Record::default();
                while let Some(label) = map.next_key::<i8>()? {
                    match label {
                        -2 => record.bn = Some(map.next_value()?),
                        -3 => record.bt = Some(map.next_value()?),
                        0 => record.n = Some(map.next_value()?),
                        2 => record.v = Some(map.next_value()?),
                        3 => record.vs = Some(map.next_value()?),
                        4 => record.vb = Some(map.next_value()?),
                        6 => record.t = Some(map.next_value()?),
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(CborRecord(record))
            }
        }
        deserializer.deserialize_map(RecordVisitor)
    }
}

impl Serialize for CborRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let record = &self.0;
        let mut map = serializer.serialize_map(Some(record.len()))?;
        if let Some(bn) = &record.bn {
            map.serialize_entry(&-2, bn)?;
        }
        if let Some(bt) = &record.bt {
            map.serialize_entry(&-3, bt)?;
        }
        if let Some(n) = &record.n {
            map.serialize_entry(&0, n)?;
        }
        if let Some(t) = &record.t {
            map.serialize_entry(&6, t)?;
        }
        if let Some(v) = &record.v {
            map.serialize_entry(&2, v)?;
        }
        if let Some(vs) = &record.vs {
            map.serialize_entry(&3, vs)?;
        }
        if let Some(vb) = &record.vb {
            map.serialize_entry(&4, vb)?;
        }
        map.end()
    }
}

impl Record {
    fn len(&self) -> usize {
        [
            self.bn.is_some(),
            self.bt.is_some(),
            self.n.is_some(),
            self.t.is_some(),
            self.v.is_some(),
            self.vs.is_some(),
            self.vb.is_some(),
        ]
        .into_iter()
        .filter(|present| *present)
        .count()
    }
}

mod mini {
    use super::{Number, Record};
    use minicbor::{
        Decode, Decoder, Encode, Encoder,
        data::Type,
        decode,
        encode::{self, Write},
    };

    impl<'b, C> Decode<'b, C> for Number {
        fn decode(decoder: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
            match decoder.datatype()? {
                Type::F16 | Type::F32 | Type::F64 => decoder.f64().map(Number::Float),
                _ => decoder.i64().map(Number::Integer),
            }
        }
    }

    impl<C> Encode<C> for Number {
        fn encode<W: Write>(
            &self,
            encoder: &mut Encoder<W>,
            _: &mut C,
        ) -> Result<(), encode::Error<W::Error>> {
            match self {
                Number::Integer(n) => encoder.i64(*n)?,
                // As short as it goes, like the others.
                Number::Float(v) if f64::from(*v as f32) == *v => encoder.f32(*v as f32)?,
                Number::Float(v) => encoder.f64(*v)?,
            };
            Ok(())
        }
    }

    impl<'b, C> Decode<'b, C> for Record {
        fn decode(decoder: &mut Decoder<'b>, context: &mut C) -> Result<Self, decode::Error> {
            let mut record = Record::default();
            let Some(fields) = decoder.map()? else {
                return Err(decode::Error::message("a map of unknown length"));
            };
            for _ in 0..fields {
                match decoder.i8()? {
                    -2 => record.bn = Some(decoder.str()?.into()),
                    -3 => record.bt = Some(decoder.decode_with(context)?),
                    0 => record.n = Some(decoder.str()?.into()),
                    2 => record.v = Some(decoder.decode_with(context)?),
                    3 => record.vs = Some(decoder.str()?.into()),
                    4 => record.vb = Some(decoder.bool()?),
                    6 => record.t = Some(decoder.decode_with(context)?),
                    _ => decoder.skip()?,
                }
            }
            Ok(record)
        }
    }

    impl<C> Encode<C> for Record {
        fn encode<W: Write>(
            &self,
            encoder: &mut Encoder<W>,
            context: &mut C,
        ) -> Result<(), encode::Error<W::Error>> {
            encoder.map(self.len() as u64)?;
            if let Some(bn) = &self.bn {
                encoder.i8(-2)?.str(bn)?;
            }
            if let Some(bt) = &self.bt {
                encoder.i8(-3)?.encode_with(bt, context)?;
            }
            if let Some(n) = &self.n {
                encoder.i8(0)?.str(n)?;
            }
            if let Some(t) = &self.t {
                encoder.i8(6)?.encode_with(t, context)?;
            }
            if let Some(v) = &self.v {
                encoder.i8(2)?.encode_with(v, context)?;
            }
            if let Some(vs) = &self.vs {
                encoder.i8(3)?.str(vs)?;
            }
            if let Some(vb) = &self.vb {
                encoder.i8(4)?.bool(*vb)?;
            }
            Ok(())
        }
    }
}

/// Records with the labels of SenML-JSON, by serde.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct JsonRecord {
    #[serde(skip_serializing_if = "Option::is_none")]
    bn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bt: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    n: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    t: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    v: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vs: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vb: Option<bool>,
}

/// Reads SenML-CBOR with ciborium's serde.
///
/// # Errors
/// Whatever it finds wrong.
pub fn from_ciborium(payload: &[u8]) -> Result<Vec<CborRecord>, ciborium::de::Error<io::Error>> {
    ciborium::from_reader(payload)
}

/// Writes SenML-CBOR with ciborium's serde.
///
/// # Errors
/// None in practice.
pub fn to_ciborium(records: &[CborRecord]) -> Result<Vec<u8>, ciborium::ser::Error<io::Error>> {
    let mut bytes = Vec::new();
    ciborium::into_writer(records, &mut bytes).map(|()| bytes)
}

/// Reads SenML-CBOR with minicbor.
///
/// # Errors
/// Whatever it finds wrong.
pub fn from_minicbor(payload: &[u8]) -> Result<Vec<Record>, minicbor::decode::Error> {
    minicbor::decode(payload)
}

/// Writes SenML-CBOR with minicbor.
///
/// # Errors
/// None in practice.
pub fn to_minicbor(records: &[Record]) -> Result<Vec<u8>, minicbor::encode::Error<Infallible>> {
    minicbor::to_vec(records)
}

/// Reads SenML-JSON with serde_json.
///
/// # Errors
/// Whatever it finds wrong.
pub fn from_serde_json(payload: &[u8]) -> Result<Vec<JsonRecord>, serde_json::Error> {
    serde_json::from_slice(payload)
}

/// Writes SenML-JSON with serde_json.
///
/// # Errors
/// None in practice.
pub fn to_serde_json(records: &[JsonRecord]) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(records)
}
