//! What is under way while faults happen, and how it must end.

use super::{
    Fault, Job,
    plant::{COMMAND, LIFETIME, PATIENCE, Plant, SENSOR_VALUE},
};
use crate::{
    wire::Packet,
    world::{NAME, NEW_VERSION},
};
use lwm2m_client::{ClientEngine, ClientEvent};
use lwm2m_core::{
    attributes::Attributes,
    coap::{Code, option},
    content::ContentFormat,
    entry::Entry,
    operation::{Execute, Payload, Read, Write, WriteMode},
    path::Path,
    value::Value,
};
use lwm2m_objects::{security, server};
use lwm2m_server::{BootstrapEvent, DeviceError, ServerEvent, engine::ObserveTarget};
use std::{collections::HashSet, time::Duration};

const MINUTE: Duration = Duration::from_secs(60);

pub(super) fn run(job: Job, fault: Fault, seed: u64) {
    let mut plant = Plant::new(fault, seed, job == Job::Bootstrap);
    match job {
        Job::Registration => registration(&mut plant),
        Job::Execution => execution(&mut plant),
        Job::Observation => observation(&mut plant),
        Job::Sending => sending(&mut plant),
        Job::FirmwarePush => firmware_push(&mut plant),
        Job::Bootstrap => bootstrap(&mut plant),
    }
}

/// The server knows at the end what the device has, keeps knowing it, and forgets it when the device leaves.
fn registration(plant: &mut Plant) {
    plant.incidents_within(30 * MINUTE);
    for _ in 0..6 {
        plant.run(5 * MINUTE);
        plant.add_sensor();
    }
    for _ in 0..4 {
        plant.until("the two agree", Plant::agrees);
        plant.run(LIFETIME);
    }
    plant.until("the two agree", Plant::agrees);

    let asked = plant.sent_by_device(|packet| packet.is(Code::POST, "/rd"));
    let registered = plant.count(|event| matches!(event, ServerEvent::Registered { .. }));
    let updates = plant.sent_by_device(|packet| {
        packet.message.code == Code::POST && packet.path().starts_with("/rd/")
    });
    let updated = plant.count(|event| matches!(event, ServerEvent::Updated { .. }));
    if plant.fault.tells_repetitions() {
        assert!(registered <= asked, "{registered} of {asked} registrations");
        assert!(updated <= updates, "{updated} of {updates} updates");
    }
    if plant.fault.is_harmless() {
        assert_eq!((registered, asked), (1, 1), "one registration is enough");
        assert_eq!(updated, updates);
    }

    let device = plant.world.device;
    plant.world.net.act(device, ClientEngine::deregister);
    // Where all repetitions of the good-bye are lost, the lifetime ends it.
    plant.until("nobody is registered", |plant| {
        plant.registration().is_none() && plant.world.told.last() == Some(&ClientEvent::Stopped)
    });
    plant.run(LIFETIME);
    assert!(plant.registration().is_none(), "it stays away");
}

/// What the server was told is done is done once; of what it was not, nothing is done twice.
fn execution(plant: &mut Plant) {
    plant.incidents_within(20 * MINUTE);
    let mut outcomes = Vec::new();
    for n in 0..40 {
        plant.run(MINUTE / 2);
        let argument = format!("n{n}");
        let execute = Execute {
            path: COMMAND,
            arguments: vec![(0, Some(argument.clone()))],
        };
        let outcome = plant.request(execute);
        if plant.fault.is_harmless() {
            assert_eq!(
                outcome.as_ref().map(|answer| answer.code),
                Ok(Code::CHANGED)
            );
        }
        outcomes.push((argument, outcome));
    }
    // All is well again: one more is answered, and nothing of before comes late.
    plant.answered(Execute::new(COMMAND));
    plant.run(10 * MINUTE);
    let executed = plant.device.executed.lock().unwrap().clone();
    for (argument, outcome) in outcomes {
        let times = executed.iter().filter(|done| **done == argument).count();
        match &outcome {
            Ok(answer) => {
                assert_eq!(answer.code, Code::CHANGED, "{argument}");
                assert_eq!(times, 1, "{argument} was answered 2.04");
            }
            Err(DeviceError::NotRegistered(_)) => assert_eq!(times, 0, "{argument} was not sent"),
            Err(error) => assert!(times <= 1, "{argument} was done {times} times: {error}"),
        }
    }
}

