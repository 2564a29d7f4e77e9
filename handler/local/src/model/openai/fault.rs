use pool::ports::PortError;
use reqwest::StatusCode;

/// What went wrong at an endpoint, for the log. It never holds a word of what was sent or answered: no body, no key,
/// no address; the code is one of a closed list.
#[derive(Debug, thiserror::Error)]
#[error("the model endpoint failed: {code}{}", status.map(|status| format!(" (status {status})")).unwrap_or_default())]
pub struct Fault {
    code: &'static str,
    status: Option<u16>,
    #[source]
    source: Option<reqwest::Error>,
}

/// The codes of error bodies that are worth a line in a log. Others are `other`: an endpoint may echo anything.
const KNOWN: &[&str] = &[
    "billing_hard_limit_reached",
    "content_filter",
    "context_length_exceeded",
    "DeploymentNotFound",
    "insufficient_quota",
    "internal_server_error",
    "invalid_api_key",
    "invalid_prompt",
    "invalid_request_error",
    "invalid_type",
    "invalid_value",
    "missing_required_parameter",
    "model_not_found",
    "overloaded_error",
    "permission_denied",
    "rate_limit_exceeded",
    "server_error",
    "string_above_max_length",
    "tokens",
    "unknown_parameter",
    "unsupported_parameter",
    "unsupported_value",
];

impl Fault {
    /// The kind of failure, in a word.
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// The status that the endpoint answered, if it answered.
    pub fn status(&self) -> Option<u16> {
        self.status
    }

    pub(super) fn new(code: &'static str) -> Self {
        Self { code, status: None, source: None }
    }

    pub(super) fn with_status(code: &'static str, status: StatusCode) -> Self {
        Self { code, status: Some(status.as_u16()), source: None }
    }

    /// A failure to send or to read: all of them may pass.
    pub(super) fn transport(error: reqwest::Error) -> PortError {
        let code = if error.is_timeout() {
            "timeout"
        } else if error.is_connect() {
            "connect"
        } else if error.is_builder() {
            "client"
        } else {
            "transport"
        };
        // The address may hold a key in its query.
        PortError::unavailable(Self { code, status: None, source: Some(error.without_url()) })
    }
}

/// The code of an error body, as far as it is a known one.
pub(super) fn known_code(code: Option<&str>) -> &'static str {
    code.and_then(|code| KNOWN.iter().find(|known| **known == code)).copied().unwrap_or("other")
}
