//! `agents`.

use crate::{answer, call::Call};
use axum::response::Response;
use pool::Error;

pub(crate) async fn create(mut call: Call) -> Result<Response, Error> {
    let new = call.json().await?;
    answer::one(&call.scope.agents().create(new).await?)
}

pub(crate) async fn list(call: Call) -> Result<Response, Error> {
    let page = call.scope.agents().list(&call.page()?).await?;
    answer::list(&page, call.parts.uri.query())
}

pub(crate) async fn get(call: Call) -> Result<Response, Error> {
    call.query(&[])?;
    answer::one(&call.scope.agents().get(call.param("agent_id")).await?)
}

pub(crate) async fn update(mut call: Call) -> Result<Response, Error> {
    let change = call.json().await?;
    let if_match = call.if_match()?;
    answer::one(&call.scope.agents().update(call.param("agent_id"), change, if_match.as_ref()).await?)
}

pub(crate) async fn delete(call: Call) -> Result<Response, Error> {
    let if_match = call.if_match()?;
    call.scope.agents().delete(call.param("agent_id"), if_match.as_ref()).await?;
    Ok(answer::nothing())
}

pub(crate) async fn versions(call: Call) -> Result<Response, Error> {
    let page = call.scope.agents().versions(call.param("agent_id"), &call.page()?).await?;
    answer::list(&page, call.parts.uri.query())
}
