//! Input that is made to hurt, through everything that reads payloads. That none of it is believed shows in what is
//! refused here; what it costs is counted by `tests/allocation.rs` of this crate.

use super::{
    super::{
        Change, Codec, ContentFormat as F, DecodeError, MAX_ENTRIES, decode, decode_changes,
        decode_create, decode_paths, encode, encode_changes, encode_paths,
    },
    bombs::{self, LEVELS, hex},
    *,
};
use alloc::{vec, vec::Vec};

/// All formats of packs with names: values, paths and changes come in them.
const SENML: [F; 4] = [
    F::SenmlJson,
    F::SenmlCbor,
    F::SenmlEtchJson,
    F::SenmlEtchCbor,
];

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

/// Reads a payload as everything that a payload of this format may be; gives back as what, and whether it was taken.
fn attempts(format: F, payload: &[u8]) -> Vec<(&'static str, bool)> {
    let models = models();
    let codec = Codec::new(&models).below("/lwm2m");
    let mut attempts = Vec::from([
        ("values", attempt(format, payload).is_ok()),
        (
            "values below a root",
            codec.decode(format, payload, &base(format)).is_ok(),
        ),
    ]);
    if !format.is_single_value() {
        let created = decode_create(format, payload, &base(format), 7, &models);
        attempts.push(("a new instance", created.is_ok()));
    }
    if format.is_senml() {
        attempts.extend([
            ("changes", decode_changes(format, payload, &models).is_ok()),
            ("paths", decode_paths(format, payload).is_ok()),
            (
                "changes below a root",
                codec.decode_changes(format, payload).is_ok(),
            ),
            (
                "paths below a root",
                codec.decode_paths(format, payload).is_ok(),
            ),
        ]);
    }
    attempts
}

#[track_caller]
fn refused(format: F, payload: impl AsRef<[u8]>) {
    let payload = payload.as_ref();
    for (what, taken) in attempts(format, payload) {
        let start = &payload[..payload.len().min(32)];
        assert!(!taken, "{format:?} as {what}: {}", start.escape_ascii());
    }
}

