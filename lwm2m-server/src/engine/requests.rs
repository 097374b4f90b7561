//! Requests to devices.
//!
//! ```text
//!              device sleeps or has no connection
//!   request ----------------------------------------> Waiting --(sleep_timeout)--> failed: Timeout
//!      |                                                 |
//!      | device awake                                    | device speaks
//!      v                                                 |
//!    Sent <----------------------------------------------+
//!      |
//!      +--> answered, or failed: Timeout, Reset, Unreachable, RegistrationEnded, Transfer
//! ```

use super::{EngineEvent, ServerEngine, Timer, registry::Slot};
use crate::{error::DeviceError, registration::Presence};
use lwm2m_core::{
    coap::{Request, Response},
    endpoint::{EndpointError, Failure, ObservationId, RequestId, RequestOptions},
    operation::DeviceOperation,
    time::Instant,
    timer::TimerId,
};
use std::{
    collections::HashMap,
    time::{Duration, SystemTime},
};

/// Names a request to a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestTicket(u64);

/// What a device has answered.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Answer {
    /// The response; that of an error, too.
    pub response: Response,
    /// When it came, by the engine's wall clock: times in it may count from then (RFC 8428, section 4.5.3).
    pub received_at: SystemTime,
}

/// What a request is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Somebody waits for the response.
    Call,
    /// It begins an observation; somebody waits for the response.
    Observe(u64),
    /// It begins an observation anew; nobody waits.
    Renew(u64),
}

enum State {
    Waiting {
        request: Box<Request>,
        timer: TimerId,
    },
    Sent(RequestId),
}

struct Pending {
    slot: Slot,
    purpose: Purpose,
    deadline: Option<Duration>,
    state: State,
}

/// All requests that have not ended.
#[derive(Default)]
pub(super) struct Requests {
    last: u64,
    pending: HashMap<RequestTicket, Pending>,
    by_exchange: HashMap<RequestId, RequestTicket>,
}

impl Requests {
    pub(super) fn len(&self) -> usize {
        self.pending.len()
    }
}

impl ServerEngine {
    /// Sends an operation to a device; it ends in one [`EngineEvent::Completed`]. Where the device sleeps, the request
    /// waits until it speaks. `deadline` counts from when it is sent.
    ///
    /// # Errors
    /// [`DeviceError::NotRegistered`], [`DeviceError::Busy`], [`DeviceError::Unreachable`], [`DeviceError::Invalid`].
    pub fn request(
        &mut self,
        now: Instant,
        endpoint: &str,
        operation: &DeviceOperation,
        deadline: Option<Duration>,
    ) -> Result<RequestTicket, DeviceError> {
        let not_registered = || DeviceError::NotRegistered(endpoint.to_owned());
        let slot = self.registry.by_name(endpoint).ok_or_else(not_registered)?;
        self.submit(now, slot, operation, Purpose::Call, deadline)
    }

    /// Gives a request up; no event follows. What was sent cannot be unsent.
    pub fn cancel(&mut self, ticket: RequestTicket) {
        if let Some(pending) = self.take(ticket) {
            if let State::Sent(id) = pending.state {
                self.endpoint.cancel_request(id);
            }
            if let Purpose::Observe(id) | Purpose::Renew(id) = pending.purpose {
                self.on_observe_given_up(id);
            }
        }
    }

    pub(super) fn submit(
        &mut self,
        now: Instant,
        slot: Slot,
        operation: &DeviceOperation,
        purpose: Purpose,
        deadline: Option<Duration>,
    ) -> Result<RequestTicket, DeviceError> {
        let Some(entry) = self.registry.entry(slot) else {
            return Err(DeviceError::RegistrationEnded);
        };
        if entry.requests.len() >= self.config.max_requests {
            return Err(DeviceError::Busy);
        }
        let root = entry.registration.objects.links.supported().root();
        let request = operation.to_request_below(root);
        let awake = entry.registration.presence == Presence::Awake;
        let state = match entry.peer {
            Some(peer) if awake => {
                let options = options(deadline);
                let sent = self.endpoint.request(now, peer, request, options);
                State::Sent(sent.map_err(refused)?)
            }
            None if !entry.registration.queue_mode => return Err(DeviceError::Unreachable),
            _ => {
                let ticket = RequestTicket(self.requests.last + 1);
                let timer = self
                    .timers
                    .set(now + self.config.sleep_timeout, Timer::Request(ticket));
                State::Waiting {
                    request: Box::new(request),
                    timer,
                }
            }
        };
        self.requests.last += 1;
        let ticket = RequestTicket(self.requests.last);
        if let State::Sent(id) = state {
            self.requests.by_exchange.insert(id, ticket);
            self.metrics.requests += 1;
        }
        let pending = Pending {
            slot,
            purpose,
            deadline,
            state,
        };
        self.requests.pending.insert(ticket, pending);
        if let Some(entry) = self.registry.entry_mut(slot) {
            entry.requests.push(ticket);
        }
        Ok(ticket)
    }

    /// Takes note of a request that the endpoint has under way already.
    pub(super) fn adopt(&mut self, slot: Slot, id: RequestId) -> RequestTicket {
        self.requests.last += 1;
        let ticket = RequestTicket(self.requests.last);
        self.requests.by_exchange.insert(id, ticket);
        self.metrics.requests += 1;
        let pending = Pending {
            slot,
            purpose: Purpose::Call,
            deadline: None,
            state: State::Sent(id),
        };
        self.requests.pending.insert(ticket, pending);
        if let Some(entry) = self.registry.entry_mut(slot) {
            entry.requests.push(ticket);
        }
        ticket
    }

