//! The LwM2M server as a sans-I/O engine: no socket, no clock, no task.
//!
//! ```text
//!             datagram                       request, observe, decide, restore
//!                |                                        |
//!        +-------v------------------- ServerEngine -------v---------------+
//!        |  Endpoint (CoAP)  --->  rd: register, update, de-register      |
//!        |       ^                 dp: send          registry, timers     |
//!        |       +---------------  requests, observations, presence       |
//!        +-------+------------------------+-------------------------------+
//!                |                        |
//!            datagrams                 events
//! ```
//!
//! Every datagram and every timer costs the same however many devices are registered.

mod authorization;
mod observations;
mod presence;
mod registrations;
mod registry;
mod requests;
mod restoration;
mod sends;

pub use authorization::{AuthorizationTicket, Policy};
pub(crate) use authorization::{Authorizations, Pending};
pub use observations::ObserveTarget;
pub(crate) use observations::decode;
pub use requests::{Answer, RequestTicket};

use crate::{
    authorizer::AuthorizationRequest,
    config::ServerConfig,
    error::DeviceError,
    event::{RefusalReason, ServerEvent},
    metrics::Metrics,
    persistence::Dirty,
    refusals::RefusalLog,
    registration::Registration,
    sessions::SessionOf,
};
use bytes::Bytes;
use lwm2m_core::{
    coap::{Code, Request, Response, option},
    content::ContentFormat,
    endpoint::{Endpoint, Event, ExchangeId},
    engine::{Engine, Inbound, Outbound},
    operation::{OperationError, Register, RegistrationOperation, Send},
    peer::{PeerId, PeerIdentity},
    time::Instant,
    timer::Wheel,
};
use lwm2m_objects::Definitions;
use lwm2m_transport::dtls::SessionName;
use observations::Observations;
use rand::{SeedableRng, rngs::StdRng};
use rand_core::RngCore;
use registry::{Registry, Slot};
use requests::Requests;
use std::{
    collections::{HashMap, HashSet, VecDeque},
    net::SocketAddr,
    sync::Arc,
    time::{Duration, SystemTime},
};
use tracing::debug;

/// What the engine tells its driver.
#[derive(Debug)]
#[non_exhaustive]
pub enum EngineEvent {
    /// For the program.
    Server(ServerEvent),
    /// An authorizer is to decide; the answer comes back with [`ServerEngine::decide`].
    Authorize {
        /// To answer it.
        ticket: AuthorizationTicket,
        /// What is asked.
        request: AuthorizationRequest,
    },
    /// A request has ended.
    Completed {
        /// Which.
        ticket: RequestTicket,
        /// The response, errors of the device included, or why there is none.
        result: Result<Answer, DeviceError>,
    },
    /// Part of a request's body has arrived.
    Progress {
        /// Which request.
        ticket: RequestTicket,
        /// Bytes that have arrived.
        sent: usize,
        /// Bytes of the whole.
        total: usize,
    },
}

/// Tells what a connection is called in the store of sessions; `None` where it is not there.
type SessionNaming = Box<dyn Fn(PeerId) -> Option<SessionName> + core::marker::Send>;

/// Who sent something, as the transport knows it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) peer: PeerId,
    pub(crate) identity: &'a PeerIdentity,
    pub(crate) address: SocketAddr,
}

/// What a timer is for.
#[derive(Debug, Clone, Copy)]
enum Timer {
    /// The lifetime of a registration may have passed.
    Expiry(Slot),
    /// The awake window of a device may have passed.
    Sleep(Slot),
    /// An authorizer takes too long.
    Authorization(AuthorizationTicket),
    /// A request has waited too long for its device.
    Request(RequestTicket),
    /// An observation that a device refused to renew is tried again.
    Renew(u64),
}

