//! The client as one value without tasks, sockets or clock.
//!
//! ```text
//!   datagrams ──▶ Endpoint ──▶ requests of servers ──▶ management ──▶ ObjectTree ──▶ changes ──▶ reporting
//!                    │   └───▶ requests of the bootstrap server ──▶ Staging ──(finish)──▶ ObjectTree
//!                    └───────▶ answers ──▶ Registration (one for each server), Bootstrap
//! ```

mod bootstrap;
mod management;
mod reporting;
mod sessions;
#[cfg(test)]
pub(crate) mod tests;
mod uploads;

use crate::{
    account::ServerAccount,
    action::Action,
    builder::{BuildError, ClientBuilder},
    config::ClientConfig,
    data::DataObject,
    device::DeviceObject,
    event::ClientEvent,
    firmware::UpdateResult,
    object::{Clock, Context, Instance, ObjectError, ResourceValue},
    state::{ClientState, Storage},
    statistics::Traffic,
    tree::{ObjectTree, TreeLimits},
};
use alloc::{
    boxed::Box,
    collections::{BTreeMap, VecDeque},
    string::String,
    vec::Vec,
};
use bootstrap::Bootstrap;
use core::time::Duration;
use lwm2m_core::{
    attributes::AttributeStore,
    endpoint::{Endpoint, Event, ExchangeId, RequestId},
    engine::{Engine, Inbound, Outbound},
    link::Link,
    model::ObjectModel,
    operation::parse_profiles,
    path::{Path, is_security_object},
    peer::PeerId,
    time::Instant,
    version::LwM2mVersion,
};
use lwm2m_objects::{connectivity_statistics, firmware_update, security, server};
use rand_core::RngCore;
use reporting::Observer;
use sessions::Session;
use uploads::Upload;

/// Why a Send is not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// No server is registered that speaks 1.1 or later.
    #[error("no registered server takes Send")]
    NoServer,
    /// The servers have muted it (/1/x/23; muted where it is absent).
    #[error("Send is muted by the server")]
    Muted,
    /// A path that is not there or cannot be read.
    #[error("{0} cannot be read")]
    Path(Path),
    /// The values have no form in the format.
    #[error("the values cannot be encoded")]
    Encode,
    /// Too many are under way.
    #[error("too many are under way")]
    Busy,
}

/// What a request of ours is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// Register, update, de-register; by short server id.
    Registration(u16),
    /// The bootstrap request.
    Bootstrap,
    /// A Send.
    Send { server: u16, id: u64 },
}

/// An LwM2M client.
///
/// See [`Engine`] for how it is driven. Everything that can be asked of it returns at once; what follows comes as
/// [`ClientEvent`]s.
pub struct ClientEngine {
    name: String,
    config: ClientConfig,
    tree: ObjectTree,
    endpoint: Endpoint,
    sessions: Vec<Session>,
    bootstrap: Bootstrap,
    attributes: AttributeStore,
    observers: Vec<Observer>,
    pending: Vec<(RequestId, Purpose)>,
    uploads: Vec<Upload>,
    outbound: VecDeque<Outbound>,
    events: VecDeque<ClientEvent>,
    next_connection: u64,
    next_send: u64,
    /// What the profile stands for: the links of its objects as the device leaves the factory.
    profiled: Vec<Link>,
    /// Revision of the tree that the registrations know of.
    told_revision: u64,
    /// What was sent and received and not told to the tree yet, with the moment until which it was.
    traffic: (Instant, Traffic),
    restart_at: Option<Instant>,
    stopping: bool,
    storage: Option<Box<dyn Storage>>,
    factory: ClientState,
}

impl ClientEngine {
    /// Begins to put a client together. `endpoint_name` is what servers know the device by, for example
    /// `urn:imei:350000000000001` (Core 1.2.2, section 7.4.1).
    pub fn builder(endpoint_name: impl Into<String>) -> ClientBuilder {
        ClientBuilder::new(endpoint_name)
    }

