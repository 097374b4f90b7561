//! The server: listeners, registrations, devices.

use crate::{
    authorizer::{Authorizer, decide},
    config::ServerConfig,
    device::Device,
    engine::{Answer, EngineEvent, Policy, RequestTicket, ServerEngine},
    error::{DeviceError, StartError},
    event::Events,
    firmware::FirmwareProgress,
    following::{self, CredentialChanges},
    hub::{Hub, Waiter},
    listener::{self, Devices, Listener, Proofs, ServerCertificate},
    metrics::Metrics,
    registration::Registration,
    security::{Role, SecurityChange, SecurityStore},
    sessions::Sessions,
    store::{Collection, Store},
    write_behind::{self, BATCH, Names, Writer},
};
use lwm2m_core::{model::ObjectModel, peer::PeerIdentity, time::Instant, uri::Scheme};
use lwm2m_objects::Definitions;
use lwm2m_transport::{
    EngineHandle, Transport,
    dtls::{
        CredentialLookup, KeepingConfig, LookupConfig, PrivateKey, RestoredSession, SessionNames,
        SessionStore,
    },
};
use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};
use tokio::{
    sync::{mpsc, oneshot},
    task::AbortHandle,
};

/// Collects what a [`Server`] is made of.
#[derive(Default)]
pub struct ServerBuilder {
    listeners: Vec<Listener>,
    security: SecurityStore,
    proofs: Proofs,
    look_up: Option<(Arc<dyn CredentialLookup>, LookupConfig)>,
    authorizer: Option<Arc<dyn Authorizer>>,
    accept_unsecured: bool,
    definitions: Vec<ObjectModel>,
    store: Option<Arc<dyn Store>>,
    keeping: Option<KeepingConfig>,
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

    /// With credentials of devices that are looked up elsewhere, in a database or another service, in place of those in
    /// the security store: a handshake waits for the answer, and nothing else does. Who may register under which name
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

    /// Keeps DTLS sessions in the store, too, so that a server that starts again goes on with its devices at once and they
    /// make no handshake, however it has ended; see [`KeepingConfig`] for what that costs. Its end is not told to them
    /// then. The store must never be put back to an earlier state with sessions in it: copies for that are made without
    /// ([`Collection::is_in_backups`]). Without a store it does nothing.
    #[must_use]
    pub fn keep_sessions(mut self, keeping: KeepingConfig) -> Self {
        self.keeping = Some(keeping);
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
    /// A listener that cannot be opened, an unusable certificate or private key, a store that cannot be read.
    pub async fn start(mut self) -> Result<Server, StartError> {
        let devices = Devices {
            known: self.security.for_role(Role::Server),
            look_up: self.look_up.take(),
        };
        let kept = self.store.clone().zip(self.keeping.take());
        let kept = kept.map(|(store, keeping)| {
            let sessions: Arc<dyn SessionStore> = Arc::new(Sessions(store));
            (sessions, keeping)
        });
        let transport = listener::open(&self.listeners, devices, &self.proofs, kept);
        let mut transport = transport.await?;
        // What is in the store must be known before the first handshake, and before sessions are taken up.
        let adopted = self.adopt().await?;
        let listening = Listening {
            addresses: transport.local_addresses(),
            metrics: Some(transport.metrics()),
            names: Some(transport.session_names()),
            sessions: transport.restore().await?,
        };
        self.run(transport, adopted, listening).await
    }

    /// Serves over a transport of one's own: a network in memory, a socket that was handed over. Listeners, certificate
    /// and raw public key are not used.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub async fn start_on(self, transport: impl Transport) -> Result<Server, StartError> {
        let adopted = self.adopt().await?;
        self.run(transport, adopted, Listening::default()).await
    }

    /// Reads the credentials in the store, and listens to what becomes of them from then on: a change counts for sessions
    /// and registrations that are taken up later, too, whenever it comes.
    async fn adopt(&self) -> Result<Adopted, StartError> {
        let names = match &self.store {
            Some(store) => Some(write_behind::adopt_credentials(store, &self.security).await?),
            None => None,
        };
        let changes = CredentialChanges::of(&self.security);
        Ok(Adopted { names, changes })
    }

