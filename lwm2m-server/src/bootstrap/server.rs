//! The running bootstrap server.

use super::BootstrapStore;
use crate::{
    authorizer::Authorizer,
    error::StartError,
    event::Events,
    listener::{Listener, ServerCertificate},
    metrics::Metrics,
    security::SecurityStore,
    store::Store,
};
use lwm2m_core::{endpoint::EndpointConfig, uri::Scheme};
use std::{net::SocketAddr, sync::Arc, time::Duration};

/// Bounds and times of a bootstrap server, each with what it costs.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct BootstrapServerConfig {
    /// Of the CoAP endpoint.
    pub endpoint: EndpointConfig,
    /// Sessions at once; one more is answered 5.03. About 1 KiB each. Default: 10,000.
    pub max_sessions: usize,
    /// How long a whole session may take; devices give up after EXCHANGE_LIFETIME, 247 s. Default: 240 s.
    pub session_timeout: Duration,
    /// How long an authorizer may take. Default: 10 s.
    pub authorization_timeout: Duration,
    /// Events kept for a reader that is slow. Default: 1,024.
    pub event_buffer: usize,
}

impl Default for BootstrapServerConfig {
    fn default() -> Self {
        BootstrapServerConfig {
            endpoint: EndpointConfig::default(),
            max_sessions: 10_000,
            session_timeout: Duration::from_secs(240),
            authorization_timeout: Duration::from_secs(10),
            event_buffer: 1024,
        }
    }
}

/// Collects what a [`BootstrapServer`] is made of.
#[derive(Default)]
pub struct BootstrapServerBuilder {
    listeners: Vec<Listener>,
    security: SecurityStore,
    configurations: BootstrapStore,
    certificate: Option<ServerCertificate>,
    authorizer: Option<Arc<dyn Authorizer>>,
    accept_unsecured: bool,
    store: Option<Arc<dyn Store>>,
    config: BootstrapServerConfig,
}

impl BootstrapServerBuilder {
    /// Listens here too.
    #[must_use]
    pub fn listen(mut self, listener: Listener) -> Self {
        self.listeners.push(listener);
        self
    }

    /// With the credentials of devices ([`Role::Bootstrap`](crate::Role::Bootstrap)).
    #[must_use]
    pub fn security(mut self, security: SecurityStore) -> Self {
        self.security = security;
        self
    }

    /// With what devices are given.
    #[must_use]
    pub fn configurations(mut self, configurations: BootstrapStore) -> Self {
        self.configurations = configurations;
        self
    }

    /// With a certificate, so that devices can use theirs.
    #[must_use]
    pub fn certificate(mut self, certificate: ServerCertificate) -> Self {
        self.certificate = Some(certificate);
        self
    }

    /// With a decision of one's own about who may bootstrap, in place of the security store's.
    #[must_use]
    pub fn authorizer(mut self, authorizer: impl Authorizer) -> Self {
        self.authorizer = Some(Arc::new(authorizer));
        self
    }

    /// Gives devices without security that have no credentials their configuration: whoever sends a datagram may then
    /// ask for the keys of any such endpoint. For tests and for networks that are secured below.
    #[must_use]
    pub fn danger_accept_unsecured(mut self) -> Self {
        self.accept_unsecured = true;
        self
    }

    /// With a store that configurations are read from at start and written to. (Credentials are kept by the server
    /// that shares the security store.)
    #[must_use]
    pub fn store(mut self, store: impl Store) -> Self {
        self.store = Some(Arc::new(store));
        self
    }

    /// With other bounds and times.
    #[must_use]
    pub fn config(mut self, config: BootstrapServerConfig) -> Self {
        self.config = config;
        self
    }

    /// Opens the listeners and begins to serve.
    ///
    /// # Errors
    /// A listener that cannot be opened, an unusable certificate, a store that cannot be read.
    pub async fn start(self) -> Result<BootstrapServer, StartError> {
        todo!()
    }
}

/// A running bootstrap server. Clones are handles to the same; when the last is dropped the server stops.
#[derive(Clone)]
pub struct BootstrapServer {
    security: SecurityStore,
    configurations: BootstrapStore,
}

impl BootstrapServer {
    /// Begins a bootstrap server.
    pub fn builder() -> BootstrapServerBuilder {
        BootstrapServerBuilder::default()
    }

    /// Where it listens, in the order of [`BootstrapServerBuilder::listen`].
    pub fn local_addresses(&self) -> Vec<(Scheme, SocketAddr)> {
        todo!()
    }

    /// The events from now on: [`Bootstrap`](crate::ServerEvent::Bootstrap), [`Refused`](crate::ServerEvent::Refused),
    /// [`Lagged`](crate::ServerEvent::Lagged).
    pub fn events(&self) -> Events {
        todo!()
    }

    /// The credentials of devices.
    pub fn security(&self) -> &SecurityStore {
        &self.security
    }

    /// What devices are given.
    pub fn configurations(&self) -> &BootstrapStore {
        &self.configurations
    }

    /// What it has done and what it holds.
    pub async fn metrics(&self) -> Metrics {
        todo!()
    }

    /// Closes the listeners and ends.
    pub async fn stop(&self) {
        todo!()
    }
}