fn number(entry: &Entry) -> f64 {
    match entry.value {
        Value::Float(number) => number,
        ref other => panic!("no float: {other:?}"),
    }
}

/// The server knows the last value at the end, never went back to an older one, and observes once.
fn observation(plant: &mut Plant) {
    let mut attributes = Attributes::default();
    // A notification that is not confirmable may be lost: the value comes again after a while.
    (attributes.pmin, attributes.pmax) = (Some(1), Some(60));
    let target = ObserveTarget {
        paths: [SENSOR_VALUE].into(),
        composite: None,
        accept: None,
        attributes,
    };
    plant.insist(|plant| {
        let observed = plant.world.net.act(plant.world.server, |server, now| {
            server.observe(now, NAME, target.clone())
        });
        match observed {
            Ok((_, Some(ticket))) => {
                let answer = plant.ended(ticket).ok()?;
                assert_eq!(answer.code, Code::CONTENT, "{answer:?}");
                Some(())
            }
            Ok((_, None)) => Some(()),
            Err(_) => None,
        }
    });
    plant.incidents_within(20 * MINUTE);
    for n in 1..=60 {
        plant.run(MINUTE / 3);
        plant.measure(f64::from(n));
    }
    let last = |plant: &Plant| {
        plant
            .world
            .events
            .iter()
            .rev()
            .find_map(|event| match event {
                ServerEvent::Notification(notification) => notification.entries.last().map(number),
                _ => None,
            })
    };
    plant.until("the last value is known", |plant| last(plant) == Some(60.0));
    // Long enough for what is repeated to arrive, and for what is still of an earlier life.
    plant.run(20 * MINUTE);
    assert_eq!(last(plant), Some(60.0));
    // What refuses notifications that nobody waits for may be lost too, hence once more where there are others.
    plant.insist(|plant| (observed_while_quiet(plant)? == 1).then_some(()));

    let values: Vec<f64> = (plant.world.events.iter())
        .filter_map(|event| match event {
            ServerEvent::Notification(notification) => {
                Some(notification.entries.iter().map(number))
            }
            _ => None,
        })
        .flatten()
        .collect();
    assert!(
        values.is_sorted(),
        "an older value came after a newer one: {values:?}"
    );
    let told = plant.count(|event| matches!(event, ServerEvent::Notification(_)));
    let sent = plant.sent_by_device(is_notification);
    assert!(told <= sent, "{told} notifications of {sent}");
}

fn is_notification(packet: &Packet) -> bool {
    let message = &packet.message;
    message.code == Code::CONTENT && message.options.first(option::OBSERVE).is_some()
}

/// The number of observations that the device tells of in the next minutes; `None` where it registered meanwhile, and
/// with that one observation took the place of another.
fn observed_while_quiet(plant: &mut Plant) -> Option<usize> {
    let established = |plant: &Plant| {
        plant.count(|event| matches!(event, ServerEvent::ObservationEstablished { .. }))
    };
    let (since, before) = (plant.now(), established(plant));
    plant.run(5 * MINUTE);
    if established(plant) != before || !plant.agrees() {
        return None;
    }
    let sent = plant.world.sent();
    let told = sent
        .iter()
        .filter(|packet| packet.at > since && is_notification(packet));
    let tokens: HashSet<_> = told.map(|packet| packet.message.token).collect();
    Some(tokens.len())
}

