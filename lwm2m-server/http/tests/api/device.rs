//! A device of few lines on the CoAP endpoint of `lwm2m-core`: values in a map, over UDP.

use bytes::Bytes;
use lwm2m_core::{
    coap::{Code, Request, Response},
    content::ContentFormat,
    endpoint::{Endpoint, EndpointConfig, Event, ExchangeId, ObserverId, RequestOptions},
    entry::Entry,
    link::{self, Link},
    operation::{Create, Deregister, DeviceOperation, Payload, Register},
    path::{Path, PathLevel},
    peer::PeerId,
    time::Instant,
    value::Value,
    version::LwM2mVersion,
};
use lwm2m_objects::Definitions;
use rand::{SeedableRng, rngs::StdRng};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    time::Duration,
};
use tokio::{
    net::UdpSocket,
    sync::{mpsc, oneshot},
};

/// First byte of an image whose update does not come to its end.
pub(crate) const STALLING_IMAGE: u8 = 0xEE;
const FIRMWARE_PACKAGE: Path = Path::resource(5, 0, 0);
const FIRMWARE_UPDATE: Path = Path::resource(5, 0, 2);
const FIRMWARE_STATE: Path = Path::resource(5, 0, 3);
const FIRMWARE_RESULT: Path = Path::resource(5, 0, 5);
const FIRMWARE_VERSION: Path = Path::resource(3, 0, 3);

/// A registered device that answers.
pub(crate) struct TestDevice {
    commands: mpsc::UnboundedSender<Command>,
    /// What it was asked to do: `execute /3/0/4 [(0, None)]`, `attributes /3303/0/5700 pmin=1`.
    pub(crate) done: mpsc::UnboundedReceiver<String>,
}

enum Command {
    Set(Path, Value),
    Deregister(oneshot::Sender<()>),
}

impl TestDevice {
    /// Registers under this name and answers from then on.
    pub(crate) async fn register(server: SocketAddr, endpoint: &str) -> Self {
        let (commands, orders) = mpsc::unbounded_channel();
        let (log, done) = mpsc::unbounded_channel();
        let (registered, ready) = oneshot::channel();
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        socket.connect(server).await.unwrap();
        let device = Running {
            endpoint: Endpoint::new(
                EndpointConfig::default(),
                Box::new(StdRng::seed_from_u64(7)),
            ),
            peer: PeerId::from_address(0, server),
            started: tokio::time::Instant::now(),
            tree: tree(),
            observers: Vec::new(),
            log,
            definitions: Definitions::built_in(),
        };
        tokio::spawn(device.run(socket, endpoint.to_owned(), orders, registered));
        ready.await.unwrap();
        TestDevice { commands, done }
    }

    /// Changes a value, and notifies whoever observes it.
    pub(crate) fn set(&self, path: &str, value: impl Into<Value>) {
        let command = Command::Set(path.parse().unwrap(), value.into());
        self.commands.send(command).ok().unwrap();
    }

    pub(crate) async fn deregister(self) {
        let (done, wait) = oneshot::channel();
        self.commands.send(Command::Deregister(done)).ok().unwrap();
        wait.await.unwrap();
    }
}

fn tree() -> BTreeMap<Path, Value> {
    let values: [(&str, Value); 16] = [
        ("/1/0/0", 1.into()),
        ("/1/0/1", 300.into()),
        ("/1/0/6", true.into()),
        ("/1/0/7", "U".into()),
        ("/3/0/0", "Example Works".into()),
        ("/3/0/3", "1.0.0".into()),
        ("/3/0/6/0", 1.into()),
        ("/3/0/6/1", 5.into()),
        ("/3/0/9", 87.into()),
        ("/3/0/13", Value::Time(1_700_000_000)),
        ("/3/0/14", "+01".into()),
        ("/5/0/3", 0.into()),
        ("/5/0/5", 0.into()),
        ("/5/0/9", 2.into()),
        ("/3303/0/5700", 21.5.into()),
        ("/3303/0/5701", "Cel".into()),
    ];
    values
        .into_iter()
        .map(|(path, value)| (path.parse().unwrap(), value))
        .collect()
}

