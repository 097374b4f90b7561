//! A CoAP endpoint on real sockets that has no opinion: it tells what comes and sends what it is told.
//!
//! Retransmission, deduplication and block-wise transfer are the endpoint's; whatever LwM2M says is the judge's.

use super::tape::{Direction, Tape};
use lwm2m_core::{
    coap::{Request, Response},
    endpoint::{
        Endpoint, EndpointConfig, EndpointError, Event, ExchangeId, ObservationId, ObserverId,
        RequestId, RequestOptions,
    },
    engine::{CloseReason, Credentials, Engine, Inbound, Outbound},
    peer::{PeerId, PeerIdentity},
    time::Instant,
    uri::ServerUri,
};
use lwm2m_transport::{EngineHandle, Transport, spawn};
use rand::{SeedableRng, rngs::StdRng};

use std::{collections::VecDeque, time::Duration};
use tokio::sync::mpsc;

/// Happenings that wait for the judge; what comes beyond is lost and noted on the tape. About 300 bytes each.
const HAPPENINGS: usize = 4_096;
/// Largest body that a peer may send: a firmware image.
const MAX_BODY: usize = 4 * 1024 * 1024;

/// Something that the network did.
#[derive(Debug)]
pub enum Happening {
    /// A connection stands.
    Connected {
        /// Whose.
        peer: PeerId,
        /// Who it has proven to be.
        identity: PeerIdentity,
    },
    /// A connection is gone, or did not come about.
    Closed {
        /// Whose.
        peer: PeerId,
        /// Why.
        reason: CloseReason,
    },
    /// The peer asks.
    Request {
        /// Who.
        peer: PeerId,
        /// Who it has proven to be.
        identity: PeerIdentity,
        /// To answer it.
        exchange: ExchangeId,
        /// What.
        request: Request,
        /// When it was complete.
        at: Instant,
    },
    /// Any other event of the endpoint.
    Event {
        /// What.
        event: Event,
        /// When.
        at: Instant,
    },
}

struct StationEngine {
    endpoint: Endpoint,
    tape: Tape,
    now: Instant,
    /// Who spoke last: the sender of the requests that the endpoint reports.
    speaker: PeerIdentity,
    commands: VecDeque<Outbound>,
    happenings: VecDeque<Happening>,
    connections: u64,
}

impl StationEngine {
    fn drain(&mut self) {
        while let Some(event) = self.endpoint.poll_event() {
            let at = self.now;
            self.happenings.push_back(match event {
                Event::Request {
                    peer,
                    exchange,
                    request,
                } => Happening::Request {
                    peer,
                    identity: self.speaker.clone(),
                    exchange,
                    request,
                    at,
                },
                event => Happening::Event { event, at },
            });
        }
    }
}

impl Engine for StationEngine {
    type Event = Happening;

    fn handle(&mut self, now: Instant, inbound: Inbound<'_>) {
        self.now = now;
        match inbound {
            Inbound::Datagram {
                peer,
                identity,
                data,
                ..
            } => {
                self.tape.record(now, Direction::In, peer, data);
                self.speaker = identity.clone();
                self.endpoint.handle_datagram(now, peer, data);
            }
            Inbound::Connected { peer, identity, .. } => {
                let note = format!("connected: {identity}");
                self.tape.note(now, Direction::In, peer, note);
                self.happenings.push_back(Happening::Connected {
                    peer,
                    identity: identity.clone(),
                });
            }
            Inbound::Closed { peer, reason } => {
                let note = format!("closed: {reason}");
                self.tape.note(now, Direction::In, peer, note);
                self.endpoint.forget_peer(now, peer);
                self.happenings
                    .push_back(Happening::Closed { peer, reason });
            }
            _ => {}
        }
        self.drain();
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.now = now;
        self.endpoint.handle_timeout(now);
        self.drain();
    }

    fn poll_outbound(&mut self) -> Option<Outbound> {
        if let Some(command) = self.commands.pop_front() {
            return Some(command);
        }
        let transmit = self.endpoint.poll_transmit()?;
        let (peer, data) = (transmit.peer, transmit.data);
        self.tape.record(self.now, Direction::Out, peer, &data);
        Some(Outbound::Datagram { peer, data })
    }

    fn poll_event(&mut self) -> Option<Happening> {
        self.happenings.pop_front()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.endpoint.poll_timeout()
    }
}

/// The station has ended: only when its task was killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StationError {
    /// Its task is gone.
    #[error("the station has stopped")]
    Stopped,
    /// The endpoint does not take it.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
}

/// See the [module](self).
pub struct Station {
    engine: EngineHandle<StationEngine>,
    inbox: mpsc::Receiver<Happening>,
    tape: Tape,
}

