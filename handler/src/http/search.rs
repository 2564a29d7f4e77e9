//! `search`.

use crate::{answer, call::Call};
use axum::{http::StatusCode, response::Response};
use pool::{Error, search::Find};
use schemars::JsonSchema;
use serde::Deserialize;

/// Documents to remove.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ids {
    /// Their ids, 1 to 1,000.
    pub(crate) ids: Vec<String>,
}

pub(crate) async fn upsert(mut call: Call) -> Result<Response, Error> {
    let documents = call.json().await?;
    answer::json(StatusCode::OK, &call.scope.search().upsert(documents).await?)
}

pub(crate) async fn query(call: Call) -> Result<Response, Error> {
    let query = call.query(&["query", "top"])?;
    let text = query.get("query").ok_or_else(|| Error::invalid("query", "is needed: what to look for"))?;
    let top = query.number("top", 1..=100)?.unwrap_or(10);
    let find = Find { query: text.to_owned(), top, ..Find::default() };
    answer::json(StatusCode::OK, &call.scope.search().query(find).await?)
}

pub(crate) async fn search(mut call: Call) -> Result<Response, Error> {
    let find = call.json().await?;
    answer::json(StatusCode::OK, &call.scope.search().query(find).await?)
}

pub(crate) async fn delete(call: Call) -> Result<Response, Error> {
    let id = call.param("document_id").to_owned();
    call.scope.search().exists(&id).await?;
    call.scope.search().delete(&[id]).await?;
    Ok(answer::nothing())
}

pub(crate) async fn delete_many(mut call: Call) -> Result<Response, Error> {
    let Ids { ids } = call.json().await?;
    call.scope.search().delete(&ids).await?;
    Ok(answer::nothing())
}
