//! Conditional writes as one transactional batch.
//!
//! Cosmos DB has no words for some of the port's: deleting what may be absent, creating over what has expired, replacing
//! what must merely live. Those are found out by trying, or by a read, and the batch is sent again. And an answer may be
//! lost on the way: the driver then sends the batch again, and is told of a conflict with its own work. Every document
//! carries the operation that wrote it, so that this is recognised.

use super::{
    document::{Document, condition, item_id, version},
    read,
};
use crate::cosmos::port;
use azure_data_cosmos::{
    TransactionalBatch,
    clients::ContainerClient,
    error::CosmosError,
    models::TransactionalBatchOperationResult,
    options::{BatchDeleteOptions, BatchReplaceOptions, Precondition},
};
use futures::future::try_join_all;
use pool::{
    TenantId,
    ports::{Etag, NewRow, PortError, PortResult, Write},
};

/// How often a batch is sent with what was learnt from the last try.
const TRIES: usize = 8;

/// A write in the words of Cosmos DB.
enum Step {
    Create(Document),
    Replace(Document, Option<String>),
    Delete(String, Option<String>),
    /// There is nothing to do.
    Nothing,
}

/// Whether a batch may have been done before.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tried {
    Once,
    Before,
}

/// What became of a batch.
enum Sent {
    Done(Vec<Etag>),
    /// The write at this place was refused with this status; nothing was written by this try. Whether an earlier try of
    /// the driver's, whose answer was lost, may have done all of it.
    Refused(usize, u16, Tried),
}

pub(super) async fn run(
    container: &ContainerClient,
    tenant: &TenantId,
    writes: &[Write],
    op: &str,
    now: i64,
) -> PortResult<Vec<Etag>> {
    let batch = Batch { container, tenant, writes, op, now };
    let mut steps = Vec::with_capacity(writes.len());
    for write in writes {
        steps.push(batch.step(write).await?);
    }
    for _ in 0..TRIES {
        match batch.send(&steps).await {
            Ok(Sent::Done(etags)) => return Ok(etags),
            // Where one is absent, others may be: all are looked for at once.
            Ok(Sent::Refused(at, 404, _)) if matches!(writes[at], Write::Delete(_, _, None)) => {
                batch.leave_out_the_absent(&mut steps).await?;
            }
            Ok(Sent::Refused(at, status, tried)) => match batch.learn(at, status).await? {
                Some(step) => steps[at] = step,
                None => return batch.done_before(tried).await?.ok_or(PortError::Conflict),
            },
            Err(error) => {
                let error = port(error);
                let unknown = matches!(error, PortError::Unavailable(_));
                let done =
                    if unknown { batch.done_before(Tried::Before).await.unwrap_or(None) } else { None };
                return done.ok_or(error);
            }
        }
    }
    Err(PortError::unavailable("the documents of a batch do not stay as they are for long enough"))
}

struct Batch<'a> {
    container: &'a ContainerClient,
    tenant: &'a TenantId,
    writes: &'a [Write],
    op: &'a str,
    now: i64,
}

