//! `files`.

mod form;
pub(crate) mod upload;

use crate::{
    answer,
    call::{Call, media_type},
    idempotent::NotKept,
};
use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use pool::{Error, files::NewFile};
use serde_json::json;

/// Three ways in: `multipart/form-data`; the bytes themselves, with `?filename=`; or, as JSON, a wish for an upload link.
pub(crate) async fn create(mut call: Call) -> Result<Response, Error> {
    let query = call.query(&["filename"])?;
    let filename = query.get("filename").map(str::to_owned);
    match (media_type(&call.parts.headers).as_deref(), filename) {
        (Some("multipart/form-data"), None) => upload::multipart(call).await,
        (Some("application/json"), None) => link(&mut call).await,
        (_, Some(filename)) => upload::raw(call, filename).await,
        (_, None) => {
            Err(Error::invalid("filename", "is needed beside raw bytes: POST files?filename=report.pdf"))
        }
    }
}

async fn link(call: &mut Call) -> Result<Response, Error> {
    let new: NewFile = call.json().await?;
    let (file, link) = call.scope.files().link(new).await?;
    let mut body = serde_json::to_value(&file.value).map_err(|fault| Error::Internal(Box::new(fault)))?;
    body["upload"] = json!({
        "url": link.url,
        "method": link.method,
        "headers": link.headers,
        "expires_at": link.expires_at.as_second(),
    });
    let mut response = answer::tagged(StatusCode::OK, &body, &file.etag)?;
    // A link is good for minutes: a second try gets another one to the same file.
    response.extensions_mut().insert(NotKept);
    Ok(response)
}

pub(crate) async fn list(call: Call) -> Result<Response, Error> {
    let page = call.scope.files().list(&call.page()?).await?;
    answer::list(&page, call.parts.uri.query())
}

pub(crate) async fn get(call: Call) -> Result<Response, Error> {
    call.query(&[])?;
    answer::one(&call.scope.files().get(call.param("file_id")).await?)
}

/// The bytes, as an attachment of the type that was sent: a browser is never made to show what a tenant uploaded.
pub(crate) async fn content(call: Call) -> Result<Response, Error> {
    call.query(&[])?;
    let (file, length, body) = call.scope.files().content(call.param("file_id")).await?;
    let mut response = Response::new(Body::from_stream(body));
    let headers = response.headers_mut();
    let content_type = HeaderValue::try_from(&file.content_type);
    headers.insert(
        header::CONTENT_TYPE,
        content_type.unwrap_or(HeaderValue::from_static("application/octet-stream")),
    );
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    let name = percent_encoding::utf8_percent_encode(&file.filename, percent_encoding::NON_ALPHANUMERIC);
    if let Ok(disposition) = HeaderValue::try_from(format!("attachment; filename*=UTF-8''{name}")) {
        headers.insert(header::CONTENT_DISPOSITION, disposition);
    }
    Ok(response)
}

pub(crate) async fn delete(call: Call) -> Result<Response, Error> {
    let if_match = call.if_match()?;
    call.scope.files().delete(call.param("file_id"), if_match.as_ref()).await?;
    Ok(answer::nothing())
}
