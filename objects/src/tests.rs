//! The tables beside the files of the OMA registry.

use crate::{Definitions, ddf, tables::BUILT_IN};
use lwm2m_core::{
    model::{ObjectModel, ResourceModel},
    version::ObjectVersion,
};
use std::{collections::HashSet, format, path::PathBuf, string::String, vec::Vec};

/// The registry's files, where they are there.
pub(crate) fn registry() -> Option<PathBuf> {
    let path = PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../shared/registry"
    ));
    if path.is_dir() {
        return Some(path);
    }
    // The one thing a reader of the test log must see.
    #[allow(clippy::print_stderr)]
    {
        std::eprintln!("skipped: {} is not there", path.display());
    }
    None
}

// proves: OBJ-01
#[test]
fn tables_are_ordered_and_complete() {
    let ids: Vec<u16> = BUILT_IN.iter().map(|versions| versions[0].id).collect();
    assert!(ids.is_sorted_by(|a, b| a < b), "{ids:?}");
    for versions in BUILT_IN {
        assert!(versions.is_sorted_by(|a, b| a.id == b.id && a.version < b.version));
    }
    let expected = (0..=13)
        .chain([15, 16])
        .chain(19..=26)
        .chain(3200..=3203)
        .chain(3300..=3306)
        .chain([3308])
        .chain(3310..=3350)
        .chain([3411, 10259]);
    assert_eq!(ids, expected.collect::<Vec<u16>>());
}

#[test]
fn names_are_spelled_once_and_ranges_suit_types() {
    for model in Definitions::built_in().iter() {
        let mut names = HashSet::new();
        for resource in &*model.resources {
            let place = format!("/{}/x/{}", model.id, resource.id);
            assert!(names.insert(&resource.name), "{place}: {}", resource.name);
            assert_eq!(
                resource.data_type.is_none(),
                resource.operations.is_executable(),
                "{place}"
            );
            // What the table says the range is, the text says as well.
            let read = match crate::range::parse(&resource.range_text, resource.data_type) {
                crate::range::Range::Read(ranges) | crate::range::Range::Guessed(ranges, _) => {
                    ranges
                }
                other => {
                    assert!(resource.range_text.is_empty(), "{place}: {other:?}");
                    Vec::new()
                }
            };
            assert_eq!(*resource.ranges, *read, "{place}");
        }
    }
}

/// The tables carry a range only where a machine can read it.
fn without_unreadable_range(mut resource: ResourceModel) -> ResourceModel {
    if resource.ranges.is_empty() {
        resource.range_text = "".into();
    }
    resource
}

// proves: OBJ-08, OBJ-41
#[test]
fn each_table_agrees_with_its_file() {
    let Some(registry) = registry() else { return };
    for versions in BUILT_IN {
        let id = versions[0].id;
        let loaded = ddf::load(registry.join(format!("{id}.xml"))).unwrap();
        let file: &ObjectModel = &loaded.objects[0];
        let table = versions
            .iter()
            .find(|model| model.version == file.version)
            .unwrap_or_else(|| panic!("/{id} lacks version {}", file.version));
        assert_eq!(
            (table.id, &table.name, table.multiple, table.mandatory),
            (file.id, &file.name, file.multiple, file.mandatory)
        );
        assert_eq!(table.resources.len(), file.resources.len(), "/{id}");
        for (ours, theirs) in table.resources.iter().zip(&*file.resources) {
            assert_eq!(*ours, without_unreadable_range(theirs.clone()), "/{id}");
        }
    }
}

// proves: OBJ-08
#[test]
fn older_versions_differ_where_they_should() {
    use crate::{connectivity_monitoring, event_log, firmware_update, security, server};
    let count = |model: &ObjectModel| model.resources.len();
    assert_eq!(count(&security::V1_0), 13);
    assert_eq!(count(&security::V1_1), 18);
    assert_eq!(count(&server::V1_0), 9);
    assert_eq!(count(&server::V1_1), 24);
    assert_eq!(count(&connectivity_monitoring::V1_0), 11);
    assert_eq!(count(&connectivity_monitoring::V1_2), 13);
    assert_eq!(count(&firmware_update::V1_0), 9);
    assert_eq!(count(&firmware_update::V1_1), 13);
    assert!(!event_log::V1_0.multiple && event_log::V2_0.multiple);
    let name = |model: &ObjectModel| String::from(&*model.name);
    assert_eq!(name(&server::V1_0), name(&server::V1_2));
    assert_eq!(server::V1_1.version, ObjectVersion::new(1, 1));
    let operations = |model: &ObjectModel| {
        let resource = model.resource(server::REGISTRATION_PRIORITY_ORDER);
        resource.unwrap().operations.is_readable()
    };
    assert!(!operations(&server::V1_1) && operations(&server::V1_2));
}
