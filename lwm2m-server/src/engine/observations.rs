//! Observations: what the program wants to be told of, and what devices observe for it.
//!
//! ```text
//!                  request                 2.05 with Observe
//!   wanted: Idle ----------> Asked ----------------------------> Established
//!             ^                |  no answer                          |
//!             |                v                                     | register, new address, connection lost
//!             +----------------+<------------------------------------+
//! ```
//!
//! What is wanted stays wanted until the program cancels it or the device refuses it: it is asked for again on each
//! registration and update that finds it idle. It is known by the name of the device, so that it outlives the
//! registration, and by a number, so that it outlives the process.

use super::{
    EngineEvent, ServerEngine, Timer,
    requests::{Purpose, RequestTicket},
};
use crate::{
    error::DeviceError,
    event::ServerEvent,
    observation::{Notification, ObservationInfo},
    persistence::Dirty,
};
use lwm2m_core::{
    attributes::Attributes,
    coap::{Code, Response},
    content::{Codec, ContentFormat},
    endpoint::ObservationId,
    entry::Entry,
    operation::{DeviceOperation, Observe, ObserveComposite},
    path::Path,
    time::Instant,
};
use rand_core::RngCore;
use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, SystemTime},
};
use tracing::debug;

/// How often a renewal that the device refuses is tried again, and after how long: a device that has just sent its
/// registration may refuse all requests until it has seen the answer.
const RENEWAL_ATTEMPTS: u8 = 3;
const RENEWAL_PAUSE: Duration = Duration::from_secs(10);

/// What to observe and how.
#[derive(Debug, Clone, PartialEq)]
pub struct ObserveTarget {
    /// What: one path, or several for a composite observation.
    pub paths: Arc<[Path]>,
    /// The format that the paths of a composite observation are sent in; `None` for a single observation.
    pub composite: Option<ContentFormat>,
    /// The format asked for.
    pub accept: Option<ContentFormat>,
    /// Attributes in the query of the request (1.2).
    pub attributes: Attributes,
}

impl ObserveTarget {
    fn operation(&self) -> DeviceOperation {
        match (self.composite, &self.paths[..]) {
            (None, [path]) => DeviceOperation::Observe(Observe {
                path: *path,
                accept: self.accept,
                attributes: self.attributes,
                cancel: false,
            }),
            (format, paths) => DeviceOperation::ObserveComposite(ObserveComposite {
                paths: paths.to_vec(),
                format: format.unwrap_or(ContentFormat::SenmlCbor),
                accept: self.accept,
                attributes: self.attributes,
                cancel: false,
            }),
        }
    }

    /// What the values of its notifications are relative to.
    fn base(&self) -> Path {
        match (self.composite, &self.paths[..]) {
            (None, [path]) => *path,
            _ => Path::ROOT,
        }
    }
}

/// Whether an observation is asked for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    First,
    Again,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Idle,
    Asked(Step),
    Established(ObservationId),
}

pub(super) struct Wanted {
    pub(super) endpoint: Arc<str>,
    pub(super) target: ObserveTarget,
    state: State,
    sequence: u64,
    attempts: u8,
}

/// All observations that are wanted.
#[derive(Default)]
pub(super) struct Observations {
    wanted: HashMap<u64, Wanted>,
    by_endpoint: HashMap<Arc<str>, Vec<u64>>,
    established: HashMap<ObservationId, u64>,
}

impl Observations {
    pub(super) fn len(&self) -> usize {
        self.wanted.len()
    }

    pub(super) fn wanted(&self, id: u64) -> Option<&Wanted> {
        self.wanted.get(&id)
    }

    fn of(&self, endpoint: &str) -> Vec<u64> {
        self.by_endpoint.get(endpoint).cloned().unwrap_or_default()
    }

    pub(super) fn insert(&mut self, id: u64, endpoint: Arc<str>, target: ObserveTarget) {
        self.by_endpoint
            .entry(endpoint.clone())
            .or_default()
            .push(id);
        let wanted = Wanted {
            endpoint,
            target,
            state: State::Idle,
            sequence: 0,
            attempts: 0,
        };
        self.wanted.insert(id, wanted);
    }

    fn remove(&mut self, id: u64) -> Option<Wanted> {
        let wanted = self.wanted.remove(&id)?;
        if let Some(ids) = self.by_endpoint.get_mut(&wanted.endpoint) {
            ids.retain(|other| *other != id);
            if ids.is_empty() {
                self.by_endpoint.remove(&wanted.endpoint);
            }
        }
        if let State::Established(observation) = wanted.state {
            self.established.remove(&observation);
        }
        Some(wanted)
    }
}

