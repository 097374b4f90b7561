//! The tables by themselves; `tests/registry.rs` has them beside the files of the OMA registry.

use crate::{
    Definitions,
    tables::{BUILT_IN, built_in, handles},
};
use lwm2m_core::{
    model::{ObjectModel, ValueRange},
    version::ObjectVersion,
};
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

/// Each constant has its handle, and the handle's type is that of the definition, in its highest version that has it.
#[test]
fn handles_have_the_types_of_their_definitions() {
    let handles = handles();
    let mut seen = HashSet::new();
    for &(object, id, data_type, multiple) in &handles {
        assert!(seen.insert((object, id)), "/{object}/x/{id} has two");
        let mut newest_first = built_in(object).iter().rev();
        let resource = newest_first.find_map(|model| model.resource(id)).unwrap();
        assert_eq!(
            (resource.data_type, resource.multiple),
            (data_type, multiple),
            "/{object}/x/{id}"
        );
    }
    for model in BUILT_IN.iter().copied().flatten() {
        for resource in &*model.resources {
            assert!(
                seen.contains(&(model.id, resource.id)),
                "/{}/x/{}",
                model.id,
                resource.id
            );
        }
    }
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

/// All that a handle does, for each type: to an entry and back, from the value a format without types gives, and refused.
#[test]
fn typed_values_come_back() {
    use crate::{
        access_control::typed::ACL,
        device::typed as device,
        gateway::typed as gateway,
        ipso::temperature::typed as temperature,
        security::typed as security,
        server::typed as server,
        typed::{CoreLink, Resource, Time, TypedError},
    };
    use lwm2m_core::{
        entry::Entry,
        value::{DataType, ObjectLink, Value},
    };
    let link = ObjectLink {
        object: 11,
        instance: 2,
    };
    let entries = [
        security::SECRET_KEY.entry(1, &[1, 2]),
        server::LIFETIME.entry(1, -1),
        server::LIFETIME.entry(1, 60),
        server::COMMUNICATION_RETRY_COUNT.entry(1, u64::MAX),
        server::APN_LINK.entry(1, link),
        server::MUTE_SEND.entry(1, true),
        ACL.entry(1, 7, 15),
        ACL.entry(2, 7, 1),
        ACL.entry(1, 101, 31),
        device::CURRENT_TIME.entry(1, Time(5)),
        gateway::IOT_DEVICE_OBJECTS.entry(1, "</a/3>"),
        temperature::SENSOR_VALUE.entry(1, 0.5),
        temperature::SENSOR_UNITS.entry(1, String::from("Cel")),
    ];
    assert_eq!(security::SECRET_KEY.read(1, &entries), Ok([1, 2].into()));
    assert_eq!(
        server::LIFETIME.read(1, &entries),
        Ok(60),
        "the last of a series"
    );
    assert_eq!(
        server::COMMUNICATION_RETRY_COUNT.read(1, &entries),
        Ok(u64::MAX)
    );
    assert_eq!(server::APN_LINK.read(1, &entries), Ok(link));
    assert_eq!(server::MUTE_SEND.read(1, &entries), Ok(true));
    assert_eq!(ACL.read(1, &entries), Ok([(7, 15), (101, 31)].into()));
    assert_eq!(ACL.read(9, &entries), Ok([].into()));
    assert_eq!(device::CURRENT_TIME.read(1, &entries), Ok(Time(5)));
    let objects = gateway::IOT_DEVICE_OBJECTS.read(1, &entries);
    assert_eq!(objects, Ok(CoreLink("</a/3>".into())));
    assert_eq!(temperature::SENSOR_VALUE.read(1, &entries), Ok(0.5));
    assert_eq!(
        temperature::SENSOR_UNITS.read(1, &entries).as_deref(),
        Ok("Cel")
    );

    let missing = TypedError::Missing(server::LIFETIME.path(0));
    assert_eq!(server::LIFETIME.read(0, &entries), Err(missing));
    assert_eq!(temperature::SENSOR_VALUE.value(Value::Integer(3)), Ok(3.0));
    assert_eq!(device::CURRENT_TIME.value(Value::Integer(3)), Ok(Time(3)));
    assert_eq!(device::BATTERY_LEVEL.value(Value::Unsigned(3)), Ok(3));
    let refused = |expected, got| TypedError::Type {
        object: 1,
        resource: 1,
        expected,
        got,
    };
    let half = server::LIFETIME.value(Value::Float(0.5));
    assert_eq!(half, Err(refused(DataType::Integer, DataType::Float)));
    let text = Entry::new(ACL.instance_path(1, 0), "all");
    assert_eq!(
        ACL.read(1, &[text]).unwrap_err(),
        TypedError::Type {
            object: 2,
            resource: 2,
            expected: DataType::Integer,
            got: DataType::String
        },
    );
    let key = Value::from("0123456789");
    let error = format!("{:?}", security::SECRET_KEY.value(key).unwrap_err());
    assert!(!error.contains("0123456789"), "{error}");
    assert_eq!(size_of::<Resource<String>>(), 4);
}

/// One word for what a version says of a resource: operations, `*` for instances, `!` for mandatory, type, ranges.
fn said(model: &ObjectModel, id: u16) -> String {
    let Some(resource) = model.resource(id) else {
        return "-".into();
    };
    let mut said = format!("{:?} ", resource.operations);
    said += if resource.multiple { "*" } else { "" };
    said += if resource.mandatory { "!" } else { "" };
    said += resource.data_type.map_or("", |data_type| data_type.name());
    for range in &*resource.ranges {
        said += &match range {
            ValueRange::Number { from, to } => format!(" {from}..{to}"),
            ValueRange::Length { from, to } => format!(" {from}..{to} bytes"),
            other => format!(" {other:?}"),
        };
    }
    said
}

/// Every difference between an older version of an object and its highest, for each object that has several; in all
/// else they must be alike, so that a slip in an older version is seen.
#[test]
fn older_versions_differ_from_the_highest_in_this_and_nothing_else() {
    /// Resources that the older version lacks, and those of which it says something else.
    type Differences = (
        &'static [core::ops::RangeInclusive<u16>],
        &'static [(u16, &'static str)],
    );
    let differences = |id: u16, minor: u8| -> Differences {
        match (id, minor) {
            (0, 0) => (&[13..=30], &[]),
            (0, 1) => (
                &[18..=30],
                &[(15, "None Integer 0..3"), (16, "None *Integer")],
            ),
            (1, 0) => (&[9..=27], &[(0, "Read !Integer 1..65535")]),
            (1, 1) => (
                &[24..=27],
                &[
                    (13, "None Unsigned Integer"),
                    (14, "None Unsigned Integer"),
                    (15, "None Boolean"),
                    (16, "None Boolean"),
                    (17, "None Unsigned Integer"),
                    (18, "None Unsigned Integer"),
                    (19, "None Unsigned Integer"),
                    (20, "None Unsigned Integer"),
                ],
            ),
            (2, 0) => (&[], &[(2, "ReadWrite *Integer")]),
            (3, 0 | 1) => (&[], &[(11, "Read *!Integer 0..8")]),
            (4, 0) => (&[11..=13], &[]),
            (4, 1) => (&[12..=13], &[]),
            (4, 2) => (&[13..=13], &[]),
            (5, 0) => (&[10..=14], &[(5, "Read !Integer 0..9")]),
            (5, 1) => (&[14..=14], &[]),
            (20, 0) => (&[4016..=4017], &[]),
            (21, 0) => (
                &[6..=6],
                &[
                    (0, "None !String"),
                    (1, "None !String"),
                    (2, "None !String"),
                    (5, "None String"),
                ],
            ),
            (25, 0) => (&[3..=3], &[(1, "ReadWrite !String"), (2, "Read Objlnk")]),
            (3336, 0) => (
                &[6042..=6053],
                &[
                    (5513, "Read !String"),
                    (5514, "Read !String"),
                    (5515, "Read String"),
                    (5516, "Read String"),
                ],
            ),
            _ => (&[], &[]),
        }
    };
    for versions in BUILT_IN.iter().filter(|versions| versions.len() > 1) {
        let (latest, older) = versions.split_last().unwrap();
        for model in older {
            let (lacks, says) = differences(model.id, model.version.minor);
            let resources = model.resources.iter().chain(&*latest.resources);
            for id in resources.map(|resource| resource.id) {
                let other = says.iter().find(|(says, _)| *says == id);
                let expected = match other {
                    Some((_, expected)) => String::from(*expected),
                    None if lacks.iter().any(|ids| ids.contains(&id)) => "-".into(),
                    None => said(latest, id),
                };
                assert_eq!(
                    said(model, id),
                    expected,
                    "/{}/x/{id} {}",
                    model.id,
                    model.version
                );
            }
        }
    }
}
