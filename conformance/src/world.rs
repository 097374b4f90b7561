//! Our client, server and bootstrap server in the simulated network, in virtual time, and what an operator does there.
//!
//! The network injects identities as a handshake would; handshakes under loss are tested with the DTLS backend.

mod restart;

use crate::wire::{self, Packet};
use lwm2m_client::{
    Account, ClientConfig, ClientEngine, ClientEvent, Instance,
    builder::ClientBuilder,
    firmware::{FirmwareError, FirmwareStorage, PackageInfo, UpdateResult},
};
use lwm2m_core::{
    attributes::Attributes,
    coap::{Code, Response},
    content::{self, ContentFormat},
    endpoint::EndpointConfig,
    entry::Entry,
    operation::{DeviceOperation, Payload, Read, Write, WriteMode},
    path::Path,
    peer::PeerIdentity,
    uri::ServerUri,
    value::Value,
};
use lwm2m_objects::Definitions;
use lwm2m_server::{
    BootstrapEvent, BootstrapStore, Credential, DeviceError, Role, SecurityStore, ServerConfig,
    ServerEvent,
    bootstrap::{
        AccountSecurity, BootstrapConfig, BootstrapEngine, BootstrapEngineEvent, ServerAccount,
    },
    engine::{EngineEvent, ObserveTarget, RequestTicket, ServerEngine},
};
use lwm2m_transport::sim::{HostId, Link, Net};
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;
use restart::Makers;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

/// Endpoint name of the device, and its PSK identity at the server.
pub const NAME: &str = "device";
/// Where the server listens for DTLS.
pub const SERVER: &str = "10.0.0.1:5684";
/// Where the server listens without security.
pub const PLAIN_SERVER: &str = "10.0.0.1:5683";
/// Where the bootstrap server listens without security.
pub const PLAIN_BOOTSTRAP_SERVER: &str = "10.0.0.2:5683";
/// Where the bootstrap server listens for DTLS.
pub const BOOTSTRAP_SERVER: &str = "10.0.0.2:5684";
/// Where the device is.
pub const DEVICE: &str = "10.0.0.3:40000";
/// What a new firmware calls itself.
pub const NEW_VERSION: &str = "2.0.0";
/// Enough for a firmware image.
const CAPTURE: usize = 4 * 1024 * 1024;

/// A chip that keeps a firmware image in memory, or fails to.
#[derive(Clone, Default)]
pub struct Flash {
    image: Arc<Mutex<Vec<u8>>>,
    /// Why it takes no image, if it does not: found out with the first block, or when it is whole.
    pub fault: Option<(Moment, FirmwareError)>,
}

/// When a [`Flash`] fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// While the image comes in.
    Writing,
    /// When it is complete.
    Finishing,
}

impl Flash {
    /// What is stored.
    pub fn image(&self) -> Vec<u8> {
        self.image.lock().unwrap().clone()
    }

    fn fault_at(&self, moment: Moment) -> Result<(), FirmwareError> {
        match self.fault {
            Some((at, error)) if at == moment => Err(error),
            _ => Ok(()),
        }
    }
}

impl FirmwareStorage for Flash {
    fn begin(&mut self, _: Option<u64>) -> Result<(), FirmwareError> {
        self.discard();
        Ok(())
    }

    fn write(&mut self, data: &[u8]) -> Result<(), FirmwareError> {
        self.fault_at(Moment::Writing)?;
        self.image.lock().unwrap().extend_from_slice(data);
        Ok(())
    }

    fn finish(&mut self) -> Result<PackageInfo, FirmwareError> {
        self.fault_at(Moment::Finishing)?;
        Ok(PackageInfo::default())
    }

    fn discard(&mut self) {
        self.image.lock().unwrap().clear();
    }
}

/// How a [`World`] is to be.
pub struct Setup {
    seed: u64,
    link: Link,
    endpoint: EndpointConfig,
    client: ClientConfig,
    server: ServerConfig,
    install: UpdateResult,
    verify_bootstrap: bool,
    unsecured: bool,
    account: ServerAccount,
}