impl ServerEngine {
    /// Wants an observation of a registered device: its number, and the request that asks the device, where one was
    /// needed. What is wanted already is not asked for again while it stands.
    ///
    /// # Errors
    /// As [`request`](Self::request); [`DeviceError::Busy`] also above
    /// [`ServerConfig::max_observations`](crate::ServerConfig::max_observations).
    pub fn observe(
        &mut self,
        now: Instant,
        endpoint: &str,
        target: ObserveTarget,
    ) -> Result<(u64, Option<RequestTicket>), DeviceError> {
        let not_registered = || DeviceError::NotRegistered(endpoint.to_owned());
        let slot = self.registry.by_name(endpoint).ok_or_else(not_registered)?;
        let known = self.observations.of(endpoint);
        let same = known.iter().copied().find(|id| {
            self.observations
                .wanted(*id)
                .is_some_and(|wanted| wanted.target == target)
        });
        let deadline = Some(self.config.request_timeout);
        if let Some(id) = same {
            let idle = self
                .observations
                .wanted(id)
                .is_some_and(|wanted| wanted.state == State::Idle);
            if !idle {
                return Ok((id, None));
            }
            let ticket = self.submit(
                now,
                slot,
                &target.operation(),
                Purpose::Observe(id),
                deadline,
            )?;
            self.set_state(id, State::Asked(Step::Again));
            return Ok((id, Some(ticket)));
        }
        if known.len() >= self.config.max_observations {
            return Err(DeviceError::Busy);
        }
        // 53 bits, so that the number survives a passage through JSON.
        let id = loop {
            let id = self.random.next_u64() >> 11;
            if self.observations.wanted(id).is_none() {
                break id;
            }
        };
        let ticket = self.submit(
            now,
            slot,
            &target.operation(),
            Purpose::Observe(id),
            deadline,
        )?;
        let Some(entry) = self.registry.entry(slot) else {
            return Err(not_registered());
        };
        self.observations
            .insert(id, entry.registration.endpoint.clone(), target);
        self.set_state(id, State::Asked(Step::First));
        Ok((id, Some(ticket)))
    }

    /// Ends an observation. The request that tells the device is given back where one is needed: a device that sleeps
    /// is told by the answer to its next notification (RFC 7641, section 3.6).
    ///
    /// # Errors
    /// [`DeviceError::Invalid`] where there is no such observation.
    pub fn cancel_observation(
        &mut self,
        now: Instant,
        id: u64,
    ) -> Result<Option<RequestTicket>, DeviceError> {
        let Some(wanted) = self.observations.remove(id) else {
            return Err(DeviceError::Invalid(format!(
                "there is no observation {id}"
            )));
        };
        self.mark(|| Dirty::Observation(id));
        let mut told = None;
        if let State::Established(observation) = wanted.state {
            let slot = self.registry.by_name(&wanted.endpoint);
            let reachable = slot.filter(|slot| self.is_reachable(*slot));
            told = reachable.and_then(|slot| {
                let request = self.endpoint.cancel_observation(now, observation).ok()?;
                Some(self.adopt(slot, request))
            });
            if told.is_none() {
                self.endpoint.forget_observation(observation);
            }
        }
        self.emit(ServerEvent::ObservationCancelled {
            endpoint: wanted.endpoint,
            observation: id,
            paths: wanted.target.paths,
            code: None,
        });
        Ok(told)
    }

    /// The observations of a device that are wanted.
    pub fn observations(&self, endpoint: &str) -> Vec<ObservationInfo> {
        let ids = self.observations.of(endpoint);
        let infos = ids.into_iter().filter_map(|id| {
            let wanted = self.observations.wanted(id)?;
            Some(ObservationInfo {
                id,
                endpoint: wanted.endpoint.clone(),
                paths: wanted.target.paths.clone(),
                composite: wanted.target.composite.is_some(),
                established: matches!(wanted.state, State::Established(_)),
                notifications: wanted.sequence,
            })
        });
        infos.collect()
    }

    fn set_state(&mut self, id: u64, state: State) {
        if let Some(wanted) = self.observations.wanted.get_mut(&id) {
            if let State::Established(old) = std::mem::replace(&mut wanted.state, state) {
                self.observations.established.remove(&old);
            }
            if let State::Established(new) = state {
                self.observations.established.insert(new, id);
            }
        }
    }

    /// The request for it was given up.
    pub(super) fn on_observe_given_up(&mut self, id: u64) {
        match self.observations.wanted(id).map(|wanted| wanted.state) {
            Some(State::Asked(Step::First)) => {
                self.observations.remove(id);
            }
            Some(State::Asked(Step::Again)) => self.set_state(id, State::Idle),
            _ => {}
        }
    }

    /// The device no longer observes anything for us.
    pub(super) fn reset_observations(&mut self, endpoint: &str) {
        for id in self.observations.of(endpoint) {
            if let Some(State::Established(observation)) =
                self.observations.wanted(id).map(|wanted| wanted.state)
            {
                self.endpoint.forget_observation(observation);
                self.set_state(id, State::Idle);
            }
        }
    }

    /// Asks a device for all that is wanted of it and does not stand.
    pub(super) fn renew_observations(&mut self, now: Instant, endpoint: &str) {
        for id in self.observations.of(endpoint) {
            self.renew(now, id);
        }
    }

