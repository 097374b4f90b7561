//! Who may register: decided at once, or by an authorizer that takes its time.

use super::{EngineEvent, ServerEngine, Source, Timer};
use crate::{
    authorizer::{Authorization, AuthorizationRequest, Interface},
    event::RefusalReason,
};
use lwm2m_core::{
    coap::{Code, Response},
    endpoint::ExchangeId,
    operation::Register,
    peer::{PeerId, PeerIdentity},
    time::Instant,
    timer::TimerId,
};
use std::{collections::HashMap, net::SocketAddr, sync::Arc};

/// How it is decided who may register or bootstrap.
#[non_exhaustive]
pub enum Policy {
    /// By this function, from memory.
    Inline(Box<dyn Fn(&AuthorizationRequest) -> Authorization + Send>),
    /// By the driver: an [`EngineEvent::Authorize`] asks, [`ServerEngine::decide`] answers; the bootstrap engine has the same.
    Deferred,
}

/// Names a decision that is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AuthorizationTicket(u64);

/// A request that waits for a decision.
pub(crate) struct Pending<R> {
    pub(crate) exchange: ExchangeId,
    pub(crate) peer: PeerId,
    pub(crate) identity: PeerIdentity,
    pub(crate) address: SocketAddr,
    pub(crate) request: R,
    pub(crate) timer: TimerId,
}

impl<R> Pending<R> {
    pub(crate) fn source(&self) -> Source<'_> {
        Source {
            peer: self.peer,
            identity: &self.identity,
            address: self.address,
        }
    }
}

/// All requests that wait for a decision.
pub(crate) struct Authorizations<R> {
    last: u64,
    pending: HashMap<AuthorizationTicket, Pending<R>>,
}

impl<R> Default for Authorizations<R> {
    fn default() -> Self {
        Authorizations {
            last: 0,
            pending: HashMap::new(),
        }
    }
}

impl<R> Authorizations<R> {
    pub(crate) fn len(&self) -> usize {
        self.pending.len()
    }

    /// Names the next question.
    pub(crate) fn ticket(&mut self) -> AuthorizationTicket {
        self.last += 1;
        AuthorizationTicket(self.last)
    }

    pub(crate) fn insert(&mut self, ticket: AuthorizationTicket, pending: Pending<R>) {
        self.pending.insert(ticket, pending);
    }

    pub(crate) fn remove(&mut self, ticket: AuthorizationTicket) -> Option<Pending<R>> {
        self.pending.remove(&ticket)
    }
}

impl ServerEngine {
    /// Decides about a registration, or has it decided.
    pub(super) fn authorize(
        &mut self,
        now: Instant,
        source: Source<'_>,
        exchange: ExchangeId,
        register: Register,
    ) {
        let register = Arc::new(register);
        let request = AuthorizationRequest {
            endpoint: register.endpoint.clone(),
            identity: source.identity.clone(),
            address: source.address,
            interface: Interface::Register(register.clone()),
        };
        if let Policy::Inline(decide) = &self.policy {
            let decision = decide(&request);
            drop(request);
            return self.admit(now, source, exchange, &register, decision);
        }
        if self.authorizations.len() >= self.config.max_pending_authorizations {
            let endpoint = register.endpoint.as_deref().map(Arc::from);
            let reason = RefusalReason::Limit("registrations wait for authorisation");
            return self.refuse(now, source, exchange, endpoint, reason);
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
            request: register,
            timer,
        };
        self.authorizations.insert(ticket, pending);
        self.events
            .push_back(EngineEvent::Authorize { ticket, request });
    }

    /// Brings the decision that an [`EngineEvent::Authorize`] asked for; too late, it does nothing.
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

    /// The device may try again: it has not been refused.
    pub(super) fn on_authorization_timeout(&mut self, now: Instant, ticket: AuthorizationTicket) {
        if let Some(pending) = self.authorizations.remove(ticket) {
            tracing::warn!(peer = %pending.peer, "the authorizer did not decide in time");
            self.respond(
                now,
                pending.exchange,
                Response::new(Code::SERVICE_UNAVAILABLE),
            );
        }
    }
}
