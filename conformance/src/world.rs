//! Our client, server and bootstrap server in the simulated network, in virtual time, and what an operator does there.
//!
//! The network injects identities as a handshake would; handshakes under loss are tested with the DTLS backend.

mod flash;
mod restart;
mod setup;

pub use flash::{Flash, Moment};
pub use setup::{
    Setup, bootstrap_account, device_resources, server_account, unsecured_bootstrap_account,
    unsecured_server_account,
};

use crate::wire::{self, Packet};
use lwm2m_client::{ClientEngine, ClientEvent, firmware::UpdateResult};
use lwm2m_core::{
    attributes::Attributes,
    coap::{Code, Response},
    content::{self, ContentFormat},
    entry::Entry,
    operation::{DeviceOperation, Payload, Read, Write, WriteMode},
    path::Path,
    peer::PeerIdentity,
    value::Value,
};
use lwm2m_objects::Definitions;
use lwm2m_server::{
    BootstrapEvent, BootstrapStore, DeviceError, SecurityStore, ServerEvent,
    bootstrap::{BootstrapEngine, BootstrapEngineEvent},
    engine::{EngineEvent, ObserveTarget, RequestTicket, ServerEngine},
};
use lwm2m_transport::sim::{HostId, Net};
use restart::Makers;
use std::{collections::HashMap, sync::Arc, time::Duration};

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
