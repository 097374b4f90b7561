//! What an LwM2M server keeps over a restart, in one SQLite file.
//!
//! [`SqliteStore`] implements [`lwm2m_server::store::Store`]. The server holds its state in process and writes it
//! behind; this store makes each batch of changes last as a whole, or not at all.
//!
//! - **One thread** of its own does all the work with SQLite, in the order in which it was asked. Callers wait for
//!   their answer without blocking the thread they run on. A backup is made beside it, in steps between the other work.
//! - **Durable**: a batch that was reported as applied survives a crash of the process and of the machine
//!   (write-ahead log, `synchronous = FULL`). One that was interrupted leaves no trace.
//! - **Alone**: the file is locked for as long as the store is open. A second server on the same file is refused
//!   with [`OpenError::InUse`]; [`SqliteStore::backup`] copies a store that is open.
//! - **Never put back**: where a server keeps its DTLS sessions here, an older state of the file must not be started from,
//!   neither a copy nor a snapshot of the machine: sequence numbers would be used twice, which undoes the encryption of
//!   these sessions. [`SqliteStore::backup`] leaves them out; of any other copy, remove them first:
//!   `DELETE FROM document WHERE collection = 'sessions'`.
//! - **Private**: credentials, bootstrap configurations and sessions hold keys. The file and those beside it are created
//!   readable by their owner alone, and what is removed is overwritten. The keys are not encrypted: whoever can
//!   read the file can read them.
//!
//! ```
//! use lwm2m_core::secret::Secret;
//! use lwm2m_server::store::{Change, Collection, Document, Store};
//! use lwm2m_store::SqliteStore;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("lwm2m.db");
//! let store = SqliteStore::open(&path)?;
//! store
//!     .apply(&[Change::Put(Document {
//!         collection: Collection::Registrations,
//!         key: "urn:dev:ops:1".into(),
//!         content: Secret::new(br#"{"lifetime":300}"#.to_vec()),
//!     })])
//!     .await?;
//! assert_eq!(store.load(Collection::Registrations).await?.len(), 1);
//! # Ok(())
//! # }
//! # tokio::runtime::Runtime::new().unwrap().block_on(example()).unwrap();
//! ```
#![forbid(unsafe_code)]

mod backup;
mod error;
mod file;
mod schema;
mod worker;

pub use error::OpenError;

use async_trait::async_trait;
use lwm2m_server::store::{Change, Collection, Document, Store, StoreError};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::sync::Semaphore;
use worker::{Job, Worker};

/// How a store is opened.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SqliteConfig {
    /// How many requests may wait for the store's thread; further callers wait until there is room. A waiting
    /// batch holds a copy of its documents. Default: 16.
    pub queue: usize,
    /// How long to wait for another process to let go of the file before it is reported as in use. Default: 2 s.
    pub lock_timeout: Duration,
    /// Whether to read the whole file for damage when it is opened, at the speed of the disk. Without it, damage is
    /// found when a damaged document is loaded. Default: true.
    pub check: bool,
    /// Pages of 4 KiB that a backup copies between two other requests, which wait for that long. Default: 256, that is
    /// 1 MiB.
    pub backup_step: u32,
}

impl Default for SqliteConfig {
    fn default() -> Self {
        SqliteConfig {
            queue: 16,
            lock_timeout: Duration::from_secs(2),
            check: true,
            backup_step: 256,
        }
    }
}

/// A store in an SQLite file.
///
/// Dropping it finishes what was asked of it and closes the file, for which the dropping thread waits.
#[derive(Debug)]
pub struct SqliteStore {
    worker: Worker,
    path: PathBuf,
    /// Leave to make a backup.
    backups: Arc<Semaphore>,
}

impl SqliteStore {
    /// Opens the store in this file, which is created where it does not exist; its folder must.
    ///
    /// Blocks for as long as the file is checked and, after an upgrade, brought to the present schema.
    ///
    /// # Errors
    /// Where the file cannot be created or opened, is in use, damaged, no store, or of a newer version.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::open_with(path, &SqliteConfig::default())
    }

    /// [`open`](Self::open) with other settings.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with(path: impl AsRef<Path>, config: &SqliteConfig) -> Result<Self, OpenError> {
        let path = path.as_ref();
        let connection = file::open(path, config)?;
        let worker = Worker::start(connection, config.queue, config.backup_step);
        Ok(SqliteStore {
            worker: worker.map_err(|source| OpenError::Io {
                path: path.to_owned(),
                source,
            })?,
            path: path.to_owned(),
            backups: Arc::new(Semaphore::new(1)),
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a copy of the store to a new file, as of one moment between two batches, without DTLS sessions. It is good
    /// when this has returned without an error; a file that is left of an attempt that failed is to be thrown away.
    ///
    /// What else is asked of the store goes on meanwhile, [`backup_step`](SqliteConfig::backup_step) by step, and what is
    /// written before the last step is in the copy. One backup is made at a time; others wait for it here.
    ///
    /// # Errors
    /// Where there is a file already, or it cannot be written.
    pub async fn backup(&self, to: impl Into<PathBuf>) -> Result<(), StoreError> {
        let to = to.into();
        let leave = self.backups.clone().acquire_owned().await;
        let leave = leave.map_err(StoreError::backend)?;
        let asked = self.worker.ask(|answer| Job::Backup(to, leave, answer));
        asked.await
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn load(&self, collection: Collection) -> Result<Vec<Document>, StoreError> {
        self.worker
            .ask(|answer| Job::Load(collection, answer))
            .await
    }

    async fn apply(&self, changes: &[Change]) -> Result<(), StoreError> {
        if changes.is_empty() {
            return Ok(());
        }
        let changes = changes.to_vec();
        self.worker.ask(|answer| Job::Apply(changes, answer)).await
    }
}
