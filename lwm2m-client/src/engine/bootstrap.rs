//! The client-initiated bootstrap (Core 1.2.2, section 6.1.3.3), and what the bootstrap server may do in it.
//!
//! ```text
//!          hold-off            Connected               writes, deletes, reads...
//!  Idle ──▶ Waiting ──▶ Connecting ──▶ Active (POST /bs) ─────────┐
//!    ▲  ▲                   │            │  ▲                      │
//!    │  └───── back-off ────┴── failed ──┤  └──────────────────────┘
//!    │                     or silent     │
//!    └────────────── finish, consistent ─┘
//! ```
//!
//! All that is written goes to a [`Staging`] and counts only with a finish whose configuration is consistent;
//! otherwise it is answered 4.06 and may be corrected. A refusal, a closed connection or a silence of
//! EXCHANGE_LIFETIME ends the session, and everything is as before.

use super::{ClientEngine, Purpose, management::Refusal};
use crate::{
    account::Account,
    event::{ClientEvent, SessionError},
    object::{Clock, Context, ObjectError},
    registration::Input,
    staging::Staging,
    tree::{flag, number},
};
use alloc::{string::ToString, vec::Vec};
use core::time::Duration;
use lwm2m_core::{
    coap::{Code, Request, Response},
    content::{
        ContentFormat,
        negotiation::{self, Extent, is_allowed},
    },
    endpoint::{ExchangeId, Failure, RequestOptions},
    engine::{CloseReason, Outbound},
    link,
    operation::{BootstrapRequest, DeviceOperation, Payload},
    path::Path,
    peer::PeerId,
    time::Instant,
    version::LwM2mVersion,
};
use lwm2m_objects::security;

#[derive(Debug, Default)]
enum State {
    /// None is under way.
    #[default]
    Idle,
    /// Begins at that moment.
    Waiting(Instant),
    /// A connection was asked for; given up at that moment.
    Connecting { peer: PeerId, until: Instant },
    /// The bootstrap server works on the staging; given up at that moment.
    Active {
        peer: PeerId,
        until: Instant,
        staging: Staging,
        /// What was wrong with the configuration at the last finish.
        inconsistency: Option<alloc::string::String>,
    },
}

/// The bootstrap of a client.
#[derive(Debug, Default)]
pub(super) struct Bootstrap {
    state: State,
    /// Attempts since the last registration.
    pub(super) attempts: u32,
    /// The connection of a finished session, kept until that moment so that the answer can be repeated.
    lingering: Option<(PeerId, Instant)>,
    /// The server does not know the format we prefer (4.15): asked without one.
    without_format: bool,
    /// When the bootstrap account is to be purged (/0/x/12).
    purge_at: Option<Instant>,
}

impl Bootstrap {
    fn peer(&self) -> Option<PeerId> {
        match &self.state {
            State::Connecting { peer, .. } | State::Active { peer, .. } => Some(*peer),
            State::Idle | State::Waiting(_) => None,
        }
    }

    pub(super) fn is_peer(&self, peer: PeerId) -> bool {
        self.peer() == Some(peer) || self.lingering.is_some_and(|(other, _)| other == peer)
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let state = match &self.state {
            State::Waiting(until)
            | State::Connecting { until, .. }
            | State::Active { until, .. } => Some(*until),
            State::Idle => None,
        };
        let lingering = self.lingering.map(|(_, until)| until);
        [state, lingering, self.purge_at]
            .into_iter()
            .flatten()
            .min()
    }
}

impl ClientEngine {
    /// The instance of object 0 that is the bootstrap server's.
    pub(super) fn bootstrap_account(&self, clock: &Clock) -> Option<u16> {
        let accounts = self.tree.instance_ids(security::ID);
        let is_bootstrap = |instance: &u16| {
            let path = Path::resource(security::ID, *instance, security::BOOTSTRAP_SERVER);
            flag(&self.tree, clock, &path) == Some(true)
        };
        accounts.into_iter().find(is_bootstrap)
    }

    /// Begins a bootstrap where there is an account and none is under way; with `hold_off` after the time that
    /// /0/x/11 asks for.
    pub(super) fn begin_bootstrap(&mut self, now: Instant, hold_off: bool) -> bool {
        let clock = self.clock(now);
        let Some(id) = self.bootstrap_account(&clock) else {
            return false;
        };
        if matches!(self.bootstrap.state, State::Idle | State::Waiting(_)) {
            let wait = match hold_off {
                true => self.hold_off(&clock, id),
                false => Duration::ZERO,
            };
            self.bootstrap.state = State::Waiting(now + wait);
            self.tick_bootstrap(now);
        }
        true
    }