struct Running {
    endpoint: Endpoint,
    peer: PeerId,
    started: tokio::time::Instant,
    tree: BTreeMap<Path, Value>,
    observers: Vec<(ObserverId, Vec<Path>, ContentFormat)>,
    log: mpsc::UnboundedSender<String>,
    definitions: Definitions,
}

impl Running {
    fn now(&self) -> Instant {
        Instant::from_micros(self.started.elapsed().as_micros() as u64)
    }

    async fn run(
        mut self,
        socket: UdpSocket,
        name: String,
        mut orders: mpsc::UnboundedReceiver<Command>,
        registered: oneshot::Sender<()>,
    ) {
        let mut registered = Some(registered);
        let mut deregistered = None;
        let mut location = Vec::new();
        let instances: BTreeSet<Path> = (self.tree.keys())
            .map(|path| path.truncated(PathLevel::ObjectInstance))
            .collect();
        let links = instances.into_iter().map(Link::to).collect();
        let mut register = Register::new(name, LwM2mVersion::V1_1, links);
        register.lifetime = Some(300);
        self.send(register.to_request());
        let mut buffer = [0; 2048];
        loop {
            while let Some(event) = self.endpoint.poll_event() {
                match event {
                    Event::Request {
                        exchange, request, ..
                    } => self.answer(exchange, &request),
                    Event::Response { response, .. } => {
                        assert!(response.code.is_success(), "{response:?}");
                        if let Some(registered) = registered.take() {
                            location = Register::location(&response).unwrap();
                            registered.send(()).ok().unwrap();
                        }
                        let done: Option<oneshot::Sender<()>> = deregistered.take();
                        if let Some(done) = done {
                            done.send(()).ok().unwrap();
                            return;
                        }
                    }
                    Event::ObserverGone { observer, .. } => {
                        self.observers.retain(|(id, ..)| *id != observer);
                    }
                    _ => {}
                }
            }
            while let Some(transmit) = self.endpoint.poll_transmit() {
                socket.send(&transmit.data).await.ok();
            }
            let now = self.now();
            let sleep = match self.endpoint.poll_timeout() {
                Some(deadline) => deadline.since(now),
                None => Duration::from_secs(3600),
            };
            tokio::select! {
                received = socket.recv(&mut buffer) => {
                    let (now, peer) = (self.now(), self.peer);
                    if let Ok(length) = received {
                        self.endpoint.handle_datagram(now, peer, &buffer[..length]);
                    }
                }
                order = orders.recv() => match order {
                    Some(Command::Set(path, value)) => self.set(path, value),
                    Some(Command::Deregister(done)) => {
                        deregistered = Some(done);
                        self.send(Deregister { location: location.clone() }.to_request());
                    }
                    None => return,
                },
                () = tokio::time::sleep(sleep) => {
                    let now = self.now();
                    self.endpoint.handle_timeout(now);
                }
            }
        }
    }

    fn send(&mut self, request: Request) {
        let (now, peer) = (self.now(), self.peer);
        self.endpoint
            .request(now, peer, request, RequestOptions::default())
            .unwrap();
    }

    fn set(&mut self, path: Path, value: Value) {
        self.tree.insert(path, value);
        for (observer, paths, format) in self.observers.clone() {
            if paths.iter().any(|observed| observed.contains(&path)) {
                let response = self.content(&paths, format);
                let now = self.now();
                self.endpoint.notify(now, observer, response, true).ok();
            }
        }
    }

    /// The values at these places.
    fn content(&self, paths: &[Path], format: ContentFormat) -> Response {
        let entries: Vec<Entry> = (self.tree.iter())
            .filter(|(at, _)| paths.iter().any(|path| path.contains(at)))
            .map(|(path, value)| Entry::new(*path, value.clone()))
            .collect();
        if entries.is_empty() {
            return Response::new(Code::NOT_FOUND);
        }
        let base = match paths {
            [path] => *path,
            _ => Path::ROOT,
        };
        let payload = Payload::encode(format, &entries, &base, &self.definitions).unwrap();
        Response::new(Code::CONTENT).body(payload.format.number(), payload.data)
    }

