//! What the specification demands on the wire, of all operations together.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use lwm2m_client::{DataObject, DeviceObject, FirmwareObject, Instance};
use lwm2m_conformance::{
    wire::Packet,
    world::{Flash, Setup, World, bootstrap_account, device_resources, server_account},
};
use lwm2m_core::{
    attributes::AttributeChange,
    coap::{Code, MessageKind, option},
    content::{self, ContentFormat},
    entry::Entry,
    operation::{
        Create, Delete, Discover, Execute, Payload, ReadComposite, WriteAttributes, WriteComposite,
    },
    path::Path,
    value::Value,
};
use lwm2m_objects::portfolio;
use lwm2m_server::bootstrap::AccountSecurity;
use std::{collections::BTreeSet, net::IpAddr, time::Duration};

const SECOND: Duration = Duration::from_secs(1);

fn path(text: &str) -> Path {
    text.parse().unwrap()
}

/// A device that bootstraps, is asked for everything there is, sends, and leaves.
fn a_whole_life() -> World {
    let portfolio = DataObject::new(&portfolio::V1_0)
        .dynamic()
        .instance(0, Instance::new().with_multiple(0, [(0, "a")]));
    let mut world = Setup::default()
        .verified_bootstrap()
        .bootstrapped(|account| account.mute_send(false))
        .build(|client| {
            client
                .bootstrap(bootstrap_account())
                .object(DeviceObject::new(
                    device_resources().with(15, "Europe/Berlin"),
                ))
                .object(FirmwareObject::new(Flash::default()))
                .object(portfolio)
        });
    world.registered();
    world.run(SECOND);
    world.read(path("/3/0"));
    let discover = Discover {
        path: path("/3"),
        depth: None,
    };
    world.must(discover, Code::CONTENT);
    world.write(path("/1/0/1"), ContentFormat::Text, 120);
    let change = AttributeChange::from_queries(["pmax=60"]).unwrap();
    let attributes = WriteAttributes {
        path: path("/3/0/15"),
        change,
    };
    world.must(attributes, Code::CHANGED);
    world.must(Execute::new(path("/1/0/8")), Code::CHANGED);
    let format = ContentFormat::SenmlCbor;
    let new = [Entry::new(path("/16/5/0/0"), "new")];
    let payload = Payload::encode(format, &new, &path("/16"), &*world.definitions).unwrap();
    let create = Create {
        object: 16,
        payload,
    };
    world.must(create, Code::CREATED);
    world.must(
        Delete {
            path: path("/16/5"),
        },
        Code::DELETED,
    );
    let read = ReadComposite {
        paths: vec![path("/3/0/0"), path("/1/0/1")],
        format,
        accept: None,
    };
    world.must(read, Code::CONTENT);
    let values = [Entry::new(path("/1/0/1"), 240)];
    let payload = Payload::encode(format, &values, &Path::ROOT, &*world.definitions).unwrap();
    world.must(WriteComposite { payload }, Code::CHANGED);
    let observation = world.observe(path("/3/0/15"));
    world.set(path("/3/0/15"), "Europe/Vienna");
    world.notified(path("/3/0/15"));
    let ticket = world.net.act(world.server, |server, now| {
        server.cancel_observation(now, observation)
    });
    world.result(ticket.unwrap().unwrap()).unwrap();
    world.net.act(world.device, |device, now| {
        device.send(now, &[path("/3/0/0")]).unwrap();
    });
    world.run(SECOND);
    world
        .net
        .act(world.device, |device, now| device.deregister(now));
    world.run(SECOND);
    assert!(!world.is_registered());
    world
}

// proves: GEN-04, GEN-05, GEN-06
#[test]
fn every_request_is_confirmable() {
    let world = a_whole_life();
    let packets = world.packets();
    let requests: Vec<&Packet> = packets
        .iter()
        .filter(|packet| packet.message.code.is_request())
        .collect();
    for request in &requests {
        let (kind, code) = (request.message.kind, request.message.code);
        assert_eq!(kind, MessageKind::Confirmable, "{code} {}", request.path());
    }
    // Of each kind there was one.
    let from = |ip: &str| {
        let ip: IpAddr = ip.parse().unwrap();
        let of = requests.iter().filter(|request| request.from == ip);
        of.map(|request| request.message.code.to_byte())
            .collect::<BTreeSet<_>>()
    };
    let bytes = |codes: &[Code]| {
        codes
            .iter()
            .map(|code| code.to_byte())
            .collect::<BTreeSet<_>>()
    };
    let (get, post, put, delete) = (Code::GET, Code::POST, Code::PUT, Code::DELETE);
    let server = [get, post, put, delete, Code::FETCH, Code::IPATCH];
    assert_eq!(from("10.0.0.1"), bytes(&server));
    assert_eq!(from("10.0.0.2"), bytes(&[get, post, put, delete]));
    assert_eq!(from("10.0.0.3"), bytes(&[post, delete]));
}

