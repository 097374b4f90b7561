//! Payloads that name paths: composite reads, and writes that remove (RFC 8790).

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
    let json =
        br#"[{"bn":"/3/0/","n":"6/0","v":1},{"n":"6/1","v":null},{"bn":"/1/0/","n":"1","v":60}]"#;
    let cbor = hex("83a321652f332f302f0063362f300201a20063362f3102f6a321652f312f302f00613102183c");
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
