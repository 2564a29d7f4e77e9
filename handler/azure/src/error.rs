//! The SDK's errors as the ports'. Only 404 is absence, and that is the caller's to say.

use crate::patience::retry_after;
use azure_core::{error::ErrorKind, http::StatusCode};
use pool::ports::PortError;
use std::{error::Error, time::Duration};

/// The longest wait that a backend can ask us for.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// The largest document, and the largest batch of them, in bytes as JSON. Cosmos DB takes 2 MiB; what it adds itself is less
/// than the difference.
pub(crate) const LARGEST: u64 = 2_000_000;

/// The status of an answer, if there was one.
pub(crate) fn status(error: &azure_core::Error) -> Option<StatusCode> {
    error.http_status()
}

/// The service's own code for what is wrong, if it gave one.
pub(crate) fn code(error: &azure_core::Error) -> Option<&str> {
    let ErrorKind::HttpResponse { error_code, .. } = error.kind() else { return None };
    error_code.as_deref()
}

/// An SDK's error. The cause tells status and code, never a body.
pub(crate) fn port(error: azure_core::Error) -> PortError {
    match error.kind() {
        ErrorKind::HttpResponse { status, raw_response, .. } => {
            let asked = raw_response.as_ref().and_then(|answer| retry_after(answer.headers()));
            // The message may be the whole body, and that is somebody's data.
            let cause = format!("answered {}: {}", u16::from(*status), code(&error).unwrap_or("no code"));
            by_status(u16::from(*status), asked, cause)
        }
        // What was sent may have been done: the caller's next try finds out.
        // So it may where the answer makes no sense.
        ErrorKind::Io | ErrorKind::Connection | ErrorKind::DataConversion => {
            PortError::unavailable(chain(&error))
        }
        // The identity endpoint does not answer, or the identity lost its role: an operator can mend it.
        ErrorKind::Credential => PortError::unavailable(chain(&error)),
        _ => PortError::refused(chain(&error)),
    }
}

/// What an answer's status means for the caller of a port.
pub(crate) fn by_status(status: u16, retry_after: Option<Duration>, cause: String) -> PortError {
    match status {
        409 | 412 => PortError::Conflict,
        413 => PortError::TooLarge { limit: LARGEST },
        429 => PortError::Exhausted {
            retry_after: retry_after.unwrap_or(Duration::from_secs(1)).min(LONGEST_WAIT),
        },
        // 401 and 403: a role assignment takes minutes to be heard of, and its loss is mended by people, not by callers.
        401 | 403 | 408 | 449 | 500..=599 => PortError::unavailable(cause),
        _ => PortError::refused(cause),
    }
}

/// An error and its causes in one line.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let more = cause.to_string();
        if !text.contains(&more) {
            text = text + ": " + &more;
        }
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use azure_core::{Error, http::RawResponse, http::headers::Headers};

    #[test]
    fn a_cause_tells_status_and_code_and_never_the_body() {
        for (status, after) in [(400, "0"), (403, "0"), (429, "7"), (500, "0")] {
            let mut headers = Headers::new();
            headers.insert("retry-after", after);
            let raw = RawResponse::from_bytes(StatusCode::from(status), headers, "canary");
            let kind = ErrorKind::HttpResponse {
                status: StatusCode::from(status),
                error_code: Some("TheCode".into()),
                raw_response: Some(Box::new(raw)),
            };
            let told = port(Error::with_message(kind, "the whole body: canary"));
            let text = chain(&told);
            assert!(!text.contains("canary") && !format!("{told:?}").contains("canary"), "{told:?}");
            match told {
                PortError::Exhausted { retry_after } => assert_eq!(retry_after.as_secs(), 7),
                _ => assert!(text.contains(&status.to_string()) && text.contains("TheCode"), "{text}"),
            }
        }
    }

    #[test]
    fn too_large_is_told_with_its_limit() {
        let told = by_status(413, None, String::new());
        assert!(matches!(told, PortError::TooLarge { limit: 2_000_000 }), "{told:?}");
    }
}
