//! Values read and written on single paths: int-201 to int-256, int-651, int-652.

use crate::support::{
    Device, SECOND, assert_device, basic, find, of_version_1_0, only, path, read_as, registered,
    told_lifetime, updates, value, with_portfolio,
};
use lwm2m_conformance::world::World;
use lwm2m_core::{
    coap::{Code, Message},
    content::ContentFormat,
    entry::Entry,
    operation::{Payload, Read, Write, WriteAttributes, WriteMode},
    value::Value,
};

// proves: FMT-04, GEN-07
#[test]
fn int_201() {
    let mut world = basic();
    for (at, text) in [("/3/0/0", "Example"), ("/3/0/1", "Sim"), ("/3/0/2", "4711")] {
        let response = read_as(&mut world, at, ContentFormat::Text);
        assert_eq!(response.payload, text);
    }
}

/// A TLV of the outermost level: the upper two bits of its type, its number, its value (Core 1.2.2, section 7.4.3).
fn tlvs(mut bytes: &[u8]) -> Vec<(u8, u16, Vec<u8>)> {
    let mut found = Vec::new();
    let take = |bytes: &mut &[u8], count: usize| {
        let (number, rest) = bytes.split_at(count);
        *bytes = rest;
        number
            .iter()
            .fold(0, |sum: usize, byte| sum << 8 | usize::from(*byte))
    };
    while !bytes.is_empty() {
        let kind = u8::try_from(take(&mut bytes, 1)).unwrap();
        let id = take(&mut bytes, if kind & 0x20 == 0 { 1 } else { 2 });
        let length = match kind >> 3 & 3 {
            0 => usize::from(kind & 7),
            bytes_of_length => take(&mut bytes, usize::from(bytes_of_length)),
        };
        let (value, rest) = bytes.split_at(length);
        bytes = rest;
        found.push((kind >> 6, u16::try_from(id).unwrap(), value.to_vec()));
    }
    found
}

/// Steps and criteria of int-203.
pub(crate) fn assert_device_as_tlv(world: &mut World) {
    const INSTANCE: u8 = 0b00;
    const MULTIPLE: u8 = 0b10;
    const RESOURCE: u8 = 0b11;
    let response = read_as(world, "/3/0", ContentFormat::Tlv);
    let mut resources = tlvs(&response.payload);
    // The resources may stand in a TLV of the instance.
    if let [(INSTANCE, 0, inner)] = &resources[..] {
        resources = tlvs(inner);
    }
    let of = |id| {
        let mut found = resources.iter().filter(|(_, number, _)| *number == id);
        let (kind, _, value) = found.next().unwrap();
        (*kind, &value[..])
    };
    assert_eq!(of(0), (RESOURCE, &b"Example"[..]));
    assert_eq!(of(1), (RESOURCE, &b"Sim"[..]));
    assert_eq!(of(2), (RESOURCE, &b"4711"[..]));
    assert_eq!(of(3), (RESOURCE, &b"1.0.0"[..]));
    assert_eq!(of(11), (MULTIPLE, &[0x41, 0, 0][..]));
    assert_eq!(of(16), (RESOURCE, &b"U"[..]));
    let values = world.values(&response, path("/3/0"));
    assert_eq!(find(&values, "/3/0/11/0"), Some(&0.into()));
}

// proves: FMT-05, FMT-18
#[test]
fn int_203() {
    assert_device_as_tlv(&mut basic());
}

// proves: FMT-33, GEN-02
#[test]
fn int_204() {
    // The format is that of 1.0.
    let mut world = of_version_1_0();
    let response = read_as(&mut world, "/3/0", ContentFormat::Json);
    assert!(response.payload.starts_with(b"{\"bn\":\"/3/0/\""));
    assert_device(&world.values(&response, path("/3/0")));
}

fn assert_server(world: &mut World, pmin: i64, pmax: i64, timeout: i64) {
    let response = read_as(world, "/1/0", ContentFormat::Tlv);
    let values = world.values(&response, path("/1/0"));
    for (at, number) in [("/1/0/2", pmin), ("/1/0/3", pmax), ("/1/0/5", timeout)] {
        assert_eq!(find(&values, at), Some(&number.into()), "{at}");
    }
}

