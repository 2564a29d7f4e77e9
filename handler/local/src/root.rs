use crate::{
    Keys, LocalBlobs, LocalDirectory, LocalIndex, LocalLinks, LocalQueue, LocalRecords, LocalVault, Uploaded,
    db::Db, error::Result, files, schema::PLATFORM, tenants::Tenants,
};
use pool::ports::{ByteStream, Clock, Entropy, PortResult};
use std::{path::Path, sync::Arc, time::Duration};

/// How a root is used.
#[derive(Clone, Debug)]
pub struct Options {
    /// Tenant databases kept open at once; one more closes the least recently used.
    pub open_tenants: usize,
    /// A tenant database that nobody asked for in this time is closed.
    pub idle: Duration,
    /// Upload links begin with this; a token follows after `/`.
    pub upload_base: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            open_tenants: 64,
            idle: Duration::from_secs(60),
            upload_base: "http://127.0.0.1:7071/local/upload".to_owned(),
        }
    }
}

/// A root that is open: one adapter for each port.
#[derive(Clone)]
pub struct Local {
    /// Documents.
    pub records: Arc<LocalRecords>,
    /// Blobs.
    pub blobs: Arc<LocalBlobs>,
    /// Upload links to blobs.
    pub links: Arc<LocalLinks>,
    /// The search index.
    pub index: Arc<LocalIndex>,
    /// The queues, from both sides.
    pub queue: Arc<LocalQueue>,
    /// The tenants.
    pub directory: Arc<LocalDirectory>,
    /// The tenants' secrets, and the keys that wrap their data keys.
    pub vault: Arc<LocalVault>,
    /// The service's own keys.
    pub keys: Arc<Keys>,
    tenants: Arc<Tenants>,
}

impl Local {
    /// Opens the folder, which is created if need be. Other processes may have it open too.
    ///
    /// Within a tokio runtime, idle tenant databases are closed by a task of it.
    ///
    /// # Errors
    /// If the folder or `platform.db` cannot be used, was written by a newer program, or the keys are exposed.
    pub fn open(
        root: &Path,
        options: Options,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self> {
        files::make_folder(root)?;
        let keys = Arc::new(Keys::open(&root.join("keys.json"), &*entropy)?);
        let platform = Arc::new(Db::open(&root.join("platform.db"), &PLATFORM)?);
        let tenants = Arc::new(Tenants::new(root, options.open_tenants));
        files::forget_parts(&root.join("tenants"), clock.now());
        close_when_idle(&tenants, options.idle);
        Ok(Self {
            records: Arc::new(LocalRecords::new(tenants.clone(), clock.clone(), entropy.clone())),
            blobs: Arc::new(LocalBlobs::new(tenants.clone(), entropy.clone())),
            links: Arc::new(LocalLinks::new(&options.upload_base, keys.links(), clock.clone())),
            index: Arc::new(LocalIndex::new(tenants.clone())),
            vault: Arc::new(LocalVault::new(tenants.clone(), entropy.clone())),
            queue: Arc::new(LocalQueue::new(platform.clone(), clock, entropy)),
            directory: Arc::new(LocalDirectory::new(platform)),
            keys,
            tenants,
        })
    }

    /// Stores what was sent to an upload link, of at most `limit` bytes, as the one blob that the link is for. `None` if
    /// the token is not ours, or its time is over.
    ///
    /// # Errors
    /// As [`Blobs::put`](pool::ports::Blobs::put).
    pub async fn redeem_upload(
        &self,
        token: &str,
        limit: u64,
        body: ByteStream,
    ) -> PortResult<Option<Uploaded>> {
        let Some(upload) = self.links.redeem(token) else { return Ok(None) };
        let info = self.blobs.store(&upload.tenant, &upload.blob, &upload.content_type, limit, body).await?;
        let container = self.directory.container(&upload.tenant)?.unwrap_or_else(|| upload.tenant.clone());
        Ok(Some(Uploaded {
            container,
            blob: upload.blob,
            etag: info.etag,
            len: info.len,
            content_type: info.content_type,
        }))
    }

    /// Deletes all that a tenant has but its record in the directory; `false` if it has nothing.
    ///
    /// First suspend it, in every process: one that still has its database open would write to a deleted file.
    ///
    /// # Errors
    /// If this is no tenant's name, or the file system refuses.
    pub async fn offboard(&self, tenant: &str) -> PortResult<bool> {
        self.tenants.offboard(tenant).await
    }

    /// Closes the tenant databases that nobody asked for in this time; answers how many remain open.
    pub fn tidy(&self, idle: Duration) -> usize {
        self.tenants.tidy(idle)
    }
}

fn close_when_idle(tenants: &Arc<Tenants>, idle: Duration) {
    let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
    let tenants = Arc::downgrade(tenants);
    runtime.spawn(async move {
        let mut tick = tokio::time::interval((idle / 2).max(Duration::from_secs(1)));
        loop {
            tick.tick().await;
            let Some(tenants) = tenants.upgrade() else { break };
            tenants.tidy(idle);
        }
    });
}
