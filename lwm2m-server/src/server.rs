//! The server: listeners, registrations, devices.

use crate::{
    authorizer::Authorizer,
    device::Device,
    error::{DeviceError, StartError},
    event::Events,
    listener::{Listener, ServerCertificate},
    metrics::Metrics,
    registration::Registration,
    security::SecurityStore,
    store::Store,
};
use lwm2m_core::{endpoint::EndpointConfig, model::ObjectModel, uri::Scheme};
use std::{net::SocketAddr, sync::Arc, time::Duration};

/// Bounds and times of a server, each with what it costs.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ServerConfig {
    /// Of the CoAP endpoint.
    pub endpoint: EndpointConfig,
    /// Registrations held at once; one more is answered 5.03. About 1 KiB each. Default: 1,000,000.
    pub max_registrations: usize,
    /// Observations wanted of one device. About 300 bytes each. Default: 64.
    pub max_observations: usize,
    /// Requests to one device that are under way or wait for it to wake. Default: 64.
    pub max_requests: usize,
    /// Shortest lifetime of a registration: a shorter one is kept for this long. Default: 1 s.
    pub min_lifetime: Duration,
    /// Longest lifetime of a registration: a longer one is kept for this long. Default: 400 days.
    pub max_lifetime: Duration,
    /// How long a device with queue mode stays awake after its last message: MAX_TRANSMIT_WAIT of RFC 7252, section
    /// 4.8.2. Default: 93 s.
    pub awake_window: Duration,
    /// How long a request waits for a device that sleeps. Default: 1 hour.
    pub sleep_timeout: Duration,
    /// How long a request may take once it is sent, a block-wise body of any length excepted. Default: 120 s.
    pub request_timeout: Duration,
    /// How long an authorizer may take. Default: 10 s.
    pub authorization_timeout: Duration,
    /// Registrations that wait for the authorizer; one more is answered 5.03. About 1 KiB each. Default: 1,000.
    pub max_pending_authorizations: usize,
    /// Events kept for a reader that is slow; older ones are lost to it and reported as
    /// [`Lagged`](crate::ServerEvent::Lagged). About 100 bytes each. Default: 4,096.
    pub event_buffer: usize,
    /// Notifications kept for each [`Observation`](crate::Observation). Default: 64.
    pub observation_buffer: usize,
}

impl Default for ServerConfig {
    fn default() -> Self {
        ServerConfig {
            endpoint: EndpointConfig::default(),
            max_registrations: 1_000_000,
            max_observations: 64,
            max_requests: 64,
            min_lifetime: Duration::from_secs(1),
            max_lifetime: Duration::from_secs(400 * 86_400),
            awake_window: Duration::from_secs(93),
            sleep_timeout: Duration::from_secs(3600),
            request_timeout: Duration::from_secs(120),
            authorization_timeout: Duration::from_secs(10),
            max_pending_authorizations: 1000,
            event_buffer: 4096,
            observation_buffer: 64,
        }
    }
}

/// Collects what a [`Server`] is made of.
#[derive(Default)]
pub struct ServerBuilder {
    listeners: Vec<Listener>,
    security: SecurityStore,
    certificate: Option<ServerCertificate>,
    authorizer: Option<Arc<dyn Authorizer>>,
    accept_unsecured: bool,
    definitions: Vec<ObjectModel>,
    store: Option<Arc<dyn Store>>,
    config: ServerConfig,
}

impl ServerBuilder {
    /// Listens here too.
    #[must_use]
    pub fn listen(mut self, listener: Listener) -> Self {
        self.listeners.push(listener);
        self
    }

    /// With the credentials of devices. Without: an empty store, that is, nobody comes in.
    #[must_use]
    pub fn security(mut self, security: SecurityStore) -> Self {
        self.security = security;
        self
    }

    /// With a certificate, so that devices can use theirs.
    #[must_use]
    pub fn certificate(mut self, certificate: ServerCertificate) -> Self {
        self.certificate = Some(certificate);
        self
    }

    /// With a decision of one's own about who may register, in place of the security store's.
    #[must_use]
    pub fn authorizer(mut self, authorizer: impl Authorizer) -> Self {
        self.authorizer = Some(Arc::new(authorizer));
        self
    }

    /// Accepts devices without security that have no credentials in the security store: whoever sends a datagram may
    /// then take any such endpoint name. For tests, demonstrations and networks that are secured below.
    #[must_use]
    pub fn danger_accept_unsecured(mut self) -> Self {
        self.accept_unsecured = true;
        self
    }

    /// With these object definitions beside the built-in ones; they take precedence.
    #[must_use]
    pub fn definitions(mut self, definitions: impl IntoIterator<Item = ObjectModel>) -> Self {
        self.definitions.extend(definitions);
        self
    }

    /// With a store for what shall survive a restart. Without: nothing does.
    #[must_use]
    pub fn store(mut self, store: impl Store) -> Self {
        self.store = Some(Arc::new(store));
        self
    }

    /// With other bounds and times.
    #[must_use]
    pub fn config(mut self, config: ServerConfig) -> Self {
        self.config = config;
        self
    }

    /// Opens the listeners and begins to serve.
    ///
    /// # Errors
    /// A listener that cannot be opened, an unusable certificate, a store that cannot be read.
    pub async fn start(self) -> Result<Server, StartError> {
        todo!()
    }
}

/// A running LwM2M server. Clones are handles to the same; when the last is dropped the server stops.
#[derive(Clone)]
pub struct Server {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    security: SecurityStore,
}

impl Shared {
    pub(crate) async fn cancel_observation(&self, id: u64) -> Result<(), DeviceError> {
        let _ = id;
        todo!()
    }
}

impl Server {
    /// Begins a server.
    pub fn builder() -> ServerBuilder {
        ServerBuilder::default()
    }

    /// Where it listens, in the order of [`ServerBuilder::listen`].
    pub fn local_addresses(&self) -> Vec<(Scheme, SocketAddr)> {
        todo!()
    }

    /// The events from now on.
    pub fn events(&self) -> Events {
        todo!()
    }

    /// How many devices are registered, and at most `limit` of them, leaving out the first `offset`.
    pub async fn registrations(
        &self,
        offset: usize,
        limit: usize,
    ) -> (usize, Vec<Arc<Registration>>) {
        let _ = (offset, limit);
        todo!()
    }

    /// The registration of an endpoint.
    pub async fn registration(&self, endpoint: &str) -> Option<Arc<Registration>> {
        let _ = endpoint;
        todo!()
    }

    /// The handle to a device.
    ///
    /// # Errors
    /// [`DeviceError::NotRegistered`], [`DeviceError::Stopped`].
    pub async fn device(&self, endpoint: &str) -> Result<Device, DeviceError> {
        let _ = endpoint;
        todo!()
    }

    /// What it has done and what it holds.
    pub async fn metrics(&self) -> Metrics {
        todo!()
    }

    /// The object definitions it knows: the built-in ones and those of [`ServerBuilder::definitions`].
    pub fn definitions(&self) -> &Arc<lwm2m_objects::Definitions> {
        todo!()
    }

    /// The credentials of devices.
    pub fn security(&self) -> &SecurityStore {
        &self.shared.security
    }

    /// Writes what is to be kept, closes the listeners and ends. Requests under way fail with
    /// [`DeviceError::Stopped`].
    pub async fn stop(&self) {
        todo!()
    }
}
