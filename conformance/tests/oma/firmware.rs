//! Firmware update: int-751 to int-779.

use crate::support::{
    Device, SECOND, attributes, basic, find, path, read_as, registered_with, value,
};
use lwm2m_client::firmware::{FirmwareError, UpdateResult};
use lwm2m_conformance::world::{Flash, Moment, NEW_VERSION, Setup, World};
use lwm2m_core::{
    coap::{Code, option},
    content::ContentFormat,
    operation::{Execute, Payload, Write, WriteMode},
    value::Value,
};

const IDLE: i64 = 0;
const DOWNLOADED: i64 = 2;

fn write_package(package: &[u8]) -> Write {
    Write {
        path: path("/5/0/0"),
        mode: WriteMode::Replace,
        payload: Payload {
            format: ContentFormat::Opaque,
            data: package.to_vec().into(),
        },
    }
}

fn image() -> Vec<u8> {
    (0..40 * 1024_u32).map(|n| ((n * 7) >> 3) as u8).collect()
}

fn assert_state(world: &mut World, state: i64, result: i64) {
    let values = world.read(path("/5/0"));
    assert_eq!(find(&values, "/5/0/3"), Some(&state.into()), "state");
    assert_eq!(find(&values, "/5/0/5"), Some(&result.into()), "result");
}

/// Resets, and pushes an image that must be taken.
fn push(world: &mut World) {
    world.must(write_package(&[0]), Code::CHANGED);
    assert_state(world, IDLE, 0);
    world.must(write_package(&image()), Code::CHANGED);
    assert_state(world, DOWNLOADED, 0);
}

// proves: OBJ-26, OBJ-34
#[test]
fn int_751() {
    let mut world = basic();
    let response = read_as(&mut world, "/5/0", ContentFormat::Tlv);
    let values = world.values(&response, path("/5/0"));
    assert_eq!(find(&values, "/5/0/3"), Some(&IDLE.into()));
    assert_eq!(find(&values, "/5/0/5"), Some(&0.into()));
    // Push only; the protocols of a pull need not be there then.
    assert_eq!(find(&values, "/5/0/9"), Some(&1.into()));
}

// proves: OBJ-22
#[test]
fn int_755() {
    let flash = Flash::default();
    let mut world = registered_with(Device::Basic, Setup::default(), flash.clone());
    push(&mut world);
    assert_eq!(flash.image(), image());
}

// proves: OBJ-22
#[test]
fn int_760() {
    let mut world = basic();
    attributes(&mut world, "/5/0", "pmin=2&pmax=10");
    world.observe(path("/5/0/3"));
    assert_eq!(world.notified(path("/5/0/3")), IDLE.into());
    world.must(write_package(&image()), Code::CHANGED);
    let state = path("/5/0/3");
    let told = world.net.now();
    while world.notified(state) != Value::Integer(DOWNLOADED) {}
    assert!(world.net.now().since(told) <= SECOND * 10);
}

// proves: BLK-12, GEN-09, GEN-10, OBJ-23, OBJ-24, OBJ-38
#[test]
fn int_770() {
    let mut world = basic();
    push(&mut world);
    // Block by block, each but the last answered 2.31.
    let sent = world.sent();
    let mut continued = 0;
    let mut ended = 0;
    for packet in &sent {
        if packet.message.options.contains(option::BLOCK1) {
            match packet.message.code {
                Code::CONTINUE => continued += 1,
                Code::CHANGED => ended += 1,
                other => panic!("{other}"),
            }
        }
    }
    assert_eq!((continued, ended), (39, 1));
    world.must(Execute::new(path("/5/0/2")), Code::CHANGED);
    world.registered();
    assert_state(&mut world, IDLE, 1);
    assert_eq!(value(&mut world, "/3/0/3"), NEW_VERSION.into());
}

// proves: OBJ-23
#[test]
fn int_772() {
    let mut world = basic();
    assert_state(&mut world, IDLE, 0);
    world.must(Execute::new(path("/5/0/2")), Code::METHOD_NOT_ALLOWED);
    assert_state(&mut world, IDLE, 0);
}

/// A package that the device cannot take: the update result says why, the state is Idle again.
fn refused(moment: Moment, error: FirmwareError, code: Code, result: i64) {
    let mut flash = Flash::default();
    flash.fault = Some((moment, error));
    let mut world = registered_with(Device::Basic, Setup::default(), flash.clone());
    assert_state(&mut world, IDLE, 0);
    // The case has the write succeed and fail later; a device that writes to its chip block by block knows at once.
    world.must(write_package(&image()), code);
    assert_state(&mut world, IDLE, result);
    assert!(flash.image().is_empty(), "nothing of it is kept");
    world.must(Execute::new(path("/5/0/2")), Code::METHOD_NOT_ALLOWED);
}

// proves: OBJ-27
#[test]
fn int_773() {
    refused(
        Moment::Writing,
        FirmwareError::NotEnoughStorage,
        Code::REQUEST_ENTITY_TOO_LARGE,
        2,
    );
}

// proves: GEN-13, OBJ-27
#[test]
fn int_774() {
    refused(
        Moment::Writing,
        FirmwareError::OutOfMemory,
        Code::INTERNAL_SERVER_ERROR,
        3,
    );
}

// proves: OBJ-29
#[test]
fn int_776() {
    refused(
        Moment::Finishing,
        FirmwareError::Integrity,
        Code::CHANGED,
        5,
    );
}

// proves: OBJ-29
#[test]
fn int_777() {
    refused(
        Moment::Finishing,
        FirmwareError::UnsupportedPackage,
        Code::CHANGED,
        6,
    );
}

// proves: OBJ-25
#[test]
fn int_779() {
    let setup = Setup::default().install(UpdateResult::UpdateFailed);
    let mut world = registered_with(Device::Basic, setup, Flash::default());
    let version = value(&mut world, "/3/0/3");
    push(&mut world);
    world.must(Execute::new(path("/5/0/2")), Code::CHANGED);
    world.run(SECOND);
    assert_state(&mut world, DOWNLOADED, 8);
    assert_eq!(value(&mut world, "/3/0/3"), version);
}
