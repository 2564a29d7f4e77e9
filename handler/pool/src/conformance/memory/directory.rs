use crate::{
    TenantRecord,
    ports::{Directory, PortError, PortResult},
};
use async_trait::async_trait;
use std::{
    collections::BTreeMap,
    ops::Bound,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// [`Directory`] in a map.
#[derive(Default)]
pub struct MemoryDirectory(Mutex<BTreeMap<String, TenantRecord>>);

impl MemoryDirectory {
    /// A directory of these tenants.
    pub fn new(records: impl IntoIterator<Item = TenantRecord>) -> Self {
        Self(Mutex::new(records.into_iter().map(|record| (record.id.clone(), record)).collect()))
    }

    fn tenants(&self) -> MutexGuard<'_, BTreeMap<String, TenantRecord>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Directory for MemoryDirectory {
    async fn get(&self, id: &str) -> PortResult<Option<TenantRecord>> {
        Ok(self.tenants().get(id).cloned())
    }

    async fn by_container(&self, container: &str) -> PortResult<Option<TenantRecord>> {
        Ok(self.tenants().values().find(|record| record.container() == container).cloned())
    }

    async fn list(&self, after: Option<&str>, limit: usize) -> PortResult<Vec<TenantRecord>> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let tenants = self.tenants();
        Ok(tenants
            .range::<str, _>((from, Bound::Unbounded))
            .map(|(_, record)| record.clone())
            .take(limit)
            .collect())
    }

    async fn put(&self, record: &TenantRecord) -> PortResult<()> {
        record.check().map_err(PortError::refused)?;
        let mut tenants = self.tenants();
        if tenants.values().any(|other| other.id != record.id && other.container() == record.container()) {
            return Err(PortError::Conflict);
        }
        tenants.insert(record.id.clone(), record.clone());
        Ok(())
    }
}
