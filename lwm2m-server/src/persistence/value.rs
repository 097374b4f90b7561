//! Values of every type, as they are kept.

use super::{Base64, Reason, text};
use lwm2m_core::value::Value;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ValueRecord {
    String(String),
    Integer(i64),
    Unsigned(u64),
    Float(f64),
    Boolean(bool),
    Opaque(Base64),
    Time(i64),
    ObjectLink(String),
    CoreLink(String),
}

impl From<&Value> for ValueRecord {
    fn from(value: &Value) -> Self {
        match value {
            Value::String(text) => ValueRecord::String(text.clone()),
            Value::Integer(number) => ValueRecord::Integer(*number),
            Value::Unsigned(number) => ValueRecord::Unsigned(*number),
            Value::Float(number) => ValueRecord::Float(*number),
            Value::Boolean(value) => ValueRecord::Boolean(*value),
            Value::Opaque(bytes) => ValueRecord::Opaque(Base64::of(bytes)),
            Value::Time(seconds) => ValueRecord::Time(*seconds),
            Value::ObjectLink(link) => ValueRecord::ObjectLink(link.to_string()),
            Value::CoreLink(text) => ValueRecord::CoreLink(text.clone()),
            // A type of a later version of the vocabulary, as a person would read it.
            other => ValueRecord::String(other.to_string()),
        }
    }
}

impl TryFrom<ValueRecord> for Value {
    type Error = Reason;

    fn try_from(record: ValueRecord) -> Result<Self, Reason> {
        Ok(match record {
            ValueRecord::String(text) => Value::String(text),
            ValueRecord::Integer(number) => Value::Integer(number),
            ValueRecord::Unsigned(number) => Value::Unsigned(number),
            ValueRecord::Float(number) => Value::Float(number),
            ValueRecord::Boolean(value) => Value::Boolean(value),
            ValueRecord::Opaque(bytes) => Value::Opaque(bytes.0),
            ValueRecord::Time(seconds) => Value::Time(seconds),
            ValueRecord::ObjectLink(link) => Value::ObjectLink(link.parse().map_err(text)?),
            ValueRecord::CoreLink(text) => Value::CoreLink(text),
        })
    }
}