    async fn run(
        self,
        transport: impl Transport,
        Adopted { names, changes }: Adopted,
        listening: Listening,
    ) -> Result<Server, StartError> {
        let mut definitions = Definitions::built_in();
        for definition in self.definitions {
            definitions.add(definition);
        }
        let definitions = Arc::new(definitions);
        let (authorizer, security) = (self.authorizer, self.security);
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
        let mut engine = ServerEngine::new(
            self.config.clone(),
            definitions.clone(),
            policy,
            &mut rand::rng(),
        );
        engine.set_wall_clock(Instant::ZERO, SystemTime::now());
        if let Some(store) = &self.store {
            for collection in [Collection::Registrations, Collection::Observations] {
                for document in &store.load(collection).await? {
                    engine.restore(Instant::ZERO, document)?;
                }
            }
            engine.remember_changes();
            if let Some(names) = listening.names {
                engine.name_sessions(move |peer| names.name(peer));
            }
            engine.reconnect(listening.sessions.iter().map(|session| {
                let identity: &PeerIdentity = &session.identity;
                (session.peer, session.name, identity)
            }));
            // Whom a rule of one's own let in is known to nobody else.
            let is_refused = authorizer.is_none() && !self.accept_unsecured;
            engine.end_unsecured(|endpoint| {
                is_refused || security.has_credentials(Role::Server, endpoint)
            });
        }

        let hub = Arc::new(Hub::new(self.config.event_buffer));
        let (questions, to_decide) = mpsc::unbounded_channel();
        let on_event = {
            let hub = hub.clone();
            move |event| {
                if let Some(EngineEvent::Authorize { ticket, request }) = hub.on_event(event) {
                    // Bounded by the engine: `max_pending_authorizations`. An error means that the server stops.
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
                    let decided =
                        move |engine: &mut ServerEngine, now| engine.decide(now, ticket, decision);
                    let _ = handle.call(decided).await;
                }
            });
            tokio::spawn(task).abort_handle()
        });
        let writer = self.store.zip(names).map(|(store, names)| {
            let (handle, security) = (handle.clone(), security.clone());
            Writer::spawn(store, move || {
                let (handle, mut changes) = (
                    handle.clone(),
                    write_behind::credential_changes(&names, &security, BATCH),
                );
                async move {
                    let limit = BATCH - changes.len();
                    let taken =
                        handle.call(move |engine: &mut ServerEngine, _| engine.take_changes(limit));
                    changes.extend(taken.await.unwrap_or_default());
                    changes
                }
            })
        });
        let following = [
            changes.follow(handle.clone(), follow_credentials),
            following::follow_clock(handle.clone(), SystemTime::now),
        ];
        let shared = Arc::new(Shared {
            handle,
            hub,
            security,
            definitions,
            config: self.config,
            addresses: listening.addresses,
            transport_metrics: listening.metrics,
            firmware: Mutex::default(),
            writer: Mutex::new(writer),
            tasks: deciding.into_iter().chain(following).collect(),
        });
        Ok(Server { shared })
    }
}

/// What was said of credentials before the engine runs.
struct Adopted {
    /// Of those that are to be written, where there is a store.
    names: Option<Names>,
    changes: CredentialChanges,
}

/// What is known of a transport of our own.
#[derive(Default)]
struct Listening {
    addresses: Vec<(Scheme, SocketAddr)>,
    metrics: Option<Arc<lwm2m_transport::Metrics>>,
    /// What its sessions are called in the store.
    names: Option<SessionNames>,
    /// Sessions that it goes on with.
    sessions: Vec<RestoredSession>,
}

/// Ends what rests on credentials that were removed, or on there having been none.
fn follow_credentials(engine: &mut ServerEngine, change: &SecurityChange) {
    engine.credentials_removed(&change.endpoint, &change.removed);
    if change.roles.contains(&Role::Server) {
        engine.credentials_added(&change.endpoint);
    }
}

/// A running LwM2M server. Clones are handles to the same; when the last is dropped, and the last
/// [`Device`] and [`Observation`](crate::Observation) with it, the server stops.
#[derive(Clone)]
pub struct Server {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) handle: EngineHandle<ServerEngine>,
    pub(crate) hub: Arc<Hub>,
    security: SecurityStore,
    pub(crate) definitions: Arc<Definitions>,
    pub(crate) config: ServerConfig,
    addresses: Vec<(Scheme, SocketAddr)>,
    transport_metrics: Option<Arc<lwm2m_transport::Metrics>>,
    /// Firmware updates that are under way.
    pub(crate) firmware: Mutex<HashMap<Arc<str>, FirmwareProgress>>,
    writer: Mutex<Option<Writer>>,
    /// Those that hold the engine.
    tasks: Vec<AbortHandle>,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

/// A request that is given up when nobody waits for it any more.
struct GiveUp<'a> {
    shared: &'a Shared,
    ticket: Option<RequestTicket>,
}

impl Drop for GiveUp<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            self.shared.hub.stop_waiting(ticket);
            // Where the queue is full the request runs to its end unheard.
            let _ = self
                .shared
                .handle
                .cast(move |engine, _| engine.cancel(ticket));
        }
    }
}

