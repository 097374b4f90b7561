//! Information reporting: int-301 to int-313.

use crate::support::{Device, SECOND, attributes, basic, find, path, registered};
use lwm2m_client::{ClientConfig, ClientEvent, DeviceObject, engine::SendError};
use lwm2m_conformance::{
    wire::Packet,
    world::{Setup, World, device_resources, server_account},
};
use lwm2m_core::{
    attributes::Attributes,
    coap::{Code, MessageKind, option},
    content::ContentFormat,
    entry::Entry,
    operation::{Create, Delete, Payload},
    path::Path,
    time::Instant,
};
use lwm2m_server::{ServerEvent, engine::ObserveTarget};
use std::time::Duration;

const VOLTAGE: Path = Path::resource(3, 0, 7);
const CURRENT: Path = Path::resource(3, 0, 8);

/// A notification as the server tells it.
struct Notified {
    at: Instant,
    path: Path,
    entries: Vec<Entry>,
}

/// The notifications of the next while.
fn notifications(world: &mut World, time: Duration) -> Vec<Notified> {
    let end = world.net.now() + time;
    let mut found = Vec::new();
    world.events.clear();
    while world.net.now() < end {
        world.moment();
        let at = world.net.now();
        for event in world.events.drain(..) {
            if let ServerEvent::Notification(notification) = event {
                let (path, entries) = (notification.path(), notification.entries.clone());
                found.push(Notified { at, path, entries });
            }
        }
    }
    found
}

/// Asserts that at least two came, no closer and no further apart than this.
fn assert_gaps(found: &[Notified], of: Path, at_least: Duration, at_most: Duration) {
    let times: Vec<_> = found
        .iter()
        .filter(|told| told.path == of)
        .map(|told| told.at)
        .collect();
    assert!(times.len() >= 2, "{of}: {} notifications", times.len());
    for pair in times.windows(2) {
        let gap = pair[1].since(pair[0]);
        // A moment of the harness is 20 ms.
        let slack = Duration::from_millis(50);
        assert!(
            gap + slack >= at_least && gap <= at_most + slack,
            "{of}: {gap:?}"
        );
    }
}

/// Steps 1 to 3 of int-301: both resources of the batteries observed.
fn observe_batteries(world: &mut World) -> (u64, u64) {
    assert_eq!(world.read(path("/3/0/6")).len(), 2);
    attributes(world, "/3/0/7", "pmin=5&pmax=15");
    attributes(world, "/3/0/8", "pmin=10&pmax=20");
    (world.observe(VOLTAGE), world.observe(CURRENT))
}

/// Messages with an Observe option that the device has sent since this many of its messages.
fn observed_since(world: &World, before: usize) -> Vec<Packet> {
    let mut sent = world.sent().split_off(before);
    sent.retain(|packet| packet.message.options.contains(option::OBSERVE));
    sent
}

// proves: GEN-08, REP-07, REP-08, REP-25
#[test]
fn int_301() {
    let mut world = registered(Device::Batteries);
    observe_batteries(&mut world);
    let found = notifications(&mut world, SECOND * 65);
    assert_gaps(&found, VOLTAGE, SECOND * 15, SECOND * 15);
    assert_gaps(&found, CURRENT, SECOND * 20, SECOND * 20);
    // What changes all the time is told no sooner than pmin allows.
    let mut found = Vec::new();
    for value in 1..=60 {
        world.set(path("/3/0/7/0"), value);
        world.set(path("/3/0/8/1"), value);
        found.extend(notifications(&mut world, SECOND));
    }
    assert_gaps(&found, VOLTAGE, SECOND * 5, SECOND * 6);
    assert_gaps(&found, CURRENT, SECOND * 10, SECOND * 11);
    let last = found.iter().rfind(|told| told.path == VOLTAGE).unwrap();
    let shown = find(&last.entries, "/3/0/7/0").unwrap().as_i64().unwrap();
    assert!(shown >= 55, "{shown}");
}

