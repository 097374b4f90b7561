//! The tour of the evaluation server in the simulated network: bootstrap, registration, read, write, discover, attributes,
//! observation, restart, firmware, Send.

use crate::world::{
    Flash, NAME, NEW_VERSION, Setup, World, bootstrap_account, device_resources,
    unsecured_bootstrap_account,
};
use lwm2m_client::{DataObject, DeviceObject, FirmwareObject, Instance as Resources};
use lwm2m_core::{
    attributes::Attributes,
    coap::Code,
    content::ContentFormat,
    endpoint::EndpointConfig,
    entry::Entry,
    link::{self, LinkTarget},
    operation::{Discover, Execute, Payload, Write, WriteAttributes, WriteMode},
    path::Path,
    peer::PeerIdentity,
    value::Value,
};
use lwm2m_objects::ipso::temperature;
use lwm2m_server::{BootstrapEvent, DeviceError, ServerEvent};
use lwm2m_transport::sim::Link;
use std::time::Duration;

const LIFETIME: Path = Path::resource(1, 0, 1);
const SENSOR_VALUE: Path = Path::resource(3303, 0, 5700);
const FIRMWARE_STATE: Path = Path::resource(5, 0, 3);

/// A fifth of all datagrams is lost each way, so more than a third of all exchanges needs a repetition: a transfer
/// of 200 blocks with the default of four repetitions would seldom arrive.
fn endpoint() -> EndpointConfig {
    let mut config = EndpointConfig::default();
    config.timing.max_retransmit = 7;
    config
}

fn world(seed: u64, link: Link, secured: bool) -> (World, Flash) {
    let flash = Flash::default();
    let sensor = Resources::new()
        .with(temperature::SENSOR_VALUE, 20.0)
        .with(temperature::SENSOR_UNITS, "Cel");
    let mut setup = Setup::default().network(seed, link).endpoint(endpoint());
    let mut account = bootstrap_account();
    if !secured {
        setup = setup.unsecured();
        account = unsecured_bootstrap_account();
    }
    let setup =
        setup.bootstrapped(|account| account.lifetime(Duration::from_secs(600)).mute_send(false));
    let world = setup.build(|device| {
        device
            .bootstrap(account)
            .object(DeviceObject::new(device_resources()))
            .object(FirmwareObject::new(flash.clone()))
            .object(DataObject::new(&temperature::V1_1).instance(0, sensor))
    });
    (world, flash)
}

/// Pushes a firmware image, again where all repetitions of a block were lost; where only the answer to the last
/// block was, the device has the whole image and says so.
fn push(world: &mut World, image: &[u8]) {
    let path = Path::resource(5, 0, 0);
    let data = image.to_vec().into();
    let format = ContentFormat::Opaque;
    let write = Write {
        path,
        mode: WriteMode::Replace,
        payload: Payload { format, data },
    };
    for _ in 0..4 {
        match world.request(write.clone()) {
            Ok(response) => return assert_eq!(response.code, Code::CHANGED),
            Err(DeviceError::Timeout) => {}
            Err(other) => panic!("{other}"),
        }
        if world.read(FIRMWARE_STATE) == [Entry::new(FIRMWARE_STATE, 2)] {
            return;
        }
    }
    panic!("the image was lost again and again");
}

/// Executes what makes the device restart, and waits for it to come back. Where the answer is lost, a device
/// that has restarted cannot repeat it: that it registers anew shows that it was told.
fn execute_restart(world: &mut World, path: Path) {
    match world.request(Execute::new(path)) {
        Ok(response) => assert_eq!(response.code, Code::CHANGED),
        Err(DeviceError::Timeout | DeviceError::RegistrationEnded | DeviceError::Unreachable) => {}
        Err(other) => panic!("{path}: {other}"),
    }
    world.registered();
}

/// Writes the lifetime at the device, and waits for the update that tells it.
pub fn write_lifetime(world: &mut World, seconds: u32) {
    world.write(LIFETIME, ContentFormat::Text, i64::from(seconds));
    world.updated(Duration::from_secs(u64::from(seconds)));
}

/// A network that loses a fifth of all datagrams each way, and more.
pub fn lossy() -> Link {
    Link::new()
        .delay(Duration::from_millis(60))
        .jitter(Duration::from_millis(40))
        .loss(0.2)
        .duplicate(0.05)
        .reorder(0.1)
}

/// All that devices do before they leave.
///
/// # Panics
/// Where a step does not end as it must.
pub fn tour(seed: u64, link: Link, secured: bool) -> World {
    let (mut world, flash) = world(seed, link, secured);
    let identity = match secured {
        true => PeerIdentity::Psk(NAME.into()),
        false => PeerIdentity::None,
    };
    assert_eq!(world.registered(), identity);
    while !world.bootstraps.contains(&BootstrapEvent::Finished) {
        world.moment();
    }

    let entries = world.read(Path::object_instance(3, 0));
    let manufacturer = Entry::new(Path::resource(3, 0, 0), "Example");
    assert!(entries.contains(&manufacturer), "{entries:?}");

    write_lifetime(&mut world, 1200);

    let discover = Discover {
        path: Path::object(3303),
        depth: None,
    };
    let links = world.must(discover, Code::CONTENT);
    let links = link::parse(&links.payload).unwrap();
    let sensor = LinkTarget::Path(SENSOR_VALUE);
    assert!(links.iter().any(|link| link.target == sensor));

    let mut attributes = Attributes::default();
    attributes.pmin = Some(1);
    attributes.pmax = Some(30);
    let write = WriteAttributes {
        path: SENSOR_VALUE,
        change: attributes.into(),
    };
    world.must(write, Code::CHANGED);

    world.observe(SENSOR_VALUE);
    for celsius in [21.5, 22.5, 23.5] {
        world.set(SENSOR_VALUE, celsius);
        // Notifications may be lost; pmax brings the value again.
        while world.notified(SENSOR_VALUE) != Value::Float(celsius) {}
    }

    execute_restart(&mut world, Path::resource(3, 0, 4));
    world.set(SENSOR_VALUE, 24.5);
    while world.notified(SENSOR_VALUE) != Value::Float(24.5) {}

    firmware(&mut world, &flash);

    world.net.act(world.device, |device, now| {
        device.send(now, &[SENSOR_VALUE]).unwrap();
    });
    world.wait("Send", |event| match event {
        ServerEvent::Sent { entries, .. } => {
            (entries[..] == [Entry::new(SENSOR_VALUE, 24.5)]).then_some(())
        }
        _ => None,
    });
    world
}

fn firmware(world: &mut World, flash: &Flash) {
    let image: Vec<u8> = (0..200 * 1024_u32).map(|n| ((n * 7) >> 3) as u8).collect();
    world.observe(FIRMWARE_STATE);
    push(world, &image);
    assert_eq!(flash.image(), image, "the image arrived whole");
    let state = world.read(FIRMWARE_STATE);
    assert_eq!(state, [Entry::new(FIRMWARE_STATE, 2)], "Downloaded");
    execute_restart(world, Path::resource(5, 0, 2));
    let result = Path::resource(5, 0, 5);
    assert_eq!(world.read(result), [Entry::new(result, 1)], "success");
    let version = Path::resource(3, 0, 3);
    assert_eq!(world.read(version), [Entry::new(version, NEW_VERSION)]);
}
