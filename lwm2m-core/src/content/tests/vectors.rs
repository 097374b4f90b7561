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

// proves: FMT-01, FMT-11, FMT-35
#[test]
fn text_of_every_type() {
    let v = |text: &str, resource: u16, value: Value| {
        both(
            F::Text,
            text,
            &std::format!("/3442/0/{resource}"),
            &[Entry::new(Path::resource(3442, 0, resource), value)],
        );
    };
    v("hello", 110, "hello".into());
    v("", 110, "".into());
    v("€", 110, "€".into());
    v("0", 120, 0i64.into());
    v("-9223372036854775808", 120, i64::MIN.into());
    v("18446744073709551615", 125, u64::MAX.into());
    v("0.00000000006667", 130, 6.667e-11.into());
    v("-123.125", 130, (-123.125).into());
    v("3.0", 130, 3.0.into());
    v("1", 140, true.into());
    v("0", 140, false.into());
    v("AQIDBAU=", 150, Value::Opaque(vec![1, 2, 3, 4, 5]));
    v("1367491215", 160, Value::Time(1_367_491_215));
    v("-1", 160, Value::Time(-1));
    v("10:3", 170, link(10, 3));
    v("65535:65535", 170, link(65535, 65535));
    v("</3/0>", 180, Value::CoreLink("</3/0>".into()));
}

// proves: FMT-11, FMT-35
#[test]
fn text_that_is_none_of_its_type() {
    for (resource, texts) in [
        (
            120,
            &[
                "",
                "a",
                "1.0",
                "+1",
                " 1",
                "9223372036854775808",
                "-",
                "-9223372036854775809",
            ][..],
        ),
        (125, &["-1", "18446744073709551616", ""]),
        (130, &["", "NaN", "inf", "-infinity", "1e999", "0x1", "."]),
        (140, &["true", "2", "", "00"]),
        (150, &["*", "A", "AQ==AQ=="]),
        (160, &["2013-05-02", "1.5"]),
        (170, &["1", "1:", "65536:0", "1:2:3"]),
    ] {
        for text in texts {
            let error = refused(F::Text, text, &std::format!("/3442/0/{resource}"));
            assert!(
                matches!(error, DecodeError::Value { .. }),
                "{text}: {error}"
            );
        }
    }
    refused(F::Text, [0xff], "/3442/0/110");
}

#[test]
fn text_without_a_model_is_a_string() {
    let found = decode(F::Text, b"12", &path("/9999/0/1"), &NoModels);
    assert_eq!(found, Ok(vec![entry("/9999/0/1", "12")]));
}

// proves: FMT-11, FMT-12, FMT-13
#[test]
fn formats_without_paths_carry_one_value_only() {
    for format in [F::Text, F::Opaque, F::Cbor] {
        for base in ["/", "/3", "/3/0", "/3/0/6"] {
            let error = decode(format, b"", &path(base), &models());
            assert_eq!(error, Err(DecodeError::Unsupported(format)), "{base}");
        }
        let two = [entry("/3442/0/150", vec![1u8]), entry("/3442/0/110", "a")];
        assert!(encode(format, &two, &path("/3442/0"), &models()).is_err());
        assert!(encode(format, &[], &path("/3442/0/150"), &models()).is_err());
        let timed = [entry("/3442/0/150", vec![1u8]).at(1.0)];
        assert!(encode(format, &timed, &path("/3442/0/150"), &models()).is_err());
    }
    decodes(F::Text, "5", "/3/0/6/1", &[entry("/3/0/6/1", 5i64)]);
}

