//! `dev` on the local backend: everything on this disk, and a door for upload links.

use super::{Fault, Storage, TENANTS, door};
use crate::config::Config;
use async_trait::async_trait;
use devhost::{FolderBlobs, HostQueues, QueueMessage, StorageError};
use local::{Local, LocalQueue, OsEntropy};
use pool::{TenantRecord, ports::SystemClock};
use std::{collections::BTreeMap, net::Ipv4Addr, path::Path, sync::Arc, time::Duration};
use tokio::net::TcpListener;

/// Opens the state folder. `port`: where upload links lead; 0 takes a free one.
pub(super) async fn open(
    state: &Path,
    port: u16,
    mut settings: BTreeMap<String, String>,
) -> Result<Storage, Fault> {
    let doorway = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    let uploads = door::base(doorway.local_addr()?);
    let local = Local::open(state, local::Options::default(), Arc::new(SystemClock), Arc::new(OsEntropy))?;
    local.directory.seed(&TENANTS.map(|(id, name)| TenantRecord::new(id, name))).await?;
    for (tenant, _) in TENANTS {
        std::fs::create_dir_all(state.join("uploads").join(tenant))?;
    }
    let ours = [
        ("POOL_STATE", state.display().to_string()),
        ("LOCAL_STORAGE_URL", uploads.clone()),
        ("STORAGE_ACCOUNT_URL", uploads.clone()),
    ];
    settings.extend(ours.map(|(name, value)| (name.to_owned(), value)));
    let limit = Config::read(|name| settings.get(name).cloned()).map(|config| config.settings.max_file);
    let limit = limit.map_err(|faults| format!("the settings are not good\n  {}", faults.join("\n  ")))?;
    let embedded =
        "records and search: SQLite · blobs: files · queues: SQLite · model: extractive, or MODEL_ENDPOINT";
    Ok(Storage {
        queues: Arc::new(Queues(local.queue.clone())),
        blobs: Arc::new(FolderBlobs::new(state)),
        settings: settings.into_iter().collect(),
        is: embedded.to_owned(),
        drop_folder: format!("{}/uploads/<tenant>/", state.display()),
        task: tokio::spawn(async move { drop(door::serve(doorway, local, uploads, limit).await) }),
    })
}

/// The queues.
struct Queues(Arc<LocalQueue>);

type Stored<T> = Result<T, StorageError>;

#[async_trait]
impl HostQueues for Queues {
    async fn receive(&self, queue: &str, max: usize, lease: Duration) -> Stored<Vec<QueueMessage>> {
        let messages = self.0.receive(queue, max, lease).await.map_err(StorageError::new)?;
        let message = |m: local::Message| QueueMessage {
            id: m.id,
            pop_receipt: m.pop_receipt,
            body: m.body,
            dequeue_count: m.dequeue_count,
            inserted: m.inserted,
            expires: m.expires,
            next_visible: m.next_visible,
        };
        Ok(messages.into_iter().map(message).collect())
    }

    async fn renew(&self, queue: &str, id: &str, pop_receipt: &str, lease: Duration) -> Stored<String> {
        self.0.renew(queue, id, pop_receipt, lease).await.map_err(StorageError::new)
    }

    async fn delete(&self, queue: &str, id: &str, pop_receipt: &str) -> Stored<()> {
        self.0.delete(queue, id, pop_receipt).await.map_err(StorageError::new)
    }

    async fn release(&self, queue: &str, id: &str, pop_receipt: &str, after: Duration) -> Stored<()> {
        self.0.release(queue, id, pop_receipt, after).await.map_err(StorageError::new)
    }

    async fn push(&self, queue: &str, body: Vec<u8>) -> Stored<()> {
        self.0.push_raw(queue, body, Duration::ZERO).await.map_err(StorageError::new)
    }
}