// proves: DM-18, DM-68, FMT-04
#[test]
fn int_205() {
    let mut world = basic();
    for (pmin, pmax, timeout) in [(101, 1010, 2000), (1, 10, 86_400)] {
        for (at, number) in [("/1/0/2", pmin), ("/1/0/3", pmax), ("/1/0/5", timeout)] {
            world.write(path(at), ContentFormat::Text, number);
        }
        assert_server(&mut world, pmin, pmax, timeout);
    }
}

// proves: FMT-13
#[test]
fn int_211() {
    let mut world = basic();
    for (at, bytes) in [
        ("/1/0/0", &[0x01][..]),
        ("/1/0/6", &[0xF4]),
        ("/1/0/7", &[0x61, b'U']),
    ] {
        let response = read_as(&mut world, at, ContentFormat::Cbor);
        assert_eq!(response.payload, bytes, "{at}");
    }
}

// proves: FMT-13
#[test]
fn int_212() {
    let mut world = basic();
    world.write(path("/1/0/2"), ContentFormat::Cbor, 101);
    world.write(path("/1/0/3"), ContentFormat::Cbor, 1010);
    world.write(path("/1/0/6"), ContentFormat::Cbor, true);
    let values = world.read(path("/1/0"));
    assert_eq!(find(&values, "/1/0/2"), Some(&101.into()));
    assert_eq!(find(&values, "/1/0/3"), Some(&1010.into()));
    assert_eq!(find(&values, "/1/0/6"), Some(&true.into()));
}

/// Writes what stands in `payload` to the instance of the server object.
fn write_raw(world: &mut World, mode: WriteMode, format: ContentFormat, payload: Vec<u8>) {
    let write = Write {
        path: path("/1/0"),
        mode,
        payload: Payload {
            format,
            data: payload.into(),
        },
    };
    world.must(write, Code::CHANGED);
}

fn partial_then_replace(world: &mut World, format: ContentFormat, payload: &[u8]) {
    let before = world.read(path("/1/0"));
    write_raw(world, WriteMode::PartialUpdate, format, payload.to_vec());
    assert_server(world, 101, 1010, 2000);
    assert_eq!(value(world, "/1/0/6"), true.into());
    assert_eq!(
        value(world, "/1/0/1"),
        86_400.into(),
        "not written, not changed"
    );
    // All that may be written: the short server id may not.
    let writable = before.iter().filter(|entry| entry.path != path("/1/0/0"));
    let writable: Vec<Entry> = writable.cloned().collect();
    world.put(WriteMode::Replace, path("/1/0"), format, &writable);
    assert_eq!(world.read(path("/1/0")), before);
}

// proves: DM-18, DM-19, FMT-05
#[test]
fn int_215() {
    let payload = [
        0xC1, 2, 101, 0xC2, 3, 0x03, 0xF2, 0xC2, 5, 0x07, 0xD0, 0xC1, 6, 1, 0xC1, 7, b'U',
    ];
    partial_then_replace(&mut basic(), ContentFormat::Tlv, &payload);
}

#[test]
fn int_220() {
    let payload = br#"{"bn":"/1/0/","e":[{"n":"2","v":101},{"n":"3","v":1010},{"n":"5","v":2000},
        {"n":"6","bv":true},{"n":"7","sv":"U"}]}"#;
    partial_then_replace(&mut of_version_1_0(), ContentFormat::Json, payload);
}

// proves: BS-59, DM-56, OBJ-17
#[test]
fn int_221() {
    let mut world = basic();
    let read = Read {
        path: path("/0"),
        accept: None,
    };
    world.must(read, Code::UNAUTHORIZED);
    let write = Write {
        path: path("/0/0/0"),
        mode: WriteMode::Replace,
        payload: Payload {
            format: ContentFormat::Text,
            data: b"coap://10.0.0.1".to_vec().into(),
        },
    };
    world.must(write, Code::UNAUTHORIZED);
    let change = lwm2m_core::attributes::AttributeChange::from_queries(["pmin=30", "pmax=45"]);
    let write = WriteAttributes {
        path: path("/0"),
        change: change.unwrap(),
    };
    world.must(write, Code::UNAUTHORIZED);
}

fn assert_all_of_server(values: &[Entry]) {
    assert_eq!(find(values, "/1/0/0"), Some(&1.into()));
    assert_eq!(find(values, "/1/0/1"), Some(&86_400.into()));
    assert_eq!(find(values, "/1/0/6"), Some(&false.into()));
    assert_eq!(find(values, "/1/0/7"), Some(&"U".into()));
}

