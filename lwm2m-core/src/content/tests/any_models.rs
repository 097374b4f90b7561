//! `decode(encode(x)) == x` for arbitrary definitions of objects, and without any.

use super::{
    super::{ContentFormat as F, decode, encode},
    properties::{any_type, any_value_of, is_tree, sorted, structured},
    *,
};
use crate::{
    model::{Models, NoModels},
    path::PathLevel,
};
use alloc::{
    collections::{BTreeMap, BTreeSet},
    string::String,
    vec::Vec,
};
use base64::Engine as _;
use proptest::{collection, prelude::*};

/// A resource, and what there is of it: in which instances of the object and of the resource, and what.
#[derive(Debug, Clone)]
struct AnyResource {
    data_type: DataType,
    multiple: bool,
    values: Vec<(u16, u16, Value)>,
}

/// Whether there may be several instances, and the resources by their ids.
type AnyObject = (bool, BTreeMap<u16, AnyResource>);

/// Ids as they are used, and any others; 65535 is no id.
fn any_id() -> impl Strategy<Value = u16> {
    prop_oneof![0..12u16, 250..260u16, 3300..3351u16, 0..65535u16]
}

fn any_resource() -> impl Strategy<Value = AnyResource> {
    any_type().prop_flat_map(|data_type| {
        let value = (any_id(), any_id(), any_value_of(data_type));
        (any::<bool>(), collection::vec(value, 0..4)).prop_map(move |(multiple, values)| {
            AnyResource {
                data_type,
                multiple,
                values,
            }
        })
    })
}

fn any_object() -> impl Strategy<Value = AnyObject> {
    (
        any::<bool>(),
        collection::btree_map(any_id(), any_resource(), 1..6),
    )
}

/// Definitions of some objects, and values that they have places for, in any order.
fn any_tree() -> impl Strategy<Value = (Vec<ObjectModel>, Vec<Entry>)> {
    collection::btree_map(any_id(), any_object(), 1..4)
        .prop_map(|objects| {
            let models = objects.iter().map(|(id, object)| model(*id, object));
            let entries = objects.iter().flat_map(|(id, object)| values(*id, object));
            // One value for each place.
            let entries: BTreeMap<Path, Entry> = entries.map(|entry| (entry.path, entry)).collect();
            (models.collect::<Vec<_>>(), entries.into_values().collect())
        })
        .prop_flat_map(|(models, entries): (_, Vec<Entry>)| {
            (Just(models), Just(entries).prop_shuffle())
        })
}

fn model(id: u16, (multiple, resources): &AnyObject) -> ObjectModel {
    let resources = resources.iter().map(|(id, resource)| {
        let model = super::resource(*id, resource.data_type);
        match resource.multiple {
            true => model.multiple(),
            false => model,
        }
    });
    let model = ObjectModel::from_resources(id, "", V1_0, resources.collect());
    match multiple {
        true => model.multiple(),
        false => model,
    }
}

fn values(object: u16, (multiple, resources): &AnyObject) -> Vec<Entry> {
    let entry = |id: u16, resource: &AnyResource, (instance, below, value): &(u16, u16, Value)| {
        let instance = if *multiple { *instance } else { 0 };
        let path = match resource.multiple {
            true => Path::resource_instance(object, instance, id, *below),
            false => Path::resource(object, instance, id),
        };
        Entry::new(path, value.clone())
    };
    let resources = resources.iter();
    resources
        .flat_map(|(id, resource)| {
            resource
                .values
                .iter()
                .map(|value| entry(*id, resource, value))
        })
        .collect()
}

/// Every place that holds one of these values, `/` included.
fn places(entries: &[Entry]) -> BTreeSet<Path> {
    let levels = [
        PathLevel::Root,
        PathLevel::Object,
        PathLevel::ObjectInstance,
        PathLevel::Resource,
        PathLevel::ResourceInstance,
    ];
    let places = |entry: &Entry| levels.map(|level| entry.path.truncated(level));
    entries.iter().flat_map(places).collect()
}

fn below(entries: &[Entry], base: &Path) -> Vec<Entry> {
    let inside = entries.iter().filter(|entry| base.contains(&entry.path));
    inside.cloned().collect()
}

/// Writes, reads, and compares with what is expected to come back; reading anew and writing that gives the same bytes.
fn round_trip(
    format: F,
    entries: &[Entry],
    base: &Path,
    models: &dyn Models,
    expected: impl Fn(&Value) -> Value,
) -> Result<(), TestCaseError> {
    let bytes = encode(format, entries, base, models);
    let bytes = bytes
        .map_err(|error| TestCaseError::fail(std::format!("{format:?} about {base}: {error}")))?;
    let entries = entries.iter().map(|entry| Entry {
        value: expected(&entry.value),
        ..entry.clone()
    });
    let expected = match is_tree(format) {
        true => sorted(entries.collect()),
        false => entries.collect(),
    };
    let shown = hex::encode(&bytes);
    let decoded = decode(format, &bytes, base, models);
    prop_assert_eq!(
        decoded.as_ref(),
        Ok(&expected),
        "{:?} about {}: {}",
        format,
        base,
        shown
    );
    let again = encode(format, &expected, base, models);
    prop_assert_eq!(again.as_ref(), Ok(&bytes), "{:?} about {}", format, base);
    Ok(())
}

/// What a value comes back as where nobody knows its type: each format tells some kinds apart.
fn as_told(format: F, value: &Value) -> Value {
    match value {
        Value::CoreLink(text) => Value::String(text.clone()),
        Value::Time(seconds) if format != F::Cbor => Value::Integer(*seconds),
        Value::Unsigned(n) => i64::try_from(*n).map_or(Value::Unsigned(*n), Value::Integer),
        // CBOR has no such kind, and no key for one.
        Value::ObjectLink(link) if matches!(format, F::Cbor | F::LwM2mCbor) => {
            Value::String(std::format!("{link}"))
        }
        Value::Opaque(bytes) if format == F::Json => {
            let text: String = base64::engine::general_purpose::STANDARD.encode(bytes);
            Value::String(text)
        }
        other => other.clone(),
    }
}

proptest! {
    // proves: FMT-34
    #[test]
    fn values_of_any_definitions_survive((models, entries) in any_tree()) {
        let models = &models[..];
        for base in places(&entries) {
            let inside = below(&entries, &base);
            for format in structured() {
                // TLV is about an object and what lies below.
                if format != F::Tlv || base != Path::ROOT {
                    round_trip(format, &inside, &base, &models, Value::clone)?;
                }
            }
            if let ([entry], true) = (&inside[..], inside.iter().any(|entry| entry.path == base)) {
                for format in [F::Text, F::Cbor] {
                    round_trip(format, &inside, &base, &models, Value::clone)?;
                }
                if matches!(entry.value, Value::Opaque(_)) {
                    round_trip(F::Opaque, &inside, &base, &models, Value::clone)?;
                }
            }
        }
    }

    #[test]
    fn kinds_of_values_survive_without_definitions((_, entries) in any_tree()) {
        for base in places(&entries) {
            let inside = below(&entries, &base);
            for format in structured().filter(|format| *format != F::Tlv) {
                round_trip(format, &inside, &base, &NoModels, |value| as_told(format, value))?;
            }
            if let ([_], true) = (&inside[..], inside.iter().any(|entry| entry.path == base)) {
                round_trip(F::Cbor, &inside, &base, &NoModels, |value| as_told(F::Cbor, value))?;
            }
        }
    }
}
