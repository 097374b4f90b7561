//! A simulated device: its client, and the task that does what the hardware would.

use crate::{
    image::{self, MAX_HEADER},
    objects::{self, path},
};
use lwm2m_client::{
    Client, ClientBuilder, ClientEvent,
    client::{ClientError, StartError},
    firmware::UpdateResult,
};
use lwm2m_core::value::Value;
use lwm2m_transport::{ClientTransport, ClientTransportConfig};
use rand::Rng;
use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::{
    task::JoinHandle,
    time::{Instant, MissedTickBehavior, interval, sleep_until},
};

/// What a simulated device is, and how it behaves.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Profile {
    /// /3/0/0
    pub manufacturer: String,
    /// /3/0/1
    pub model: String,
    /// /3/0/2
    pub serial: String,
    /// /3/0/3 until firmware is installed.
    pub firmware_version: String,
    /// Where firmware images are kept; removed when the device goes.
    pub firmware_file: PathBuf,
    /// Degrees Celsius in the beginning.
    pub temperature: f64,
    /// Degrees, where the device starts from.
    pub latitude: f64,
    /// Degrees, where the device starts from.
    pub longitude: f64,
    /// Time between changes of the values.
    pub interval: Duration,
    /// Whether the temperature is sent to the servers with every change, asked or not.
    pub sends: bool,
    /// How long it takes to install firmware.
    pub install_time: Duration,
}

impl Profile {
    /// A device with this serial number that keeps firmware images in this file.
    pub fn new(serial: impl Into<String>, firmware_file: impl Into<PathBuf>) -> Self {
        Profile {
            manufacturer: "Example Devices".to_owned(),
            model: "SIM-3303".to_owned(),
            serial: serial.into(),
            firmware_version: "1.0.0".to_owned(),
            firmware_file: firmware_file.into(),
            temperature: 21.0,
            latitude: 52.52,
            longitude: 13.405,
            interval: Duration::from_secs(1),
            sends: false,
            install_time: Duration::from_secs(1),
        }
    }

    /// With another time between changes of the values.
    #[must_use]
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }
}

/// A running simulated device.
pub struct SimulatedDevice {
    client: Client,
    behaviour: JoinHandle<()>,
}

impl SimulatedDevice {
    /// Gives the client its objects, and starts it.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start(builder: ClientBuilder, profile: Profile) -> Result<Self, StartError> {
        Self::start_with(builder, profile, ClientTransportConfig::new())
    }

    /// As [`start`](Self::start), with settings of the transport. To be called within a tokio runtime.
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn start_with(
        builder: ClientBuilder,
        profile: Profile,
        config: ClientTransportConfig,
    ) -> Result<Self, StartError> {
        let transport = ClientTransport::new(config);
        let client = objects::add(builder, &profile).start_on(transport)?;
        let behaviour = tokio::spawn(Behaviour::new(client.clone(), profile).run());
        Ok(SimulatedDevice { client, behaviour })
    }

    /// Its client.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// De-registers, then switches the device off.
    pub async fn stop(self) {
        self.client.deregister_and_stop().await;
        self.behaviour.abort();
    }

    /// Switches the device off without a word to anybody.
    pub async fn kill(self) {
        self.client.kill().await;
        self.behaviour.abort();
    }

    /// Waits until the client has stopped by itself.
    pub async fn stopped(self) {
        // The task ends when the client's events do; a panic in it has been reported by the runtime.
        let _ = self.behaviour.await;
    }
}

/// The hardware of the device.
struct Behaviour {
    client: Client,
    profile: Profile,
    temperature: f64,
    coldest: f64,
    warmest: f64,
    battery: i64,
    place: (f64, f64),
    /// When the firmware that is being installed is ready.
    installed_at: Option<Instant>,
}

impl Behaviour {
    fn new(client: Client, profile: Profile) -> Self {
        Behaviour {
            client,
            temperature: profile.temperature,
            coldest: profile.temperature,
            warmest: profile.temperature,
            battery: objects::BATTERY_AT_START,
            place: (profile.latitude, profile.longitude),
            profile,
            installed_at: None,
        }
    }