/// What the device was told has arrived has arrived once; of the rest, nothing twice.
fn sending(plant: &mut Plant) {
    plant.until("it is registered", Plant::agrees);
    plant.incidents_within(20 * MINUTE);
    let mut outcomes = Vec::new();
    for n in 1..=40 {
        plant.run(MINUTE / 2);
        plant.measure(f64::from(n));
        outcomes.push((f64::from(n), send(plant)));
    }
    let ended = plant.insist(|plant| send(plant).filter(|well| *well));
    assert!(ended, "one arrives in the end");
    plant.run(10 * MINUTE);
    let arrived: Vec<f64> = (plant.world.events.iter())
        .filter_map(|event| match event {
            ServerEvent::Sent { entries, .. } => entries.first().map(number),
            _ => None,
        })
        .collect();
    // The last value was sent again until it arrived.
    for (n, well) in &outcomes[..outcomes.len() - 1] {
        let times = arrived.iter().filter(|value| *value == n).count();
        if *well == Some(true) {
            assert!(times >= 1, "{n} was answered 2.04 and is not there");
        }
        if plant.fault.is_harmless() {
            assert_eq!(*well, Some(true), "{n}");
        }
        if plant.fault.tells_repetitions() {
            assert!(times <= 1, "{n} arrived {times} times");
        }
    }
}

/// Sends the value of the sensor: whether it was taken, `None` where that is not known.
fn send(plant: &mut Plant) -> Option<bool> {
    let device = plant.world.device;
    let sent = plant
        .world
        .net
        .act(device, |device, now| device.send(now, &[SENSOR_VALUE]));
    let Ok(sent) = sent else {
        return Some(false);
    };
    let from = plant.world.told.len();
    let end = plant.now() + 20 * MINUTE;
    while plant.now() < end {
        plant.tick();
        for event in &plant.world.told[from..] {
            if let ClientEvent::Sent { id, result, .. } = event
                && *id == sent
            {
                return result.is_ok().then_some(true);
            }
        }
    }
    None
}

const FIRMWARE_STATE: Path = Path::resource(5, 0, 3);
const FIRMWARE_RESULT: Path = Path::resource(5, 0, 5);
const IDLE: i64 = 0;
const DOWNLOADED: i64 = 2;
const UPDATING: i64 = 3;

/// The image is in the flash as it was sent, the device was told to install it once, and runs it.
fn firmware_push(plant: &mut Plant) {
    let image: Vec<u8> = (0..16 * 1024_u32).map(|n| ((n * 7) >> 3) as u8).collect();
    plant.until("it is registered", Plant::agrees);
    // On a clean link all is done within seconds.
    plant.incidents_within(Duration::from_secs(4));
    plant.insist(|plant| {
        match integer(plant, FIRMWARE_STATE) {
            DOWNLOADED => return Some(()),
            IDLE => {}
            // What is left of an image that did not arrive.
            _ => {
                plant.answered(package(&[0]));
                return None;
            }
        }
        let answer = plant.request(package(&image)).ok()?;
        (answer.code == Code::CHANGED).then_some(())
    });
    // A device that lost its power between the last block and this has lost the image, and says so.
    plant.insist(|plant| {
        if integer(plant, FIRMWARE_STATE) == DOWNLOADED {
            assert_eq!(plant.device.flash.image(), image, "the image arrived whole");
            // Where the answer is lost, what the device says next shows whether it was told.
            let _ = plant.request(Execute::new(Path::resource(5, 0, 2)));
        }
        match (
            integer(plant, FIRMWARE_STATE),
            integer(plant, FIRMWARE_RESULT),
        ) {
            (IDLE, 1) => return Some(()),
            (IDLE, _) => {
                let _ = plant.request(package(&image));
            }
            (UPDATING | DOWNLOADED, _) => {}
            _ => {
                plant.answered(package(&[0]));
            }
        }
        None
    });
    let version = Path::resource(3, 0, 3);
    let answer = plant.must(
        Read {
            path: version,
            accept: None,
        },
        Code::CONTENT,
    );
    let entries = plant.world.values(&answer, version);
    assert_eq!(entries, [Entry::new(version, NEW_VERSION)]);
    plant.run(30 * MINUTE);
    let installations = (plant.world.told.iter())
        .filter(|event| matches!(event, ClientEvent::FirmwareInstallRequested { .. }))
        .count();
    assert_eq!(installations, 1, "installed once");
}

