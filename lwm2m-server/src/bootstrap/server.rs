//! The running bootstrap server.

use super::{BootstrapEngine, BootstrapEngineEvent, BootstrapStore};
use crate::{
    authorizer::{Authorizer, decide},
    engine::Policy,
    error::StartError,
    event::Events,
    following::CredentialChanges,
    hub::Hub,
    listener::{self, Devices, Listener, Proofs, ServerCertificate},
    metrics::Metrics,
    security::{Role, SecurityChange, SecurityStore},
    store::Store,
    write_behind::{self, BATCH, Writer},
};
use lwm2m_core::{endpoint::EndpointConfig, model::ObjectModel, uri::Scheme};
use lwm2m_objects::Definitions;
use lwm2m_transport::{
    EngineHandle, Transport,
    dtls::{CredentialLookup, LookupConfig, PrivateKey},
};
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{sync::mpsc, task::AbortHandle};

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
    /// Looks at what is written before the end of a session: a discover of the device and a read of /1 (from 1.1, Core
    /// 1.2.2, sections 6.1.7.2 and 6.1.7.3). A device that does not know them is none the worse. Default: false.
    pub verify: bool,
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
            verify: false,
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
    proofs: Proofs,
    look_up: Option<(Arc<dyn CredentialLookup>, LookupConfig)>,
    authorizer: Option<Arc<dyn Authorizer>>,
    accept_unsecured: bool,
    definitions: Vec<ObjectModel>,
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

    /// With credentials of devices that are looked up elsewhere, in a database or another service, in place of those in
    /// the security store: a handshake waits for the answer, and nothing else does. Who may bootstrap under which name
    /// is then for an [`authorizer`](Self::authorizer) of one's own, since the store knows nobody.
    #[must_use]
    pub fn look_up(mut self, source: Arc<dyn CredentialLookup>, config: LookupConfig) -> Self {
        self.look_up = Some((source, config));
        self
    }

    /// With a certificate, so that devices can use theirs.
    #[must_use]
    pub fn certificate(mut self, certificate: ServerCertificate) -> Self {
        self.proofs.certificate = Some(certificate);
        self
    }

    /// With another certificate for devices that ask for this host by its name (/0/x/14, or the host of /0/x/0): its chain,
    /// end entity first, each DER, and its private key. All others are shown that of [`certificate`](Self::certificate),
    /// which there has to be.
    #[must_use]
    pub fn certificate_for(
        mut self,
        host: impl Into<String>,
        chain: Vec<Vec<u8>>,
        private_key: impl Into<PrivateKey>,
    ) -> Self {
        self.proofs.name(host.into(), chain, private_key.into());
        self
    }

    /// With a key pair, so that devices can use raw public keys: the private key, PKCS#8 DER, ECDSA P-256, or one in
    /// hardware. Devices are told its public half, [`PrivateKey::public_key`] of it (/0/x/4). LwM2M server and bootstrap
    /// server have different ones (Transport 1.2.2, section 5.2.1).
    #[must_use]
    pub fn raw_public_key(mut self, private_key: impl Into<PrivateKey>) -> Self {
        self.proofs.raw_public_key = Some(private_key.into());
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

    /// With these object definitions beside the built-in ones, for values of other objects than /0 and /1.
    #[must_use]
    pub fn definitions(mut self, definitions: impl IntoIterator<Item = ObjectModel>) -> Self {
        self.definitions.extend(definitions);
        self
    }

    /// With a store that configurations and credentials are read from at start and written to.
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
    /// A listener that cannot be opened, an unusable certificate or private key, a store that cannot be read.
    pub async fn start(mut self) -> Result<BootstrapServer, StartError> {
        let devices = Devices {
            known: self.security.for_role(Role::Bootstrap),
            look_up: self.look_up.take(),
        };
        let transport = listener::open(&self.listeners, devices, &self.proofs, None).await?;
        let addresses = transport.local_addresses();
        let metrics = transport.metrics();
        self.run(transport, addresses, Some(metrics)).await
    }

    /// Serves over a transport of one's own: a network in memory, a socket that was handed over. Listeners, certificate
    /// and raw public key are not used.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub async fn start_on(self, transport: impl Transport) -> Result<BootstrapServer, StartError> {
        self.run(transport, Vec::new(), None).await
    }

    async fn run(
        self,
        transport: impl Transport,
        addresses: Vec<(Scheme, SocketAddr)>,
        transport_metrics: Option<Arc<lwm2m_transport::Metrics>>,
    ) -> Result<BootstrapServer, StartError> {
        let mut definitions = Definitions::built_in();
        for definition in self.definitions {
            definitions.add(definition);
        }
        let (authorizer, security, configurations) =
            (self.authorizer, self.security, self.configurations);
        let policy = match &authorizer {
            Some(_) => Policy::Deferred,
            None => {
                let (security, accept_unsecured) = (security.clone(), self.accept_unsecured);
                Policy::Inline(Box::new(move |request| match accept_unsecured {
                    true => security.danger_authorize_unsecured(request),
                    false => security.authorize(request),
                }))
            }
        };
        let mut names = None;
        if let Some(store) = &self.store {
            let credentials = write_behind::adopt_credentials(store, &security).await?;
            let configured = write_behind::adopt_configurations(store, &configurations).await?;
            names = Some((credentials, configured));
        }
        let writer = self
            .store
            .zip(names)
            .map(|(store, (credentials, configured))| {
                let (security, configurations) = (security.clone(), configurations.clone());
                Writer::spawn(store, move || {
                    let mut changes =
                        write_behind::credential_changes(&credentials, &security, BATCH);
                    let left = BATCH - changes.len();
                    changes.extend(write_behind::configuration_changes(
                        &configured,
                        &configurations,
                        left,
                    ));
                    std::future::ready(changes)
                })
            });
        let engine = BootstrapEngine::new(
            self.config.clone(),
            configurations.clone(),
            Arc::new(definitions),
            policy,
            &mut rand::rng(),
        );
        let hub = Arc::new(Hub::new(self.config.event_buffer));
        let (questions, to_decide) = mpsc::unbounded_channel();
        let on_event = {
            let hub = hub.clone();
            move |event| match event {
                BootstrapEngineEvent::Server(event) => hub.publish(event),
                BootstrapEngineEvent::Authorize { ticket, request } => {
                    // Bounded by the engine: `max_sessions`. An error means that the server stops.
                    let _ = questions.send((ticket, request));
                }
            }
        };
        let handle = lwm2m_transport::spawn(engine, transport, on_event);
        let deciding = authorizer.map(|authorizer| {
            let timeout = self.config.authorization_timeout;
            let handle = handle.clone();
            let task = decide(authorizer, timeout, to_decide, move |ticket, decision| {
                let handle = handle.clone();
                async move {
                    // An error means that the server has stopped.
                    let decided = move |engine: &mut BootstrapEngine, now| {
                        engine.decide(now, ticket, decision)
                    };
                    let _ = handle.call(decided).await;
                }
            });
            tokio::spawn(task).abort_handle()
        });
        let following = CredentialChanges::of(&security).follow(handle.clone(), follow_credentials);
        let shared = Arc::new(Shared {
            handle,
            hub,
            security,
            configurations,
            addresses,
            transport_metrics,
            writer: Mutex::new(writer),
            deciding,
            following,
        });
        Ok(BootstrapServer { shared })
    }
}

