//! [`Links`] as user-delegation signatures: each allows one verb on one blob, and is made with the tenant's identity, so
//! that it can never allow more than that identity may.

use crate::blobs::{BlobAccount, headers};
use async_trait::async_trait;
use azure_core::{credentials::TokenCredential, time::OffsetDateTime};
use azure_storage_blob::models::KeyInfo;
use azure_storage_common::models::UserDelegationKey;
use azure_storage_sas::{SasBuilder, SasProtocol};
use jiff::Timestamp;
use pool::{
    TenantId,
    ports::{BlobName, Clock, Link, Links, PortError, PortResult},
};
use quick_cache::sync::Cache;
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::sync::Mutex;

const LONGEST: Duration = Duration::from_secs(600);
/// How long a key signs. The service would allow a week; an identity that loses its role loses its links with it.
const KEY: Duration = Duration::from_secs(3_600);
/// A key that begins a little earlier is good where clocks differ.
const SKEW: Duration = Duration::from_secs(300);

/// [`Links`] to blobs of a storage account.
pub struct AzureLinks {
    account: BlobAccount,
    clock: Arc<dyn Clock>,
    keys: Cache<TenantId, Arc<Mutex<Option<Key>>>>,
}

/// What signs, and whose it is.
struct Key {
    key: UserDelegationKey,
    ends: Timestamp,
    credential: Arc<dyn TokenCredential>,
}

impl AzureLinks {
    /// Links to blobs in `account`.
    pub fn new(account: BlobAccount, clock: Arc<dyn Clock>) -> Self {
        Self { account, clock, keys: Cache::new(4_096) }
    }

    /// The query that allows writing this blob until `end`. One caller at a time asks for a tenant's key.
    async fn sign(
        &self,
        tenant: &TenantId,
        container: &str,
        blob: &str,
        end: Timestamp,
    ) -> PortResult<String> {
        let credential = self.account.credential(tenant).await?;
        let held = self.keys.get_or_insert_with(tenant, || Ok::<_, PortError>(Arc::default()))?;
        let mut held = held.lock().await;
        let good = |key: &&Key| key.ends >= end && Arc::ptr_eq(&key.credential, &credential);
        if held.as_ref().filter(good).is_none() {
            *held = Some(self.key(credential).await?);
        }
        let key = held.as_ref().ok_or_else(|| PortError::unavailable("no delegation key"))?;
        query(self.account.name(), &key.key, container, blob, time(end)?)
    }

    async fn key(&self, credential: Arc<dyn TokenCredential>) -> PortResult<Key> {
        let now = self.clock.now();
        let (start, ends) = (now.checked_sub(SKEW), now.checked_add(KEY));
        let (start, ends) = (start.map_err(PortError::refused)?, ends.map_err(PortError::refused)?);
        let asked = KeyInfo { start: Some(time(start)?), expiry: Some(time(ends)?), ..Default::default() };
        let asked = asked.try_into().map_err(PortError::refused)?;
        let service = self.account.service(credential.clone())?;
        let answer = async { service.get_user_delegation_key(asked, None).await?.into_model() };
        Ok(Key { key: self.account.patience.port(answer).await?, ends, credential })
    }
}

#[async_trait]
impl Links for AzureLinks {
    async fn upload(
        &self,
        tenant: &TenantId,
        name: &BlobName,
        content_type: &str,
        lifetime: Duration,
    ) -> PortResult<Link> {
        if lifetime > LONGEST {
            return Err(PortError::refused("an upload link lives ten minutes at most"));
        }
        let end = self.clock.now().checked_add(lifetime).map_err(PortError::refused)?.as_second();
        let end = Timestamp::from_second(end).map_err(PortError::refused)?;
        let container = self.account.container_name(tenant).await?;
        let query = self.sign(tenant, &container, name.as_str(), end).await?;
        let (content_type, metadata) = headers(tenant, content_type);
        let mut headers = BTreeMap::from([
            ("content-type".to_owned(), content_type),
            ("x-ms-blob-type".to_owned(), "BlockBlob".to_owned()),
        ]);
        headers.extend(metadata.into_iter().map(|(name, value)| (format!("x-ms-meta-{name}"), value)));
        let url = format!(
            "{}/{container}/{}?{query}",
            self.account.url().as_str().trim_end_matches('/'),
            name.as_str()
        );
        Ok(Link { url, method: "PUT", headers, expires_at: end })
    }
}

/// The query of a link: it allows to create and write this blob, over TLS.
fn query(
    account: &str,
    key: &UserDelegationKey,
    container: &str,
    blob: &str,
    end: OffsetDateTime,
) -> PortResult<String> {
    let sas = SasBuilder::new(account, key, end).map_err(PortError::unavailable)?;
    Ok(sas.protocol(SasProtocol::Https).blob(container, blob).create().write().build())
}

fn time(time: Timestamp) -> PortResult<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp(time.as_second()).map_err(PortError::refused)
}

#[cfg(test)]
mod tests;
