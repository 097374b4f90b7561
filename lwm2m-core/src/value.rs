//! The values that resources carry, and their data types (Core 1.2.2, appendix C).

use alloc::{string::String, vec::Vec};
use core::{fmt, str::FromStr};

/// The data type of a resource (Core 1.2.2, table C-1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DataType {
    /// String: UTF-8 text (Core 1.2.2, table C-1).
    String,
    /// Integer: signed, of 8, 16, 32 or 64 bits (Core 1.2.2, table C-1).
    Integer,
    /// Unsigned Integer: of 8, 16, 32 or 64 bits (from LwM2M 1.1; Core 1.2.2, table C-1).
    Unsigned,
    /// Float: of 32 or 64 bits (IEEE 754; Core 1.2.2, table C-1).
    Float,
    /// Boolean: 0 or 1, false or true (Core 1.2.2, table C-1).
    Boolean,
    /// Opaque: a sequence of bytes (Core 1.2.2, table C-1).
    Opaque,
    /// Time: seconds since 1970-01-01T00:00:00Z, signed (Core 1.2.2, table C-1).
    Time,
    /// Objlnk: a pair of object and object instance identifiers (Core 1.2.2, table C-1).
    ObjectLink,
    /// Corelnk: links in CoRE link format (from LwM2M 1.1; Core 1.2.2, table C-1).
    CoreLink,
}

impl DataType {
    /// The word the specification uses, as in definition files ("Objlnk", "Corelnk").
    pub const fn name(self) -> &'static str {
        match self {
            DataType::String => "String",
            DataType::Integer => "Integer",
            DataType::Unsigned => "Unsigned Integer",
            DataType::Float => "Float",
            DataType::Boolean => "Boolean",
            DataType::Opaque => "Opaque",
            DataType::Time => "Time",
            DataType::ObjectLink => "Objlnk",
            DataType::CoreLink => "Corelnk",
        }
    }

    /// Whether `gt`, `lt` and `st` may be set on it (Core 1.2.2, section 7.3): the numeric types.
    pub const fn is_numeric(self) -> bool {
        matches!(
            self,
            DataType::Integer | DataType::Unsigned | DataType::Float | DataType::Time
        )
    }
}

impl fmt::Display for DataType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An object link: object and object instance identifier, `65535:65535` where it points nowhere (Core 1.2.2, table
/// C-1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ObjectLink {
    /// Object identifier.
    pub object: u16,
    /// Object instance identifier.
    pub instance: u16,
}

impl ObjectLink {
    /// The link that points nowhere, `65535:65535`.
    pub const NULL: ObjectLink = ObjectLink {
        object: u16::MAX,
        instance: u16::MAX,
    };

    /// Whether this is the link that points nowhere.
    pub fn is_null(self) -> bool {
        self == Self::NULL
    }
}

impl fmt::Display for ObjectLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.object, self.instance)
    }
}

/// The text is no object link (`3:0`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an object link is two numbers from 0 to 65535 with a colon between, like 3:0")]
pub struct ObjectLinkError;

impl FromStr for ObjectLink {
    type Err = ObjectLinkError;

    fn from_str(text: &str) -> Result<Self, ObjectLinkError> {
        let number = |part: &str| match part.bytes().all(|b| b.is_ascii_digit()) {
            true => part.parse().map_err(|_| ObjectLinkError),
            false => Err(ObjectLinkError),
        };
        // As an example of the specification writes the null link (Core 1.2.2, table 7.5.6-4).
        if text == "FFFF:FFFF" {
            return Ok(ObjectLink::NULL);
        }
        let (object, instance) = text.split_once(':').ok_or(ObjectLinkError)?;
        Ok(ObjectLink {
            object: number(object)?,
            instance: number(instance)?,
        })
    }
}

/// The value of a resource or of a resource instance (Core 1.2.2, table C-1).
///
/// `Debug` and `Display` show the length of opaque values only: they may be keys.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
// A discriminant of a whole word, which costs no space: a value is then copied in whole words too, while behind a
// discriminant of one byte lie fields that make compilers copy it in pieces, several times slower.
#[repr(u64)]
pub enum Value {
    /// UTF-8 text.
    String(String),
    /// A signed integer.
    Integer(i64),
    /// An unsigned integer.
    Unsigned(u64),
    /// A float; those of 32 bits are widened.
    Float(f64),
    /// False or true.
    Boolean(bool),
    /// Bytes.
    Opaque(Vec<u8>),
    /// Seconds since 1970-01-01T00:00:00Z.
    Time(i64),
    /// A pair of identifiers.
    ObjectLink(ObjectLink),
    /// Links in CoRE link format.
    CoreLink(String),
}

