//! Objects that are data here: connectivity monitoring, location, statistics, portfolio, application data, event log.

use crate::support::{SECOND, attributes, discover, find, path, read_as, value};
use lwm2m_client::{DataObject, DeviceObject, Instance, Object, StatisticsObject};
use lwm2m_conformance::world::{Setup, World, device_resources, server_account};
use lwm2m_core::{
    coap::Code,
    content::ContentFormat,
    entry::Entry,
    operation::Execute,
    path::Path,
    value::{ObjectLink, Value},
};
use lwm2m_objects::{
    binary_app_data_container, cellular_connectivity, connectivity_monitoring, event_log, location,
};
use lwm2m_server::ServerEvent;
use std::time::Duration;

/// A registered device that has this object beside the basic ones.
fn with(object: impl Object + 'static) -> World {
    let mut world = Setup::default().build(|client| {
        let account = server_account().resource(2, 1).resource(3, 10);
        client
            .server(account)
            .object(DeviceObject::new(device_resources()))
            .object(object)
    });
    world.registered();
    world.run(SECOND);
    world
}

/// Values of the notifications of `observed` within this while, with the time between them.
fn notifications(world: &mut World, observed: Path, time: Duration) -> Vec<(Duration, Vec<Entry>)> {
    let end = world.net.now() + time;
    let mut last = world.net.now();
    let mut found = Vec::new();
    world.events.clear();
    while world.net.now() < end {
        world.moment();
        for event in world.events.drain(..) {
            if let ServerEvent::Notification(told) = event
                && told.path() == observed
            {
                found.push((world.net.now().since(last), told.entries.clone()));
                last = world.net.now();
            }
        }
    }
    found
}

/// Write-attributes, observe, and notifications as pmin and pmax say, in rest and when `change` happens.
fn assert_reports(
    world: &mut World,
    at: &str,
    (pmin, pmax): (u32, u32),
    changed: &str,
    values: impl IntoIterator<Item = Value>,
) {
    attributes(world, at, &format!("pmin={pmin}&pmax={pmax}"));
    world.observe(path(at));
    let slack = Duration::from_millis(100);
    let quiet = notifications(world, path(at), SECOND * pmax * 3 + SECOND);
    assert!(quiet.len() >= 3, "{}", quiet.len());
    for (gap, _) in &quiet[1..] {
        assert!(
            *gap + slack >= SECOND * pmax && *gap <= SECOND * pmax + slack,
            "{gap:?}"
        );
    }
    for new in values {
        world.run(SECOND * pmin);
        world.set(path(changed), new.clone());
        let told = notifications(world, path(at), SECOND * pmin + SECOND);
        let (_, entries) = told.first().unwrap();
        assert_eq!(find(entries, changed), Some(&new));
    }
}

fn monitoring() -> DataObject {
    let resources = Instance::new()
        .with(0, 6)
        .with_multiple(1, [(0, 6), (1, 7)])
        .with(2, -90)
        .with(3, 50)
        .with_multiple(4, [(0, "10.0.0.3"), (1, "fd00::3")])
        .with_multiple(5, [(0, "10.0.0.254"), (1, "fd00::254")])
        .with(6, 5)
        .with_multiple(7, [(0, "internet"), (1, "iot")])
        .with(8, 12_345)
        .with(9, 15)
        .with(10, 262);
    DataObject::new(&connectivity_monitoring::V1_3).instance(0, resources)
}

// proves: OBJ-02
#[test]
fn int_701() {
    let mut world = with(monitoring());
    let values = world.read(path("/4/0"));
    assert_eq!(find(&values, "/4/0/0"), Some(&6.into()));
    assert_eq!(find(&values, "/4/0/1/1"), Some(&7.into()));
    assert_eq!(find(&values, "/4/0/2"), Some(&(-90).into()));
    assert_eq!(find(&values, "/4/0/4/1"), Some(&"fd00::3".into()));
    assert_eq!(find(&values, "/4/0/7/0"), Some(&"internet".into()));
    assert_eq!(find(&values, "/4/0/10"), Some(&262.into()));
}

#[test]
fn int_710() {
    let mut world = with(monitoring());
    let values = [-80, -85].map(Value::from);
    assert_reports(&mut world, "/4/0", (2, 10), "/4/0/2", values);
}

fn position() -> DataObject {
    let resources = Instance::new()
        .with(0, 43.5723)
        .with(1, 153.2176)
        .with(2, 140.0)
        .with(3, 100.0)
        .with(4, b"0".to_vec())
        .with(5, Value::Time(1_367_491_215))
        .with(6, 3.0);
    DataObject::new(&location::V1_0).instance(0, resources)
}