/// Ends the sessions that rest on credentials which were removed.
fn follow_credentials(engine: &mut BootstrapEngine, change: &SecurityChange) {
    engine.credentials_removed(&change.endpoint, &change.removed);
}

/// A running bootstrap server. Clones are handles to the same; when the last is dropped the server stops.
#[derive(Clone)]
pub struct BootstrapServer {
    shared: Arc<Shared>,
}

struct Shared {
    handle: EngineHandle<BootstrapEngine>,
    hub: Arc<Hub>,
    security: SecurityStore,
    configurations: BootstrapStore,
    addresses: Vec<(Scheme, SocketAddr)>,
    transport_metrics: Option<Arc<lwm2m_transport::Metrics>>,
    writer: Mutex<Option<Writer>>,
    deciding: Option<AbortHandle>,
    following: AbortHandle,
}

impl Drop for Shared {
    fn drop(&mut self) {
        if let Some(deciding) = &self.deciding {
            deciding.abort();
        }
        self.following.abort();
    }
}

impl BootstrapServer {
    /// Begins a bootstrap server.
    pub fn builder() -> BootstrapServerBuilder {
        BootstrapServerBuilder::default()
    }

    /// Where it listens, in the order of [`BootstrapServerBuilder::listen`].
    pub fn local_addresses(&self) -> Vec<(Scheme, SocketAddr)> {
        self.shared.addresses.clone()
    }

    /// The events from now on: [`Bootstrap`](crate::ServerEvent::Bootstrap), [`Refused`](crate::ServerEvent::Refused),
    /// [`Lagged`](crate::ServerEvent::Lagged).
    pub fn events(&self) -> Events {
        Events::new(self.shared.hub.subscribe())
    }

    /// The credentials of devices.
    pub fn security(&self) -> &SecurityStore {
        &self.shared.security
    }

    /// What devices are given.
    pub fn configurations(&self) -> &BootstrapStore {
        &self.shared.configurations
    }

    /// What it has done and what it holds.
    pub async fn metrics(&self) -> Metrics {
        self.shared
            .handle
            .call(|engine, _| engine.metrics())
            .await
            .unwrap_or_default()
    }

    /// What its CoAP endpoint has counted: messages, repetitions, and what was refused, by reason.
    pub async fn endpoint_metrics(&self) -> lwm2m_core::endpoint::Metrics {
        let metrics = self
            .shared
            .handle
            .call(|engine, _| engine.endpoint_metrics());
        metrics.await.unwrap_or_default()
    }

    /// What its sockets have done; `None` over a transport of one's own.
    pub fn transport_metrics(&self) -> Option<lwm2m_transport::MetricsSnapshot> {
        self.shared
            .transport_metrics
            .as_ref()
            .map(|metrics| metrics.snapshot())
    }

    /// Writes what is to be kept, closes the listeners and ends.
    pub async fn stop(&self) {
        let writer = self
            .shared
            .writer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(writer) = writer {
            writer.finish().await;
        }
        self.shared.handle.stop().await;
        self.shared.hub.close();
    }
}