impl Default for Setup {
    /// A network without faults, where what travels is recorded.
    fn default() -> Self {
        let account = ServerAccount::new(
            1,
            uri(SERVER),
            AccountSecurity::Psk {
                identity: NAME.into(),
                key: key(Role::Server).into(),
            },
        );
        Setup {
            seed: 1,
            link: Link::new().delay(Duration::from_millis(10)),
            endpoint: EndpointConfig::default(),
            client: ClientConfig::default(),
            server: ServerConfig::default(),
            install: UpdateResult::Success,
            verify_bootstrap: false,
            unsecured: false,
            account,
        }
    }
}

impl Setup {
    /// With this seed and these links.
    #[must_use]
    pub fn network(mut self, seed: u64, link: Link) -> Self {
        (self.seed, self.link) = (seed, link);
        self
    }

    /// With these timings of CoAP everywhere.
    #[must_use]
    pub fn endpoint(mut self, endpoint: EndpointConfig) -> Self {
        self.endpoint = endpoint;
        self
    }

    /// With this client.
    #[must_use]
    pub fn client(mut self, client: ClientConfig) -> Self {
        self.client = client;
        self
    }

    /// With this server.
    #[must_use]
    pub fn server(mut self, server: ServerConfig) -> Self {
        self.server = server;
        self
    }

    /// With a device on which installations end so.
    #[must_use]
    pub fn install(mut self, result: UpdateResult) -> Self {
        self.install = result;
        self
    }

    /// With a bootstrap server that gives the device this account at the server.
    #[must_use]
    pub fn bootstrapped(mut self, change: impl FnOnce(ServerAccount) -> ServerAccount) -> Self {
        self.account = change(self.account);
        self
    }

    /// With a bootstrap server that looks at what it has written before it finishes.
    #[must_use]
    pub fn verified_bootstrap(mut self) -> Self {
        self.verify_bootstrap = true;
        self
    }

    /// Without security anywhere: whoever comes under a name is believed.
    #[must_use]
    pub fn unsecured(mut self) -> Self {
        self.unsecured = true;
        self.account.uri = plain_uri(PLAIN_SERVER);
        self.account.security = AccountSecurity::None;
        self
    }

    /// A world in which `device` has just been switched on: it is given the builder, to say which accounts and objects
    /// the device has.
    ///
    /// # Panics
    /// Where the device cannot be built.
    pub fn build(self, device: impl FnOnce(ClientBuilder) -> ClientBuilder) -> World {
        let security = SecurityStore::new();
        if !self.unsecured {
            for (role, identity) in [(Role::Bootstrap, "device-bs"), (Role::Server, NAME)] {
                let credential = Credential::psk(identity, key(role));
                security.add(NAME, role, credential).unwrap();
            }
        }
        let configurations = BootstrapStore::new();
        configurations
            .set(NAME, BootstrapConfig::with_account(self.account))
            .unwrap();
        let mut client = self.client;
        client.endpoint = self.endpoint;
        let mut makers = Makers {
            client,
            server: self.server,
            verify_bootstrap: self.verify_bootstrap,
            unsecured: self.unsecured,
            security: security.clone(),
            configurations: configurations.clone(),
            definitions: Arc::new(Definitions::built_in()),
            random: ChaCha8Rng::seed_from_u64(self.seed),
        };
        let server = makers.server();
        let bootstrap = makers.bootstrap_server();

        let mut net = Net::new(self.seed);
        net.set_default_link(self.link);
        net.capture(CAPTURE);
        let device = makers.device(net.now(), device);
        let server = net.add_host(PLAIN_SERVER.parse().unwrap(), server);
        let credentials = security.for_role(Role::Server);
        net.listen_secure(server, SERVER.parse().unwrap(), credentials);
        let bootstrap = net.add_host(PLAIN_BOOTSTRAP_SERVER.parse().unwrap(), bootstrap);
        let credentials = security.for_role(Role::Bootstrap);
        net.listen_secure(bootstrap, BOOTSTRAP_SERVER.parse().unwrap(), credentials);
        let device = net.add_host(DEVICE.parse().unwrap(), device);
        World {
            net,
            server,
            bootstrap,
            device,
            definitions: makers.definitions.clone(),
            events: Vec::new(),
            told: Vec::new(),
            bootstraps: Vec::new(),
            security,
            configurations,
            install: self.install,
            completed: HashMap::new(),
            makers,
        }
    }
}