impl Value {
    /// The data type this value has.
    pub const fn data_type(&self) -> DataType {
        match self {
            Value::String(_) => DataType::String,
            Value::Integer(_) => DataType::Integer,
            Value::Unsigned(_) => DataType::Unsigned,
            Value::Float(_) => DataType::Float,
            Value::Boolean(_) => DataType::Boolean,
            Value::Opaque(_) => DataType::Opaque,
            Value::Time(_) => DataType::Time,
            Value::ObjectLink(_) => DataType::ObjectLink,
            Value::CoreLink(_) => DataType::CoreLink,
        }
    }

    /// The number in it, for comparison with `gt`, `lt` and `st`; `None` for types that have none.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Value::Integer(v) | Value::Time(v) => Some(*v as f64),
            Value::Unsigned(v) => Some(*v as f64),
            Value::Float(v) => Some(*v),
            _ => None,
        }
    }

    /// The integer in it (integer, time, or an unsigned or whole float that fits).
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Value::Integer(v) | Value::Time(v) => Some(*v),
            Value::Unsigned(v) => i64::try_from(*v).ok(),
            Value::Float(v) if *v as i64 as f64 == *v && fits_i64(*v) => Some(*v as i64),
            _ => None,
        }
    }

    /// The text in it.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) | Value::CoreLink(text) => Some(text),
            _ => None,
        }
    }

    /// The boolean in it.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Boolean(value) => Some(*value),
            _ => None,
        }
    }

    /// The bytes in it.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Value::Opaque(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// This value as `data_type`, where no information is lost: a whole float as an integer, an integer as a
    /// float (the nearest one), time or unsigned, a text as a core link, a text like `3:0` as an object link.
    /// Formats that do not carry types (SenML, CBOR) need it.
    ///
    /// # Errors
    /// Gives the value back where it cannot be that type.
    pub fn coerce(self, data_type: DataType) -> Result<Value, Value> {
        if self.data_type() == data_type {
            return Ok(self);
        }
        let coerced = match data_type {
            DataType::Integer => self.as_i64().map(Value::Integer),
            DataType::Time => self.as_i64().map(Value::Time),
            DataType::Unsigned => match &self {
                Value::Float(v) if *v >= 9_223_372_036_854_775_808.0 => {
                    (*v < 18_446_744_073_709_551_616.0).then_some(Value::Unsigned(*v as u64))
                }
                other => other
                    .as_i64()
                    .and_then(|v| u64::try_from(v).ok())
                    .map(Value::Unsigned),
            },
            DataType::Float => self.as_f64().map(Value::Float),
            DataType::String => self.as_str().map(|text| Value::String(text.into())),
            DataType::CoreLink => self.as_str().map(|text| Value::CoreLink(text.into())),
            DataType::ObjectLink => match &self {
                Value::String(text) => text.parse().ok().map(Value::ObjectLink),
                _ => None,
            },
            _ => None,
        };
        coerced.ok_or(self)
    }
}

/// The narrowest value that holds an integer: beyond 64 bits the nearest float, but never -2^63, which would pass for an
/// integer of 64 bits.
pub(crate) fn integer_value(n: i128) -> Value {
    /// The next float below -2^63.
    const BELOW: f64 = -9_223_372_036_854_777_856.0;
    if let Ok(n) = i64::try_from(n) {
        Value::Integer(n)
    } else if let Ok(n) = u64::try_from(n) {
        Value::Unsigned(n)
    } else {
        let rounded = n as f64;
        Value::Float(if fits_i64(rounded) { BELOW } else { rounded })
    }
}

