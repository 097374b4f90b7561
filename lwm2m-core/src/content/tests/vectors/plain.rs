//! Formats of one bare value, without a path: text and opaque; and what all of them refuse.

use super::*;

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
