//! What the client tells servers by itself: notifications and Send (Core 1.2.2, section 6.4).
//!
//! Notifications are not stored while a server cannot be reached (/1/x/6): an observation ends with its
//! connection, and the server that registers the client again observes what it wants.

use super::{ClientEngine, Purpose, SendError, management::Refusal};
use crate::{
    event::{ClientEvent, SessionError},
    object::{Context, ResourceValue},
    tree::{Access, flag, number},
};
use alloc::vec::Vec;
use lwm2m_core::{
    attributes::{AttributeChange, Attributes},
    coap::{Request, Response},
    content::{
        ContentFormat,
        negotiation::{self, Extent, is_allowed, send_format},
    },
    endpoint::{ExchangeId, ObserverId, RequestOptions},
    entry::Entry,
    notification::{CompositeRule, Decision, ElementState, NotificationRule},
    operation::{Observe, ObserveComposite, Payload, Send},
    path::Path,
    time::Instant,
    value::Value,
    version::LwM2mVersion,
};
use lwm2m_objects::server;

/// What a server wants to observe.
pub(super) struct Wanted {
    paths: Vec<Path>,
    /// The format of the request, where it is a composite one.
    composite: Option<ContentFormat>,
    accept: Option<ContentFormat>,
    attributes: Attributes,
}

impl From<Observe> for Wanted {
    fn from(observe: Observe) -> Self {
        Wanted {
            paths: Vec::from([observe.path]),
            composite: None,
            accept: observe.accept,
            attributes: observe.attributes,
        }
    }
}

impl From<ObserveComposite> for Wanted {
    fn from(observe: ObserveComposite) -> Self {
        Wanted {
            paths: observe.paths,
            composite: Some(observe.format),
            accept: observe.accept,
            attributes: observe.attributes,
        }
    }
}

#[derive(Debug)]
enum Rule {
    Single(NotificationRule),
    Composite(CompositeRule),
}

/// A server's observation.
#[derive(Debug)]
pub(super) struct Observer {
    id: ObserverId,
    server: u16,
    paths: Vec<Path>,
    format: ContentFormat,
    /// Attributes of the observe request itself (1.2): they rule in place of the attached ones.
    own: Option<Attributes>,
    confirmable: bool,
    rule: Rule,
    /// Which paths have changed since the last notification.
    changed: Vec<bool>,
    /// When to look at it next.
    pub(super) next: Option<Instant>,
}

impl Observer {
    /// What a notification is about.
    fn base(&self) -> Path {
        match (&self.rule, self.paths.first()) {
            (Rule::Single(_), Some(path)) => *path,
            _ => Path::ROOT,
        }
    }

    fn decide(&mut self, now: Instant, values: &[Option<Value>]) -> Decision {
        match &mut self.rule {
            Rule::Single(rule) => {
                let value = values.first().and_then(Option::as_ref);
                rule.evaluate(now, value, self.changed.contains(&true))
            }
            Rule::Composite(rule) => {
                let elements = values.iter().zip(&self.changed);
                rule.evaluate(
                    now,
                    elements.map(|(value, changed)| ElementState {
                        value: value.as_ref(),
                        changed: *changed,
                    }),
                )
            }
        }
    }

    fn notified(&mut self, now: Instant, values: &[Option<Value>]) {
        self.changed.fill(false);
        match &mut self.rule {
            Rule::Single(rule) => rule.notified(now, values.first().and_then(Option::as_ref)),
            Rule::Composite(rule) => rule.notified(now, values.iter().map(Option::as_ref)),
        }
    }
}