/// Whether a float, cut to a whole number, is one of 64 bits with a sign: from -2^63, which is a float, to below 2^63,
/// which is the first float above [`i64::MAX`]. Whole ones convert exactly.
pub(crate) fn fits_i64(v: f64) -> bool {
    (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&v)
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::String(v) => f.debug_tuple("String").field(v).finish(),
            Value::CoreLink(v) => f.debug_tuple("CoreLink").field(v).finish(),
            Value::Integer(v) => write!(f, "Integer({v})"),
            Value::Unsigned(v) => write!(f, "Unsigned({v})"),
            Value::Float(v) => write!(f, "Float({v:?})"),
            Value::Boolean(v) => write!(f, "Boolean({v})"),
            Value::Opaque(bytes) => write!(f, "Opaque({} bytes)", bytes.len()),
            Value::Time(v) => write!(f, "Time({v})"),
            Value::ObjectLink(v) => write!(f, "ObjectLink({v})"),
        }
    }
}

impl fmt::Display for Value {
    /// The value as a person reads it; opaque values as their length, since they may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::String(text) => write!(f, "{text:?}"),
            Value::CoreLink(text) => f.write_str(text),
            Value::Integer(v) | Value::Time(v) => write!(f, "{v}"),
            Value::Unsigned(v) => write!(f, "{v}"),
            Value::Float(v) => write!(f, "{v}"),
            Value::Boolean(v) => write!(f, "{v}"),
            Value::Opaque(bytes) => write!(f, "{} bytes", bytes.len()),
            Value::ObjectLink(link) => write!(f, "{link}"),
        }
    }
}

macro_rules! value_from {
    ($($from:ty => $variant:ident),* $(,)?) => {$(
        impl From<$from> for Value {
            fn from(value: $from) -> Self {
                Value::$variant(value.into())
            }
        }
    )*};
}

value_from! {
    &str => String, String => String,
    i64 => Integer, i32 => Integer, i16 => Integer, i8 => Integer,
    u64 => Unsigned, u32 => Unsigned,
    f64 => Float, f32 => Float,
    bool => Boolean,
    Vec<u8> => Opaque, &[u8] => Opaque,
    ObjectLink => ObjectLink,
}

#[cfg(test)]
mod tests {
    use super::*;

    // proves: FMT-34
    #[test]
    fn coercion_loses_nothing() {
        use DataType as T;
        assert_eq!(Value::Float(3.0).coerce(T::Integer), Ok(Value::Integer(3)));
        assert_eq!(
            Value::Float(3.5).coerce(T::Integer),
            Err(Value::Float(3.5)),
            "a fraction is no integer"
        );
        assert_eq!(
            Value::Integer(-1).coerce(T::Unsigned),
            Err(Value::Integer(-1))
        );
        assert_eq!(Value::Integer(5).coerce(T::Float), Ok(Value::Float(5.0)));
        let link = ObjectLink {
            object: 3,
            instance: 0,
        };
        assert_eq!(
            Value::from("3:0").coerce(T::ObjectLink),
            Ok(Value::ObjectLink(link))
        );
        assert!(Value::from("3").coerce(T::ObjectLink).is_err());
        assert_eq!(
            Value::Unsigned(u64::MAX).coerce(T::Integer),
            Err(Value::Unsigned(u64::MAX))
        );
        let bound = 9_223_372_036_854_775_808.0;
        for data_type in [T::Integer, T::Time] {
            assert_eq!(
                Value::Float(-bound).coerce(data_type).map(|v| v.as_i64()),
                Ok(Some(i64::MIN))
            );
            assert!(Value::Float(bound).coerce(data_type).is_err());
            assert!(Value::Float(-bound - 2048.0).coerce(data_type).is_err());
        }
        assert!(Value::Float(f64::NAN).coerce(T::Integer).is_err());
        assert!(Value::Float(f64::INFINITY).coerce(T::Unsigned).is_err());
    }

    // proves: FMT-35
    #[test]
    fn object_link_text() {
        assert_eq!("65535:65535".parse(), Ok(ObjectLink::NULL));
        // As an example of the specification writes it (table 7.5.6-4)
        assert_eq!("FFFF:FFFF".parse(), Ok(ObjectLink::NULL));
        for bad in [
            "", "3", "3:", ":0", "3:0:1", "+3:0", "65536:0", "FFFF:0", "A:B",
        ] {
            assert_eq!(bad.parse::<ObjectLink>(), Err(ObjectLinkError), "{bad}");
        }
    }
}