    pub(crate) fn from_builder(
        builder: ClientBuilder,
        now: Instant,
        random: Box<dyn RngCore + Send>,
    ) -> Result<Self, BuildError> {
        let ClientBuilder {
            endpoint_name,
            config,
            bootstrap,
            servers,
            objects,
            mut storage,
        } = builder;
        if endpoint_name.is_empty() || endpoint_name.len() > 240 {
            return Err(BuildError::EndpointName);
        }
        if let Some(profile) = &config.profile
            && (parse_profiles(&profile.ids).is_err()
                || profile.objects.iter().copied().any(is_security_object))
        {
            return Err(BuildError::Profile);
        }
        let factory = factory_state(bootstrap.as_ref(), servers)?;
        let state = storage.as_mut().and_then(|storage| storage.load());
        if factory.security.is_empty() && state.is_none() {
            return Err(BuildError::NoAccount);
        }
        let (security_model, server_model) = core_models(config.version);
        let mut tree = ObjectTree::default();
        tree.insert(Box::new(DataObject::new(security_model).provisionable()));
        tree.insert(Box::new(server_object(server_model)));
        for object in objects {
            let id = object.model().id;
            if !tree.insert(object) {
                return Err(BuildError::DuplicateObject(id));
            }
        }
        // Every client has it.
        tree.insert(Box::new(DeviceObject::new(Instance::new())));
        let mut engine = ClientEngine {
            endpoint: Endpoint::new(config.endpoint.clone(), random),
            name: endpoint_name,
            tree,
            sessions: Vec::new(),
            bootstrap: Bootstrap::default(),
            attributes: AttributeStore::new(config.max_attributes),
            config,
            observers: Vec::new(),
            pending: Vec::new(),
            uploads: Vec::new(),
            outbound: VecDeque::new(),
            events: VecDeque::new(),
            next_connection: 0,
            next_send: 0,
            profiled: Vec::new(),
            told_revision: 0,
            traffic: (now, Traffic::default()),
            restart_at: None,
            stopping: false,
            storage,
            factory: factory.clone(),
        };
        engine.provision(now, factory);
        // Before what a bootstrap has made of it: of that the servers know nothing.
        engine.profiled = engine.profile_links();
        if let Some(state) = state {
            engine.provision(now, state);
        }
        engine.begin(now);
        engine.settle(now);
        Ok(engine)
    }

    fn clock(&self, now: Instant) -> Clock {
        Clock {
            now,
            unix_at_zero: self.config.unix_at_zero,
        }
    }

    fn limits(&self) -> TreeLimits {
        TreeLimits {
            instances: self.config.max_instances,
            resources: self.config.max_resources,
        }
    }

    // --- what the program asks ---------------------------------------------------------------------

    /// Puts a value in place, as the owner of the device: only the type counts. Observers are told as their
    /// attributes say.
    ///
    /// # Errors
    /// [`ObjectError::NotFound`] without such an instance or definition, [`ObjectError::BadRequest`] for the wrong
    /// type.
    pub fn set(
        &mut self,
        now: Instant,
        path: Path,
        value: impl Into<ResourceValue>,
    ) -> Result<(), ObjectError> {
        let mut context = Context::new(self.clock(now), None);
        let result = self.tree.set(&mut context, &path, value.into());
        self.after(now, context);
        self.settle(now);
        result
    }

    /// The value of a resource, whatever servers may do with it.
    ///
    /// # Errors
    /// [`ObjectError::NotFound`]
    pub fn value(&self, now: Instant, path: Path) -> Result<ResourceValue, ObjectError> {
        self.tree.value(&self.clock(now), &path)
    }

    /// Tells observers of values that an [`Object`](crate::object::Object) of the program's own has changed.
    pub fn changed(&mut self, now: Instant, path: Path) {
        let mut context = Context::new(self.clock(now), None);
        context.changed(path);
        self.after(now, context);
        self.settle(now);
    }

    /// Makes an object instance. One that was deleted and is a part of the device is seen again, with these resources
    /// written to it.
    ///
    /// # Errors
    /// [`ObjectError::NotFound`] without such an object, [`ObjectError::BadRequest`] where it is there already.
    pub fn create(
        &mut self,
        now: Instant,
        path: Path,
        resources: Instance,
    ) -> Result<(), ObjectError> {
        let &[object, instance] = path.ids() else {
            return Err(ObjectError::NotFound);
        };
        let mut context = Context::new(self.clock(now), None);
        let result = (self.tree).insert_instance(&mut context, object, instance, resources);
        context.changed(path);
        self.after(now, context);
        self.settle(now);
        result
    }

    /// Takes an object instance away.
    ///
    /// # Errors
    /// [`ObjectError::NotFound`], [`ObjectError::MethodNotAllowed`] for the device object, and what its object has against
    /// it.
    pub fn delete(&mut self, now: Instant, path: Path) -> Result<(), ObjectError> {
        let mut context = Context::new(self.clock(now), None);
        let result = self.tree.delete(&mut context, &path);
        if result.is_ok() {
            self.attributes.remove(&path);
        }
        context.changed(path);
        self.after(now, context);
        self.settle(now);
        result
    }

