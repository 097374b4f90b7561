//! Opening the file: who may read it, whose it is, whether it is whole.

use crate::{
    SqliteConfig,
    error::OpenError,
    schema::{self, APPLICATION_ID, VERSION},
};
use rusqlite::{Connection, OpenFlags};
use std::{
    fs::{File, OpenOptions},
    io,
    path::Path,
};

/// Opens or creates the file, checks it, and brings it to the present schema.
pub(crate) fn open(path: &Path, config: &SqliteConfig) -> Result<Connection, OpenError> {
    let io_error = |source| OpenError::Io {
        path: path.to_owned(),
        source,
    };
    let sqlite_error = |error| OpenError::from_sqlite(path.to_owned(), error);

    match create_private(path) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            warn_if_shared(path).map_err(io_error)?;
        }
        Err(error) => return Err(io_error(error)),
    }
    // The file exists now: SQLite must not create it, since it would with the permissions of the umask.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(sqlite_error)?;
    connection
        .busy_timeout(config.lock_timeout)
        .map_err(sqlite_error)?;

    if !is_ours(&connection).map_err(sqlite_error)? {
        return Err(OpenError::NotAStore {
            path: path.to_owned(),
        });
    }
    if config.check {
        let damage = damage(&connection).map_err(sqlite_error)?;
        if let Some(reason) = damage {
            return Err(OpenError::Damaged {
                path: path.to_owned(),
                reason,
            });
        }
    }
    let found = schema::version(&connection).map_err(sqlite_error)?;
    if found > VERSION {
        return Err(OpenError::NewerSchema {
            path: path.to_owned(),
            found,
            known: VERSION,
        });
    }
    // Nothing is written before all that may refuse the file has passed.
    configure(&connection).map_err(sqlite_error)?;
    schema::migrate(&mut connection).map_err(sqlite_error)?;
    if 0 < found && found < VERSION {
        tracing::info!(path = %path.display(), from = found, to = VERSION, "store upgraded");
    }
    Ok(connection)
}

/// Creates a file that only its owner can read. SQLite gives the files beside it (`-wal`) the same permissions.
pub(crate) fn create_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Says so where others than the owner can open a file that exists: it may be what an operator wants.
fn warn_if_shared(path: &Path) -> io::Result<()> {
    let metadata = path.metadata()?;
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::MetadataExt::mode(&metadata) & 0o777;
        if mode & 0o077 != 0 {
            tracing::warn!(
                path = %path.display(),
                mode = format_args!("{mode:03o}"),
                "the store holds keys and can be opened by others than its owner"
            );
        }
    }
    #[cfg(not(unix))]
    let _ = metadata;
    Ok(())
}

/// Whether the file is a store, or empty.
fn is_ours(connection: &Connection) -> rusqlite::Result<bool> {
    // One process only, from here until the file is closed.
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    let id: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let tables: u32 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    Ok(id == APPLICATION_ID || (id == 0 && tables == 0))
}

/// The first thing that is wrong in the file.
fn damage(connection: &Connection) -> rusqlite::Result<Option<String>> {
    let said: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    Ok((said != "ok").then_some(said))
}

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    // A commit has reached the disk when it returns.
    connection.pragma_update(None, "synchronous", "FULL")?;
    // Keys that were removed are overwritten, and never reach a temporary file.
    connection.pragma_update_and_check(None, "secure_delete", true, |_| Ok(()))?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    // The file is data: nothing in it may call functions.
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)
}