    /// /0/x/11
    fn hold_off(&self, clock: &Clock, account: u16) -> Duration {
        let path = Path::resource(security::ID, account, security::CLIENT_HOLD_OFF_TIME);
        let seconds = number(&self.tree, clock, &path).and_then(|seconds| seconds.try_into().ok());
        Duration::from_secs(seconds.unwrap_or(0))
    }

    /// Begins a bootstrap since registration has failed: the first time at once, then ever later, until one leads
    /// to a registration.
    pub(super) fn bootstrap_after_failure(&mut self, now: Instant) {
        let clock = self.clock(now);
        let account = self.bootstrap_account(&clock);
        if let (State::Idle, Some(account)) = (&self.bootstrap.state, account) {
            let wait = self.bootstrap_wait().max(self.hold_off(&clock, account));
            self.bootstrap.state = State::Waiting(now + wait);
            self.bootstrap.attempts = self.bootstrap.attempts.saturating_add(1);
            self.tick_bootstrap(now);
        }
    }

    /// How long to wait after so many attempts that came to nothing.
    fn bootstrap_wait(&self) -> Duration {
        let Some(doublings) = self.bootstrap.attempts.checked_sub(1) else {
            return Duration::ZERO;
        };
        let factor = 1u32.checked_shl(doublings).unwrap_or(u32::MAX);
        (self.config.bootstrap_retry)
            .saturating_mul(factor)
            .min(self.config.bootstrap_retry_max)
    }

    fn connect_bootstrap(&mut self, now: Instant) {
        let clock = self.clock(now);
        self.bootstrap.state = State::Idle;
        let Some(id) = self.bootstrap_account(&clock) else {
            // Purged while it was waited: who is left are the servers that were tried in vain.
            return self.resume_sessions(now, Duration::ZERO);
        };
        let account = self
            .tree
            .instance(&clock, security::ID, id)
            .unwrap_or_default();
        match Account::from_instance(&account) {
            Ok(account) => {
                let peer = self.next_peer();
                let until = now + self.config.connect_timeout;
                self.bootstrap.state = State::Connecting { peer, until };
                (self.events).push_back(ClientEvent::BootstrapStarted {
                    uri: account.uri().clone(),
                });
                self.outbound.push_back(Outbound::Connect {
                    peer,
                    target: account.uri().clone(),
                    server_name: account.server_name().map(Into::into),
                    credentials: account.credentials().clone(),
                });
            }
            Err(error) => {
                tracing::warn!("/0/{id} cannot be used: {error}");
                self.bootstrap_failed(now, SessionError::Account(error.to_string()));
            }
        }
    }

    pub(super) fn bootstrap_connected(&mut self, now: Instant) {
        let State::Connecting { peer, .. } = self.bootstrap.state else {
            return;
        };
        let account = self.bootstrap_account(&self.clock(now)).unwrap_or_default();
        self.bootstrap.state = State::Active {
            peer,
            until: now + self.config.bootstrap_timeout,
            staging: Staging::new(account),
            inconsistency: None,
        };
        self.request_bootstrap(now, peer);
    }

    fn request_bootstrap(&mut self, now: Instant, peer: PeerId) {
        // The preference came with 1.1.
        let preferred = match self.config.version {
            LwM2mVersion::V1_0 => None,
            _ if self.bootstrap.without_format => None,
            version => Some(self.format(version)),
        };
        let request = BootstrapRequest::new(Some(self.name.clone()), preferred).to_request();
        match (self.endpoint).request(now, peer, request, RequestOptions::default()) {
            Ok(id) => self.pending.push((id, Purpose::Bootstrap)),
            Err(error) => {
                tracing::debug!(%error, "the bootstrap request was not sent");
                self.bootstrap_failed(now, SessionError::Request(Failure::Timeout));
            }
        }
    }

    pub(super) fn bootstrap_answered(&mut self, now: Instant, code: Code) {
        let State::Active { peer, .. } = self.bootstrap.state else {
            return;
        };
        match code {
            Code::CHANGED => self.extend_bootstrap(now),
            Code::UNSUPPORTED_CONTENT_FORMAT if !self.bootstrap.without_format => {
                self.bootstrap.without_format = true;
                self.request_bootstrap(now, peer);
            }
            code => self.bootstrap_failed(now, SessionError::Refused(code)),
        }
    }

    fn extend_bootstrap(&mut self, now: Instant) {
        if let State::Active { until, .. } = &mut self.bootstrap.state {
            *until = now + self.config.bootstrap_timeout;
        }
    }

