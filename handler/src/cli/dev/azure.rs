//! `dev` on the Azure backend: Azure's services, or what stands in for them on this machine, as the host's storage.

mod events;

use super::{super::azure_host, Fault, Storage, TENANTS};
use crate::{backend::azure::Services, config::Config};
use azure::AzureHostBlobs;
use base64::{Engine, engine::general_purpose::STANDARD};
use local::{Keys, OsEntropy};
use pool::{TenantRecord, ports::QueueName};
use std::{collections::BTreeMap, path::Path, sync::Arc};

/// Opens the backend that is set, and makes what an operator makes in Azure: tenants, their containers, the queues.
pub(super) async fn open(state: &Path, mut settings: BTreeMap<String, String>) -> Result<Storage, Fault> {
    let keys = Keys::open(&state.join("keys.json"), &OsEntropy)?;
    let (current, all) = keys.seal();
    let seal = all.get(current).map(|key| format!("{current}:{}", STANDARD.encode(key)));
    let naming = STANDARD.encode(keys.names());
    for (name, value) in [("SEAL_KEYS", seal.unwrap_or_default()), ("NAMING_KEY", naming)] {
        settings.entry(name.to_owned()).or_insert(value);
    }
    let config = Config::read(|name| settings.get(name).cloned());
    let config = config.map_err(|faults| format!("the settings are not good\n  {}", faults.join("\n  ")))?;
    let azure = config.azure.ok_or("POOL_BACKEND is not `azure`")?;
    let services = Services::new(&azure)?;

    let (queues, blobs) = (Arc::new(services.host_queues()?), Arc::new(services.host_blobs()?));
    let made = services.queue()?;
    for queue in [QueueName::Ingest, QueueName::Runs, QueueName::BlobEvents] {
        made.create(queue.as_str()).await?;
    }
    let mut containers = vec!["uploads".to_owned()];
    for (id, name) in TENANTS {
        let record = match services.directory.get(id).await? {
            Some(record) => record,
            None => {
                let record = TenantRecord::new(id, name);
                services.directory.put(&record).await?;
                record
            }
        };
        containers.push(record.container().to_owned());
    }
    for container in &containers {
        blobs.create(container).await?;
    }
    let told = events::tell(blobs.clone(), containers.split_off(1), azure.blobs.clone(), queues.clone());
    Ok(Storage {
        queues: Arc::new(azure_host::Queues(queues)),
        blobs: Arc::new(azure_host::Blobs(blobs)),
        settings: settings.into_iter().collect(),
        is: format!("{} · {} · {}", azure.cosmos, azure.blobs, azure.search),
        drop_folder: format!("{}/uploads/<tenant>/", azure.blobs.as_str().trim_end_matches('/')),
        task: tokio::spawn(told),
    })
}

/// Blobs that a listing shows, by name.
type Listed = BTreeMap<String, String>;

async fn listed(blobs: &AzureHostBlobs, container: &str) -> Option<Listed> {
    let blobs = blobs.list(container).await.ok()?;
    Some(blobs.into_iter().map(|blob| (blob.name, blob.etag)).collect())
}
