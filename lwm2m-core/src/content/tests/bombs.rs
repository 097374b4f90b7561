//! Payloads that promise much in few bytes. None of them is to be believed, which `hostile.rs` checks, and none is to
//! cost more than it has bytes, which `tests/allocation.rs` of this crate checks, where the allocator counts.

use super::ContentFormat as F;
use std::{format, string::String, vec::Vec};

/// How deep a nesting bomb nests.
pub(crate) const LEVELS: usize = 100_000;

const SENML_CBOR: [F; 2] = [F::SenmlCbor, F::SenmlEtchCbor];
const SENML_JSON: [F; 2] = [F::SenmlJson, F::SenmlEtchJson];

/// The bytes of hexadecimal digits, with blanks between.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    hex::decode(text.replace(' ', "")).expect("hexadecimal digits")
}

/// Hands out arrays within arrays, maps within maps, and whatever else a format can put within itself, at every place
/// where something may stand.
pub(crate) fn nesting(each: &mut dyn FnMut(F, &[u8])) {
    nested_cbor(each);
    nested_json(each);
    // Records within records, as deep as their lengths allow
    for kind in [0x18, 0x58, 0x98] {
        let mut payload = Vec::new();
        for level in (1..=LEVELS).rev() {
            let [_, length @ ..] = ((level - 1) as u32 * 5).to_be_bytes();
            payload.extend([&[kind, 0][..], &length].concat());
        }
        each(F::Tlv, &payload);
    }
}

fn nested_cbor(each: &mut dyn FnMut(F, &[u8])) {
    // Arrays, maps, indefinite ones, chunks and tags
    for level in [
        "81", "9f", "a100", "bf00", "5f", "7f", "c1", "c6", "c4", "c2", "d9d9f7",
    ] {
        for closing in ["", "00", "ff"] {
            let mut bomb = |formats: &[F], before: &str| {
                let payload = [hex(before), hex(level).repeat(LEVELS), hex(closing)].concat();
                for format in formats {
                    each(*format, &payload);
                }
            };
            bomb(&[F::Cbor, F::SenmlCbor, F::SenmlEtchCbor, F::LwM2mCbor], "");
            // In a pack, as value, as name, under an unknown number, under an unknown text
            for before in [
                "81",
                "81a1 02",
                "81a1 00",
                "81a1 21",
                "81a1 1864",
                "81a2 6178",
            ] {
                bomb(&SENML_CBOR, before);
            }
            for before in ["a1", "a183190d7200186e"] {
                bomb(&[F::LwM2mCbor], before);
            }
        }
    }
}

fn nested_json(each: &mut dyn FnMut(F, &[u8])) {
    let packs: [(&[F], &[&str]); 2] = [
        (
            &SENML_JSON,
            &[
                "",
                "[",
                r#"[{"x":"#,
                r#"[{"n":"#,
                r#"[{"v":"#,
                r#"[{"vs":"#,
                r#"[{"bn":"#,
            ],
        ),
        (
            &[F::Json],
            &[
                "",
                r#"{"x":"#,
                r#"{"bn":"#,
                r#"{"e":"#,
                r#"{"e":["#,
                r#"{"e":[{"x":"#,
                r#"{"e":[{"n":"#,
                r#"{"e":[{"v":"#,
                r#"{"e":[{"sv":"#,
            ],
        ),
    ];
    for (formats, befores) in packs {
        for before in befores {
            for level in [
                "[",
                r#"{"x":"#,
                r#"[{"x":"#,
                r#"{"n":"#,
                r#"[{"vs":"#,
                r#"{"e":["#,
            ] {
                let payload = [before, &*level.repeat(LEVELS)].concat();
                for format in formats {
                    each(*format, payload.as_bytes());
                }
            }
        }
        // Well-formed, where only something flat may stand
        for before in befores.iter().filter(|before| !before.contains('x')) {
            let arrays = ["[".repeat(LEVELS), "]".repeat(LEVELS)].concat();
            let closers = before.chars().rev().filter_map(|c| match c {
                '[' => Some(']'),
                '{' => Some('}'),
                _ => None,
            });
            let payload = [before, &*arrays, &*closers.collect::<String>()].concat();
            for format in formats {
                each(*format, payload.as_bytes());
            }
        }
    }
}

/// Hands out headers that announce more than follows: up to 16 EiB.
pub(crate) fn lengths(each: &mut dyn FnMut(F, &[u8])) {
    let senml = |each: &mut dyn FnMut(F, &[u8]), text: String| {
        for format in SENML_CBOR {
            each(format, &hex(&text));
        }
    };
    // Texts and bytes
    for length in [
        "7affffffff",
        "5affffffff",
        "7bffffffffffffffff",
        "5bffffffffffffffff",
        "7b8000000000000000",
    ] {
        each(F::Cbor, &hex(length));
        each(F::Cbor, &hex(&format!("{length}6161")));
        each(F::Cbor, &hex(&format!("7f{length}")));
        each(F::Cbor, &hex(&format!("c2{length}")));
        for label in ["00", "02", "03", "08", "21", "63766c6f", "1864", "6178"] {
            senml(each, format!("81a1{label}{length}"));
        }
        senml(each, format!("81a1{length}"));
        each(F::LwM2mCbor, &hex(&format!("a183190d7200186e{length}")));
        each(F::LwM2mCbor, &hex(&format!("a1{length}")));
    }
    // Arrays and maps
    for length in [
        "9affffffff",
        "baffffffff",
        "9bffffffffffffffff",
        "bbffffffffffffffff",
    ] {
        each(F::Cbor, &hex(length));
        each(F::Cbor, &hex(&format!("c4{length}")));
        senml(each, length.into());
        senml(each, format!("81{length}"));
        senml(each, format!("81a11864{length}"));
        each(F::LwM2mCbor, &hex(length));
        each(F::LwM2mCbor, &hex(&format!("a1{length}")));
        each(F::LwM2mCbor, &hex(&format!("a1190d72{length}")));
    }
    for header in [
        "d86effffff",
        "18006effffff",
        "986effffff",
        "f8006effffff",
        "386e0000",
        "c76e",
    ] {
        each(F::Tlv, &hex(header));
        each(F::Tlv, &hex(&format!("{header}6161")));
    }
}
