//! What can go wrong, in the words of the service. Status codes are the handler's business.

use crate::ports::PortError;
use std::time::Duration;

/// A member of a request that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// JSON Pointer (RFC 6901) to the member; for a query parameter or a header, its name.
    pub pointer: String,
    /// The rule, for the caller.
    pub message: String,
}

/// Why an operation was not done. `Display` is for the caller, `source` for the log.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No token, a bad token, or a token of an unknown tenant. The text never says which; the log does.
    #[error("a valid bearer token is required")]
    Unauthenticated {
        /// For the log: which check failed.
        check: &'static str,
        /// Whether a token was presented at all.
        presented: bool,
    },
    /// The caller is known, and may not.
    #[error("{0}")]
    Forbidden(&'static str),
    /// Absent, deleted or foreign: the three are alike.
    #[error("there is no such resource")]
    NotFound,
    /// The state of the resource does not allow it.
    #[error("{0}")]
    Conflict(String),
    /// An `If-Match` that no longer holds.
    #[error("the resource has changed since it was read: its ETag does not match If-Match")]
    Stale,
    /// An `Idempotency-Key` that was used for another request.
    #[error("this Idempotency-Key was used with another request body")]
    KeyReused,
    /// The request breaks rules.
    #[error("the request is not valid")]
    Invalid(Vec<FieldError>),
    /// The body is larger than the function allows.
    #[error("the body is larger than {limit} bytes")]
    TooLarge {
        /// The limit, in bytes.
        limit: u64,
    },
    /// A member that is more than can be stored with what is there.
    #[error("the request holds more than can be stored")]
    TooMuch(FieldError),
    /// The content type is not one that the function reads.
    #[error("{0}")]
    UnsupportedMedia(String),
    /// Too many requests, or an upstream that says so.
    #[error("too many requests")]
    Exhausted {
        /// When another try may succeed.
        retry_after: Duration,
    },
    /// A dependency does not answer; another try can help.
    #[error("the service is temporarily unavailable")]
    Unavailable(#[source] PortError),
    /// A fault of ours.
    #[error("internal error")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// One member that breaks one rule.
    pub fn invalid(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldError { pointer: pointer.into(), message: message.into() }])
    }

    /// A fault of ours, in words for the log.
    pub fn internal(why: impl Into<String>) -> Self {
        Self::Internal(why.into().into())
    }

    /// Whether the same request may succeed later. A queue trigger asks exactly that.
    pub fn transient(&self) -> bool {
        matches!(self, Self::Exhausted { .. } | Self::Unavailable(_))
    }
}

impl From<PortError> for Error {
    fn from(error: PortError) -> Self {
        match error {
            PortError::Conflict => Self::Conflict("the resource was changed by another request".into()),
            PortError::Exhausted { retry_after } => Self::Exhausted { retry_after },
            PortError::TooLarge { limit } => Self::TooLarge { limit },
            PortError::Unavailable(_) => Self::Unavailable(error),
            PortError::Refused(_) => Self::Internal(Box::new(error)),
        }
    }
}
