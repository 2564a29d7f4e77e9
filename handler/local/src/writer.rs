//! Group commit: one thread takes all that waits, does each request in a savepoint, commits once, and answers all.
//!
//! So a disk that syncs 500 times a second still commits thousands of documents, and a request that fails or panics takes
//! nobody with it. A group that cannot be committed is nobody's success: each of its requests is answered with an error.

use pool::ports::{PortError, PortResult};
use rusqlite::Connection;
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    thread::JoinHandle,
};
use tokio::sync::{mpsc, oneshot};

const WAITING: usize = 1_024;
const GROUP: usize = 256;
const STACK: usize = 1 << 20;

/// A request on its way: it is run once at most, and always answered.
trait Request: Send {
    /// Does it; says whether to keep what it did.
    fn run(&mut self, connection: &Connection) -> bool;
    /// Answers it, after its group was committed, or `lost` for this reason.
    fn answer(self: Box<Self>, lost: Option<&str>);
}

struct Pending<F, T> {
    write: Option<F>,
    result: Option<PortResult<T>>,
    sender: oneshot::Sender<PortResult<T>>,
}

impl<F, T> Request for Pending<F, T>
where
    F: FnOnce(&Connection) -> PortResult<T> + Send,
    T: Send,
{
    fn run(&mut self, connection: &Connection) -> bool {
        let write = self.write.take();
        self.result = write.and_then(|write| catch_unwind(AssertUnwindSafe(|| write(connection))).ok());
        matches!(self.result, Some(Ok(_)))
    }

    fn answer(self: Box<Self>, lost: Option<&str>) {
        let result = match (lost, self.result) {
            (Some(why), _) => Err(PortError::unavailable(why.to_owned())),
            (None, Some(result)) => result,
            (None, None) => Err(PortError::refused("the write panicked and was undone")),
        };
        // Whoever asked may have gone away; the write stands.
        let _ = self.sender.send(result);
    }
}

pub(crate) struct Writer {
    requests: Option<mpsc::Sender<Box<dyn Request>>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(crate) fn start(connection: Connection) -> Self {
        let (requests, waiting) = mpsc::channel(WAITING);
        let thread = std::thread::Builder::new().name("writer".into()).stack_size(STACK);
        // If no thread can be had, the channel is closed, and each write says so.
        let thread = thread.spawn(move || serve(&connection, waiting)).ok();
        Self { requests: Some(requests), thread }
    }

    pub(crate) async fn write<T: Send + 'static>(
        &self,
        write: impl FnOnce(&Connection) -> PortResult<T> + Send + 'static,
    ) -> PortResult<T> {
        let (sender, answer) = oneshot::channel();
        let request = Box::new(Pending { write: Some(write), result: None, sender });
        let requests =
            self.requests.as_ref().ok_or_else(|| PortError::unavailable("the database is closed"))?;
        requests.send(request).await.map_err(|_| PortError::unavailable("the writer has stopped"))?;
        answer.await.unwrap_or_else(|_| Err(PortError::unavailable("the writer has stopped")))
    }
}

impl Drop for Writer {
    /// Lets the thread finish what waits and close its connection.
    fn drop(&mut self) {
        drop(self.requests.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(connection: &Connection, mut waiting: mpsc::Receiver<Box<dyn Request>>) {
    while let Some(first) = waiting.blocking_recv() {
        let mut group = vec![first];
        while group.len() < GROUP {
            match waiting.try_recv() {
                Ok(next) => group.push(next),
                Err(_) => break,
            }
        }
        let lost = commit(connection, &mut group).err();
        if let Some(error) = &lost {
            tracing::error!(%error, requests = group.len(), "a group of writes was lost");
            if !connection.is_autocommit() {
                let _ = connection.execute_batch("ROLLBACK");
            }
        }
        let lost = lost.map(|error| error.to_string());
        for request in group {
            request.answer(lost.as_deref());
        }
    }
}

fn commit(connection: &Connection, group: &mut [Box<dyn Request>]) -> rusqlite::Result<()> {
    let run = |sql: &str| connection.prepare_cached(sql)?.execute([]).map(drop);
    run("BEGIN IMMEDIATE")?;
    for request in group {
        run("SAVEPOINT request")?;
        if !request.run(connection) {
            // Fails if SQLite has rolled everything back already (a full disk): then all are lost, and told so.
            run("ROLLBACK TO request")?;
        }
        run("RELEASE request")?;
    }
    run("COMMIT")
}

#[cfg(test)]
mod tests {
    use crate::{db::Db, error::sqlite, schema::Schema};
    use pool::ports::PortError;
    use rusqlite::Connection;
    use std::sync::Arc;

    /// Panics and refusals in the midst of groups undo themselves, and nothing else.
    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn a_panic_takes_nobody_along() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("x.db");
        let schema = Schema(&["CREATE TABLE done (i INTEGER PRIMARY KEY)"]);
        let db = Arc::new(Db::open(&path, &schema).unwrap());
        let requests: Vec<_> = (0..300_u32)
            .map(|i| {
                let db = db.clone();
                let write = move |connection: &Connection| {
                    connection.execute("INSERT INTO done VALUES (?1)", [i]).map_err(sqlite)?;
                    match i % 3 {
                        0 => Ok(i),
                        1 => Err(PortError::Conflict),
                        _ => panic!("a request that panics"),
                    }
                };
                tokio::spawn(async move { db.write(write).await })
            })
            .collect();
        for (i, request) in (0..).zip(requests) {
            match (i % 3, request.await.unwrap()) {
                (0, Ok(found)) => assert_eq!(found, i),
                (1, Err(PortError::Conflict)) | (2, Err(PortError::Refused(_))) => {}
                (_, other) => panic!("{i}: {other:?}"),
            }
        }
        drop(db);
        let db = Db::open(&path, &schema).unwrap();
        let kept =
            db.read(|c| c.prepare("SELECT i FROM done ORDER BY i")?.query_map([], |r| r.get(0))?.collect());
        let kept: Vec<u32> = kept.unwrap();
        assert_eq!(kept, (0..300).step_by(3).collect::<Vec<_>>());
    }
}