// proves: FMT-01, FMT-12
#[test]
fn opaque_bytes() {
    both(
        F::Opaque,
        [0, 0xff],
        "/3442/0/150",
        &[entry("/3442/0/150", vec![0u8, 0xff])],
    );
    both(
        F::Opaque,
        [],
        "/3442/0/150",
        &[entry("/3442/0/150", vec![0u8; 0])],
    );
    refused(F::Opaque, "a", "/3442/0/110");
    let text = [entry("/3442/0/110", "a")];
    assert!(encode(F::Opaque, &text, &path("/3442/0/110"), &models()).is_err());
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

mod tlv {
    use super::*;

    // proves: FMT-17
    #[test]
    fn access_control_of_two_instances() {
        // Core 1.2.2, section 7.5.5.2 B
        let payload = hex(
            "08000e c10001 c10100 8302 41 7f 07 c1037f 080212 c10003 c10100 8702 417f07 610136 01 c1037f",
        );
        let entries = [
            entry("/2/0/0", 1i64),
            entry("/2/0/1", 0i64),
            entry("/2/0/2/127", 7i64),
            entry("/2/0/3", 127i64),
            entry("/2/2/0", 3i64),
            entry("/2/2/1", 0i64),
            entry("/2/2/2/127", 7i64),
            entry("/2/2/2/310", 1i64),
            entry("/2/2/3", 127i64),
        ];
        both(F::Tlv, payload, "/2", &entries);
    }

    // proves: FMT-15, FMT-17, FMT-18
    #[test]
    fn device_instance() {
        // The intended bytes of section 7.5.5.1, whose model number lacks a letter of the length it says.
        let payload = hex("c80014 4f70656e204d6f62696c6520416c6c69616e6365
             c80116 4c69676874776569676874204d324d20436c69656e74
             c80209 333435303030313233 c303312e30
             8606 410001 410105 880708 42000ed8 42011388
             870841007d42010384 c10964 c10a0f 830b410000
             c40d5182428f c60e2b30323a3030 c11055");
        both(F::Tlv, &payload, "/3/0", &device());
        // Read as an object, the instance is wrapped.
        let mut wrapped = hex("080079");
        wrapped.extend_from_slice(&payload);
        both(F::Tlv, &wrapped, "/3", &device());
        // It may be wrapped though the request names it, and may be bare where the object has one instance.
        decodes(F::Tlv, &wrapped, "/3/0", &device());
        decodes(F::Tlv, &payload, "/3", &device());
    }

    // proves: FMT-19
    #[test]
    fn object_links() {
        // Section 7.5.5.3, example 1
        let payload = hex(
            "88000c 44000042 0000 44010042 0001 c8010d 38363133383030373535353030 c40212345678",
        );
        let entries = [
            entry("/65/0/0/0", link(66, 0)),
            entry("/65/0/0/1", link(66, 1)),
            entry("/65/0/1", "8613800755500"),
            entry("/65/0/2", 305_419_896u64),
        ];
        both(F::Tlv, payload, "/65/0", &entries);
    }

    // proves: FMT-01, FMT-19
    #[test]
    fn every_type() {
        let v = |payload: &str, resource: u16, value: Value| {
            let entries = [Entry::new(Path::resource(3442, 0, resource), value)];
            both(
                F::Tlv,
                hex(payload),
                &std::format!("/3442/0/{resource}"),
                &entries,
            );
        };
        v("c178 00", 120, 0i64.into());
        v("c178 80", 120, (-128i64).into());
        v("c278 0080", 120, 128i64.into());
        v("c478 7fffffff", 120, 0x7fff_ffffi64.into());
        v("c87808 8000000000000000", 120, i64::MIN.into());
        v("c27d 00ff", 125, 255u64.into());
        v("c87d08 ffffffffffffffff", 125, u64::MAX.into());
        v("c482 3fc00000", 130, 1.5.into());
        v("c88208 3fb999999999999a", 130, 0.1.into());
        v("c482 7f800000", 130, f64::INFINITY.into());
        v("c18c 01", 140, true.into());
        v("c196 ff", 150, Value::Opaque(vec![0xff]));
        v("c096", 150, Value::Opaque(vec![]));
        v("c4a0 5182428f", 160, Value::Time(1_367_491_215));
        v("c4aa 0003ffff", 170, link(3, 65535));
        v("c6b4 3c2f332f303e", 180, Value::CoreLink("</3/0>".into()));
        // A single value of another width than we choose.
        decodes(
            F::Tlv,
            hex("c17dff"),
            "/3442/0",
            &[entry("/3442/0/125", 255u64)],
        );
        decodes(
            F::Tlv,
            hex("c88208 3ff8000000000000"),
            "/3442/0",
            &[entry("/3442/0/130", 1.5)],
        );
        decodes(
            F::Tlv,
            hex("c878080000000000000005"),
            "/3442/0",
            &[entry("/3442/0/120", 5i64)],
        );
    }

    // proves: FMT-15, FMT-16
    #[test]
    fn lengths_of_every_width() {
        for (length, header) in [
            (7, "c796"),
            (8, "c89608"),
            (255, "c896ff"),
            (256, "d0960100"),
            (65_535, "d096ffff"),
            (65_536, "d896010000"),
        ] {
            let mut payload = hex(header);
            payload.resize(payload.len() + length, 7);
            both(
                F::Tlv,
                payload,
                "/3442/0/150",
                &[entry("/3442/0/150", vec![7u8; length])],
            );
        }
        // Bits of a short length mean nothing where the length follows.
        decodes(
            F::Tlv,
            hex("cf96 01 ff"),
            "/3442/0",
            &[entry("/3442/0/150", vec![0xffu8])],
        );
    }

    // proves: FMT-15
    #[test]
    fn identifiers_of_both_widths() {
        both(
            F::Tlv,
            hex("e6 0456 313233343536"),
            "/3442/0",
            &[entry("/3442/0/1110", "123456")],
        );
        decodes(
            F::Tlv,
            hex("e1 0078 05"),
            "/3442/0",
            &[entry("/3442/0/120", 5i64)],
        );
        refused(F::Tlv, hex("e1ffff05"), "/3442/0");
    }

    // proves: FMT-18
    #[test]
    fn resource_instances() {
        both(
            F::Tlv,
            hex("8606 410001 410105"),
            "/3/0/6",
            &[entry("/3/0/6/0", 1i64), entry("/3/0/6/1", 5i64)],
        );
        // One instance: bare, or within its resource.
        let one = [entry("/3/0/6/1", 5i64)];
        both(F::Tlv, hex("410105"), "/3/0/6/1", &one);
        decodes(F::Tlv, hex("8306410105"), "/3/0/6/1", &one);
        decodes(F::Tlv, hex("410105"), "/3/0/6", &one);
        decodes(F::Tlv, hex("8006"), "/3/0/6", &[]);
    }

    // proves: DM-45
    #[test]
    fn a_create_request_may_leave_the_instance_open() {
        let decode = |payload: &str| {
            super::super::super::decode_create(F::Tlv, &hex(payload), &path("/2"), 9, &models())
        };
        assert_eq!(decode("c10005"), Ok(vec![entry("/2/9/0", 5i64)]));
        assert_eq!(decode("0304c10005"), Ok(vec![entry("/2/4/0", 5i64)]));
    }

    // proves: FMT-37
    #[test]
    fn what_lies_elsewhere_is_refused() {
        refused(F::Tlv, hex("0104"), "/2"); // truncated
        for (payload, base) in [
            ("0203c1000108", "/2"),   // a truncated record within
            ("c10005", "/2"),         // which instance?
            ("c10005", "/3/0/1"),     // another resource
            ("410105", "/3/0"),       // an instance of which resource?
            ("8302c10001", "/2/0"),   // a resource within a resource
            ("02030800", "/2"),       // an instance within an instance
            ("c10005", "/"),          // of which object?
            ("c10905c10906", "/3/0"), // twice
        ] {
            refused(F::Tlv, hex(payload), base);
        }
        let error = refused(F::Tlv, hex("0304c10005"), "/2/0");
        assert_eq!(error.to_string(), "/2/4/0 lies outside of /2/0");
    }

    #[test]
    fn without_a_model_values_are_bytes() {
        let found = decode(F::Tlv, &hex("c10005"), &path("/9999/0"), &NoModels);
        assert_eq!(found, Ok(vec![entry("/9999/0/0", vec![5u8])]));
    }

    #[test]
    fn what_it_cannot_carry() {
        let encode = |entries: &[Entry], base| encode(F::Tlv, entries, &path(base), &models());
        assert!(encode(&[entry("/3/0/9", 1i64).at(5.0)], "/3/0").is_err());
        assert!(encode(&[entry("/3/0/9", 1i64), entry("/3/0/9", 2i64)], "/3/0").is_err());
        assert!(encode(&[entry("/9/0/9", 1i64), entry("/9/0/9/1", 2i64)], "/9/0").is_err());
        assert!(encode(&[entry("/3/0/9", 1i64)], "/").is_err());
        assert!(encode(&[entry("/3/0/9", 1i64)], "/3/0/10").is_err());
        assert!(encode(&[entry("/3/0/9", "no number")], "/3/0").is_err());
    }
}

mod cbor {
    use super::*;

    fn value(payload: &str, resource: u16) -> Result<Value, DecodeError> {
        let base = Path::resource(3442, 0, resource);
        let mut entries = decode(F::Cbor, &hex(payload), &base, &models())?;
        assert_eq!(entries.len(), 1);
        Ok(entries.remove(0).value)
    }

    fn untyped(payload: &str) -> Result<Value, DecodeError> {
        let mut entries = decode(F::Cbor, &hex(payload), &path("/9999/0/0"), &NoModels)?;
        Ok(entries.remove(0).value)
    }

    // proves: FMT-02, FMT-13
    #[test]
    fn every_type() {
        let v = |payload: &str, resource: u16, value: Value| {
            let entries = [Entry::new(Path::resource(3442, 0, resource), value)];
            both(
                F::Cbor,
                hex(payload),
                &std::format!("/3442/0/{resource}"),
                &entries,
            );
        };
        v("60", 110, "".into());
        v("63e282ac", 110, "€".into());
        v("00", 120, 0i64.into());
        v("1818", 120, 24i64.into());
        v("3818", 120, (-25i64).into());
        v("1b7fffffffffffffff", 120, i64::MAX.into());
        v("3b7fffffffffffffff", 120, i64::MIN.into());
        v("1bffffffffffffffff", 125, u64::MAX.into());
        v("fa3fc00000", 130, 1.5.into());
        v("fb3fb999999999999a", 130, 0.1.into());
        v("fa47c35000", 130, 100_000.0.into());
        v("faff800000", 130, f64::NEG_INFINITY.into());
        v("f5", 140, true.into());
        v("f4", 140, false.into());
        v("430102ff", 150, Value::Opaque(vec![1, 2, 255]));
        v("c11a5182428f", 160, Value::Time(1_367_491_215));
        v("c120", 160, Value::Time(-1));
        v("63333a30", 170, link(3, 0));
        v("663c2f332f303e", 180, Value::CoreLink("</3/0>".into()));
    }

    // proves: FMT-39
    #[test]
    fn half_floats_are_read_and_never_written() {
        assert_eq!(value("f93e00", 130), Ok(Value::Float(1.5)));
        assert_eq!(value("f97c00", 130), Ok(Value::Float(f64::INFINITY)));
        assert!(matches!(value("f97e00", 130), Ok(Value::Float(v)) if v.is_nan()));
        for v in [
            0.0,
            -0.0,
            1.0,
            1.5,
            65504.0,
            f64::NAN,
            f64::INFINITY,
            5.960464477539063e-8,
        ] {
            let entries = [entry("/3442/0/130", v)];
            let bytes = encode(F::Cbor, &entries, &path("/3442/0/130"), &models()).unwrap();
            assert_eq!((bytes[0], bytes.len()), (0xfa, 5), "{v}");
        }
    }

    // proves: SML-17
    #[test]
    fn chunks_are_joined() {
        assert_eq!(value("7f62686560636c6c6fff", 110), Ok("hello".into()));
        assert_eq!(
            value("5f42010241ffff", 150),
            Ok(Value::Opaque(vec![1, 2, 255]))
        );
        // A character may not be split (RFC 8949, section 3.2.3), nor kinds mixed, nor chunks nested.
        assert!(value("7f61e26282acff", 110).is_err());
        assert!(value("7f4161ff", 110).is_err());
        assert!(value("7f7f6161ffff", 110).is_err());
    }

    // proves: SML-18
    #[test]
    fn numbers_of_every_form() {
        assert_eq!(untyped("1b8000000000000000"), Ok(Value::Unsigned(1 << 63)));
        assert_eq!(
            untyped("3bffffffffffffffff"),
            Ok(Value::Float(-18446744073709551616.0))
        );
        assert_eq!(untyped("c24105"), Ok(Value::Integer(5)));
        assert_eq!(untyped("c34104"), Ok(Value::Integer(-5)));
        assert_eq!(untyped("c240"), Ok(Value::Integer(0)));
        assert_eq!(
            untyped("c24a00008000000000000000"),
            Ok(Value::Unsigned(1 << 63))
        );
        // RFC 8949, appendix A
        assert_eq!(
            untyped("c249010000000000000000"),
            Ok(Value::Float(18446744073709551616.0))
        );
        assert_eq!(
            untyped("c349010000000000000000"),
            Ok(Value::Float(-18446744073709551617.0))
        );
        // 2^200 + 1, and what no float can hold
        let big = std::format!("c2581a01{}01", "00".repeat(24));
        assert_eq!(untyped(&big), Ok(Value::Float(2f64.powi(200))));
        assert!(untyped(&std::format!("c25880{}", "ff".repeat(128))).is_err());
        assert!(untyped(&std::format!("c25881{}", "01".repeat(129))).is_err());
        // Decimal fractions: 273.15 of RFC 8949, section 3.4.4, and whole ones
        assert_eq!(untyped("c48221196ab3"), Ok(Value::Float(273.15)));
        assert_eq!(untyped("c482211909c4"), Ok(Value::Integer(25)));
        assert_eq!(untyped("c4820205"), Ok(Value::Integer(500)));
        assert_eq!(untyped("c49f0205ff"), Ok(Value::Integer(500)));
        assert_eq!(untyped("c48200c24105"), Ok(Value::Integer(5)));
        assert_eq!(untyped("c4823bffffffffffffffff01"), Ok(Value::Float(0.0)));
        assert_eq!(untyped("c4821bffffffffffffffff00"), Ok(Value::Integer(0)));
        assert!(untyped("c4821bffffffffffffffff01").is_err());
        for bad in [
            "c480",
            "c4820001ff",
            "c48100",
            "c4830001 02",
            "c4",
            "c20a",
            "c482f90000 01",
        ] {
            assert!(untyped(bad).is_err(), "{bad}");
        }
        // With a model: exactly, or not at all
        assert_eq!(value("f94200", 120), Ok(Value::Integer(3)));
        assert_eq!(value("03", 130), Ok(Value::Float(3.0)));
        assert!(value("f93e00", 120).is_err());
        assert!(value("20", 125).is_err());
        assert!(value("1b8000000000000000", 120).is_err());
        assert_eq!(value("fbc3e0000000000000", 120), Ok(i64::MIN.into()));
        assert!(value("3b8000000000000000", 120).is_err());
        assert!(value("c348 8000000000000000", 160).is_err());
        assert!(
            value("c482 01 3b0ccccccccccccccd", 120).is_err(),
            "-2^63 - 12"
        );
    }

    // proves: FMT-14, SML-18
    #[test]
    fn dates() {
        let time = |payload: &str| value(payload, 160);
        // Without the tag, as peers of 1.2 may send it.
        assert_eq!(time("1a5182428f"), Ok(Value::Time(1_367_491_215)));
        assert_eq!(time("c11a5182428f"), Ok(Value::Time(1_367_491_215)));
        assert_eq!(
            time("c1fb41d460a0a3e0 0000"),
            Ok(Value::Time(1_367_507_599))
        );
        // The bounds of 64 bits: the lower one is a float, the upper one is not.
        assert_eq!(
            time("c1fbc3e00000 00000000"),
            Ok(Value::Time(i64::MIN)),
            "-2^63"
        );
        assert!(time("c1fb43e00000 00000000").is_err(), "2^63");
        assert!(time("c1fbc3e00000 00000001").is_err(), "below -2^63");
        let date = |text: &str| {
            let hex: String = hex::encode(text);
            time(&std::format!("c078{:02x}{hex}", text.len()))
        };
        assert_eq!(date("2013-05-02T10:40:15Z"), Ok(Value::Time(1_367_491_215)));
        assert_eq!(
            date("2013-05-02T12:40:15.25+02:00"),
            Ok(Value::Time(1_367_491_215))
        );
        assert_eq!(date("1970-01-01T00:00:01-00:00"), Ok(Value::Time(1)));
        assert_eq!(date("1969-12-31T23:59:59Z"), Ok(Value::Time(-1)));
        assert_eq!(date("2000-02-29T00:00:00Z"), Ok(Value::Time(951_782_400)));
        assert_eq!(date("2024-03-01t00:00:00z"), Ok(Value::Time(1_709_251_200)));
        assert_eq!(
            date("0000-01-01T00:00:00Z"),
            Ok(Value::Time(-62_167_219_200))
        );
        for bad in [
            "2013-05-02",
            "2013-13-02T10:40:15Z",
            "2013-02-29T10:40:15Z",
            "2013-05-02T24:00:00Z",
            "2013-05-02T10:40:15",
            "2013-05-02T10:40:15.Z",
            "2013-05-02T10:40:15+0200",
            "+013-05-02T10:40:15Z",
            "2013-05-02T10:40:1€",
        ] {
            assert!(date(bad).is_err(), "{bad}");
        }
        assert!(value("c11a5182428f", 110).is_err(), "a date is no string");
    }

    #[test]
    fn other_tags_and_forms() {
        assert_eq!(
            value("d9d9f705", 120),
            Ok(Value::Integer(5)),
            "self-described CBOR"
        );
        assert_eq!(value("d8206161", 110), Ok("a".into()), "a URI");
        assert_eq!(
            value("64303a3000", 170),
            Ok(link(0, 0)),
            "a terminating NUL"
        );
        for bad in [
            "f6", "f7", "e0", "f820", "f814", "ff", "80", "a0", "1c", "", "18", "0500", "6161ff",
        ] {
            assert!(value(bad, 120).is_err(), "{bad}");
        }
    }
}

mod senml {
    use super::*;

    // proves: FMT-25, FMT-37, SML-04
    #[test]
    fn device_instance_in_cbor() {
        // Core 1.2.2, section 7.5.7
        let payload = hex(
            "90a321652f332f302f00613003744f70656e204d6f62696c6520416c6c69616e6365a200613103764c69676874776569
             676874204d324d20436c69656e74a20061320369333435303030313233a20061330363312e30a20063362f300201a200
             63362f310205a20063372f3002190ed8a20063372f3102191388a20063382f3002187da20063382f3102190384a20061
             39021864a200623130020fa2006431312f300200a200623133021a5182428fa20062313403662b30323a3030a2006231
             36036155",
        );
        both(F::SenmlCbor, &payload, "/3/0", &device());
        both(F::SenmlEtchCbor, &payload, "/3/0", &device());
        decodes(F::SenmlCbor, &payload, "/", &device());
        let error = refused(F::SenmlCbor, &payload, "/3/1");
        assert_eq!(error.to_string(), "/3/0/0 lies outside of /3/1");
    }

    // proves: FMT-20
    #[test]
    fn device_instance_in_json() {
        let payload = r#"[{"bn":"/3/0/","n":"0","vs":"Open Mobile Alliance"},{"n":"1","vs":"Lightweight M2M Client"},{"n":"2","vs":"345000123"},{"n":"3","vs":"1.0"},{"n":"6/0","v":1},{"n":"6/1","v":5},{"n":"7/0","v":3800},{"n":"7/1","v":5000},{"n":"8/0","v":125},{"n":"8/1","v":900},{"n":"9","v":100},{"n":"10","v":15},{"n":"11/0","v":0},{"n":"13","v":1367491215},{"n":"14","vs":"+02:00"},{"n":"16","vs":"U"}]"#;
        both(F::SenmlJson, payload, "/3/0", &device());
        both(F::SenmlEtchJson, payload, "/3/0", &device());
    }

    // proves: FMT-02, FMT-21, FMT-23, FMT-25, SML-03, SML-10
    #[test]
    fn every_type() {
        let v = |json: &str, cbor: &str, resource: u16, value: Value| {
            let path = std::format!("/3442/0/{resource}");
            let entries = [Entry::new(Path::resource(3442, 0, resource), value)];
            let json = std::format!(r#"[{{"bn":"{path}",{json}}}]"#);
            both(F::SenmlJson, json, &path, &entries);
            let cbor = std::format!("81a2216b{}{cbor}", hex::encode(&path));
            both(F::SenmlCbor, hex(&cbor), &path, &entries);
        };
        v(
            r#""vs":"hé\"llo""#,
            "036768c3a9226c6c6f",
            110,
            "hé\"llo".into(),
        );
        v(r#""v":-5"#, "0224", 120, (-5i64).into());
        v(
            r#""v":9223372036854775807"#,
            "021b7fffffffffffffff",
            120,
            i64::MAX.into(),
        );
        v(
            r#""v":-9223372036854775808"#,
            "023b7fffffffffffffff",
            120,
            i64::MIN.into(),
        );
        v(
            r#""v":18446744073709551615"#,
            "021bffffffffffffffff",
            125,
            u64::MAX.into(),
        );
        v(r#""v":20.0"#, "02fa41a00000", 130, 20.0.into());
        v(r#""v":0.1"#, "02fb3fb999999999999a", 130, 0.1.into());
        v(r#""vb":true"#, "04f5", 140, true.into());
        v(
            r#""vd":"-_8""#,
            "0842fbff",
            150,
            Value::Opaque(vec![0xfb, 0xff]),
        );
        v(
            r#""v":1367491215"#,
            "021a5182428f",
            160,
            Value::Time(1_367_491_215),
        );
        v(
            r#""vlo":"3:65535""#,
            "63766c6f67333a3635353335",
            170,
            link(3, 65535),
        );
        v(
            r#""vs":"</3/0>""#,
            "03663c2f332f303e",
            180,
            Value::CoreLink("</3/0>".into()),
        );
    }

    // proves: SML-09, SML-11
    #[test]
    fn numbers_keep_their_precision() {
        decodes(
            F::SenmlJson,
            r#"[{"n":"/1/0/2","v":9223372036854775800}]"#,
            "/1/0/2",
            &[entry("/1/0/2", 9_223_372_036_854_775_800i64)],
        );
        decodes(
            F::SenmlJson,
            r#"[{"bn":"/3/0/13","v":1.367491215E9}]"#,
            "/3/0/13",
            &[entry("/3/0/13", Value::Time(1_367_491_215))],
        );
        for bad in [
            "9223372036854775808",
            "-9223372036854775809",
            "-9223372036854775808.0",
            "1e30",
            "1.5",
            "1e999",
            "NaN",
            "\"1\"",
            "null",
            "01",
        ] {
            let json = std::format!(r#"[{{"n":"/1/0/2","v":{bad}}}]"#);
            refused(F::SenmlJson, json, "/1/0/2");
        }
        // A sum just below 64 bits
        for label in ["n", "bn"] {
            let json = std::format!(r#"[{{"{label}":"/1/0/2","bv":-9223372036854775808,"v":-1}}]"#);
            refused(F::SenmlJson, json, "/1/0/2");
        }
        // A half, a decimal fraction, a bignum
        for v in ["f94200", "c482211901 2c", "c24103"] {
            let cbor = std::format!("81a200662f312f302f3202{v}");
            decodes(F::SenmlCbor, hex(&cbor), "/1/0/2", &[entry("/1/0/2", 3i64)]);
        }
        // Neither NaN nor infinity, nor a sum that is
        let sum = br#"[{"bn":"/9/0/1","bv":1.7e308,"v":1.7e308}]"#;
        assert!(decode(F::SenmlJson, sum, &Path::ROOT, &NoModels).is_err());
        for v in ["f97e00", "f97c00", "fb7ff0000000000000"] {
            let cbor = std::format!("81a2006b2f333434322f302f31333002{v}");
            refused(F::SenmlCbor, hex(&cbor), "/");
        }
        for v in [f64::NAN, f64::INFINITY] {
            for format in [F::SenmlCbor, F::SenmlJson] {
                let entries = [entry("/3442/0/130", v)];
                assert!(encode(format, &entries, &path("/"), &models()).is_err());
            }
        }
    }

    #[test]
    fn unknown_resources_have_the_type_of_the_format() {
        let json = br#"[{"bn":"/9999/0/","n":"0","v":1},{"n":"1","v":1.5},{"n":"2","vs":"3:0"},{"n":"3","v":18446744073709551615}]"#;
        let entries = vec![
            entry("/9999/0/0", 1i64),
            entry("/9999/0/1", 1.5),
            entry("/9999/0/2", "3:0"),
            entry("/9999/0/3", u64::MAX),
        ];
        assert_eq!(
            decode(F::SenmlJson, json, &path("/9999"), &NoModels),
            Ok(entries)
        );
    }

    // proves: FMT-20, FMT-21, FMT-22, SML-01, SML-07
    #[test]
    fn names_are_resolved() {
        let expected = [entry("/3/0/9", 95i64), entry("/1/0/1", 86400i64)];
        for json in [
            r#"[{"bn":"/3/0/9","v":95},{"bn":"/1/0/1","v":86400}]"#,
            r#"[{"n":"/3/0/9","v":95},{"n":"/1/0/1","v":86400}]"#,
            r#"[{"bn":"/3/0/","n":"9","v":95},{"bn":"/1/0/","n":"1","v":86400}]"#,
            r#"[{"bn":"/3/"},{"n":"0/9","v":95},{"bn":"/","n":"1/0/1","v":86400}]"#,
            r#"[{"n":"3/0/9","v":95},{"bn":"1","n":"/0/1","v":86400}]"#,
        ] {
            decodes(F::SenmlJson, json, "/", &expected);
        }
        encodes(
            F::SenmlJson,
            r#"[{"bn":"/3/0/","n":"9","v":95},{"bn":"/1/0/","n":"1","v":86400}]"#,
            "/",
            &expected,
        );
        for bad in [
            r#"[{"v":1}]"#,
            r#"[{"n":"","v":1}]"#,
            r#"[{"n":"/3/0/9"}]"#,
            r#"[{"n":"/3/0","v":1}]"#,
            r#"[{"n":"/3/0/","v":1}]"#,
            r#"[{"n":"//3/0/9","v":1}]"#,
            r#"[{"n":"/3/0/09","v":1}]"#,
            r#"[{"n":"/3/0/+9","v":1}]"#,
            r#"[{"n":"/3/0/65535","v":1}]"#,
            r#"[{"n":"/3/0/65536","v":1}]"#,
            r#"[{"n":"/3/0/6/0/0","v":1}]"#,
            r#"[{"n":"/lwm2m/3/0/9","v":1}]"#,
            r#"[{"bn":"urn:dev:ow:10e2073a01080063","n":"/3/0/9","v":1}]"#,
        ] {
            refused(F::SenmlJson, bad, "/");
        }
    }

    // proves: SML-04
    #[test]
    fn the_example_of_the_rfc() {
        // RFC 8428, sections 5.1.3 and 6, with names of ours
        let expected = [
            entry("/3305/0/1", 120.1).at(1_276_020_076.001),
            entry("/3305/0/2", 1.2).at(1_276_020_071.001),
            entry("/3305/0/2", 1.3).at(1_276_020_072.001),
            entry("/3305/0/2", 1.7).at(1_276_020_076.001),
        ];
        let json = br#"[{"bn":"/3305/0/","bt":1.276020076001e+09,"bu":"A","bver":5,"n":"1","u":"V","v":120.1},{"n":"2","t":-5,"v":1.2},{"n":"2","t":-4,"v":1.3},{"n":"2","v":1.7}]"#;
        let cbor = hex(
            "84a721682f333330352f302f22fb41d303a15b00106223614120050061310161 5602fb405e066666666666
             a3006132062402fb3ff3333333333333 a3006132062302fb3ff4cccccccccccd a200613202fb3ffb333333333333",
        );
        for (format, payload) in [(F::SenmlJson, &json[..]), (F::SenmlCbor, &cbor)] {
            let found = decode(format, payload, &Path::ROOT, &NoModels);
            assert_eq!(found.as_deref(), Ok(&expected[..]));
        }
        // Its own names are no paths.
        refused(
            F::SenmlJson,
            br#"[{"n":"urn:dev:ow:10e2073a01080063","u":"Cel","v":23.1}]"#,
            "/",
        );
    }

    /// The answer to a read of /65/0 as Core 1.2.2, table 7.5.6-4 shows it: the instances that object links lead to
    /// come with it.
    const LINKED: &str = r#"[{"bn":"/","n":"65/0/0/0","vlo":"66:0"},{"n":"65/0/0/1","vlo":"66:1"},
        {"n":"65/0/1","vs":"8613800755500"},{"n":"65/0/2","v":1},
        {"n":"66/0/0","vs":"myService1"},{"n":"66/0/1","vs":"Internet.15.234"},{"n":"66/0/2","vlo":"67:0"},
        {"n":"66/1/0","vs":"myService2"},{"n":"66/1/1","vs":"Internet.15.235"},{"n":"66/1/2","vlo":"FFFF:FFFF"},
        {"n":"67/0/0","vs":"85.76.76.84"},{"n":"67/0/1","vs":"85.76.255.255"}]"#;

    #[test]
    fn an_answer_brings_what_its_links_lead_to() {
        use super::super::super::Codec;
        let models = models();
        let codec = Codec::new(&models);
        let entries = [
            entry("/65/0/0/0", link(66, 0)),
            entry("/65/0/0/1", link(66, 1)),
            entry("/65/0/1", "8613800755500"),
            entry("/65/0/2", 1u64),
            entry("/66/0/0", "myService1"),
            entry("/66/0/1", "Internet.15.234"),
            entry("/66/0/2", link(67, 0)),
            entry("/66/1/0", "myService2"),
            entry("/66/1/1", "Internet.15.235"),
            entry("/66/1/2", Value::ObjectLink(ObjectLink::NULL)),
            entry("/67/0/0", "85.76.76.84"),
            entry("/67/0/1", "85.76.255.255"),
        ];
        let whole = LINKED.as_bytes();
        for place in ["/65/0", "/65", "/"] {
            let found = codec.decode_answer(F::SenmlJson, whole, &path(place));
            assert_eq!(found.as_deref(), Ok(&entries[..]), "{place}");
        }
        for format in [F::SenmlJson, F::SenmlCbor, F::LwM2mCbor, F::Json] {
            let payload = codec.encode(format, &entries, &Path::ROOT).unwrap();
            let found = codec.decode_answer(format, &payload, &path("/65/0"));
            // LwM2M-CBOR writes a link as text, which only a model tells from others.
            match format {
                F::LwM2mCbor => assert_eq!(found.map(|found| found.len()).unwrap_or(0), 0),
                _ => assert_eq!(found.as_deref(), Ok(&entries[..]), "{format:?}"),
            }
            // Who writes names no place but those below what is written.
            assert!(codec.decode(format, &payload, &path("/65/0")).is_err());
        }
        // From a place without the link nothing is reached, nor from an instance that is not reached itself.
        for (place, payload) in [
            ("/65/0/1", LINKED),
            (
                "/65/0",
                r#"[{"n":"/65/0/2","v":1},{"n":"/66/0/0","vs":"a"}]"#,
            ),
            (
                "/65/0",
                r#"[{"n":"/65/0/0/0","vlo":"66:0"},{"n":"/66/1/0","vs":"a"}]"#,
            ),
            (
                "/65/0",
                r#"[{"n":"/65/0/2","v":1},{"n":"/66/0/2","vlo":"67:0"},{"n":"/67/0/2","vlo":"66:0"}]"#,
            ),
            (
                "/65/0",
                r#"[{"n":"/65/0/0/0","vlo":"65535:65535"},{"n":"/66/0/0","vs":"a"}]"#,
            ),
        ] {
            let found = codec.decode_answer(F::SenmlJson, payload.as_bytes(), &path(place));
            assert!(
                matches!(found, Err(DecodeError::OutsideBase { .. })),
                "{payload}"
            );
        }
    }

    // proves: GEN-21
    #[test]
    fn names_below_another_root() {
        use super::super::super::Codec;
        let models = models();
        let codec = Codec::new(&models).below("/lwm2m/");
        let entries = [entry("/3/0/9", 95i64), entry("/1/0/1", 86400i64)];
        let senml =
            r#"[{"bn":"/lwm2m/3/0/","n":"9","v":95},{"bn":"/lwm2m/1/0/","n":"1","v":86400}]"#;
        let json = r#"{"bn":"/lwm2m/","e":[{"n":"3/0/9","v":95},{"n":"1/0/1","v":86400}]}"#;
        for (format, payload) in [(F::SenmlJson, senml), (F::Json, json)] {
            let found = codec.encode(format, &entries, &Path::ROOT).unwrap();
            assert_eq!(String::from_utf8(found).unwrap(), payload);
            let found = codec.decode(format, payload.as_bytes(), &Path::ROOT);
            assert_eq!(found.as_deref(), Ok(&entries[..]));
            assert!(decode(format, payload.as_bytes(), &Path::ROOT, &models).is_err());
        }
        // As a bootstrap server writes it
        let bare = codec.decode(F::SenmlJson, br#"[{"n":"/3/0/9","v":95}]"#, &Path::ROOT);
        assert_eq!(bare.as_deref(), Ok(&entries[..1]));
        let paths = [path("/"), path("/3/0")];
        let requests = br#"[{"n":"/lwm2m/"},{"n":"/lwm2m/3/0"}]"#;
        assert_eq!(
            codec.encode_paths(F::SenmlJson, &paths).as_deref(),
            Ok(&requests[..])
        );
        assert_eq!(
            codec.decode_paths(F::SenmlJson, requests).as_deref(),
            Ok(&paths[..])
        );
        for root in ["/lwm2m", "/"] {
            let request = std::format!(r#"[{{"n":"{root}"}}]"#);
            let found = codec.decode_paths(F::SenmlJson, request.as_bytes());
            assert_eq!(found.as_deref(), Ok(&paths[..1]), "{root}");
        }
        for bad in [
            "/lwm2m3/0",
            "/lwm2",
            "/lwm23/0",
            "lwm2m/3/0",
            "/lwm2m//3",
            "/other/3/0",
            "/lwm2m/lwm2m/3",
        ] {
            let request = std::format!(r#"[{{"n":"{bad}"}}]"#);
            assert!(
                codec
                    .decode_paths(F::SenmlJson, request.as_bytes())
                    .is_err(),
                "{bad}"
            );
        }
    }

    #[test]
    fn a_bare_name_may_begin_as_the_root_does() {
        use super::super::super::Codec;
        let models = models();
        let codec = Codec::new(&models).below("/3dev");
        let nine = [entry("/3/0/9", 95i64)];
        for payload in [
            r#"[{"n":"/3/0/9","v":95}]"#,
            r#"[{"n":"/3dev/3/0/9","v":95}]"#,
            r#"[{"n":"3/0/9","v":95}]"#,
            r#"[{"bn":"/3","n":"/0/9","v":95}]"#,
            r#"[{"bn":"/3dev/3/0/","n":"9","v":95}]"#,
            r#"[{"bn":"/3/0/","n":"9","v":95}]"#,
        ] {
            let found = codec.decode(F::SenmlJson, payload.as_bytes(), &Path::ROOT);
            assert_eq!(found.as_deref(), Ok(&nine[..]), "{payload}");
        }
        for (name, place) in [
            ("/3", "/3"),
            ("/33/0", "/33/0"),
            ("/3dev", "/"),
            ("/3dev/3", "/3"),
            ("/", "/"),
        ] {
            let request = std::format!(r#"[{{"n":"{name}"}}]"#);
            let found = codec.decode_paths(F::SenmlJson, request.as_bytes());
            assert_eq!(found, Ok(vec![path(place)]), "{name}");
        }
        for bad in ["/3d", "/3de/0", "/3dev3", "/3devx/3", "/03", "/3dev//3"] {
            let request = std::format!(r#"[{{"n":"{bad}"}}]"#);
            let found = codec.decode_paths(F::SenmlJson, request.as_bytes());
            assert!(found.is_err(), "{bad}");
        }
        let longer = Codec::new(&models).below("/31-a");
        let found =
            longer.decode_paths(F::SenmlJson, br#"[{"n":"/31"},{"n":"/3"},{"n":"/310/2"}]"#);
        assert_eq!(found, Ok(vec![path("/31"), path("/3"), path("/310/2")]));
    }

    // proves: FMT-14
    #[test]
    fn dates_in_cbor() {
        let date = [entry("/3/0/13", Value::Time(1_367_491_215))];
        for v in [
            "c11a5182428f",
            "1a5182428f",
            "c074323031332d30352d30325431303a34303a31355a",
        ] {
            let cbor = std::format!("81a200672f332f302f313302{v}");
            decodes(F::SenmlCbor, hex(&cbor), "/3/0", &date);
        }
    }

    // proves: FMT-21, FMT-24, SML-01
    #[test]
    fn times_are_resolved() {
        let v = |json: &str, times: &[Option<f64>]| {
            let found = decode(F::SenmlJson, json.as_bytes(), &path("/"), &NoModels).unwrap();
            assert_eq!(
                found.iter().map(|e| e.time).collect::<Vec<_>>(),
                times,
                "{json}"
            );
        };
        v(r#"[{"n":"/9/0/1","v":1}]"#, &[None]);
        v(r#"[{"n":"/9/0/1","v":1,"t":-5}]"#, &[Some(-5.0)]);
        v(
            r#"[{"n":"/9/0/1","v":1,"bt":1.5e9,"t":0.25}]"#,
            &[Some(1_500_000_000.25)],
        );
        v(
            r#"[{"bn":"/1024/0/1","v":22.9,"bt":268500000},{"v":22.4,"t":-5},{"v":24.1,"t":-50}]"#,
            &[
                Some(268_500_000.0),
                Some(268_499_995.0),
                Some(268_499_950.0),
            ],
        );
        v(
            r#"[{"bn":"/3303/0/5700","bt":1699877805.766,"v":-128.8},{"bn":"/6/0/0","t":0.101,"v":-39.0}]"#,
            &[Some(1_699_877_805.766), Some(1_699_877_805.867)],
        );
        v(
            r#"[{"bn":"/1024/0/","bt":268600000,"n":"1","v":22.9},{"n":"1","v":24.1,"t":-50},{"bt":268500000,"n":"0","vs":"a"},{"n":"1","v":22.4}]"#,
            &[
                Some(268_600_000.0),
                Some(268_599_950.0),
                Some(268_500_000.0),
                Some(268_500_000.0),
            ],
        );
        // A decimal fraction as base time in CBOR: 1.5e9
        let cbor = hex("81a421652f392f302f22c482 08 0f 0061310201");
        let found = decode(F::SenmlCbor, &cbor, &path("/"), &NoModels).unwrap();
        assert_eq!(found, [entry("/9/0/1", 1i64).at(1.5e9)]);
        refused(F::SenmlCbor, hex("81a300662f392f302f310201 06f97e00"), "/");
        refused(F::SenmlCbor, hex("81a300662f392f302f310201 066161"), "/");
    }

    // proves: FMT-24
    #[test]
    fn a_series_of_one_resource() {
        // As Zephyr sends it: Send of what it has kept.
        let series = [
            entry("/3/0/9", 10i64).at(1_761_226_500.0),
            entry("/3/0/9", 11i64).at(1_761_226_560.0),
            entry("/3/0/9", 12i64).at(1_761_226_620.0),
        ];
        let payload =
            hex("83a421652f332f302f221a68fa2f040061390 20aa3006139 06183c020ba3006139061878020c");
        decodes(F::SenmlCbor, payload, "/", &series);
        encodes(
            F::SenmlJson,
            r#"[{"bn":"/3/0/9","bt":1761226500,"v":10},{"t":60,"v":11},{"t":120,"v":12}]"#,
            "/",
            &series,
        );
        // With records that have no time, each time stands alone.
        let mixed = [entry("/3/0/9", 10i64).at(-2.5), entry("/3/0/9", 11i64)];
        both(
            F::SenmlJson,
            r#"[{"bn":"/3/0/9","t":-2.5,"v":10},{"v":11}]"#,
            "/",
            &mixed,
        );
        // A distance that a float cannot hold exactly begins a new base.
        let far = [
            entry("/3/0/9", 1i64).at(1.7e9),
            entry("/3/0/9", 2i64).at(0.1),
        ];
        both(
            F::SenmlJson,
            r#"[{"bn":"/3/0/9","bt":1700000000,"v":1},{"bt":0.1,"v":2}]"#,
            "/",
            &far,
        );
        let never = [entry("/3/0/9", 1i64).at(f64::NAN)];
        assert!(encode(F::SenmlCbor, &never, &path("/"), &models()).is_err());
    }

    // proves: SML-01
    #[test]
    fn base_values_are_added() {
        let found = decode(
            F::SenmlJson,
            br#"[{"bn":"/9/0/","bv":20,"n":"1","v":1},{"n":"2","v":0.5},{"n":"3","vs":"a"},{"bv":18446744073709551615,"n":"4","v":-1}]"#,
            &path("/"),
            &NoModels,
        );
        let expected = vec![
            entry("/9/0/1", 21i64),
            entry("/9/0/2", 20.5),
            entry("/9/0/3", "a"),
            entry("/9/0/4", u64::MAX - 1),
        ];
        assert_eq!(found, Ok(expected));
    }

    // proves: SML-02, SML-05, SML-06, SML-09, SML-10, SML-11, SML-12
    #[test]
    fn unknown_and_unwanted_fields() {
        let expected = [entry("/3/0/9", 1i64)];
        decodes(
            F::SenmlJson,
            r#"[{"bver":10,"bu":"%","n":"/3/0/9","u":"%","v":1,"s":5,"ut":3,"x":[{"y":[]}]}]"#,
            "/",
            &expected,
        );
        decodes(
            F::SenmlCbor,
            hex("81a7200a 00662f332f302f39 0201 016125 0505 1864a16178820102 6178bf6179f6ff"),
            "/",
            &expected,
        );
        for bad in [
            r#"[{"bver":11,"n":"/3/0/9","v":1}]"#,
            r#"[{"n":"/3/0/9","v":1,"x_":1}]"#,
            r#"[{"n":"/3/0/9","v":1,"v":1}]"#,
            r#"[{"n":"/3/0/9","v":1,"vs":"1"}]"#,
            r#"[{"n":"/3/0/9","n":"/3/0/9","v":1}]"#,
            r#"[{"n":9,"v":1}]"#,
            r#"[{"n":"/3/0/9","v":1}]x"#,
            r#"[{"n":"/3/0/9","v":1},]"#,
            r#"[{"n":"/3/0/9","v":1}"#,
            r#"{"n":"/3/0/9","v":1}"#,
            r#"[[{"n":"/3/0/9","v":1}]]"#,
            r#"[{"n":"/3/0/9","v":1},{"n":"/3/0/9","v":1}]"#,
            r#"[{"n":"/3442/0/150","vd":"+/8"}]"#,
            r#"[{"n":"/3442/0/170","vlo":"3"}]"#,
            "nonsense",
        ] {
            refused(F::SenmlJson, bad, "/");
        }
        for bad in [
            "a1 00 01",                          // no array
            "81 80",                             // no map
            "81a200662f332f302f390201 00",       // bytes after it
            "81a300662f332f302f3902010201",      // twice
            "81a300662f332f302f39020103 6131",   // two values
            "81a300662f332f302f390201 61 5f 01", // to be understood
            "81a3200b00662f332f302f390201",      // version 11
            "82a200662f332f302f390201",          // one of two
            "9fa200662f332f302f390201",          // no break
            "81a20001 0201",                     // a name that is a number
            "81a2f500 0201",                     // a label that is a boolean
            "81a200662f332f302f3902a0",          // a map for a value
            "81a200662f332f302f3904 01",         // a number for a boolean
            "81a200662f332f302f3908 6161",       // text for bytes
        ] {
            refused(F::SenmlCbor, hex(bad), "/");
        }
        // Indefinite lengths everywhere
        decodes(
            F::SenmlCbor,
            hex("9fbf007f632f332f63302f39ff0201ffff"),
            "/",
            &expected,
        );
    }

    // proves: FMT-40
    #[test]
    fn nothing_is_an_answer() {
        for format in [F::SenmlJson, F::SenmlCbor] {
            decodes(format, "", "/3/0/6", &[]);
        }
        both(F::SenmlJson, "[]", "/3/0/6", &[]);
        both(F::SenmlCbor, [0x80], "/3/0/6", &[]);
    }
}

mod lwm2m_cbor {
    use super::*;

    /// The device, with its instance as the upper key.
    const DEVICE: &str = "a1820300ad00744f70656e204d6f62696c6520416c6c69616e636501764c69676874776569676874204d
        324d20436c69656e7402693334353030303132330363312e3006a20001010507a200190ed80119138808a200187d01190384
        0918640a0f0ba100000d1a5182428f0e662b30323a3030106155";

    // proves: FMT-03, FMT-26, FMT-28
    #[test]
    fn the_examples_of_the_specification() {
        // Core 1.2.2, sections 7.5.4.1 to 7.5.4.6
        let name = [entry("/3/0/0", "Open Mobile Alliance")];
        let text = "744f70656e204d6f62696c6520416c6c69616e6365";
        both(
            F::LwM2mCbor,
            hex(&std::format!("a183030000{text}")),
            "/3/0/0",
            &name,
        );
        decodes(
            F::LwM2mCbor,
            hex(&std::format!("a103a100a100{text}")),
            "/3/0/0",
            &name,
        );
        both(
            F::LwM2mCbor,
            hex("a183030006a200010105"),
            "/3/0/6",
            &[entry("/3/0/6/0", 1i64), entry("/3/0/6/1", 5i64)],
        );
        both(F::LwM2mCbor, hex(DEVICE), "/3/0", &device());
        let servers = |instance: u16, id: i64, pmin: i64, notifications: bool| {
            [
                (0, id.into()),
                (1, 86400i64.into()),
                (2, pmin.into()),
                (3, 6000i64.into()),
                (5, 86400i64.into()),
                (6, notifications.into()),
                (7, Value::from("U")),
            ]
            .map(|(id, value)| Entry::new(Path::resource(1, instance, id), value))
        };
        let both_servers = [servers(0, 101, 300, true), servers(1, 102, 600, false)].concat();
        let payload = hex(
            "a101a200a7001865011a000151800219012c03191770051a0001518006f507615501a7001866011a000151800219
             025803191770051a0001518006f4076155",
        );
        both(F::LwM2mCbor, payload, "/1", &both_servers);
        let composite = [
            entry("/3/0/0", "Open Mobile Alliance"),
            entry("/3/0/9", 100i64),
            entry("/1/0/1", 86400i64),
        ];
        let payload = std::format!("a2820300a200{text}091864830100011a00015180");
        decodes(F::LwM2mCbor, hex(&payload), "/", &composite);
        let payload = std::format!("a2830100011a00015180820300a200{text}091864");
        encodes(F::LwM2mCbor, hex(&payload), "/", &composite);
        let acl = [
            entry("/2/5/0", 5i64),
            entry("/2/5/1", 0i64),
            entry("/2/5/2/102", 0i64),
            entry("/2/5/3", 101i64),
        ];
        decodes(
            F::LwM2mCbor,
            hex("a1820205a4000501008202186600031865"),
            "/2",
            &acl,
        );
    }

    // proves: FMT-29
    #[test]
    fn a_create_request_may_leave_the_instance_open() {
        let payload = hex("a1820219ffffa200050100");
        let decode = super::super::super::decode_create;
        let found = decode(F::LwM2mCbor, &payload, &path("/2"), 5, &models());
        assert_eq!(
            found,
            Ok(vec![entry("/2/5/0", 5i64), entry("/2/5/1", 0i64)])
        );
        refused(F::LwM2mCbor, payload, "/2");
    }

    // proves: FMT-26, FMT-27, FMT-40
    #[test]
    fn keys_of_every_layout() {
        let nine = [entry("/3/0/9", 100i64)];
        for payload in [
            "a103a100a1091864",
            "a18103a18100a181091864",
            "a1830300091864",
            "bf830300091864ff",
            "bf03bf00bf091864ffffff",
            "a19f030009ff1864",
            "a183030018091864",
            "a103a18200091864",
        ] {
            decodes(F::LwM2mCbor, hex(payload), "/3/0/9", &nine);
        }
        let instances = [entry("/3/0/6/0", 1i64), entry("/3/0/6/1", 5i64)];
        for payload in [
            "a103a1820006a200010105",
            "a2840300060001840300060105",
            "bf820300bf06bf00010105ffffff",
        ] {
            decodes(F::LwM2mCbor, hex(payload), "/3/0", &instances);
        }
        both(
            F::LwM2mCbor,
            hex("a1840300060105"),
            "/3/0/6/1",
            &instances[1..],
        );
        for empty in ["", "a0", "bfff", "a1820300a0", "a183030006bfff"] {
            decodes(F::LwM2mCbor, hex(empty), "/3/0", &[]);
        }
        encodes(F::LwM2mCbor, hex("a0"), "/3/0", &[]);
    }

    // proves: FMT-27, FMT-37
    #[test]
    fn what_is_no_tree_of_values() {
        for bad in [
            "8100", // no map
            "05",
            "f6",
            "a1f93c0005", // keys that are no identifiers
            "a12005",
            "a1410305",
            "a103a16130a10005",
            "a1830361300005",
            "a1830300f9400005",
            "a163643031a103a100a1006141", // a gateway's prefix
            "a18005",                     // no identifier at all
            "a18303001a0001000005",       // beyond 16 bits
            "a11a00010000a100a10005",
            "a18319ffff000005", // reserved
            "a185030006000005", // deeper than four
            "a18403000600a10005",
            "a182030005",             // a value above the resources
            "a1830300096161",         // of the wrong type
            "a183030009f6",           // null
            "a183030009820102",       // an array
            "a28303000905830300090a", // twice
            "a103a200a1090500a10905",
            "a1830300", // cut off
            "a183030009",
            "bf830300091864",
            "a18303000918 6400", // bytes after it
            "a19f0300",
        ] {
            refused(F::LwM2mCbor, hex(bad), "/");
        }
        let error = refused(F::LwM2mCbor, hex("a1830300091864"), "/3/1");
        assert_eq!(error.to_string(), "/3/0/9 lies outside of /3/1");
    }
}

mod json {
    use super::*;

    // proves: FMT-33
    #[test]
    fn device_instance() {
        let payload = r#"{"bn":"/3/0/","e":[{"n":"0","sv":"Open Mobile Alliance"},{"n":"1","sv":"Lightweight M2M Client"},{"n":"2","sv":"345000123"},{"n":"3","sv":"1.0"},{"n":"6/0","v":1},{"n":"6/1","v":5},{"n":"7/0","v":3800},{"n":"7/1","v":5000},{"n":"8/0","v":125},{"n":"8/1","v":900},{"n":"9","v":100},{"n":"10","v":15},{"n":"11/0","v":0},{"n":"13","v":1367491215},{"n":"14","sv":"+02:00"},{"n":"16","sv":"U"}]}"#;
        both(F::Json, payload, "/3/0", &device());
    }

    // proves: FMT-01
    #[test]
    fn every_type() {
        let v = |json: &str, resource: u16, value: Value| {
            let path = std::format!("/3442/0/{resource}");
            let entries = [Entry::new(Path::resource(3442, 0, resource), value)];
            let json = std::format!(r#"{{"bn":"{path}","e":[{{{json}}}]}}"#);
            both(F::Json, json, &path, &entries);
        };
        v(r#""sv":"test_string""#, 110, "test_string".into());
        v(r#""v":-9223372036854775808"#, 120, i64::MIN.into());
        v(r#""v":9223372036854775807"#, 120, i64::MAX.into());
        v(r#""v":18446744073709551615"#, 125, u64::MAX.into());
        v(r#""v":3.0"#, 130, 3.0.into());
        v(r#""v":-0.987"#, 130, (-0.987).into());
        v(r#""bv":false"#, 140, false.into());
        v(
            r#""sv":"-/8=""#.replace('-', "+").as_str(),
            150,
            Value::Opaque(vec![0xfb, 0xff]),
        );
        v(r#""v":1170111600"#, 160, Value::Time(1_170_111_600));
        v(r#""ov":"0:65535""#, 170, link(0, 65535));
        v(r#""sv":"</3/0>""#, 180, Value::CoreLink("</3/0>".into()));
    }

    #[test]
    fn names() {
        let nine = [entry("/3/0/9", 1i64)];
        for json in [
            r#"{"bn":"/3/0/","e":[{"n":"9","v":1}]}"#,
            r#"{"bn":"/","e":[{"n":"3/0/9","v":1}]}"#,
            r#"{"bn":"3/0/","e":[{"n":"9","v":1}]}"#,
            r#"{"e":[{"n":"/3/0/9","v":1}]}"#,
            r#"{"e":[{"n":"9","v":1}]}"#,
            r#"{"e":[{"n":"9","v":1}],"bn":"/3/0/","ver":[{}]}"#,
        ] {
            decodes(F::Json, json, "/3/0", &nine);
        }
        both(
            F::Json,
            r#"{"bn":"/3/0/6/","e":[{"n":"0","v":1},{"n":"1","v":5}]}"#,
            "/3/0/6",
            &[entry("/3/0/6/0", 1i64), entry("/3/0/6/1", 5i64)],
        );
        both(
            F::Json,
            r#"{"bn":"/2/","e":[{"n":"0/2/127","v":7}]}"#,
            "/2",
            &[entry("/2/0/2/127", 7i64)],
        );
        both(F::Json, r#"{"bn":"/2/","e":[]}"#, "/2", &[]);
    }

    #[test]
    fn times() {
        let series = |times: [f64; 3]| times.map(|time| entry("/3/0/9", 1i64).at(time));
        decodes(
            F::Json,
            r#"{"bn":"/3/0/9","e":[{"v":1,"t":-30},{"v":1,"t":-5},{"v":1,"t":-50}],"bt":25462634}"#,
            "/3/0/9",
            &series([25_462_604.0, 25_462_629.0, 25_462_584.0]),
        );
        both(
            F::Json,
            r#"{"bn":"/3/0/9","bt":1700000000,"e":[{"v":1},{"t":5,"v":1},{"t":-5.5,"v":1}]}"#,
            "/3/0/9",
            &series([1.7e9, 1_700_000_005.0, 1_699_999_994.5]),
        );
        both(
            F::Json,
            r#"{"bn":"/3/0/9","e":[{"t":1700000000,"v":1},{"t":0.1,"v":1},{"t":-5,"v":1}]}"#,
            "/3/0/9",
            &series([1.7e9, 0.1, -5.0]),
        );
    }

    #[test]
    fn what_is_no_pack() {
        for bad in [
            "",
            "{}",
            "[]",
            r#"{"e":{}}"#,
            r#"{"e":[{"n":"/3/0/9"}]}"#,
            r#"{"e":[{"n":"/3/0/9","v":1,"sv":"1"}]}"#,
            r#"{"e":[{"n":"/3/0/9","v":1,"v":1}]}"#,
            r#"{"e":[{"n":"/3/0/9","v":1}],"e":[]}"#,
            r#"{"e":[{"n":"/3/0/9","v":"1"}]}"#,
            r#"{"e":[{"n":"/3/0/9","v":9223372036854775808}]}"#,
            r#"{"e":[{"n":"/3/0/9","v":1},{"n":"/3/0/9","v":1}]}"#,
            r#"{"e":[{"n":"/3/0","v":1}]}"#,
            r#"{"e":[{"n":"/3/1/9","v":1}]}"#,
            r#"{"e":[{"n":"/3/0/9","v":1}]}}"#,
            r#"{"e":[{"n":"/3442/0/170","ov":"1"}]}"#,
            // Arrays are no objects, and null is no value.
            r#"["/3/0/",null,[["9",null,1,null,null,null]]]"#,
            r#"["/3/0/",0,[{"n":"9","v":1}]]"#,
            r#"{"bn":"/3/0/","e":[["9",null,1,null,null,null]]}"#,
            r#"{"bn":null,"e":[{"n":"/3/0/9","v":1}]}"#,
            r#"{"bt":null,"e":[{"n":"/3/0/9","v":1}]}"#,
            r#"{"bn":"/3/0/","e":null}"#,
            r#"{"e":[{"n":"/3/0/9","v":1,"sv":null}]}"#,
            r#"{"e":[{"n":"/3/0/9","v":1,"t":null}]}"#,
            r#"{"e":[{"n":"/3/0/9","v":1,"bv":null}]}"#,
            r#"{"e":[{"n":"/3/0/9","v":1,"ov":null}]}"#,
            r#"{"e":[{"n":null,"v":1}]}"#,
            r#"{"e":[{"n":"/3/0/9","v":null}]}"#,
            r#"{"e":[null]}"#,
        ] {
            refused(F::Json, bad, "/3/0");
        }
        refused(F::Json, r#"{"e":[{"n":"/3442/0/150","sv":"*"}]}"#, "/3442");
        for v in [f64::NAN, f64::INFINITY] {
            let entries = [entry("/3442/0/130", v)];
            assert!(encode(F::Json, &entries, &path("/3442"), &models()).is_err());
        }
    }
}

mod paths {
    use super::super::super::{Change, decode_changes, decode_paths, encode_changes, encode_paths};
    use super::*;

    // proves: FMT-03, FMT-31
    #[test]
    fn requests_for_values() {
        let paths = [path("/3/0/0"), path("/1/0"), path("/3303"), path("/")];
        let json = r#"[{"n":"/3/0/0"},{"n":"/1/0"},{"n":"/3303"},{"n":"/"}]"#;
        let cbor = hex("84a100662f332f302f30a100642f312f30a100652f33333033a100612f");
        for (format, payload) in [
            (F::SenmlJson, json.as_bytes()),
            (F::SenmlEtchJson, json.as_bytes()),
            (F::SenmlCbor, &cbor),
            (F::SenmlEtchCbor, &cbor),
        ] {
            assert_eq!(encode_paths(format, &paths).as_deref(), Ok(payload));
            assert_eq!(decode_paths(format, payload).as_deref(), Ok(&paths[..]));
        }
        let other =
            br#"[{"bn":"/3/0/","n":"0"},{"bn":"/1/0","u":"%"},{"bn":"/3303","t":5},{"bn":"/"}]"#;
        assert_eq!(
            decode_paths(F::SenmlEtchJson, other).as_deref(),
            Ok(&paths[..])
        );
    }

    // proves: FMT-30, FMT-31, SML-13
    #[test]
    fn requests_carry_names_only() {
        for format in [F::SenmlJson, F::SenmlEtchJson] {
            for bad in [
                r#"[{"n":"/3/0/0","v":1}]"#,
                r#"[{"n":"/3/0/0","v":null}]"#,
                r#"[{"n":"x"}]"#,
                r#"[{"n":"/3/0/"}]"#,
            ] {
                assert!(decode_paths(format, bad.as_bytes()).is_err(), "{bad}");
            }
        }
        let other = br#"[{"n":"/3/0/0","x":1}]"#;
        assert!(
            decode_paths(F::SenmlEtchJson, other).is_err(),
            "RFC 8790, section 3.1"
        );
        assert!(decode_paths(F::SenmlJson, other).is_ok());
        for format in [F::Tlv, F::Json, F::Text, F::LwM2mCbor, F::Link] {
            assert_eq!(
                decode_paths(format, b""),
                Err(DecodeError::Unsupported(format))
            );
            assert!(encode_paths(format, &[Path::ROOT]).is_err());
        }
    }

    // proves: FMT-03, FMT-32, SML-14
    #[test]
    fn a_write_may_remove_a_resource_instance() {
        let changes = [
            Change::Set(entry("/3/0/6/0", 1i64)),
            Change::Remove(path("/3/0/6/1")),
            Change::Set(entry("/1/0/1", 60i64)),
        ];
        let json = br#"[{"bn":"/3/0/","n":"6/0","v":1},{"n":"6/1","v":null},{"bn":"/1/0/","n":"1","v":60}]"#;
        let cbor =
            hex("83a321652f332f302f0063362f300201a20063362f3102f6a321652f312f302f00613102183c");
        for (format, payload) in [(F::SenmlEtchJson, &json[..]), (F::SenmlEtchCbor, &cbor)] {
            assert_eq!(
                encode_changes(format, &changes, &models()).as_deref(),
                Ok(payload)
            );
            assert_eq!(
                decode_changes(format, payload, &models()).as_deref(),
                Ok(&changes[..])
            );
            refused(format, payload, "/");
        }
        for format in [F::SenmlJson, F::LwM2mCbor] {
            assert!(
                encode_changes(format, &changes, &models()).is_err(),
                "{format:?}"
            );
            let sets = [changes[0].clone(), changes[2].clone()];
            let bytes = encode_changes(format, &sets, &models()).unwrap();
            let mut found = decode_changes(format, &bytes, &models()).unwrap();
            found.sort_by_key(|change| core::cmp::Reverse(change.path()));
            assert_eq!(found, sets);
        }
        let resource = [Change::Remove(path("/3/0/9"))];
        assert!(encode_changes(F::SenmlEtchJson, &resource, &models()).is_err());
        let resource = br#"[{"n":"/3/0/9","v":null}]"#;
        assert!(decode_changes(F::SenmlEtchJson, resource, &models()).is_err());
    }
}

#[test]
fn links_carry_no_values() {
    let error = decode(F::Link, b"</3/0>", &path("/"), &models());
    assert_eq!(error, Err(DecodeError::Unsupported(F::Link)));
    assert!(encode(F::Link, &[], &path("/"), &models()).is_err());
}
