//! The tenants, in a container that no tenant's identity may touch. All are in one partition, so that a list is one
//! query in order, and a tenant and the claim on its container are one transaction.

use crate::cosmos::{Cosmos, in_time, port};
use async_trait::async_trait;
use azure_data_cosmos::{
    FeedScope, Query, TransactionalBatch,
    clients::ContainerClient,
    options::{BatchReplaceOptions, Precondition},
};
use futures::TryStreamExt;
use pool::{
    TenantRecord,
    ports::{Directory, PortError, PortResult, unreadable},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::sync::Arc;

/// The container of the directory, partitioned by `/kind`.
const TENANTS: &str = "tenants";
/// Its one partition.
const PARTITION: &str = "tenant";
/// How often a write begins anew when others write the same.
const TRIES: usize = 8;

/// [`Directory`] in Cosmos DB.
pub struct CosmosDirectory {
    cosmos: Arc<Cosmos>,
}

#[derive(Serialize, Deserialize)]
struct Tenant {
    id: String,
    kind: String,
    record: TenantRecord,
    #[serde(rename = "_etag", default, skip_serializing)]
    etag: Option<String>,
}

/// Says whose a blob container is.
#[derive(Serialize, Deserialize)]
struct Claim {
    id: String,
    kind: String,
    tenant: String,
}

impl CosmosDirectory {
    /// The directory in the account `cosmos`.
    pub fn new(cosmos: Arc<Cosmos>) -> Self {
        Self { cosmos }
    }

    async fn container(&self) -> PortResult<ContainerClient> {
        self.cosmos.own(TENANTS).await
    }

    async fn try_put(&self, container: &ContainerClient, record: &TenantRecord) -> PortResult<Option<()>> {
        let old: Option<Tenant> = read(container, &tenant_item(&record.id)).await?;
        let claim: Option<Claim> = read(container, &claim_item(record.container())).await?;
        if claim.as_ref().is_some_and(|claim| claim.tenant != record.id) {
            return Err(PortError::Conflict);
        }
        let kind = || PARTITION.to_owned();
        let new = Tenant { id: tenant_item(&record.id), kind: kind(), record: record.clone(), etag: None };
        let mut batch = TransactionalBatch::new(PARTITION);
        batch = match &old {
            None => batch.create_item(&new).map_err(port)?,
            Some(old) => {
                let condition = Precondition::if_match(old.etag.clone().unwrap_or_default());
                let options = BatchReplaceOptions::default().with_precondition(condition);
                batch.replace_item(new.id.clone(), &new, Some(options)).map_err(port)?
            }
        };
        if claim.is_none() {
            let id = claim_item(record.container());
            let claim = Claim { id, kind: kind(), tenant: record.id.clone() };
            batch = batch.create_item(&claim).map_err(port)?;
        }
        if let Some(old) = old.filter(|old| old.record.container() != record.container()) {
            batch = batch.delete_item(claim_item(old.record.container()), None);
        }
        execute(container, batch).await
    }
}

/// Writes all of a batch or nothing. `None`: somebody else wrote meanwhile.
async fn execute(container: &ContainerClient, batch: TransactionalBatch) -> PortResult<Option<()>> {
    let answer = container.execute_transactional_batch(batch, None).await.map_err(port)?;
    let answer = answer.into_model().map_err(port)?;
    match answer.results().iter().find(|result| !result.is_success() && result.status_code() != 424) {
        None => Ok(Some(())),
        Some(refused) if [404, 409, 412].contains(&refused.status_code()) => Ok(None),
        Some(refused) => Err(crate::error::by_status(
            refused.status_code(),
            None,
            "the directory's batch was refused".to_owned(),
        )),
    }
}

#[async_trait]
impl Directory for CosmosDirectory {
    async fn get(&self, id: &str) -> PortResult<Option<TenantRecord>> {
        // Ids of items have a grammar of their own, and no tenant has a name that breaks ours.
        if !pool::is_tenant_name(id) {
            return Ok(None);
        }
        let found: Option<Tenant> =
            in_time(async { read(&self.container().await?, &tenant_item(id)).await }).await?;
        Ok(found.map(|found| found.record).filter(|record| record.id == id))
    }

    async fn by_container(&self, container: &str) -> PortResult<Option<TenantRecord>> {
        let legal = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-');
        if !(3..=63).contains(&container.len()) || !container.bytes().all(legal) {
            return Ok(None);
        }
        let claim = async { read::<Claim>(&self.container().await?, &claim_item(container)).await };
        let Some(claim) = in_time(claim).await? else { return Ok(None) };
        Ok(self.get(&claim.tenant).await?.filter(|record| record.container() == container))
    }

    async fn list(&self, after: Option<&str>, limit: usize) -> PortResult<Vec<TenantRecord>> {
        in_time(async {
            let container = self.container().await?;
            let mut after = tenant_item(after.unwrap_or_default());
            loop {
                let rows = page(&container, &after, limit).await?;
                let Some(last) = rows.last() else { return Ok(Vec::new()) };
                after = last["id"].as_str().unwrap_or_default().to_owned();
                let records: Vec<_> = rows.into_iter().filter_map(readable).collect();
                // An empty page would be the end.
                if !records.is_empty() {
                    return Ok(records);
                }
            }
        })
        .await
    }

    async fn put(&self, record: &TenantRecord) -> PortResult<()> {
        record.check().map_err(PortError::refused)?;
        in_time(async {
            let container = self.container().await?;
            for _ in 0..TRIES {
                if self.try_put(&container, record).await?.is_some() {
                    return Ok(());
                }
            }
            Err(PortError::unavailable("the directory is being written by many"))
        })
        .await
    }
}

/// The rows of tenants after this one, by name.
async fn page(container: &ContainerClient, after: &str, limit: usize) -> PortResult<Vec<Value>> {
    let text = format!(
        "SELECT TOP {limit} * FROM c WHERE c.kind = @kind AND c.id > @after AND c.id < @end ORDER BY c.id ASC"
    );
    let query = Query::from(text)
        .with_parameter("@kind", PARTITION)
        .and_then(|query| query.with_parameter("@after", after))
        .and_then(|query| query.with_parameter("@end", "tenant;"))
        .map_err(port)?;
    let found = container.query_items::<Value>(query, FeedScope::partition(PARTITION), None).await;
    found.map_err(port)?.try_collect().await.map_err(port)
}

/// One tenant's broken row is no other tenant's trouble.
fn readable(row: Value) -> Option<TenantRecord> {
    let id = row["id"].as_str().unwrap_or_default().to_owned();
    let tenant = serde_json::from_value::<Tenant>(row).ok();
    let record = tenant.map(|tenant| tenant.record).filter(|record| tenant_item(&record.id) == id);
    if record.is_none() {
        unreadable(&id);
    }
    record
}

/// `:` is in no tenant's name and in no container's; `;` comes right after it.
fn tenant_item(id: &str) -> String {
    format!("tenant:{id}")
}

fn claim_item(container: &str) -> String {
    format!("container:{container}")
}

async fn read<T: DeserializeOwned>(container: &ContainerClient, item: &str) -> PortResult<Option<T>> {
    match container.read_item(PARTITION, item, None).await {
        Ok(answer) => answer.into_model().map(Some).map_err(port),
        Err(error) if u16::from(error.status()) == 404 => Ok(None),
        Err(error) => Err(port(error)),
    }
}
