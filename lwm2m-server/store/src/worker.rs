//! The thread that works with SQLite.

use crate::backup;
use lwm2m_core::secret::Secret;
use lwm2m_server::store::{Change, Collection, Document, StoreError};
use rusqlite::{Connection, Transaction, TransactionBehavior, params};
use std::{ffi::c_int, io, path::PathBuf, thread::JoinHandle};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

/// Where an answer goes.
pub(crate) type Answer<T> = oneshot::Sender<Result<T, StoreError>>;

/// What the thread is asked to do.
pub(crate) enum Job {
    Load(Collection, Answer<Vec<Document>>),
    Apply(Vec<Change>, Answer<()>),
    /// With leave to make one: one is made at a time.
    Backup(PathBuf, OwnedSemaphorePermit, Answer<()>),
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
    /// A backup copies `backup_step` pages between two other jobs.
    pub(crate) fn start(
        connection: Connection,
        queue: usize,
        backup_step: u32,
    ) -> io::Result<Self> {
        let (jobs, received) = mpsc::channel(queue.max(1));
        let pages = c_int::try_from(backup_step.max(1)).unwrap_or(c_int::MAX);
        let thread = std::thread::Builder::new()
            .name("lwm2m-store".into())
            .spawn(move || run(connection, received, pages))?;
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

fn run(connection: Connection, mut jobs: mpsc::Receiver<Job>, pages: c_int) {
    let mut finishing: Option<JoinHandle<()>> = None;
    while let Some(job) = jobs.blocking_recv() {
        match job {
            Job::Backup(to, leave, answer) => {
                let copied = backup::copy(&connection, &to, pages, || {
                    if let Ok(job) = jobs.try_recv() {
                        serve(&connection, job);
                    }
                });
                // It has ended: it has given its leave back.
                join(finishing.take());
                finishing = finish(copied, to, leave, answer);
            }
            job => serve(&connection, job),
        }
    }
    join(finishing);
    // Closing writes the log back into the file.
    if let Err((_, error)) = connection.close() {
        tracing::warn!(%error, "the store was not closed cleanly; it recovers when it is opened");
    }
}

fn serve(connection: &Connection, job: Job) {
    // A caller that no longer waits is no concern of ours.
    match job {
        Job::Load(collection, answer) => {
            let _ = answer.send(load(connection, collection));
        }
        Job::Apply(changes, answer) => {
            let _ = answer.send(apply(connection, &changes));
        }
        // There is leave for one only; without, it is not begun.
        Job::Backup(_, _, answer) => {
            let _ = answer.send(Err(StoreError::backend("another backup is under way")));
        }
    }
}

/// Ends a backup on a thread of its own, since that takes as long as the disk does.
fn finish(
    copied: Result<Connection, StoreError>,
    to: PathBuf,
    leave: OwnedSemaphorePermit,
    answer: Answer<()>,
) -> Option<JoinHandle<()>> {
    let end = move || {
        let finished = copied.and_then(|copy| backup::finish(copy, &to));
        drop(leave);
        let _ = answer.send(finished);
    };
    let thread = std::thread::Builder::new().name("lwm2m-backup".into());
    match thread.spawn(end) {
        Ok(thread) => Some(thread),
        Err(error) => {
            // Its caller hears that there is no answer.
            tracing::error!(%error, "no thread to finish a backup");
            None
        }
    }
}

fn join(thread: Option<JoinHandle<()>>) {
    if let Some(thread) = thread
        && thread.join().is_err()
    {
        tracing::error!("the thread of a backup panicked");
    }
}

pub(crate) fn load(
    connection: &Connection,
    collection: Collection,
) -> Result<Vec<Document>, StoreError> {
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

pub(crate) fn apply(connection: &Connection, changes: &[Change]) -> Result<(), StoreError> {
    // A kind of change that this version does not know must not be lost silently.
    let is_known = |change: &Change| matches!(change, Change::Put(_) | Change::Remove { .. });
    match changes.iter().all(is_known) {
        true => write(connection, changes).map_err(StoreError::backend),
        false => Err(StoreError::backend("unknown kind of change")),
    }
}

fn write(connection: &Connection, changes: &[Change]) -> rusqlite::Result<()> {
    // There is no other here that it could stand in. Dropped without commit, it is rolled back.
    let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SqliteConfig, file};
    use std::sync::Arc;
    use tokio::sync::Semaphore;

    fn put(key: &str) -> Change {
        Change::Put(Document {
            collection: Collection::Registrations,
            key: key.into(),
            content: Secret::new(vec![b'1'; 3000]),
        })
    }

    /// All is asked before the thread begins: what is asked behind a backup is done before the backup is.
    #[test]
    fn a_backup_holds_nobody_up() {
        let folder = tempfile::tempdir().unwrap();
        let connection =
            file::open(&folder.path().join("lwm2m.db"), &SqliteConfig::default()).unwrap();
        let first: Vec<Change> = (0..50).map(|number| put(&number.to_string())).collect();
        apply(&connection, &first).unwrap();
        let (to, other) = (folder.path().join("copy"), folder.path().join("other"));
        let (jobs, received) = mpsc::channel(16);
        let leaves = Arc::new(Semaphore::new(2));
        let leave = || leaves.clone().try_acquire_owned().unwrap();
        let (backed_up, mut backup_done) = oneshot::channel();
        jobs.try_send(Job::Backup(to.clone(), leave(), backed_up))
            .unwrap();
        let (applied, mut apply_done) = oneshot::channel();
        jobs.try_send(Job::Apply(vec![put("meanwhile")], applied))
            .unwrap();
        let (loaded, mut load_done) = oneshot::channel();
        jobs.try_send(Job::Load(Collection::Registrations, loaded))
            .unwrap();
        let (refused, mut refusal) = oneshot::channel();
        jobs.try_send(Job::Backup(other.clone(), leave(), refused))
            .unwrap();
        drop(jobs);
        run(connection, received, 1);
        backup_done.try_recv().unwrap().unwrap();
        apply_done.try_recv().unwrap().unwrap();
        assert_eq!(load_done.try_recv().unwrap().unwrap().len(), 51);
        refusal.try_recv().unwrap().unwrap_err();
        assert!(!other.exists());
        assert_eq!(leaves.available_permits(), 2);
        let copied = file::open(&to, &SqliteConfig::default()).unwrap();
        let found = load(&copied, Collection::Registrations).unwrap();
        assert_eq!(found.len(), 51, "what was written meanwhile is in it");
    }
}