// proves: SML-20
#[test]
fn nesting_bombs() {
    bombs::nesting(&mut |format, payload| refused(format, payload));
    // A well-formed one in a field without a meaning is skipped without recursion.
    let closed = ["[".repeat(LEVELS), "]".repeat(LEVELS)].concat();
    let json = std::format!(r#"[{{"x":{closed},"n":"/3442/0/120","v":1}}]"#);
    for format in [F::SenmlJson, F::SenmlEtchJson] {
        let read = attempt(format, json.as_bytes());
        assert_eq!(read.map(|entries| entries.len()), Ok(1));
        let read = decode_changes(format, json.as_bytes(), &models());
        assert_eq!(read.map(|changes| changes.len()), Ok(1));
    }
    let json = std::format!(r#"{{"x":{closed},"e":[{{"n":"/3442/0/120","v":1}}]}}"#);
    assert_eq!(
        attempt(F::Json, json.as_bytes()).map(|entries| entries.len()),
        Ok(1)
    );
}

// proves: SML-20
#[test]
fn lengths_that_are_not_there() {
    bombs::lengths(&mut |format, payload| refused(format, payload));
}

// proves: SML-12
#[test]
fn one_key_twice() {
    for json in [
        r#"[{"n":"/3442/0/120","v":1,"v":1}]"#,
        r#"[{"n":"/3442/0/120","n":"/3442/0/120","v":1}]"#,
        r#"[{"n":"/3442/0/120","n":"/3442/0/120"}]"#,
        r#"[{"n":"/3442/0/120","\u006e":"/3442/0/120"}]"#,
        r#"[{"bn":"/3442/0/120","bn":"/3442/0/120","v":1}]"#,
        r#"[{"bn":"/3442/","bn":"/3442/","n":"0/120"}]"#,
        r#"[{"n":"/3442/0/120","v":1,"t":1,"\u0074":1}]"#,
    ] {
        for format in [F::SenmlJson, F::SenmlEtchJson] {
            refused(format, json);
        }
    }
    for json in [
        r#"{"bn":"/3442/0/","bn":"/3442/0/","e":[]}"#,
        r#"{"e":[],"e":[]}"#,
        r#"{"e":[{"n":"/3442/0/120","v":1,"v":1}]}"#,
        r#"{"e":[{"n":"/3442/0/120","v":1},{"n":"/3442/0/120","v":1}]}"#,
    ] {
        refused(F::Json, json);
    }
    // Also where one of the keys takes more bytes than it needs: values, names, base names, times.
    for record in [
        "a3 00 6b2f333434322f302f313230 0201 0201",
        "a3 00 6b2f333434322f302f313230 0201 180201",
        "a3 00 6b2f333434322f302f313230 0201 036161",
        "a3 00 6b2f333434322f302f313230 00 6b2f333434322f302f313230 0201",
        "a2 00 6b2f333434322f302f313230 1800 6b2f333434322f302f313230",
        "a3 21 6b2f333434322f302f313230 3801 6b2f333434322f302f313230 0201",
        "a4 00 6b2f333434322f302f313230 0201 0601 0601",
    ] {
        for format in [F::SenmlCbor, F::SenmlEtchCbor] {
            refused(format, hex(&std::format!("81 {record}")));
        }
    }
    // A text is no label: "n" is a field without a meaning here.
    let text = hex("81 a3 00 6b2f333434322f302f313230 0201 616e 6161");
    for format in [F::SenmlCbor, F::SenmlEtchCbor] {
        assert!(attempt(format, &text).is_ok(), "{format:?}");
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

/// Two values of one place are none; of two changes the second would hold, and a place may be asked for twice.
// proves: SML-12
#[test]
fn one_place_twice() {
    let json = br#"[{"n":"/3442/0/120","v":1},{"n":"/3442/0/120","v":1}]"#;
    let cbor = hex("82 a2006b2f333434322f302f3132300201 a2006b2f333434322f302f3132300201");
    for (format, payload) in SENML.into_iter().zip([&json[..], &cbor, json, &cbor]) {
        assert!(attempt(format, payload).is_err(), "{format:?}");
        let changes = decode_changes(format, payload, &models()).map(|changes| changes.len());
        match format.is_etch() {
            true => assert_eq!(changes, Ok(2), "{format:?}"),
            false => assert!(changes.is_err(), "{format:?}"),
        }
    }
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
        for bad in damaged(&good) {
            match format {
                // Part of the text
                F::Text if core::str::from_utf8(&bad).is_ok() => {
                    assert!(attempt(format, &bad).is_ok());
                }
                _ => refused(format, &bad),
            }
        }
    }
    let changes = [
        Change::Set(entry("/3442/0/110", "a")),
        Change::Remove(path("/3442/0/1110/3")),
    ];
    for format in SENML {
        let paths = encode_paths(format, &[path("/3442/0/110"), path("/3")]).expect("a payload");
        assert!(decode_paths(format, &paths).is_ok(), "{format:?}");
        for bad in damaged(&paths) {
            refused(format, &bad);
        }
        let count = if format.is_etch() { 2 } else { 1 };
        let changes = encode_changes(format, &changes[..count], &models()).expect("a payload");
        assert!(
            decode_changes(format, &changes, &models()).is_ok(),
            "{format:?}"
        );
        for bad in damaged(&changes) {
            refused(format, &bad);
        }
    }
}

/// With something behind the end, and with every end that comes too early, but for nothing at all.
fn damaged(good: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let longer = [&b"\0"[..], b"]", b"x", b"\xff"].map(|junk| [good, junk].concat());
    let shorter = (1..good.len()).map(|end| good[..end].to_vec());
    longer.into_iter().chain(shorter)
}

#[test]
fn text_that_is_not_utf8() {
    for bad in ["ff", "c328", "80", "eda080", "f4908080", "c0af"] {
        let bytes = hex(bad);
        let length = bytes.len();
        refused(F::Text, &bytes);
        refused(F::Cbor, hex(&std::format!("6{length}{bad}")));
        for pack in [
            // As a value, as a label, as part of a name and of a base name
            "81a2 006b2f333434322f302f313130 03+",
            "81a2 + 01 006b2f333434322f302f313130",
            "81a1 00+",
            "81a2 21+ 02 01",
            // In a field without a meaning that is read
            "81a2 006b2f333434322f302f313130 01+",
        ] {
            let pack = hex(&pack.replace('+', &std::format!("6{length}{bad}")));
            refused(F::SenmlCbor, &pack);
            refused(F::SenmlEtchCbor, &pack);
        }
        refused(
            F::LwM2mCbor,
            hex(&std::format!("a183190d7200186e6{length}{bad}")),
        );
        let header = [0xc0 | length as u8, 110];
        let tlv = [&[length as u8 + 2, 0][..], &header, &bytes].concat();
        refused(F::Tlv, tlv);
        let quoted =
            |before: &str, after: &str| [before.as_bytes(), &bytes, after.as_bytes()].concat();
        for (before, after) in [
            (r#"[{"n":"/3442/0/110","vs":""#, r#""}]"#),
            (r#"[{"n":"/3442/0/110","vs":"","x":""#, r#""}]"#),
            (r#"[{"n":"/3442/0/110","x":""#, r#""}]"#),
            (r#"[{"n":""#, r#""}]"#),
            (r#"[{"n":"/3442/0/110",""#, r#"":1}]"#),
        ] {
            refused(F::SenmlJson, quoted(before, after));
            refused(F::SenmlEtchJson, quoted(before, after));
        }
        for (before, after) in [
            (r#"{"e":[{"n":"/3442/0/110","sv":""#, r#""}]}"#),
            (r#"{"e":[],"x":""#, r#""}"#),
        ] {
            refused(F::Json, quoted(before, after));
        }
    }
    // Half of a pair of surrogates
    for format in [F::SenmlJson, F::SenmlEtchJson] {
        refused(format, r#"[{"n":"/3442/0/110","vs":"\ud800"}]"#);
        refused(format, r#"[{"n":"\ud800"}]"#);
    }
    refused(F::Json, r#"{"e":[{"n":"/3442/0/110","sv":"\ud800"}]}"#);
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
    let paths = vec![path("/3"); MAX_ENTRIES + 1];
    let changes: Vec<Change> = entries.iter().cloned().map(Change::Set).collect();
    for format in SENML {
        let decoded =
            |paths| decode_paths(format, &encode_paths(format, paths).expect("a payload"));
        assert_eq!(
            decoded(&paths[1..]).map(|paths| paths.len()),
            Ok(MAX_ENTRIES)
        );
        assert!(decoded(&paths).is_err(), "{format:?}");
        let decoded = |changes| {
            let payload = encode_changes(format, changes, &models()).expect("a payload");
            decode_changes(format, &payload, &models())
        };
        assert_eq!(
            decoded(&changes[1..]).map(|changes| changes.len()),
            Ok(MAX_ENTRIES)
        );
        assert!(decoded(&changes).is_err(), "{format:?}");
    }
}

#[test]
fn a_long_base_name_is_not_copied_for_each_record() {
    let name = "1".repeat(1 << 20);
    let records = "{\"v\":1},".repeat(1 << 14);
    for format in [F::SenmlJson, F::SenmlEtchJson] {
        refused(
            format,
            std::format!(r#"[{{"bn":"{name}"}},{records}{{"v":1}}]"#),
        );
    }
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