    /// Sends what waits for a device, in order, where it can be reached now.
    pub(super) fn send_waiting(&mut self, now: Instant, slot: Slot) {
        let Some(entry) = self.registry.entry(slot) else {
            return;
        };
        let Some(peer) = entry
            .peer
            .filter(|_| entry.registration.presence == Presence::Awake)
        else {
            return;
        };
        if entry.requests.is_empty() {
            return;
        }
        for ticket in entry.requests.clone() {
            let Some(pending) = self.requests.pending.get_mut(&ticket) else {
                continue;
            };
            let State::Waiting { request, timer } = &pending.state else {
                continue;
            };
            let (request, timer) = ((**request).clone(), *timer);
            match self
                .endpoint
                .request(now, peer, request, options(pending.deadline))
            {
                Ok(id) => {
                    pending.state = State::Sent(id);
                    self.timers.cancel(timer);
                    self.requests.by_exchange.insert(id, ticket);
                    self.metrics.requests += 1;
                }
                // What does not fit now goes with the next datagram of the device.
                Err(EndpointError::Busy) => break,
                Err(error) => self.complete(ticket, Err(refused(error))),
            }
        }
    }

    /// Fails the requests of a device that are under way: their peer is not there any more.
    pub(super) fn fail_sent(&mut self, slot: Slot, error: &DeviceError) {
        let tickets = self
            .registry
            .entry(slot)
            .map(|entry| entry.requests.clone());
        for ticket in tickets.unwrap_or_default() {
            let pending = self.requests.pending.get(&ticket);
            if let Some(Pending {
                state: State::Sent(id),
                ..
            }) = pending
            {
                self.endpoint.cancel_request(*id);
                self.complete(ticket, Err(error.clone()));
            }
        }
    }

    /// Fails all requests of a device.
    pub(super) fn fail_all(&mut self, slot: Slot, error: &DeviceError) {
        self.fail_sent(slot, error);
        let tickets = self
            .registry
            .entry(slot)
            .map(|entry| entry.requests.clone());
        for ticket in tickets.unwrap_or_default() {
            self.complete(ticket, Err(error.clone()));
        }
    }

    pub(super) fn on_response(
        &mut self,
        now: Instant,
        id: RequestId,
        response: Response,
        observation: Option<ObservationId>,
    ) {
        let Some(ticket) = self.requests.by_exchange.get(&id).copied() else {
            // Its request was given up, but the device observes for us now.
            if let Some(observation) = observation {
                self.endpoint.forget_observation(observation);
            }
            return;
        };
        let purpose = self
            .requests
            .pending
            .get(&ticket)
            .map(|pending| pending.purpose);
        match purpose {
            Some(Purpose::Observe(observed) | Purpose::Renew(observed)) => {
                self.on_observe_response(now, observed, &response, observation);
            }
            _ => {
                if let Some(observation) = observation {
                    self.endpoint.forget_observation(observation);
                }
            }
        }
        let received_at = self.wall(now);
        self.complete(
            ticket,
            Ok(Answer {
                response,
                received_at,
            }),
        );
    }

    pub(super) fn on_request_failed(&mut self, id: RequestId, failure: Failure) {
        let Some(ticket) = self.requests.by_exchange.get(&id).copied() else {
            return;
        };
        if failure == Failure::Timeout
            && let Some(pending) = self.requests.pending.get(&ticket)
        {
            self.fall_asleep(pending.slot);
        }
        self.complete(ticket, Err(failed(failure)));
    }

    pub(super) fn on_progress(&mut self, id: RequestId, sent: usize, total: usize) {
        if let Some(&ticket) = self.requests.by_exchange.get(&id) {
            self.events.push_back(EngineEvent::Progress {
                ticket,
                sent,
                total,
            });
        }
    }

    /// Ends a request.
    pub(super) fn complete(&mut self, ticket: RequestTicket, result: Result<Answer, DeviceError>) {
        let Some(pending) = self.take(ticket) else {
            return;
        };
        if result.is_err() {
            self.metrics.requests_failed += 1;
        }
        if let (Purpose::Observe(id) | Purpose::Renew(id), Err(_)) = (pending.purpose, &result) {
            self.on_observe_given_up(id);
        }
        if !matches!(pending.purpose, Purpose::Renew(_)) {
            self.events
                .push_back(EngineEvent::Completed { ticket, result });
        }
    }

    fn take(&mut self, ticket: RequestTicket) -> Option<Pending> {
        let pending = self.requests.pending.remove(&ticket)?;
        match &pending.state {
            State::Waiting { timer, .. } => self.timers.cancel(*timer),
            State::Sent(id) => {
                self.requests.by_exchange.remove(id);
            }
        }
        if let Some(entry) = self.registry.entry_mut(pending.slot) {
            entry.requests.retain(|other| *other != ticket);
        }
        Some(pending)
    }
}

fn options(deadline: Option<Duration>) -> RequestOptions {
    let mut options = RequestOptions::default();
    options.deadline = deadline;
    options
}

fn refused(error: EndpointError) -> DeviceError {
    match error {
        EndpointError::Busy => DeviceError::Busy,
        _ => DeviceError::Invalid(error.to_string()),
    }
}

fn failed(failure: Failure) -> DeviceError {
    match failure {
        Failure::Reset => DeviceError::Reset,
        Failure::PeerLost => DeviceError::Unreachable,
        Failure::BlockTransfer => DeviceError::Transfer("the block-wise transfer broke"),
        Failure::TooLarge => DeviceError::Transfer("it is too large"),
        _ => DeviceError::Timeout,
    }
}