impl Station {
    /// A station over a transport. To be called within a tokio runtime.
    pub fn new(transport: impl Transport) -> Self {
        let mut config = EndpointConfig::default();
        config.max_body = MAX_BODY;
        let random = Box::new(StdRng::from_os_rng());
        let tape = Tape::default();
        let engine = StationEngine {
            endpoint: Endpoint::new(config, random),
            tape: tape.clone(),
            now: Instant::ZERO,
            speaker: PeerIdentity::None,
            commands: VecDeque::new(),
            happenings: VecDeque::new(),
            connections: 0,
        };
        let (sender, inbox) = mpsc::channel(HAPPENINGS);
        let overrun = tape.clone();
        let engine = spawn(engine, transport, move |happening| {
            if sender.try_send(happening).is_err() {
                let nobody = PeerId::from_connection(0, 0);
                let note = "too much at once: something was not judged".to_owned();
                overrun.note(Instant::ZERO, Direction::In, nobody, note);
            }
        });
        Station {
            engine,
            inbox,
            tape,
        }
    }

    /// What travelled.
    pub fn tape(&self) -> &Tape {
        &self.tape
    }

    /// The next happening; `None` when the time is over.
    pub async fn next(&mut self, deadline: tokio::time::Instant) -> Option<Happening> {
        let next = tokio::time::timeout_at(deadline, self.inbox.recv());
        next.await.ok().flatten()
    }

    async fn call<R: Send + 'static>(
        &self,
        f: impl FnOnce(&mut StationEngine, Instant) -> R + Send + 'static,
    ) -> Result<R, StationError> {
        let called = self.engine.call(move |engine, now| {
            engine.now = now;
            let result = f(engine, now);
            engine.drain();
            result
        });
        called.await.map_err(|_| StationError::Stopped)
    }

    /// Sends a request.
    ///
    /// # Errors
    /// [`StationError`]
    pub async fn request(
        &self,
        peer: PeerId,
        request: Request,
        deadline: Duration,
    ) -> Result<RequestId, StationError> {
        let options = RequestOptions::default().deadline(deadline);
        let asked =
            self.call(move |engine, now| engine.endpoint.request(now, peer, request, options));
        Ok(asked.await??)
    }

    /// Answers a request.
    ///
    /// # Errors
    /// [`StationError`]
    pub async fn respond(
        &self,
        exchange: ExchangeId,
        response: Response,
    ) -> Result<(), StationError> {
        let told = self.call(move |engine, now| engine.endpoint.respond(now, exchange, response));
        Ok(told.await??)
    }

    /// Answers a request to observe and enters the observer.
    ///
    /// # Errors
    /// [`StationError`]
    pub async fn respond_observe(
        &self,
        exchange: ExchangeId,
        response: Response,
    ) -> Result<ObserverId, StationError> {
        let told =
            self.call(move |engine, now| engine.endpoint.respond_observe(now, exchange, response));
        Ok(told.await??)
    }

    /// Notifies an observer, confirmably.
    ///
    /// # Errors
    /// [`StationError`]
    pub async fn notify(
        &self,
        observer: ObserverId,
        response: Response,
    ) -> Result<(), StationError> {
        let told =
            self.call(move |engine, now| engine.endpoint.notify(now, observer, response, true));
        told.await?.map(drop).map_err(StationError::from)
    }

    /// Ends an observation of ours by Observe = 1.
    ///
    /// # Errors
    /// [`StationError`]
    pub async fn cancel(&self, observation: ObservationId) -> Result<RequestId, StationError> {
        let asked =
            self.call(move |engine, now| engine.endpoint.cancel_observation(now, observation));
        Ok(asked.await??)
    }

    /// Ends an observation of ours in silence: its next notification is reset.
    ///
    /// # Errors
    /// [`StationError::Stopped`]
    pub async fn forget(&self, observation: ObservationId) -> Result<(), StationError> {
        self.call(move |engine, _| engine.endpoint.forget_observation(observation))
            .await
    }

    /// Begins a connection; [`Happening::Connected`] or [`Happening::Closed`] follows.
    ///
    /// # Errors
    /// [`StationError::Stopped`]
    pub async fn connect(
        &self,
        target: ServerUri,
        credentials: Credentials,
    ) -> Result<PeerId, StationError> {
        self.call(move |engine, _| {
            engine.connections += 1;
            let peer = PeerId::from_connection(0, engine.connections);
            engine.commands.push_back(Outbound::Connect {
                peer,
                target,
                server_name: None,
                credentials,
            });
            peer
        })
        .await
    }

    /// Ends a connection.
    ///
    /// # Errors
    /// [`StationError::Stopped`]
    pub async fn close(&self, peer: PeerId) -> Result<(), StationError> {
        self.call(move |engine, now| {
            engine.endpoint.forget_peer(now, peer);
            engine.commands.push_back(Outbound::Close { peer });
        })
        .await
    }

    /// Waits until all that was answered so far is on the tape.
    pub async fn settle(&self) {
        // The driver sends what follows from one command before it takes the next. A station that has stopped has
        // nothing left to say.
        let _ = self.call(|_, _| ()).await;
    }

    /// Ends the station with a goodbye where the transport has one.
    pub async fn stop(&self) {
        self.engine.stop().await;
    }
}