fn uri(address: &str) -> ServerUri {
    format!("coaps://{address}").parse().unwrap()
}

fn plain_uri(address: &str) -> ServerUri {
    format!("coap://{address}").parse().unwrap()
}

fn key(role: Role) -> Vec<u8> {
    vec![if role == Role::Server { 2 } else { 1 }; 16]
}

/// The device's account at the bootstrap server.
pub fn bootstrap_account() -> Account {
    Account::coaps(uri(BOOTSTRAP_SERVER), "device-bs", key(Role::Bootstrap))
}

/// The device's account at a bootstrap server without security.
pub fn unsecured_bootstrap_account() -> Account {
    Account::nosec(plain_uri(PLAIN_BOOTSTRAP_SERVER))
}

/// The device's account at a server without security, as the factory gives it.
pub fn unsecured_server_account() -> lwm2m_client::ServerAccount {
    lwm2m_client::ServerAccount::new(1, Account::nosec(plain_uri(PLAIN_SERVER)))
}

/// The device's account at the server, as the factory gives it.
pub fn server_account() -> lwm2m_client::ServerAccount {
    let account = Account::coaps(uri(SERVER), NAME, key(Role::Server));
    lwm2m_client::ServerAccount::new(1, account)
}

/// Resources of the device object that every device has: manufacturer, model, serial number, firmware version.
pub fn device_resources() -> Instance {
    Instance::new()
        .with(0, "Example")
        .with(1, "Sim")
        .with(2, "4711")
        .with(3, "1.0.0")
}

/// A server, a bootstrap server and a device.
pub struct World {
    /// The network.
    pub net: Net,
    /// The server.
    pub server: HostId<ServerEngine>,
    /// The bootstrap server.
    pub bootstrap: HostId<BootstrapEngine>,
    /// The device.
    pub device: HostId<ClientEngine>,
    /// Object definitions of the server.
    pub definitions: Arc<Definitions>,
    /// What the server has told and nobody has waited for.
    pub events: Vec<ServerEvent>,
    /// What the client has told.
    pub told: Vec<ClientEvent>,
    /// What the bootstrap server has told. The device may be registered before the bootstrap server has heard that it
    /// is done, so these are no events to wait for in order.
    pub bootstraps: Vec<BootstrapEvent>,
    /// The credentials of the device.
    pub security: SecurityStore,
    /// What the bootstrap server gives to devices.
    pub configurations: BootstrapStore,
    install: UpdateResult,
    completed: HashMap<RequestTicket, Result<Response, DeviceError>>,
    makers: Makers,
}

impl World {
    /// Lets a moment pass, takes what the engines tell, and does what the device's hardware would.
    pub fn moment(&mut self) {
        self.pass(Duration::from_millis(20));
    }

