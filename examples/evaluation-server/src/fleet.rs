//! The simulated devices: their names, keys, start and end.

use lwm2m_client::{Account, Client, ClientBuilder, client::StartError};
use lwm2m_core::{secret::Secret, uri::ServerUri};
use lwm2m_demo_client::{Profile, SimulatedDevice};
use lwm2m_server::{
    BootstrapStore, Credential, EndpointCredential, Role, SecurityError, SecurityStore,
    bootstrap::{AccountSecurity, BootstrapConfig, BootstrapConfigError, ServerAccount},
};
use rand::{RngCore, TryRngCore, rngs::OsRng};
use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::task::JoinSet;

/// The lifetime that the bootstrap server gives, seconds.
pub(crate) const LIFETIME: u32 = 60;

/// Length of the keys that are made here, bytes: what AES-128 can use.
const KEY_LENGTH: usize = 16;

/// Simulated devices that are started at the same moment; more wait, as handshakes cost the processor.
const STARTED_AT_ONCE: usize = 20;

/// Simulated devices that say good-bye at the same moment: a socket's buffer holds some 250 datagrams, and what is lost
/// is repeated only after seconds.
const ENDED_AT_ONCE: usize = 100;

/// Time between the changes of a device that makes the tour, and of one of the many others.
const TOUR_INTERVAL: Duration = Duration::from_millis(500);
const OTHER_INTERVAL: Duration = Duration::from_secs(10);

/// The devices that make the tour.
pub(crate) const TOUR_DEVICES: usize = 3;

/// Why a simulated device did not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FleetError {
    #[error("{0} cannot be given its credentials: {1}")]
    Security(String, SecurityError),
    #[error("{0} cannot be given its configuration: {1}")]
    Bootstrap(String, BootstrapConfigError),
    #[error("{0} does not start: {1}")]
    Start(String, StartError),
}

/// The name of the simulated device with this number, from 0.
pub(crate) fn name(number: usize) -> String {
    format!("sim-{:04}", number + 1)
}

/// A key that nobody can guess.
pub(crate) fn random_key() -> Secret {
    let mut key = vec![0; KEY_LENGTH];
    OsRng.unwrap_err().fill_bytes(&mut key);
    Secret::new(key)
}

/// The simulated devices that run.
#[derive(Clone)]
pub(crate) struct Fleet {
    security: SecurityStore,
    configurations: BootstrapStore,
    server: ServerUri,
    bootstrap_server: ServerUri,
    firmware_folder: PathBuf,
    running: Arc<Mutex<BTreeMap<String, SimulatedDevice>>>,
}

impl Fleet {
    pub(crate) fn new(
        security: SecurityStore,
        configurations: BootstrapStore,
        server: ServerUri,
        bootstrap_server: ServerUri,
    ) -> Self {
        Fleet {
            security,
            configurations,
            server,
            bootstrap_server,
            firmware_folder: std::env::temp_dir()
                .join(format!("lwm2m-evaluation-{}", std::process::id())),
            running: Arc::default(),
        }
    }

    /// Provisions and starts the device with this number.
    pub(crate) async fn start(&self, number: usize) -> Result<(), FleetError> {
        let name = name(number);
        let builder = self.provision(&name)?;
        let mut profile = Profile::new(
            format!("{:08}", number + 1),
            self.firmware_folder.join(format!("{name}.firmware")),
        )
        .interval(match number {
            ..TOUR_DEVICES => TOUR_INTERVAL,
            _ => OTHER_INTERVAL,
        });
        // Nobody observes the many others: they report by themselves.
        profile.sends = number >= TOUR_DEVICES;
        // No two devices at the same place, so that a list of them is worth looking at.
        profile.temperature = 15.0 + (number % 15) as f64;
        profile.latitude += (number % 100) as f64 * 0.01;
        profile.longitude += (number / 100) as f64 * 0.01;
        let device = SimulatedDevice::start(builder, profile)
            .await
            .map_err(|error| FleetError::Start(name.clone(), error))?;
        self.lock().insert(name, device);
        Ok(())
    }

    /// Starts the devices behind those of the tour; returns when all are started, not when they are registered.
    pub(crate) async fn start_others(&self, devices: usize) -> Result<(), FleetError> {
        let mut starting = JoinSet::new();
        for number in TOUR_DEVICES..devices {
            if starting.len() >= STARTED_AT_ONCE
                && let Some(Ok(started)) = starting.join_next().await
            {
                started?;
            }
            let fleet = self.clone();
            starting.spawn(async move { fleet.start(number).await });
        }
        while let Some(started) = starting.join_next().await {
            if let Ok(started) = started {
                started?;
            }
        }
        Ok(())
    }

    /// Makes keys for a device, tells them to the servers, and gives the device its bootstrap account.
    fn provision(&self, name: &str) -> Result<ClientBuilder, FleetError> {
        let bootstrap_identity = format!("{name}-bootstrap");
        let bootstrap_key = random_key();
        let server_key = random_key();
        let credential = |role, identity: &str, key: &Secret| EndpointCredential {
            role,
            credential: Credential::psk(identity, key.clone()),
        };
        self.security
            .set(
                name,
                vec![
                    credential(Role::Bootstrap, &bootstrap_identity, &bootstrap_key),
                    credential(Role::Server, name, &server_key),
                ],
            )
            .map_err(|error| FleetError::Security(name.to_owned(), error))?;
        let security = AccountSecurity::Psk {
            identity: name.into(),
            key: server_key,
        };
        let account = ServerAccount::new(1, self.server.clone(), security)
            .lifetime(Duration::from_secs(u64::from(LIFETIME)))
            .mute_send(false);
        self.configurations
            .set(name, BootstrapConfig::with_account(account))
            .map_err(|error| FleetError::Bootstrap(name.to_owned(), error))?;
        let account = Account::coaps(
            self.bootstrap_server.clone(),
            bootstrap_identity,
            bootstrap_key,
        );
        Ok(Client::builder(name).bootstrap(account))
    }

    /// The client of a device that runs.
    pub(crate) fn client(&self, name: &str) -> Option<Client> {
        self.lock().get(name).map(|device| device.client().clone())
    }

    /// Takes a device out, to end it.
    pub(crate) fn take(&self, name: &str) -> Option<SimulatedDevice> {
        self.lock().remove(name)
    }

    /// De-registers all devices and switches them off.
    pub(crate) async fn stop(&self) {
        let running = std::mem::take(&mut *self.lock());
        let mut ends = JoinSet::new();
        for device in running.into_values() {
            if ends.len() >= ENDED_AT_ONCE {
                ends.join_next().await;
            }
            ends.spawn(device.stop());
        }
        while ends.join_next().await.is_some() {}
        // The devices have removed their images; an empty folder is all that may be left.
        let _ = std::fs::remove_dir(&self.firmware_folder);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, SimulatedDevice>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
