//! What is counted, told as events of `tracing`: who listens, and where it goes, is not the pool's business.
//!
//! They have targets of their own and are finer than what is logged: they cost nothing while nobody listens. None holds
//! content, a path or an id.

use crate::TenantId;
use std::{sync::OnceLock, time::Duration};

/// The target of [`called`].
pub const CALL: &str = "telemetry::call";
/// The target of [`tokens`].
pub const TOKENS: &str = "telemetry::tokens";
/// The target of [`document`].
pub const DOCUMENT: &str = "telemetry::document";

/// The header in which a call tells whose request it is for: <https://www.w3.org/TR/trace-context/>.
pub const TRACEPARENT: &str = "traceparent";

static CURRENT: OnceLock<fn() -> Option<String>> = OnceLock::new();

/// Says who knows the request that is being worked for. The first word stands.
pub fn tell_traceparent(current: fn() -> Option<String>) {
    let _ = CURRENT.set(current);
}

/// What a call to another service says in [`TRACEPARENT`]; nothing while nobody listens, or nothing is asked.
pub fn traceparent() -> Option<String> {
    CURRENT.get()?()
}

/// Another service was called. `status` is its answer's, 0 when there was none.
pub fn called(host: &str, method: &str, status: u16, took: Duration) {
    tracing::debug!(target: CALL, host, method, status, micros = took.as_micros() as u64);
}

/// A model has read and written so many tokens.
pub(crate) fn tokens(tenant: &TenantId, input: u64, output: u64) {
    tracing::debug!(target: TOKENS, tenant = tenant.as_str(), input, output);
}

/// A document was read to the end, or given up: `indexed`, `failed` or `quarantined`.
pub(crate) fn document(tenant: &TenantId, outcome: &'static str) {
    tracing::debug!(target: DOCUMENT, tenant = tenant.as_str(), outcome);
}
