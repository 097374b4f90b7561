//! Registration: int-101 to int-111.

use crate::support::{
    Device, SECOND, answer_to, basic, only, path, registered, registered_with, told_lifetime,
    updates, value,
};
use lwm2m_client::{ClientConfig, ClientEvent, DataObject, DeviceObject, Instance, Profile};
use lwm2m_conformance::world::{Flash, NAME, Setup, World, device_resources, server_account};
use lwm2m_core::{
    coap::Code,
    content::ContentFormat,
    link,
    operation::{Execute, Read},
    version::LwM2mVersion,
};
use lwm2m_objects::ipso::temperature;
use lwm2m_server::{DeregistrationReason, Profiles, ServerConfig, ServerEvent};
use std::time::Duration;

/// Steps and criteria of int-101 for the last registration of this device.
pub(crate) fn assert_registered_on_the_wire(world: &World) {
    let sent = world.sent();
    let request = sent
        .iter()
        .rfind(|packet| packet.is(Code::POST, "/rd"))
        .unwrap();
    assert_eq!(request.query("ep").as_deref(), Some(NAME));
    assert_eq!(request.query("b").as_deref(), Some("U"));
    assert!(request.query("lt").is_some());
    assert!(request.query("lwm2m").is_some());
    assert_eq!(request.message.options.content_format(), Some(40));
    let links = std::str::from_utf8(&request.message.payload).unwrap();
    assert!(
        links.contains("</1/0>") && links.contains("</3/0>"),
        "{links}"
    );
    for secret in ["</0", "</21"] {
        assert!(!links.contains(secret), "{links}");
    }
    let answer = answer_to(world, request);
    assert_eq!(answer.message.code, Code::CREATED);
    let location = answer
        .message
        .options
        .texts(lwm2m_core::coap::option::LOCATION_PATH);
    assert_eq!(location.unwrap()[0], "rd");
}

// proves: GEN-01, GEN-02, OBJ-03, REG-02, REG-07, REG-14, REG-16, REG-20, REG-25
#[test]
fn int_101() {
    for (version, number) in [(LwM2mVersion::V1_1, "1.1"), (LwM2mVersion::V1_2, "1.2")] {
        let mut config = ClientConfig::default();
        config.version = version;
        let mut world = Setup::default().client(config).build(|client| {
            client
                .server(server_account())
                .object(DeviceObject::new(device_resources()))
        });
        world.registered();
        world.run(SECOND);
        assert_registered_on_the_wire(&world);
        let sent = world.sent();
        let request = only(&sent, Code::POST, "/rd");
        assert_eq!(request.query("lwm2m").as_deref(), Some(number));
        assert_eq!(request.query("lt").as_deref(), Some("86400"));
        let known = world.net.host(world.server).registration(NAME).unwrap();
        assert_eq!(known.version, version);
        assert_eq!(known.lifetime, Duration::from_secs(86_400));
        assert!(known.objects.has(&path("/3/0")) && !known.objects.has(&path("/0")));
    }
}

// proves: REG-34, REG-40
#[test]
fn int_102() {
    let mut world = basic();
    world.write(path("/1/0/1"), ContentFormat::Text, 20);
    world.updated(Duration::from_secs(20));
    world.run(SECOND);
    told_lifetime(&world, 20);
    // The device keeps itself registered with updates that say nothing.
    let before = updates(&world).len();
    world.run(SECOND * 60);
    assert!(world.is_registered());
    let updates = updates(&world);
    assert!(updates.len() >= before + 3);
    for update in &updates[before..] {
        assert_eq!(update.queries(), Vec::<String>::new());
        assert!(update.message.payload.is_empty());
        assert_eq!(answer_to(&world, update).message.code, Code::CHANGED);
    }
    // And is forgotten when it cannot.
    world.net.power_off(world.device);
    world.wait_up_to(SECOND * 21, "expiry", |event| {
        matches!(event, ServerEvent::Expired { .. }).then_some(())
    });
    assert!(!world.is_registered());
}

