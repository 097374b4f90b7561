//! What survives a restart: the contract of a store.
//!
//! A server keeps its state in process and writes it behind: no datagram waits for a store. A store is a table of
//! documents; the server decides what stands in them, so that a store needs no knowledge of LwM2M and no change when
//! a record grows.

use async_trait::async_trait;
use lwm2m_core::secret::Secret;

/// A kind of document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Collection {
    /// Registrations, by endpoint name.
    Registrations,
    /// Observations that are wanted, by their number.
    Observations,
    /// Credentials, by endpoint name. Their documents hold keys.
    Credentials,
    /// Bootstrap configurations, by endpoint name. Their documents hold keys.
    Bootstrap,
    /// DTLS sessions, by a random name, where a server keeps them
    /// ([`keep_sessions`](crate::ServerBuilder::keep_sessions)). Their documents hold keys, and are good for the present
    /// only: a server that starts from older ones uses sequence numbers twice. They do not belong in a backup.
    Sessions,
}

impl Collection {
    /// All of them.
    pub const ALL: [Collection; 5] = [
        Collection::Registrations,
        Collection::Observations,
        Collection::Credentials,
        Collection::Bootstrap,
        Collection::Sessions,
    ];

    /// Whether a copy of the store that may be started from later has them.
    pub const fn is_in_backups(self) -> bool {
        !matches!(self, Collection::Sessions)
    }

    /// A name for tables and files: `"registrations"`, `"observations"`, `"credentials"`, `"bootstrap"`, `"sessions"`.
    pub const fn name(self) -> &'static str {
        match self {
            Collection::Registrations => "registrations",
            Collection::Observations => "observations",
            Collection::Credentials => "credentials",
            Collection::Bootstrap => "bootstrap",
            Collection::Sessions => "sessions",
        }
    }
}

/// One document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Its kind.
    pub collection: Collection,
    /// Its name within the kind, at most 1024 bytes of UTF-8.
    pub key: String,
    /// Its content: UTF-8 JSON. It is a [`Secret`] because credentials are in some; a store that is asked to encrypts
    /// it.
    pub content: Secret,
}

/// A change to a store.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// Put this document in place of the one with the same kind and key, if there is one.
    Put(Document),
    /// Remove the document of this kind and key, if there is one.
    Remove {
        /// Its kind.
        collection: Collection,
        /// Its key.
        key: String,
    },
}

/// Why a store did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The store itself failed.
    #[error("the store failed: {0}")]
    Backend(Box<dyn std::error::Error + Send + Sync>),
    /// A document cannot be read.
    #[error("{collection} {key:?} cannot be read: {reason}", collection = .collection.name())]
    Document {
        /// Its kind.
        collection: Collection,
        /// Its key.
        key: String,
        /// Why, for a person.
        reason: String,
    },
}

impl StoreError {
    /// A failure of the store itself.
    pub fn backend(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        StoreError::Backend(error.into())
    }
}

/// A place where documents survive.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// All documents of a kind; called once for each kind when a server starts.
    ///
    /// # Errors
    /// The store failed; the server does not start then.
    async fn load(&self, collection: Collection) -> Result<Vec<Document>, StoreError>;

    /// Makes these changes last, all of them or none, in order. A key stands at most once in a batch. When it returns
    /// they have reached what survives a crash.
    ///
    /// # Errors
    /// The store failed; the server keeps the changes and tries again.
    async fn apply(&self, changes: &[Change]) -> Result<(), StoreError>;
}

#[async_trait]
impl<S: Store + ?Sized> Store for std::sync::Arc<S> {
    async fn load(&self, collection: Collection) -> Result<Vec<Document>, StoreError> {
        (**self).load(collection).await
    }

    async fn apply(&self, changes: &[Change]) -> Result<(), StoreError> {
        (**self).apply(changes).await
    }
}