    /// Sends the values at and below these paths to every registered server that has not muted Send; answered
    /// by one [`ClientEvent::Sent`] for each server, with the id that is returned (Core 1.2.2, section 6.4.6).
    ///
    /// # Errors
    /// See [`SendError`]. Nothing is sent to anybody then; where it cannot be sent to one of several servers, the event
    /// about that one says so.
    pub fn send(&mut self, now: Instant, paths: &[Path]) -> Result<u64, SendError> {
        let sent = self.send_values(now, paths);
        self.settle(now);
        sent
    }

    /// Sends a registration update to every server now.
    pub fn update(&mut self, now: Instant) {
        self.step_all(now, crate::registration::Input::Update);
        self.settle(now);
    }

    /// Says that the device has another address: another network, another bearer. Servers without security, which know it
    /// by its address, are registered with anew over another connection (Transport 1.2.2, section 6.4.3), and their
    /// observations end. The others get a registration update: from another socket in the same session where the server
    /// has given that a Connection ID (RFC 9146); where it has not the session ends with
    /// [`ClientEvent::RegistrationLost`], and a new one follows.
    pub fn address_changed(&mut self, now: Instant) {
        self.move_sessions(now);
        self.settle(now);
    }

    /// Begins a bootstrap where there is a bootstrap account; false where there is none.
    pub fn start_bootstrap(&mut self, now: Instant) -> bool {
        let begun = self.begin_bootstrap(now, false);
        self.settle(now);
        begun
    }

    /// De-registers everywhere and stops; [`ClientEvent::Stopped`] follows, at the latest after
    /// [`ClientConfig::deregister_timeout`], or twice that where a registration is under way.
    pub fn deregister(&mut self, now: Instant) {
        self.stopping = true;
        self.restart_at = None;
        self.abort_bootstrap(now);
        self.step_all(now, crate::registration::Input::Stop);
        self.settle(now);
    }

    /// Begins anew after a while, as a device that is switched off and on: connections, observations and
    /// exchanges are forgotten, accounts and objects stay.
    pub fn reboot(&mut self, now: Instant, after: Duration) {
        self.restart_at = Some(now + after);
        if after.is_zero() {
            self.restart(now);
        }
        self.settle(now);
    }

    /// Puts the accounts of the factory back, with the parts of the device that were deleted, and begins anew (/3/0/5).
    pub fn factory_reset(&mut self, now: Instant) {
        self.provision(now, self.factory.clone());
        self.tree.bring_back_all();
        self.store_accounts(now);
        self.restart(now);
        self.settle(now);
    }

    /// Says how an installation went that [`ClientEvent::FirmwareInstallRequested`] asked for.
    ///
    /// # Errors
    /// [`ObjectError::NotFound`] without a firmware object, [`ObjectError::MethodNotAllowed`] where no
    /// installation is under way.
    pub fn firmware_result(
        &mut self,
        now: Instant,
        result: UpdateResult,
    ) -> Result<(), ObjectError> {
        let path = Path::resource(firmware_update::ID, 0, firmware_update::UPDATE_RESULT);
        self.set(now, path, i64::from(result.number()))
    }

    /// The accounts as they are now, keys included.
    pub fn state(&self, now: Instant) -> ClientState {
        let clock = self.clock(now);
        ClientState {
            security: self.tree.instances(&clock, security::ID),
            servers: self.tree.instances(&clock, server::ID),
        }
    }

    /// Short server ids of the servers where the client is registered.
    pub fn registered(&self) -> Vec<u16> {
        let registered = |session: &&Session| session.registration.is_registered();
        let sessions = self.sessions.iter().filter(registered);
        sessions.map(|session| session.server_id).collect()
    }

    /// The name servers know the client by.
    pub fn endpoint_name(&self) -> &str {
        &self.name
    }

    /// The object tree.
    pub fn tree(&self) -> &ObjectTree {
        &self.tree
    }

    /// Tells the statistics object what went out and came in until now: a server that reads it is to find that there.
    fn settle_traffic(&mut self, now: Instant) {
        let (until, traffic) = core::mem::replace(&mut self.traffic, (now, Traffic::default()));
        let clock = self.clock(until);
        if let Some(object) = self.tree.get_mut(connectivity_statistics::ID) {
            object.traffic(&clock, &traffic);
        }
    }

    // --- life --------------------------------------------------------------------------------------

    fn provision(&mut self, now: Instant, state: ClientState) {
        let mut context = Context::new(self.clock(now), None);
        for (id, instances) in [(security::ID, state.security), (server::ID, state.servers)] {
            if let Some(object) = self.tree.get_mut(id) {
                object.provision(&mut context, instances);
            }
        }
        self.tree.touch();
    }

