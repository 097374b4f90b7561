//! The reader of CBOR items against the examples of RFC 8949.

use super::super::cbor::{Fault, MAX_NESTING, Reader};
use crate::value::Value;
use alloc::vec::Vec;

fn bytes(text: &str) -> Vec<u8> {
    hex::decode(text).expect("hexadecimal digits")
}

fn value(text: &str) -> Result<Option<Value>, Fault> {
    let bytes = bytes(text);
    let mut reader = Reader::new(&bytes);
    let value = reader.value()?;
    reader.end()?;
    Ok(value)
}

fn skipped(text: &str) -> Result<(), Fault> {
    let bytes = bytes(text);
    let mut reader = Reader::new(&bytes);
    reader.skip()?;
    reader.end()
}

/// The items of RFC 8949, appendix A that are values here.
// proves: SML-16
#[test]
fn the_examples_of_the_rfc_are_values() {
    let integers: &[(&str, i64)] = &[
        ("00", 0),
        ("01", 1),
        ("0a", 10),
        ("17", 23),
        ("1818", 24),
        ("1819", 25),
        ("1864", 100),
        ("1903e8", 1_000),
        ("1a000f4240", 1_000_000),
        ("1b000000e8d4a51000", 1_000_000_000_000),
        ("20", -1),
        ("29", -10),
        ("3863", -100),
        ("3903e7", -1_000),
    ];
    let floats: &[(&str, f64)] = &[
        ("c249010000000000000000", 18_446_744_073_709_551_616.0),
        ("3bffffffffffffffff", -18_446_744_073_709_551_616.0),
        ("c349010000000000000000", -18_446_744_073_709_551_616.0),
        ("f90000", 0.0),
        ("f98000", -0.0),
        ("f93c00", 1.0),
        ("fb3ff199999999999a", 1.1),
        ("f93e00", 1.5),
        ("f97bff", 65_504.0),
        ("fa47c35000", 100_000.0),
        ("fa7f7fffff", 3.4028234663852886e38),
        ("fb7e37e43c8800759c", 1e300),
        ("f90001", 5.960464477539063e-8),
        ("f90400", 0.00006103515625),
        ("f9c400", -4.0),
        ("fbc010666666666666", -4.1),
        ("f97c00", f64::INFINITY),
        ("f9fc00", f64::NEG_INFINITY),
        ("fa7f800000", f64::INFINITY),
        ("faff800000", f64::NEG_INFINITY),
        ("fb7ff0000000000000", f64::INFINITY),
        ("fbfff0000000000000", f64::NEG_INFINITY),
    ];
    let texts: &[(&str, &str)] = &[
        ("60", ""),
        ("6161", "a"),
        ("6449455446", "IETF"),
        ("62225c", "\"\\"),
        ("62c3bc", "ü"),
        ("63e6b0b4", "水"),
        ("64f0908591", "\u{10151}"),
        ("7f657374726561646d696e67ff", "streaming"),
        (
            "d82076687474703a2f2f7777772e6578616d706c652e636f6d",
            "http://www.example.com",
        ),
    ];
    let opaque: &[(&str, &[u8])] = &[
        ("40", &[]),
        ("4401020304", &[1, 2, 3, 4]),
        ("5f42010243030405ff", &[1, 2, 3, 4, 5]),
        ("d74401020304", &[1, 2, 3, 4]),
        ("d818456449455446", b"dIETF"),
    ];
    let others = [
        ("1bffffffffffffffff", Value::Unsigned(u64::MAX)),
        ("f4", Value::Boolean(false)),
        ("f5", Value::Boolean(true)),
        (
            "c074323031332d30332d32315432303a30343a30305a",
            Value::Time(1_363_896_240),
        ),
        ("c11a514b67b0", Value::Time(1_363_896_240)),
        ("c1fb41d452d9ec200000", Value::Time(1_363_896_240)),
    ];
    let all = (integers.iter().map(|(text, n)| (*text, Value::Integer(*n))))
        .chain(floats.iter().map(|(text, v)| (*text, Value::Float(*v))))
        .chain(texts.iter().map(|(text, v)| (*text, (*v).into())))
        .chain(opaque.iter().map(|(text, v)| (*text, (*v).into())))
        .chain(others);
    for (text, expected) in all {
        assert_eq!(value(text), Ok(Some(expected)), "{text}");
        assert_eq!(skipped(text), Ok(()), "{text}");
    }
    for nan in ["f97e00", "fa7fc00000", "fb7ff8000000000000"] {
        assert!(matches!(value(nan), Ok(Some(Value::Float(v))) if v.is_nan()));
    }
    assert_eq!(value("f6"), Ok(None));
}

/// The other items of appendix A: well-formed, but no values.
// proves: SML-16
#[test]
fn other_examples_of_the_rfc_are_skipped() {
    for text in [
        "f7",
        "f0",
        "f8ff",
        "80",
        "83010203",
        "8301820203820405",
        "98190102030405060708090a0b0c0d0e0f101112131415161718181819",
        "a0",
        "a201020304",
        "a26161016162820203",
        "826161a161626163",
        "a56161614161626142616361436164614461656145",
        "9fff",
        "9f018202039f0405ffff",
        "9f01820203820405ff",
        "83018202039f0405ff",
        "83019f0203ff820405",
        "bf61610161629f0203ffff",
        "826161bf61626163ff",
        "bf6346756ef563416d7421ff",
        "bfff",
    ] {
        assert_eq!(skipped(text), Ok(()), "{text}");
        assert!(value(text).is_err(), "{text}");
    }
}

/// RFC 8949, appendix F.1
// proves: SML-16
#[test]
fn what_the_rfc_calls_not_well_formed() {
    let examples = "
        18 19 1a 1b 1901 1a0102 1b01020304050607 38 58 78 98 9a01ff00 b8 d8 f8 f900 fa0000 fb000000
        41 61 5affffffff00 5bffffffffffffffff010203 7affffffff00 7b7fffffffffffffff010203
        81 818181818181818181 8200 a1 a20102 a100 a2000000 c0 5f4100 7f6100
        9f 9f0102 bf bf01020102 819f 9f8000 9f9f9f9f9fffffffff 9f819f819f9fffffff
        1c 1d 1e 3c 3d 3e 5c 5d 5e 7c 7d 7e 9c 9d 9e bc bd be dc dd de fc fd fe
        f800 f801 f818 f81f
        5f00ff 5f21ff 5f6100ff 5f80ff 5fa0ff 5fc000ff 5fe0ff 7f4100ff 5f5f4100ffff 7f7f6100ffff
        ff 81ff 8200ff a1ff a1ff00 a100ff a20000ff 9f81ff 9f829f819f9fffffffff
        bf00ff bf000000ff 1f 3f df";
    for text in examples.split_whitespace() {
        assert!(skipped(text).is_err(), "{text}");
        assert!(value(text).is_err(), "{text}");
    }
}

// proves: SML-20
#[test]
fn items_are_skipped_as_deep_as_allowed() {
    for (level, end) in [("81", "00"), ("c6", "00"), ("a100", "00")] {
        let nested = |levels| [&level.repeat(levels), end].concat();
        assert_eq!(skipped(&nested(MAX_NESTING)), Ok(()), "{level}");
        assert!(skipped(&nested(MAX_NESTING + 1)).is_err(), "{level}");
    }
    let tags = |count| ["c6".repeat(count).as_str(), "00"].concat();
    assert_eq!(value(&tags(MAX_NESTING - 1)), Ok(Some(Value::Integer(0))));
    assert!(value(&tags(MAX_NESTING)).is_err());
}
