use super::PortResult;
use crate::TenantId;
use async_trait::async_trait;
use std::fmt;

/// A key that encrypts a tenant's data. It is stored wrapped, never like this.
#[derive(Clone, PartialEq, Eq)]
pub struct DataKey(pub [u8; 32]);

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey(…)")
    }
}

/// A data key under its tenant's wrapping key, which it names. The text is the adapter's own, and may be stored anywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrappedKey(String);

impl WrappedKey {
    /// What [`Keys::wrap`] gave, or what is said to be it.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The key of each tenant that wraps its data keys, and never leaves its store. It may be rotated: what an older version
/// wrapped is unwrapped as long as that version exists.
#[async_trait]
pub trait Keys: Send + Sync {
    /// Wraps a data key with the newest version of the tenant's key.
    async fn wrap(&self, tenant: &TenantId, key: &DataKey) -> PortResult<WrappedKey>;

    /// Unwraps what the tenant's key wrapped. What names another key, or is not whole, is `Refused`; if it names another
    /// key, no store is asked.
    async fn unwrap(&self, tenant: &TenantId, wrapped: &WrappedKey) -> PortResult<DataKey>;
}
