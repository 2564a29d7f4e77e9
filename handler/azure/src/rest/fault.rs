use super::{Repeat, answer};
use crate::{error, retry};
use pool::ports::PortError;
use reqwest::Response;
use serde_json::Value;
use std::{fmt, time::Duration};
use tokio::time::timeout;
use uuid::Uuid;

/// How much of an error's body is read, for its code alone, and for how long.
const ERROR_BODY: usize = 64 * 1024;
const ERROR_WAIT: Duration = Duration::from_secs(2);

/// What a service answered instead of success. It holds nothing of the body but the error's code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The status.
    pub status: u16,
    /// The error's code: `invalid_payload`. At most 64 letters, digits, `_`, `-` and `.`; empty if there is none.
    pub code: String,
    /// Our `x-ms-client-request-id`, for whoever looks for the request on the other side.
    pub request: Uuid,
}

impl Fault {
    /// The fault that is the cause of an error.
    pub fn of(error: &PortError) -> Option<&Self> {
        match error {
            PortError::Unavailable(cause) | PortError::Refused(cause) => cause.downcast_ref(),
            _ => None,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "status {} {} (client request id {})", self.status, self.code, self.request)
    }
}

impl std::error::Error for Fault {}

/// Whether what failed may be tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Again {
    Never,
    /// It surely was not done.
    Always,
    /// It may have been done.
    IfSafe,
}

/// An attempt that failed.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: PortError,
    again: Again,
    /// What the service asks to wait.
    pub(super) wait: Option<Duration>,
}

impl Failure {
    pub(super) fn new(error: PortError, again: Again) -> Self {
        Self { error, again, wait: None }
    }

    pub(super) fn may_repeat(&self, repeat: Repeat) -> bool {
        match self.again {
            Again::Never => false,
            Again::Always => true,
            Again::IfSafe => repeat == Repeat::Safe,
        }
    }

    /// A failure to send, or to read.
    pub(super) fn of_transport(error: reqwest::Error) -> Self {
        let again = match () {
            () if error.is_builder() => Again::Never,
            () if error.is_connect() => Again::Always,
            () => Again::IfSafe,
        };
        // An address can hold names that no log should.
        Self::new(PortError::unavailable(error::chain(&error.without_url())), again)
    }

    /// An answer that is neither a success nor 404.
    pub(super) async fn of_status(mut response: Response, request: Uuid) -> Self {
        let status = response.status().as_u16();
        let wait = retry::asked(|name| response.headers().get(name)?.to_str().ok());
        let body = timeout(ERROR_WAIT, answer::read(&mut response, ERROR_BODY)).await;
        let code = body.ok().and_then(Result::ok).map(|body| code(&body)).unwrap_or_default();
        let fault = Fault { status, code, request };
        let error = match error::by_status(status, wait, String::new()) {
            PortError::Unavailable(_) => PortError::unavailable(fault),
            PortError::Refused(_) => PortError::refused(fault),
            other => other,
        };
        let again = match status {
            429 => Again::Always,
            503 if wait.is_some() => Again::Always,
            408 | 500 | 502..=504 => Again::IfSafe,
            _ => Again::Never,
        };
        Self { error, again, wait }
    }
}

/// `error.code`, or `error.type` where there is none.
fn code(body: &[u8]) -> String {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |name: &str| body["error"][name].as_str();
    let code = text("code").filter(|code| !code.is_empty()).or_else(|| text("type")).unwrap_or_default();
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    code.chars().filter(|c| plain(*c)).take(64).collect()
}
