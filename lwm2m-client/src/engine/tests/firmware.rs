use super::*;
use crate::{
    FirmwareObject,
    firmware::{FirmwareError, FirmwareStorage, PackageInfo, UpdateResult},
};
use std::{
    sync::{Arc, Mutex},
    vec,
};

#[derive(Clone, Default)]
struct Flash(Arc<Mutex<Vec<u8>>>);

impl FirmwareStorage for Flash {
    fn begin(&mut self, _size: Option<u64>) -> Result<(), FirmwareError> {
        self.0.lock().unwrap().clear();
        Ok(())
    }

    fn write(&mut self, data: &[u8]) -> Result<(), FirmwareError> {
        self.0.lock().unwrap().extend(data);
        Ok(())
    }

    fn finish(&mut self) -> Result<PackageInfo, FirmwareError> {
        // The first byte is the check.
        match self.0.lock().unwrap().first() {
            Some(b'!') => Err(FirmwareError::Integrity),
            _ => Ok(PackageInfo::default()),
        }
    }

    fn discard(&mut self) {
        self.0.lock().unwrap().clear();
    }
}

fn world(link: Link, seed: u64) -> (World, Flash) {
    let flash = Flash::default();
    let builder = builder()
        .object(FirmwareObject::new(flash.clone()))
        .server(server_account());
    let mut world = World::with_link(builder, link, seed);
    world.run(SECOND * 100);
    (world, flash)
}

fn package(size: usize) -> Request {
    let image: Vec<u8> = (0..size).map(|i| (i % 251) as u8 + 1).collect();
    request(Code::PUT, "5/0/0").body(ContentFormat::Opaque.number(), image)
}

fn states(world: &mut World) -> Vec<String> {
    let server = world.server;
    world.notifications(server).iter().map(text).collect()
}

// proves: GEN-10, OBJ-22, OBJ-24
#[test]
fn a_package_is_pushed_and_installed() {
    let link = Link::new().delay(Duration::from_millis(10));
    let (mut world, flash) = world(link, 1);
    let server = world.server;
    assert_eq!(text(&world.ask(server, observe("5/0/3"))), "0");
    let package = package(200 * 1024);
    assert_eq!(world.ask(server, package.clone()).code, Code::CHANGED);
    world.run(SECOND);
    assert_eq!(states(&mut world), ["1", "2"]);
    assert_eq!(*flash.0.lock().unwrap(), package.payload.to_vec());
    let told = world.take_told();
    let progress = told
        .iter()
        .filter(|e| matches!(e, ClientEvent::FirmwareProgress { .. }))
        .count();
    assert_eq!(progress, 200, "block by block");
    assert!(told.contains(&ClientEvent::FirmwareDownloaded { size: 200 * 1024 }));
    assert_eq!(
        world.ask(server, request(Code::POST, "5/0/2")).code,
        Code::CHANGED
    );
    world.run(SECOND);
    assert_eq!(states(&mut world), ["3"]);
    let asked = ClientEvent::FirmwareInstallRequested { server: 7 };
    assert!(world.take_told().contains(&asked));
    world.client(|client, now| {
        client.set(now, "/3/0/3".parse().unwrap(), "2.0").unwrap();
        client.firmware_result(now, UpdateResult::Success).unwrap();
        client.reboot(now, SECOND);
    });
    world.run(SECOND * 3);
    assert_eq!(text(&world.ask(server, get("5/0/5"))), "1");
    assert_eq!(text(&world.ask(server, get("5/0/3"))), "0");
    assert_eq!(text(&world.ask(server, get("3/0/3"))), "2.0");
}

// proves: OBJ-29
#[test]
fn a_damaged_package_is_refused_by_its_result() {
    let (mut world, flash) = world(Link::new(), 2);
    let server = world.server;
    let mut bad = package(5_000);
    let mut image = bad.payload.to_vec();
    image[0] = b'!';
    bad.payload = image.into();
    assert_eq!(world.ask(server, bad).code, Code::CHANGED);
    assert_eq!(text(&world.ask(server, get("5/0/3"))), "0");
    assert_eq!(text(&world.ask(server, get("5/0/5"))), "5");
    assert!(flash.0.lock().unwrap().is_empty());
    assert_eq!(
        world.ask(server, request(Code::POST, "5/0/2")).code,
        Code::METHOD_NOT_ALLOWED
    );
}

#[test]
fn a_package_survives_loss() {
    for seed in 0..5 {
        let link = Link::new()
            .delay(Duration::from_millis(20))
            .loss(0.2)
            .duplicate(0.05);
        let (mut world, flash) = world(link, seed);
        let server = world.server;
        let package = package(40 * 1024);
        world.send(server, package.clone());
        let done = |net: &mut Net| {
            let events = &net.host(server).events;
            (events.iter())
                .any(|e| matches!(e, Event::Response { .. } | Event::RequestFailed { .. }))
        };
        assert!(world.net.run_until(done, SECOND * 3_600), "seed {seed}");
        assert_eq!(
            *flash.0.lock().unwrap(),
            package.payload.to_vec(),
            "seed {seed}"
        );
    }
}

// proves: OBJ-28
#[test]
fn a_server_that_vanishes_leaves_result_4() {
    let (mut world, flash) = world(Link::new().delay(Duration::from_millis(100)), 3);
    let server = world.server;
    world.send(server, package(200 * 1024));
    world.run(SECOND * 5);
    assert!(!flash.0.lock().unwrap().is_empty());
    world.net.isolate(server);
    world.run(SECOND * 600);
    let value = |world: &mut World, path: &str| {
        let path = path.parse().unwrap();
        world.client(|client, now| client.value(now, path).unwrap())
    };
    assert_eq!(value(&mut world, "/5/0/3"), 0.into());
    assert_eq!(value(&mut world, "/5/0/5"), 4.into());
    assert!(flash.0.lock().unwrap().is_empty());
}

// proves: OBJ-30, OBJ-31, OBJ-34, OBJ-39
#[test]
fn small_packages_resets_and_addresses() {
    let (mut world, flash) = world(Link::new(), 4);
    let server = world.server;
    assert_eq!(world.ask(server, package(100)).code, Code::CHANGED);
    assert_eq!(flash.0.lock().unwrap().len(), 100);
    assert_eq!(text(&world.ask(server, get("5/0/3"))), "2");
    assert_eq!(
        world.ask(server, package(100)).code,
        Code::METHOD_NOT_ALLOWED
    );
    let reset = request(Code::PUT, "5/0/0").body(42, vec![0]);
    assert_eq!(world.ask(server, reset).code, Code::CHANGED);
    assert_eq!(text(&world.ask(server, get("5/0/3"))), "0");
    let uri = put_text("5/0/1", "https://example.org/firmware");
    assert_eq!(world.ask(server, uri).code, Code::CHANGED);
    assert_eq!(text(&world.ask(server, get("5/0/5"))), "9");
    assert_eq!(text(&world.ask(server, get("5/0/9"))), "1", "push only");
}
