//! Copies a store that goes on meanwhile.
//!
//! ```text
//!   thread of the store    step  job  step  job  ...  last step        job  job
//!   thread of the copy                                          without sessions, on disk, answered
//! ```
//!
//! The copy is made by the connection that writes, so that SQLite itself brings into it what is written between two steps:
//! it is that of the moment of the last step, which stands between two batches.

use crate::file::create_private;
use lwm2m_server::store::{Collection, StoreError};
use rusqlite::{
    Connection, Error as SqliteError, OpenFlags,
    backup::{Backup, StepResult},
    ffi,
};
use std::{ffi::c_int, fs::File, path::Path};

/// Copies all, `pages` at a time, to a new file; `between` is done between two steps.
pub(crate) fn copy(
    connection: &Connection,
    to: &Path,
    pages: c_int,
    mut between: impl FnMut(),
) -> Result<Connection, StoreError> {
    // SQLite writes into an empty file that exists, so that the copy is as private as the original.
    create_private(to).map_err(StoreError::backend)?;
    let mut run = || {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut copy = Connection::open_with_flags(to, flags)?;
        // Nothing waits for the disk here: the whole file is brought there at the end, by the other thread.
        copy.pragma_update(None, "synchronous", "OFF")?;
        // What fails is thrown away, so that no journal need stand beside it.
        copy.pragma_update_and_check(None, "journal_mode", "MEMORY", |_| Ok(()))?;
        let backup = Backup::new(connection, &mut copy)?;
        loop {
            match backup.step(pages)? {
                StepResult::Done => break,
                StepResult::More => between(),
                // The files are open here and nowhere else, and no transaction is.
                _ => {
                    let busy = ffi::Error::new(ffi::SQLITE_BUSY);
                    return Err(SqliteError::SqliteFailure(busy, None));
                }
            }
        }
        drop(backup);
        Ok(copy)
    };
    run().map_err(StoreError::backend)
}

/// Takes out of a copy what must not be started from later, also from the space that was its, and brings it to the disk.
pub(crate) fn finish(copy: Connection, to: &Path) -> Result<(), StoreError> {
    let run = || {
        // The file says that it has a log beside it, as the original has; it shall be one file.
        copy.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
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
    run().map_err(StoreError::backend)?;
    let file = File::options().write(true).open(to);
    file.and_then(|file| file.sync_all())
        .map_err(StoreError::backend)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        SqliteConfig, file,
        worker::{apply, load},
    };
    use lwm2m_core::secret::Secret;
    use lwm2m_server::store::{Change, Document};

    fn put(collection: Collection, key: &str, content: &str) -> Change {
        Change::Put(Document {
            collection,
            key: key.into(),
            content: Secret::new(content.as_bytes().to_vec()),
        })
    }

    /// A store of some hundred pages.
    fn filled(path: &Path) -> Connection {
        let connection = file::open(path, &SqliteConfig::default()).unwrap();
        let content = "x".repeat(3000);
        let changes: Vec<Change> = (0..200)
            .flat_map(|number| {
                let key = format!("{number:03}");
                [Collection::Registrations, Collection::Sessions]
                    .map(|collection| put(collection, &key, &content))
            })
            .collect();
        apply(&connection, &changes).unwrap();
        connection
    }

    #[test]
    fn what_is_written_between_two_steps_succeeds_and_is_in_the_copy() {
        let folder = tempfile::tempdir().unwrap();
        let (path, to) = (folder.path().join("lwm2m.db"), folder.path().join("copy"));
        let connection = filled(&path);
        let mut steps = 0;
        let copied = copy(&connection, &to, 1, || {
            steps += 1;
            // What has been copied already and what has not, what is new and what goes; whole batches each.
            if steps % 40 == 0 {
                let moment = steps.to_string();
                let changes = [
                    put(Collection::Sessions, "000", &moment),
                    put(Collection::Registrations, "000", &moment),
                    put(Collection::Registrations, "199", &moment),
                    put(Collection::Registrations, &format!("new {moment}"), &moment),
                    Change::Remove {
                        collection: Collection::Registrations,
                        key: format!("{:03}", steps / 2),
                    },
                ];
                apply(&connection, &changes).unwrap();
                let found = load(&connection, Collection::Sessions).unwrap();
                assert_eq!(found[0].content.expose_secret(), moment.as_bytes());
            }
        });
        finish(copied.unwrap(), &to).unwrap();
        assert!(steps > 200, "{steps}");
        let copied = file::open(&to, &SqliteConfig::default()).unwrap();
        for (collection, expected) in [
            (
                Collection::Registrations,
                load(&connection, Collection::Registrations).unwrap(),
            ),
            (Collection::Sessions, Vec::new()),
        ] {
            assert!(load(&copied, collection).unwrap() == expected);
        }
    }

    #[test]
    fn a_copy_that_fails_leaves_the_store_alone() {
        let folder = tempfile::tempdir().unwrap();
        let connection = filled(&folder.path().join("lwm2m.db"));
        let nowhere = folder.path().join("no/such/folder");
        assert!(copy(&connection, &nowhere, 1, || unreachable!()).is_err());
        // A transaction that is open, as none of ours is between two jobs.
        let to = folder.path().join("copy");
        let mut steps = 0;
        let copied = copy(&connection, &to, 1, || {
            steps += 1;
            connection.execute_batch("BEGIN EXCLUSIVE").unwrap();
        });
        assert!(copied.is_err());
        assert_eq!(steps, 1);
        connection.execute_batch("ROLLBACK").unwrap();
        let change = put(Collection::Registrations, "after", "1");
        apply(&connection, &[change]).unwrap();
        let found = load(&connection, Collection::Registrations).unwrap();
        assert_eq!(found.len(), 201);
    }
}