impl ClientEngine {
    pub(super) fn observe(
        &mut self,
        now: Instant,
        server: u16,
        version: LwM2mVersion,
        exchange: ExchangeId,
        wanted: Wanted,
    ) {
        let context = Context::new(self.clock(now), Some(server));
        let (format, response) = match self.first_content(&context, version, &wanted) {
            Ok(first) => first,
            Err(refusal) => return self.respond(now, exchange, refusal.response()),
        };
        if self.observers.len() >= self.config.max_observers {
            // RFC 7641, section 4.1: without Observe it is a plain answer.
            return self.respond(now, exchange, response);
        }
        let id = match self.endpoint.respond_observe(now, exchange, response) {
            Ok(id) => id,
            Err(error) => {
                tracing::debug!(%error, "an observation did not begin");
                return;
            }
        };
        let Wanted {
            paths,
            composite,
            attributes,
            ..
        } = wanted;
        let own = (attributes != Attributes::default()).then_some(attributes);
        let composite = composite.is_some();
        let (rule, confirmable) = self.rule(now, server, &paths, composite, own.as_ref());
        (self.events).push_back(ClientEvent::ObservationStarted {
            server,
            paths: paths.clone(),
        });
        self.observers.push(Observer {
            id,
            server,
            format,
            own,
            confirmable,
            rule,
            changed: alloc::vec![false; paths.len()],
            paths,
            next: None,
        });
        let index = self.observers.len() - 1;
        self.evaluate(now, index);
    }

    /// The response that begins an observation, and the format of all that follow.
    fn first_content(
        &self,
        context: &Context,
        version: LwM2mVersion,
        wanted: &Wanted,
    ) -> Result<(ContentFormat, Response), Refusal> {
        wanted.attributes.validate()?;
        if let Some(request) = wanted.composite {
            let format = Self::composite_format(version, wanted.accept, request)?;
            let entries = self.read_composite(context, &wanted.paths)?;
            return Ok((format, self.content(format, &entries, &Path::ROOT)?));
        }
        let path = wanted.paths.first().copied().unwrap_or_default();
        let entries = self.tree.read(&context.clock, &path, Access::Server)?;
        let names = AttributeChange::from(wanted.attributes).names();
        names.check_at(path.level(), self.data_type(&path))?;
        let format = self.read_format(version, wanted.accept, &path)?;
        Ok((format, self.content(format, &entries, &path)?))
    }

    /// The rule of an observation by the attributes of now, and whether its notifications are confirmable.
    fn rule(
        &self,
        now: Instant,
        server: u16,
        paths: &[Path],
        composite: bool,
        own: Option<&Attributes>,
    ) -> (Rule, bool) {
        let defaults = self.defaults(now, server);
        let own = own.map(|own| own.or(&defaults));
        let values = self.values(now, paths);
        let attached = |path: &Path| self.attributes.effective(server, path).or(&defaults);
        if composite {
            let elements: Vec<_> = paths.iter().map(attached).collect();
            let confirmable = match &own {
                Some(own) => own.con == Some(true),
                None => elements
                    .iter()
                    .any(|attributes| attributes.con == Some(true)),
            };
            let elements = elements.into_iter().zip(values.iter().map(Option::as_ref));
            let rule = CompositeRule::new(own.as_ref(), elements, now);
            return (Rule::Composite(rule), confirmable);
        }
        let attributes = own.unwrap_or_else(|| paths.first().map(attached).unwrap_or(defaults));
        let value = values.first().and_then(Option::as_ref);
        let confirmable = attributes.con == Some(true);
        (
            Rule::Single(NotificationRule::new(attributes, now, value)),
            confirmable,
        )
    }

    /// The single values of observed paths.
    fn values(&self, now: Instant, paths: &[Path]) -> Vec<Option<Value>> {
        let clock = self.clock(now);
        let value = |path: &Path| match self.tree.value(&clock, path) {
            Ok(ResourceValue::Single(value)) => Some(value),
            _ => None,
        };
        paths.iter().map(value).collect()
    }

