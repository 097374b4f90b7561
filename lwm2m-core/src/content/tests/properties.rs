//! `decode(encode(x)) == x` for arbitrary entries, and no panic on arbitrary bytes.

use super::{
    super::{
        Change, ContentFormat as F, decode, decode_changes, decode_create, decode_paths, encode,
        encode_changes, encode_paths,
    },
    *,
};
use crate::{model::NoModels, path::PathLevel};
use alloc::{collections::BTreeMap, string::String, vec, vec::Vec};
use proptest::{collection, option, prelude::*};

/// Where the resource of a type stands in the object of every type.
fn resource_id(data_type: DataType) -> u16 {
    EVERY_TYPE
        .iter()
        .find(|model| model.data_type == Some(data_type))
        .expect("every type has one")
        .id
}

fn any_value() -> impl Strategy<Value = Value> {
    any_type().prop_flat_map(any_value_of)
}

pub(super) fn any_type() -> impl Strategy<Value = DataType> {
    prop::sample::select(vec![
        DataType::String,
        DataType::Integer,
        DataType::Unsigned,
        DataType::Float,
        DataType::Boolean,
        DataType::Opaque,
        DataType::Time,
        DataType::ObjectLink,
        DataType::CoreLink,
    ])
}

pub(super) fn any_value_of(data_type: DataType) -> BoxedStrategy<Value> {
    let number = || {
        prop_oneof![
            any::<i64>(),
            any::<i32>().prop_map(i64::from),
            -300..300i64,
            Just(i64::MIN),
            Just(i64::MAX),
        ]
    };
    let text = any::<String>();
    match data_type {
        DataType::String => text.prop_map(Value::String).boxed(),
        DataType::Integer => number().prop_map(Value::Integer).boxed(),
        DataType::Unsigned => prop_oneof![any::<u64>(), 0..300u64]
            .prop_map(Value::Unsigned)
            .boxed(),
        DataType::Float => finite().prop_map(Value::Float).boxed(),
        DataType::Boolean => any::<bool>().prop_map(Value::Boolean).boxed(),
        DataType::Opaque => collection::vec(any::<u8>(), 0..300)
            .prop_map(Value::Opaque)
            .boxed(),
        DataType::Time => number().prop_map(Value::Time).boxed(),
        DataType::ObjectLink => any::<(u16, u16)>()
            .prop_map(|(object, instance)| link(object, instance))
            .boxed(),
        DataType::CoreLink => text.prop_map(Value::CoreLink).boxed(),
    }
}

/// Numbers of every size, single floats among them.
fn finite() -> impl Strategy<Value = f64> {
    use proptest::num::{f32, f64};
    prop_oneof![
        f64::NORMAL | f64::SUBNORMAL | f64::ZERO,
        (f32::NORMAL | f32::ZERO).prop_map(Into::into),
        (-1000..1000i32).prop_map(Into::into),
    ]
}

/// A value where its model puts it: single, or one of a multiple resource.
fn any_entry() -> impl Strategy<Value = Entry> {
    let instance = option::of(0..65535u16);
    (0..4u16, any_value(), instance).prop_map(|(object_instance, value, instance)| {
        let resource = resource_id(value.data_type());
        let path = match instance {
            None => Path::resource(3442, object_instance, resource),
            Some(id) => Path::resource_instance(3442, object_instance, 1000 + resource, id),
        };
        Entry::new(path, value)
    })
}

/// Entries of different places, in any order.
fn any_entries() -> impl Strategy<Value = Vec<Entry>> {
    collection::vec(any_entry(), 0..40).prop_map(|entries| {
        let mut places = BTreeMap::new();
        for (index, entry) in entries.into_iter().enumerate() {
            places.entry(entry.path).or_insert((index, entry));
        }
        let mut entries: Vec<_> = places.into_values().collect();
        entries.sort_by_key(|(index, _)| *index);
        entries.into_iter().map(|(_, entry)| entry).collect()
    })
}

/// Times around now and relative ones, exact fractions and others.
fn any_time() -> impl Strategy<Value = f64> {
    prop_oneof![
        (1_600_000_000..1_800_000_000i64).prop_map(|seconds| seconds as f64),
        (1_600_000_000_000..1_800_000_000_000i64).prop_map(|millis| millis as f64 / 1000.0),
        -1e6..1e6f64,
        finite(),
    ]
}

fn any_series() -> impl Strategy<Value = Vec<Entry>> {
    let timed = (any_entry(), any_time()).prop_map(|(entry, time)| entry.at(time));
    let one_place = (any_entry(), collection::vec(any_time(), 1..20)).prop_map(|(entry, times)| {
        times
            .into_iter()
            .map(|time| entry.clone().at(time))
            .collect()
    });
    prop_oneof![collection::vec(timed, 1..20), one_place]
}

