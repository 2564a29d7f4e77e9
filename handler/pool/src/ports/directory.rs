use super::PortResult;
use crate::{SecurityEvent, tenant::TenantRecord};
use async_trait::async_trait;

/// The tenants. It speaks of names and records; a name becomes a [`TenantId`](crate::TenantId) only at a door.
#[async_trait]
pub trait Directory: Send + Sync {
    /// The tenant of exactly this name: no trimming, no folding.
    async fn get(&self, id: &str) -> PortResult<Option<TenantRecord>>;

    /// The tenant that owns exactly this blob container.
    async fn by_container(&self, container: &str) -> PortResult<Option<TenantRecord>>;

    /// At most `limit` tenants with names greater than `after`, by name; none: that is the end. A row that cannot be read
    /// is told of with [`unreadable`] and passed over.
    async fn list(&self, after: Option<&str>, limit: usize) -> PortResult<Vec<TenantRecord>>;

    /// Writes a tenant's record, new or not. [`PortError::Refused`](super::PortError::Refused) when it breaks a
    /// [rule](TenantRecord::check). [`PortError::Conflict`](super::PortError::Conflict) when another tenant
    /// has its container.
    ///
    /// There is no way to forget one: whoever came after would find what it left. It is
    /// [`Removed`](crate::TenantStatus::Removed).
    async fn put(&self, record: &TenantRecord) -> PortResult<()>;
}

/// Raises the alarm over a row of the directory that is no tenant's record: somebody else has written there.
pub fn unreadable(row: &str) {
    SecurityEvent::StoreLied.raise(None, "directory");
    tracing::error!(row, "a row of the directory cannot be read and is passed over");
}
