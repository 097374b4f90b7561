//! A scripted device, and two ways to put it in front of a server in virtual time.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "a part of each test program"
)]

use lwm2m_core::{
    coap::{Code, Request, Response, option},
    content::ContentFormat,
    endpoint::{Endpoint, EndpointConfig, Event, Failure, ObserverId, RequestOptions},
    engine::{Engine, Inbound, Outbound},
    peer::{PeerId, PeerIdentity},
    time::Instant,
};
use lwm2m_server::{
    Credential, RefusalReason, Role, SecurityStore, ServerConfig, ServerEvent,
    engine::{EngineEvent, Policy, ServerEngine},
};
use lwm2m_transport::{Received, Transport};
use rand::{SeedableRng, rngs::StdRng};
use std::{
    collections::{HashMap, VecDeque},
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

/// What a device says it has.
pub const LINKS: &str =
    "</>;rt=\"oma.lwm2m\";ct=\"110 112\",</1/0>,</3/0>,</3303>;ver=1.1,</3303/0>";

/// The name that a device gives its server.
fn server_peer() -> PeerId {
    PeerId::from_connection(0, 0)
}

type Handler = Box<dyn FnMut(&Request) -> Option<Response> + Send>;

/// The CoAP side of a device whose answers a test writes down.
pub struct Device {
    endpoint: Endpoint,
    pub handler: Handler,
    /// What the server asked, in order: method and path.
    pub asked: Vec<(Code, String)>,
    /// The answers to the device's own requests.
    pub answers: Vec<Result<Response, Failure>>,
    observers: HashMap<String, ObserverId>,
}

pub fn path_of(request: &Request) -> String {
    let segments = request.options.texts(option::URI_PATH).unwrap_or_default();
    format!("/{}", segments.join("/"))
}

impl Device {
    pub fn new(seed: u64) -> Self {
        let mut config = EndpointConfig::default();
        config.max_body = 1024 * 1024;
        Device {
            endpoint: Endpoint::new(config, Box::new(StdRng::seed_from_u64(seed))),
            handler: Box::new(|_| Some(Response::new(Code::NOT_FOUND))),
            asked: Vec::new(),
            answers: Vec::new(),
            observers: HashMap::new(),
        }
    }

    /// Sends a request to the server.
    pub fn send(&mut self, now: Instant, request: Request) {
        self.endpoint
            .request(now, server_peer(), request, RequestOptions::default())
            .expect("room");
    }

    /// Notifies who observes a path.
    pub fn notify(&mut self, now: Instant, path: &str, response: Response) {
        let observer = self.observers[path];
        self.endpoint
            .notify(now, observer, response, true)
            .expect("an observer");
    }

    pub fn observes(&self, path: &str) -> bool {
        self.observers.contains_key(path)
    }

    /// Forgets all observers, as a device does that restarts.
    pub fn restart(&mut self, seed: u64) {
        self.endpoint = Endpoint::new(
            EndpointConfig::default(),
            Box::new(StdRng::seed_from_u64(seed)),
        );
        self.observers.clear();
    }

    pub fn input(&mut self, now: Instant, datagram: &[u8]) {
        self.endpoint.handle_datagram(now, server_peer(), datagram);
        self.drain(now);
    }

    pub fn on_timeout(&mut self, now: Instant) {
        self.endpoint.handle_timeout(now);
        self.drain(now);
    }

    pub fn output(&mut self) -> Option<Vec<u8>> {
        self.endpoint.poll_transmit().map(|transmit| transmit.data)
    }

    pub fn timeout(&self) -> Option<Instant> {
        self.endpoint.poll_timeout()
    }

    fn drain(&mut self, now: Instant) {
        while let Some(event) = self.endpoint.poll_event() {
            match event {
                Event::Request {
                    exchange, request, ..
                } => {
                    let path = path_of(&request);
                    self.asked.push((request.code, path.clone()));
                    let Some(response) = (self.handler)(&request) else {
                        continue;
                    };
                    let observe = request.options.uint(option::OBSERVE);
                    if observe == Some(0) && response.code.is_success() {
                        let observer = self
                            .endpoint
                            .respond_observe(now, exchange, response)
                            .expect("room");
                        self.observers.insert(path, observer);
                    } else {
                        if observe == Some(1) {
                            self.observers.remove(&path);
                        }
                        self.endpoint
                            .respond(now, exchange, response)
                            .expect("waiting");
                    }
                }
                Event::Response { response, .. } => self.answers.push(Ok(response)),
                Event::RequestFailed { failure, .. } => self.answers.push(Err(failure)),
                Event::ObserverGone { observer, .. } => {
                    self.observers.retain(|_, known| *known != observer)
                }
                _ => {}
            }
        }
    }
}

pub fn text(value: &str) -> Option<Response> {
    Some(Response::new(Code::CONTENT).body(ContentFormat::Text.number(), value.as_bytes().to_vec()))
}

pub fn code(code: Code) -> Option<Response> {
    Some(Response::new(code))
}

/// A registration request, by its query and its links.
pub fn register(query: &[&str], links: &str) -> Request {
    let request = Request::new(Code::POST).path_segment("rd");
    let request = query
        .iter()
        .fold(request, |request, query| request.query(query));
    request.body(ContentFormat::Link.number(), links.as_bytes().to_vec())
}

/// The location in the answer to a registration.
pub fn location(response: &Response) -> Vec<String> {
    let segments = response
        .options
        .texts(option::LOCATION_PATH)
        .expect("UTF-8");
    segments.into_iter().map(str::to_owned).collect()
}

/// A request to a location.
pub fn to_location(code: Code, location: &[String], query: &[&str]) -> Request {
    let request = location
        .iter()
        .fold(Request::new(code), |request, segment| {
            request.path_segment(segment)
        });
    query
        .iter()
        .fold(request, |request, query| request.query(query))
}

/// A place a device speaks from, with what it has proven there.
#[derive(Clone)]
pub struct From {
    pub peer: PeerId,
    pub identity: PeerIdentity,
    pub address: SocketAddr,
}

impl From {
    /// An address without security.
    pub fn address(port: u16) -> Self {
        let address = SocketAddr::from(([10, 0, 0, 1], port));
        From {
            peer: PeerId::from_address(0, address),
            identity: PeerIdentity::None,
            address,
        }
    }

    /// A DTLS connection with a raw public key.
    pub fn raw_public_key(number: u64, public_key: &[u8]) -> Self {
        From {
            peer: PeerId::from_connection(1, number),
            identity: PeerIdentity::RawPublicKey(public_key.to_vec()),
            address: SocketAddr::from(([10, 0, 0, 2], number as u16)),
        }
    }

    /// A DTLS connection with a pre-shared key.
    pub fn psk(number: u64, identity: &str) -> Self {
        From {
            peer: PeerId::from_connection(1, number),
            identity: PeerIdentity::Psk(identity.as_bytes().to_vec()),
            address: SocketAddr::from(([10, 0, 0, 2], number as u16)),
        }
    }
}

/// A server engine and its devices without loss or delay, on a clock that jumps.
pub struct Bench {
    pub now: Instant,
    pub server: ServerEngine,
    pub devices: Vec<(From, Device)>,
    pub events: VecDeque<EngineEvent>,
    pub outbound: Vec<Outbound>,
}

/// A policy of this store that lets those in who have no credentials there.
pub fn open_policy(security: &SecurityStore) -> Policy {
    let security = security.clone();
    Policy::Inline(Box::new(move |request| {
        security.danger_authorize_unsecured(request)
    }))
}

impl Bench {
    pub fn new(config: ServerConfig, policy: Policy) -> Self {
        let definitions = Arc::new(lwm2m_objects::Definitions::built_in());
        Bench {
            now: Instant::from_micros(1_000_000),
            server: ServerEngine::new(config, definitions, policy, &mut StdRng::seed_from_u64(1)),
            devices: Vec::new(),
            events: VecDeque::new(),
            outbound: Vec::new(),
        }
    }

    /// A bench where everybody without credentials may register.
    pub fn open() -> Self {
        Bench::new(ServerConfig::default(), open_policy(&SecurityStore::new()))
    }

    pub fn add(&mut self, from: From) -> usize {
        self.devices
            .push((from, Device::new(self.devices.len() as u64 + 100)));
        self.devices.len() - 1
    }

    /// Sends a request of a device and gives the answer back.
    pub fn ask(&mut self, device: usize, request: Request) -> Response {
        let now = self.now;
        let before = self.devices[device].1.answers.len();
        self.devices[device].1.send(now, request);
        self.settle();
        let answer = self.devices[device].1.answers.get(before).cloned();
        answer.expect("an answer at once").expect("no failure")
    }

    /// Registers a device and gives its location back.
    pub fn register(&mut self, device: usize, query: &[&str], links: &str) -> Vec<String> {
        let response = self.ask(device, register(query, links));
        assert_eq!(response.code, Code::CREATED);
        location(&response)
    }

    /// Hands bytes to the server as if a device had sent them.
    pub fn inject(&mut self, from: &From, data: &[u8]) {
        let inbound = Inbound::Datagram {
            peer: from.peer,
            identity: &from.identity,
            address: from.address,
            data,
        };
        self.server.handle(self.now, inbound);
        self.settle();
    }

    /// Carries datagrams until nobody has one.
    pub fn settle(&mut self) {
        loop {
            let mut idle = true;
            while let Some(event) = self.server.poll_event() {
                self.events.push_back(event);
            }
            while let Some(outbound) = self.server.poll_outbound() {
                idle = false;
                match outbound {
                    Outbound::Datagram { peer, data } => {
                        if let Some((_, device)) =
                            self.devices.iter_mut().find(|(from, _)| from.peer == peer)
                        {
                            device.input(self.now, &data);
                        }
                    }
                    other => self.outbound.push(other),
                }
            }
            for index in 0..self.devices.len() {
                while let Some(data) = self.devices[index].1.output() {
                    idle = false;
                    let from = self.devices[index].0.clone();
                    let inbound = Inbound::Datagram {
                        peer: from.peer,
                        identity: &from.identity,
                        address: from.address,
                        data: &data,
                    };
                    self.server.handle(self.now, inbound);
                }
            }
            if idle {
                break;
            }
        }
    }

    /// Lets time pass, timer by timer.
    pub fn pass(&mut self, duration: Duration) {
        let end = self.now + duration;
        loop {
            let devices = self
                .devices
                .iter()
                .filter_map(|(_, device)| device.timeout());
            let next = self.server.poll_timeout().into_iter().chain(devices).min();
            let Some(next) = next.filter(|next| *next <= end) else {
                break;
            };
            self.now = self.now.max(next);
            self.server.handle_timeout(self.now);
            for (_, device) in &mut self.devices {
                device.on_timeout(self.now);
            }
            self.settle();
        }
        self.now = end;
    }

    /// The events since they were last taken, those for the program.
    pub fn take_events(&mut self) -> Vec<ServerEvent> {
        let events = std::mem::take(&mut self.events);
        let program = events.into_iter().filter_map(|event| match event {
            EngineEvent::Server(event) => Some(event),
            other => {
                self.events.push_back(other);
                None
            }
        });
        program.collect()
    }
}

/// A device that is a transport: what the server sends it takes, what it says the server receives. Time is tokio's.
pub struct Wire {
    pub from: From,
    pub device: Arc<Mutex<Device>>,
    pub wake: Arc<tokio::sync::Notify>,
    pub zero: tokio::time::Instant,
    identity: Arc<PeerIdentity>,
}

/// The test's end of a [`Wire`].
#[derive(Clone)]
pub struct WireDevice {
    device: Arc<Mutex<Device>>,
    wake: Arc<tokio::sync::Notify>,
    zero: tokio::time::Instant,
}

impl Wire {
    pub fn new(from: From) -> (Self, WireDevice) {
        let device = Arc::new(Mutex::new(Device::new(7)));
        let wake = Arc::new(tokio::sync::Notify::new());
        let zero = tokio::time::Instant::now();
        let end = WireDevice {
            device: device.clone(),
            wake: wake.clone(),
            zero,
        };
        let identity = Arc::new(from.identity.clone());
        (
            Wire {
                from,
                device,
                wake,
                zero,
                identity,
            },
            end,
        )
    }
}

fn since(zero: tokio::time::Instant) -> Instant {
    Instant::from_micros(zero.elapsed().as_micros() as u64)
}

impl WireDevice {
    /// Does something with the device, and lets its datagrams out.
    pub fn act<R>(&self, act: impl FnOnce(&mut Device, Instant) -> R) -> R {
        let result = act(&mut self.device.lock().unwrap(), since(self.zero));
        self.wake.notify_one();
        result
    }
}

impl Transport for Wire {
    async fn next(&mut self) -> Received {
        loop {
            let timeout = {
                let mut device = self.device.lock().unwrap();
                let now = since(self.zero);
                if device.timeout().is_some_and(|at| at <= now) {
                    device.on_timeout(now);
                }
                if let Some(data) = device.output() {
                    return Received::Datagram {
                        peer: self.from.peer,
                        identity: self.identity.clone(),
                        address: self.from.address,
                        data,
                    };
                }
                device.timeout()
            };
            let until = async {
                match timeout {
                    Some(at) => {
                        tokio::time::sleep_until(self.zero + Duration::from_micros(at.as_micros()))
                            .await
                    }
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = until => {}
                () = self.wake.notified() => {}
            }
        }
    }

    fn send(&mut self, outbound: Outbound) {
        if let Outbound::Datagram { data, .. } = outbound {
            self.device.lock().unwrap().input(since(self.zero), &data);
            self.wake.notify_one();
        }
    }

    async fn shutdown(&mut self) {}
}

/// A store in which endpoint `a` has the PSK identity `id-a`, and `b` has `id-b`.
pub fn security() -> SecurityStore {
    let security = SecurityStore::new();
    for name in ["a", "b"] {
        let credential = Credential::psk(format!("id-{name}"), vec![7; 16]);
        security.add(name, Role::Server, credential).unwrap();
    }
    security
}

/// Why the one device was refused that was, and with which code.
pub fn refusal(events: &[ServerEvent]) -> (&RefusalReason, Code) {
    match events {
        [ServerEvent::Refused { reason, code, .. }] => (reason, *code),
        other => panic!("one refusal expected: {other:?}"),
    }
}
