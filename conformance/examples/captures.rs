//! Writes captures of what client, server and bootstrap server say to each other in the simulated network, for Wireshark
//! and tshark, and beside each capture what our own reader finds in it.
//!
//! ```text
//! cargo run -p lwm2m-conformance --example captures -- DIRECTORY
//! ```
//!
//! `NAME.pcap` is the capture; `NAME.tsv` has one line for each message: type, code, message id, token, number of
//! options, length of the payload.
#![allow(
    clippy::unwrap_used,
    reason = "a harness of tests fails by panicking, as the library does"
)]

use lwm2m_client::{ClientConfig, DataObject, DeviceObject, FirmwareObject, Instance};
use lwm2m_conformance::{
    tour::{lossy, tour},
    wire,
    world::{Flash, Setup, World, device_resources, unsecured_server_account},
};
use lwm2m_core::{
    attributes::Attributes,
    coap::{Code, MessageKind},
    content::ContentFormat,
    entry::Entry,
    operation::{
        Create, Delete, DeviceOperation, Discover, Execute, Payload, Read, ReadComposite,
        WriteAttributes, WriteComposite, WriteMode,
    },
    path::Path,
    version::LwM2mVersion,
};
use lwm2m_objects::ipso::temperature;
use lwm2m_server::engine::ObserveTarget;
use lwm2m_transport::sim::Link;
use std::{fmt::Write as _, fs, path::PathBuf, process::ExitCode, time::Duration};

const SENSOR_VALUE: Path = Path::resource(3303, 0, 5700);
const APPLICATION_TYPE: Path = Path::resource(3303, 0, 5750);

