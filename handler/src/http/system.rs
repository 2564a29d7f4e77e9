//! What anyone may ask.

use crate::{answer, app::App, openapi};
use axum::{http::StatusCode, response::Response};
use pool::Error;
use serde_json::json;
use std::sync::Arc;

pub(crate) async fn health(_: Arc<App>) -> Result<Response, Error> {
    answer::json(StatusCode::OK, &json!({"status": "ok", "version": env!("CARGO_PKG_VERSION")}))
}

/// Names each dependency; 503 if one does not answer. Says nothing of tenants.
pub(crate) async fn ready(app: Arc<App>) -> Result<Response, Error> {
    let directory = app.doors.ports().directory.list(None, 1).await;
    if let Err(fault) = &directory {
        tracing::warn!(error = %crate::problem::chain(fault), "the directory does not answer");
    }
    let word = |good: bool| if good { "ok" } else { "unavailable" };
    let good = directory.is_ok();
    let status = if good { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = json!({"status": word(good), "dependencies": {"directory": word(good)}, "backend": app.backend});
    answer::json(status, &body)
}

pub(crate) async fn openapi(app: Arc<App>) -> Result<Response, Error> {
    answer::json(StatusCode::OK, app.openapi.get_or_init(openapi::document))
}