// proves: REG-46, REG-53
#[test]
fn int_103() {
    let mut world = basic();
    world.write(path("/1/0/5"), ContentFormat::Text, 120);
    world.must(Execute::new(path("/1/0/4")), Code::CHANGED);
    let reason = world.wait("de-registration", |event| match event {
        ServerEvent::Deregistered { reason, .. } => Some(*reason),
        _ => None,
    });
    assert_eq!(reason, DeregistrationReason::ByDevice);
    assert!(!world.is_registered());
    world.run(SECOND);
    let sent = world.sent();
    let mut leaving = sent
        .iter()
        .filter(|packet| packet.message.code == Code::DELETE);
    let request = leaving.next().unwrap();
    assert!(request.path().starts_with("/rd/"));
    assert_eq!(answer_to(&world, request).message.code, Code::DELETED);
    world.run(SECOND * 110);
    assert!(!world.is_registered(), "it stays away for two minutes");
    world.run(SECOND * 15);
    assert!(world.is_registered());
}

// proves: REG-39, REG-52
#[test]
fn int_104() {
    let mut world = basic();
    world.write(path("/1/0/1"), ContentFormat::Text, 20);
    world.updated(SECOND * 20);
    world.run(SECOND * 3);
    let before = updates(&world).len();
    world.must(Execute::new(path("/1/0/8")), Code::CHANGED);
    world.run(SECOND);
    let updates = updates(&world);
    assert_eq!(updates.len(), before + 1);
    let update = updates.last().unwrap();
    assert_eq!(update.queries(), Vec::<String>::new());
    assert_eq!(answer_to(&world, update).message.code, Code::CHANGED);
    // The lifetime counts from here: a device that says nothing more outlives the first one.
    let told = world.net.now();
    world.net.power_off(world.device);
    world.run(SECOND * 17);
    assert!(world.is_registered(), "the first lifetime has passed");
    world.wait_up_to(SECOND * 4, "expiry", |event| {
        matches!(event, ServerEvent::Expired { .. }).then_some(())
    });
    assert!(world.net.now().since(told) >= SECOND * 18);
}

// proves: REG-36, REG-37
#[test]
fn int_105() {
    let mut world = basic();
    world.write(path("/1/0/1"), ContentFormat::Text, 60);
    world.updated(SECOND * 60);
    // Out of reach for longer than its lifetime: the server forgets it, and it does not know.
    world.net.partition(world.device, world.server);
    world.wait("expiry", |event| {
        matches!(event, ServerEvent::Expired { .. }).then_some(())
    });
    world.net.heal(world.device, world.server);
    let registrations = |world: &World| {
        let sent = world.sent();
        sent.iter()
            .filter(|packet| packet.is(Code::POST, "/rd"))
            .count()
    };
    let before = registrations(&world);
    world.registered();
    world.run(SECOND);
    let refused = updates(&world).into_iter().any(|update| {
        let token = update.message.token;
        let received = world.received();
        received
            .iter()
            .any(|packet| packet.message.token == token && packet.message.code == Code::NOT_FOUND)
    });
    assert!(refused, "the update was answered 4.04");
    assert!(registrations(&world) > before);
    assert_registered_on_the_wire(&world);
}

// proves: REG-11, REG-12
#[test]
fn int_107() {
    let mut world = Setup::default().build(|client| {
        client
            .server(server_account().lifetime(60))
            .object(DeviceObject::new(device_resources()))
    });
    world.registered();
    world.run(SECOND);
    world.write(path("/1/0/1"), ContentFormat::Text, 120);
    let written = world.net.now();
    world.updated(SECOND * 120);
    assert!(world.net.now().since(written) < SECOND, "at once");
    world.run(SECOND);
    told_lifetime(&world, 120);
    let before = updates(&world).len();
    world.run(SECOND * 120);
    assert!(updates(&world).len() > before, "the next one comes in time");
    assert!(world.is_registered());
}

