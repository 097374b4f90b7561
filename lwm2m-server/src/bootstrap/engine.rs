//! The bootstrap server as a sans-I/O engine.
//!
//! ```text
//!   POST /bs                 each answered                      2.04
//!   ---------> [Authorising] -----> Delete.. Write.. -> Finish ------> finished
//!                  |                        |             |
//!                  v                        +-------------+--> failed: error response, no answer in time,
//!               refused                                        connection lost, replaced, session timeout
//! ```

use super::{
    BootstrapServerConfig, BootstrapStore,
    plan::{describe, operations},
};
use crate::{
    authorizer::{Authorization, AuthorizationRequest, Interface},
    engine::{AuthorizationTicket, Authorizations, Pending, Policy, Source, well_known_core},
    event::{BootstrapEvent, RefusalReason, ServerEvent},
    metrics::Metrics,
    refusals::RefusalLog,
    security::{EndpointCredential, Role},
};
use lwm2m_core::{
    coap::{Code, Request, Response, option},
    content::ContentFormat,
    endpoint::{Endpoint, Event, ExchangeId, RequestId, RequestOptions},
    engine::{Engine, Inbound, Outbound},
    operation::{BootstrapRequest, DeviceOperation},
    peer::{PeerId, PeerIdentity},
    time::Instant,
    timer::{TimerId, Wheel},
};
use lwm2m_objects::Definitions;
use rand::{SeedableRng, rngs::StdRng};
use rand_core::RngCore;
use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};
use tracing::{debug, warn};

/// What a bootstrap server has.
const LINKS: &[u8] = b"</bs>";

/// How a device refuses to be looked at during a bootstrap (1.0).
const LOOK_REFUSED: [Code; 4] = [
    Code::BAD_REQUEST,
    Code::NOT_FOUND,
    Code::METHOD_NOT_ALLOWED,
    Code::NOT_ACCEPTABLE,
];

/// What the engine tells its driver.
#[derive(Debug)]
#[non_exhaustive]
pub enum BootstrapEngineEvent {
    /// For the program.
    Server(ServerEvent),
    /// An authorizer is to decide; the answer comes back with [`BootstrapEngine::decide`].
    Authorize {
        /// To answer it.
        ticket: AuthorizationTicket,
        /// What is asked.
        request: AuthorizationRequest,
    },
}

#[derive(Debug, Clone, Copy)]
enum Timer {
    Authorization(AuthorizationTicket),
    Session(PeerId),
}

/// One device that is being given its configuration.
struct Session {
    endpoint: Arc<str>,
    identity: PeerIdentity,
    left: VecDeque<DeviceOperation>,
    /// What is being asked of the device, for a person.
    current: String,
    /// Refusals of what is being asked that do no harm.
    optional: &'static [Code],
    request: Option<RequestId>,
    timer: TimerId,
}

/// The bootstrap server as a sans-I/O engine: client-initiated sessions, one request after the other.
pub struct BootstrapEngine {
    config: BootstrapServerConfig,
    configurations: BootstrapStore,
    definitions: Arc<Definitions>,
    endpoint: Endpoint,
    policy: Policy,
    authorizations: Authorizations<BootstrapRequest>,
    sessions: HashMap<PeerId, Session>,
    by_endpoint: HashMap<Arc<str>, PeerId>,
    by_request: HashMap<RequestId, PeerId>,
    timers: Wheel<Timer>,
    outbound: VecDeque<Outbound>,
    events: VecDeque<BootstrapEngineEvent>,
    metrics: Metrics,
    refusals: RefusalLog,
}

impl BootstrapEngine {
    /// An engine without sessions. `random` must be unpredictable to peers.
    pub fn new(
        config: BootstrapServerConfig,
        configurations: BootstrapStore,
        definitions: Arc<Definitions>,
        policy: Policy,
        random: &mut impl RngCore,
    ) -> Self {
        BootstrapEngine {
            endpoint: Endpoint::new(config.endpoint.clone(), Box::new(StdRng::from_rng(random))),
            config,
            configurations,
            definitions,
            policy,
            authorizations: Authorizations::default(),
            sessions: HashMap::new(),
            by_endpoint: HashMap::new(),
            by_request: HashMap::new(),
            timers: Wheel::new(),
            outbound: VecDeque::new(),
            events: VecDeque::new(),
            metrics: Metrics::default(),
            refusals: RefusalLog::default(),
        }
    }

