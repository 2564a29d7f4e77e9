//! Triggers that are not HTTP. Each opens its envelope with a door, and works in the scope that it gets.
//!
//! `Ok` tells the host to forget the message: what it asked for is done, or promised in the tenant's outbox, or can
//! never be done. `Err` makes the host deliver it again, and after five times put it among the poison.

mod event_grid;
mod ingest;
mod runs;
mod timers;

pub(crate) use ingest::{ingest_blob, ingest_document, ingest_event};
pub(crate) use runs::runs_step;
pub(crate) use timers::{runs_sweep, sessions_cleanup};

use pool::{Error, Job, Operation, Scope};

/// Opens a sealed job. `None` when there is nothing to do: the tenant is suspended, and the promise in its outbox waits.
///
/// A job that nobody sealed is an error for good: the host moves it among the poison, where operators look.
async fn open(
    app: &crate::app::App,
    message: &str,
    operation: Operation,
) -> Result<Option<(Scope, Job)>, Error> {
    match app.doors.open(message, operation).await {
        Ok(opened) => {
            belongs_to(&opened.0);
            Ok(Some(opened))
        }
        Err(Error::Forbidden(why)) => {
            tracing::info!(why, "the job is parked");
            Ok(None)
        }
        Err(fault) => Err(fault),
    }
}

/// It is known whose the invocation is: the lines of the log that follow say so.
fn belongs_to(scope: &Scope) {
    crate::shell::belongs_to(&tracing::Span::current(), scope);
}
