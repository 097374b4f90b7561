//! How a client is put together.

use crate::{
    account::{Account, ServerAccount},
    config::ClientConfig,
    engine::ClientEngine,
    object::Object,
    state::Storage,
};
use alloc::{boxed::Box, string::String, vec::Vec};
use lwm2m_core::{time::Instant, uri::ServerUri, version::LwM2mVersion};
use rand_core::RngCore;

/// Why a client cannot be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The endpoint name is empty or too long for a query.
    #[error("the endpoint name must have 1 to 240 bytes")]
    EndpointName,
    /// Neither a bootstrap account nor a server, and none in the storage.
    #[error("a client needs a bootstrap account or a server")]
    NoAccount,
    /// Two servers with the same short server id, or one that is 0 or 65535.
    #[error("short server ids are unique and lie between 1 and 65534")]
    ShortServerId,
    /// Two objects with the same id, or one of those that the client brings itself (0 and 1).
    #[error("object {0} is there twice")]
    DuplicateObject(u16),
    /// A profile without a well-formed id, or one that stands for an object of security.
    #[error("a profile has well-formed ids, and no object of security")]
    Profile,
}

/// Puts a client together; from [`ClientEngine::builder`].
pub struct ClientBuilder {
    pub(crate) endpoint_name: String,
    pub(crate) config: ClientConfig,
    pub(crate) bootstrap: Option<Account>,
    pub(crate) servers: Vec<ServerAccount>,
    pub(crate) objects: Vec<Box<dyn Object>>,
    pub(crate) storage: Option<Box<dyn Storage>>,
}

impl ClientBuilder {
    pub(crate) fn new(endpoint_name: impl Into<String>) -> Self {
        ClientBuilder {
            endpoint_name: endpoint_name.into(),
            config: ClientConfig::default(),
            bootstrap: None,
            servers: Vec::new(),
            objects: Vec::new(),
            storage: None,
        }
    }

    /// The highest version of the protocol; lower ones are tried where a server refuses it.
    #[must_use]
    pub fn version(mut self, version: LwM2mVersion) -> Self {
        self.config.version = version;
        self
    }

    /// Bounds and choices.
    #[must_use]
    pub fn config(mut self, config: ClientConfig) -> Self {
        self.config = config;
        self
    }

    /// The bootstrap server to ask for servers.
    #[must_use]
    pub fn bootstrap(mut self, account: Account) -> Self {
        self.bootstrap = Some(account);
        self
    }

    /// A bootstrap server without security.
    #[must_use]
    pub fn bootstrap_nosec(self, uri: ServerUri) -> Self {
        self.bootstrap(Account::nosec(uri))
    }

    /// A server that is known from the factory.
    #[must_use]
    pub fn server(mut self, account: ServerAccount) -> Self {
        self.servers.push(account);
        self
    }

    /// An object. Objects 0 and 1 are the client's own; object 3 is there with few resources where none is given.
    #[must_use]
    pub fn object(mut self, object: impl Object + 'static) -> Self {
        self.objects.push(Box::new(object));
        self
    }

    /// Where accounts are kept, so that a restarted program need not bootstrap again.
    #[must_use]
    pub fn storage(mut self, storage: impl Storage + 'static) -> Self {
        self.storage = Some(Box::new(storage));
        self
    }

    /// The engine, begun at `now`. `random` must be unpredictable to others.
    ///
    /// # Errors
    /// See [`BuildError`].
    pub fn build(
        self,
        now: Instant,
        random: Box<dyn RngCore + Send>,
    ) -> Result<ClientEngine, BuildError> {
        ClientEngine::from_builder(self, now, random)
    }
}