    /// What the server object says of all observations of a server (/1/x/2, 3, 26).
    fn defaults(&self, now: Instant, server: u16) -> Attributes {
        let clock = self.clock(now);
        let session = self
            .sessions
            .iter()
            .find(|session| session.server_id == server);
        let default = |resource| {
            let path = Path::resource(server::ID, session?.instance, resource);
            number(&self.tree, &clock, &path).and_then(|number| u32::try_from(number).ok())
        };
        let mut defaults = Attributes::default();
        defaults.pmin = default(server::DEFAULT_MINIMUM_PERIOD);
        defaults.pmax = default(server::DEFAULT_MAXIMUM_PERIOD);
        defaults.con = default(server::DEFAULT_NOTIFICATION_MODE).map(|mode| mode == 1);
        defaults
    }

    /// Lets observations follow a change of attributes or of the defaults in the server object.
    pub(super) fn refresh_attributes(&mut self, now: Instant, server: Option<u16>) {
        for index in 0..self.observers.len() {
            let observer = &self.observers[index];
            if server.is_some_and(|server| server != observer.server) {
                continue;
            }
            let composite = matches!(observer.rule, Rule::Composite(_));
            let own = observer.own.as_ref();
            let (rule, confirmable) =
                self.rule(now, observer.server, &observer.paths, composite, own);
            let observer = &mut self.observers[index];
            observer.confirmable = confirmable;
            match (&mut observer.rule, rule) {
                // What it remembers stays.
                (Rule::Single(present), Rule::Single(new)) => {
                    present.set_attributes(*new.attributes());
                }
                (Rule::Composite(present), Rule::Composite(new)) => present.follow(&new),
                (present, new) => *present = new,
            }
            observer.next = Some(now);
        }
        self.tick_observers(now);
    }

    pub(super) fn mark_changed(&mut self, now: Instant, changed: &[Path]) {
        for observer in &mut self.observers {
            for (observed, mark) in observer.paths.iter().zip(&mut observer.changed) {
                let touched =
                    (changed.iter()).any(|path| observed.contains(path) || path.contains(observed));
                if touched {
                    *mark = true;
                    observer.next = Some(now);
                }
            }
        }
        self.tick_observers(now);
    }

    pub(super) fn tick_observers(&mut self, now: Instant) {
        let due = |observer: &Observer| observer.next.is_some_and(|next| next <= now);
        let ids: Vec<ObserverId> = (self.observers.iter())
            .filter(|observer| due(observer))
            .map(|observer| observer.id)
            .collect();
        for id in ids {
            if let Some(index) = self.observers.iter().position(|observer| observer.id == id) {
                self.evaluate(now, index);
            }
        }
    }

    fn evaluate(&mut self, now: Instant, index: usize) {
        let values = self.values(now, &self.observers[index].paths);
        let observer = &mut self.observers[index];
        match observer.decide(now, &values) {
            Decision::Now => self.notify(now, index, &values),
            Decision::At(at) | Decision::SampleAt(at) => observer.next = Some(at),
            _ => observer.next = None,
        }
    }

    fn notify(&mut self, now: Instant, index: usize, values: &[Option<Value>]) {
        let context = Context::new(self.clock(now), None);
        let observer = &self.observers[index];
        let (id, base) = (observer.id, observer.base());
        let entries = match observer.rule {
            Rule::Composite(_) => self.read_composite(&context, &observer.paths),
            Rule::Single(_) => {
                (self.tree.read(&context.clock, &base, Access::Server)).map_err(Refusal::from)
            }
        };
        let content = entries.and_then(|entries| self.content(observer.format, &entries, &base));
        let sent = match content {
            Ok(content) => {
                let confirmable = observer.confirmable;
                self.endpoint.notify(now, id, content, confirmable).is_ok()
            }
            // What was observed is gone: an error ends the observation (RFC 7641, section 3.2).
            Err(refusal) => {
                if self
                    .endpoint
                    .notify(now, id, refusal.response(), true)
                    .is_err()
                {
                    tracing::debug!("an observer was gone before its end");
                }
                false
            }
        };
        if !sent {
            return self.on_observer_gone(id);
        }
        let observer = &mut self.observers[index];
        observer.notified(now, values);
        // The periods begin anew.
        observer.next = match observer.decide(now, values) {
            Decision::At(at) | Decision::SampleAt(at) => Some(at),
            _ => None,
        };
    }