fn package(data: &[u8]) -> Write {
    Write {
        path: Path::resource(5, 0, 0),
        mode: WriteMode::Replace,
        payload: Payload {
            format: ContentFormat::Opaque,
            data: data.to_vec().into(),
        },
    }
}

fn integer(plant: &mut Plant, path: Path) -> i64 {
    let answer = plant.must(Read { path, accept: None }, Code::CONTENT);
    match &plant.world.values(&answer, path)[..] {
        [entry] => entry.value.as_i64().expect("a number"),
        other => panic!("{other:?}"),
    }
}

/// The device has exactly what the bootstrap server gives, and is registered with it.
fn bootstrap(plant: &mut Plant) {
    for round in 0..3_u64 {
        let lifetime = LIFETIME + Duration::from_secs(round);
        plant.provision(lifetime);
        if round > 0 {
            let device = plant.world.device;
            plant.world.net.act(device, ClientEngine::start_bootstrap);
        }
        // A bootstrap takes some ten round trips.
        plant.incidents_within(Duration::from_millis(800));
        provisioned(plant, round, lifetime);
        plant.run(20 * MINUTE);
        // Where much is lost, it may be about to register again at this very moment.
        provisioned(plant, round, lifetime);
    }
    let asked = plant.sent_by_device(|packet| packet.is(Code::POST, "/bs"));
    let of = |wanted: fn(&BootstrapEvent) -> bool| {
        plant
            .world
            .bootstraps
            .iter()
            .filter(|event| wanted(event))
            .count()
    };
    let started = of(|event| *event == BootstrapEvent::Started);
    let finished = of(|event| *event == BootstrapEvent::Finished);
    if plant.fault.tells_repetitions() {
        assert!(started <= asked, "{started} sessions of {asked}");
    }
    assert!(finished <= started, "{finished} ends of {started} sessions");
    if plant.fault.is_harmless() {
        assert_eq!((asked, started, finished), (3, 3, 3));
    }
}

/// Waits until the device has this lifetime and is registered with it.
fn provisioned(plant: &mut Plant, round: u64, lifetime: Duration) {
    let end = plant.now() + PATIENCE;
    let mut again = plant.now() + 20 * MINUTE;
    while !is_provisioned(plant, lifetime) {
        assert!(plant.now() < end, "round {round}: not bootstrapped");
        // A device that has a server does not ask again by itself.
        if round > 0 && plant.now() > again {
            let device = plant.world.device;
            (plant.world.net).act(device, ClientEngine::start_bootstrap);
            again = plant.now() + 20 * MINUTE;
        }
        plant.tick();
    }
}

fn is_provisioned(plant: &Plant, lifetime: Duration) -> bool {
    let state = plant.client().state(plant.now());
    let seconds = i64::try_from(lifetime.as_secs()).ok();
    let accounts: Vec<Option<i64>> = (state.servers.values())
        .map(|account| account.value(server::LIFETIME).and_then(Value::as_i64))
        .collect();
    let bootstrap_accounts = (state.security.values())
        .filter(|account| account.value(security::BOOTSTRAP_SERVER) == Some(&Value::Boolean(true)))
        .count();
    accounts == [seconds]
        && (state.security.len(), bootstrap_accounts) == (2, 1)
        && plant.client().registered() == [1]
        && plant
            .registration()
            .is_some_and(|registration| registration.lifetime == lifetime)
}