// proves: OBJ-02
#[test]
fn int_801() {
    let mut world = with(position());
    let values = world.read(path("/6/0"));
    assert_eq!(find(&values, "/6/0/0"), Some(&43.5723.into()));
    assert_eq!(find(&values, "/6/0/1"), Some(&153.2176.into()));
    assert_eq!(find(&values, "/6/0/2"), Some(&140.0.into()));
    assert_eq!(find(&values, "/6/0/4"), Some(&b"0".to_vec().into()));
    assert_eq!(find(&values, "/6/0/5"), Some(&Value::Time(1_367_491_215)));
}

#[test]
fn int_810() {
    let mut world = with(position());
    let values = [1_367_491_300, 1_367_491_400].map(Value::Time);
    assert_reports(&mut world, "/6/0", (2, 10), "/6/0/5", values);
}

/// The counters of /7/0: sent, received, largest, average.
fn counters(entries: &[Entry]) -> [i64; 4] {
    [2, 3, 4, 5].map(|id| {
        let at = format!("/7/0/{id}");
        find(entries, &at).unwrap().as_i64().unwrap()
    })
}

#[test]
fn int_901() {
    /// What lies under a message, see `StatisticsObject::overhead`.
    const OVERHEAD: usize = 28;
    let mut world = with(StatisticsObject::new());
    assert_eq!(counters(&world.read(path("/7/0"))), [0; 4]);
    let before = world.packets().len();
    world.must(Execute::new(path("/7/0/6")), Code::CHANGED);
    for _ in 0..80 {
        world.read(path("/3/0"));
    }
    let counted = counters(&world.read(path("/7/0")));
    // All but the request to begin and the answer that brings the counters.
    let packets = world.packets();
    let lengths = |from_device: bool| {
        let packets = packets[before + 1..packets.len() - 1].iter();
        packets
            .filter(|packet| (packet.from.to_string() == "10.0.0.3") == from_device)
            .map(|packet| packet.message.encode().unwrap().len())
            .collect::<Vec<_>>()
    };
    let (sent, received) = (lengths(true), lengths(false));
    let kilobytes = |lengths: &[usize]| {
        (lengths
            .iter()
            .map(|length| length + OVERHEAD)
            .sum::<usize>()
            / 1000) as i64
    };
    let all = [&sent[..], &received].concat();
    let average = all.iter().sum::<usize>() / all.len();
    let largest = all.iter().max().unwrap();
    let expected = [
        kilobytes(&sent),
        kilobytes(&received),
        *largest as i64,
        average as i64,
    ];
    assert!(expected[0] > 1 && expected[1] > 1);
    assert_eq!(counted, expected);
    world.must(Execute::new(path("/7/0/7")), Code::CHANGED);
    let stopped = counters(&world.read(path("/7/0")));
    for _ in 0..40 {
        world.read(path("/3/0"));
    }
    assert_eq!(counters(&world.read(path("/7/0"))), stopped);
    world.must(Execute::new(path("/7/0/6")), Code::CHANGED);
    assert_eq!(counters(&world.read(path("/7/0")))[..2], [0, 0]);
}

#[test]
fn int_910() {
    let mut world = with(StatisticsObject::new());
    attributes(&mut world, "/7/0", "pmin=5&pmax=10");
    world.observe(path("/7/0"));
    world.must(Execute::new(path("/7/0/6")), Code::CHANGED);
    let told = notifications(&mut world, path("/7/0"), SECOND * 400);
    // No notification is the reason for the next one.
    assert!((39..=41).contains(&told.len()), "{}", told.len());
    let (_, first) = &told[1];
    let (_, last) = told.last().unwrap();
    let (first, last) = (counters(first), counters(last));
    assert!(last[0] > first[0] && last[2] > 0 && last[3] > 0, "{last:?}");
}

// proves: OBJ-02
#[test]
fn int_905() {
    let mut world = with(StatisticsObject::new());
    let values = world.read(path("/7/0"));
    assert_eq!(find(&values, "/7/0/8"), Some(&0.into()));
    world.write(path("/7/0/8"), ContentFormat::Text, 300);
    let values = world.read(path("/7/0"));
    assert_eq!(find(&values, "/7/0/8"), Some(&300.into()));
}

/// Resource 6, the rate control of C.10, is in no definition of the object.
fn cellular() -> DataObject {
    let resources = Instance::new()
        .with(4, 3600)
        .with(5, 600)
        .with(8, b"\x14".to_vec())
        .with(9, b"\x33".to_vec())
        .with_multiple(
            11,
            [(
                0,
                Value::ObjectLink(ObjectLink {
                    object: 11,
                    instance: 0,
                }),
            )],
        )
        .with(13, 3_u32)
        .with(14, 1_u32);
    DataObject::new(&cellular_connectivity::V1_1).instance(0, resources)
}

