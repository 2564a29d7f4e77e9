use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use pool::{
    TenantId,
    ports::{BlobName, Clock, Etag, Link, Links, PortError, PortResult},
};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use std::{collections::BTreeMap, sync::Arc, time::Duration};

const LONGEST: Duration = Duration::from_secs(600);
/// A seal for one use is no seal for another.
const PURPOSE: &[u8] = b"pooled-agents/upload-link/1\0";

/// What an upload link allows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Upload {
    /// The tenant's name.
    pub tenant: String,
    /// The one blob that may be written.
    pub blob: String,
    /// The content type that it will have, whatever the sender says.
    pub content_type: String,
    /// Unix seconds from which the link is dead.
    pub expires: i64,
}

/// A blob that came by an upload link: what an event of its creation needs.
#[derive(Clone, Debug, PartialEq)]
pub struct Uploaded {
    /// The tenant's blob container.
    pub container: String,
    /// The blob's name.
    pub blob: String,
    /// Its version.
    pub etag: Etag,
    /// Its length, in bytes.
    pub len: u64,
    /// Its content type.
    pub content_type: String,
}

/// [`Links`] that are sealed with HMAC-SHA256: `<base>/<token>`.
pub struct LocalLinks {
    base: String,
    key: [u8; 32],
    clock: Arc<dyn Clock>,
}

impl LocalLinks {
    /// Links that begin with `base` and are sealed with `key`.
    pub fn new(base: &str, key: [u8; 32], clock: Arc<dyn Clock>) -> Self {
        Self { base: base.trim_end_matches('/').to_owned(), key, clock }
    }

    /// What a token allows; `None` if it is not ours, or its time is over.
    pub fn redeem(&self, token: &str) -> Option<Upload> {
        let (payload, mac) = token.split_once('.')?;
        self.seal(payload)?.verify_slice(&BASE64.decode(mac).ok()?).ok()?;
        let upload: Upload = serde_json::from_slice(&BASE64.decode(payload).ok()?).ok()?;
        (upload.expires > self.clock.now().as_second()).then_some(upload)
    }

    fn seal(&self, payload: &str) -> Option<Hmac<Sha256>> {
        let mut seal = Hmac::<Sha256>::new_from_slice(&self.key).ok()?;
        seal.update(PURPOSE);
        seal.update(payload.as_bytes());
        Some(seal)
    }
}

#[async_trait]
impl Links for LocalLinks {
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
        let upload = Upload {
            tenant: tenant.to_string(),
            blob: name.as_str().to_owned(),
            content_type: content_type.to_owned(),
            expires: end,
        };
        let payload = BASE64.encode(serde_json::to_vec(&upload).map_err(PortError::refused)?);
        let seal = self.seal(&payload).ok_or_else(|| PortError::refused("no link key"))?;
        Ok(Link {
            url: format!("{}/{payload}.{}", self.base, BASE64.encode(seal.finalize().into_bytes())),
            method: "PUT",
            headers: BTreeMap::from([("content-type".to_owned(), content_type.to_owned())]),
            expires_at: Timestamp::from_second(end).map_err(PortError::refused)?,
        })
    }
}
