//! The tour: what happens in the life of a device, step by step, driven and watched from the servers' side.

use crate::{
    fleet::{self, Fleet, TOUR_DEVICES},
    report::Report,
};
use lwm2m_core::{
    attributes::Attributes, link::LinkTarget, path::Path, peer::PeerIdentity, value::Value,
};
use lwm2m_demo_client::image;
use lwm2m_objects::{
    device as device_object, firmware_update, ipso::temperature, server as server_object,
};
use lwm2m_server::{
    BootstrapEvent, BootstrapServer, Device, Events, FirmwarePackage, FirmwareProgress,
    Registration, Server, ServerEvent,
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{task::JoinSet, time::timeout};

/// How long any step may wait for what must follow.
const PATIENCE: Duration = Duration::from_secs(20);

/// The lifetime that the tour writes, seconds: short, so that the device that is switched off expires soon.
const SHORT_LIFETIME: u32 = 12;

/// Size of the firmware image, bytes.
const IMAGE_SIZE: usize = 200 * 1024;

/// Version of the firmware in the image.
const NEW_VERSION: &str = "2.0.0";

/// Notifications that are waited for.
const NOTIFICATIONS: usize = 3;

const LIFETIME: Path = Path::resource(1, 0, server_object::LIFETIME);
const REBOOT: Path = Path::resource(3, 0, device_object::REBOOT);
const SENSOR_VALUE: Path = Path::resource(3303, 0, temperature::SENSOR_VALUE);
const FIRMWARE_STATE: Path = Path::resource(5, 0, firmware_update::STATE);
const UPDATE_RESULT: Path = Path::resource(5, 0, firmware_update::UPDATE_RESULT);
const FIRMWARE_VERSION: Path = Path::resource(3, 0, device_object::FIRMWARE_VERSION);

/// How the tour of a device ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Deregisters,
    Expires,
    Stays,
}

/// What a step came to: what was seen, or why it failed.
type Outcome = Result<String, String>;

/// How the tours of the first devices end.
const ENDINGS: [Ending; TOUR_DEVICES] = [Ending::Deregisters, Ending::Expires, Ending::Stays];

/// Takes the first devices through the tour, all at the same time.
pub(crate) async fn run(
    devices: usize,
    server: &Server,
    bootstrap: &BootstrapServer,
    fleet: &Fleet,
    report: &Report,
) {
    let tours: JoinSet<()> = (0..devices)
        .zip(ENDINGS)
        .map(|(number, ending)| {
            let tour = DeviceTour {
                name: fleet::name(number),
                number,
                ending,
                server: server.clone(),
                fleet: fleet.clone(),
                report: report.clone(),
                // From before the device starts, so that nothing is missed.
                events: server.events(),
                bootstrap_events: bootstrap.events(),
            };
            tour.run()
        })
        .collect();
    tours.join_all().await;
}

struct DeviceTour {
    name: String,
    number: usize,
    ending: Ending,
    server: Server,
    fleet: Fleet,
    report: Report,
    events: Events,
    bootstrap_events: Events,
}

/// Runs a step and notes how it ended; a step that failed ends the tour of its device, as those behind it stand
/// on it.
macro_rules! step {
    ($tour:ident, $name:literal, $step:expr) => {{
        $tour.report.begins(&$tour.name, $name);
        let started = Instant::now();
        let outcome: Outcome = $step.await;
        let failed = outcome.is_err();
        $tour.report.ended(&$tour.name, $name, started, outcome);
        if failed {
            return;
        }
    }};
}

impl DeviceTour {
    async fn run(mut self) {
        step!(self, "bootstrap", self.bootstrap());
        step!(self, "register", self.register());
        let device = match self.server.device(&self.name).await {
            Ok(device) => device,
            Err(error) => {
                let outcome = Err(text(error));
                return self
                    .report
                    .ended(&self.name, "device", Instant::now(), outcome);
            }
        };
        step!(self, "read /3/0", read(&device));
        step!(self, "write lifetime", self.write_lifetime(&device));
        step!(self, "discover /3303", discover(&device));
        step!(self, "write-attributes", write_attributes(&device, 1, 5));
        step!(self, "observe", observe(&device));
        step!(self, "reboot", self.reboot(&device));
        step!(self, "firmware upload", self.upload_and_update(&device));
        step!(self, "firmware result", firmware_result(&device));
        step!(self, "send", self.send());
        match self.ending {
            Ending::Deregisters => step!(self, "de-register", self.deregister()),
            Ending::Expires => step!(self, "expire", self.expire()),
            Ending::Stays => step!(self, "stay", self.stay(&device)),
        }
    }

    async fn bootstrap(&mut self) -> Outcome {
        let number = self.number;
        self.fleet.start(number).await.map_err(text)?;
        let name = self.name.clone();
        wait(
            &mut self.bootstrap_events,
            "end of the bootstrap",
            |event| match event {
                ServerEvent::Bootstrap { endpoint, event } if **endpoint == *name => match event {
                    BootstrapEvent::Finished => {
                        Some(Ok("DTLS-PSK; wrote /0 and /1, finished".to_owned()))
                    }
                    BootstrapEvent::Failed { reason } => Some(Err(reason.clone())),
                    _ => None,
                },
                _ => None,
            },
        )
        .await?
    }

