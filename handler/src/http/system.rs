//! What anyone may ask.

use crate::{answer, app::App, openapi};
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use pool::Error;
use serde_json::{Map, json};
use std::sync::Arc;

pub(crate) async fn health(_: Arc<App>) -> Result<Response, Error> {
    answer::json(StatusCode::OK, &json!({"status": "ok", "version": env!("CARGO_PKG_VERSION")}))
}

/// Names each dependency; 503 if one did not answer in the last seconds. Says nothing of tenants.
pub(crate) async fn ready(app: Arc<App>) -> Result<Response, Error> {
    let mut dependencies = Map::new();
    let mut good = true;
    for (name, answers) in app.gates.readiness(app.doors.probe()).await {
        good &= answers;
        dependencies.insert(name.into(), word(answers).into());
    }
    let status = if good { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = json!({"status": word(good), "backend": app.backend, "dependencies": dependencies});
    let mut response = answer::json(status, &body)?;
    if !good {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(2));
    }
    Ok(response)
}

fn word(good: bool) -> &'static str {
    if good { "ok" } else { "unavailable" }
}

pub(crate) async fn openapi(app: Arc<App>) -> Result<Response, Error> {
    answer::json(StatusCode::OK, app.openapi.get_or_init(openapi::document))
}