fn queued() -> World {
    let mut config = ClientConfig::default();
    config.queue_mode = true;
    let mut world = Setup::default().client(config).build(|client| {
        client
            .server(server_account())
            .object(DeviceObject::new(device_resources()))
    });
    world.registered();
    world.run(SECOND);
    world
}

// proves: QUE-01, QUE-02, QUE-03, REG-01
#[test]
fn int_108() {
    let world = queued();
    let sent = world.sent();
    let request = only(&sent, Code::POST, "/rd");
    assert!(request.queries().contains(&"Q".to_owned()));
    assert_eq!(request.query("b").as_deref(), Some("U"));
    assert_eq!(answer_to(&world, request).message.code, Code::CREATED);
    let known = world.net.host(world.server).registration(NAME).unwrap();
    assert!(known.queue_mode);
}

// proves: QUE-01, QUE-05, QUE-06
#[test]
fn int_109() {
    let mut world = queued();
    world.write(path("/1/0/1"), ContentFormat::Text, 240);
    world.updated(SECOND * 240);
    world.run(SECOND);
    told_lifetime(&world, 240);
    world.wait_up_to(SECOND * 94, "sleep", |event| {
        matches!(event, ServerEvent::Asleep { .. }).then_some(())
    });
    world.run(SECOND * 20);
    let before = world.received().len();
    let updated = updates(&world).len();
    let read = Read {
        path: path("/1/0/1"),
        accept: None,
    }
    .into();
    let ticket = world.net.act(world.server, |server, now| {
        server.request(now, NAME, &read, None)
    });
    world.run(SECOND * 10);
    assert_eq!(
        world.received().len(),
        before,
        "nothing is sent to a sleeping device"
    );
    let response = world.result(ticket.unwrap()).unwrap();
    assert_eq!(response.code, Code::CONTENT);
    let sent = updates(&world);
    assert!(sent.len() > updated);
    let received = world.received();
    let asked = received
        .iter()
        .rfind(|packet| packet.is(Code::GET, "/1/0/1"))
        .unwrap();
    assert!(asked.at > sent.last().unwrap().at, "only after the update");
}

/// The profile of the cases; what they print as its hash is of no list of objects, and does not matter to a server that has
/// the profile by configuration.
const PROFILE: &str = "6:1234abcd";

/// A device that registers with this profile for these objects, at a server where it stands for these links.
fn with_profile(objects: &[u16], links: &str) -> World {
    let mut client = ClientConfig::default();
    client.profile = Some(Profile {
        ids: PROFILE.to_owned(),
        objects: objects.to_vec(),
    });
    let mut server = ServerConfig::default();
    let links = link::parse(links.as_bytes()).unwrap();
    server.profiles = Profiles::new().with(PROFILE, links).unwrap();
    let mut world = Setup::default()
        .client(client)
        .server(server)
        .build(|client| {
            let device = DeviceObject::new(device_resources());
            client.server(server_account()).object(device)
        });
    world.registered();
    world.run(SECOND);
    let sent = world.sent();
    let request = only(&sent, Code::POST, "/rd");
    assert_eq!(request.query("pid").as_deref(), Some(PROFILE));
    assert_eq!(answer_to(&world, request).message.code, Code::CREATED);
    world
}

/// The server knows the objects of the profile and those listed, and reaches them.
fn assert_objects_of_profile(world: &mut World) {
    let known = world.net.host(world.server).registration(NAME).unwrap();
    let objects: Vec<String> = known.objects.paths().map(|path| path.to_string()).collect();
    assert_eq!(objects, ["/1/0", "/3/0"]);
    assert_eq!(value(world, "/3/0/0"), "Example".into());
}