    pub(super) fn renew(&mut self, now: Instant, id: u64) {
        let Some(wanted) = self
            .observations
            .wanted(id)
            .filter(|wanted| wanted.state == State::Idle)
        else {
            return;
        };
        let Some(slot) = self.registry.by_name(&wanted.endpoint) else {
            return;
        };
        let operation = wanted.target.operation();
        let deadline = Some(self.config.request_timeout);
        match self.submit(now, slot, &operation, Purpose::Renew(id), deadline) {
            Ok(_) => self.set_state(id, State::Asked(Step::Again)),
            Err(error) => debug!(id, "an observation cannot be renewed yet: {error}"),
        }
    }

    pub(super) fn on_observe_response(
        &mut self,
        now: Instant,
        id: u64,
        response: &Response,
        observation: Option<ObservationId>,
    ) {
        let Some(wanted) = self.observations.wanted.get_mut(&id) else {
            // Cancelled while it was asked for.
            if let Some(observation) = observation {
                self.endpoint.forget_observation(observation);
            }
            return;
        };
        match observation {
            Some(observation) if response.code.is_success() => {
                wanted.attempts = 0;
                let (endpoint, paths) = (wanted.endpoint.clone(), wanted.target.paths.clone());
                self.set_state(id, State::Established(observation));
                self.mark(|| Dirty::Observation(id));
                self.emit(ServerEvent::ObservationEstablished {
                    endpoint,
                    observation: id,
                    paths,
                });
                self.notify(now, id, response);
            }
            // Who asked is told by the response; nothing has been observed yet.
            _ if wanted.state == State::Asked(Step::First) => {
                self.observations.remove(id);
            }
            _ => {
                // A success without Observe option is the device's way to say that it does not observe this.
                wanted.attempts += 1;
                if wanted.attempts < RENEWAL_ATTEMPTS && !response.code.is_success() {
                    self.set_state(id, State::Idle);
                    self.timers.set(now + RENEWAL_PAUSE, Timer::Renew(id));
                } else {
                    self.end_observation(id, response.code);
                }
            }
        }
    }

    pub(super) fn on_notification(
        &mut self,
        now: Instant,
        observation: ObservationId,
        response: &Response,
        last: bool,
    ) {
        let Some(&id) = self.observations.established.get(&observation) else {
            self.endpoint.forget_observation(observation);
            return;
        };
        if response.code.is_success() {
            self.notify(now, id, response);
        }
        if last || !response.code.is_success() {
            self.end_observation(id, response.code);
        }
    }

    /// The device has ended or refused an observation.
    fn end_observation(&mut self, id: u64, code: Code) {
        if let Some(wanted) = self.observations.remove(id) {
            self.mark(|| Dirty::Observation(id));
            self.emit(ServerEvent::ObservationCancelled {
                endpoint: wanted.endpoint,
                observation: id,
                paths: wanted.target.paths,
                code: Some(code),
            });
        }
    }

    /// Reports observed values.
    fn notify(&mut self, now: Instant, id: u64, response: &Response) {
        let received_at = self.wall(now);
        let Some(wanted) = self.observations.wanted.get_mut(&id) else {
            return;
        };
        let slot = self.registry.by_name(&wanted.endpoint);
        let Some(entry) = slot.and_then(|slot| self.registry.entry(slot)) else {
            return;
        };
        let registration = &entry.registration;
        let models = self
            .definitions
            .device(registration.version, &registration.objects.objects[..]);
        let codec = registration.objects.codec(&models);
        self.metrics.notifications += 1;
        let base = wanted.target.base();
        let entries = match decode(response, &base, &codec, received_at) {
            Ok(entries) => entries,
            Err(error) => {
                self.metrics.notifications_unreadable += 1;
                debug!(endpoint = %wanted.endpoint, "a notification cannot be read: {error}");
                return;
            }
        };
        let notification = Notification {
            endpoint: wanted.endpoint.clone(),
            observation: id,
            paths: wanted.target.paths.clone(),
            entries,
            sequence: wanted.sequence,
            received_at,
        };
        wanted.sequence += 1;
        let event = ServerEvent::Notification(Arc::new(notification));
        self.events.push_back(EngineEvent::Server(event));
    }
}

/// The values of a response that came at that moment.
pub(crate) fn decode(
    response: &Response,
    base: &Path,
    codec: &Codec<'_>,
    received_at: SystemTime,
) -> Result<Vec<Entry>, DeviceError> {
    match response.options.content_format() {
        None if response.payload.is_empty() => Ok(Vec::new()),
        None => Err(DeviceError::Transfer("it has no Content-Format")),
        Some(number) => {
            let unknown = DeviceError::Transfer("its Content-Format is unknown");
            let format = ContentFormat::from_number(number).ok_or(unknown)?;
            let mut entries = codec.decode_answer(format, &response.payload, base)?;
            date(&mut entries, received_at);
            Ok(entries)
        }
    }
}

/// Puts times that count from the moment of sending on the clock (RFC 8428, section 4.5.3): nobody who reads them later
/// could know that moment.
pub(crate) fn date(entries: &mut [Entry], received_at: SystemTime) {
    let since_1970 = received_at.duration_since(SystemTime::UNIX_EPOCH);
    let Ok(now) = since_1970.map(|time| time.as_secs_f64()) else {
        return;
    };
    for entry in entries.iter_mut().filter(|entry| entry.time.is_some()) {
        entry.time = Some(entry.time_at(now));
    }
}
