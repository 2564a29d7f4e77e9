//! The Cosmos DB account: one client an identity, and what each of them may take.

use crate::{Maker, error::LONGEST_WAIT, identity::Identities};
use azure_core::http::Url;
use azure_data_cosmos::{
    AccountReference, CosmosClientBuilder, CosmosRuntime, CosmosRuntimeBuilder, RoutingStrategy,
    clients::ContainerClient,
    error::CosmosError,
    options::{EndToEndOperationLatencyPolicy, OperationOptionsBuilder, ThrottlingRetryOptionsBuilder},
};
use pool::{
    TenantId,
    ports::{PortError, PortResult},
    telemetry,
};
use quick_cache::sync::Cache;
use std::{
    future::Future,
    time::{Duration, Instant},
};

/// How long one operation of the driver's may take, its retries included.
const OPERATION: Duration = Duration::from_secs(6);
/// How long one operation of a port's may take: several of the driver's.
const LONGEST: Duration = Duration::from_secs(15);

/// A Cosmos DB account and a database in it.
pub struct Cosmos {
    endpoint: Url,
    database: String,
    /// The app's own identity.
    own: Option<String>,
    maker: Maker,
    /// By identity. A runtime remembers containers by their account, and with them the credential of whoever asked
    /// first: clients that share one ask as one another.
    runtimes: Cache<Option<String>, CosmosRuntime>,
    /// By identity and container. Two tenants have one client only where their records name one identity.
    clients: Cache<(Option<String>, String), ContainerClient>,
}

impl Cosmos {
    /// The account at `endpoint`. Nothing is asked of it yet.
    pub fn new(endpoint: Url, database: &str, own: Option<String>, maker: Maker) -> Self {
        let (runtimes, clients) = (Cache::new(1_024), Cache::new(1_024));
        Self { endpoint, database: database.to_owned(), own, maker, runtimes, clients }
    }

    /// A container, as `tenant`'s identity sees it.
    pub(crate) async fn of(
        &self,
        identities: &Identities,
        tenant: &TenantId,
        container: &str,
    ) -> PortResult<ContainerClient> {
        let record = identities.tenants().get(tenant).await?;
        let container = match record.cosmos_container_prefix.as_str() {
            "" => container.to_owned(),
            prefix => format!("{prefix}-{container}"),
        };
        let identity = record.managed_identity_client_id.clone().or_else(|| self.own.clone());
        self.client(identity, container).await
    }

    /// A container, as the app itself sees it: for what belongs to no tenant.
    pub(crate) async fn own(&self, container: &str) -> PortResult<ContainerClient> {
        self.client(self.own.clone(), container.to_owned()).await
    }

    async fn client(&self, identity: Option<String>, container: String) -> PortResult<ContainerClient> {
        let key = (identity, container);
        self.clients.get_or_insert_async(&key, self.connect(&key.0, &key.1)).await
    }

    async fn connect(&self, identity: &Option<String>, container: &str) -> PortResult<ContainerClient> {
        let runtime = self.runtimes.get_or_insert_async(identity, runtime()).await.map_err(port)?;
        let account = AccountReference::with_credential(
            self.endpoint.clone().into(),
            (self.maker)(identity.as_deref())?,
        );
        // The account's own order of regions: the nearest is where it was put.
        let routing = RoutingStrategy::PreferredRegions(Vec::new());
        let client = CosmosClientBuilder::new().with_runtime(runtime).build(account, routing);
        let client = client.await.map_err(port)?;
        let database = client.database_client(&self.database);
        database.container_client(container, None).await.map_err(port)
    }
}

/// An operation of a port's, or `Unavailable` if it takes too long.
pub(crate) async fn in_time<T>(operation: impl Future<Output = PortResult<T>>) -> PortResult<T> {
    let late = || PortError::unavailable("Cosmos DB takes too long");
    let begun = Instant::now();
    let done = tokio::time::timeout(LONGEST, operation).await.unwrap_or_else(|_| Err(late()));
    // The driver keeps its transport to itself: an operation is told of as one call, by what became of it.
    let status = match &done {
        Ok(_) => 200,
        Err(PortError::Conflict) => 409,
        Err(PortError::Exhausted { .. }) => 429,
        Err(PortError::Unavailable(_)) => 503,
        Err(_) => 400,
    };
    telemetry::called("cosmos", "POST", status, begun.elapsed());
    done
}

async fn runtime() -> Result<CosmosRuntime, CosmosError> {
    let throttling = ThrottlingRetryOptionsBuilder::new()
        .with_max_retry_count(4)
        .with_max_retry_wait_time(LONGEST_WAIT / 3)
        .build();
    let options = OperationOptionsBuilder::new()
        .with_throttling_retry_options(throttling)
        .with_end_to_end_latency_policy(EndToEndOperationLatencyPolicy::new(OPERATION))
        .build();
    CosmosRuntimeBuilder::new().with_default_operation_options(options).build().await
}

/// The SDK's error as a port's. The cause is a status and what it stands for: the message may quote a body.
pub(crate) fn port(error: CosmosError) -> PortError {
    let status = error.status();
    crate::error::by_status(u16::from(status), None, format!("Cosmos DB: {status}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::chain;
    use azure_core::http::StatusCode;
    use azure_data_cosmos::CosmosStatus;

    #[test]
    fn a_cause_tells_the_status_and_never_the_body() {
        for status in [400, 403, 500] {
            let error = CosmosError::builder()
                .with_status(CosmosStatus::new(StatusCode::from(status)))
                .with_message("the whole body: canary")
                .build();
            assert!(error.to_string().contains("canary"), "the driver's own words may quote a body");
            let told = port(error);
            let text = chain(&told);
            assert!(text.contains(&status.to_string()), "{text}");
            assert!(!text.contains("canary") && !format!("{told:?}").contains("canary"), "{told:?}");
        }
    }
}