// proves: REP-32, REP-34
#[test]
fn int_302() {
    // The server resets the notifications of observations that it has given up without telling the device: those of a
    // device that it takes for asleep.
    let mut config = ClientConfig::default();
    config.queue_mode = true;
    let mut world = Setup::default().client(config).build(|client| {
        let device = device_resources()
            .with_multiple(6, [(0, 1), (1, 2)])
            .with_multiple(7, [(0, 0), (1, 0)])
            .with_multiple(8, [(0, 0), (1, 0)]);
        client
            .server(server_account())
            .object(DeviceObject::new(device))
    });
    world.registered();
    world.run(SECOND);
    for at in [VOLTAGE, CURRENT] {
        attributes(&mut world, &at.to_string(), "pmin=1&pmax=200");
    }
    let observations = [
        (VOLTAGE, world.observe(VOLTAGE)),
        (CURRENT, world.observe(CURRENT)),
    ];
    let mut left = vec![VOLTAGE, CURRENT];
    for (at, number) in observations {
        world.wait("sleep", |event| {
            matches!(event, ServerEvent::Asleep { .. }).then_some(())
        });
        let cancelled = world.net.act(world.server, |server, now| {
            server.cancel_observation(now, number)
        });
        assert_eq!(
            cancelled,
            Ok(None),
            "nothing is sent to a device that sleeps"
        );
        let before = world.received().len();
        world.told.clear();
        let found = notifications(&mut world, SECOND * 210);
        left.retain(|other| *other != at);
        let ended = world.told.iter().filter_map(|event| match event {
            ClientEvent::ObservationEnded { paths, .. } => Some(paths.clone()),
            _ => None,
        });
        assert_eq!(ended.collect::<Vec<_>>(), [vec![at]]);
        let resets = world.received().split_off(before);
        let resets = resets
            .iter()
            .filter(|packet| packet.message.kind == MessageKind::Reset);
        assert_eq!(resets.count(), 1);
        assert!(found.iter().all(|told| left.contains(&told.path)));
        for other in &left {
            assert!(
                found.iter().any(|told| told.path == *other),
                "{other} goes on"
            );
        }
    }
    let before = world.sent().len();
    world.run(SECOND * 400);
    assert!(observed_since(&world, before).is_empty());
}

// proves: GEN-08, REP-31, REP-33
#[test]
fn int_303() {
    // The case prints the instance as the path to cancel; an observation ends by its own path and token.
    let mut world = registered(Device::Batteries);
    let (voltage, current) = observe_batteries(&mut world);
    assert!(!notifications(&mut world, SECOND * 30).is_empty());
    for (number, at, left) in [
        (voltage, "/3/0/7", Some(CURRENT)),
        (current, "/3/0/8", None),
    ] {
        let before = world.received().len();
        let ticket = world.net.act(world.server, |server, now| {
            server.cancel_observation(now, number)
        });
        let response = world.result(ticket.unwrap().unwrap()).unwrap();
        assert_eq!(response.code, Code::CONTENT);
        let asked = world.received().split_off(before);
        let asked = asked
            .iter()
            .find(|packet| packet.is(Code::GET, at))
            .unwrap();
        assert_eq!(asked.message.options.uint(option::OBSERVE), Some(1));
        let found = notifications(&mut world, SECOND * 60);
        assert!(found.iter().all(|told| Some(told.path) == left));
        assert_eq!(found.is_empty(), left.is_none());
    }
}

fn composite(paths: &[&str], format: ContentFormat) -> ObserveTarget {
    ObserveTarget {
        paths: paths.iter().map(|at| path(at)).collect(),
        composite: Some(format),
        accept: Some(format),
        attributes: Attributes::default(),
    }
}

const THREE: [&str; 3] = ["/1/0/1", "/3/0/11/0", "/3/0/16"];

fn assert_three(entries: &[Entry]) {
    assert_eq!(find(entries, "/1/0/1"), Some(&86_400.into()));
    assert_eq!(find(entries, "/3/0/11/0"), Some(&0.into()));
    assert_eq!(find(entries, "/3/0/16"), Some(&"U".into()));
    assert_eq!(entries.len(), 3);
}

// proves: METH-04, REP-40, REP-44
#[test]
fn int_304() {
    for format in [ContentFormat::SenmlCbor, ContentFormat::SenmlJson] {
        let mut world = basic();
        attributes(&mut world, "/1/0/1", "pmin=30&pmax=45");
        // The two others have the server's default period of 10 s, which would come first.
        attributes(&mut world, "/3/0", "pmin=30&pmax=45");
        let begin = world.net.now();
        let (_, response) = world.observe_target(&composite(&THREE, format));
        assert_three(&world.values(&response, Path::ROOT));
        let before = world.sent().len();
        let found = notifications(&mut world, SECOND * 46);
        assert_eq!(found.len(), 1);
        let after = found[0].at.since(begin);
        assert!(after >= SECOND * 30 && after <= SECOND * 46, "{after:?}");
        assert_three(&found[0].entries);
        let sent = observed_since(&world, before);
        assert_eq!(sent[0].message.code, Code::CONTENT);
        let answered = sent[0].message.options.content_format();
        assert_eq!(answered, Some(format.number()));
    }
}

