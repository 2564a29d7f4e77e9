//! The forge, for tests alone: it names tenants and blobs without a door.

use crate::{
    TenantId, TenantRecord,
    ports::{BlobName, SealedJob},
};

/// A tenant of this name.
///
/// # Panics
/// If the name breaks the grammar.
#[expect(clippy::expect_used, reason = "test support")]
pub fn tenant(name: &str) -> TenantId {
    TenantId::mint(&TenantRecord::new(name, name)).expect("a tenant's name")
}

/// A blob of this name.
pub fn blob(name: &str) -> BlobName {
    BlobName(name.to_owned())
}

/// A job with this text, which no door will open.
pub fn job(text: &str) -> SealedJob {
    SealedJob(text.to_owned())
}
