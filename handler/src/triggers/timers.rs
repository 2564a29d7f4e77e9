//! Sweeps over every tenant. One tenant's fault does not keep the others from being swept.

use crate::{app::App, invocation::Invocation, problem::chain};
use futures::TryStreamExt;
use pool::{Error, SweepReason};
use std::sync::Arc;

/// Door 4.
pub(crate) async fn runs_sweep(app: Arc<App>, _: Invocation) -> Result<(), Error> {
    let mut tenants = app.doors.every_tenant(SweepReason("promises"));
    while let Some(scope) = tenants.try_next().await? {
        match scope.sweep().promises().await {
            Ok(0) => {}
            Ok(renewed) => tracing::info!(tenant = %scope.tenant(), renewed, "promises were renewed"),
            Err(fault) => {
                tracing::error!(tenant = %scope.tenant(), error = %chain(&fault), "the sweep failed")
            }
        }
    }
    Ok(())
}

/// Door 4.
pub(crate) async fn sessions_cleanup(app: Arc<App>, _: Invocation) -> Result<(), Error> {
    let mut tenants = app.doors.every_tenant(SweepReason("expired"));
    while let Some(scope) = tenants.try_next().await? {
        match scope.sweep().expired().await {
            Ok(0) => {}
            Ok(forgotten) => {
                tracing::info!(tenant = %scope.tenant(), forgotten, "what had expired is forgotten")
            }
            Err(fault) => {
                tracing::error!(tenant = %scope.tenant(), error = %chain(&fault), "the sweep failed")
            }
        }
    }
    Ok(())
}