    pub(super) fn bootstrap_closed(&mut self, now: Instant, peer: PeerId, reason: CloseReason) {
        self.endpoint.forget_peer(now, peer);
        if self
            .bootstrap
            .lingering
            .is_some_and(|(other, _)| other == peer)
        {
            self.bootstrap.lingering = None;
        } else {
            self.bootstrap_failed(now, SessionError::Connection(reason));
        }
    }

    /// Ends the session and forgets what was staged; everything is as before.
    pub(super) fn bootstrap_failed(&mut self, now: Instant, reason: SessionError) {
        self.end_bootstrap_session(now);
        let clock = self.clock(now);
        self.bootstrap.attempts = self.bootstrap.attempts.saturating_add(1);
        let wait = self.bootstrap_wait();
        let alone = self.sessions.is_empty() && self.bootstrap_account(&clock).is_some();
        if alone {
            self.bootstrap.state = State::Waiting(now + wait);
        }
        let retry_in = alone.then_some(wait);
        (self.events).push_back(ClientEvent::BootstrapFailed { reason, retry_in });
        // With servers that were tried in vain these are tried again; a bootstrap follows if they fail again.
        self.resume_sessions(now, wait);
    }

    /// Tries the servers again that were given up.
    fn resume_sessions(&mut self, now: Instant, after: Duration) {
        let idle: Vec<u16> = (self.sessions.iter())
            .filter(|session| session.registration.is_stopped())
            .map(|session| session.instance)
            .collect();
        for instance in idle {
            self.step_instance(now, instance, Input::Start { after });
        }
    }

    pub(super) fn abort_bootstrap(&mut self, now: Instant) {
        if self.bootstrap.peer().is_some() {
            (self.events).push_back(ClientEvent::BootstrapFailed {
                reason: SessionError::Aborted,
                retry_in: None,
            });
        }
        self.drop_bootstrap(now);
    }

    /// Forgets the bootstrap without a word.
    pub(super) fn drop_bootstrap(&mut self, now: Instant) {
        self.end_bootstrap_session(now);
        if let Some((peer, _)) = self.bootstrap.lingering.take() {
            self.close(now, peer);
        }
    }

    fn end_bootstrap_session(&mut self, now: Instant) {
        self.pending
            .retain(|(_, purpose)| *purpose != Purpose::Bootstrap);
        if let Some(peer) = self.bootstrap.peer() {
            self.close(now, peer);
        }
        self.bootstrap.state = State::Idle;
    }

    pub(super) fn tick_bootstrap(&mut self, now: Instant) {
        match &self.bootstrap.state {
            State::Waiting(until) if now >= *until => self.connect_bootstrap(now),
            State::Connecting { until, .. } if now >= *until => {
                let reason = CloseReason::HandshakeTimeout;
                self.bootstrap_failed(now, SessionError::Connection(reason));
            }
            State::Active {
                until,
                inconsistency,
                ..
            } if now >= *until => {
                let reason = match inconsistency {
                    Some(text) => SessionError::Inconsistent(text.clone()),
                    None => SessionError::Request(Failure::Timeout),
                };
                self.bootstrap_failed(now, reason);
            }
            _ => {}
        }
        let linger_over = |lingering: &mut (PeerId, Instant)| now >= lingering.1;
        if let Some((peer, _)) = self.bootstrap.lingering.take_if(linger_over) {
            self.close(now, peer);
        }
        if self.bootstrap.purge_at.is_some_and(|at| now >= at) {
            self.purge_account(now);
        }
    }

    // --- what the bootstrap server asks --------------------------------------------------------------

    pub(super) fn on_bootstrap_request(
        &mut self,
        now: Instant,
        peer: PeerId,
        exchange: ExchangeId,
        request: &Request,
    ) {
        if self.bootstrap.peer() != Some(peer)
            || !matches!(self.bootstrap.state, State::Active { .. })
        {
            // The session is over.
            return self.respond_code(now, exchange, Code::METHOD_NOT_ALLOWED);
        }
        self.extend_bootstrap(now);
        let version = self.config.version;
        let operation = DeviceOperation::from_request(request, version)
            .and_then(|operation| operation.check_bootstrap(version).map(|()| operation));
        let operation = match operation {
            Ok(operation) => operation,
            Err(error) => return self.respond(now, exchange, Refusal::from(error).response()),
        };
        if operation == DeviceOperation::BootstrapFinish {
            return self.finish_bootstrap(now, exchange);
        }
        let response = self.bootstrap_operation(now, operation);
        let response = response.unwrap_or_else(|refusal| refusal.response());
        self.respond(now, exchange, response);
    }

