//! A device with two servers, and one with two ways to reach its server: int-950, int-951, int-1250, int-1350.

use crate::support::{SECOND, find, only, path, updates, value};
use lwm2m_client::{Account, ClientEvent, DataObject, DeviceObject, Instance, ServerAccount};
use lwm2m_conformance::world::{NAME, Setup, World, device_resources, server_account};
use lwm2m_core::{
    attributes::AttributeChange,
    coap::{Code, Response},
    content::ContentFormat,
    entry::Entry,
    operation::{Create, DeviceOperation, Discover, Execute, Payload, WriteAttributes},
    path::Path,
    value::{ObjectLink, Value},
};
use lwm2m_objects::{
    apn_connection_profile, bearer_selection, cellular_connectivity, wlan_connectivity,
};
use lwm2m_server::{
    Role, ServerConfig, ServerEvent,
    engine::{EngineEvent, Policy, ServerEngine},
};
use lwm2m_transport::sim::HostId;
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;

const SECOND_SERVER: &str = "10.0.0.8:5684";

/// C.14 without access control, which our client has not: all servers have all rights.
fn two_servers() -> (World, HostId<ServerEngine>) {
    let first = server_account();
    let uri = format!("coaps://{SECOND_SERVER}").parse().unwrap();
    let account = Account::coaps(uri, NAME, vec![2; 16]);
    let second = ServerAccount::new(2, account).lifetime(3600);
    let mut world = Setup::default().build(|client| {
        let device = DeviceObject::new(device_resources());
        client.server(first).server(second).object(device)
    });
    let security = world.security.clone();
    let engine = ServerEngine::new(
        ServerConfig::default(),
        world.definitions.clone(),
        Policy::Inline(Box::new(move |request| security.authorize(request))),
        &mut ChaCha8Rng::seed_from_u64(8),
    );
    let other = world.net.add_host("10.0.0.8:5683".parse().unwrap(), engine);
    let credentials = world.security.for_role(Role::Server);
    world
        .net
        .listen_secure(other, SECOND_SERVER.parse().unwrap(), credentials);
    world.registered();
    world.run(SECOND * 10);
    (world, other)
}

// proves: OBJ-09, REG-25, REG-77
#[test]
fn int_950() {
    let (world, other) = two_servers();
    for (server, lifetime) in [(world.server, 86_400), (other, 3600)] {
        let known = world.net.host(server).registration(NAME).unwrap();
        assert_eq!(known.lifetime.as_secs(), lifetime);
        assert!(known.objects.has(&path("/1/0")) && known.objects.has(&path("/1/1")));
    }
    let sent = world.sent();
    let requests: Vec<_> = sent
        .iter()
        .filter(|packet| packet.is(Code::POST, "/rd"))
        .collect();
    assert_eq!(requests.len(), 2);
    assert_ne!(requests[0].to, requests[1].to);
    for request in requests {
        let links = std::str::from_utf8(&request.message.payload).unwrap();
        assert!(!links.contains("</0"), "{links}");
    }
}

fn ask(world: &mut World, server: HostId<ServerEngine>, operation: &DeviceOperation) -> Response {
    let asked = world.net.act(server, |server, now| {
        server.request(now, NAME, operation, None)
    });
    let asked = asked.unwrap();
    for _ in 0..100 {
        world.net.run_for(SECOND / 10);
        for event in world.net.events(server) {
            if let EngineEvent::Completed { ticket, result } = event
                && ticket == asked
            {
                return result.unwrap().response;
            }
        }
    }
    panic!("no answer to {operation:?}");
}

// proves: DM-12, DM-35
#[test]
fn int_951() {
    let (mut world, other) = two_servers();
    let servers = [
        (world.server, "pmin=2&pmax=10", ";pmin=2;pmax=10"),
        (other, "pmin=15&pmax=50", ";pmin=15;pmax=50"),
    ];
    for (server, query, _) in servers {
        let change = AttributeChange::from_queries(query.split('&')).unwrap();
        let write = WriteAttributes {
            path: path("/3/0"),
            change,
        };
        assert_eq!(ask(&mut world, server, &write.into()).code, Code::CHANGED);
    }
    for (server, _, shown) in servers {
        let discover = Discover {
            path: path("/3/0"),
            depth: None,
        };
        let response = ask(&mut world, server, &discover.into());
        assert_eq!(response.code, Code::CONTENT);
        let links = std::str::from_utf8(&response.payload).unwrap();
        let first = links.split(',').next().unwrap();
        assert_eq!(first, format!("</3/0>{shown}"));
        assert!(links.contains("</3/0/16>"), "{links}");
    }
}

