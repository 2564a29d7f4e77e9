//! `threads/{thread_id}/messages`.

use crate::{answer, call::Call};
use axum::response::Response;
use pool::Error;

pub(crate) async fn create(mut call: Call) -> Result<Response, Error> {
    let new = call.json().await?;
    answer::one(&call.scope.messages().create(call.param("thread_id"), new).await?)
}

pub(crate) async fn list(call: Call) -> Result<Response, Error> {
    let page = call.scope.messages().list(call.param("thread_id"), &call.page()?).await?;
    answer::list(&page, call.parts.uri.query())
}