    /// What it has done and what it holds.
    pub fn metrics(&self) -> Metrics {
        Metrics {
            requests_pending: self.by_request.len() as u64,
            ..self.metrics
        }
    }

    /// What its CoAP endpoint has counted: messages, repetitions, and what was refused, by reason.
    pub fn endpoint_metrics(&self) -> lwm2m_core::endpoint::Metrics {
        self.endpoint.metrics()
    }

    /// Brings the decision that a [`BootstrapEngineEvent::Authorize`] asked for; too late, it does nothing.
    pub fn decide(&mut self, now: Instant, ticket: AuthorizationTicket, decision: Authorization) {
        let Some(pending) = self.authorizations.remove(ticket) else {
            return;
        };
        self.timers.cancel(pending.timer);
        self.admit(
            now,
            pending.source(),
            pending.exchange,
            &pending.request,
            decision,
        );
        self.drain(now, None);
    }

    /// Ends the sessions that rest on credentials which are no longer good.
    pub fn credentials_removed(&mut self, endpoint: &str, removed: &[EndpointCredential]) {
        let removed = removed.iter().filter(|entry| entry.role == Role::Bootstrap);
        for credential in removed.map(|entry| &entry.credential) {
            if let Some(identity) = credential.identity() {
                self.outbound.push_back(Outbound::Forget { identity });
            }
            let Some((peer, identity)) = (self.by_endpoint.get(endpoint))
                .and_then(|peer| Some((*peer, self.sessions.get(peer)?.identity.clone())))
            else {
                continue;
            };
            if !credential.proves(endpoint, &identity) {
                continue;
            }
            if matches!(identity, PeerIdentity::Certificate(_)) {
                self.outbound.push_back(Outbound::Forget { identity });
            }
            self.fail(peer, "its credentials were removed");
        }
    }

