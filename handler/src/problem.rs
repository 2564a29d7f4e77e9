//! `pool::Error` → `application/problem+json` (RFC 9457). The only place that knows status codes.

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use pool::Error;
use serde_json::json;

/// The types of problem: status, last part of the type's URI, title. A closed list; `docs/PROBLEMS.md` has a page each.
pub const TYPES: [(u16, &str, &str); 12] = [
    (400, "invalid-request", "The request is not valid"),
    (401, "unauthenticated", "A valid token is required"),
    (403, "forbidden", "Not allowed"),
    (404, "not-found", "Not found"),
    (409, "conflict", "Conflict with the current state"),
    (412, "precondition-failed", "The resource has changed"),
    (413, "too-large", "The body is too large"),
    (415, "unsupported-media-type", "The content type is not supported"),
    (422, "idempotency-key-reused", "The key was used for another request"),
    (429, "too-many-requests", "Too many requests"),
    (500, "internal", "Internal error"),
    (503, "unavailable", "Temporarily unavailable"),
];

/// The status that an error answers with.
pub fn status(error: &Error) -> StatusCode {
    match error {
        Error::Invalid(_) => StatusCode::BAD_REQUEST,
        Error::Unauthenticated { .. } => StatusCode::UNAUTHORIZED,
        Error::Forbidden(_) => StatusCode::FORBIDDEN,
        Error::NotFound => StatusCode::NOT_FOUND,
        Error::Conflict(_) => StatusCode::CONFLICT,
        Error::Stale => StatusCode::PRECONDITION_FAILED,
        Error::TooLarge { .. } | Error::TooMuch(_) => StatusCode::PAYLOAD_TOO_LARGE,
        Error::UnsupportedMedia(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Error::KeyReused => StatusCode::UNPROCESSABLE_ENTITY,
        Error::Exhausted { .. } => StatusCode::TOO_MANY_REQUESTS,
        Error::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The answer to a request that failed. What the caller must not know goes to the log, once, here.
pub fn response(error: &Error, request_id: &str) -> Response {
    let status = status(error);
    let (_, name, title) = TYPES.iter().find(|known| known.0 == status.as_u16()).unwrap_or(&TYPES[10]);
    let mut problem = json!({
        "type": format!("urn:pooled-agents:problem:{name}"),
        "title": title,
        "status": status.as_u16(),
        "detail": error.to_string(),
        "instance": request_id,
    });
    let faults = match error {
        Error::Invalid(faults) => faults.as_slice(),
        Error::TooMuch(fault) => std::slice::from_ref(fault),
        _ => &[],
    };
    if !faults.is_empty() {
        let told = faults.iter().map(|f| json!({"pointer": f.pointer, "message": f.message}));
        problem["errors"] = told.collect();
    }
    if status.is_server_error() {
        tracing::error!(request_id, error = %chain(error), "the request failed");
    }
    let mut response = Response::new(Body::from(problem.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    match error {
        Error::Unauthenticated { presented: false, .. } => {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        Error::Unauthenticated { .. } => {
            let invalid = HeaderValue::from_static("Bearer error=\"invalid_token\"");
            headers.insert(header::WWW_AUTHENTICATE, invalid);
        }
        Error::Exhausted { retry_after } => {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(retry_after.as_secs().clamp(1, 3600)));
        }
        Error::Unavailable(_) => {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(2));
        }
        _ => {}
    }
    response
}

/// An error and its causes, for the log.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;
    use http_body_util::BodyExt;
    use pool::ports::PortError;

    #[test]
    fn every_error_has_a_type_and_server_errors_say_nothing() {
        let errors = [
            Error::invalid("/a", "b"),
            Error::Unauthenticated { check: "canary", presented: true },
            Error::Forbidden("no"),
            Error::NotFound,
            Error::Conflict("c".into()),
            Error::Stale,
            Error::KeyReused,
            Error::TooLarge { limit: 1 },
            Error::TooMuch(pool::FieldError { pointer: "/a".into(), message: "b".into() }),
            Error::UnsupportedMedia("m".into()),
            Error::Exhausted { retry_after: std::time::Duration::ZERO },
            Error::Unavailable(PortError::unavailable("canary")),
            Error::internal("canary"),
        ];
        for error in errors {
            let status = status(&error).as_u16();
            assert!(TYPES.iter().any(|known| known.0 == status), "{error:?}");
            assert!(!error.to_string().contains("canary"), "{error:?}");
        }
    }

    #[test]
    fn each_error_answers_with_its_own_status_and_headers() {
        let refused = |presented| Error::Unauthenticated { check: "c", presented };
        let exhausted = |seconds| Error::Exhausted { retry_after: std::time::Duration::from_secs(seconds) };
        let too_much = Error::TooMuch(pool::FieldError { pointer: "/a".into(), message: "b".into() });
        let away = Error::Unavailable(PortError::unavailable("c"));
        for (error, name, challenge, retry) in [
            (Error::invalid("/a", "b"), "invalid-request", None, None),
            (refused(false), "unauthenticated", Some("Bearer"), None),
            (refused(true), "unauthenticated", Some("Bearer error=\"invalid_token\""), None),
            (Error::Forbidden("no"), "forbidden", None, None),
            (Error::NotFound, "not-found", None, None),
            (Error::Conflict("c".into()), "conflict", None, None),
            (Error::Stale, "precondition-failed", None, None),
            (Error::TooLarge { limit: 1 }, "too-large", None, None),
            (too_much, "too-large", None, None),
            (Error::UnsupportedMedia("m".into()), "unsupported-media-type", None, None),
            (Error::KeyReused, "idempotency-key-reused", None, None),
            (exhausted(0), "too-many-requests", None, Some("1")),
            (exhausted(9_999), "too-many-requests", None, Some("3600")),
            (Error::internal("c"), "internal", None, None),
            (away, "unavailable", None, Some("2")),
        ] {
            let response = response(&error, "r");
            let header = |name| response.headers().get(name).map(|value| value.to_str().unwrap());
            let known = TYPES.iter().find(|known| known.1 == name).unwrap();
            assert_eq!(response.status(), known.0, "{name}");
            assert_eq!(header(header::CONTENT_TYPE), Some("application/problem+json"), "{name}");
            assert_eq!(header(header::WWW_AUTHENTICATE), challenge, "{name}");
            assert_eq!(header(header::RETRY_AFTER), retry, "{name}");
            let body = response.into_body().collect().now_or_never().unwrap().unwrap().to_bytes();
            let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
            let named = matches!(error, Error::Invalid(_) | Error::TooMuch(_));
            let named = named.then(|| json!([{"pointer": "/a", "message": "b"}]));
            assert_eq!(body.get("errors"), named.as_ref(), "{name}");
            assert_eq!(body["type"], format!("urn:pooled-agents:problem:{name}"));
            assert_eq!((&body["title"], &body["status"]), (&json!(known.2), &json!(known.0)), "{name}");
            assert_eq!(
                (&body["detail"], &body["instance"]),
                (&json!(error.to_string()), &json!("r")),
                "{name}"
            );
        }
    }

    #[test]
    fn a_log_names_every_cause() {
        let error = Error::Unavailable(PortError::unavailable("no route"));
        assert!(chain(&error).starts_with(&error.to_string()) && chain(&error).ends_with("no route"));
    }
}