impl Batch<'_> {
    fn document(&self, row: &NewRow) -> PortResult<Document> {
        Document::new(self.tenant, row, self.op, self.now)
    }

    async fn step(&self, write: &Write) -> PortResult<Step> {
        let expired = || PortError::Conflict;
        Ok(match write {
            Write::Create(row) => Step::Create(self.document(row)?),
            Write::Replace(row, Some(etag)) => {
                Step::Replace(self.document(row)?, Some(condition(etag, self.now).ok_or_else(expired)?))
            }
            Write::Replace(row, None) => self.replace_living(row).await?,
            Write::Delete(kind, id, Some(etag)) => {
                Step::Delete(item_id(*kind, id), Some(condition(etag, self.now).ok_or_else(expired)?))
            }
            Write::Delete(kind, id, None) => Step::Delete(item_id(*kind, id), None),
        })
    }

    /// The service does not know whether a document has expired, so it is read, and must not change until the write.
    async fn replace_living(&self, row: &NewRow) -> PortResult<Step> {
        let found = read(self.container, self.tenant, &item_id(row.kind, &row.id)).await?;
        let living = found.filter(|document| document.lives_at(self.now)).ok_or(PortError::Conflict)?;
        Ok(Step::Replace(self.document(row)?, living.etag))
    }

    async fn send(&self, steps: &[Step]) -> Result<Sent, CosmosError> {
        let mut batch = TransactionalBatch::new(self.tenant.to_string());
        let mut places = Vec::new();
        for (at, step) in steps.iter().enumerate() {
            let if_match = |etag: &String| Precondition::if_match(etag.clone());
            batch = match step {
                Step::Create(document) => batch.create_item(document)?,
                Step::Replace(document, etag) => {
                    let options = etag
                        .as_ref()
                        .map(|etag| BatchReplaceOptions::default().with_precondition(if_match(etag)));
                    batch.replace_item(document.id.clone(), document, options)?
                }
                Step::Delete(id, etag) => {
                    let options = etag
                        .as_ref()
                        .map(|etag| BatchDeleteOptions::default().with_precondition(if_match(etag)));
                    batch.delete_item(id.clone(), options)
                }
                Step::Nothing => continue,
            };
            places.push(at);
        }
        if places.is_empty() {
            return Ok(Sent::Done(vec![Etag(String::new()); steps.len()]));
        }
        let answer = self.container.execute_transactional_batch(batch, None).await?;
        let requests = answer.diagnostics().requests();
        // A try that was answered with anything but a failure of the service was not done.
        let lost = requests.iter().rev().skip(1).any(|request| {
            let status = u16::from(request.status().status_code());
            request.request_sent().may_have_been_sent() && matches!(status, 408 | 500..=599)
        });
        let tried = if lost { Tried::Before } else { Tried::Once };
        Ok(self.read(&places, answer.into_model()?.results(), tried))
    }

    fn read(&self, places: &[usize], results: &[TransactionalBatchOperationResult], tried: Tried) -> Sent {
        // All but the one that failed are told 424: a failed dependency.
        let failed = results.iter().position(|result| !result.is_success() && result.status_code() != 424);
        if let Some(failed) = failed {
            let at = places.get(failed).copied().unwrap_or_default();
            return Sent::Refused(at, results[failed].status_code(), tried);
        }
        let mut etags = vec![Etag(String::new()); self.writes.len()];
        for (at, result) in places.iter().zip(results) {
            if let Write::Create(row) | Write::Replace(row, _) = &self.writes[*at] {
                etags[*at] = version(result.etag().unwrap_or_default(), row.expires_at);
            }
        }
        Sent::Done(etags)
    }

    /// Deleting what is absent is done already.
    async fn leave_out_the_absent(&self, steps: &mut [Step]) -> PortResult<()> {
        let (mut places, mut reads) = (Vec::new(), Vec::new());
        for (at, write) in self.writes.iter().enumerate() {
            if let Write::Delete(kind, id, None) = write {
                let item = item_id(*kind, id);
                places.push(at);
                reads.push(async move { read(self.container, self.tenant, &item).await });
            }
        }
        for (at, found) in places.into_iter().zip(try_join_all(reads).await?) {
            if found.is_none() {
                steps[at] = Step::Nothing;
            }
        }
        Ok(())
    }

    /// What to do instead of a write that was refused; `None`: its condition does not hold.
    async fn learn(&self, at: usize, status: u16) -> PortResult<Option<Step>> {
        match (&self.writes[at], status) {
            (Write::Replace(row, None), 404 | 412) => self.replace_living(row).await.map(Some).or_else(none),
            (Write::Create(row), 409) => {
                match read(self.container, self.tenant, &item_id(row.kind, &row.id)).await? {
                    // It has gone meanwhile.
                    None => Ok(Some(Step::Create(self.document(row)?))),
                    Some(old) if !old.lives_at(self.now) => {
                        Ok(Some(Step::Replace(self.document(row)?, old.etag)))
                    }
                    Some(_) => Ok(None),
                }
            }
            (Write::Create(row), 404 | 412) => Ok(Some(Step::Create(self.document(row)?))),
            (_, 404 | 409 | 412) => Ok(None),
            _ => Err(crate::error::by_status(
                status,
                None,
                format!("a write of a batch was refused with {status}"),
            )),
        }
    }

    /// The versions, if this very batch was done before and its answer was lost. Documents carry the operation that
    /// wrote them. A batch of deletions leaves nothing to know it by but absence: it is believed to be our work where a
    /// try of ours may have been done.
    async fn done_before(&self, tried: Tried) -> PortResult<Option<Vec<Etag>>> {
        let mut etags = Vec::with_capacity(self.writes.len());
        for write in self.writes {
            let (kind, id) = match write {
                Write::Create(row) | Write::Replace(row, _) => (row.kind, &row.id),
                Write::Delete(kind, id, _) => (*kind, id),
            };
            let found = read(self.container, self.tenant, &item_id(kind, id)).await?;
            match (write, found) {
                (Write::Delete(..), None) => etags.push(Etag(String::new())),
                (Write::Create(_) | Write::Replace(..), Some(document)) if document.op == self.op => {
                    etags.push(document.version());
                }
                _ => return Ok(None),
            }
        }
        let written = etags.iter().any(|etag| !etag.0.is_empty());
        Ok((written || tried == Tried::Before).then_some(etags))
    }
}

fn none(error: PortError) -> PortResult<Option<Step>> {
    if matches!(error, PortError::Conflict) { Ok(None) } else { Err(error) }
}
