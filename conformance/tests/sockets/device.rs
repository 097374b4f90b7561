//! Our client as a device, with what its hardware would do.

use crate::NAME;
use lwm2m_client::{
    Account, Client, ClientBuilder, ClientConfig, ClientEvent, DataObject, DeviceObject,
    FirmwareObject, Instance, ServerAccount, client::ClientError, firmware::UpdateResult,
};
use lwm2m_conformance::world::Flash;
use lwm2m_core::{secret::Secret, uri::ServerUri, value::Value, version::LwM2mVersion};
use lwm2m_objects::{connectivity_monitoring, location, portfolio};
use std::time::Duration;
use tokio::{task::JoinHandle, time::interval};

/// How often a device sends, where it does.
const SEND_EVERY: Duration = Duration::from_millis(300);

/// A running device; it is switched off when it is dropped.
pub(crate) struct Device {
    behaviour: JoinHandle<()>,
}

impl Drop for Device {
    fn drop(&mut self) {
        self.behaviour.abort();
    }
}

/// An account with a pre-shared key.
pub(crate) fn with_key(uri: ServerUri, identity: &str, byte: u8) -> Account {
    Account::coaps(uri, identity, Secret::new(vec![byte; 16]))
}

/// Configurations C.1, C.3, C.4, C.5, C.6, C.7, C.8 and C.12 in one.
fn objects(builder: ClientBuilder) -> ClientBuilder {
    let device = Instance::new()
        .with(0, "Example")
        .with(1, "Sim")
        .with(2, "4711")
        .with(3, "1.0.0")
        .with_multiple(6, [(0, 1), (1, 2)])
        .with_multiple(7, [(0, 3800), (1, 5000)])
        .with_multiple(8, [(0, 125), (1, 900)])
        .with(9, 80)
        .with(14, "+01:00")
        .with(15, "Europe/Berlin");
    let connectivity = Instance::new()
        .with(0, 6)
        .with_multiple(1, [(0, 6)])
        .with(2, -67)
        .with_multiple(4, [(0, "127.0.0.1")]);
    let place = Instance::new()
        .with(0, 43.5723)
        .with(1, 153.2176)
        .with(5, Value::Time(1_367_491_215));
    builder
        .object(DeviceObject::new(device))
        .object(FirmwareObject::new(Flash::default()))
        .object(DataObject::new(&connectivity_monitoring::V1_0).instance(0, connectivity))
        .object(DataObject::new(&location::V1_0).instance(0, place))
        .object(DataObject::new(&portfolio::V1_0).dynamic())
}

/// A client of this version, without accounts yet.
pub(crate) fn builder(version: LwM2mVersion) -> ClientBuilder {
    let mut config = ClientConfig::default();
    config.version = version;
    objects(Client::builder(NAME).config(config))
}

/// The account at the server as the factory gives it: SRV-EXT, Send allowed.
pub(crate) fn server_account(account: Account) -> ServerAccount {
    ServerAccount::new(1, account)
        .resource(2, 1)
        .resource(3, 10)
        .resource(5, 86_400)
        .resource(6, false)
        .mute_send(false)
}

/// Switches a device on.
pub(crate) async fn start(builder: ClientBuilder, sends: bool) -> Device {
    let client = builder.start().await.unwrap();
    let behaviour = tokio::spawn(async move {
        let mut events = client.events();
        let mut ticks = interval(SEND_EVERY);
        loop {
            tokio::select! {
                event = events.next() => match event {
                    Some(event) => react(&client, event).await.unwrap(),
                    None => return,
                },
                _ = ticks.tick(), if sends => match client.send(&["/3/0/0"]).await {
                    // Not registered yet, or muted.
                    Ok(_) | Err(ClientError::Send(_)) => {}
                    Err(error) => panic!("{error}"),
                },
            }
        }
    });
    Device { behaviour }
}

async fn react(client: &Client, event: ClientEvent) -> Result<(), ClientError> {
    match event {
        ClientEvent::RebootRequested { .. } => client.reboot().await,
        ClientEvent::FirmwareInstallRequested { .. } => {
            client.firmware_result(UpdateResult::Success).await?;
            client.set("/3/0/3", "2.0.0").await?;
            client.reboot().await
        }
        _ => Ok(()),
    }
}