fn any_path() -> impl Strategy<Value = Path> {
    collection::vec(0..65535u16, 0..=4).prop_map(|ids| Path::try_from_ids(&ids).expect("a path"))
}

pub(super) fn sorted(mut entries: Vec<Entry>) -> Vec<Entry> {
    entries.sort_by_key(|entry| entry.path);
    entries
}

/// Whether a format has its own order and knows no times: it is a tree.
pub(super) fn is_tree(format: F) -> bool {
    matches!(format, F::Tlv | F::LwM2mCbor)
}

/// Encodes, decodes and compares, about `base`.
fn round_trip(format: F, entries: &[Entry], base: &Path) -> Result<(), TestCaseError> {
    let bytes = encode(format, entries, base, &models());
    let bytes = bytes.map_err(|error| TestCaseError::fail(std::format!("{format:?}: {error}")))?;
    let decoded = decode(format, &bytes, base, &models());
    let expected = match is_tree(format) {
        true => sorted(entries.to_vec()),
        false => entries.to_vec(),
    };
    prop_assert_eq!(decoded, Ok(expected), "{:?} {}", format, hex::encode(bytes));
    Ok(())
}

/// The formats that carry several values.
pub(super) fn structured() -> impl Iterator<Item = F> {
    FORMATS
        .into_iter()
        .filter(|format| !format.is_single_value())
}