    async fn run(mut self) {
        let mut events = self.client.events();
        let mut ticks = interval(self.profile.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let never = Instant::now() + Duration::from_secs(86_400);
            let result = tokio::select! {
                event = events.next() => match event {
                    Some(event) => self.react(event).await,
                    None => return,
                },
                _ = ticks.tick() => self.change_values().await,
                () = sleep_until(self.installed_at.unwrap_or(never)), if self.installed_at.is_some() => {
                    self.installed_at = None;
                    self.boot_into_new_firmware().await
                }
            };
            match result {
                Ok(()) => {}
                Err(ClientError::Stopped) => return,
                Err(error) => tracing::warn!(%error, "the simulated device failed"),
            }
        }
    }

    async fn react(&mut self, event: ClientEvent) -> Result<(), ClientError> {
        tracing::debug!(?event);
        match event {
            ClientEvent::RebootRequested { .. } => self.client.reboot().await,
            ClientEvent::FactoryResetRequested { .. } => self.client.factory_reset().await,
            ClientEvent::FirmwareInstallRequested { .. } => {
                self.installed_at = Some(Instant::now() + self.profile.install_time);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    async fn boot_into_new_firmware(&mut self) -> Result<(), ClientError> {
        let Some(version) = installed_version(&self.profile.firmware_file) else {
            return self
                .client
                .firmware_result(UpdateResult::UpdateFailed)
                .await;
        };
        // First the restart, which ends all connections, then what the new firmware knows of itself: a server that hears
        // of the success finds the device where it registers.
        self.client.reboot().await?;
        self.client.set(path::FIRMWARE_VERSION, version).await?;
        self.client.firmware_result(UpdateResult::Success).await
    }

    async fn change_values(&mut self) -> Result<(), ClientError> {
        let (change, north, east, signal) = {
            let mut random = rand::rng();
            (
                random.random_range(-0.5..0.5),
                random.random_range(-0.0001..0.0001),
                random.random_range(-0.0001..0.0001),
                objects::SIGNAL_AT_START + random.random_range(-6..=6),
            )
        };
        // A walk that is drawn back to where it began, with two decimals as a cheap sensor has.
        let drawn =
            self.temperature + change + (self.profile.temperature - self.temperature) * 0.05;
        self.temperature = (drawn * 100.0).round() / 100.0;
        let client = self.client.clone();
        client.set(path::TEMPERATURE, self.temperature).await?;
        if self.temperature < self.coldest {
            self.coldest = self.temperature;
            client.set(path::COLDEST, self.coldest).await?;
        }
        if self.temperature > self.warmest {
            self.warmest = self.temperature;
            client.set(path::WARMEST, self.warmest).await?;
        }
        self.place = (self.place.0 + north, self.place.1 + east);
        client.set(path::LATITUDE, self.place.0).await?;
        client.set(path::LONGITUDE, self.place.1).await?;
        client
            .set(path::FIX_TIME, Value::Time(unix_seconds()))
            .await?;
        client.set(path::SIGNAL_STRENGTH, signal).await?;
        if change > 0.49 {
            // A battery of about a hundred ticks a percent, changed when it is empty.
            self.battery = if self.battery > 1 {
                self.battery - 1
            } else {
                100
            };
            client.set(path::BATTERY_LEVEL, self.battery).await?;
        }
        if self.profile.sends {
            match client.send(&[path::TEMPERATURE]).await {
                // Before it is registered, and where the server has muted it, a device keeps its values.
                Ok(_) | Err(ClientError::Send(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// The version that the image in the file says it is.
fn installed_version(file: &Path) -> Option<String> {
    let mut start = Vec::new();
    File::open(file)
        .ok()?
        .take(MAX_HEADER as u64)
        .read_to_end(&mut start)
        .ok()?;
    let end = start.iter().position(|byte| *byte == b'\n')?;
    Some(image::Header::parse(&start[..end]).ok()?.version)
}

pub(crate) fn unix_seconds() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    })
}
