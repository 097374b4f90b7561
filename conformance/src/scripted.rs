//! A peer without opinions, which a test plays by hand: it sends what it is told and keeps what it hears.

use lwm2m_core::{
    coap::{Code, Request, Response},
    endpoint::{Endpoint, EndpointConfig, Event, RequestOptions},
    engine::{Engine, Inbound, Outbound},
    peer::PeerId,
    time::Instant,
};
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;
use std::collections::VecDeque;

/// See the [module](self). Every request is answered 2.04, as a bootstrap server answers the request for a bootstrap.
pub struct Scripted {
    endpoint: Endpoint,
    peer: Option<PeerId>,
    /// What it was asked.
    pub asked: Vec<Request>,
    /// What it was answered.
    pub answers: VecDeque<Response>,
}

impl Scripted {
    /// A peer that has heard nothing yet.
    pub fn new(seed: u64) -> Self {
        let random = Box::new(ChaCha8Rng::seed_from_u64(seed));
        Scripted {
            endpoint: Endpoint::new(EndpointConfig::default(), random),
            peer: None,
            asked: Vec::new(),
            answers: VecDeque::new(),
        }
    }

    /// Asks whoever spoke last.
    ///
    /// # Panics
    /// Where nobody has.
    pub fn ask(&mut self, now: Instant, request: Request) {
        let peer = self.peer.expect("somebody has spoken");
        self.endpoint
            .request(now, peer, request, RequestOptions::default())
            .expect("room for a request");
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
                    self.asked.push(request);
                    let answer = Response::new(Code::CHANGED);
                    self.endpoint
                        .respond(now, exchange, answer)
                        .expect("it has just asked");
                }
                Event::Response { response, .. } => self.answers.push_back(response),
                Event::RequestFailed { failure, .. } => panic!("no answer: {failure}"),
                _ => {}
            }
        }
    }
}

impl Engine for Scripted {
    type Event = ();

    fn handle(&mut self, now: Instant, inbound: Inbound<'_>) {
        match inbound {
            Inbound::Datagram { peer, data, .. } => self.endpoint.handle_datagram(now, peer, data),
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
        let transmit = self.endpoint.poll_transmit()?;
        Some(Outbound::Datagram {
            peer: transmit.peer,
            data: transmit.data,
        })
    }

    fn poll_event(&mut self) -> Option<()> {
        None
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.endpoint.poll_timeout()
    }
}
