//! Why a store cannot be opened.

use rusqlite::{Error as SqliteError, ErrorCode};
use std::{io, path::PathBuf};

/// Why a store cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The file cannot be created or opened.
    #[error("cannot open the store {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another process has the file open, or this one has it open already.
    #[error("the store {} is in use by another process", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// The file is no SQLite database, or the database of another program.
    #[error("{} is not a store of an LwM2M server", path.display())]
    NotAStore {
        /// The file.
        path: PathBuf,
    },
    /// The file is damaged.
    #[error("the store {} is damaged ({reason}); restore it from a backup", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        reason: String,
    },
    /// A newer version of this crate wrote the file.
    #[error(
        "the store {} has schema version {found}, written by a newer release; this one knows versions up to {known}",
        path.display()
    )]
    NewerSchema {
        /// The file.
        path: PathBuf,
        /// The version it has.
        found: u32,
        /// The highest version this crate knows.
        known: u32,
    },
    /// SQLite failed otherwise: the disk is full, or the file is read-only.
    #[error("cannot open the store {}: {source}", path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl OpenError {
    pub(crate) fn from_sqlite(path: PathBuf, error: SqliteError) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => OpenError::InUse { path },
            Some(ErrorCode::NotADatabase) => OpenError::NotAStore { path },
            Some(ErrorCode::DatabaseCorrupt) => OpenError::Damaged {
                path,
                reason: error.to_string(),
            },
            _ => OpenError::Sqlite {
                path,
                source: error.into(),
            },
        }
    }
}