    /// As [`moment`](Self::moment), this long.
    pub fn pass(&mut self, time: Duration) {
        self.net.run_for(time);
        for event in self.net.events(self.bootstrap) {
            if let BootstrapEngineEvent::Server(ServerEvent::Bootstrap { event, .. }) = event {
                self.bootstraps.push(event);
            }
        }
        for event in self.net.events(self.server) {
            match event {
                EngineEvent::Server(event) => self.events.push(event),
                EngineEvent::Completed { ticket, result } => {
                    let result = result.map(|answer| answer.response);
                    assert!(
                        self.completed.insert(ticket, result).is_none(),
                        "a request ends once"
                    );
                }
                _ => {}
            }
        }
        for event in self.net.events(self.device) {
            self.told.push(event.clone());
            let install = self.install;
            match event {
                ClientEvent::RebootRequested { .. } => self.net.act(self.device, |device, now| {
                    device.reboot(now, Duration::ZERO);
                }),
                ClientEvent::FirmwareInstallRequested { .. } => {
                    self.net.act(self.device, |device, now| {
                        device.firmware_result(now, install).unwrap();
                        if install == UpdateResult::Success {
                            let version = Path::resource(3, 0, 3);
                            device.set(now, version, NEW_VERSION).unwrap();
                            device.reboot(now, Duration::from_secs(5));
                        }
                    });
                }
                _ => {}
            }
        }
    }

    /// Lets time pass.
    pub fn run(&mut self, time: Duration) {
        let end = self.net.now() + time;
        while self.net.now() < end {
            self.moment();
        }
    }

    /// The first event from now on that `wanted` finds something in.
    ///
    /// # Panics
    /// After an hour without it.
    pub fn wait<T>(&mut self, what: &str, wanted: impl FnMut(&ServerEvent) -> Option<T>) -> T {
        self.wait_up_to(Duration::from_secs(3600), what, wanted)
    }

    /// As [`wait`](Self::wait), no longer than this.
    ///
    /// # Panics
    /// When the time is over.
    pub fn wait_up_to<T>(
        &mut self,
        time: Duration,
        what: &str,
        mut wanted: impl FnMut(&ServerEvent) -> Option<T>,
    ) -> T {
        let limit = self.net.now() + time;
        loop {
            // Taken out in order: those behind the one that was waited for stay.
            while !self.events.is_empty() {
                if let Some(found) = wanted(&self.events.remove(0)) {
                    return found;
                }
            }
            assert!(self.net.now() < limit, "no {what} within {time:?}");
            self.moment();
        }
    }

    /// Sends a request and waits for its end.
    ///
    /// # Errors
    /// Those of the server.
    pub fn request(
        &mut self,
        operation: impl Into<DeviceOperation>,
    ) -> Result<Response, DeviceError> {
        let operation = operation.into();
        let ticket = self.net.act(self.server, |server, now| {
            server.request(now, NAME, &operation, None)
        })?;
        self.result(ticket)
    }

    /// Waits for the end of a request.
    ///
    /// # Errors
    /// Those of the server.
    pub fn result(&mut self, ticket: RequestTicket) -> Result<Response, DeviceError> {
        loop {
            if let Some(result) = self.outcome(ticket) {
                return result;
            }
            self.moment();
        }
    }

    /// How a request has ended, told once; `None` while it is under way.
    pub fn outcome(&mut self, ticket: RequestTicket) -> Option<Result<Response, DeviceError>> {
        self.completed.remove(&ticket)
    }

    /// A request that must be answered with this code; repeated as an operator would where all repetitions were lost.
    ///
    /// # Panics
    /// Where it is not.
    pub fn must(&mut self, operation: impl Into<DeviceOperation>, code: Code) -> Response {
        let operation = operation.into();
        for _ in 0..4 {
            match self.request(operation.clone()) {
                Err(DeviceError::Timeout) => {}
                Err(other) => panic!("{operation:?}: {other}"),
                Ok(response) => {
                    assert_eq!(response.code, code, "{operation:?}: {response:?}");
                    return response;
                }
            }
        }
        panic!("{operation:?} was lost again and again");
    }

    /// The values in a response.
    ///
    /// # Panics
    /// Where there are none.
    pub fn values(&self, response: &Response, base: Path) -> Vec<Entry> {
        let number = response.options.content_format().unwrap();
        let format = ContentFormat::from_number(number).unwrap();
        content::decode(format, &response.payload, &base, &*self.definitions).unwrap()
    }

    /// Reads, in a format of the device's choice.
    pub fn read(&mut self, path: Path) -> Vec<Entry> {
        let response = self.must(Read { path, accept: None }, Code::CONTENT);
        self.values(&response, path)
    }