// proves: METH-01
#[test]
fn methods_have_their_codes() {
    let world = a_whole_life();
    let received = world.received();
    let byte = |code: Code, path: &str| {
        let packet = received.iter().find(|packet| packet.is(code, path));
        packet.unwrap().message.code.to_byte()
    };
    assert_eq!(byte(Code::FETCH, "/"), 5);
    assert_eq!(byte(Code::IPATCH, "/"), 7);
    assert_eq!(Code::PATCH.to_byte(), 6);
}

// proves: BS-30
#[test]
fn an_account_with_a_certificate_is_written() {
    let mut world = Setup::default()
        .bootstrapped(|mut account| {
            account.security = AccountSecurity::Certificate {
                certificate: vec![0x30, 1, 1],
                private_key: vec![0x30, 1, 2].into(),
                server_certificate: vec![0x30, 1, 3],
                usage: None,
            };
            account
        })
        .build(|client| {
            client
                .bootstrap(bootstrap_account())
                .object(DeviceObject::new(
                    device_resources().with(15, "Europe/Berlin"),
                ))
        });
    world.run(SECOND * 5);
    let received = world.received();
    let write = received
        .iter()
        .find(|packet| packet.is(Code::PUT, "/0/1"))
        .unwrap();
    let format = write.message.options.content_format().unwrap();
    let format = ContentFormat::from_number(format).unwrap();
    let entries = content::decode(
        format,
        &write.message.payload,
        &path("/0/1"),
        &*world.definitions,
    );
    let entries = entries.unwrap();
    let value = |at: &str| {
        let entry = entries.iter().find(|entry| entry.path == path(at));
        entry.unwrap().value.clone()
    };
    assert_eq!(value("/0/1/2"), Value::Integer(2));
    assert_eq!(value("/0/1/3"), Value::Opaque(vec![0x30, 1, 1]));
    assert_eq!(value("/0/1/4"), Value::Opaque(vec![0x30, 1, 3]));
    assert_eq!(value("/0/1/5"), Value::Opaque(vec![0x30, 1, 2]));
    let answers = world.sent();
    let answer = answers.iter().find(|packet| {
        packet.message.token == write.message.token && packet.message.code.is_response()
    });
    assert_eq!(answer.unwrap().message.code, Code::CHANGED);
}

fn device() -> World {
    let mut world = Setup::default().build(|client| {
        client.server(server_account()).object(DeviceObject::new(
            device_resources().with(15, "Europe/Berlin"),
        ))
    });
    world.registered();
    world.run(SECOND);
    world
}

// proves: REG-49
#[test]
fn a_new_connection_is_a_new_registration() {
    let mut world = device();
    let registrations = |world: &World| {
        let sent = world.sent();
        let registrations = sent.iter().filter(|packet| packet.is(Code::POST, "/rd"));
        registrations.count()
    };
    assert_eq!(registrations(&world), 1);
    // Without connection ids another address ends the session; the device finds out when nobody answers it.
    world.net.rebind(world.device);
    world
        .net
        .act(world.device, |device, now| device.update(now));
    world.registered();
    assert_eq!(registrations(&world), 2);
}

// proves: REP-19, REP-50, REP-51
#[test]
fn notifications_are_confirmable_where_that_is_wanted() {
    use MessageKind::{Confirmable, NonConfirmable};
    let attribute = |query: &'static str| {
        move |world: &mut World| {
            let write = WriteAttributes {
                path: path("/3/0/15"),
                change: AttributeChange::from_queries([query]).unwrap(),
            };
            world.must(write, Code::CHANGED);
        }
    };
    let default = |mode: u32| {
        move |world: &mut World| world.write(path("/1/0/26"), ContentFormat::Text, mode)
    };
    let nothing = |_: &mut World| {};
    type Prepare<'a> = &'a dyn Fn(&mut World);
    for (prepare, kind) in [
        (&nothing as Prepare<'_>, NonConfirmable),
        (&attribute("con=1"), Confirmable),
        (&attribute("con=0"), NonConfirmable),
        (&default(1), Confirmable),
        (&default(0), NonConfirmable),
        (
            &|world: &mut World| {
                default(1)(world);
                attribute("con=0")(world);
            },
            NonConfirmable,
        ),
    ] {
        let mut world = device();
        prepare(&mut world);
        world.observe(path("/3/0/15"));
        let before = world.sent().len();
        world.set(path("/3/0/15"), "Europe/Vienna");
        world.notified(path("/3/0/15"));
        let sent = world.sent().split_off(before);
        let notification = sent
            .iter()
            .find(|packet| packet.message.options.contains(option::OBSERVE));
        assert_eq!(notification.unwrap().message.kind, kind);
    }
}
