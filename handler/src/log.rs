//! The log: one JSON object a line, on standard output, where the host takes it up; and the layer of telemetry.

use crate::telemetry::{self, Telemetry};
use tracing::Subscriber;
use tracing_subscriber::{
    EnvFilter, Layer, layer::SubscriberExt, registry::LookupSpan, util::SubscriberInitExt,
};

/// Starts the log, and telemetry if there is any.
///
/// # Errors
/// When the filter cannot be read, or a log has been started already.
pub fn start(
    filter: &str,
    telemetry: Option<Telemetry>,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let filter = EnvFilter::try_new(filter)?;
    match telemetry {
        // A filter for all: what nobody wants is not even made.
        None => tracing_subscriber::registry().with(filter).with(lines()).try_init()?,
        Some(layer) => tracing_subscriber::registry()
            .with(lines().with_filter(filter))
            .with(layer.with_filter(Telemetry::filter()))
            .try_init()?,
    }
    pool::telemetry::tell_traceparent(telemetry::current);
    Ok(())
}

fn lines<S: Subscriber + for<'a> LookupSpan<'a>>() -> impl Layer<S> {
    tracing_subscriber::fmt::layer().json().flatten_event(true).with_span_list(false)
}
