//! The whole engine in virtual time against a server that a test plays by hand.

mod bootstrap;
mod deletion;
mod firmware;
mod hostile;
mod management;
mod registration;
mod reporting;
mod requirements;

use crate::{
    Account, ClientEngine, ClientEvent, DataObject, DeviceObject, Instance, ServerAccount,
    builder::ClientBuilder,
};
use lwm2m_core::{
    coap::{Code, Request, Response, option},
    content::ContentFormat,
    endpoint::{Endpoint, EndpointConfig, Event, ExchangeId, ObservationId, RequestOptions},
    engine::{Engine, Inbound, Outbound},
    operation::Register,
    peer::PeerId,
    time::Instant,
};
use lwm2m_objects::{device, ipso::temperature};
use lwm2m_transport::sim::{HostId, Link, Net};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
use std::{
    boxed::Box,
    collections::VecDeque,
    string::{String, ToString},
    time::Duration,
    vec::Vec,
};

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// A server without opinions: what a client asks of it is answered by a table and kept, and it asks what a test
/// tells it to.
pub(crate) struct Scripted {
    endpoint: Endpoint,
    /// What clients have asked, with the code it was answered with.
    pub(crate) asked: Vec<(Request, Option<Code>)>,
    /// Requests that the table left to the test.
    pub(crate) open: VecDeque<(PeerId, ExchangeId, Request)>,
    /// What clients have answered, failures included.
    pub(crate) events: VecDeque<Event>,
    /// The client that spoke last.
    pub(crate) peer: Option<PeerId>,
    /// Answers in place of the usual ones, first in first out, by first path segment.
    pub(crate) answers: VecDeque<(&'static str, Option<Response>)>,
    /// The observation that began last.
    pub(crate) observation: Option<ObservationId>,
    registrations: u32,
}

impl Scripted {
    pub(crate) fn new(seed: u64) -> Self {
        Scripted {
            endpoint: endpoint(seed),
            asked: Vec::new(),
            open: VecDeque::new(),
            events: VecDeque::new(),
            peer: None,
            answers: VecDeque::new(),
            observation: None,
            registrations: 0,
        }
    }

    /// Asks the client that spoke last.
    pub(crate) fn ask_first(&mut self, now: Instant, request: Request) {
        let peer = self.peer.expect("a client has spoken");
        let options = RequestOptions::default();
        (self.endpoint)
            .request(now, peer, request, options)
            .unwrap();
    }

    /// Contents of the notifications since the last call.
    pub(crate) fn notifications(&mut self) -> Vec<Response> {
        let events = core::mem::take(&mut self.events).into_iter();
        events
            .filter_map(|event| match event {
                Event::Notification { response, .. } => Some(response),
                _ => None,
            })
            .collect()
    }

    /// Answers the next request to this path so; `None`: not at all.
    pub(crate) fn next_answer(&mut self, path: &'static str, response: Option<Response>) {
        self.answers.push_back((path, response));
    }

    fn usual(&mut self, request: &Request) -> Option<Response> {
        let path = request.options.texts(option::URI_PATH).unwrap_or_default();
        let first = path.first().copied().unwrap_or_default();
        let special = self.answers.iter().position(|(path, _)| *path == first);
        if let Some((_, answer)) = special.and_then(|index| self.answers.remove(index)) {
            return answer;
        }
        match (request.code, path[..].len(), first) {
            (Code::POST, 1, "rd") => {
                self.registrations += 1;
                let id = self.registrations.to_string();
                Some(Register::created(&["rd", &id]))
            }
            (Code::POST, 2, "rd") | (Code::POST, 1, "bs" | "dp") => {
                Some(Response::new(Code::CHANGED))
            }
            (Code::DELETE, 2, "rd") => Some(Response::new(Code::DELETED)),
            _ => Some(Response::new(Code::NOT_FOUND)),
        }
    }

    fn drain(&mut self, now: Instant) {
        while let Some(event) = self.endpoint.poll_event() {
            match event {
                Event::Request {
                    peer,
                    exchange,
                    request,
                } => {
                    self.peer = Some(peer);
                    let answer = self.usual(&request);
                    (self.asked).push((request.clone(), answer.as_ref().map(|a| a.code)));
                    match answer {
                        Some(response) => {
                            self.endpoint.respond(now, exchange, response).unwrap();
                        }
                        None => self.open.push_back((peer, exchange, request)),
                    }
                }
                event => {
                    if let Event::Response {
                        observation: Some(observation),
                        ..
                    } = &event
                    {
                        self.observation = Some(*observation);
                    }
                    self.events.push_back(event);
                }
            }
        }
    }
}

impl Engine for Scripted {
    type Event = ();

