//! Documents in Cosmos DB. Every call names the tenant's partition; every query has the tenant in its text as well; and
//! the tenant of a [`Row`] is the one that is stored in the document, so that the pool can hold it against the one it
//! asked for.

mod commit;
mod document;
mod query;
mod render;

use crate::{
    cosmos::{Cosmos, in_time, port},
    identity::Identities,
};
use async_trait::async_trait;
use azure_data_cosmos::{
    clients::ContainerClient,
    options::{ItemReadOptions, ItemWriteOptions, Precondition},
};
use document::{Document, is_status, item_id};
use pool::{
    TenantId,
    ports::{Clock, Entropy, Etag, Kind, PortResult, Query, Records, Row, Write},
};
use std::sync::Arc;

/// The container of tenants' documents, partitioned by `/tenantId`.
const DOCUMENTS: &str = "documents";

/// [`Records`] in Cosmos DB.
pub struct CosmosRecords {
    cosmos: Arc<Cosmos>,
    identities: Arc<Identities>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl CosmosRecords {
    /// Documents in the account `cosmos`, written as the tenants' own identities.
    pub fn new(
        cosmos: Arc<Cosmos>,
        identities: Arc<Identities>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self { cosmos, identities, clock, entropy }
    }

    fn now(&self) -> i64 {
        self.clock.now().as_second()
    }

    async fn container(&self, tenant: &TenantId) -> PortResult<ContainerClient> {
        self.cosmos.of(&self.identities, tenant, DOCUMENTS).await
    }
}

/// A document, expired or not.
async fn read(container: &ContainerClient, tenant: &TenantId, item: &str) -> PortResult<Option<Document>> {
    match container.read_item(tenant.to_string(), item, Option::<ItemReadOptions>::None).await {
        Ok(answer) => answer.into_model().map(Some).map_err(port),
        Err(error) if is_status(&error, 404) => Ok(None),
        Err(error) => Err(port(error)),
    }
}

impl CosmosRecords {
    async fn get_row(&self, tenant: &TenantId, kind: Kind, id: &str) -> PortResult<Option<Row>> {
        let container = self.container(tenant).await?;
        let found = read(&container, tenant, &item_id(kind, id)).await?;
        let living = found.filter(|document| document.lives_at(self.now()));
        living.map(Document::into_row).transpose()
    }

    async fn query_rows(&self, tenant: &TenantId, query: &Query) -> PortResult<Vec<Row>> {
        let container = self.container(tenant).await?;
        query::run(&container, tenant, query, self.now()).await
    }

    async fn commit_batch(&self, tenant: &TenantId, writes: &[Write]) -> PortResult<Vec<Etag>> {
        let container = self.container(tenant).await?;
        let mut operation = [0; 16];
        self.entropy.fill(&mut operation);
        let operation = uuid::Builder::from_random_bytes(operation).into_uuid().simple().to_string();
        commit::run(&container, tenant, writes, &operation, self.now()).await
    }

    async fn sweep_some(&self, tenant: &TenantId, limit: usize) -> PortResult<usize> {
        let container = self.container(tenant).await?;
        let mut swept = 0;
        for document in query::expired(&container, tenant, self.now(), limit).await? {
            let Some(etag) = document.etag.clone() else { continue };
            // Whoever wrote it again since has made it live again.
            let condition = ItemWriteOptions::default().with_precondition(Precondition::if_match(etag));
            match container.delete_item(tenant.to_string(), &document.id, Some(condition)).await {
                Ok(_) => swept += 1,
                Err(error) if is_status(&error, 404) || is_status(&error, 412) => {}
                Err(error) => return Err(port(error)),
            }
        }
        Ok(swept)
    }
}

#[async_trait]
impl Records for CosmosRecords {
    async fn get(&self, tenant: &TenantId, kind: Kind, id: &str) -> PortResult<Option<Row>> {
        in_time(self.get_row(tenant, kind, id)).await
    }

    async fn query(&self, tenant: &TenantId, query: &Query) -> PortResult<Vec<Row>> {
        in_time(self.query_rows(tenant, query)).await
    }

    async fn commit(&self, tenant: &TenantId, writes: Vec<Write>) -> PortResult<Vec<Etag>> {
        Write::check(&writes)?;
        in_time(self.commit_batch(tenant, &writes)).await
    }

    async fn sweep(&self, tenant: &TenantId, limit: usize) -> PortResult<usize> {
        in_time(self.sweep_some(tenant, limit)).await
    }
}