    fn respond(&mut self, now: Instant, exchange: ExchangeId, response: Response) {
        if self.endpoint.respond(now, exchange, response).is_err() {
            debug!("the peer no longer waits for this answer");
        }
    }

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
        self.events
            .push_back(BootstrapEngineEvent::Server(ServerEvent::Refused {
                endpoint,
                address: source.address,
                identity: source.identity.clone(),
                reason,
                code,
            }));
    }

    fn report(&mut self, endpoint: &Arc<str>, event: BootstrapEvent) {
        match &event {
            BootstrapEvent::Started => self.metrics.bootstrap_started += 1,
            BootstrapEvent::Finished => self.metrics.bootstrap_finished += 1,
            BootstrapEvent::Failed { reason } => {
                warn!(?endpoint, "bootstrap failed: {reason}");
                self.metrics.bootstrap_failed += 1;
            }
        }
        let endpoint = endpoint.clone();
        self.events
            .push_back(BootstrapEngineEvent::Server(ServerEvent::Bootstrap {
                endpoint,
                event,
            }));
    }

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
                        // A request comes out of the datagram that completes it; without one nobody is known.
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
                    if let Some(observation) = observation {
                        self.endpoint.forget_observation(observation);
                    }
                    self.on_response(now, request, &response);
                }
                Event::RequestFailed {
                    request, failure, ..
                } => {
                    if let Some(peer) = self.by_request.remove(&request) {
                        let step = self
                            .sessions
                            .get(&peer)
                            .map(|session| session.current.clone());
                        self.fail(peer, &format!("{}: {failure}", step.unwrap_or_default()));
                    }
                }
                _ => {}
            }
        }
    }

    fn on_request(
        &mut self,
        now: Instant,
        source: Source<'_>,
        exchange: ExchangeId,
        request: &Request,
    ) {
        let path = request.options.texts(option::URI_PATH).unwrap_or_default();
        let response = match path[..] {
            ["bs", ..] => match BootstrapRequest::from_request(request) {
                Ok(bootstrap) => return self.authorize(now, source, exchange, bootstrap),
                Err(error) => {
                    let queries = request.options.texts(option::URI_QUERY).unwrap_or_default();
                    let name = queries
                        .iter()
                        .find_map(|query| query.strip_prefix("ep="))
                        .map(Arc::from);
                    return self.refuse(
                        now,
                        source,
                        exchange,
                        name,
                        RefusalReason::Malformed(error),
                    );
                }
            },
            // Bootstrap-pack is optional for a server (Core 1.2.2, section 6.1.7.7).
            ["bspack"] => Response::new(Code::NOT_IMPLEMENTED),
            [".well-known", "core"] => well_known_core(request, LINKS),
            _ => Response::new(Code::NOT_FOUND),
        };
        self.respond(now, exchange, response);
    }

    fn authorize(
        &mut self,
        now: Instant,
        source: Source<'_>,
        exchange: ExchangeId,
        bootstrap: BootstrapRequest,
    ) {
        let request = AuthorizationRequest {
            endpoint: bootstrap.endpoint.clone(),
            identity: source.identity.clone(),
            address: source.address,
            interface: Interface::Bootstrap,
        };
        if let Policy::Inline(decide) = &self.policy {
            let decision = decide(&request);
            return self.admit(now, source, exchange, &bootstrap, decision);
        }
        if self.authorizations.len() >= self.config.max_sessions {
            let endpoint = bootstrap.endpoint.as_deref().map(Arc::from);
            return self.refuse(
                now,
                source,
                exchange,
                endpoint,
                RefusalReason::Limit("sessions"),
            );
        }
        let ticket = self.authorizations.ticket();
        let timer = self.timers.set(
            now + self.config.authorization_timeout,
            Timer::Authorization(ticket),
        );
        let pending = Pending {
            exchange,
            peer: source.peer,
            identity: source.identity.clone(),
            address: source.address,
            request: bootstrap,
            timer,
        };
        self.authorizations.insert(ticket, pending);
        self.events
            .push_back(BootstrapEngineEvent::Authorize { ticket, request });
    }

    fn admit(
        &mut self,
        now: Instant,
        source: Source<'_>,
        exchange: ExchangeId,
        bootstrap: &BootstrapRequest,
        decision: Authorization,
    ) {
        let endpoint = match decision {
            Authorization::Accept { endpoint } => endpoint,
            Authorization::Refuse(reason) => {
                let endpoint = bootstrap.endpoint.as_deref().map(Arc::from);
                return self.refuse(now, source, exchange, endpoint, reason);
            }
        };
        let Some(config) = self.configurations.config(&endpoint) else {
            return self.refuse(
                now,
                source,
                exchange,
                Some(endpoint),
                RefusalReason::UnknownEndpoint,
            );
        };
        // A device that asks anew has given its old session up.
        let replaced = "it asked anew";
        self.fail(source.peer, replaced);
        if let Some(&peer) = self.by_endpoint.get(&endpoint) {
            self.fail(peer, replaced);
        }
        if self.sessions.len() >= self.config.max_sessions {
            return self.refuse(
                now,
                source,
                exchange,
                Some(endpoint),
                RefusalReason::Limit("sessions"),
            );
        }
        let format = bootstrap.preferred_format.unwrap_or(ContentFormat::Tlv);
        let left = match operations(&config, format, &*self.definitions, self.config.verify) {
            Ok(left) => left,
            Err(error) => {
                warn!(%endpoint, "its bootstrap configuration cannot be written: {error}");
                self.respond(now, exchange, Response::new(Code::INTERNAL_SERVER_ERROR));
                return self.report(
                    &endpoint,
                    BootstrapEvent::Failed {
                        reason: error.to_string(),
                    },
                );
            }
        };
        self.respond(now, exchange, Response::new(Code::CHANGED));
        self.report(&endpoint, BootstrapEvent::Started);
        let timer = self.timers.set(
            now + self.config.session_timeout,
            Timer::Session(source.peer),
        );
        let session = Session {
            endpoint: endpoint.clone(),
            identity: source.identity.clone(),
            left,
            current: String::new(),
            optional: &[],
            request: None,
            timer,
        };
        self.sessions.insert(source.peer, session);
        self.by_endpoint.insert(endpoint, source.peer);
        self.advance(now, source.peer);
    }

    /// Asks the device for the next thing, or ends the session.
    fn advance(&mut self, now: Instant, peer: PeerId) {
        let Some(session) = self.sessions.get_mut(&peer) else {
            return;
        };
        let Some(operation) = session.left.pop_front() else {
            if let Some(session) = self.remove(peer) {
                self.report(&session.endpoint, BootstrapEvent::Finished);
            }
            return;
        };
        session.current = describe(&operation);
        session.optional = match operation {
            DeviceOperation::Delete(_) => &[Code::NOT_FOUND],
            DeviceOperation::Discover(_) | DeviceOperation::Read(_) => &LOOK_REFUSED,
            _ => &[],
        };
        match self
            .endpoint
            .request(now, peer, operation.to_request(), RequestOptions::default())
        {
            Ok(request) => {
                session.request = Some(request);
                self.by_request.insert(request, peer);
                self.metrics.requests += 1;
            }
            Err(error) => {
                let reason = format!("{}: {error}", session.current);
                self.fail(peer, &reason);
            }
        }
    }

    fn on_response(&mut self, now: Instant, request: RequestId, response: &Response) {
        let Some(peer) = self.by_request.remove(&request) else {
            return;
        };
        let Some(session) = self.sessions.get_mut(&peer) else {
            return;
        };
        session.request = None;
        // There is nothing to delete where nothing is, and no device of 1.0 lets itself be looked at.
        if response.code.is_success() || session.optional.contains(&response.code) {
            return self.advance(now, peer);
        }
        let mut reason = format!("{} was answered {}", session.current, response.code);
        if let Some(text) = std::str::from_utf8(&response.payload)
            .ok()
            .filter(|text| !text.is_empty())
        {
            reason.push_str(": ");
            reason.push_str(text);
        }
        self.fail(peer, &reason);
    }

    /// Ends a session, if there is one, that has not come to its end.
    fn fail(&mut self, peer: PeerId, reason: &str) {
        if let Some(session) = self.remove(peer) {
            let reason = reason.to_owned();
            self.report(&session.endpoint, BootstrapEvent::Failed { reason });
        }
    }

    fn remove(&mut self, peer: PeerId) -> Option<Session> {
        let session = self.sessions.remove(&peer)?;
        self.by_endpoint.remove(&session.endpoint);
        self.timers.cancel(session.timer);
        if let Some(request) = session.request {
            self.by_request.remove(&request);
            self.endpoint.cancel_request(request);
        }
        Some(session)
    }

    fn on_timer(&mut self, now: Instant, timer: Timer) {
        match timer {
            Timer::Session(peer) => self.fail(peer, "the session took too long"),
            Timer::Authorization(ticket) => {
                if let Some(pending) = self.authorizations.remove(ticket) {
                    warn!(peer = %pending.peer, "the authorizer did not decide in time");
                    self.respond(
                        now,
                        pending.exchange,
                        Response::new(Code::SERVICE_UNAVAILABLE),
                    );
                }
            }
        }
    }
}

impl Engine for BootstrapEngine {
    type Event = BootstrapEngineEvent;

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
            }
            Inbound::Closed { peer, reason } => {
                self.fail(peer, &format!("the connection ended: {reason}"));
                self.endpoint.forget_peer(now, peer);
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

    fn poll_event(&mut self) -> Option<BootstrapEngineEvent> {
        self.events.pop_front()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        match (self.endpoint.poll_timeout(), self.timers.next()) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        }
    }
}
