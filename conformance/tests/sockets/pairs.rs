//! Our client with our server over DTLS, where no judge stands between: cases that need a device with a fault, objects that
//! few devices have, two servers at once, or an account of the factory beside one for the bootstrap. The periods of the
//! cases are shortened to seconds; what is asserted of them are lower bounds, which hold on a machine of any speed.

use crate::{
    NAME,
    device::{server_account, with_key},
    uri,
};
use lwm2m_client::{
    Client, ClientEvent, DataObject, DeviceObject, FirmwareObject, Instance, StatisticsObject,
    firmware::{FirmwareError, UpdateResult},
};
use lwm2m_conformance::world::{Flash, Moment};
use lwm2m_core::{
    attributes::AttributeChange,
    coap::Code,
    content::ContentFormat,
    entry::Entry,
    link::{self, Link},
    operation::WriteMode,
    path::Path,
    uri::ServerUri,
    value::{ObjectLink, Value},
};
use lwm2m_objects::{binary_app_data_container, cellular_connectivity, event_log};
use lwm2m_server::{
    BootstrapServer, BootstrapStore, Credential, Device, DeviceError, Listener, Observation, Role,
    SecurityStore, Server, ServerEvent,
    bootstrap::{AccountSecurity, BootstrapConfig, ServerAccount},
};
use std::{
    future::Future,
    time::{Duration, Instant},
};

/// Longer than anything here takes; nothing waits for it.
const PATIENCE: Duration = Duration::from_secs(60);
const KEY: u8 = 2;
const BOOTSTRAP_KEY: u8 = 1;
const IDLE: i64 = 0;
const DOWNLOADED: i64 = 2;

async fn within<T>(what: &str, wanted: impl Future<Output = T>) -> T {
    let wanted = tokio::time::timeout(PATIENCE, wanted).await;
    wanted.unwrap_or_else(|_| panic!("no {what} within {PATIENCE:?}"))
}

fn security() -> SecurityStore {
    let security = SecurityStore::new();
    for (role, identity, byte) in [
        (Role::Server, "device", KEY),
        (Role::Bootstrap, "device-bs", BOOTSTRAP_KEY),
    ] {
        let credential = Credential::psk(identity, vec![byte; 16]);
        security.add(NAME, role, credential).unwrap();
    }
    security
}

async fn server() -> Server {
    Server::builder()
        .listen(Listener::coaps("127.0.0.1:0"))
        .security(security())
        .start()
        .await
        .unwrap()
}

fn uri_of(server: &Server) -> ServerUri {
    uri(server.local_addresses()[0])
}

async fn registered(server: &Server, events: &mut lwm2m_server::Events) -> Device {
    within("registration", async {
        while !matches!(events.next().await, Some(ServerEvent::Registered { .. })) {}
    })
    .await;
    server.device(NAME).await.unwrap()
}

fn device_object() -> DeviceObject {
    let resources = [(0, "Example"), (1, "Sim"), (2, "4711"), (3, "1.0.0")];
    let resources = resources
        .into_iter()
        .fold(Instance::new(), |all, (id, text)| all.with(id, text));
    DeviceObject::new(resources)
}

/// A device with these objects beside /3 that is registered with a server of its own.
struct Pair {
    server: Server,
    client: Client,
    device: Device,
}

impl Pair {
    async fn new(
        objects: impl FnOnce(lwm2m_client::ClientBuilder) -> lwm2m_client::ClientBuilder,
    ) -> Self {
        let server = server().await;
        let mut events = server.events();
        let account = server_account(with_key(uri_of(&server), "device", KEY));
        let client = Client::builder(NAME)
            .server(account)
            .object(device_object());
        let client = objects(client).start().await.unwrap();
        let device = registered(&server, &mut events).await;
        Pair {
            server,
            client,
            device,
        }
    }

    async fn number(&self, path: &str) -> i64 {
        self.device
            .read_value(path)
            .await
            .unwrap()
            .as_i64()
            .unwrap()
    }

    async fn stop(self) {
        self.client.kill().await;
        self.server.stop().await;
    }
}

fn change(query: &str) -> AttributeChange {
    AttributeChange::from_queries(query.split('&')).unwrap()
}

fn path(text: &str) -> Path {
    text.parse().unwrap()
}

/// The links that a discover shows, each as text.
async fn discovered(device: &Device, at: &str) -> Vec<String> {
    let links = device.discover(at, None).await.unwrap();
    let text = |link: &Link| link::write(std::slice::from_ref(link));
    links.iter().map(text).collect()
}

/// The value of a path in the next notification.
async fn told(observation: &mut Observation, at: &str) -> Value {
    let notification = within("notification", observation.next()).await.unwrap();
    let entry = (notification.entries.iter()).find(|entry| entry.path == path(at));
    entry.unwrap().value.clone()
}