    /// Writes one value.
    pub fn write(&mut self, path: Path, format: ContentFormat, value: impl Into<Value>) {
        self.put(WriteMode::Replace, path, format, &[Entry::new(path, value)]);
    }

    /// Writes values at or below a path.
    pub fn put(&mut self, mode: WriteMode, path: Path, format: ContentFormat, entries: &[Entry]) {
        let payload = Payload::encode(format, entries, &path, &*self.definitions).unwrap();
        let write = Write {
            path,
            mode,
            payload,
        };
        self.must(write, Code::CHANGED);
    }

    /// Observes one path.
    pub fn observe(&mut self, path: Path) -> u64 {
        self.observe_with(path, Attributes::default())
    }

    /// Observes one path with attributes in the query.
    pub fn observe_with(&mut self, path: Path, attributes: Attributes) -> u64 {
        let target = ObserveTarget {
            paths: [path].into(),
            composite: None,
            accept: None,
            attributes,
        };
        self.observe_target(&target).0
    }

    /// Observes; the number of the observation and the answer that established it.
    ///
    /// # Panics
    /// Where it is refused, or lost again and again.
    pub fn observe_target(&mut self, target: &ObserveTarget) -> (u64, Response) {
        for _ in 0..4 {
            let observed = self.net.act(self.server, |server, now| {
                server.observe(now, NAME, target.clone())
            });
            let (number, ticket) = observed.unwrap();
            match self.result(ticket.expect("it is not observed yet")) {
                Ok(response) => {
                    assert_eq!(response.code, Code::CONTENT, "{:?}", target.paths);
                    return (number, response);
                }
                Err(DeviceError::Timeout) => {}
                Err(other) => panic!("observing {:?}: {other}", target.paths),
            }
        }
        panic!("observing {:?} was lost again and again", target.paths);
    }

    /// The last value of the next notification of this path.
    pub fn notified(&mut self, path: Path) -> Value {
        self.wait("notification", |event| match event {
            ServerEvent::Notification(notification) if notification.path() == path => {
                Some(notification.entries.last().unwrap().value.clone())
            }
            _ => None,
        })
    }

    /// Waits for the next registration and who registered.
    pub fn registered(&mut self) -> PeerIdentity {
        self.wait("registration", |event| match event {
            ServerEvent::Registered { registration, .. } => Some(registration.identity.clone()),
            _ => None,
        })
    }

    /// Waits for the update that says this lifetime.
    pub fn updated(&mut self, lifetime: Duration) {
        self.wait("update with the new lifetime", |event| match event {
            ServerEvent::Updated { registration, .. } => {
                (registration.lifetime == lifetime).then_some(())
            }
            _ => None,
        });
    }

    /// Whether the server knows the device.
    pub fn is_registered(&self) -> bool {
        self.net.host(self.server).registration(NAME).is_some()
    }

    /// Puts a value in place at the device.
    pub fn set(&mut self, path: Path, value: impl Into<lwm2m_client::object::ResourceValue>) {
        self.net.act(self.device, |device, now| {
            device.set(now, path, value).unwrap();
        });
    }

    /// What travelled so far.
    pub fn packets(&self) -> Vec<Packet> {
        wire::packets(self.net.pcap())
    }

    /// What the device has sent so far.
    pub fn sent(&self) -> Vec<Packet> {
        let device = DEVICE.parse::<std::net::SocketAddr>().unwrap().ip();
        self.packets_where(|packet| packet.from == device)
    }

    /// What was sent to the device so far.
    pub fn received(&self) -> Vec<Packet> {
        let device = DEVICE.parse::<std::net::SocketAddr>().unwrap().ip();
        self.packets_where(|packet| packet.to == device)
    }

    fn packets_where(&self, wanted: impl Fn(&Packet) -> bool) -> Vec<Packet> {
        let mut packets = self.packets();
        packets.retain(wanted);
        packets
    }
}
