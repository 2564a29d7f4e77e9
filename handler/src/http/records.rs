//! `cosmos/{collection}`.

use crate::{answer, call::Call};
use axum::{http::StatusCode, response::Response};
use pool::{
    Error, Versioned,
    filter::{FieldPath, Scalar},
    records::{Record, RecordQuery},
};
use serde_json::{Map, Value, json};

pub(crate) async fn create(mut call: Call) -> Result<Response, Error> {
    let body = object(&mut call).await?;
    view(&call.scope.records().create(call.param("collection"), body).await?)
}

pub(crate) async fn list(call: Call) -> Result<Response, Error> {
    let query = call.query(&["limit", "order", "cursor", "where", "sort"])?;
    let field = |name: &'static str, text: &str| {
        FieldPath::parse(text)
            .ok_or_else(|| Error::invalid(name, "must name a member: letters, digits, _ and dots"))
    };
    let mut asked = RecordQuery::default();
    for condition in query.all("where") {
        let (name, value) =
            condition.split_once(':').ok_or_else(|| Error::invalid("where", "must be `member:value`"))?;
        asked.equal.push((field("where", name)?, scalar(value)));
    }
    if asked.equal.len() > 8 {
        return Err(Error::invalid("where", "may occur at most 8 times"));
    }
    asked.sort = query.get("sort").map(|name| field("sort", name)).transpose()?;
    let page = call.scope.records().list(call.param("collection"), asked, &query.page()?).await?;
    answer::list(&page.map(|record| shape(&record.value)), call.parts.uri.query())
}

pub(crate) async fn get(call: Call) -> Result<Response, Error> {
    call.query(&[])?;
    view(&call.scope.records().get(call.param("collection"), call.param("id")).await?)
}

pub(crate) async fn replace(mut call: Call) -> Result<Response, Error> {
    let body = object(&mut call).await?;
    let if_match = call.if_match()?;
    let (collection, id) = (call.param("collection"), call.param("id"));
    view(&call.scope.records().replace(collection, id, body, if_match.as_ref()).await?)
}

pub(crate) async fn delete(call: Call) -> Result<Response, Error> {
    let if_match = call.if_match()?;
    call.scope.records().delete(call.param("collection"), call.param("id"), if_match.as_ref()).await?;
    Ok(answer::nothing())
}

async fn object(call: &mut Call) -> Result<Map<String, Value>, Error> {
    match call.value().await? {
        Value::Object(members) => Ok(members),
        _ => Err(Error::invalid("", "must be a JSON object")),
    }
}

fn view(record: &Versioned<Record>) -> Result<Response, Error> {
    answer::tagged(StatusCode::OK, &shape(&record.value), &record.etag)
}

/// The client's members, and ours beside them.
fn shape(record: &Record) -> Value {
    let mut shape = json!({
        "id": record.id,
        "object": "record",
        "created_at": record.created_at,
        "updated_at": record.updated_at,
        "collection": record.collection,
        "metadata": {},
    });
    if let Value::Object(members) = &mut shape {
        members.extend(record.body.iter().map(|(name, value)| (name.clone(), value.clone())));
    }
    shape
}

/// `true`, `false` and numbers are what they look like; in quotes, and all else, is text.
fn scalar(text: &str) -> Scalar {
    match serde_json::from_str(text) {
        Ok(Value::Bool(value)) => Scalar::Bool(value),
        Ok(Value::Number(number)) => {
            number.as_f64().map_or_else(|| Scalar::Text(text.to_owned()), Scalar::Number)
        }
        Ok(Value::String(inner)) => Scalar::Text(inner),
        _ => Scalar::Text(text.to_owned()),
    }
}
