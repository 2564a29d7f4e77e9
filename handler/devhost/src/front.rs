//! The HTTP face: `/admin` first, then the functions' routes in their order, then the home page.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Request, State},
    response::{IntoResponse as _, Response},
    serve::ListenerExt as _,
};
use http::{Method, StatusCode};
use tokio::{net::TcpListener, time::timeout};

use crate::{
    admin, auth,
    core::Core,
    function::{AuthLevel, Function, Trigger},
    path, proxy,
};

/// How long a request waits for a host that is still starting.
const PATIENCE: Duration = Duration::from_secs(30);
const HOME: &str = "<!DOCTYPE html><html><head><title>Your Functions app is up and running</title></head>\
    <body><h1>Your Functions app is up and running</h1></body></html>";

/// Serves until the task is aborted.
pub(crate) async fn serve(core: Arc<Core>, listener: TcpListener) {
    let app = Router::new().fallback(handle).with_state(core);
    let listener = listener.tap_io(|connection| drop(connection.set_nodelay(true)));
    let served = axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await;
    // axum's accept loop only ends with the task.
    drop(served);
}

async fn handle(State(core): State<Arc<Core>>, peer: ConnectInfo<SocketAddr>, request: Request) -> Response {
    let path = path::normalise(request.uri().path());
    if let Some(rest) = admin_path(&path) {
        return admin::handle(&core, &rest, request).await;
    }
    match timeout(PATIENCE, core.worker.ready()).await {
        Ok(Ok(_)) => {}
        _ => return (StatusCode::SERVICE_UNAVAILABLE, "Function host is not running.").into_response(),
    }
    let Some((function, level)) = find(&core.functions, request.method(), &path) else {
        return home(&core, request.method(), &path);
    };
    if let Some(refusal) = refusal(&core, function, level, &request) {
        return refusal.into_response();
    }
    proxy::proxy(&core, function, peer.0, &path, request).await
}

/// A disabled function is absent, except for the holder of the master key.
fn refusal(core: &Core, function: &Function, level: AuthLevel, request: &Request) -> Option<StatusCode> {
    let keys = core.options.auth.as_ref();
    let (headers, query) = (request.headers(), request.uri().query());
    let allows = |level| auth::allows(keys, level, &function.info.name, headers, query);
    if function.info.disabled && (keys.is_none() || !allows(AuthLevel::Admin)) {
        return Some(StatusCode::NOT_FOUND);
    }
    (!allows(level)).then_some(StatusCode::UNAUTHORIZED)
}

/// The first function whose template and verb fit; a wrong verb is no match, never a 405.
fn find<'a>(
    functions: &'a [Arc<Function>],
    method: &Method,
    path: &str,
) -> Option<(&'a Arc<Function>, AuthLevel)> {
    functions.iter().find_map(|function| match &function.trigger {
        Trigger::Http { template, methods, auth } => {
            let verb = methods.is_empty() || methods.iter().any(|verb| verb == method.as_str());
            (verb && template.matches(path)).then_some((function, *auth))
        }
        _ => None,
    })
}

fn home(core: &Core, method: &Method, path: &str) -> Response {
    if path != "/" || method != Method::GET {
        return StatusCode::NOT_FOUND.into_response();
    }
    let disabled = core.options.setting("AzureWebJobsDisableHomepage");
    if disabled.is_some_and(|value| value == "1" || value.eq_ignore_ascii_case("true")) {
        return StatusCode::NO_CONTENT.into_response();
    }
    ([("content-type", "text/html")], Body::from(HOME)).into_response()
}

/// What follows `/admin`, whatever its case.
fn admin_path(path: &str) -> Option<String> {
    let (head, rest) = (path.get(..6)?, path.get(6..)?);
    let hit = head.eq_ignore_ascii_case("/admin") && (rest.is_empty() || rest.starts_with('/'));
    hit.then(|| rest.trim_end_matches('/').to_owned())
}
