use pool::ports::PortError;
use std::path::{Path, PathBuf};

/// What opening a root answers.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a root, or a file in it, cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file system refuses.
    #[error("cannot use {}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// SQLite refuses.
    #[error("cannot use the database {}", path.display())]
    Sqlite {
        /// The database.
        path: PathBuf,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
    /// The database was written by a later version of this program.
    #[error("{} has schema version {found}; this program knows versions up to {known}: use a newer program", path.display())]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The greatest version that this program knows.
        known: i64,
    },
    /// The key file can be read by others than its owner.
    #[error("{} has mode {mode:04o}, so others can read the keys: run `chmod 600 {}`, and replace the keys", path.display(), path.display())]
    Exposed {
        /// The key file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The key file is not one.
    #[error("{} is not a key file: {why}", path.display())]
    Keys {
        /// The key file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
}

pub(crate) trait Io<T> {
    fn at(self, path: &Path) -> Result<T>;
}

impl<T> Io<T> for std::io::Result<T> {
    fn at(self, path: &Path) -> Result<T> {
        self.map_err(|source| Error::Io { path: path.to_owned(), source })
    }
}

impl<T> Io<T> for rusqlite::Result<T> {
    fn at(self, path: &Path) -> Result<T> {
        self.map_err(|source| Error::Sqlite { path: path.to_owned(), source })
    }
}

impl From<Error> for PortError {
    fn from(error: Error) -> Self {
        match &error {
            Error::Io { .. } => Self::unavailable(error),
            Error::Sqlite { source, .. } if transient(source) => Self::unavailable(error),
            _ => Self::refused(error),
        }
    }
}

/// What a failed statement means to the port's caller.
pub(crate) fn sqlite(error: rusqlite::Error) -> PortError {
    if transient(&error) { PortError::unavailable(error) } else { PortError::refused(error) }
}

fn transient(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{
        CannotOpen, DatabaseBusy, DatabaseLocked, DiskFull, FileLockingProtocolFailed, OperationInterrupted,
        OutOfMemory, SystemIoFailure,
    };
    matches!(
        error.sqlite_error_code(),
        Some(
            DatabaseBusy
                | DatabaseLocked
                | DiskFull
                | SystemIoFailure
                | CannotOpen
                | OperationInterrupted
                | OutOfMemory
                | FileLockingProtocolFailed
        )
    )
}