fn main() -> ExitCode {
    let Some(directory) = std::env::args_os().nth(1).map(PathBuf::from) else {
        complain("which directory shall the captures go to?");
        return ExitCode::FAILURE;
    };
    let captures = [
        ("tour", tour(1, Link::new(), false)),
        ("tour-lossy", tour(2, lossy(), true)),
        ("operations-1.2", operations(LwM2mVersion::V1_2)),
        ("operations-1.1", operations(LwM2mVersion::V1_1)),
        ("operations-1.0", operations(LwM2mVersion::V1_0)),
    ];
    for (name, world) in captures {
        let file = |suffix: &str| directory.join(format!("{name}.{suffix}"));
        let written = world
            .net
            .write_pcap(file("pcap"))
            .and_then(|()| fs::write(file("tsv"), messages(&world)));
        if let Err(error) = written {
            complain(&format!("{name}: {error}"));
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

#[expect(clippy::print_stderr, reason = "a program speaks to its user")]
fn complain(text: &str) {
    eprintln!("error: {text}");
}

/// What our reader finds in a capture.
fn messages(world: &World) -> String {
    let mut lines = String::new();
    for packet in wire::packets(world.net.pcap()) {
        let message = packet.message;
        let kind = match message.kind {
            MessageKind::Confirmable => 0,
            MessageKind::NonConfirmable => 1,
            MessageKind::Acknowledgement => 2,
            MessageKind::Reset => 3,
        };
        let token: String = (message.token.as_bytes().iter())
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let (code, id) = (message.code.to_byte(), message.id);
        let (options, payload) = (message.options.iter().count(), message.payload.len());
        // Writing to a String does not fail.
        let _ = writeln!(lines, "{kind}\t{code}\t{id}\t{token}\t{options}\t{payload}");
    }
    lines
}

/// Every operation in every format of a version, with bodies of one block and of several, and refusals.
fn operations(version: LwM2mVersion) -> World {
    let mut config = ClientConfig::default();
    config.version = version;
    let setup = Setup::default().unsecured().client(config);
    let mut world = setup.build(|device| {
        let sensor = Instance::new()
            .with(temperature::SENSOR_VALUE, 20.5)
            .with(temperature::SENSOR_UNITS, "Cel")
            .with(temperature::APPLICATION_TYPE, "capture");
        let resources = device_resources()
            .with_multiple(6, [(0, 1), (1, 5)])
            .with(9, 87)
            .with(14, "+01:00");
        let sensors = DataObject::new(&temperature::V1_1)
            .dynamic()
            .on_execute(
                [temperature::RESET_MIN_AND_MAX_MEASURED_VALUES],
                |_, _, _, _| Ok(()),
            )
            .instance(0, sensor);
        device
            .server(unsecured_server_account().lifetime(300).mute_send(false))
            .object(DeviceObject::new(resources))
            .object(FirmwareObject::new(Flash::default()))
            .object(sensors)
    });
    world.registered();
    let single: &[ContentFormat] = match version {
        LwM2mVersion::V1_0 => &[ContentFormat::Text, ContentFormat::Tlv, ContentFormat::Json],
        LwM2mVersion::V1_1 => &[
            ContentFormat::Text,
            ContentFormat::Cbor,
            ContentFormat::Tlv,
            ContentFormat::SenmlJson,
            ContentFormat::SenmlCbor,
        ],
        _ => &[
            ContentFormat::Text,
            ContentFormat::Cbor,
            ContentFormat::Tlv,
            ContentFormat::SenmlJson,
            ContentFormat::SenmlCbor,
            ContentFormat::LwM2mCbor,
        ],
    };
    for &format in single {
        reads_and_writes(&mut world, format);
    }
    management(&mut world);
    observation(&mut world);
    if version >= LwM2mVersion::V1_1 {
        composite(&mut world);
    }
    world
}

fn must(world: &mut World, operation: impl Into<DeviceOperation>, code: Code) {
    world.must(operation, code);
}

fn reads_and_writes(world: &mut World, format: ContentFormat) {
    let several = !matches!(format, ContentFormat::Text | ContentFormat::Cbor);
    let read = |path| Read {
        path,
        accept: Some(format),
    };
    must(world, read(SENSOR_VALUE), Code::CONTENT);
    if several {
        must(world, read(Path::object_instance(3, 0)), Code::CONTENT);
        must(world, read(Path::object(3303)), Code::CONTENT);
        let units = Entry::new(Path::resource(1, 0, 2), 1);
        world.put(
            WriteMode::PartialUpdate,
            Path::object_instance(1, 0),
            format,
            &[units],
        );
    }
    // Some kilobytes: a body of several blocks, to the device and back.
    for length in [10, 3000] {
        world.write(APPLICATION_TYPE, format, "x".repeat(length));
        must(world, read(APPLICATION_TYPE), Code::CONTENT);
    }
    world.write(APPLICATION_TYPE, format, "capture");
}

fn management(world: &mut World) {
    let discover = |path| Discover { path, depth: None };
    must(world, discover(Path::object(3)), Code::CONTENT);
    let mut attributes = Attributes::default();
    (attributes.pmin, attributes.pmax, attributes.st) = (Some(1), Some(10), Some(0.5));
    let write = WriteAttributes {
        path: SENSOR_VALUE,
        change: attributes.into(),
    };
    must(world, write, Code::CHANGED);
    must(world, discover(SENSOR_VALUE), Code::CONTENT);
    let execute = Execute {
        path: Path::resource(3303, 0, temperature::RESET_MIN_AND_MAX_MEASURED_VALUES),
        arguments: vec![(0, Some("now".into())), (5, None)],
    };
    must(world, execute, Code::CHANGED);
    let entries = [Entry::new(Path::resource(3303, 7, 5700), 3.5)];
    let base = Path::object(3303);
    let payload =
        Payload::encode(ContentFormat::Tlv, &entries, &base, &*world.definitions).unwrap();
    let create = Create {
        object: 3303,
        payload,
    };
    must(world, create, Code::CREATED);
    let path = Path::object_instance(3303, 7);
    must(world, Delete { path }, Code::DELETED);
    let gone = Read { path, accept: None };
    must(world, gone, Code::NOT_FOUND);
    let executable = Path::resource(3, 0, 4);
    let read = Read {
        path: executable,
        accept: None,
    };
    must(world, read, Code::METHOD_NOT_ALLOWED);
}

fn observation(world: &mut World) {
    let number = world.observe(SENSOR_VALUE);
    for celsius in [21.5, 22.5, 23.5] {
        world.run(Duration::from_secs(2));
        world.set(SENSOR_VALUE, celsius);
        world.notified(SENSOR_VALUE);
    }
    cancel(world, number);
}

fn cancel(world: &mut World, observation: u64) {
    let ticket = world.net.act(world.server, |server, now| {
        server.cancel_observation(now, observation).unwrap()
    });
    if let Some(ticket) = ticket {
        world.result(ticket).unwrap();
    }
}

fn composite(world: &mut World) {
    for format in [ContentFormat::SenmlCbor, ContentFormat::SenmlJson] {
        let read = ReadComposite {
            paths: vec![SENSOR_VALUE, Path::object_instance(3, 0)],
            format,
            accept: Some(format),
        };
        must(world, read, Code::CONTENT);
        let entries = [
            Entry::new(APPLICATION_TYPE, "composite"),
            Entry::new(Path::resource(1, 0, 3), 20),
        ];
        let payload = Payload::encode(format, &entries, &Path::ROOT, &*world.definitions).unwrap();
        must(world, WriteComposite { payload }, Code::CHANGED);
        let target = ObserveTarget {
            paths: [SENSOR_VALUE, APPLICATION_TYPE].into(),
            composite: Some(format),
            accept: Some(format),
            attributes: Attributes::default(),
        };
        let (number, _) = world.observe_target(&target);
        world.run(Duration::from_secs(2));
        world.set(SENSOR_VALUE, 30.5);
        world.notified(Path::ROOT);
        cancel(world, number);
        world.set(SENSOR_VALUE, 20.5);
    }
    world.net.act(world.device, |device, now| {
        device.send(now, &[SENSOR_VALUE, APPLICATION_TYPE]).unwrap();
    });
    world.run(Duration::from_secs(2));
}
