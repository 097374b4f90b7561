//! The thread that works with SQLite.

use crate::file::create_private;
use lwm2m_core::secret::Secret;
use lwm2m_server::store::{Change, Collection, Document, StoreError};
use rusqlite::{Connection, TransactionBehavior, params};
use std::{
    io,
    path::{Path, PathBuf},
    thread::JoinHandle,
};
use tokio::sync::{mpsc, oneshot};

/// Where an answer goes.
pub(crate) type Answer<T> = oneshot::Sender<Result<T, StoreError>>;

/// What the thread is asked to do.
pub(crate) enum Job {
    Load(Collection, Answer<Vec<Document>>),
    Apply(Vec<Change>, Answer<()>),
    Backup(PathBuf, Answer<()>),
}

/// The thread, for as long as this lives.
#[derive(Debug)]
pub(crate) struct Worker {
    /// `None` only while it is dropped.
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

/// Why there is no answer: the thread panicked.
#[derive(Debug, thiserror::Error)]
#[error("the thread of the store has ended")]
struct Ended;

impl Worker {
    pub(crate) fn start(connection: Connection, queue: usize) -> io::Result<Self> {
        let (jobs, received) = mpsc::channel(queue.max(1));
        let thread = std::thread::Builder::new()
            .name("lwm2m-store".into())
            .spawn(move || run(connection, received))?;
        Ok(Worker {
            jobs: Some(jobs),
            thread: Some(thread),
        })
    }

    /// Asks, and waits for the answer. Once asked, the job is done even if the caller stops waiting.
    pub(crate) async fn ask<T>(&self, job: impl FnOnce(Answer<T>) -> Job) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        let jobs = self.jobs.as_ref().ok_or_else(ended)?;
        jobs.send(job(answer)).await.map_err(|_| ended())?;
        answered.await.map_err(|_| ended())?
    }
}

fn ended() -> StoreError {
    StoreError::backend(Ended)
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Without senders the thread ends, after the jobs that wait.
        self.jobs = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread of the store panicked");
        }
    }
}

fn run(mut connection: Connection, mut jobs: mpsc::Receiver<Job>) {
    while let Some(job) = jobs.blocking_recv() {
        // A caller that no longer waits is no concern of ours.
        match job {
            Job::Load(collection, answer) => {
                let _ = answer.send(load(&connection, collection));
            }
            Job::Apply(changes, answer) => {
                let _ = answer.send(apply(&mut connection, &changes));
            }
            Job::Backup(to, answer) => {
                let _ = answer.send(backup(&connection, &to));
            }
        }
    }
    // Closing writes the log back into the file.
    if let Err((_, error)) = connection.close() {
        tracing::warn!(%error, "the store was not closed cleanly; it recovers when it is opened");
    }
}

fn load(connection: &Connection, collection: Collection) -> Result<Vec<Document>, StoreError> {
    let read = || {
        let mut statement = connection.prepare_cached(
            "SELECT key, content FROM document WHERE collection = ?1 ORDER BY key",
        )?;
        let rows = statement.query_map([collection.name()], |row| {
            Ok(Document {
                collection,
                key: row.get(0)?,
                content: Secret::new(row.get(1)?),
            })
        })?;
        rows.collect::<rusqlite::Result<Vec<Document>>>()
    };
    read().map_err(StoreError::backend)
}

fn apply(connection: &mut Connection, changes: &[Change]) -> Result<(), StoreError> {
    // A kind of change that this version does not know must not be lost silently.
    let is_known = |change: &Change| matches!(change, Change::Put(_) | Change::Remove { .. });
    match changes.iter().all(is_known) {
        true => write(connection, changes).map_err(StoreError::backend),
        false => Err(StoreError::backend("unknown kind of change")),
    }
}

fn write(connection: &mut Connection, changes: &[Change]) -> rusqlite::Result<()> {
    // Dropped without commit, a transaction is rolled back.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    {
        let mut put = transaction.prepare_cached(
            "INSERT INTO document (collection, key, content) VALUES (?1, ?2, ?3)
             ON CONFLICT (collection, key) DO UPDATE SET content = excluded.content",
        )?;
        let mut remove = transaction
            .prepare_cached("DELETE FROM document WHERE collection = ?1 AND key = ?2")?;
        for change in changes {
            match change {
                Change::Put(document) => put.execute(params![
                    document.collection.name(),
                    document.key,
                    document.content.expose_secret(),
                ])?,
                Change::Remove { collection, key } => {
                    remove.execute(params![collection.name(), key])?
                }
                _ => return Err(rusqlite::Error::InvalidQuery),
            };
        }
    }
    transaction.commit()
}

fn backup(connection: &Connection, to: &Path) -> Result<(), StoreError> {
    // SQLite writes into an empty file that exists, so that the copy is as private as the original.
    create_private(to).map_err(StoreError::backend)?;
    let name = to
        .to_str()
        .ok_or_else(|| StoreError::backend("the name of a backup must be UTF-8"))?;
    let copy = || {
        connection.execute("VACUUM INTO ?1", [name])?;
        // What must not be started from later is not left in it, nor in the space that was its.
        let copy = Connection::open(to)?;
        copy.pragma_update_and_check(None, "journal_mode", "MEMORY", |_| Ok(()))?;
        copy.pragma_update_and_check(None, "secure_delete", true, |_| Ok(()))?;
        for collection in Collection::ALL {
            if !collection.is_in_backups() {
                let delete = "DELETE FROM document WHERE collection = ?1";
                copy.execute(delete, [collection.name()])?;
            }
        }
        copy.close().map_err(|(_, error)| error)
    };
    copy().map_err(StoreError::backend)
}
