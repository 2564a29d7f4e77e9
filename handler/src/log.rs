//! The log: one JSON object a line, on standard output, where the host takes it up.

use tracing_subscriber::EnvFilter;

/// Starts the log.
///
/// # Errors
/// When the filter cannot be read, or a log has been started already.
pub fn start(filter: &str) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let filter = EnvFilter::try_new(filter)?;
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_span_list(false)
        .with_env_filter(filter)
        .try_init()
}