    fn bootstrap_operation(
        &mut self,
        now: Instant,
        operation: DeviceOperation,
    ) -> Result<Response, Refusal> {
        let clock = self.clock(now);
        let limits = self.limits();
        let version = self.config.version;
        let format = self.format(version);
        let max_write = self.config.max_write;
        let State::Active { staging, .. } = &mut self.bootstrap.state else {
            return Err(ObjectError::MethodNotAllowed.into());
        };
        match operation {
            DeviceOperation::Write(write) => {
                if write.payload.data.len() > max_write {
                    return Err(ObjectError::TooLarge.into());
                }
                let entries = write.payload.decode(&write.path, &self.tree)?;
                staging.write(&self.tree, &clock, &write.path, entries, limits)?;
                Ok(Response::new(Code::CHANGED))
            }
            DeviceOperation::Delete(delete) => {
                staging.delete(&self.tree, &clock, &delete.path)?;
                Ok(Response::new(Code::DELETED))
            }
            DeviceOperation::Discover(discover) => {
                let links = staging.discover(&self.tree, &clock, &discover.path, version)?;
                let format = ContentFormat::Link.number();
                Ok(Response::new(Code::CONTENT).body(format, link::write(&links)))
            }
            DeviceOperation::Read(read) => {
                let format = read.accept.unwrap_or(format);
                if !is_allowed(format, negotiation::Purpose::Read, Extent::Values, version) {
                    return Err(Refusal::new(Code::NOT_ACCEPTABLE, "not in this format"));
                }
                let entries = staging.read(&self.tree, &clock, &read.path)?;
                let payload = Payload::encode(format, &entries, &read.path, &self.tree)?;
                Ok(Response::new(Code::CONTENT).body(format.number(), payload.data))
            }
            _ => Err(ObjectError::MethodNotAllowed.into()),
        }
    }

    fn finish_bootstrap(&mut self, now: Instant, exchange: ExchangeId) {
        let clock = self.clock(now);
        let State::Active {
            peer,
            staging,
            inconsistency,
            ..
        } = &mut self.bootstrap.state
        else {
            return;
        };
        let peer = *peer;
        let servers = match staging.check(&self.tree, &clock) {
            Ok(servers) => servers,
            Err(reason) => {
                tracing::debug!("the bootstrap configuration is inconsistent: {reason}");
                let refusal = Refusal::new(Code::NOT_ACCEPTABLE, &reason);
                *inconsistency = Some(reason);
                return self.respond(now, exchange, refusal.response());
            }
        };
        let staging = core::mem::take(staging);
        staging
            .deleted()
            .for_each(|path| self.attributes.remove(&path));
        let mut context = Context::of_bootstrap(clock);
        staging.apply(&mut self.tree, &mut context);
        self.respond_code(now, exchange, Code::CHANGED);
        self.pending
            .retain(|(_, purpose)| *purpose != Purpose::Bootstrap);
        self.bootstrap.state = State::Idle;
        if let Some((before, _)) = self.bootstrap.lingering.take() {
            self.close(now, before);
        }
        self.bootstrap.lingering = Some((peer, now + self.config.bootstrap_linger));
        self.store_accounts(now);
        self.plan_account_purge(now);
        (self.events).push_back(ClientEvent::Bootstrapped { servers });
        // Accounts may have changed: every server is registered with anew.
        self.drop_sessions(now);
        self.after(now, context);
        self.rebuild_sessions(now);
    }

    // --- the account's end ---------------------------------------------------------------------------

    /// /0/x/12: the bootstrap account is purged that many seconds after a bootstrap; 0 or absent: never.
    pub(super) fn plan_account_purge(&mut self, now: Instant) {
        let clock = self.clock(now);
        self.bootstrap.purge_at = None;
        // Time counts from a bootstrap; without any server it has not come to one yet.
        let bootstrapped = !self.sessions.is_empty() || self.bootstrap.lingering.is_some();
        let account = self.bootstrap_account(&clock).filter(|_| bootstrapped);
        if let Some(account) = account {
            let resource = security::BOOTSTRAP_SERVER_ACCOUNT_TIMEOUT;
            let path = Path::resource(security::ID, account, resource);
            let seconds = number(&self.tree, &clock, &path).and_then(|s| u64::try_from(s).ok());
            self.bootstrap.purge_at = seconds
                .filter(|seconds| *seconds > 0)
                .map(|seconds| now + Duration::from_secs(seconds));
        }
    }

    fn purge_account(&mut self, now: Instant) {
        self.bootstrap.purge_at = None;
        let clock = self.clock(now);
        if let Some(account) = self.bootstrap_account(&clock) {
            let mut accounts = self.tree.instances(&clock, security::ID);
            accounts.remove(&account);
            let mut context = Context::new(clock, None);
            if let Some(object) = self.tree.get_mut(security::ID) {
                object.provision(&mut context, accounts);
            }
            self.store_accounts(now);
        }
    }
}