/// The LwM2M server as a sans-I/O engine; see the [module](self).
pub struct ServerEngine {
    config: ServerConfig,
    definitions: Arc<Definitions>,
    endpoint: Endpoint,
    random: StdRng,
    policy: Policy,
    authorizations: Authorizations<Arc<Register>>,
    registry: Registry,
    requests: Requests,
    observations: Observations,
    timers: Wheel<Timer>,
    outbound: VecDeque<Outbound>,
    events: VecDeque<EngineEvent>,
    metrics: Metrics,
    refusals: RefusalLog,
    /// What the wall clock showed at [`Instant::ZERO`].
    wall_zero: SystemTime,
    /// What a store has not seen; `None` where there is no store.
    dirty: Option<HashSet<Dirty>>,
    /// What connections are called that outlive the process.
    session_names: Option<SessionNaming>,
    /// What the records of restored registrations said of theirs, until [`reconnect`](Self::reconnect).
    restored: HashMap<Slot, Option<SessionOf>>,
}

impl ServerEngine {
    /// An engine without registrations. `random` must be unpredictable to peers: location ids and tokens come from
    /// it.
    pub fn new(
        config: ServerConfig,
        definitions: Arc<Definitions>,
        policy: Policy,
        random: &mut impl RngCore,
    ) -> Self {
        let tokens = StdRng::from_rng(&mut *random);
        ServerEngine {
            endpoint: Endpoint::new(config.endpoint.clone(), Box::new(tokens)),
            random: StdRng::from_rng(random),
            config,
            definitions,
            policy,
            authorizations: Authorizations::default(),
            registry: Registry::default(),
            requests: Requests::default(),
            observations: Observations::default(),
            timers: Wheel::new(),
            outbound: VecDeque::new(),
            events: VecDeque::new(),
            metrics: Metrics::default(),
            refusals: RefusalLog::default(),
            wall_zero: SystemTime::UNIX_EPOCH,
            dirty: None,
            session_names: None,
            restored: HashMap::new(),
        }
    }

    /// Tells what the wall clock shows now, for the times in registrations, values and events; again when it has been
    /// set. Without it, [`Instant::ZERO`] is 1970-01-01T00:00:00Z.
    pub fn set_wall_clock(&mut self, now: Instant, wall: SystemTime) {
        let since_zero = Duration::from_micros(now.as_micros());
        self.wall_zero = wall
            .checked_sub(since_zero)
            .unwrap_or(SystemTime::UNIX_EPOCH);
    }

    /// The definitions it reads values with.
    pub fn definitions(&self) -> &Arc<Definitions> {
        &self.definitions
    }

    /// How many devices are registered, and at most `limit` of them, leaving out the first `offset`.
    pub fn registrations(&self, offset: usize, limit: usize) -> (usize, Vec<Arc<Registration>>) {
        let page = self.registry.iter().skip(offset).take(limit);
        (
            self.registry.len(),
            page.map(|entry| entry.registration.clone()).collect(),
        )
    }

    /// The registration of an endpoint.
    pub fn registration(&self, endpoint: &str) -> Option<Arc<Registration>> {
        let slot = self.registry.by_name(endpoint)?;
        Some(self.registry.entry(slot)?.registration.clone())
    }

    /// What it has done and what it holds.
    pub fn metrics(&self) -> Metrics {
        Metrics {
            registrations: self.registry.len() as u64,
            observations: self.observations.len() as u64,
            requests_pending: self.requests.len() as u64,
            ..self.metrics
        }
    }

    /// What its CoAP endpoint has counted: messages, repetitions, and what was refused, by reason.
    pub fn endpoint_metrics(&self) -> lwm2m_core::endpoint::Metrics {
        self.endpoint.metrics()
    }

    pub(crate) fn wall(&self, now: Instant) -> SystemTime {
        self.wall_zero + Duration::from_micros(now.as_micros())
    }

    fn emit(&mut self, event: ServerEvent) {
        self.events.push_back(EngineEvent::Server(event));
    }

