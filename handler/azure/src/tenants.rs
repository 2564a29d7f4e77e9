//! What the directory says of a tenant: which identity, container, index and vault are its own.

use pool::{
    TenantId, TenantRecord,
    ports::{Directory, PortError, PortResult},
};
use quick_cache::sync::Cache;
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;

/// How long a record is believed. Where a tenant's data is changes hardly ever; whether it may be served is read
/// elsewhere, and more often.
const BELIEVED: Duration = Duration::from_secs(30);

/// The directory's records, kept for a short time.
#[derive(Clone)]
pub struct Tenants {
    directory: Arc<dyn Directory>,
    known: Arc<Cache<TenantId, (Arc<TenantRecord>, Instant)>>,
}

impl Tenants {
    /// Reads from `directory`.
    pub fn new(directory: Arc<dyn Directory>) -> Self {
        Self { directory, known: Arc::new(Cache::new(4_096)) }
    }

    /// The record of a tenant.
    ///
    /// # Errors
    /// The directory's; and `Refused` for a tenant that has left it.
    pub async fn get(&self, tenant: &TenantId) -> PortResult<Arc<TenantRecord>> {
        if let Some((record, read)) = self.known.get(tenant)
            && read.elapsed() < BELIEVED
        {
            return Ok(record);
        }
        let record = self.directory.get(tenant.as_str()).await?;
        let record = record.filter(|record| record.id == tenant.as_str());
        let record = Arc::new(record.ok_or_else(|| PortError::refused("the tenant has left the directory"))?);
        self.known.insert(tenant.clone(), (record.clone(), Instant::now()));
        Ok(record)
    }
}
