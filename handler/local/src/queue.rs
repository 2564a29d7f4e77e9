use crate::{db::Db, entropy::token, error::sqlite};
use async_trait::async_trait;
use jiff::Timestamp;
use pool::ports::{Clock, Entropy, PortError, PortResult, Queue, QueueName, SealedJob};
use rusqlite::{Connection, OptionalExtension, params};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// A message that nobody finishes is forgotten after this.
const LIFETIME: Duration = Duration::from_secs(7 * 24 * 3_600);

/// A message that was received: hidden from others until [`next_visible`](Self::next_visible).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its name within its queue.
    pub id: String,
    /// The right to renew, release or delete it; it ends when the message is received or renewed again.
    pub pop_receipt: String,
    /// What was pushed.
    pub body: Vec<u8>,
    /// How often it was received, this time included.
    pub dequeue_count: u32,
    /// When it was pushed.
    pub inserted: Timestamp,
    /// When it will be forgotten.
    pub expires: Timestamp,
    /// When others can receive it.
    pub next_visible: Timestamp,
}

/// How many messages a queue has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueCount {
    /// That can be received now.
    pub visible: u32,
    /// That are leased, or delayed.
    pub hidden: u32,
}

/// [`Queue`] in `platform.db`, and the side of it that the Functions host sees, with a storage queue's meaning. A queue is
/// a name (a poison queue too) and exists when it has messages.
pub struct LocalQueue {
    platform: Arc<Db>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl LocalQueue {
    pub(crate) fn new(platform: Arc<Db>, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self { platform, clock, entropy }
    }

    /// Adds a message, durably, that becomes visible after `delay`.
    ///
    /// # Errors
    /// If `platform.db` cannot be written.
    pub async fn push_raw(&self, queue: &str, body: Vec<u8>, delay: Duration) -> PortResult<()> {
        let now = self.now();
        let (queue, id, receipt) = (queue.to_owned(), token(&*self.entropy), token(&*self.entropy));
        let (expires, visible) = (later(now, LIFETIME), later(now, delay));
        let sql = "INSERT INTO messages (queue, id, receipt, body, dequeued, inserted, expires, visible)
            VALUES (?1, ?2, ?3, ?4, 0, ?5, ?6, ?7)";
        let push = move |connection: &Connection| {
            connection.prepare_cached(sql)?.execute(params![queue, id, receipt, body, now, expires, visible])
        };
        self.platform.write(move |connection| push(connection).map(drop).map_err(sqlite)).await
    }

    /// Takes at most `max` visible messages, those first that are visible longest, and hides them for `lease`.
    ///
    /// # Errors
    /// If `platform.db` cannot be written.
    pub async fn receive(&self, queue: &str, max: usize, lease: Duration) -> PortResult<Vec<Message>> {
        let now = self.now();
        let any = "SELECT 1 FROM messages WHERE queue = ?1 AND visible <= ?2";
        // An empty queue is asked often, and should cost no write.
        if !self.platform.read(|connection| connection.prepare_cached(any)?.exists(params![queue, now]))? {
            return Ok(Vec::new());
        }
        let receipts: Vec<String> = (0..max).map(|_| token(&*self.entropy)).collect();
        let (queue, next) = (queue.to_owned(), later(now, lease));
        let take = move |connection: &Connection| take(connection, &queue, &receipts, now, next);
        self.platform.write(move |connection| take(connection).map_err(sqlite)).await
    }

    /// Hides a received message for `lease` from now; answers its new receipt.
    ///
    /// # Errors
    /// [`PortError::Conflict`] if the receipt is stale or the message gone.
    pub async fn renew(
        &self,
        queue: &str,
        id: &str,
        pop_receipt: &str,
        lease: Duration,
    ) -> PortResult<String> {
        let next = token(&*self.entropy);
        let visible = later(self.now(), lease);
        let sql =
            "UPDATE messages SET receipt = ?4, visible = ?5 WHERE queue = ?1 AND id = ?2 AND receipt = ?3";
        let values = (queue.to_owned(), id.to_owned(), pop_receipt.to_owned(), next.clone(), visible);
        self.one(move |connection| connection.prepare_cached(sql)?.execute(values)).await?;
        Ok(next)
    }

    /// Gives a received message back, to be visible `after` this time.
    ///
    /// # Errors
    /// As [`renew`](Self::renew).
    pub async fn release(&self, queue: &str, id: &str, pop_receipt: &str, after: Duration) -> PortResult<()> {
        self.renew(queue, id, pop_receipt, after).await.map(drop)
    }

    /// Deletes a received message: it is done.
    ///
    /// # Errors
    /// As [`renew`](Self::renew).
    pub async fn delete(&self, queue: &str, id: &str, pop_receipt: &str) -> PortResult<()> {
        let sql = "DELETE FROM messages WHERE queue = ?1 AND id = ?2 AND receipt = ?3";
        let values = (queue.to_owned(), id.to_owned(), pop_receipt.to_owned());
        self.one(move |connection| connection.prepare_cached(sql)?.execute(values)).await
    }

    /// Moves a received message to another queue, visible at once, as if it were new: never in both, never in neither.
    ///
    /// # Errors
    /// As [`renew`](Self::renew).
    pub async fn transfer(&self, queue: &str, id: &str, pop_receipt: &str, to: &str) -> PortResult<()> {
        let now = self.now();
        let sql = "UPDATE messages SET queue = ?4, receipt = ?5, dequeued = 0, inserted = ?6, expires = ?7, visible = ?6
            WHERE queue = ?1 AND id = ?2 AND receipt = ?3";
        let names = [queue, id, pop_receipt, to].map(str::to_owned);
        let receipt = token(&*self.entropy);
        let [queue, id, held, to] = names;
        let values = (queue, id, held, to, receipt, now, later(now, LIFETIME));
        self.one(move |connection| connection.prepare_cached(sql)?.execute(values)).await
    }

    /// The first `max` messages that are visible, without receiving them; they have no receipt.
    ///
    /// # Errors
    /// If `platform.db` cannot be read.
    pub fn peek(&self, queue: &str, max: usize) -> PortResult<Vec<Message>> {
        let sql = "SELECT id, '', body, dequeued, inserted, expires, visible FROM messages
            WHERE queue = ?1 AND visible <= ?2 AND expires > ?2 ORDER BY visible, seq LIMIT ?3";
        let (now, max) = (self.now(), i64::try_from(max).unwrap_or(i64::MAX));
        self.platform.read(|connection| {
            connection.prepare_cached(sql)?.query_map(params![queue, now, max], message)?.collect()
        })
    }

    /// How many messages each queue has that has any.
    ///
    /// # Errors
    /// If `platform.db` cannot be read.
    pub async fn counts(&self) -> PortResult<BTreeMap<String, QueueCount>> {
        let sql = "SELECT queue, sum(visible <= ?1), sum(visible > ?1) FROM messages WHERE expires > ?1 GROUP BY queue";
        let now = self.now();
        self.platform.read(|connection| {
            let count = |row: &rusqlite::Row<'_>| {
                Ok((row.get(0)?, QueueCount { visible: row.get(1)?, hidden: row.get(2)? }))
            };
            connection.prepare_cached(sql)?.query_map([now], count)?.collect()
        })
    }