// proves: REP-42, REP-43
#[test]
fn int_305() {
    let mut world = basic();
    let (number, _) = world.observe_target(&composite(&THREE, ContentFormat::SenmlCbor));
    assert!(!notifications(&mut world, SECOND * 30).is_empty());
    let before = world.received().len();
    let ticket = world.net.act(world.server, |server, now| {
        server.cancel_observation(now, number)
    });
    let response = world.result(ticket.unwrap().unwrap()).unwrap();
    assert_eq!(response.code, Code::CONTENT);
    assert_three(&world.values(&response, Path::ROOT));
    let received = world.received();
    let asked: Vec<_> = received
        .iter()
        .filter(|packet| packet.is(Code::FETCH, "/"))
        .collect();
    assert_eq!(asked.len(), 2);
    assert!(
        received[before..]
            .iter()
            .any(|packet| packet.is(Code::FETCH, "/"))
    );
    assert_eq!(asked[1].message.options.uint(option::OBSERVE), Some(1));
    assert_eq!(
        asked[1].message.payload, asked[0].message.payload,
        "the same paths"
    );
    assert!(notifications(&mut world, SECOND * 60).is_empty());
}

fn send(world: &mut World, paths: &[&str]) -> Result<u64, SendError> {
    let paths: Vec<Path> = paths.iter().map(|at| path(at)).collect();
    world
        .net
        .act(world.device, |device, now| device.send(now, &paths))
}

fn sends(world: &World) -> Vec<Packet> {
    let mut sent = world.sent();
    sent.retain(|packet| packet.is(Code::POST, "/dp"));
    sent
}

/// The values of a Send that must arrive and be answered 2.04.
fn assert_sent(world: &mut World, paths: &[&str]) -> Vec<Entry> {
    let id = send(world, paths).unwrap();
    let entries = world.wait("Send", |event| match event {
        ServerEvent::Sent { entries, .. } => Some(entries.to_vec()),
        _ => None,
    });
    world.run(SECOND);
    let answered = ClientEvent::Sent {
        id,
        server: 1,
        result: Ok(()),
    };
    assert!(world.told.contains(&answered));
    let packet = sends(world).pop().unwrap();
    assert!(matches!(
        packet.message.options.content_format(),
        Some(110 | 112)
    ));
    let answer = crate::support::answer_to(world, &packet);
    assert_eq!(answer.message.code, Code::CHANGED);
    entries
}

// proves: REP-54, REP-55, REP-57, REP-61
#[test]
fn int_306() {
    let mut world = basic();
    let entries = assert_sent(&mut world, &["/3/0"]);
    let known = world.net.host(world.server).registration("device").unwrap();
    assert!(entries.iter().all(|entry| known.objects.has(&entry.path)));
    assert_eq!(find(&entries, "/3/0/0"), Some(&"Example".into()));
}

// proves: FMT-10, REP-54
#[test]
fn int_311() {
    let mut world = basic();
    let entries = assert_sent(&mut world, &["/1/0/1", "/3/0/11/0"]);
    let expected = [
        Entry::new(path("/1/0/1"), 86_400),
        Entry::new(path("/3/0/11/0"), 0),
    ];
    assert_eq!(entries, expected);
}

// proves: REP-56
#[test]
fn int_307() {
    let mut world = basic();
    assert_sent(&mut world, &["/3/0/0"]);
    world.write(path("/1/0/23"), ContentFormat::Text, true);
    let before = sends(&world).len();
    assert_eq!(send(&mut world, &["/3/0/0"]), Err(SendError::Muted));
    world.run(SECOND * 10);
    assert_eq!(sends(&world).len(), before);
    world.write(path("/1/0/23"), ContentFormat::Text, false);
    assert_sent(&mut world, &["/3/0/0"]);
    assert_eq!(sends(&world).len(), before + 1);
}

/// The server makes an instance of the portfolio.
fn create(world: &mut World, instance: u16, identities: [&str; 4]) {
    let entries: Vec<Entry> = (0..)
        .zip(identities)
        .map(|(number, text)| Entry::new(Path::resource_instance(16, instance, 0, number), text))
        .collect();
    let (at, format) = (Path::object(16), ContentFormat::SenmlCbor);
    let payload = Payload::encode(format, &entries, &at, &*world.definitions).unwrap();
    world.must(
        Create {
            object: 16,
            payload,
        },
        Code::CREATED,
    );
}

fn instances(entries: &[Entry]) -> Vec<u16> {
    let mut instances: Vec<u16> = entries
        .iter()
        .map(|entry| entry.path.object_instance_id().unwrap())
        .collect();
    instances.sort_unstable();
    instances.dedup();
    instances
}