fn link(instance: u16) -> Value {
    Value::ObjectLink(ObjectLink {
        object: 11,
        instance,
    })
}

/// C.10: a modem with one profile, and a radio that is switched off.
fn modem() -> World {
    let profile = Instance::new().with(0, "one").with(3, true).with(4, 0);
    let modem = Instance::new()
        .with(4, 3600)
        .with_multiple(11, [(0, link(0))]);
    let radio = Instance::new()
        .with(0, "wlan0")
        .with(1, false)
        .with(3, 0)
        .with(8, 0);
    let mut world = Setup::default().build(|client| {
        client
            .server(server_account())
            .object(DeviceObject::new(device_resources()))
            .object(DataObject::new(&cellular_connectivity::V1_1).instance(0, modem))
            .object(
                DataObject::new(&apn_connection_profile::V1_1)
                    .instance(0, profile)
                    .dynamic(),
            )
            .object(DataObject::new(&wlan_connectivity::V1_1).instance(0, radio))
            .object(DataObject::new(&bearer_selection::V1_1).dynamic())
    });
    world.net.set_connection_ids(true);
    world.registered();
    world.run(SECOND);
    world
}

fn create(world: &mut World, object: u16, entries: &[Entry]) {
    let at = Path::object(object);
    let payload = Payload::encode(ContentFormat::SenmlCbor, entries, &at, &*world.definitions);
    let payload = payload.unwrap();
    world.must(Create { object, payload }, Code::CREATED);
}

// proves: DM-50, REG-42
#[test]
fn int_1250() {
    let mut world = modem();
    let profile = [
        Entry::new(path("/11/1/0"), "two"),
        Entry::new(path("/11/1/3"), false),
        Entry::new(path("/11/1/4"), 0),
    ];
    create(&mut world, 11, &profile);
    world.must(Execute::new(path("/1/0/8")), Code::CHANGED);
    world.run(SECOND);
    let told = updates(&world);
    let told = told
        .iter()
        .find(|update| !update.message.payload.is_empty())
        .unwrap();
    let links = std::str::from_utf8(&told.message.payload).unwrap();
    assert!(links.contains("</11/1>"), "{links}");
    let known = world.net.host(world.server).registration(NAME).unwrap();
    assert!(known.objects.has(&path("/11/1")));
    world.told.clear();
    world.write(path("/11/1/3"), ContentFormat::Text, true);
    world.run(SECOND);
    // The modem dials in.
    let written = |event: &ClientEvent| matches!(event, ClientEvent::ValueWritten { path: at, .. } if *at == path("/11/1/3"));
    assert!(world.told.iter().any(written));
    world.set(path("/10/0/11/1"), link(1));
    let values = world.read(path("/10/0/11"));
    assert_eq!(find(&values, "/10/0/11/1"), Some(&link(1)));
}

/// The device changes to another bearer, and with it to another address.
fn change_bearer(world: &mut World) {
    let address = |world: &World| {
        world
            .net
            .host(world.server)
            .registration(NAME)
            .unwrap()
            .address
    };
    let before = address(world);
    world.net.rebind(world.device);
    let device = world.device;
    world.net.act(device, |device, now| device.update(now));
    world.wait_up_to(SECOND * 10, "update from elsewhere", |event| match event {
        ServerEvent::Updated { registration, .. } => (registration.address != before).then_some(()),
        _ => None,
    });
    assert_ne!(address(world), before);
}

// proves: REG-32
#[test]
fn int_1350() {
    const WLAN: i32 = 6;
    const CELLULAR: i32 = 1;
    let mut world = modem();
    create(&mut world, 13, &[Entry::new(path("/13/0/0/0"), WLAN)]);
    assert!(
        world
            .told
            .iter()
            .any(|event| matches!(event, ClientEvent::InstanceCreated { .. }))
    );
    change_bearer(&mut world);
    world.set(path("/12/0/1"), true);
    assert_eq!(value(&mut world, "/12/0/1"), true.into());
    world.write(path("/13/0/0/0"), ContentFormat::Text, CELLULAR);
    change_bearer(&mut world);
    assert_eq!(value(&mut world, "/13/0/0/0"), CELLULAR.into());
    assert!(!world.read(path("/10")).is_empty());
    only(&world.sent(), Code::POST, "/rd");
}
