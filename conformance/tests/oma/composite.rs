//! Composite reads and writes: int-230 to int-281.

use crate::support::{
    Device, SECOND, basic, find, only, path, registered, told_lifetime, with_portfolio,
};
use lwm2m_conformance::world::World;
use lwm2m_core::{
    coap::Code,
    content::ContentFormat,
    entry::Entry,
    operation::{Payload, ReadComposite, WriteComposite},
    path::Path,
};

const FORMATS: [ContentFormat; 2] = [ContentFormat::SenmlCbor, ContentFormat::SenmlJson];

fn read(world: &mut World, format: ContentFormat, paths: &[&str]) -> Vec<Entry> {
    let read = ReadComposite {
        paths: paths.iter().map(|at| path(at)).collect(),
        format,
        accept: Some(format),
    };
    let response = world.must(read, Code::CONTENT);
    assert_eq!(response.options.content_format(), Some(format.number()));
    world.values(&response, Path::ROOT)
}

fn write(world: &mut World, format: ContentFormat, entries: &[Entry]) {
    let payload = Payload::encode(format, entries, &Path::ROOT, &*world.definitions).unwrap();
    world.must(WriteComposite { payload }, Code::CHANGED);
}

// proves: DM-02, DM-63, METH-01
#[test]
fn int_230() {
    for format in FORMATS {
        let mut world = with_portfolio();
        let identities = ["aa", "bb", "cc", "dd"];
        let mut entries = vec![
            Entry::new(path("/1/0/1"), 61),
            Entry::new(path("/1/0/6"), true),
        ];
        for (instance, text) in (0..).zip(identities) {
            let at = Path::resource_instance(16, 0, 0, instance);
            entries.push(Entry::new(at, text));
        }
        write(&mut world, format, &entries);
        world.updated(SECOND * 61);
        world.run(SECOND);
        told_lifetime(&world, 61);
        only(&world.received(), Code::IPATCH, "/");
        let mut values = world.read(path("/1/0"));
        values.extend(world.read(path("/16")));
        for entry in &entries {
            assert!(values.contains(entry), "{}", entry.path);
        }
    }
}

// proves: DM-61
#[test]
fn int_235() {
    for format in FORMATS {
        let mut world = with_portfolio();
        let values = read(&mut world, format, &["/"]);
        for at in ["/1/0/1", "/3/0/0", "/3/0/11/0", "/5/0/3", "/16/0/0/3"] {
            assert!(find(&values, at).is_some(), "{at}");
        }
        let hidden = |entry: &&Entry| matches!(entry.path.object_id(), Some(0 | 21 | 23));
        assert_eq!(values.iter().find(hidden), None);
    }
}

// proves: DM-60
#[test]
fn int_236() {
    for format in FORMATS {
        let mut world = basic();
        let paths = ["/1/0/1", "/3/0/11/0", "/3339/0/5522", "/3353/0/6030"];
        let values = read(&mut world, format, &paths);
        let expected = [
            Entry::new(path("/1/0/1"), 86_400),
            Entry::new(path("/3/0/11/0"), 0),
        ];
        assert_eq!(values, expected);
    }
}

// proves: DM-63
#[test]
fn int_257() {
    let json = br#"[{"bn":"/","n":"1/0/2","v":101},{"n":"1/0/6","vb":true},{"n":"3/0/13","v":0}]"#;
    let cbor = [
        &[0x83, 0xA3, 0x21, 0x61, b'/', 0x00, 0x65][..],
        b"1/0/2",
        &[0x02, 0x18, 0x65, 0xA2, 0x00, 0x65],
        b"1/0/6",
        &[0x04, 0xF5, 0xA2, 0x00, 0x66],
        b"3/0/13",
        &[0x02, 0x00],
    ]
    .concat();
    for (format, data) in [
        (ContentFormat::SenmlJson, json.to_vec()),
        (ContentFormat::SenmlCbor, cbor),
    ] {
        let mut world = registered(Device::Full);
        let values = world.read(path("/1"));
        assert_eq!(find(&values, "/1/0/2"), Some(&1.into()));
        let payload = Payload {
            format,
            data: data.into(),
        };
        world.must(WriteComposite { payload }, Code::CHANGED);
        let values = world.read(path("/1"));
        assert_eq!(find(&values, "/1/0/2"), Some(&101.into()));
        assert_eq!(find(&values, "/1/0/6"), Some(&true.into()));
        let values = world.read(path("/3"));
        let time = find(&values, "/3/0/13").unwrap().as_i64().unwrap();
        assert!((0..5).contains(&time), "{time}");
    }
}

// proves: DM-02, DM-60, METH-01, METH-03
#[test]
fn int_280() {
    for format in FORMATS {
        let mut world = basic();
        let values = read(&mut world, format, &["/3/0/16", "/3/0/11/0", "/1/0"]);
        assert_eq!(find(&values, "/3/0/16"), Some(&"U".into()));
        assert_eq!(find(&values, "/3/0/11/0"), Some(&0.into()));
        assert_eq!(find(&values, "/1/0/0"), Some(&1.into()));
        assert_eq!(find(&values, "/1/0/1"), Some(&86_400.into()));
        assert_eq!(find(&values, "/1/0/6"), Some(&false.into()));
        assert_eq!(find(&values, "/1/0/7"), Some(&"U".into()));
        let device = values
            .iter()
            .filter(|entry| entry.path.object_id() == Some(3));
        assert_eq!(device.count(), 2, "only what was asked for");
    }
}

// proves: DM-60
#[test]
fn int_281() {
    for format in FORMATS {
        let mut world = basic();
        let values = read(&mut world, format, &["/1/0/1", "/1/0/7", "/1/0/8"]);
        let expected = [
            Entry::new(path("/1/0/1"), 86_400),
            Entry::new(path("/1/0/7"), "U"),
        ];
        assert_eq!(values, expected);
    }
}