proptest! {
    // proves: FMT-34
    #[test]
    fn values_survive(entries in any_entries()) {
        for format in structured() {
            round_trip(format, &entries, &Path::object(3442))?;
            if format != F::Tlv {
                round_trip(format, &entries, &Path::ROOT)?;
            }
        }
    }

    #[test]
    fn values_survive_about_every_place(entry in any_entry()) {
        for level in [PathLevel::ObjectInstance, PathLevel::Resource, PathLevel::ResourceInstance] {
            let base = entry.path.truncated(level);
            for format in structured() {
                round_trip(format, std::slice::from_ref(&entry), &base)?;
            }
        }
        for format in [F::Text, F::Cbor] {
            round_trip(format, std::slice::from_ref(&entry), &entry.path)?;
        }
        if let Value::Opaque(_) = entry.value {
            round_trip(F::Opaque, std::slice::from_ref(&entry), &entry.path)?;
        }
    }

    #[test]
    fn series_survive(series in any_series()) {
        for format in structured().filter(|format| !is_tree(*format)) {
            round_trip(format, &series, &Path::ROOT)?;
        }
    }

    #[test]
    fn mixed_times_survive(entries in any_entries(), times in collection::vec(option::of(any_time()), 40)) {
        let timed: Vec<Entry> = entries
            .into_iter()
            .zip(times)
            .map(|(entry, time)| Entry { time, ..entry })
            .collect();
        for format in structured().filter(|format| !is_tree(*format)) {
            round_trip(format, &timed, &Path::ROOT)?;
        }
    }

    /// Whatever split of names and times an encoder chooses, the same values come out.
    #[test]
    fn names_and_times_may_be_split_anywhere(
        series in any_series(),
        splits in collection::vec((any::<prop::sample::Index>(), -1000..1000i32, any::<bool>()), 20),
    ) {
        let mut records = Vec::new();
        let mut expected = Vec::new();
        for (entry, (split, base_time, as_base)) in series.iter().zip(&splits) {
            // Whole seconds below 2^52, so that every split of them is exact.
            let time = f64::from(*base_time) * 1e6;
            let name = std::format!("{}", entry.path);
            let (base_name, name) = name.split_at(split.index(name.len() + 1));
            let (bt, t) = if *as_base { (time, 0) } else { (time - 77.0, 77) };
            let mut record = serde_json::json!({"bn": base_name, "n": name, "bt": bt, "t": t});
            let single = encode(F::SenmlJson, &[Entry { time: None, ..entry.clone() }], &Path::ROOT, &models());
            let single: serde_json::Value = serde_json::from_slice(&single.expect("a payload")).expect("JSON");
            for (field, value) in single[0].as_object().expect("a record") {
                if field != "bn" {
                    record[field] = value.clone();
                }
            }
            records.push(record);
            expected.push(entry.clone().at(time));
        }
        let json = serde_json::to_vec(&records).expect("JSON");
        prop_assert_eq!(decode(F::SenmlJson, &json, &Path::ROOT, &models()), Ok(expected));
    }

    /// Whatever nesting of keys an encoder chooses, the same values come out.
    #[test]
    fn keys_may_be_nested_anyhow(entries in any_entries(), choices in collection::vec(any::<u8>(), 1..64)) {
        let expected = sorted(entries);
        let mut bytes = Vec::new();
        nest(&expected, 0, &mut choices.iter().cycle().copied(), &mut bytes);
        let decoded = decode(F::LwM2mCbor, &bytes, &Path::ROOT, &models());
        prop_assert_eq!(decoded, Ok(expected), "{}", hex::encode(bytes));
    }

    #[test]
    fn paths_survive(paths in collection::vec(any_path(), 0..20)) {
        for format in FORMATS.into_iter().filter(|format| format.is_senml()) {
            let bytes = encode_paths(format, &paths).expect("a payload");
            prop_assert_eq!(decode_paths(format, &bytes), Ok(paths.clone()));
        }
    }

    #[test]
    fn changes_survive(steps in collection::vec((any_entry(), any::<bool>(), option::of(any_time())), 0..20)) {
        let changes: Vec<Change> = steps
            .into_iter()
            .map(|(entry, remove, time)| match entry.path.level() {
                PathLevel::ResourceInstance if remove => Change::Remove(entry.path),
                _ => Change::Set(Entry { time, ..entry }),
            })
            .collect();
        for format in [F::SenmlEtchJson, F::SenmlEtchCbor] {
            let bytes = encode_changes(format, &changes, &models()).expect("a payload");
            prop_assert_eq!(decode_changes(format, &bytes, &models()), Ok(changes.clone()));
        }
    }

    #[test]
    fn no_bytes_panic(bytes in collection::vec(any::<u8>(), 0..200), base in any_path()) {
        try_all(&bytes, &base);
    }

    /// Bytes that are nearly right reach further than random ones.
    #[test]
    fn no_mutation_panics(
        entries in any_entries(),
        damage in collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in option::of(any::<prop::sample::Index>()),
    ) {
        for format in structured() {
            let mut bytes = encode(format, &entries, &Path::object(3442), &models()).expect("a payload");
            if bytes.is_empty() {
                continue;
            }
            for (at, byte) in &damage {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            if let Some(cut) = cut {
                bytes.truncate(cut.index(bytes.len()));
            }
            try_all(&bytes, &Path::object(3442));
        }
    }
}

/// Writes entries, all below the same `depth` identifiers, as LwM2M-CBOR with keys as the choices tell: one or more
/// identifiers, arrays with or without a length, maps with or without.
fn nest(
    entries: &[Entry],
    depth: usize,
    choices: &mut dyn Iterator<Item = u8>,
    bytes: &mut Vec<u8>,
) {
    let mut choose = || choices.next().expect("a cycle");
    let endless = choose() & 1 == 1;
    let upper = choose() & 1 == 1;
    let id = |entry: &Entry, at: usize| entry.path.ids()[at];
    let groups: Vec<&[Entry]> = entries
        .chunk_by(|a, b| id(a, depth) == id(b, depth))
        .collect();
    let mut writer = super::super::cbor::Writer::new(bytes);
    use ciborium_ll::Header;
    writer.push(Header::Map((!endless).then_some(groups.len())));
    for group in groups {
        let shared = |at: usize| {
            let first = group[0].path.ids().get(at);
            first.is_some() && group.iter().all(|entry| entry.path.ids().get(at) == first)
        };
        let mut end = depth + 1;
        while upper && shared(end) {
            end += 1;
        }
        let ids = &group[0].path.ids()[depth..end];
        let mut writer = super::super::cbor::Writer::new(bytes);
        if let ([id], false) = (ids, endless) {
            writer.push(Header::Positive((*id).into()));
        } else {
            writer.push(Header::Array((!endless).then_some(ids.len())));
            for id in ids {
                writer.push(Header::Positive((*id).into()));
            }
            if endless {
                writer.push(Header::Break);
            }
        }
        match group {
            [entry] if entry.path.ids().len() == end => writer.value(&entry.value),
            _ => nest(group, end, choices, bytes),
        }
    }
    if endless {
        super::super::cbor::Writer::new(bytes).push(Header::Break);
    }
}

/// Reads bytes as everything there is; what is accepted can be written again.
fn try_all(bytes: &[u8], base: &Path) {
    for format in FORMATS {
        for base in [
            *base,
            Path::ROOT,
            Path::object(3442),
            Path::resource(3442, 0, 130),
        ] {
            let _ = decode(format, bytes, &base, &NoModels);
            let _ = decode_create(format, bytes, &base, 7, &models());
            if let Ok(entries) = decode(format, bytes, &base, &models()) {
                let _ = encode(format, &entries, &base, &models());
            }
        }
        let _ = decode_paths(format, bytes);
        let _ = decode_changes(format, bytes, &models());
    }
}

#[test]
fn every_type_has_a_value() {
    // Keeps the object of every type, which the properties rest on, complete.
    let ids: Vec<u16> = vec![110, 120, 125, 130, 140, 150, 160, 170, 180];
    let found: Vec<u16> = EVERY_TYPE
        .iter()
        .map(|m| m.id)
        .filter(|id| *id < 1000)
        .collect();
    assert_eq!(found, ids);
}
