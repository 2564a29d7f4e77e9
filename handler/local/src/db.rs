//! One SQLite file: a writer thread that groups commits, and a few connections that read.

use crate::{
    error::{Error, Io, Result, sqlite},
    schema::Schema,
    writer::Writer,
};
use pool::ports::PortResult;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};
use std::{
    path::{Path, PathBuf},
    sync::{Mutex, OnceLock, PoisonError},
    thread::sleep,
    time::Duration,
};

/// Connections kept for readers; more are opened when more read at once, and closed after.
const READERS: usize = 4;
const STATEMENTS: usize = 32;
const BUSY: Duration = Duration::from_millis(2);
/// Ten seconds and more of waiting for another process's transaction.
const BUSY_TRIES: i32 = 5_000;

pub(crate) struct Db {
    path: PathBuf,
    readers: Mutex<Vec<Connection>>,
    writer: OnceLock<Writer>,
}

impl Db {
    /// Opens the file, which it creates or brings to the newest schema when need be.
    pub(crate) fn open(path: &Path, schema: &Schema) -> Result<Self> {
        let mut connection = connect(path)?;
        migrate(&mut connection, path, schema)?;
        Ok(Self { path: path.to_owned(), readers: Mutex::new(vec![connection]), writer: OnceLock::new() })
    }

    /// Reads on this thread.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> PortResult<T> {
        let idle = self.readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => connect(&self.path)?,
        };
        let result = read(&connection).map_err(sqlite);
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        if readers.len() < READERS {
            readers.push(connection);
        }
        result
    }

    /// Writes on the writer's thread, in a transaction of its own or none; answers when it is durable.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        write: impl FnOnce(&Connection) -> PortResult<T> + Send + 'static,
    ) -> PortResult<T> {
        let writer = match self.writer.get() {
            Some(writer) => writer,
            None => {
                let connection = connect(&self.path)?;
                // A race makes a second writer that is dropped at once.
                self.writer.get_or_init(|| Writer::start(connection))
            }
        };
        writer.write(write).await
    }
}

fn connect(path: &Path) -> Result<Connection> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).at(path)?;
    connection.busy_handler(Some(wait)).at(path)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // Half a MiB of pages a connection: the memory of an idle service counts more than the last microsecond.
    let settings = "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF;
        PRAGMA cache_size = -512; PRAGMA temp_store = MEMORY; PRAGMA journal_size_limit = 8388608;";
    connection.execute_batch(settings).at(path)?;
    Ok(connection)
}

fn wait(tries: i32) -> bool {
    sleep(BUSY);
    tries < BUSY_TRIES
}

fn migrate(connection: &mut Connection, path: &Path, schema: &Schema) -> Result<()> {
    let known = i64::try_from(schema.0.len()).unwrap_or(i64::MAX);
    let version = |connection: &Connection| {
        connection.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0)).at(path)
    };
    let newer = |found| Error::Newer { path: path.to_owned(), found, known };
    match version(connection)? {
        found if found == known => return Ok(()),
        found if found > known => return Err(newer(found)),
        _ => {}
    }
    journal(connection).at(path)?;
    let step = connection.transaction_with_behavior(TransactionBehavior::Immediate).at(path)?;
    // Read again: another process may have done it meanwhile.
    let found = version(&step)?;
    if found > known {
        return Err(newer(found));
    }
    for sql in schema.0.iter().skip(usize::try_from(found).unwrap_or(0)) {
        step.execute_batch(sql).at(path)?;
    }
    step.pragma_update(None, "user_version", known).at(path)?;
    step.commit().at(path)
}

/// The change to write-ahead logging does not wait for locks by itself.
fn journal(connection: &Connection) -> rusqlite::Result<()> {
    let mut tries = 0;
    loop {
        match connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get::<_, String>(0)) {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && wait(tries) => {
                tries += 1
            }
            other => return other.map(drop),
        }
    }
}