// proves: DM-03
#[test]
fn int_222() {
    let mut world = basic();
    assert_all_of_server(&world.read(path("/1")));
    assert_device(&world.read(path("/3")));
}

// proves: DM-03, DM-10, OBJ-09
#[test]
fn int_223() {
    let mut world = basic();
    assert_all_of_server(&world.read(path("/1/0")));
    assert_device(&world.read(path("/3/0")));
}

// proves: DM-03
#[test]
fn int_224() {
    let mut world = basic();
    assert_eq!(value(&mut world, "/1/0/0"), 1.into());
    assert_eq!(value(&mut world, "/1/0/1"), 86_400.into());
    assert_eq!(value(&mut world, "/1/0/6"), false.into());
    assert_eq!(value(&mut world, "/1/0/7"), "U".into());
    assert_eq!(value(&mut world, "/3/0/16"), "U".into());
}

// proves: DM-04, OBJ-12
#[test]
fn int_225() {
    let mut world = basic();
    let at = path("/3/0/11/0");
    assert_eq!(world.read(at), [Entry::new(at, 0)]);
}

fn lifetime_and_storing(seconds: i64, storing: bool) -> [Entry; 2] {
    [
        Entry::new(path("/1/0/1"), seconds),
        Entry::new(path("/1/0/6"), storing),
    ]
}

// proves: DM-19
#[test]
fn int_226() {
    let mut world = basic();
    let at = path("/1/0");
    let format = ContentFormat::SenmlCbor;
    let written = lifetime_and_storing(61, true);
    world.put(WriteMode::PartialUpdate, at, format, &written);
    world.updated(SECOND * 61);
    world.run(SECOND);
    told_lifetime(&world, 61);
    only(&world.received(), Code::POST, "/1/0");
    let values = world.read(at);
    assert_eq!(find(&values, "/1/0/1"), Some(&61.into()));
    assert_eq!(find(&values, "/1/0/6"), Some(&true.into()));
    let before = lifetime_and_storing(86_400, false);
    world.put(WriteMode::PartialUpdate, at, format, &before);
    world.updated(SECOND * 86_400);
}

// proves: REG-11
#[test]
fn int_227() {
    let mut world = basic();
    for seconds in [63_u32, 86_400] {
        let before = updates(&world).len();
        world.write(path("/1/0/1"), ContentFormat::Text, i64::from(seconds));
        world.updated(SECOND * seconds);
        world.run(SECOND);
        told_lifetime(&world, seconds);
        assert_eq!(updates(&world).len(), before + 1);
        assert_eq!(value(&mut world, "/1/0/1"), i64::from(seconds).into());
    }
}

// proves: DM-20
#[test]
fn int_228() {
    let mut world = with_portfolio();
    let at = path("/16/0/0/1");
    world.write(at, ContentFormat::Text, "test");
    let received = world.received();
    let write = only(&received, Code::PUT, "/16/0/0/1");
    assert_eq!(write.message.payload, "test");
    assert_eq!(world.read(at), [Entry::new(at, "test")]);
    for (other, text) in [("/16/0/0/0", "a"), ("/16/0/0/2", "c"), ("/16/0/0/3", "d")] {
        assert_eq!(value(&mut world, other), text.into());
    }
}

fn read_at_all_levels(format: ContentFormat) {
    let mut world = basic();
    let response = read_as(&mut world, "/1", format);
    assert_all_of_server(&world.values(&response, path("/1")));
    let response = read_as(&mut world, "/3/0", format);
    assert_device(&world.values(&response, path("/3/0")));
    for (at, expected) in [("/3/0/16", Value::from("U")), ("/3/0/11/0", 0.into())] {
        let response = read_as(&mut world, at, format);
        let at = path(at);
        assert_eq!(world.values(&response, at), [Entry::new(at, expected)]);
    }
}

// proves: FMT-06
#[test]
fn int_231() {
    read_at_all_levels(ContentFormat::SenmlJson);
}

// proves: FMT-06
#[test]
fn int_232() {
    read_at_all_levels(ContentFormat::SenmlCbor);
}

