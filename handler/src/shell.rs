//! What is round every request: its id, the headers that every answer carries, its line in the log.

use crate::telemetry;
use axum::{
    extract::Request,
    http::{HeaderValue, header},
    response::Response,
};
use pool::{Scope, ports::Entropy};
use std::time::Instant;
use tracing::{Span, field::Empty};

const HEADERS: [(header::HeaderName, &str); 6] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::STRICT_TRANSPORT_SECURITY, "max-age=31536000; includeSubDomains"),
    (header::CONTENT_SECURITY_POLICY, "default-src 'self'"),
    (header::CACHE_CONTROL, "no-store"),
    (header::X_XSS_PROTECTION, "0"),
];

/// Headers of ours that pages of allowed origins may read.
const EXPOSED: &str = "content-disposition, etag, idempotency-replayed, link, location, retry-after, www-authenticate, x-request-id";

/// What is known of a request that goes on.
pub(crate) struct Seen {
    /// Its id: the client's, if it is a decent one.
    pub(crate) request_id: String,
    function: &'static str,
    /// What every line of the log carries that is written on its behalf: its id, its tenant.
    pub(crate) span: Span,
    method: axum::http::Method,
    began: Instant,
}

impl Seen {
    /// A request that has come in, and the function that it is for.
    pub(crate) fn new(request: &Request, function: &'static str, entropy: &dyn Entropy) -> Self {
        let given = request.headers().get("x-request-id").and_then(|value| value.to_str().ok());
        let decent = |id: &&str| {
            (8..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        };
        let request_id = given.filter(decent).map_or_else(|| fresh(entropy), str::to_owned);
        let method = request.method().clone();
        let span = tracing::info_span!("request", request_id, tenant = Empty);
        telemetry::begin(&span, &request_id, function, request.headers());
        Self { request_id, function, span, method, began: Instant::now() }
    }

    /// It is known whose the request is.
    pub(crate) fn belongs_to(&self, scope: &Scope) {
        belongs_to(&self.span, scope);
    }
}

/// It is known whose the work is: the lines of the log that follow say so.
pub(crate) fn belongs_to(span: &Span, scope: &Scope) {
    span.record("tenant", scope.tenant().as_str());
    telemetry::belongs_to(span, scope);
}

fn fresh(entropy: &dyn Entropy) -> String {
    let mut bytes = [0; 16];
    entropy.fill(&mut bytes);
    pool::hex(&bytes)
}

/// Puts the headers on, and writes the line: no path, no query, no body, no token.
pub(crate) fn close(mut response: Response, origin: Option<HeaderValue>, seen: Seen) -> Response {
    let headers = response.headers_mut();
    for (name, value) in &HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Ok(id) = HeaderValue::try_from(&seen.request_id) {
        headers.insert("x-request-id", id);
    }
    if let Some(origin) = origin {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
        headers.append(header::VARY, HeaderValue::from_static("origin"));
    }
    let (status, took) = (response.status().as_u16(), seen.began.elapsed());
    tracing::info!(
        target: "access",
        parent: &seen.span,
        function = seen.function,
        method = seen.method.as_str(),
        status,
        micros = took.as_micros() as u64,
    );
    telemetry::answered(&seen.span, status, took);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_allowed_origins_may_read_what_they_need() {
        let answered = |origin: Option<&'static str>| {
            let seen = Seen::new(&Request::default(), telemetry::NONE, &::local::OsEntropy);
            close(Response::default(), origin.map(HeaderValue::from_static), seen)
        };
        let exposed =
            answered(Some("https://app.example")).headers()[header::ACCESS_CONTROL_EXPOSE_HEADERS].clone();
        for name in ["etag", "link", "retry-after", "x-request-id"] {
            assert!(exposed.to_str().unwrap().split(", ").any(|exposed| exposed == name), "{name}");
        }
        assert!(!answered(None).headers().contains_key(header::ACCESS_CONTROL_EXPOSE_HEADERS));
    }
}