    /// A change that must find its message.
    async fn one(
        &self,
        change: impl FnOnce(&Connection) -> rusqlite::Result<usize> + Send + 'static,
    ) -> PortResult<()> {
        let change = move |connection: &Connection| match change(connection).map_err(sqlite)? {
            0 => Err(PortError::Conflict),
            _ => Ok(()),
        };
        self.platform.write(change).await
    }

    fn now(&self) -> i64 {
        self.clock.now().as_millisecond()
    }
}

#[async_trait]
impl Queue for LocalQueue {
    async fn push(&self, queue: QueueName, job: &SealedJob, delay: Duration) -> PortResult<()> {
        self.push_raw(queue.as_str(), job.as_str().as_bytes().to_vec(), delay).await
    }

    async fn ready(&self) -> PortResult<()> {
        self.platform
            .read(|connection| connection.prepare_cached("SELECT 1 FROM messages")?.exists([]).map(drop))
    }
}

fn take(
    connection: &Connection,
    queue: &str,
    receipts: &[String],
    now: i64,
    next: i64,
) -> rusqlite::Result<Vec<Message>> {
    connection
        .prepare_cached("DELETE FROM messages WHERE queue = ?1 AND visible <= ?2 AND expires <= ?2")?
        .execute(params![queue, now])?;
    let first = "SELECT seq FROM messages WHERE queue = ?1 AND visible <= ?2 ORDER BY visible, seq LIMIT 1";
    let lease = "UPDATE messages SET receipt = ?2, visible = ?3, dequeued = dequeued + 1 WHERE seq = ?1
        RETURNING id, receipt, body, dequeued, inserted, expires, visible";
    let mut taken = Vec::new();
    for receipt in receipts {
        let mut first = connection.prepare_cached(first)?;
        let seq: Option<i64> = first.query_row(params![queue, now], |row| row.get(0)).optional()?;
        let Some(seq) = seq else { break };
        // A lease of nothing leaves the message visible: take it once all the same.
        let visible = next.max(now + 1);
        taken.push(connection.prepare_cached(lease)?.query_row(params![seq, receipt, visible], message)?);
    }
    Ok(taken)
}

fn message(row: &rusqlite::Row<'_>) -> rusqlite::Result<Message> {
    let time = |column| row.get(column).map(|at| Timestamp::from_millisecond(at).unwrap_or(Timestamp::MAX));
    Ok(Message {
        id: row.get(0)?,
        pop_receipt: row.get(1)?,
        body: row.get(2)?,
        dequeue_count: row.get(3)?,
        inserted: time(4)?,
        expires: time(5)?,
        next_visible: time(6)?,
    })
}

fn later(now: i64, by: Duration) -> i64 {
    now.saturating_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX))
}