#[test]
fn int_110() {
    let mut world = with_profile(&[1, 3], "</1/0>,</3/0>");
    let sent = world.sent();
    let request = only(&sent, Code::POST, "/rd");
    assert!(request.message.payload.is_empty());
    assert_eq!(request.message.options.content_format(), None);
    assert_objects_of_profile(&mut world);
}

#[test]
fn int_111() {
    let mut world = with_profile(&[3], "</3/0>");
    let sent = world.sent();
    let request = only(&sent, Code::POST, "/rd");
    let links = std::str::from_utf8(&request.message.payload).unwrap();
    assert!(
        links.contains("</1/0>") && !links.contains("</3"),
        "{links}"
    );
    assert_objects_of_profile(&mut world);
}

/// A server knows no profile by default, and what is listed beside one is the rest: the device ends with all its objects
/// all the same, since it comes back with its whole list.
#[test]
fn a_profile_nobody_knows_beside_the_rest_of_the_objects() {
    let mut client = ClientConfig::default();
    client.profile = Some(Profile {
        ids: PROFILE.to_owned(),
        objects: vec![3, 3303],
    });
    let mut world = Setup::default().client(client).build(|client| {
        let sensor = Instance::new().with(temperature::SENSOR_VALUE, 20.0);
        client
            .server(server_account())
            .object(DeviceObject::new(device_resources()))
            .object(DataObject::new(&temperature::V1_1).instance(0, sensor))
    });
    world.registered();
    world.run(SECOND);
    let sent = world.sent();
    let asked: Vec<_> = (sent.iter())
        .filter(|packet| packet.is(Code::POST, "/rd"))
        .collect();
    let said = |index: usize| {
        let links = String::from_utf8(asked[index].message.payload.to_vec()).unwrap();
        (asked[index].query("pid"), links.contains("</3303/0>"))
    };
    assert_eq!(asked.len(), 2);
    assert_eq!(said(0), (Some(PROFILE.to_owned()), false));
    assert_eq!(
        answer_to(&world, asked[0]).message.code,
        Code::CONFLICT,
        "it would lose its objects"
    );
    assert_eq!(said(1), (None, true));
    let known = world.net.host(world.server).registration(NAME).unwrap();
    let objects: Vec<String> = known.objects.paths().map(|path| path.to_string()).collect();
    assert_eq!(objects, ["/1/0", "/3/0", "/3303/0"]);
    assert_eq!(value(&mut world, "/3303/0/5700"), 20.0.into());
}

// proves: DM-38, OBJ-11, REG-33
#[test]
fn int_241() {
    let mut world = registered(Device::Basic);
    world.told.clear();
    world.must(Execute::new(path("/3/0/4")), Code::CHANGED);
    let replaced = world.wait("registration", |event| match event {
        ServerEvent::Registered { replaced, .. } => Some(*replaced),
        _ => None,
    });
    assert!(replaced);
    world.run(SECOND);
    assert!(world.told.contains(&ClientEvent::Restarted));
    assert_registered_on_the_wire(&world);
    assert_eq!(value(&mut world, "/3/0/0"), "Example".into());
}

// proves: REG-51, SEC-01, SEC-02, SEC-07, SEC-52
#[test]
fn int_401() {
    // The simulated network checks the key as a handshake would; `registered_with` asserts the identity.
    let mut world = registered_with(Device::Basic, Setup::default(), Flash::default());
    assert_registered_on_the_wire(&world);
    crate::management::assert_device_as_tlv(&mut world);
    let stranger = lwm2m_client::Account::coaps(server_account_uri(), NAME, vec![9; 16]);
    let mut world = Setup::default().build(|client| {
        client
            .server(lwm2m_client::ServerAccount::new(1, stranger))
            .object(DeviceObject::new(device_resources()))
    });
    world.run(SECOND * 60);
    assert!(!world.is_registered(), "a wrong key lets nobody in");
}

fn server_account_uri() -> lwm2m_core::uri::ServerUri {
    format!("coaps://{}", lwm2m_conformance::world::SERVER)
        .parse()
        .unwrap()
}