fn assert_cellular_links(world: &mut World) {
    let links = discover(world, "/10", None);
    assert!(links.starts_with("</10>;ver=1.1,</10/0>"), "{links}");
    for id in [4, 5, 8, 9, 11, 13, 14] {
        assert!(links.contains(&format!("</10/0/{id}>")), "{links}");
    }
}

#[test]
fn int_1200() {
    let mut world = with(cellular());
    let response = read_as(&mut world, "/10/0", ContentFormat::Tlv);
    let values = world.values(&response, path("/10/0"));
    assert_eq!(find(&values, "/10/0/4"), Some(&3600.into()));
    assert_eq!(find(&values, "/10/0/5"), Some(&600.into()));
    assert_eq!(find(&values, "/10/0/8"), Some(&b"\x14".to_vec().into()));
}

#[test]
fn int_1201() {
    let mut world = with(cellular());
    assert_cellular_links(&mut world);
    let response = read_as(&mut world, "/10/0", ContentFormat::Tlv);
    let values = world.values(&response, path("/10/0"));
    let profile = Value::ObjectLink(ObjectLink {
        object: 11,
        instance: 0,
    });
    assert_eq!(find(&values, "/10/0/11/0"), Some(&profile));
    assert_eq!(find(&values, "/10/0/13").unwrap().as_i64(), Some(3));
}

#[test]
fn int_1202() {
    let mut world = with(cellular());
    assert_cellular_links(&mut world);
    assert_eq!(value(&mut world, "/10/0/13").as_i64(), Some(3));
    world.write(path("/10/0/14"), ContentFormat::Tlv, 2_u32);
    let received = world.received();
    let write = received
        .iter()
        .find(|packet| packet.path() == "/10/0/14")
        .unwrap();
    assert_eq!(write.message.payload, [0xC1, 14, 2][..]);
    assert_eq!(value(&mut world, "/10/0/14").as_i64(), Some(2));
}

#[test]
fn int_1203() {
    let mut world = with(cellular());
    assert_cellular_links(&mut world);
    assert_reports(
        &mut world,
        "/10/0/14",
        (10, 20),
        "/10/0/14",
        [Value::from(2_u32)],
    );
    assert_reports(
        &mut world,
        "/10/0/13",
        (5, 15),
        "/10/0/13",
        [Value::from(1_u32)],
    );
}

#[test]
fn int_1204() {
    let mut world = with(cellular());
    for (at, periods) in [("/10/0/4", (5, 15)), ("/10/0/5", (10, 20))] {
        assert_reports(&mut world, at, periods, at, [Value::from(7200)]);
    }
    for (at, periods) in [("/10/0/8", (5, 15)), ("/10/0/9", (10, 20))] {
        assert_reports(&mut world, at, periods, at, [b"\x15".to_vec().into()]);
    }
}

fn containers() -> DataObject {
    let data = |bytes: &[u8]| Instance::new().with_multiple(0, [(0, bytes.to_vec())]);
    DataObject::new(&binary_app_data_container::V1_0)
        .instance(0, data(b"{\"meter\":1}"))
        .instance(1, data(b""))
}

#[test]
fn int_1900() {
    let mut world = with(containers());
    let links = discover(&mut world, "/19", None);
    assert!(
        links.contains("</19/0>") && links.contains("</19/0/0>"),
        "{links}"
    );
    let values = [Value::from(b"{\"meter\":2}".to_vec())];
    assert_reports(&mut world, "/19/0/0", (300, 3600), "/19/0/0/0", values);
}

// proves: FMT-04
#[test]
fn int_1901() {
    let mut world = with(containers());
    world.write(
        path("/19/1/0/0"),
        ContentFormat::Opaque,
        b"to the meter".to_vec(),
    );
    let expected = Value::from(b"to the meter".to_vec());
    assert_eq!(value(&mut world, "/19/1/0/0"), expected);
}

#[test]
fn int_2001() {
    let resources = Instance::new()
        .with(4010, 0)
        .with(4013, 3)
        .with(4014, b"log".to_vec());
    let mut world = with(DataObject::new(&event_log::V1_0).instance(0, resources));
    let response = read_as(&mut world, "/20/0", ContentFormat::Tlv);
    let values = world.values(&response, path("/20/0"));
    assert_eq!(find(&values, "/20/0/4010"), Some(&0.into()));
    assert_eq!(find(&values, "/20/0/4013").unwrap().as_i64(), Some(3));
    assert_eq!(find(&values, "/20/0/4014"), Some(&b"log".to_vec().into()));
}