    fn mark(&mut self, dirty: impl FnOnce() -> Dirty) {
        if let Some(set) = &mut self.dirty {
            set.insert(dirty());
        }
    }

    fn respond(&mut self, now: Instant, exchange: ExchangeId, response: Response) {
        if self.endpoint.respond(now, exchange, response).is_err() {
            debug!("the peer no longer waits for this answer");
        }
    }

    /// Answers a refusal, reports it and counts it.
    fn refuse(
        &mut self,
        now: Instant,
        source: Source<'_>,
        exchange: ExchangeId,
        endpoint: Option<Arc<str>>,
        reason: RefusalReason,
    ) {
        let code = reason.code();
        self.refusals.say(now, source, endpoint.as_deref(), &reason);
        self.metrics.refused += 1;
        self.respond(
            now,
            exchange,
            Response::new(code).diagnostic(&reason.to_string()),
        );
        self.emit(ServerEvent::Refused {
            endpoint,
            address: source.address,
            identity: source.identity.clone(),
            reason,
            code,
        });
    }

    /// Takes all that the endpoint has to say. `source` is who sent the datagram that is being handled.
    fn drain(&mut self, now: Instant, source: Option<Source<'_>>) {
        while let Some(event) = self.endpoint.poll_event() {
            match event {
                Event::Request {
                    peer,
                    exchange,
                    request,
                } => {
                    match source.filter(|source| source.peer == peer) {
                        Some(source) => self.on_request(now, source, exchange, &request),
                        // A request comes out of the datagram that completes it, so this does not happen; if it does,
                        // nothing is known about the peer and nothing is done for it.
                        None => {
                            self.respond(now, exchange, Response::new(Code::SERVICE_UNAVAILABLE))
                        }
                    }
                }
                Event::Response {
                    request,
                    response,
                    observation,
                    ..
                } => {
                    self.on_response(now, request, response, observation);
                }
                Event::RequestFailed {
                    request, failure, ..
                } => {
                    self.on_request_failed(request, failure);
                }
                Event::UploadProgress {
                    request,
                    sent,
                    total,
                } => {
                    self.on_progress(request, sent, total);
                }
                Event::Notification {
                    observation,
                    response,
                    last,
                    ..
                } => {
                    self.on_notification(now, observation, &response, last);
                }
                // Uploads are collected by the endpoint up to its bound and then reported as requests; we have no
                // observers of our own.
                _ => {}
            }
        }
    }

    /// A request of a device (Transport 1.2.2, section 6.4).
    fn on_request(
        &mut self,
        now: Instant,
        source: Source<'_>,
        exchange: ExchangeId,
        request: &Request,
    ) {
        let path = request.options.texts(option::URI_PATH).unwrap_or_default();
        match path[..] {
            ["rd", ..] => match RegistrationOperation::from_request(request) {
                Ok(RegistrationOperation::Register(register)) => {
                    self.on_register(now, source, exchange, register);
                }
                Ok(RegistrationOperation::Update(update)) => {
                    self.on_update(now, source, exchange, update);
                }
                Ok(RegistrationOperation::Deregister(deregister)) => {
                    self.on_deregister(now, source, exchange, &deregister.location);
                }
                Ok(_) => self.respond(now, exchange, Response::new(Code::NOT_IMPLEMENTED)),
                Err(error) => self.refuse_malformed(now, source, exchange, request, error),
            },
            ["dp", ..] => match Send::from_request(request) {
                Ok(send) => self.on_send(now, source, exchange, &send),
                Err(error) => self.refuse_malformed(now, source, exchange, request, error),
            },
            [".well-known", "core"] => self.respond(now, exchange, well_known_core(request, LINKS)),
            _ => {
                debug!(peer = %source.peer, "no such resource");
                self.respond(now, exchange, Response::new(Code::NOT_FOUND));
            }
        }
    }

