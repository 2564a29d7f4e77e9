//! `threads`.

use crate::{answer, call::Call};
use axum::response::Response;
use pool::Error;

pub(crate) async fn create(mut call: Call) -> Result<Response, Error> {
    let new = call.json().await?;
    answer::one(&call.scope.threads().create(new).await?)
}

pub(crate) async fn list(call: Call) -> Result<Response, Error> {
    let page = call.scope.threads().list(&call.page()?).await?;
    answer::list(&page, call.parts.uri.query())
}

pub(crate) async fn get(call: Call) -> Result<Response, Error> {
    call.query(&[])?;
    answer::one(&call.scope.threads().get(call.param("thread_id")).await?)
}

pub(crate) async fn update(mut call: Call) -> Result<Response, Error> {
    let change = call.json().await?;
    let if_match = call.if_match()?;
    answer::one(&call.scope.threads().update(call.param("thread_id"), change, if_match.as_ref()).await?)
}

pub(crate) async fn delete(call: Call) -> Result<Response, Error> {
    let if_match = call.if_match()?;
    call.scope.threads().delete(call.param("thread_id"), if_match.as_ref()).await?;
    Ok(answer::nothing())
}