    pub(super) fn on_observer_gone(&mut self, id: ObserverId) {
        if let Some(index) = self.observers.iter().position(|observer| observer.id == id) {
            let Observer { server, paths, .. } = self.observers.remove(index);
            (self.events).push_back(ClientEvent::ObservationEnded { server, paths });
        }
    }

    /// Ends the observations of a server without a word to it.
    pub(super) fn forget_observers(&mut self, server: u16) {
        let ids = self.observers.iter().filter(|o| o.server == server);
        for id in ids.map(|observer| observer.id).collect::<Vec<_>>() {
            self.endpoint.remove_observer(id);
            self.on_observer_gone(id);
        }
    }

    // --- Send ----------------------------------------------------------------------------------------

    pub(super) fn send_values(&mut self, now: Instant, paths: &[Path]) -> Result<u64, SendError> {
        let clock = self.clock(now);
        let mut entries: Vec<Entry> = Vec::new();
        for path in paths {
            let found = self.tree.read(&clock, path, Access::Server);
            entries.extend(found.map_err(|_| SendError::Path(*path))?);
        }
        let targets: Vec<_> = (self.sessions.iter())
            .filter(|session| session.registration.is_registered())
            .filter(|session| session.registration.version() >= LwM2mVersion::V1_1)
            .filter_map(|session| {
                let peer = session.peer?;
                let version = session.registration.version();
                Some((session.server_id, session.instance, peer, version))
            })
            .collect();
        if targets.is_empty() {
            return Err(SendError::NoServer);
        }
        let unmuted: Vec<_> = targets
            .into_iter()
            .filter(|(_, instance, ..)| {
                let path = Path::resource(server::ID, *instance, server::MUTE_SEND);
                flag(&self.tree, &clock, &path) == Some(false)
            })
            .collect();
        if unmuted.is_empty() {
            return Err(SendError::Muted);
        }
        let sends = (self.pending.iter()).filter(|(_, p)| matches!(p, Purpose::Send { .. }));
        if sends.count() + unmuted.len() > self.config.max_sends {
            return Err(SendError::Busy);
        }
        // All of them are made before the first is sent: an error says that none is.
        let requests = unmuted.into_iter().map(|(server, _, peer, version)| {
            let request = self.send_request(version, &entries)?;
            Ok((server, peer, request))
        });
        let requests = requests.collect::<Result<Vec<_>, SendError>>()?;
        let id = self.next_send;
        let (mut sent, mut refused) = (false, Vec::new());
        for (server, peer, request) in requests {
            let options = RequestOptions::default();
            match self.endpoint.request(now, peer, request, options) {
                Ok(request) => {
                    self.pending.push((request, Purpose::Send { server, id }));
                    sent = true;
                }
                Err(error) => {
                    tracing::debug!(%error, server, "a Send was not sent");
                    refused.push(server);
                }
            }
        }
        if !sent {
            return Err(SendError::Busy);
        }
        self.next_send += 1;
        // What has gone to one server cannot be taken back for the sake of another.
        for server in refused {
            let result = Err(SessionError::Busy);
            (self.events).push_back(ClientEvent::Sent { id, server, result });
        }
        Ok(id)
    }

    fn send_request(&self, version: LwM2mVersion, entries: &[Entry]) -> Result<Request, SendError> {
        let allowed = |format: &ContentFormat| {
            is_allowed(*format, negotiation::Purpose::Send, Extent::Values, version)
        };
        let format = (self.config.format.filter(allowed)).or(send_format(version));
        let format = format.ok_or(SendError::Encode)?;
        let payload = Payload::encode(format, entries, &Path::ROOT, &self.tree)
            .map_err(|_| SendError::Encode)?;
        Ok(Send { payload }.to_request())
    }
}