    fn refuse_malformed(
        &mut self,
        now: Instant,
        source: Source<'_>,
        exchange: ExchangeId,
        request: &Request,
        error: OperationError,
    ) {
        let queries = request.options.texts(option::URI_QUERY).unwrap_or_default();
        let endpoint = queries
            .iter()
            .find_map(|query| query.strip_prefix("ep="))
            .map(Arc::from);
        self.refuse(
            now,
            source,
            exchange,
            endpoint,
            RefusalReason::Malformed(error),
        );
    }

    fn on_timer(&mut self, now: Instant, timer: Timer) {
        match timer {
            Timer::Expiry(slot) => self.on_expiry(now, slot),
            Timer::Sleep(slot) => self.on_awake_window_over(now, slot),
            Timer::Authorization(ticket) => self.on_authorization_timeout(now, ticket),
            Timer::Request(ticket) => self.complete(ticket, Err(DeviceError::Timeout)),
            Timer::Renew(id) => self.renew(now, id),
        }
    }
}

/// What a server has.
const LINKS: &[u8] = b"</rd>;rt=\"core.rd\";ct=40,</dp>";

/// What there is to discover (RFC 7252, section 7.2.1).
pub(crate) fn well_known_core(request: &Request, links: &'static [u8]) -> Response {
    if request.code != Code::GET {
        return Response::new(Code::METHOD_NOT_ALLOWED);
    }
    match request.options.accept() {
        None | Some(40) => {
            let link = ContentFormat::Link.number();
            Response::new(Code::CONTENT).body(link, Bytes::from_static(links))
        }
        Some(_) => Response::new(Code::NOT_ACCEPTABLE),
    }
}

impl RefusalReason {
    /// What it is answered with (Transport 1.2.2, section 6.7).
    pub fn code(&self) -> Code {
        match self {
            RefusalReason::NotAuthorized(_) | RefusalReason::Unsecured => Code::FORBIDDEN,
            RefusalReason::IdentityMismatch
            | RefusalReason::NoEndpointName
            | RefusalReason::UnknownEndpoint
            | RefusalReason::Content(_) => Code::BAD_REQUEST,
            RefusalReason::NoObjects | RefusalReason::UnknownProfile => Code::CONFLICT,
            RefusalReason::NotRegistered(_) => Code::NOT_FOUND,
            RefusalReason::Malformed(error) => error.code(),
            RefusalReason::Limit(_) => Code::SERVICE_UNAVAILABLE,
        }
    }
}

impl Engine for ServerEngine {
    type Event = EngineEvent;

    fn handle(&mut self, now: Instant, inbound: Inbound<'_>) {
        match inbound {
            Inbound::Datagram {
                peer,
                identity,
                address,
                data,
            } => {
                self.metrics.datagrams_received += 1;
                self.endpoint.handle_datagram(now, peer, data);
                self.drain(
                    now,
                    Some(Source {
                        peer,
                        identity,
                        address,
                    }),
                );
                self.on_heard(now, peer);
            }
            Inbound::Closed { peer, reason } => {
                debug!(%peer, "connection closed: {reason}");
                self.endpoint.forget_peer(now, peer);
                self.on_peer_lost(peer);
                self.drain(now, None);
            }
            // A connection says nothing by itself: the device speaks first.
            _ => {}
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.endpoint.handle_timeout(now);
        self.drain(now, None);
        while let Some(timer) = self.timers.expire(now) {
            self.on_timer(now, timer);
        }
        self.drain(now, None);
    }

    fn poll_outbound(&mut self) -> Option<Outbound> {
        if let Some(transmit) = self.endpoint.poll_transmit() {
            self.metrics.datagrams_sent += 1;
            return Some(Outbound::Datagram {
                peer: transmit.peer,
                data: transmit.data,
            });
        }
        self.outbound.pop_front()
    }

    fn poll_event(&mut self) -> Option<EngineEvent> {
        self.events.pop_front()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        match (self.endpoint.poll_timeout(), self.timers.next()) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        }
    }
}
