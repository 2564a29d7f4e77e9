//! Runs that are to be driven.

use crate::{app::App, invocation::Invocation};
use pool::{Error, Operation, runs::Progress};
use std::{sync::Arc, time::Duration};

/// Door 2: our own job.
pub(crate) async fn runs_step(app: Arc<App>, invocation: Invocation) -> Result<(), Error> {
    let message = invocation.message()?;
    let Some((scope, job)) = super::open(&app, &message, Operation::DriveRun).await? else { return Ok(()) };
    match scope.runs().drive(&job.target).await {
        Ok(Progress::Rests) => Ok(()),
        Ok(Progress::Busy(left)) => {
            scope.runs().drive_later(&job.target, left + Duration::from_millis(100)).await;
            Ok(())
        }
        Err(Error::Forbidden(why)) => {
            tracing::info!(why, "the run is parked");
            Ok(())
        }
        Err(fault) => Err(fault),
    }
}