impl Shared {
    /// Runs something in the engine's task.
    pub(crate) async fn call<R: Send + 'static>(
        &self,
        f: impl FnOnce(&mut ServerEngine, Instant) -> R + Send + 'static,
    ) -> Result<R, DeviceError> {
        self.handle.call(f).await.map_err(|_| DeviceError::Stopped)
    }

    /// Has the engine make a request and waits for its end. Dropping the future gives the request up.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        progress: Option<mpsc::Sender<(usize, usize)>>,
        begin: impl FnOnce(
            &mut ServerEngine,
            Instant,
        ) -> Result<(T, Option<RequestTicket>), DeviceError>
        + Send
        + 'static,
    ) -> Result<(T, Option<Answer>), DeviceError> {
        let (done, result) = oneshot::channel();
        let hub = self.hub.clone();
        let (begun, ticket) = self
            .call(move |engine, now| {
                let (begun, ticket) = begin(engine, now)?;
                if let Some(ticket) = ticket {
                    hub.wait(ticket, Waiter { done, progress });
                }
                Ok::<_, DeviceError>((begun, ticket))
            })
            .await??;
        let mut give_up = GiveUp {
            shared: self,
            ticket,
        };
        if ticket.is_none() {
            return Ok((begun, None));
        }
        let result = result.await;
        give_up.ticket = None;
        Ok((begun, Some(result.map_err(|_| DeviceError::Stopped)??)))
    }

    pub(crate) async fn cancel_observation(&self, id: u64) -> Result<(), DeviceError> {
        let begin = move |engine: &mut ServerEngine, now| {
            engine
                .cancel_observation(now, id)
                .map(|ticket| ((), ticket))
        };
        match self.ask(None, begin).await? {
            (_, Some(answer)) => crate::device::successful(answer).map(drop),
            (_, None) => Ok(()),
        }
    }
}

impl Server {
    /// Begins a server.
    pub fn builder() -> ServerBuilder {
        ServerBuilder::default()
    }

    /// Where it listens, in the order of [`ServerBuilder::listen`].
    pub fn local_addresses(&self) -> Vec<(Scheme, SocketAddr)> {
        self.shared.addresses.clone()
    }

    /// The events from now on.
    pub fn events(&self) -> Events {
        Events::new(self.shared.hub.subscribe())
    }

    /// How many devices are registered, and at most `limit` of them, leaving out the first `offset`. Their order
    /// stays as long as none comes or goes. Nothing after the server has stopped.
    pub async fn registrations(
        &self,
        offset: usize,
        limit: usize,
    ) -> (usize, Vec<Arc<Registration>>) {
        let page = self
            .shared
            .call(move |engine, _| engine.registrations(offset, limit));
        page.await.unwrap_or_default()
    }

    /// The registration of an endpoint.
    pub async fn registration(&self, endpoint: &str) -> Option<Arc<Registration>> {
        let endpoint = endpoint.to_owned();
        self.shared
            .call(move |engine, _| engine.registration(&endpoint))
            .await
            .ok()
            .flatten()
    }

    /// The handle to a device.
    ///
    /// # Errors
    /// [`DeviceError::NotRegistered`], [`DeviceError::Stopped`].
    pub async fn device(&self, endpoint: &str) -> Result<Device, DeviceError> {
        let name = endpoint.to_owned();
        let registration = self
            .shared
            .call(move |engine, _| engine.registration(&name))
            .await?;
        match registration {
            Some(registration) => Ok(Device {
                endpoint: registration.endpoint.clone(),
                shared: self.shared.clone(),
            }),
            None => Err(DeviceError::NotRegistered(endpoint.to_owned())),
        }
    }

    /// What it has done and what it holds.
    pub async fn metrics(&self) -> Metrics {
        self.shared
            .call(|engine, _| engine.metrics())
            .await
            .unwrap_or_default()
    }

    /// What its CoAP endpoint has counted: messages, repetitions, and what was refused, by reason.
    pub async fn endpoint_metrics(&self) -> lwm2m_core::endpoint::Metrics {
        let metrics = self.shared.call(|engine, _| engine.endpoint_metrics());
        metrics.await.unwrap_or_default()
    }

    /// What its sockets have done; `None` over a transport of one's own.
    pub fn transport_metrics(&self) -> Option<lwm2m_transport::MetricsSnapshot> {
        self.shared
            .transport_metrics
            .as_ref()
            .map(|metrics| metrics.snapshot())
    }

    /// The object definitions it knows: the built-in ones and those of [`ServerBuilder::definitions`].
    pub fn definitions(&self) -> &Arc<Definitions> {
        &self.shared.definitions
    }

    /// The credentials of devices.
    pub fn security(&self) -> &SecurityStore {
        &self.shared.security
    }

    /// Writes what is to be kept, closes the listeners and ends. Requests under way fail with
    /// [`DeviceError::Stopped`].
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
