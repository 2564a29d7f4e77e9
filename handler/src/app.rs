//! The service: a request comes in, is found a function and a caller, and is answered.

use crate::{
    call::{Call, TENANT_NAMES},
    functions::{Access, Function, Gives, Takes, Trigger},
    gates::Gates,
    idempotent, invocation, problem, route,
    shell::{self, Seen},
};
use axum::{
    extract::Request,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::Response,
};
use futures::FutureExt;
use invocation::{Invocation, MAX_ENVELOPE};
use pool::{Doors, Error, SecurityEvent};
use serde_json::Value;
use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, OnceLock},
    time::Duration,
};
use tracing::Instrument;
use url::Url;

/// How long a request may take that does not stream.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long an upload may take.
const UPLOAD_PATIENCE: Duration = Duration::from_secs(220);
/// Headers that the host's proxy sets, and that its own calls of triggers never carry.
const PROXIED: [&str; 5] =
    ["x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-prefix", "x-ms-invocation-id"];

/// What a request is for.
enum Target {
    /// A function of the API.
    Http(route::Matched),
    /// The root, by which the host sees whether the handler is there.
    Root,
    /// A trigger, called by the host.
    Trigger(&'static Function),
    /// A trigger, called by somebody else.
    Forged,
    Nothing,
}

impl Target {
    fn of(request: &Request) -> Self {
        let (method, path) = (request.method(), request.uri().path());
        let proxied = || PROXIED.iter().any(|name| request.headers().contains_key(*name));
        if let Some(matched) = route::find(method, path) {
            return Self::Http(matched);
        }
        match (method, route::trigger(path)) {
            (&Method::POST, Some(_)) if proxied() => Self::Forged,
            (&Method::POST, Some(function)) => Self::Trigger(function),
            (&Method::GET, _) if path == "/" => Self::Root,
            _ => Self::Nothing,
        }
    }

    /// The function's name, for the log.
    fn function(&self) -> &'static str {
        match self {
            Self::Http(matched) => matched.function.name,
            Self::Trigger(function) => function.name,
            _ => crate::telemetry::NONE,
        }
    }
}

/// The service.
pub struct App {
    /// The way to every scope.
    pub doors: Doors,
    /// Origins that browsers may call from: exact.
    pub cors: Vec<HeaderValue>,
    /// The storage account whose blobs are ours; `None`: any.
    pub storage_account: Option<Url>,
    /// The name of the backend, for readiness.
    pub backend: &'static str,
    /// The description of the API, made when it is first asked for.
    pub openapi: OnceLock<Value>,
    /// What bounds what goes on at once.
    pub gates: Gates,
}

impl App {
    /// Answers any request. It never fails, and what panics within is a 500.
    pub async fn answer(self: Arc<Self>, request: Request) -> Response {
        let target = Target::of(&request);
        let seen = Seen::new(&request, target.function(), self.doors.entropy());
        let origin = request.headers().get(header::ORIGIN).cloned();
        let span = seen.span.clone();
        let dispatched = self.clone().dispatch(target, request, &seen).instrument(span);
        let answered = AssertUnwindSafe(dispatched).catch_unwind().await;
        let response = match answered {
            Ok(Ok(response)) => response,
            Ok(Err(fault)) => problem::response(&fault, &seen.request_id),
            Err(_) => problem::response(&Error::internal("a panic"), &seen.request_id),
        };
        let origin = origin.filter(|origin| self.cors.contains(origin));
        shell::close(response, origin, seen)
    }

    async fn dispatch(
        self: Arc<Self>,
        target: Target,
        request: Request,
        seen: &Seen,
    ) -> Result<Response, Error> {
        match target {
            Target::Http(matched) => self.call(matched, request, seen).await,
            Target::Root => crate::http::system::health(self).await,
            Target::Trigger(function) => Ok(self.trigger(function, request).await),
            Target::Forged => {
                SecurityEvent::TriggerForged.raise(None, "a trigger's path, through the proxy");
                Err(Error::NotFound)
            }
            Target::Nothing => Err(Error::NotFound),
        }
    }

    async fn call(
        self: Arc<Self>,
        matched: route::Matched,
        request: Request,
        seen: &Seen,
    ) -> Result<Response, Error> {
        let Trigger::Http(http) = &matched.function.trigger else { return Err(Error::NotFound) };
        let (permission, run) = match &http.access {
            Access::Public(run) => return run(self).await,
            Access::Needs(permission, run) => (*permission, *run),
        };
        let (parts, body) = request.into_parts();
        let authorization: Vec<&[u8]> = values(&parts.headers, "authorization");
        let presented: Vec<&[u8]> = values(&parts.headers, "x-tenant-id");
        let scope = self.doors.authenticate(&authorization, &presented).await?;
        seen.belongs_to(&scope);
        for name in TENANT_NAMES {
            if let Some(cookie) = cookie(&parts.headers, name) {
                scope.named(cookie, "cookie")?;
            }
        }
        scope.permit(permission)?;
        let patience = if matches!(http.takes, Takes::File(_)) { UPLOAD_PATIENCE } else { PATIENCE };
        let call = Call { app: self, scope, params: matched.params, parts, body, digest: None };
        // Here, and not only where a function reads its query: one that reads none must not pass over a tenant's name.
        call.query(http.query)?;
        // Boxed: it is large, and most requests that would carry it about have no key.
        let answered =
            if call.parts.method == Method::POST && call.parts.headers.contains_key(idempotent::KEY) {
                let streams = matches!(http.takes, Takes::File(_));
                idempotent::answer(call, matched.function.name, streams, run).boxed()
            } else {
                run(call)
            };
        match http.gives {
            Gives::Bytes | Gives::Events => answered.await,
            _ => tokio::time::timeout(patience, answered)
                .await
                .unwrap_or_else(|late| Err(Error::Unavailable(pool::ports::PortError::unavailable(late)))),
        }
    }

    /// 200 when the host may forget the message, 503 when another try can help, 500 when it cannot.
    async fn trigger(self: Arc<Self>, function: &'static Function, request: Request) -> Response {
        let done = async {
            let _turn = match &function.trigger {
                Trigger::Blob { .. } => Some(self.gates.envelope().await?),
                _ => None,
            };
            let body = crate::call::read(request.into_body(), MAX_ENVELOPE).await?;
            let invocation = Invocation::parse(&body)?;
            drop(body);
            match &function.trigger {
                Trigger::Queue { run, .. } | Trigger::Blob { run, .. } | Trigger::Timer { run, .. } => {
                    run(self.clone(), invocation).await
                }
                Trigger::Http(_) => Err(Error::NotFound),
            }
        };
        let status = match done.await {
            Ok(()) => StatusCode::OK,
            Err(fault) => {
                let again = fault.transient() || matches!(fault, Error::Conflict(_));
                tracing::warn!(function = function.name, again, error = %problem::chain(&fault), "the trigger failed");
                if again { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::INTERNAL_SERVER_ERROR }
            }
        };
        invocation::response(status)
    }
}

/// The service as something that axum can serve.
pub fn router(app: Arc<App>) -> axum::Router {
    // Every function has its own limit; the framework's default would cut uploaded forms at 2 MB.
    let no_limit = axum::extract::DefaultBodyLimit::disable();
    axum::Router::new().fallback(move |request: Request| app.clone().answer(request)).layer(no_limit)
}

fn values<'a>(headers: &'a HeaderMap, name: &str) -> Vec<&'a [u8]> {
    headers.get_all(name).iter().map(HeaderValue::as_bytes).collect()
}

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(known, _)| *known == name).map(|(_, value)| value)
}
