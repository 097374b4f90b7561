//! Input that is made to hurt. That none of it is believed shows in what is refused; that nothing is allocated for
//! it, in that the tests end.

use super::{
    super::{ContentFormat as F, DecodeError, MAX_ENTRIES, decode, decode_paths, encode},
    *,
};
use alloc::{string::String, vec::Vec};

const LEVELS: usize = 100_000;

fn hex(text: &str) -> Vec<u8> {
    hex::decode(text.replace(' ', "")).expect("hexadecimal digits")
}

fn base(format: F) -> Path {
    match format.is_single_value() {
        true => Path::resource(3442, 0, 110),
        false => Path::object(3442),
    }
}

/// Reads a payload about the object of every type.
fn attempt(format: F, payload: &[u8]) -> Result<Vec<Entry>, DecodeError> {
    decode(format, payload, &base(format), &models())
}

#[track_caller]
fn refused(format: F, payload: impl AsRef<[u8]>) {
    assert!(attempt(format, payload.as_ref()).is_err(), "{format:?}");
}

// proves: SML-20
#[test]
fn nesting_bombs() {
    let bomb = |before: &str, level: &str, after: &str| {
        let mut payload = hex(before);
        payload.extend(hex(level).repeat(LEVELS));
        payload.extend(hex(after));
        payload
    };
    // Arrays, maps, indefinite ones, chunks and tags
    for level in [
        "81", "9f", "a100", "bf00", "5f", "7f", "c1", "c6", "c4", "c2", "d9d9f7",
    ] {
        for closing in ["", "00", "ff"] {
            refused(F::Cbor, bomb("", level, closing));
            refused(F::SenmlCbor, bomb("", level, closing));
            refused(F::SenmlCbor, bomb("81", level, closing));
            refused(F::SenmlCbor, bomb("81a1 02", level, closing));
            refused(F::SenmlCbor, bomb("81a1 21", level, closing));
            refused(F::SenmlCbor, bomb("81a1 1864", level, closing));
            refused(F::SenmlCbor, bomb("81a2 6178", level, closing));
            refused(F::LwM2mCbor, bomb("", level, closing));
            refused(F::LwM2mCbor, bomb("a1", level, closing));
            refused(F::LwM2mCbor, bomb("a183190d7200186e", level, closing));
        }
    }
    for level in ["[", "{\"x\":", "[{\"x\":", "{\"n\":", "[{\"vs\":"] {
        for before in ["", "[{\"x\":", "{\"x\":", "{\"e\":[{\"x\":"] {
            let payload = [before, &level.repeat(LEVELS)].concat();
            refused(F::SenmlJson, &payload);
            refused(F::Json, &payload);
        }
    }
    // A well-formed one in a field without a meaning is skipped without recursion.
    let closed = ["[".repeat(LEVELS), "]".repeat(LEVELS)].concat();
    let json = std::format!(r#"[{{"x":{closed},"n":"/3442/0/120","v":1}}]"#);
    assert_eq!(
        attempt(F::SenmlJson, json.as_bytes()).map(|entries| entries.len()),
        Ok(1)
    );
    let json = std::format!(r#"{{"x":{closed},"e":[{{"n":"/3442/0/120","v":1}}]}}"#);
    assert_eq!(
        attempt(F::Json, json.as_bytes()).map(|entries| entries.len()),
        Ok(1)
    );
    // Records within records, as deep as their lengths allow
    for kind in [0x18, 0x58, 0x98] {
        let mut payload = Vec::new();
        for level in (1..=LEVELS).rev() {
            let [_, length @ ..] = ((level - 1) as u32 * 5).to_be_bytes();
            payload.extend([&[kind, 0][..], &length].concat());
        }
        refused(F::Tlv, &payload);
    }
}

// proves: SML-20
#[test]
fn lengths_that_are_not_there() {
    for length in [
        "7affffffff",
        "5affffffff",
        "7bffffffffffffffff",
        "5bffffffffffffffff",
        "7b8000000000000000",
    ] {
        refused(F::Cbor, hex(length));
        refused(F::Cbor, hex(&std::format!("{length}6161")));
        refused(F::Cbor, hex(&std::format!("7f{length}")));
        refused(F::Cbor, hex(&std::format!("c2{length}")));
        for label in ["00", "02", "03", "08", "21", "63766c6f", "1864", "6178"] {
            refused(F::SenmlCbor, hex(&std::format!("81a1{label}{length}")));
        }
        refused(F::SenmlCbor, hex(&std::format!("81a1{length}")));
        refused(F::LwM2mCbor, hex(&std::format!("a183190d7200186e{length}")));
        refused(F::LwM2mCbor, hex(&std::format!("a1{length}")));
    }
    for length in [
        "9affffffff",
        "baffffffff",
        "9bffffffffffffffff",
        "bbffffffffffffffff",
    ] {
        refused(F::Cbor, hex(length));
        refused(F::Cbor, hex(&std::format!("c4{length}")));
        refused(F::SenmlCbor, hex(length));
        refused(F::SenmlCbor, hex(&std::format!("81{length}")));
        refused(F::SenmlCbor, hex(&std::format!("81a11864{length}")));
        refused(F::LwM2mCbor, hex(length));
        refused(F::LwM2mCbor, hex(&std::format!("a1{length}")));
        refused(F::LwM2mCbor, hex(&std::format!("a1190d72{length}")));
    }
    for header in [
        "d86effffff",
        "18006effffff",
        "986effffff",
        "f8006effffff",
        "386e0000",
        "c76e",
    ] {
        refused(F::Tlv, hex(header));
        refused(F::Tlv, hex(&std::format!("{header}6161")));
    }
}

// proves: SML-12
#[test]
fn one_key_twice() {
    for json in [
        r#"[{"n":"/3442/0/120","v":1,"v":1}]"#,
        r#"[{"n":"/3442/0/120","n":"/3442/0/120","v":1}]"#,
        r#"[{"bn":"/3442/0/120","bn":"/3442/0/120","v":1}]"#,
        r#"[{"n":"/3442/0/120","v":1,"t":1,"\u0074":1}]"#,
        r#"[{"n":"/3442/0/120","v":1},{"n":"/3442/0/120","v":1}]"#,
    ] {
        refused(F::SenmlJson, json);
    }
    for json in [
        r#"{"bn":"/3442/0/","bn":"/3442/0/","e":[]}"#,
        r#"{"e":[],"e":[]}"#,
        r#"{"e":[{"n":"/3442/0/120","v":1,"v":1}]}"#,
        r#"{"e":[{"n":"/3442/0/120","v":1},{"n":"/3442/0/120","v":1}]}"#,
    ] {
        refused(F::Json, json);
    }
    // Also where one of the keys takes more bytes than it needs.
    for record in ["020102 01", "0201180201", "0201 03 6161", "0201 61 6e 6161"] {
        let record = record.replace(' ', "");
        let payload = hex(&std::format!("81a3006b2f333434322f302f313230{record}"));
        match record.ends_with("616e6161") {
            // A text is no label: "n" is a field without a meaning here.
            true => assert!(attempt(F::SenmlCbor, &payload).is_ok()),
            false => refused(F::SenmlCbor, &payload),
        }
    }
    refused(F::LwM2mCbor, hex("a2190d72a100a1187801190d72a100a1187802"));
    refused(F::LwM2mCbor, hex("a283190d7200187801190d72a100a1187802"));
    refused(F::Tlv, hex("0003c17801 0003c17801"));
    refused(F::Tlv, hex("0006c17801c17801"));
}

/// A resource has a value or instances.
#[test]
fn a_value_beside_instances() {
    for (format, payload) in [
        (
            F::SenmlJson,
            r#"[{"n":"/3442/0/1120","v":1},{"n":"/3442/0/1120/2","v":2}]"#,
        ),
        (
            F::SenmlJson,
            r#"[{"n":"/3442/0/1120/0","v":1},{"n":"/3442/0/1120","v":2}]"#,
        ),
        (
            F::SenmlJson,
            r#"[{"n":"/3442/0/1120/7","v":1},{"n":"/3442/0/120","v":1},{"n":"/3442/0/1120","v":2}]"#,
        ),
        (
            F::Json,
            r#"{"e":[{"n":"/3442/0/1120","v":1},{"n":"/3442/0/1120/0","v":2}]}"#,
        ),
    ] {
        refused(format, payload);
    }
    refused(
        F::LwM2mCbor,
        hex("a2 83190d7200190460 01 84190d720019046000 02"),
    );
    refused(
        F::LwM2mCbor,
        hex("a2 84190d720019046005 01 83190d7200190460 02"),
    );
    for good in ["0400 e1046001", "0600 a30460410502"] {
        assert_eq!(attempt(F::Tlv, &hex(good)).map(|e| e.len()), Ok(1));
    }
    refused(F::Tlv, hex("08000a e1046001 a30460410502"));
    refused(F::Tlv, hex("08000a a30460410502 e1046001"));
    // Neighbours that only look like it
    let neighbours = r#"[{"n":"/3442/0/120","v":1},{"n":"/3442/0/1120/0","v":1},{"n":"/3442/0/1120/1","v":1},
        {"n":"/3442/1/120","v":1},{"n":"/3442/1/1120/65534","v":1},{"n":"/3442/1/1125","v":1}]"#;
    assert_eq!(
        attempt(F::SenmlJson, neighbours.as_bytes()).map(|e| e.len()),
        Ok(6)
    );
    let error = attempt(
        F::SenmlJson,
        br#"[{"n":"/3442/0/1120","v":1},{"n":"/3442/0/1120/2","v":2}]"#,
    );
    assert_eq!(
        error.map_err(|error| std::format!("{error}")),
        Err("/3442/0/1120: has both a value and instances".into())
    );
}

// proves: SML-19
#[test]
fn bytes_after_the_end() {
    let entries = [entry("/3442/0/110", "a")];
    for format in FORMATS {
        let place = base(format);
        let Ok(good) = encode(format, &entries, &place, &models()) else {
            assert_eq!(format, F::Opaque);
            continue;
        };
        assert!(attempt(format, &good).is_ok(), "{format:?}");
        for junk in [&b"\0"[..], b"]", b"x", b"\xff"] {
            let bad = [&good, junk].concat();
            match format {
                // Part of the text
                F::Text if junk != b"\xff" => assert!(attempt(format, &bad).is_ok()),
                _ => refused(format, &bad),
            }
        }
        // And every end that comes too early
        for end in 1..good.len() {
            match format {
                F::Text => {}
                _ => refused(format, &good[..end]),
            }
        }
    }
}

#[test]
fn text_that_is_not_utf8() {
    for bad in ["ff", "c328", "80", "eda080", "f4908080", "c0af"] {
        let bytes = hex(bad);
        let length = bytes.len();
        refused(F::Text, &bytes);
        refused(F::Cbor, hex(&std::format!("6{length}{bad}")));
        refused(
            F::SenmlCbor,
            hex(&std::format!(
                "81a2006b2f333434322f302f313130036{length}{bad}"
            )),
        );
        refused(F::SenmlCbor, hex(&std::format!("81a2006{length}{bad}0201")));
        refused(
            F::LwM2mCbor,
            hex(&std::format!("a183190d7200186e6{length}{bad}")),
        );
        let header = [0xc0 | length as u8, 110];
        let tlv = [&[length as u8 + 2, 0][..], &header, &bytes].concat();
        refused(F::Tlv, tlv);
        let quoted = |before: &[u8], after: &[u8]| [before, &bytes, after].concat();
        refused(
            F::SenmlJson,
            quoted(br#"[{"n":"/3442/0/110","vs":""#, b"\"}]"),
        );
        refused(
            F::SenmlJson,
            quoted(br#"[{"n":"/3442/0/110","vs":"","x":""#, b"\"}]"),
        );
        refused(
            F::Json,
            quoted(br#"{"e":[{"n":"/3442/0/110","sv":""#, b"\"}]}"),
        );
    }
    // Half of a pair of surrogates
    refused(F::SenmlJson, r#"[{"n":"/3442/0/110","vs":"\ud800"}]"#);
}

// proves: SML-20
#[test]
fn more_values_than_there_may_be() {
    let entries: Vec<Entry> = (0..=MAX_ENTRIES as u16)
        .map(|id| Entry::new(Path::resource_instance(3442, 0, 1120, id), 0i64))
        .collect();
    for format in FORMATS
        .into_iter()
        .filter(|format| !format.is_single_value())
    {
        let place = base(format);
        let most = encode(format, &entries[1..], &place, &models()).expect("a payload");
        assert_eq!(
            decode(format, &most, &place, &models()).map(|e| e.len()),
            Ok(MAX_ENTRIES)
        );
        let more = encode(format, &entries, &place, &models()).expect("a payload");
        assert!(
            decode(format, &more, &place, &models()).is_err(),
            "{format:?}"
        );
    }
    let paths: String = std::iter::repeat_n(r#"{"n":"/3"},"#, MAX_ENTRIES + 1).collect();
    let json = std::format!("[{}]", paths.trim_end_matches(','));
    assert!(decode_paths(F::SenmlJson, json.as_bytes()).is_err());
}

#[test]
fn a_long_base_name_is_not_copied_for_each_record() {
    let name = "1".repeat(1 << 20);
    let records = "{\"v\":1},".repeat(1 << 14);
    refused(
        F::SenmlJson,
        std::format!(r#"[{{"bn":"{name}"}},{records}{{"v":1}}]"#),
    );
    refused(
        F::Json,
        std::format!(r#"{{"bn":"{name}","e":[{records}{{"v":1}}]}}"#),
    );
}

#[test]
fn a_refusal_shows_no_secret_and_no_novel() {
    let key = r#"[{"n":"/3442/0/150","vs":"secret"}]"#;
    let error = decode(F::SenmlJson, key.as_bytes(), &Path::ROOT, &models()).unwrap_err();
    assert!(!std::format!("{error} {error:?}").contains("secret"));
    let novel = std::format!(r#"[{{"n":"/3442/0/120","vs":"{}"}}]"#, "é".repeat(10_000));
    let error = decode(F::SenmlJson, novel.as_bytes(), &Path::ROOT, &models()).unwrap_err();
    assert!(std::format!("{error}").len() < 300);
}
