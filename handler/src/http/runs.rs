//! `threads/{thread_id}/runs`.

use crate::{answer, call::Call, events, gates::Open};
use axum::{http::StatusCode, response::Response};
use pool::{
    Error, Scope,
    runs::{NewRun, Run, ToolOutputs},
};
use tracing::Instrument;

pub(crate) async fn create(mut call: Call) -> Result<Response, Error> {
    let new: NewRun = call.json().await?;
    let (stream, thread) = (new.stream, call.param("thread_id").to_owned());
    let place = stream.then(|| call.app.gates.stream(&call.scope)).transpose()?;
    let run = call.scope.runs().create(&thread, new, stream).await?;
    if let Some(place) = place {
        return driven(call.scope, run.value, None, place).await;
    }
    answer::tagged(StatusCode::OK, &run.value, &run.etag)
}

pub(crate) async fn list(call: Call) -> Result<Response, Error> {
    let page = call.scope.runs().list(call.param("thread_id"), &call.page()?).await?;
    answer::list(&page, call.parts.uri.query())
}

pub(crate) async fn get(call: Call) -> Result<Response, Error> {
    call.query(&[])?;
    answer::one(&call.scope.runs().get(call.param("thread_id"), call.param("run_id")).await?)
}

pub(crate) async fn cancel(call: Call) -> Result<Response, Error> {
    answer::one(&call.scope.runs().cancel(call.param("thread_id"), call.param("run_id")).await?)
}

pub(crate) async fn submit(mut call: Call) -> Result<Response, Error> {
    let outputs: ToolOutputs = call.json().await?;
    let (stream, thread) = (outputs.stream, call.param("thread_id").to_owned());
    let place = stream.then(|| call.app.gates.stream(&call.scope)).transpose()?;
    let submitted = call.scope.runs().submit(&thread, call.param("run_id"), outputs, stream).await?;
    if let Some(place) = place {
        return driven(call.scope, submitted.run.value, Some(submitted.after), place).await;
    }
    answer::one(&submitted.run)
}

pub(crate) async fn steps(call: Call) -> Result<Response, Error> {
    let page = call.scope.runs().steps(call.param("thread_id"), call.param("run_id"), &call.page()?).await?;
    answer::list(&page, call.parts.uri.query())
}

/// Server-sent events, from the one after `Last-Event-ID`; also after the process was restarted.
pub(crate) async fn events(call: Call) -> Result<Response, Error> {
    call.query(&[])?;
    let after = match call.parts.headers.get("last-event-id").map(|id| id.to_str().unwrap_or_default()) {
        None | Some("") => None,
        Some(id) => {
            Some(id.parse().map_err(|_| Error::invalid("Last-Event-ID", "must be the id of an event"))?)
        }
    };
    let place = call.app.gates.stream(&call.scope)?;
    let reader = call.scope.runs().follow(call.param("thread_id"), call.param("run_id"), after).await?;
    Ok(events::stream(reader, place))
}

/// Drives a run here and now, and follows it. The run goes on when the client leaves.
async fn driven(scope: Scope, run: Run, after: Option<u64>, place: Open) -> Result<Response, Error> {
    let driver = scope.clone();
    let id = run.id.clone();
    let drive = async move {
        if let Err(fault) = driver.runs().drive(&id).await {
            tracing::warn!(run = id, error = %crate::problem::chain(&fault), "the queue will drive the run");
        }
    };
    tokio::spawn(drive.in_current_span());
    Ok(events::stream(scope.runs().follow(&run.thread_id, &run.id, after).await?, place))
}
