//! Payloads and what they say, in both directions, by format.

mod cbor;
mod json;
mod lwm2m_cbor;
mod paths;
mod plain;
mod senml;
mod tlv;

use super::{
    super::{ContentFormat as F, DecodeError, decode, encode},
    *,
};
use crate::model::NoModels;
use alloc::{string::String, vec, vec::Vec};
use std::string::ToString;

fn hex(text: &str) -> Vec<u8> {
    let digits: String = text.split_whitespace().collect();
    hex::decode(digits).expect("hexadecimal digits")
}

#[track_caller]
fn decodes(format: F, payload: impl AsRef<[u8]>, base: &str, expected: &[Entry]) {
    let found = decode(format, payload.as_ref(), &path(base), &models());
    assert_eq!(found.as_deref(), Ok(expected));
}

#[track_caller]
fn encodes(format: F, payload: impl AsRef<[u8]>, base: &str, entries: &[Entry]) {
    let found = encode(format, entries, &path(base), &models()).expect("a payload");
    let (found, expected) = (found.as_slice(), payload.as_ref());
    assert_eq!(
        found,
        expected,
        "{} is not {}",
        String::from_utf8_lossy(found),
        String::from_utf8_lossy(expected)
    );
}

#[track_caller]
fn both(format: F, payload: impl AsRef<[u8]>, base: &str, entries: &[Entry]) {
    decodes(format, payload.as_ref(), base, entries);
    encodes(format, payload.as_ref(), base, entries);
}

#[track_caller]
fn refused(format: F, payload: impl AsRef<[u8]>, base: &str) -> DecodeError {
    decode(format, payload.as_ref(), &path(base), &models()).expect_err("a refusal")
}

/// The device of the specification's examples (Core 1.2.2, appendix F).
fn device() -> Vec<Entry> {
    vec![
        entry("/3/0/0", "Open Mobile Alliance"),
        entry("/3/0/1", "Lightweight M2M Client"),
        entry("/3/0/2", "345000123"),
        entry("/3/0/3", "1.0"),
        entry("/3/0/6/0", 1i64),
        entry("/3/0/6/1", 5i64),
        entry("/3/0/7/0", 3800i64),
        entry("/3/0/7/1", 5000i64),
        entry("/3/0/8/0", 125i64),
        entry("/3/0/8/1", 900i64),
        entry("/3/0/9", 100i64),
        entry("/3/0/10", 15i64),
        entry("/3/0/11/0", 0i64),
        entry("/3/0/13", Value::Time(1_367_491_215)),
        entry("/3/0/14", "+02:00"),
        entry("/3/0/16", "U"),
    ]
}

// proves: DM-26, FMT-36
#[test]
fn the_model_gives_the_type_and_the_error_names_it() {
    let error = refused(F::SenmlJson, r#"[{"n":"/3/0/9","vs":"abc"}]"#, "/3/0/9");
    assert_eq!(
        error.to_string(),
        r#"/3/0/9: expects Integer, got String "abc""#
    );
    let error = refused(F::SenmlJson, r#"[{"n":"/3442/0/150","vs":"key"}]"#, "/");
    assert_eq!(error.to_string(), "/3442/0/150: expects Opaque, got String");
    let error = refused(F::Tlv, hex("c30a010203"), "/3/0");
    assert_eq!(error.to_string(), "/3/0/10: 3 bytes are no Integer");
}

#[test]
fn links_carry_no_values() {
    let error = decode(F::Link, b"</3/0>", &path("/"), &models());
    assert_eq!(error, Err(DecodeError::Unsupported(F::Link)));
    assert!(encode(F::Link, &[], &path("/"), &models()).is_err());
}