    fn store_accounts(&mut self, now: Instant) {
        let state = self.state(now);
        if let Some(storage) = &mut self.storage {
            storage.store(&state);
        }
    }

    /// Registers with the servers there are, or asks the bootstrap server for some.
    fn begin(&mut self, now: Instant) {
        self.rebuild_sessions(now);
        if self.sessions.is_empty() {
            self.begin_bootstrap(now, true);
        }
        self.plan_account_purge(now);
    }

    fn restart(&mut self, now: Instant) {
        self.restart_at = None;
        self.stopping = false;
        self.drop_bootstrap(now);
        self.drop_sessions(now);
        self.attributes.retain_servers(|_| false);
        self.events.push_back(ClientEvent::Restarted);
        self.begin(now);
    }

    /// What follows from an operation once it is answered.
    fn after(&mut self, now: Instant, context: Context) {
        let Context {
            changed,
            actions,
            events,
            ..
        } = context;
        self.events.extend(events);
        if !changed.is_empty() {
            let of_server = |path: &Path| path.object_id() == Some(server::ID);
            let server_changed = changed.iter().any(of_server);
            if server_changed {
                self.store_accounts(now);
                self.refresh_attributes(now, None);
            }
            self.mark_changed(now, &changed);
            let revision = self.tree.revision();
            if server_changed || revision != self.told_revision {
                self.told_revision = revision;
                self.step_all(now, crate::registration::Input::Changed);
            }
        }
        for action in actions {
            self.act(now, action);
        }
    }

    fn act(&mut self, now: Instant, action: Action) {
        use crate::registration::Input;
        match action {
            Action::Update { instance } => self.step_instance(now, instance, Input::Update),
            Action::Disable { instance } => self.step_instance(now, instance, Input::Disable),
            Action::Bootstrap => {
                self.begin_bootstrap(now, false);
            }
        }
    }

    /// Follows up until nothing more follows.
    fn settle(&mut self, now: Instant) {
        while let Some(event) = self.endpoint.poll_event() {
            self.on_endpoint_event(now, event);
        }
        if self.stopping && self.sessions.iter().all(|s| s.registration.is_stopped()) {
            self.stopping = false;
            self.drop_sessions(now);
            self.events.push_back(ClientEvent::Stopped);
            while self.endpoint.poll_event().is_some() {}
        }
    }

    fn on_endpoint_event(&mut self, now: Instant, event: Event) {
        match event {
            Event::Request {
                peer,
                exchange,
                request,
            } => self.on_request(now, peer, exchange, request),
            Event::Response {
                request, response, ..
            } => {
                if let Some(purpose) = self.take_pending(request) {
                    self.on_response(now, purpose, response);
                }
            }
            Event::RequestFailed {
                request, failure, ..
            } => {
                if let Some(purpose) = self.take_pending(request) {
                    self.on_failure(now, purpose, failure);
                }
            }
            Event::UploadStarted {
                peer,
                upload,
                exchange,
                request,
                size,
            } => self.on_upload_started(now, peer, upload, exchange, &request, size),
            Event::UploadBlock {
                upload,
                exchange,
                data,
                last,
                ..
            } => self.on_upload_block(now, upload, exchange, &data, last),
            Event::UploadAborted { upload } => self.on_upload_aborted(now, upload),
            Event::ObserverGone { observer, .. } => self.on_observer_gone(observer),
            // Progress of our own bodies, and notifications that servers do not send to clients.
            _ => {}
        }
    }

    fn on_request(
        &mut self,
        now: Instant,
        peer: PeerId,
        exchange: ExchangeId,
        request: lwm2m_core::coap::Request,
    ) {
        if self.bootstrap.is_peer(peer) {
            self.on_bootstrap_request(now, peer, exchange, &request);
            return;
        }
        let Some(index) = self.session_of(peer) else {
            tracing::debug!(%peer, "a request from nobody we speak with is dropped");
            return;
        };
        let session = &self.sessions[index];
        let (server, version) = (session.server_id, session.registration.version());
        self.on_management(now, server, version, exchange, &request);
    }

    /// Whether a connection is one of ours and not ended.
    fn knows(&self, peer: PeerId) -> bool {
        self.bootstrap.is_peer(peer) || self.session_of(peer).is_some()
    }

    /// Whether this is a request of a server where the registration is not complete: it is ignored. No trace of it is
    /// left, so that a repetition behind the answer to the registration is answered.
    fn comes_too_early(&self, peer: PeerId, datagram: &[u8]) -> bool {
        // RFC 7252, section 3: the code is the second byte, and those of requests are 0.01 to 0.31.
        let is_request = matches!(datagram.get(1), Some(1..=31));
        let session = (self.session_of(peer)).map(|index| &self.sessions[index].registration);
        is_request && session.is_some_and(|registration| !registration.is_complete())
    }