fn write_at_all_levels(format: ContentFormat) {
    let mut world = with_portfolio();
    let written = lifetime_and_storing(61, true);
    world.put(WriteMode::PartialUpdate, path("/1/0"), format, &written);
    world.updated(SECOND * 61);
    world.run(SECOND);
    told_lifetime(&world, 61);
    let values = world.read(path("/1"));
    assert_eq!(find(&values, "/1/0/1"), Some(&61.into()));
    assert_eq!(find(&values, "/1/0/6"), Some(&true.into()));
    world.write(path("/16/0/0/0"), format, "test_value");
    let values = world.read(path("/16"));
    assert_eq!(find(&values, "/16/0/0/0"), Some(&"test_value".into()));
    world.write(path("/1/0/1"), format, 63);
    world.updated(SECOND * 63);
    world.run(SECOND);
    told_lifetime(&world, 63);
    assert_eq!(value(&mut world, "/1/0/1"), 63.into());
    let received = world.received();
    for (code, at) in [
        (Code::POST, "/1/0"),
        (Code::PUT, "/16/0/0/0"),
        (Code::PUT, "/1/0/1"),
    ] {
        let request: &Message = &only(&received, code, at).message;
        assert_eq!(request.options.content_format(), Some(format.number()));
    }
}

// proves: DM-25, FMT-10
#[test]
fn int_233() {
    write_at_all_levels(ContentFormat::SenmlCbor);
}

// proves: DM-25
#[test]
fn int_234() {
    write_at_all_levels(ContentFormat::SenmlJson);
}

// proves: DM-06, FMT-08, FMT-10
#[test]
fn int_237() {
    let mut world = basic();
    assert_all_of_server(&world.read(path("/1")));
    assert_device(&world.read(path("/3")));
    for at in ["/1", "/3"] {
        let received = world.received();
        let asked = &only(&received, Code::GET, at).message;
        assert_eq!(asked.options.accept(), None);
        let sent = world.sent();
        let answered = sent
            .iter()
            .find(|packet| packet.message.token == asked.token);
        let format = answered.unwrap().message.options.content_format().unwrap();
        assert!(matches!(format, 110 | 112), "{format}");
    }
}

// proves: DM-29, OBJ-10
#[test]
fn int_256() {
    let mut world = basic();
    let write = Write {
        path: path("/1/0/0"),
        mode: WriteMode::Replace,
        payload: Payload {
            format: ContentFormat::Text,
            data: b"123".to_vec().into(),
        },
    };
    world.must(write, Code::METHOD_NOT_ALLOWED);
    assert_eq!(value(&mut world, "/1/0/0"), 1.into());
}

// proves: DM-18, OBJ-14
#[test]
fn int_651() {
    let mut world = registered(Device::Full);
    let before = world.read(path("/3/0"));
    let payload = [
        &[0xC4, 13, 0x51, 0x82, 0x42, 0x8F, 0xC6, 14][..],
        b"+02:00",
        &[0xC8, 15, 12],
        b"Europe/Paris",
    ];
    let write = Write {
        path: path("/3/0"),
        mode: WriteMode::PartialUpdate,
        payload: Payload {
            format: ContentFormat::Tlv,
            data: payload.concat().into(),
        },
    };
    world.must(write, Code::CHANGED);
    let values = world.read(path("/3/0"));
    // The clock goes on.
    let time = find(&values, "/3/0/13").unwrap().as_i64().unwrap();
    assert!((1_367_491_215..1_367_491_220).contains(&time), "{time}");
    assert_eq!(find(&values, "/3/0/14"), Some(&"+02:00".into()));
    assert_eq!(find(&values, "/3/0/15"), Some(&"Europe/Paris".into()));
    let writable: Vec<Entry> = before
        .iter()
        .filter(|entry| (13..=15).contains(&entry.path.resource_id().unwrap()))
        .cloned()
        .collect();
    world.put(
        WriteMode::Replace,
        path("/3/0"),
        ContentFormat::Tlv,
        &writable,
    );
    let without_time = |entries: Vec<Entry>| {
        let clock = path("/3/0/13");
        entries
            .into_iter()
            .filter(|entry| entry.path != clock)
            .collect::<Vec<_>>()
    };
    let after = world.read(path("/3/0"));
    assert_eq!(without_time(after), without_time(before));
}

#[test]
fn int_652() {
    let mut world = registered(Device::Full);
    assert_eq!(value(&mut world, "/3/0/3"), "1.0.0".into());
}