    fn handle(&mut self, now: Instant, inbound: Inbound<'_>) {
        match inbound {
            Inbound::Datagram { peer, data, .. } => {
                self.endpoint.handle_datagram(now, peer, data);
            }
            Inbound::Closed { peer, .. } => self.endpoint.forget_peer(now, peer),
            _ => {}
        }
        self.drain(now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.endpoint.handle_timeout(now);
        self.drain(now);
    }

    fn poll_outbound(&mut self) -> Option<Outbound> {
        self.endpoint.poll_transmit().map(|t| Outbound::Datagram {
            peer: t.peer,
            data: t.data,
        })
    }

    fn poll_event(&mut self) -> Option<()> {
        None
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.endpoint.poll_timeout()
    }
}

fn endpoint(seed: u64) -> Endpoint {
    let random = Box::new(ChaCha8Rng::seed_from_u64(seed));
    Endpoint::new(EndpointConfig::default(), random)
}

/// One client, one server, one bootstrap server.
pub(crate) struct World {
    pub(crate) net: Net,
    pub(crate) server: HostId<Scripted>,
    pub(crate) bootstrap: HostId<Scripted>,
    pub(crate) client: HostId<ClientEngine>,
    /// What the client has told so far.
    pub(crate) told: Vec<ClientEvent>,
}

pub(crate) const SERVER: &str = "coap://10.0.0.1:5683";
pub(crate) const BOOTSTRAP: &str = "coap://10.0.0.2:5683";

pub(crate) fn sensor() -> DataObject {
    let sensor = Instance::new()
        .with(temperature::SENSOR_VALUE, 20.0)
        .with(temperature::SENSOR_UNITS, "Cel");
    DataObject::new(&temperature::V1_1)
        .instance(0, sensor)
        .on_execute(
            [temperature::RESET_MIN_AND_MAX_MEASURED_VALUES],
            |_, _, _, _| Ok(()),
        )
}

pub(crate) fn builder() -> ClientBuilder {
    let resources = Instance::new()
        .with(device::MANUFACTURER, "Maker")
        .with_multiple(device::AVAILABLE_POWER_SOURCES, [(0, 1), (1, 5)]);
    ClientEngine::builder("urn:dev:1")
        .object(DeviceObject::new(resources))
        .object(sensor())
}

pub(crate) fn server_account() -> ServerAccount {
    let account = Account::nosec(SERVER.parse().unwrap());
    ServerAccount::new(7, account)
        .lifetime(300)
        .mute_send(false)
}

impl World {
    pub(crate) fn new(builder: ClientBuilder) -> Self {
        Self::with_link(builder, Link::new().delay(Duration::from_millis(20)), 1)
    }

    pub(crate) fn with_link(builder: ClientBuilder, link: Link, seed: u64) -> Self {
        let mut net = Net::new(seed);
        net.set_default_link(link);
        let server = net.add_host("10.0.0.1:5683".parse().unwrap(), Scripted::new(seed + 1));
        let bootstrap = net.add_host("10.0.0.2:5683".parse().unwrap(), Scripted::new(seed + 2));
        let random = Box::new(ChaCha8Rng::seed_from_u64(seed + 3));
        let engine = builder.build(net.now(), random).unwrap();
        let client = net.add_host("10.0.0.9:5683".parse().unwrap(), engine);
        World {
            net,
            server,
            bootstrap,
            client,
            told: Vec::new(),
        }
    }

    /// A client that is registered with the server.
    pub(crate) fn registered() -> Self {
        let mut world = World::new(builder().server(server_account()));
        world.run(SECOND);
        assert!(
            world
                .take_told()
                .iter()
                .any(|event| matches!(event, ClientEvent::Registered { server: 7, .. }))
        );
        world
    }

    pub(crate) fn run(&mut self, duration: Duration) {
        self.net.run_for(duration);
        self.told.extend(self.net.events(self.client));
    }

    pub(crate) fn take_told(&mut self) -> Vec<ClientEvent> {
        self.told.extend(self.net.events(self.client));
        core::mem::take(&mut self.told)
    }

    /// What a server was asked since the last call, with the codes of the answers.
    pub(crate) fn asked(&mut self, server: HostId<Scripted>) -> Vec<(Request, Option<Code>)> {
        core::mem::take(&mut self.net.host_mut(server).asked)
    }

    /// Lets a server send a request to the client that spoke to it last, without waiting for anything.
    pub(crate) fn send(&mut self, server: HostId<Scripted>, request: Request) {
        (self.net).act(server, |server, now| server.ask_first(now, request));
    }

    /// Lets a server ask, and gives the answer.
    pub(crate) fn ask(&mut self, server: HostId<Scripted>, request: Request) -> Response {
        self.send(server, request);
        let done = |net: &mut Net| {
            let events = &net.host(server).events;
            events
                .iter()
                .any(|e| matches!(e, Event::Response { .. } | Event::RequestFailed { .. }))
        };
        assert!(self.net.run_until(done, SECOND * 120), "an answer comes");
        self.told.extend(self.net.events(self.client));
        let events = &mut self.net.host_mut(server).events;
        let index = events
            .iter()
            .position(|e| matches!(e, Event::Response { .. } | Event::RequestFailed { .. }));
        match events.remove(index.unwrap()) {
            Some(Event::Response { response, .. }) => response,
            other => panic!("{other:?}"),
        }
    }

    /// Contents of the notifications that a server got since the last call.
    pub(crate) fn notifications(&mut self, server: HostId<Scripted>) -> Vec<Response> {
        self.net.host_mut(server).notifications()
    }

    pub(crate) fn client<R>(&mut self, act: impl FnOnce(&mut ClientEngine, Instant) -> R) -> R {
        self.net.act(self.client, act)
    }
}

pub(crate) fn request(code: Code, path: &str) -> Request {
    path.split('/')
        .filter(|segment| !segment.is_empty())
        .fold(Request::new(code), |request, segment| {
            request.path_segment(segment)
        })
}

pub(crate) fn get(path: &str) -> Request {
    request(Code::GET, path)
}

pub(crate) fn put_text(path: &str, text: &str) -> Request {
    let text = text.as_bytes().to_vec();
    request(Code::PUT, path).body(ContentFormat::Text.number(), text)
}

pub(crate) fn observe(path: &str) -> Request {
    get(path).uint_option(option::OBSERVE, 0)
}

pub(crate) fn text(response: &Response) -> String {
    String::from_utf8(response.payload.to_vec()).unwrap()
}

pub(crate) fn queries(request: &Request) -> Vec<String> {
    let queries = request.options.texts(option::URI_QUERY).unwrap();
    queries.into_iter().map(String::from).collect()
}

pub(crate) fn path_of(request: &Request) -> String {
    let segments = request.options.texts(option::URI_PATH).unwrap();
    segments.join("/")
}