    fn take_pending(&mut self, request: RequestId) -> Option<Purpose> {
        let index = self.pending.iter().position(|(id, _)| *id == request)?;
        Some(self.pending.swap_remove(index).1)
    }
}

impl Engine for ClientEngine {
    type Event = ClientEvent;

    fn handle(&mut self, now: Instant, inbound: Inbound<'_>) {
        self.settle_traffic(now);
        if let Inbound::Datagram { data, .. } = &inbound {
            self.traffic.1.count_received(data.len());
            self.settle_traffic(now);
        }
        match inbound {
            Inbound::Connected { peer, .. } => self.on_connected(now, peer),
            Inbound::Datagram { peer, data, .. } if self.comes_too_early(peer, data) => {
                tracing::debug!(%peer, "a request before the registration is complete is ignored");
            }
            Inbound::Datagram { peer, data, .. } if self.knows(peer) => {
                self.endpoint.handle_datagram(now, peer, data);
            }
            Inbound::Closed { peer, reason } => self.on_closed(now, peer, reason),
            _ => {}
        }
        self.settle(now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.settle_traffic(now);
        self.endpoint.handle_timeout(now);
        self.settle(now);
        if self.restart_at.is_some_and(|at| now >= at) {
            self.restart(now);
        }
        self.tick_sessions(now);
        self.tick_bootstrap(now);
        self.tick_observers(now);
        self.settle(now);
    }

    fn poll_outbound(&mut self) -> Option<Outbound> {
        // Connections are asked for and ended through the queue; a datagram never overtakes its `Close`, since
        // what was to be sent is moved to the queue first.
        let next = self.outbound.pop_front().or_else(|| {
            self.endpoint
                .poll_transmit()
                .map(|transmit| Outbound::Datagram {
                    peer: transmit.peer,
                    data: transmit.data,
                })
        });
        if let Some(Outbound::Datagram { data, .. }) = &next {
            self.traffic.1.count_sent(data.len());
        }
        next
    }

    fn poll_event(&mut self) -> Option<ClientEvent> {
        self.events.pop_front()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let sessions = self.sessions.iter();
        let observers = self.observers.iter();
        [
            self.endpoint.poll_timeout(),
            self.restart_at,
            self.bootstrap.deadline(),
            sessions.filter_map(|s| s.registration.deadline()).min(),
            observers.filter_map(|observer| observer.next).min(),
        ]
        .into_iter()
        .flatten()
        .min()
    }
}

/// Definitions of the security and the server object that a version of the protocol means.
fn core_models(version: LwM2mVersion) -> (&'static ObjectModel, &'static ObjectModel) {
    match version {
        LwM2mVersion::V1_0 => (&security::V1_0, &server::V1_0),
        LwM2mVersion::V1_1 => (&security::V1_1, &server::V1_1),
        _ => (&security::V1_2, &server::V1_2),
    }
}

/// Object 1: its values are read where they count, its executes become actions.
fn server_object(model: &'static ObjectModel) -> DataObject {
    let executable = [
        server::DISABLE,
        server::REGISTRATION_UPDATE_TRIGGER,
        server::BOOTSTRAP_REQUEST_TRIGGER,
    ];
    let offered = (executable.into_iter()).filter(|id| model.resource(*id).is_some());
    DataObject::new(model)
        .provisionable()
        .on_execute(offered, |context, instance, resource, _| {
            context.act(match resource {
                server::DISABLE => Action::Disable { instance },
                server::REGISTRATION_UPDATE_TRIGGER => Action::Update { instance },
                _ => Action::Bootstrap,
            });
            Ok(())
        })
}

fn factory_state(
    bootstrap: Option<&crate::account::Account>,
    servers: Vec<ServerAccount>,
) -> Result<ClientState, BuildError> {
    let mut state = ClientState::default();
    let mut next = 0;
    if let Some(account) = bootstrap {
        state.security.insert(next, account.to_instance(None));
        next += 1;
    }
    let mut taken = BTreeMap::new();
    for (index, server) in (0..).zip(servers) {
        let id = server.short_server_id;
        if !(1..u16::MAX).contains(&id) || taken.insert(id, ()).is_some() {
            return Err(BuildError::ShortServerId);
        }
        let account = server.account.to_instance(Some(id));
        state.security.insert(next, account);
        state.servers.insert(index, server.resources);
        next += 1;
    }
    Ok(state)
}
