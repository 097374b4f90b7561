//! The configurations of the cases (ETS, appendix C) and what most cases do.

use lwm2m_client::{ClientConfig, DataObject, DeviceObject, FirmwareObject, Instance};
use lwm2m_conformance::{
    wire::Packet,
    world::{Flash, Setup, World, device_resources, server_account},
};
use lwm2m_core::{
    attributes::AttributeChange,
    coap::{Code, Response},
    content::ContentFormat,
    entry::Entry,
    operation::{Discover, Read, WriteAttributes},
    path::Path,
    peer::PeerIdentity,
    value::Value,
    version::LwM2mVersion,
};
use lwm2m_objects::portfolio;
use std::time::Duration;

pub(crate) const SECOND: Duration = Duration::from_secs(1);

pub(crate) fn path(text: &str) -> Path {
    text.parse().unwrap()
}

/// The device object of a configuration.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Device {
    /// C.1 and C.3: what is mandatory, and who made it.
    Basic,
    /// C.4: with two batteries.
    Batteries,
    /// C.6: with everything.
    Full,
}

fn device(kind: Device) -> DeviceObject {
    let mut resources = device_resources();
    if kind != Device::Basic {
        resources = resources
            .with_multiple(6, [(0, 1), (1, 2)])
            .with_multiple(7, [(0, 0), (1, 0)])
            .with_multiple(8, [(0, 0), (1, 0)])
            .with(9, 0);
    }
    if kind == Device::Full {
        resources = resources
            .with(10, 512)
            .with(14, "+01:00")
            .with(15, "Europe/Berlin")
            .with(17, "sensor")
            .with(18, "A")
            .with(19, "7")
            .with(20, 0)
            .with(21, 1024);
    }
    DeviceObject::new(resources)
}

/// A registered device with C.3 and this device object, further objects 5 and 16, and Send allowed.
pub(crate) fn registered(kind: Device) -> World {
    registered_with(kind, Setup::default(), Flash::default())
}

/// C.1.
pub(crate) fn basic() -> World {
    registered(Device::Basic)
}

/// C.1 with a device that speaks 1.0.
pub(crate) fn of_version_1_0() -> World {
    let mut config = ClientConfig::default();
    config.version = LwM2mVersion::V1_0;
    let setup = Setup::default().client(config);
    let mut world = setup.build(|client| {
        let account = server_account()
            .resource(2, 1)
            .resource(3, 10)
            .resource(5, 86_400)
            .resource(6, false);
        client.server(account).object(device(Device::Basic))
    });
    world.registered();
    world.run(SECOND);
    world
}

pub(crate) fn registered_with(kind: Device, setup: Setup, flash: Flash) -> World {
    let mut config = ClientConfig::default();
    config.unix_at_zero = Some(1_000_000_000);
    let account = server_account()
        .resource(2, 1)
        .resource(3, 10)
        .resource(5, 86_400)
        .resource(6, false)
        .mute_send(false);
    let portfolio = DataObject::new(&portfolio::V1_0).dynamic();
    let mut world = setup.client(config).build(|client| {
        client
            .server(account)
            .object(device(kind))
            .object(FirmwareObject::new(flash))
            .object(portfolio)
    });
    assert_eq!(world.registered(), PeerIdentity::Psk("device".into()));
    // The answer must reach the device, too.
    world.run(SECOND);
    world
}

/// As [`basic`], with an instance of the portfolio.
pub(crate) fn with_portfolio() -> World {
    let mut world = basic();
    let identities = [(0, "a"), (1, "b"), (2, "c"), (3, "d")];
    world.net.act(world.device, |device, now| {
        let instance = Instance::new().with_multiple(0, identities);
        device.create(now, path("/16/0"), instance).unwrap();
    });
    world.run(SECOND);
    world
}

/// A read in this format, which the answer must have.
pub(crate) fn read_as(world: &mut World, at: &str, format: ContentFormat) -> Response {
    let read = Read {
        path: path(at),
        accept: Some(format),
    };
    let response = world.must(read, Code::CONTENT);
    let answered = response.options.content_format();
    assert_eq!(answered, Some(format.number()), "{at}");
    response
}

/// The value of a resource or resource instance, read in a format of the device's choice.
pub(crate) fn value(world: &mut World, at: &str) -> Value {
    let mut entries = world.read(path(at));
    assert_eq!(entries.len(), 1, "{at}: {entries:?}");
    entries.remove(0).value
}

/// The value of one entry.
pub(crate) fn find<'a>(entries: &'a [Entry], at: &str) -> Option<&'a Value> {
    let at = path(at);
    let entry = entries.iter().find(|entry| entry.path == at);
    entry.map(|entry| &entry.value)
}

/// What the device of all configurations says of itself.
pub(crate) fn assert_device(values: &[Entry]) {
    for (at, text) in [
        ("/3/0/0", "Example"),
        ("/3/0/1", "Sim"),
        ("/3/0/2", "4711"),
        ("/3/0/3", "1.0.0"),
        ("/3/0/16", "U"),
    ] {
        assert_eq!(find(values, at), Some(&text.into()), "{at}");
    }
    assert_eq!(find(values, "/3/0/11/0"), Some(&0.into()));
}

pub(crate) fn discover(world: &mut World, at: &str, depth: Option<u8>) -> String {
    let discover = Discover {
        path: path(at),
        depth,
    };
    let response = world.must(discover, Code::CONTENT);
    assert_eq!(response.options.content_format(), Some(40));
    String::from_utf8(response.payload.to_vec()).unwrap()
}

/// Write-attributes with what stands in this query.
pub(crate) fn attributes(world: &mut World, at: &str, query: &str) {
    let change = AttributeChange::from_queries(query.split('&')).unwrap();
    let path = path(at);
    world.must(WriteAttributes { path, change }, Code::CHANGED);
}

/// The only packet of these with this method and path.
pub(crate) fn only<'a>(packets: &'a [Packet], code: Code, path: &str) -> &'a Packet {
    let mut found = packets.iter().filter(|packet| packet.is(code, path));
    let packet = found.next().unwrap();
    assert!(found.next().is_none(), "{code} {path} is there twice");
    packet
}

/// Registration updates that the device has sent: `POST /rd/...`.
pub(crate) fn updates(world: &World) -> Vec<Packet> {
    let mut sent = world.sent();
    sent.retain(|packet| packet.message.code == Code::POST && packet.path().starts_with("/rd/"));
    sent
}

/// Asserts that the device has sent an update with this lifetime, which was answered 2.04.
pub(crate) fn told_lifetime(world: &World, seconds: u32) {
    let updates = updates(world);
    let last = updates.last().unwrap();
    assert_eq!(last.query("lt"), Some(seconds.to_string()));
    let answer = answer_to(world, last);
    assert_eq!(answer.message.code, Code::CHANGED);
}

/// The answer that the device got to a request.
pub(crate) fn answer_to(world: &World, request: &Packet) -> Packet {
    let token = request.message.token;
    let answers = world.received().into_iter();
    let mut answers =
        answers.filter(|packet| packet.message.code.is_response() && packet.message.token == token);
    answers.next().unwrap()
}