    async fn register(&mut self) -> Outcome {
        let registration = self.registered("registration").await?;
        match &registration.identity {
            PeerIdentity::Psk(identity) if *identity == self.name.as_bytes() => Ok(format!(
                "DTLS-PSK; LwM2M {}, lifetime {} s, {} objects and instances",
                registration.version,
                registration.lifetime.as_secs(),
                registration.objects.links.len()
            )),
            other => Err(format!("registered with {other}")),
        }
    }

    async fn registered(&mut self, what: &'static str) -> Result<Arc<Registration>, String> {
        let name = self.name.clone();
        wait(&mut self.events, what, |event| match event {
            ServerEvent::Registered { registration, .. } if *registration.endpoint == *name => {
                Some(registration.clone())
            }
            _ => None,
        })
        .await
    }

    /// Waits for an update after which the registration has this lifetime.
    async fn updated(&mut self, lifetime: u32) -> Result<(), String> {
        let name = self.name.clone();
        let lifetime = Duration::from_secs(u64::from(lifetime));
        wait(
            &mut self.events,
            "update with the new lifetime",
            |event| match event {
                ServerEvent::Updated { registration, .. } => (*registration.endpoint == *name
                    && registration.lifetime == lifetime)
                    .then_some(()),
                _ => None,
            },
        )
        .await
    }

    async fn write_lifetime(&mut self, device: &Device) -> Outcome {
        device
            .write(LIFETIME, i64::from(SHORT_LIFETIME))
            .await
            .map_err(text)?;
        self.updated(SHORT_LIFETIME).await?;
        Ok(format!(
            "{LIFETIME} = {SHORT_LIFETIME} s; the update followed"
        ))
    }

    async fn reboot(&mut self, device: &Device) -> Outcome {
        let before = device.registration().await.map_err(text)?.id.clone();
        device.execute(REBOOT, &[]).await.map_err(text)?;
        let registration = self.registered("registration after the restart").await?;
        match registration.id == before {
            true => Err("the registration is still the old one".to_owned()),
            false => Ok(format!("executed {REBOOT}; registered anew")),
        }
    }

    async fn upload_and_update(&mut self, device: &Device) -> Outcome {
        let image = image::build(NEW_VERSION, IMAGE_SIZE);
        let size = image.len();
        let package = FirmwarePackage::new(image)
            .version(NEW_VERSION)
            .update_timeout(PATIENCE);
        let mut update = device.update_firmware(package).await.map_err(text)?;
        let (mut reports, mut states) = (0, Vec::new());
        loop {
            let progress = tokio::select! {
                progress = timeout(PATIENCE, update.next()) => progress,
                event = self.events.next() => {
                    let event = event.ok_or("the server has stopped")?;
                    states.extend(self.firmware_state(&event));
                    states.dedup();
                    continue;
                }
            };
            match progress {
                Err(_) => return Err("no progress in time".to_owned()),
                Ok(None) => return Err("the update ended without a word".to_owned()),
                Ok(Some(FirmwareProgress::Uploading { .. })) => reports += 1,
                Ok(Some(FirmwareProgress::Failed(error))) => return Err(text(error)),
                Ok(Some(FirmwareProgress::Finished(_))) => break,
                Ok(Some(_)) => {}
            }
        }
        match (states.contains(&1), states.contains(&2), reports) {
            (true, true, 1..) => Ok(format!(
                "{} KiB in blocks, {reports} progress reports; {FIRMWARE_STATE} went through {states:?}",
                size / 1024
            )),
            _ => Err(format!(
                "{FIRMWARE_STATE} went through {states:?}, {reports} progress reports"
            )),
        }
    }

    /// The firmware state, where the event is this device's report of it.
    fn firmware_state(&self, event: &ServerEvent) -> Option<i64> {
        let ServerEvent::Notification(notification) = event else {
            return None;
        };
        let ours = *notification.endpoint == *self.name && notification.path() == FIRMWARE_STATE;
        let entry = notification.entries.last().filter(|_| ours)?;
        entry.value.as_i64()
    }

    async fn send(&mut self) -> Outcome {
        let client = self
            .fleet
            .client(&self.name)
            .ok_or("the device does not run")?;
        let path = SENSOR_VALUE.to_string();
        client.send(&[&path]).await.map_err(text)?;
        let name = self.name.clone();
        wait(&mut self.events, "Send", |event| match event {
            ServerEvent::Sent {
                endpoint, entries, ..
            } if **endpoint == *name => entries
                .iter()
                .find(|entry| entry.path == SENSOR_VALUE)
                .map(|entry| format!("the device sent {} = {}", entry.path, entry.value)),
            _ => None,
        })
        .await
    }