fn next_within(world: &mut World, begin: Instant) -> Vec<Entry> {
    let found = notifications(world, SECOND * 46);
    let after = found[0].at.since(begin);
    let slack = Duration::from_millis(50);
    assert!(
        after + slack >= SECOND * 30 && after <= SECOND * 45 + slack,
        "{after:?}"
    );
    found[0].entries.clone()
}

// proves: REP-41
#[test]
fn int_308() {
    let mut world = basic();
    create(&mut world, 0, ["aa", "bb", "cc", "dd"]);
    attributes(&mut world, "/16/0", "pmin=30&pmax=45");
    let target = composite(&["/16/0", "/16/1"], ContentFormat::SenmlCbor);
    let begin = world.net.now();
    let (_, response) = world.observe_target(&target);
    assert_eq!(instances(&world.values(&response, Path::ROOT)), [0]);
    assert_eq!(instances(&next_within(&mut world, begin)), [0]);
    create(&mut world, 1, ["11", "22", "33", "44"]);
    let found = notifications(&mut world, SECOND * 46);
    assert_eq!(instances(&found.last().unwrap().entries), [0, 1]);
    assert_eq!(found.last().unwrap().entries.len(), 8);
}

// proves: REP-41
#[test]
fn int_309() {
    let mut world = basic();
    create(&mut world, 0, ["aa", "bb", "cc", "dd"]);
    create(&mut world, 1, ["11", "22", "33", "44"]);
    attributes(&mut world, "/16/0", "pmin=30&pmax=45");
    attributes(&mut world, "/16/1", "pmin=30&pmax=45");
    let target = composite(&["/16/0", "/16/1"], ContentFormat::SenmlCbor);
    let begin = world.net.now();
    let (_, response) = world.observe_target(&target);
    assert_eq!(instances(&world.values(&response, Path::ROOT)), [0, 1]);
    assert_eq!(instances(&next_within(&mut world, begin)), [0, 1]);
    world.must(
        Delete {
            path: path("/16/1"),
        },
        Code::DELETED,
    );
    let found = notifications(&mut world, SECOND * 46);
    assert_eq!(instances(&found.last().unwrap().entries), [0]);
}

// proves: REP-29
#[test]
fn int_310() {
    let mut world = basic();
    let target = composite(&["/1/0/3", "/3/0"], ContentFormat::SenmlCbor);
    let (_, response) = world.observe_target(&target);
    let values = world.values(&response, Path::ROOT);
    assert_eq!(find(&values, "/1/0/3"), Some(&10.into()));
    assert_eq!(find(&values, "/3/0/0"), Some(&"Example".into()));
    let found = notifications(&mut world, SECOND * 35);
    assert_gaps(&found, Path::ROOT, SECOND, SECOND * 10);
    attributes(&mut world, "/3", "pmax=5");
    let found = notifications(&mut world, SECOND * 31);
    assert!(found.len() >= 6, "{}", found.len());
    assert_gaps(&found, Path::ROOT, SECOND, SECOND * 5);
}

/// An observation of the voltage with these periods in its query.
fn observe_with_periods(world: &mut World, pmin: u32, pmax: u32) {
    let mut periods = Attributes::default();
    (periods.pmin, periods.pmax) = (Some(pmin), Some(pmax));
    world.observe_with(VOLTAGE, periods);
    let received = world.received();
    let asked = received
        .iter()
        .rfind(|packet| packet.is(Code::GET, "/3/0/7"))
        .unwrap();
    assert_eq!(asked.query("pmin"), Some(pmin.to_string()));
    assert_eq!(asked.query("pmax"), Some(pmax.to_string()));
    let values = world.read(VOLTAGE);
    assert_eq!(values.len(), 2, "both batteries");
}

// proves: REP-45
#[test]
fn int_312() {
    let mut world = registered(Device::Batteries);
    observe_with_periods(&mut world, 5, 15);
    let found = notifications(&mut world, SECOND * 65);
    assert_gaps(&found, VOLTAGE, SECOND * 15, SECOND * 15);
    assert_eq!(found[0].entries.len(), 2);
}

// proves: REP-45
#[test]
fn int_313() {
    let mut world = registered(Device::Batteries);
    attributes(&mut world, "/3/0/7", "pmin=5&pmax=60");
    observe_with_periods(&mut world, 5, 10);
    let found = notifications(&mut world, SECOND * 65);
    assert_gaps(&found, VOLTAGE, SECOND * 10, SECOND * 10);
}
