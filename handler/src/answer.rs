//! Answers in the shapes of the API.

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use pool::{Error, Page, Versioned, ports::Etag};
use serde::Serialize;

/// A JSON body.
///
/// # Errors
/// When the value cannot be written, which is a fault of ours.
pub(crate) fn json<T: Serialize + ?Sized>(status: StatusCode, value: &T) -> Result<Response, Error> {
    let body = serde_json::to_vec(value).map_err(|fault| Error::Internal(Box::new(fault)))?;
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

/// 200 and one thing, with its version.
///
/// # Errors
/// As [`json`].
pub(crate) fn one<T: Serialize>(thing: &Versioned<T>) -> Result<Response, Error> {
    tagged(StatusCode::OK, &thing.value, &thing.etag)
}

/// One thing, with its version.
///
/// # Errors
/// As [`json`].
pub(crate) fn tagged<T: Serialize + ?Sized>(
    status: StatusCode,
    thing: &T,
    etag: &Etag,
) -> Result<Response, Error> {
    let mut response = json(status, thing)?;
    if let Ok(etag) = HeaderValue::try_from(format!("\"{}\"", etag.0)) {
        response.headers_mut().insert(header::ETAG, etag);
    }
    Ok(response)
}

/// 200 and a bare array, with the way to the next page (RFC 8288) while there is one. The link is relative to the
/// request, so that it holds behind any gateway.
///
/// # Errors
/// As [`json`].
pub(crate) fn list<T: Serialize>(page: &Page<T>, query: Option<&str>) -> Result<Response, Error> {
    let mut response = json(StatusCode::OK, &page.items)?;
    if let Some(cursor) = &page.next {
        let mut next = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            if name != "cursor" && name != "code" {
                next.append_pair(&name, &value);
            }
        }
        let next = next.append_pair("cursor", cursor).finish();
        if let Ok(link) = HeaderValue::try_from(format!("<?{next}>; rel=\"next\"")) {
            response.headers_mut().insert(header::LINK, link);
        }
    }
    Ok(response)
}

/// 204.
pub(crate) fn nothing() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}