    async fn deregister(&mut self) -> Outcome {
        let device = self
            .fleet
            .take(&self.name)
            .ok_or("the device does not run")?;
        device.stop().await;
        let name = self.name.clone();
        wait(&mut self.events, "de-registration", |event| match event {
            ServerEvent::Deregistered { endpoint, .. } => {
                (**endpoint == *name).then(|| "the device said good-bye".to_owned())
            }
            _ => None,
        })
        .await
    }

    async fn expire(&mut self) -> Outcome {
        let device = self
            .fleet
            .take(&self.name)
            .ok_or("the device does not run")?;
        device.kill().await;
        let name = self.name.clone();
        wait(&mut self.events, "expiry", |event| match event {
            ServerEvent::Expired { endpoint } => (**endpoint == *name)
                .then(|| format!("switched off; forgotten after its {SHORT_LIFETIME} s")),
            _ => None,
        })
        .await
    }

    async fn stay(&mut self, device: &Device) -> Outcome {
        let lifetime = fleet::LIFETIME;
        device
            .write(LIFETIME, i64::from(lifetime))
            .await
            .map_err(text)?;
        self.updated(lifetime).await?;
        // The restarts have cost the device its attributes; an event list with two notifications a second is hard to
        // read.
        let attributes = write_attributes(device, 5, 30).await?;
        Ok(format!(
            "registered, lifetime {lifetime} s again; {attributes}"
        ))
    }
}

async fn read(device: &Device) -> Outcome {
    let entries = device
        .read(Path::object_instance(3, 0))
        .await
        .map_err(text)?;
    let resource = |id| {
        let path = Path::resource(3, 0, id);
        let entry = entries.iter().find(|entry| entry.path == path);
        match entry.and_then(|entry| entry.value.as_str()) {
            Some(value) => Ok(value.to_owned()),
            None => Err(format!("{path} is missing in the answer")),
        }
    };
    Ok(format!(
        "{} {}, firmware {}",
        resource(device_object::MANUFACTURER)?,
        resource(device_object::MODEL_NUMBER)?,
        resource(device_object::FIRMWARE_VERSION)?
    ))
}

async fn discover(device: &Device) -> Outcome {
    let links = device
        .discover(Path::object(3303), None)
        .await
        .map_err(text)?;
    match links
        .iter()
        .any(|link| link.target == LinkTarget::Path(SENSOR_VALUE))
    {
        true => Ok(format!("{} links", links.len())),
        false => Err(format!("{SENSOR_VALUE} is not among {} links", links.len())),
    }
}

async fn write_attributes(device: &Device, pmin: u32, pmax: u32) -> Outcome {
    let mut attributes = Attributes::default();
    attributes.pmin = Some(pmin);
    attributes.pmax = Some(pmax);
    device
        .write_attributes(SENSOR_VALUE, attributes)
        .await
        .map_err(text)?;
    Ok(format!("{SENSOR_VALUE}: pmin {pmin} s, pmax {pmax} s"))
}

async fn observe(device: &Device) -> Outcome {
    let mut readings = device.observe(SENSOR_VALUE).await.map_err(text)?;
    let mut values = Vec::new();
    // The answer that establishes the observation comes first; it is no notification yet.
    while values.len() <= NOTIFICATIONS {
        match timeout(PATIENCE, readings.next()).await {
            Err(_) => return Err(format!("only {} notifications in time", values.len())),
            Ok(None) => return Err("the observation ended".to_owned()),
            Ok(Some(notification)) => {
                let value = notification.entries.first().map(|entry| &entry.value);
                let Some(Value::Float(value)) = value else {
                    return Err(format!("{value:?} is no temperature"));
                };
                values.push(value.to_string());
            }
        }
    }
    Ok(format!(
        "{NOTIFICATIONS} notifications: {}",
        values[1..].join(", ")
    ))
}

async fn firmware_result(device: &Device) -> Outcome {
    let result = device.read_value(UPDATE_RESULT).await.map_err(text)?;
    let version = device.read_value(FIRMWARE_VERSION).await.map_err(text)?;
    match (result.as_i64(), version.as_str()) {
        (Some(1), Some(NEW_VERSION)) => Ok(format!("result 1, {FIRMWARE_VERSION} = {NEW_VERSION}")),
        _ => Err(format!("result {result}, version {version}")),
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// Waits for the event that `wanted` finds something in; those before it are passed over.
async fn wait<T>(
    events: &mut Events,
    what: &'static str,
    mut wanted: impl FnMut(&ServerEvent) -> Option<T>,
) -> Result<T, String> {
    let found = async {
        while let Some(event) = events.next().await {
            if let Some(found) = wanted(&event) {
                return Ok(found);
            }
        }
        Err("the server has stopped".to_owned())
    };
    match timeout(PATIENCE, found).await {
        Ok(result) => result,
        Err(_) => Err(format!("no {what} within {} s", PATIENCE.as_secs())),
    }
}
