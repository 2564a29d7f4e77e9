use bytes::Bytes;
use pool::{
    TenantId,
    ports::{PortError, PortResult},
};
use reqwest::{
    Method,
    header::{CONTENT_TYPE, HeaderMap, HeaderValue},
};
use serde::Serialize;
use std::time::Duration;
use tokio::time::Instant;
use url::Url;

/// How long a call may take with all its attempts, where the caller does not say.
const DEADLINE: Duration = Duration::from_secs(30);
/// The most bytes of an answer, where the caller does not say.
const LIMIT: usize = 16 * 1024 * 1024;

/// Whether doing a call twice is the same as doing it once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// It is: after any transient failure it may be done again.
    Safe,
    /// It is not: it is done again only if it surely was not done. That is: no connection was made; or the service
    /// refused with 429; or with 503 and a `retry-after`.
    Once,
}

/// One call, for one tenant.
#[derive(Clone, Debug)]
pub struct Call<'a> {
    pub(super) tenant: &'a TenantId,
    pub(super) as_app: bool,
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<Bytes>,
    pub(super) repeat: Repeat,
    pub(super) deadline: Instant,
    pub(super) head: Option<Instant>,
    pub(super) limit: usize,
}

impl<'a> Call<'a> {
    /// A call. It may be repeated if HTTP says so of its method: POST and PATCH may not.
    pub fn new(tenant: &'a TenantId, method: Method, url: Url) -> Self {
        let repeat = if method.is_idempotent() { Repeat::Safe } else { Repeat::Once };
        let deadline = Instant::now() + DEADLINE;
        let (headers, limit) = (HeaderMap::new(), LIMIT);
        Self { tenant, as_app: false, method, url, headers, body: None, repeat, deadline, head: None, limit }
    }

    /// With the app's own identity, for what no tenant's may do, such as making an index.
    pub fn as_app(mut self) -> Self {
        self.as_app = true;
        self
    }

    /// With a body.
    ///
    /// # Errors
    /// `Refused` for what cannot be JSON.
    pub fn json(mut self, body: &impl Serialize) -> PortResult<Self> {
        let body = serde_json::to_vec(body).map_err(PortError::refused)?;
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self.body = Some(body.into());
        Ok(self)
    }

    /// With a header.
    ///
    /// # Errors
    /// `Refused` for what no header can hold.
    pub fn header(mut self, name: &'static str, value: &str) -> PortResult<Self> {
        let value = HeaderValue::from_str(value).map_err(PortError::refused)?;
        self.headers.insert(name, value);
        Ok(self)
    }

    /// Says whether it may be repeated.
    pub fn repeat(mut self, repeat: Repeat) -> Self {
        self.repeat = repeat;
        self
    }

    /// With a deadline for all of it: the wait for a place, every attempt, and the body. Without: 30 seconds.
    pub fn by(mut self, deadline: Instant) -> Self {
        self.deadline = deadline;
        self
    }

    /// With an earlier deadline for all that comes before the body of an answer that is [opened](super::Rest::open): a wait
    /// that a service asks for and that would reach beyond it is not begun.
    pub fn head_by(mut self, deadline: Instant) -> Self {
        self.head = Some(deadline);
        self
    }

    /// When the answer, or its head, must be there.
    pub(super) fn due(&self) -> Instant {
        self.head.map_or(self.deadline, |head| head.min(self.deadline))
    }

    /// With a most of bytes for the answer's body. Without: 16 MiB.
    pub fn at_most(mut self, bytes: usize) -> Self {
        self.limit = bytes;
        self
    }
}
