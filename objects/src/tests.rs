//! The tables by themselves; `tests/registry.rs` has them beside the files of the OMA registry.

use crate::{Definitions, tables::BUILT_IN};
use lwm2m_core::{model::ObjectModel, version::ObjectVersion};
use std::{collections::HashSet, format, string::String, vec::Vec};

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

// proves: OBJ-41
/// As they are registered, by identifier and name.
#[test]
fn objects_of_the_enabler_have_their_registered_identifiers() {
    let registered = [
        (0, "LWM2M Security"),
        (1, "LwM2M Server"),
        (2, "LwM2M Access Control"),
        (3, "Device"),
        (4, "Connectivity Monitoring"),
        (5, "Firmware Update"),
        (6, "Location"),
        (7, "Connectivity Statistics"),
        (8, "Lock and Wipe"),
        (9, "LWM2M Software Management"),
        (10, "LWM2M Cellular Connectivity"),
        (11, "LWM2M APN Connection Profile"),
        (12, "WLAN connectivity"),
        (13, "LWM2M Bearer Selection"),
        (15, "DevCapMgmt"),
        (16, "Portfolio"),
        (19, "BinaryAppDataContainer"),
        (20, "Event Log"),
        (21, "LWM2M OSCORE"),
        (22, "Virtual Observe Notify"),
        (23, "LwM2M COSE"),
        (24, "MQTT Server"),
        (25, "LwM2M Gateway"),
        (26, "LwM2M Gateway Routing"),
        (3303, "Temperature"),
        (3311, "Light Control"),
        (3340, "Timer"),
    ];
    let definitions = Definitions::built_in();
    for (id, name) in registered {
        let versions: Vec<_> = definitions.iter().filter(|model| model.id == id).collect();
        assert!(!versions.is_empty(), "/{id}");
        assert!(versions.iter().all(|model| model.name == name), "/{id}");
    }
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
