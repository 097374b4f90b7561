//! One value as CBOR: every form that a number, a date or a text may have (RFC 8949).

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
