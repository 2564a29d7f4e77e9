//! Files that came, changed or went.

use super::event_grid;
use crate::{app::App, invocation::Invocation};
use futures::StreamExt;
use pool::{Error, Operation, Owned};
use std::sync::Arc;

/// Deliveries after which a file is given up: `maxDequeueCount` of `host.json`.
const LAST_TRY: u32 = 5;

/// Door 3: the folder says whose the file is.
pub(crate) async fn ingest_blob(app: Arc<App>, invocation: Invocation) -> Result<(), Error> {
    let needed =
        |name: &'static str| invocation.metadata(name).ok_or_else(|| Error::invalid(name, "is needed"));
    // The host's pattern is greedy: in `contoso/2026/report.pdf` it finds a tenant `contoso/2026`. The first folder counts.
    let path = format!("{}/{}", needed("tenant")?, needed("name")?);
    let (tenant, name) = path.split_once('/').ok_or_else(|| Error::invalid("name", "is needed"))?;
    let scope = match app.doors.claim(Owned::DropFolder(tenant)).await {
        Err(Error::NotFound) => {
            tracing::warn!("a file in the folder of no tenant: it is left where it is");
            return Ok(());
        }
        // A suspended tenant's file is a failure, so that it ends among the poison, where it can be set off again.
        scope => scope?,
    };
    super::belongs_to(&scope);
    let bytes = invocation.into_bytes()?;
    let body = futures::stream::once(async { Ok(bytes.into()) }).boxed();
    match scope.files().take_in(name, None, body).await {
        Err(Error::Invalid(faults)) => {
            let rule = faults.first().map(|fault| fault.message.clone()).unwrap_or_default();
            tracing::warn!(tenant = %scope.tenant(), rule, "a file in the drop folder breaks a rule");
            Ok(())
        }
        stored => stored.map(drop),
    }
}

/// Door 3: the container says whose the blob is. Whether it came or went is looked up, not believed.
///
/// An event that breaks a rule is an error for good: the host moves it among the poison, where operators look.
pub(crate) async fn ingest_event(app: Arc<App>, invocation: Invocation) -> Result<(), Error> {
    let event = match event_grid::read(&invocation.message()?, app.storage_account.as_ref()) {
        Ok(Some(event)) => event,
        Ok(None) => return Ok(()),
        Err(why) => {
            pool::SecurityEvent::ForeignContainer.raise(None, why);
            return Err(Error::invalid("/Data/message", why));
        }
    };
    let scope = match app.doors.claim(Owned::Container(&event.container)).await {
        Err(Error::NotFound) => return Ok(()),
        scope => scope?,
    };
    super::belongs_to(&scope);
    match event.blob.strip_prefix("files/") {
        Some(id) => scope.files().changed(id).await,
        None => {
            tracing::info!("an event of a blob that is not ours");
            Ok(())
        }
    }
}

/// Door 2: our own job.
pub(crate) async fn ingest_document(app: Arc<App>, invocation: Invocation) -> Result<(), Error> {
    let Some((scope, job)) = super::open(&app, &invocation.message()?, Operation::Ingest).await? else {
        return Ok(());
    };
    let files = scope.files();
    match files.ingest(&job.target).await {
        // Another one reads it: that is no fault of the file's, and the promise in the outbox waits.
        Err(Error::Conflict(why)) if invocation.dequeue_count() >= LAST_TRY => {
            tracing::info!(why, "the job is left to the sweep");
            Ok(())
        }
        Err(fault) if invocation.dequeue_count() >= LAST_TRY => {
            files.give_up(&job.target).await?;
            Err(fault)
        }
        done => done,
    }
}
