//! How often a service is asked, and how long it is waited for.

#[cfg(test)]
mod tests;

use crate::retry;
use async_trait::async_trait;
use azure_core::{
    Error,
    error::ErrorKind,
    http::{
        Context, Request, StatusCode,
        headers::{HeaderName, Headers},
        policies::{Policy, PolicyResult},
    },
};
use pool::{ports::PortResult, telemetry};
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, sleep, timeout};

/// Tries with full jitter between them, under one deadline. It stands in for the SDK's own retries, which wait for as
/// long as an answer's `Retry-After` says, be it a day.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// The most tries.
    pub tries: u32,
    /// How long one try may take until the head of its answer is there.
    pub each: Duration,
    /// How long all may take. A wait that would reach beyond it is not begun.
    pub total: Duration,
    /// The slowest line that a request's body is given time for, in bytes a millisecond.
    pub pace: u64,
}

impl Default for Patience {
    fn default() -> Self {
        Self { tries: 4, each: Duration::from_secs(10), total: Duration::from_secs(30), pace: 64 }
    }
}

impl Patience {
    /// With the time that a body of this length needs.
    pub(crate) fn stretched(self, bytes: u64) -> Self {
        let more = Duration::from_millis(bytes / self.pace.max(1));
        Self { each: self.each + more, total: self.total + more, ..self }
    }

    /// Waits for a whole answer, its body too.
    pub(crate) async fn wait<T>(
        &self,
        answer: impl Future<Output = azure_core::Result<T>>,
    ) -> azure_core::Result<T> {
        timeout(self.total, answer).await.unwrap_or_else(|_| Err(late()))
    }

    /// The same, as a port answers.
    pub(crate) async fn port<T>(&self, answer: impl Future<Output = azure_core::Result<T>>) -> PortResult<T> {
        self.wait(answer).await.map_err(crate::error::port)
    }
}

#[async_trait]
impl Policy for Patience {
    async fn send(&self, context: &Context, request: &mut Request, next: &[Arc<dyn Policy>]) -> PolicyResult {
        let [first, rest @ ..] = next else {
            return Err(Error::with_message(ErrorKind::Other, "no transport"));
        };
        let Self { tries, each, total, .. } = self.stretched(request.body().len().unwrap_or_default());
        let deadline = Instant::now() + total;
        if let Some(parent) = telemetry::traceparent() {
            request.insert_header(telemetry::TRACEPARENT, parent);
        }
        let mut tried = 0;
        loop {
            let each = each.min(deadline.saturating_duration_since(Instant::now()));
            let result =
                timeout(each, first.send(context, request, rest)).await.unwrap_or_else(|_| Err(late()));
            tried += 1;
            let asked = match &result {
                Ok(answer) if again(answer.status()) => retry_after(answer.headers()),
                Err(error) if matches!(error.kind(), ErrorKind::Io | ErrorKind::Connection) => None,
                _ => return result,
            };
            let wait = retry::pause(tried - 1, asked, chance());
            if tried >= tries || Instant::now() + wait >= deadline {
                return result;
            }
            sleep(wait).await;
            request.body_mut().reset().await?;
        }
    }
}

fn late() -> Error {
    Error::with_message(ErrorKind::Io, "no answer in time")
}

fn again(status: StatusCode) -> bool {
    matches!(u16::from(status), 408 | 429 | 500 | 502 | 503 | 504)
}

/// How long an answer asks to wait.
pub(crate) fn retry_after(headers: &Headers) -> Option<Duration> {
    retry::asked(|name| headers.get_optional_str(&HeaderName::from_static(name)))
}

/// Without chance, the longest pause.
fn chance() -> [u8; 4] {
    getrandom::u32().unwrap_or(u32::MAX).to_le_bytes()
}
