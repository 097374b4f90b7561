//! text/plain: one value as text (Core 1.2.2, section 7.5.1 and appendix C, table C-2).
//!
//! The text does not tell its type: the model does, and without one it is a string.

use super::{
    DecodeError, EncodeError,
    scope::{Incoming, Outgoing},
};
use crate::{
    entry::Entry,
    value::{DataType, Value},
};
use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use base64::{
    Engine,
    alphabet::{Alphabet, STANDARD, URL_SAFE},
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

const fn base64(alphabet: &Alphabet, padded: bool) -> GeneralPurpose {
    // Padding says nothing that the length does not: write what is asked for, read both.
    let config = GeneralPurposeConfig::new()
        .with_encode_padding(padded)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent);
    GeneralPurpose::new(alphabet, config)
}

/// Base64 with padding, of text and of the JSON of LwM2M 1.0.
pub(super) const BASE64: GeneralPurpose = base64(&STANDARD, true);
/// Base64 for URLs without padding, of SenML-JSON (RFC 8428, section 5).
pub(super) const BASE64URL: GeneralPurpose = base64(&URL_SAFE, false);

pub(super) fn decode(payload: &[u8], to: &mut Incoming<'_>) -> Result<Vec<Entry>, DecodeError> {
    let path = to.single_value()?;
    let text = core::str::from_utf8(payload).map_err(|_| to.malformed("text that is not UTF-8"))?;
    let data_type = to.data_type(&path).unwrap_or(DataType::String);
    let value = parse(text, data_type).ok_or_else(|| DecodeError::Value {
        path,
        reason: format!("the text is no {data_type}"),
    })?;
    to.push(path, value, None)?;
    to.finish()
}

pub(super) fn encode(entries: &[Entry], from: &Outgoing<'_>) -> Result<Vec<u8>, EncodeError> {
    let value = from.single_value(entries)?;
    let text: String = match &*value {
        Value::String(text) | Value::CoreLink(text) => text.clone(),
        Value::Integer(n) | Value::Time(n) => n.to_string(),
        Value::Unsigned(n) => n.to_string(),
        // `{}` never writes an exponent, which the format does not know.
        Value::Float(v) if v.is_finite() => match format!("{v}") {
            text if text.contains('.') => text,
            whole => whole + ".0",
        },
        Value::Float(_) => return Err(from.no_form(from.base)),
        Value::Boolean(v) => u8::from(*v).to_string(),
        Value::Opaque(bytes) => BASE64.encode(bytes),
        Value::ObjectLink(link) => link.to_string(),
    };
    Ok(text.into_bytes())
}

/// The value that a text means where this type is expected.
fn parse(text: &str, data_type: DataType) -> Option<Value> {
    let signed = || {
        let digits = text.strip_prefix('-').unwrap_or(text);
        all_digits(digits).then(|| text.parse().ok())?
    };
    match data_type {
        DataType::String => Some(Value::String(text.into())),
        DataType::CoreLink => Some(Value::CoreLink(text.into())),
        DataType::Integer => signed().map(Value::Integer),
        DataType::Time => signed().map(Value::Time),
        DataType::Unsigned => all_digits(text).then(|| text.parse().ok().map(Value::Unsigned))?,
        DataType::Float => {
            // Rust's parser takes words for what is no number as well.
            let numeric = |b: u8| b.is_ascii_digit() || b"+-.eE".contains(&b);
            let value: f64 = text.bytes().all(numeric).then(|| text.parse().ok())??;
            value.is_finite().then_some(Value::Float(value))
        }
        DataType::Boolean => match text {
            "0" => Some(Value::Boolean(false)),
            "1" => Some(Value::Boolean(true)),
            _ => None,
        },
        DataType::Opaque => BASE64.decode(text).ok().map(Value::Opaque),
        DataType::ObjectLink => text.parse().ok().map(Value::ObjectLink),
    }
}

fn all_digits(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit())
}
