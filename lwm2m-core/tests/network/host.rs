//! A host: one CoAP endpoint, and what the program on it does with what it is told.

use lwm2m_core::{
    coap::{Code, Request, Response, option},
    endpoint::{
        Endpoint, EndpointConfig, Event, ExchangeId, Failure, ObservationId, ObserverId, RequestId,
        RequestOptions,
    },
    engine::{Credentials, Engine, Inbound, Outbound},
    peer::PeerId,
    time::Instant,
};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
use std::collections::VecDeque;

/// What the program does with an event, at once.
type Service = Box<dyn FnMut(&mut Endpoint, Instant, &Event)>;

pub(crate) struct Host {
    pub(crate) endpoint: Endpoint,
    /// All that the endpoint has told, in order.
    pub(crate) heard: Vec<Event>,
    service: Service,
    /// The last connection of ours that stands.
    pub(crate) connection: Option<PeerId>,
    outbound: VecDeque<Outbound>,
    connections: u64,
}

impl Host {
    /// `seed`: two lives of a host have different ones.
    pub(crate) fn new(seed: u64, config: EndpointConfig) -> Self {
        let random = Box::new(ChaCha8Rng::seed_from_u64(seed));
        Host {
            endpoint: Endpoint::new(config, random),
            heard: Vec::new(),
            service: Box::new(|_, _, _| {}),
            connection: None,
            outbound: VecDeque::new(),
            connections: 0,
        }
    }

    /// With a program that answers by itself.
    pub(crate) fn serving(
        mut self,
        service: impl FnMut(&mut Endpoint, Instant, &Event) + 'static,
    ) -> Self {
        self.service = Box::new(service);
        self
    }

    pub(crate) fn connect(&mut self, target: &str, credentials: Credentials) -> PeerId {
        let peer = PeerId::from_connection(u16::MAX, self.connections);
        self.connections += 1;
        self.outbound.push_back(Outbound::Connect {
            peer,
            target: target.parse().unwrap(),
            server_name: None,
            credentials,
        });
        peer
    }

    pub(crate) fn ask(&mut self, now: Instant, peer: PeerId, request: Request) -> RequestId {
        let options = RequestOptions::default();
        let id = self.endpoint.request(now, peer, request, options).unwrap();
        self.work(now);
        id
    }

    pub(crate) fn refresh(&mut self, now: Instant, observation: ObservationId) -> RequestId {
        let id = self.endpoint.refresh_observation(now, observation).unwrap();
        self.work(now);
        id
    }

    pub(crate) fn answer(&mut self, now: Instant, exchange: ExchangeId, response: Response) {
        self.endpoint.respond(now, exchange, response).unwrap();
        self.work(now);
    }

    /// Notifies; `false`: there is no such observer any more.
    pub(crate) fn tell(&mut self, now: Instant, observer: ObserverId, text: &str) -> bool {
        let told = self.endpoint.notify(now, observer, content(text), true);
        self.work(now);
        told.is_ok()
    }

    fn work(&mut self, now: Instant) {
        while let Some(event) = self.endpoint.poll_event() {
            (self.service)(&mut self.endpoint, now, &event);
            self.heard.push(event);
        }
    }

    // What was heard.

    /// The exchanges of the requests that were to be executed.
    pub(crate) fn asked(&self) -> Vec<ExchangeId> {
        let exchange = |event: &Event| match event {
            Event::Request { exchange, .. } => Some(*exchange),
            _ => None,
        };
        self.heard.iter().filter_map(exchange).collect()
    }

    /// What became of a request: one end, or none yet.
    pub(crate) fn end_of(&self, id: RequestId) -> Option<Result<Response, Failure>> {
        let end = |event: &Event| match event {
            Event::Response {
                request, response, ..
            } if *request == id => Some(Ok(response.clone())),
            Event::RequestFailed {
                request, failure, ..
            } if *request == id => Some(Err(*failure)),
            _ => None,
        };
        let mut ends = self.heard.iter().filter_map(end);
        let first = ends.next();
        assert_eq!(ends.next(), None, "a request ends once");
        first
    }

    /// The observation that began or went on with a request.
    pub(crate) fn observation(&self, id: RequestId) -> Option<ObservationId> {
        self.heard.iter().find_map(|event| match event {
            Event::Response {
                request,
                observation,
                ..
            } if *request == id => *observation,
            _ => None,
        })
    }

    /// The newest text that came of what is watched.
    pub(crate) fn shown(&self) -> Option<String> {
        self.heard.iter().rev().find_map(|event| match event {
            Event::Notification { response, .. } | Event::Response { response, .. } => {
                Some(String::from_utf8_lossy(&response.payload).into())
            }
            _ => None,
        })
    }
}

pub(crate) fn content(text: &str) -> Response {
    Response::new(Code::CONTENT).body(0, text.as_bytes().to_vec())
}

/// A program that answers whoever observes with this text, and remembers the observers where the test can see them.
pub(crate) fn watched(
    text: &'static str,
    observers: &std::rc::Rc<std::cell::RefCell<Vec<ObserverId>>>,
) -> impl FnMut(&mut Endpoint, Instant, &Event) + 'static {
    let observers = observers.clone();
    move |endpoint, now, event| match event {
        Event::Request {
            exchange, request, ..
        } => {
            assert_eq!(request.options.uint(option::OBSERVE), Some(0));
            let entered = endpoint.respond_observe(now, *exchange, content(text));
            observers.borrow_mut().push(entered.unwrap());
        }
        Event::ObserverGone { observer, .. } => {
            observers.borrow_mut().retain(|other| other != observer);
        }
        _ => {}
    }
}

impl Engine for Host {
    type Event = std::convert::Infallible;

    fn handle(&mut self, now: Instant, inbound: Inbound<'_>) {
        match inbound {
            Inbound::Datagram { peer, data, .. } => self.endpoint.handle_datagram(now, peer, data),
            Inbound::Connected { peer, .. } => self.connection = Some(peer),
            Inbound::Closed { peer, .. } => self.endpoint.forget_peer(now, peer),
            other => panic!("{other:?}"),
        }
        self.work(now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.endpoint.handle_timeout(now);
        self.work(now);
    }

    fn poll_outbound(&mut self) -> Option<Outbound> {
        self.outbound.pop_front().or_else(|| {
            let transmit = self.endpoint.poll_transmit()?;
            Some(Outbound::Datagram {
                peer: transmit.peer,
                data: transmit.data,
            })
        })
    }

    fn poll_event(&mut self) -> Option<Self::Event> {
        None
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.endpoint.poll_timeout()
    }
}