// --- firmware -----------------------------------------------------------------------------------------

fn image() -> Vec<u8> {
    (0..40 * 1024_u32).map(|n| ((n * 7) >> 3) as u8).collect()
}

async fn push(device: &Device, package: Vec<u8>) -> Result<(), DeviceError> {
    let entries = vec![Entry::new(path("/5/0/0"), package)];
    let format = Some(ContentFormat::Opaque);
    device
        .write_with("/5/0/0", WriteMode::Replace, entries, format)
        .await
}

/// A package that the device cannot take: the update result says why, the state is Idle again.
async fn refused(moment: Moment, error: FirmwareError, code: Option<Code>, result: i64) {
    let mut flash = Flash::default();
    flash.fault = Some((moment, error));
    let pair = Pair::new(|client| client.object(FirmwareObject::new(flash.clone()))).await;
    assert_eq!(pair.number("/5/0/3").await, IDLE);
    assert_eq!(pair.number("/5/0/5").await, 0);
    match (push(&pair.device, image()).await, code) {
        (Ok(()), None) => {}
        (Err(DeviceError::Response { code, .. }), Some(expected)) => assert_eq!(code, expected),
        (other, _) => panic!("{other:?}"),
    }
    assert_eq!(pair.number("/5/0/3").await, IDLE);
    assert_eq!(pair.number("/5/0/5").await, result);
    assert!(flash.image().is_empty(), "nothing of it is kept");
    let install = pair.device.execute("/5/0/2", &[]).await;
    assert!(
        matches!(
            install,
            Err(DeviceError::Response {
                code: Code::METHOD_NOT_ALLOWED,
                ..
            })
        ),
        "{install:?}"
    );
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn int_773() {
    let code = Some(Code::REQUEST_ENTITY_TOO_LARGE);
    refused(Moment::Writing, FirmwareError::NotEnoughStorage, code, 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn int_774() {
    let code = Some(Code::INTERNAL_SERVER_ERROR);
    refused(Moment::Writing, FirmwareError::OutOfMemory, code, 3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn int_776() {
    refused(Moment::Finishing, FirmwareError::Integrity, None, 5).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn int_777() {
    refused(
        Moment::Finishing,
        FirmwareError::UnsupportedPackage,
        None,
        6,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn int_779() {
    let pair = Pair::new(|client| client.object(FirmwareObject::new(Flash::default()))).await;
    let mut client_events = pair.client.events();
    let version = pair.device.read_value("/3/0/3").await.unwrap();
    push(&pair.device, image()).await.unwrap();
    assert_eq!(pair.number("/5/0/3").await, DOWNLOADED);
    let mut results = pair.device.observe("/5/0/5").await.unwrap();
    assert_eq!(told(&mut results, "/5/0/5").await, 0.into());
    pair.device.execute("/5/0/2", &[]).await.unwrap();
    within("installation", async {
        while !matches!(
            client_events.next().await,
            Some(ClientEvent::FirmwareInstallRequested { .. })
        ) {}
    })
    .await;
    let failed = UpdateResult::UpdateFailed;
    pair.client.firmware_result(failed).await.unwrap();
    assert_eq!(told(&mut results, "/5/0/5").await, 8.into());
    assert_eq!(pair.number("/5/0/3").await, DOWNLOADED);
    assert_eq!(pair.device.read_value("/3/0/3").await.unwrap(), version);
    pair.stop().await;
}

// --- objects ------------------------------------------------------------------------------------------

fn profile() -> Value {
    Value::ObjectLink(ObjectLink {
        object: 11,
        instance: 0,
    })
}

fn cellular() -> DataObject {
    let resources = Instance::new()
        .with(4, 3600)
        .with(5, 600)
        .with(8, b"\x14".to_vec())
        .with(9, b"\x33".to_vec())
        .with_multiple(11, [(0, profile())])
        .with(13, 3_u32)
        .with(14, 1_u32);
    DataObject::new(&cellular_connectivity::V1_1).instance(0, resources)
}

async fn cellular_pair() -> Pair {
    let pair = Pair::new(|client| client.object(cellular())).await;
    let links = discovered(&pair.device, "/10").await;
    assert_eq!(links[..2], ["</10>;ver=1.1", "</10/0>"]);
    for id in [4, 5, 8, 9, 11, 13, 14] {
        let place = format!("</10/0/{id}>");
        assert!(
            links.iter().any(|link| link.starts_with(&place)),
            "{links:?}"
        );
    }
    pair
}

async fn entry(pair: &Pair, base: &str, at: &str) -> Value {
    let entries = (pair.device)
        .read_with(base, Some(ContentFormat::Tlv))
        .await
        .unwrap();
    let entry = entries.into_iter().find(|entry| entry.path == path(at));
    entry.unwrap().value
}

/// Write-attributes, observe; notifications in rest as pmax says, and of a change as pmin allows.
async fn reports(pair: &Pair, observed: &str, (pmin, pmax): (u64, u64), changed: &str, new: Value) {
    let query = change(&format!("pmin={pmin}&pmax={pmax}"));
    (pair.device.write_attributes(observed, query).await).unwrap();
    let begin = Instant::now();
    let mut observation = pair.device.observe(observed).await.unwrap();
    let first = told(&mut observation, changed).await;
    for count in 1..=2 {
        assert_eq!(told(&mut observation, changed).await, first);
        assert!(begin.elapsed() >= Duration::from_secs(pmax * count));
    }
    pair.client.set(changed, new.clone()).await.unwrap();
    while told(&mut observation, changed).await != new {}
    assert!(begin.elapsed() >= Duration::from_secs(pmax * 2 + pmin));
    observation.cancel().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn int_901() {
    let pair = Pair::new(|client| client.object(StatisticsObject::new())).await;
    let counters = async || {
        let mut counters = [0; 4];
        for (counter, id) in counters.iter_mut().zip(2..) {
            *counter = pair.number(&format!("/7/0/{id}")).await;
        }
        counters
    };
    assert_eq!(counters().await, [0; 4]);
    pair.device.execute("/7/0/6", &[]).await.unwrap();
    for _ in 0..40 {
        pair.device.read("/3/0").await.unwrap();
    }
    let counted = counters().await;
    assert!(counted.iter().all(|counter| *counter > 0), "{counted:?}");
    pair.device.execute("/7/0/7", &[]).await.unwrap();
    let stopped = counters().await;
    for _ in 0..40 {
        pair.device.read("/3/0").await.unwrap();
    }
    assert_eq!(counters().await, stopped);
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn int_910() {
    let pair = Pair::new(|client| client.object(StatisticsObject::new())).await;
    (pair
        .device
        .write_attributes("/7/0", change("pmin=1&pmax=2"))
        .await)
        .unwrap();
    let begin = Instant::now();
    let mut observation = pair.device.observe("/7/0").await.unwrap();
    assert_eq!(told(&mut observation, "/7/0/4").await, 0.into());
    pair.device.execute("/7/0/6", &[]).await.unwrap();
    let mut last = 0;
    for count in 1..=2 {
        let largest = told(&mut observation, "/7/0/4").await.as_i64().unwrap();
        assert!(begin.elapsed() >= Duration::from_secs(2 * count));
        assert!(largest > last || count > 1);
        last = largest;
    }
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn int_905() {
    let pair = Pair::new(|client| client.object(StatisticsObject::new())).await;
    assert_eq!(entry(&pair, "/7/0", "/7/0/8").await, 0.into());
    pair.device.write("/7/0/8", 300).await.unwrap();
    assert_eq!(entry(&pair, "/7/0", "/7/0/8").await, 300.into());
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn int_1200_1201_1202() {
    let pair = cellular_pair().await;
    assert_eq!(entry(&pair, "/10/0", "/10/0/4").await, 3600.into());
    assert_eq!(
        entry(&pair, "/10/0", "/10/0/8").await,
        b"\x14".to_vec().into()
    );
    assert_eq!(entry(&pair, "/10/0", "/10/0/11/0").await, profile());
    assert_eq!(pair.number("/10/0/13").await, 3);
    pair.device.write("/10/0/14", 2_u32).await.unwrap();
    assert_eq!(pair.number("/10/0/14").await, 2);
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn int_1203() {
    let pair = cellular_pair().await;
    tokio::join!(
        reports(&pair, "/10/0/14", (1, 2), "/10/0/14", 2_u32.into()),
        reports(&pair, "/10/0/13", (1, 3), "/10/0/13", 1_u32.into()),
    );
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn int_1204() {
    let pair = cellular_pair().await;
    let opaque = || Value::from(b"\x15".to_vec());
    tokio::join!(
        reports(&pair, "/10/0/4", (1, 2), "/10/0/4", 7200.into()),
        reports(&pair, "/10/0/5", (1, 3), "/10/0/5", 7200.into()),
        reports(&pair, "/10/0/8", (1, 2), "/10/0/8", opaque()),
        reports(&pair, "/10/0/9", (1, 3), "/10/0/9", opaque()),
    );
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn int_1900_1901() {
    let data = |bytes: &[u8]| Instance::new().with_multiple(0, [(0, bytes.to_vec())]);
    let containers = DataObject::new(&binary_app_data_container::V1_0)
        .instance(0, data(b"{\"meter\":1}"))
        .instance(1, data(b""));
    let pair = Pair::new(|client| client.object(containers)).await;
    let links = discovered(&pair.device, "/19").await;
    for at in ["</19/0>", "</19/0/0>"] {
        assert!(links.iter().any(|link| link.starts_with(at)));
    }
    let new = Value::from(b"{\"meter\":2}".to_vec());
    reports(&pair, "/19/0/0", (1, 2), "/19/0/0/0", new).await;
    let sent = b"to the meter".to_vec();
    let entries = vec![Entry::new(path("/19/1/0/0"), sent.clone())];
    let format = Some(ContentFormat::Opaque);
    (pair.device)
        .write_with("/19/1/0/0", WriteMode::Replace, entries, format)
        .await
        .unwrap();
    let read = pair.device.read_value("/19/1/0/0").await.unwrap();
    assert_eq!(read, sent.into());
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn int_2001() {
    let log = Instance::new()
        .with(4010, 0)
        .with(4013, 3)
        .with(4014, b"log".to_vec());
    let log = DataObject::new(&event_log::V1_0).instance(0, log);
    let pair = Pair::new(|client| client.object(log)).await;
    assert_eq!(entry(&pair, "/20/0", "/20/0/4010").await, 0.into());
    assert_eq!(entry(&pair, "/20/0", "/20/0/4013").await.as_i64(), Some(3));
    assert_eq!(
        entry(&pair, "/20/0", "/20/0/4014").await,
        b"log".to_vec().into()
    );
    pair.stop().await;
}

// --- several servers ----------------------------------------------------------------------------------

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn int_950_951() {
    let servers = [server().await, server().await];
    let mut events = servers.each_ref().map(Server::events);
    let account = |index: usize, lifetime| {
        let account = with_key(uri_of(&servers[index]), "device", KEY);
        lwm2m_client::ServerAccount::new(index as u16 + 1, account).lifetime(lifetime)
    };
    let client = Client::builder(NAME)
        .server(account(0, 86_400))
        .server(account(1, 3600))
        .object(device_object())
        .start()
        .await
        .unwrap();
    let queries = ["pmin=2&pmax=10", "pmin=15&pmax=50"];
    let mut devices = Vec::new();
    for (index, lifetime) in [86_400, 3600].into_iter().enumerate() {
        let device = registered(&servers[index], &mut events[index]).await;
        let known = device.registration().await.unwrap();
        assert_eq!(known.lifetime, Duration::from_secs(lifetime));
        let paths: Vec<Path> = known.objects.paths().collect();
        assert!(paths.contains(&path("/1/0")) && paths.contains(&path("/1/1")));
        assert!(paths.iter().all(|path| path.object_id() != Some(0)));
        devices.push(device);
    }
    for (device, query) in devices.iter().zip(queries) {
        device
            .write_attributes("/3/0", change(query))
            .await
            .unwrap();
    }
    for (device, query) in devices.iter().zip(queries) {
        let links = discovered(device, "/3/0").await;
        let shown = query.replace('&', ";");
        assert_eq!(links[0], format!("</3/0>;{shown}"));
        assert!(links.contains(&"</3/0/16>".to_owned()));
    }
    client.kill().await;
    for server in servers {
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn int_6() {
    let server = server().await;
    let security_of_account = AccountSecurity::Psk {
        identity: b"device".to_vec(),
        key: vec![KEY; 16].into(),
    };
    let configurations = BootstrapStore::new();
    let given = ServerAccount::new(1, uri_of(&server), security_of_account);
    configurations
        .set(NAME, BootstrapConfig::with_account(given))
        .unwrap();
    let bootstrap_server = BootstrapServer::builder()
        .listen(Listener::coaps("127.0.0.1:0"))
        .security(security())
        .configurations(configurations)
        .start()
        .await
        .unwrap();
    let mut events = server.events();
    let client = Client::builder(NAME)
        .bootstrap(with_key(
            uri(bootstrap_server.local_addresses()[0]),
            "device-bs",
            BOOTSTRAP_KEY,
        ))
        .server(server_account(with_key(uri_of(&server), "device", KEY)))
        .object(device_object())
        .start()
        .await
        .unwrap();
    let mut client_events = client.events();
    // There is no smartcard: the factory's server comes before the bootstrap server, which is left alone.
    let device = registered(&server, &mut events).await;
    assert_eq!(device.read_value("/3/0/0").await.unwrap(), "Example".into());
    assert_eq!(bootstrap_server.metrics().await.bootstrap_started, 0);
    // One that is told to still has its bootstrap account.
    device.execute("/1/0/9", &[]).await.unwrap();
    within("bootstrap", async {
        while !matches!(
            client_events.next().await,
            Some(ClientEvent::Bootstrapped { .. })
        ) {}
    })
    .await;
    registered(&server, &mut events).await;
    assert_eq!(bootstrap_server.metrics().await.bootstrap_started, 1);
    client.kill().await;
    bootstrap_server.stop().await;
    server.stop().await;
}