    fn write(&mut self, base: &Path, payload: &Payload) -> Response {
        if *base == FIRMWARE_PACKAGE {
            self.note(format!("package {}", payload.data.len()));
            match payload.data.first() {
                // An image that begins so is never found whole.
                Some(&STALLING_IMAGE) => self.set(FIRMWARE_STATE, 1.into()),
                Some(_) => self.set(FIRMWARE_STATE, 2.into()),
                None => self.set(FIRMWARE_STATE, 0.into()),
            }
            return Response::new(Code::CHANGED);
        }
        match payload.decode(base, &self.definitions) {
            Ok(entries) => {
                for entry in entries {
                    self.set(entry.path, entry.value);
                }
                Response::new(Code::CHANGED)
            }
            Err(error) => Response::new(Code::BAD_REQUEST).diagnostic(&error.to_string()),
        }
    }

    fn note(&self, what: String) {
        self.log.send(what).ok();
    }

    fn answer(&mut self, exchange: ExchangeId, request: &Request) {
        let operation = match DeviceOperation::from_request(request, LwM2mVersion::V1_1) {
            Ok(operation) => operation,
            Err(error) => return self.respond(exchange, error.response()),
        };
        let default = ContentFormat::SenmlCbor;
        let changed = || Response::new(Code::CHANGED);
        let response = match operation {
            DeviceOperation::Read(read) => {
                self.content(&[read.path], read.accept.unwrap_or(default))
            }
            DeviceOperation::ReadComposite(read) => {
                self.content(&read.paths, read.accept.unwrap_or(default))
            }
            DeviceOperation::Write(write) => self.write(&write.path, &write.payload),
            DeviceOperation::WriteComposite(write) => self.write(&Path::ROOT, &write.payload),
            DeviceOperation::WriteAttributes(write) => {
                let queries = write.change.to_queries().join(" ");
                self.note(format!("attributes {} {queries}", write.path));
                changed()
            }
            DeviceOperation::Execute(execute) => {
                self.note(format!("execute {} {:?}", execute.path, execute.arguments));
                if execute.path == FIRMWARE_UPDATE {
                    self.set(FIRMWARE_VERSION, "1.1.0".into());
                    self.set(FIRMWARE_RESULT, 1.into());
                    self.set(FIRMWARE_STATE, 0.into());
                }
                changed()
            }
            DeviceOperation::Create(create) => {
                let path = Path::object_instance(create.object, 7);
                self.note(format!("create {}", create.object));
                Create::created(Some(&path))
            }
            DeviceOperation::Delete(delete) => {
                self.note(format!("delete {}", delete.path));
                Response::new(Code::DELETED)
            }
            DeviceOperation::Discover(discover) => {
                let mut links = vec![Link::to(discover.path)];
                let below = self.tree.keys().filter(|path| discover.path.contains(path));
                links.extend(below.map(|path| Link::to(*path)));
                let body = Bytes::from(link::write(&links));
                Response::new(Code::CONTENT).body(ContentFormat::Link.number(), body)
            }
            DeviceOperation::Observe(observe) => {
                let format = observe.accept.unwrap_or(default);
                return self.observe(exchange, vec![observe.path], format, observe.cancel);
            }
            DeviceOperation::ObserveComposite(observe) => {
                let format = observe.accept.unwrap_or(default);
                return self.observe(exchange, observe.paths, format, observe.cancel);
            }
            _ => Response::new(Code::METHOD_NOT_ALLOWED),
        };
        self.respond(exchange, response);
    }

    fn observe(
        &mut self,
        exchange: ExchangeId,
        paths: Vec<Path>,
        format: ContentFormat,
        cancel: bool,
    ) {
        let response = self.content(&paths, format);
        if cancel || !response.code.is_success() {
            return self.respond(exchange, response);
        }
        let now = self.now();
        if let Ok(observer) = self.endpoint.respond_observe(now, exchange, response) {
            self.observers.push((observer, paths, format));
        }
    }

    fn respond(&mut self, exchange: ExchangeId, response: Response) {
        let now = self.now();
        self.endpoint.respond(now, exchange, response).ok();
    }
}
