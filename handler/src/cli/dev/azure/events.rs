//! Event Grid, for storage that has none: what came or went in the tenants' containers is told to the queue
//! `blob-events`, as a system topic tells it.

use super::{Listed, listed};
use azure::{AzureHostBlobs, AzureHostQueues};
use pool::ports::{Clock, SystemClock};
use serde_json::json;
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use url::Url;

const EVERY: Duration = Duration::from_millis(500);

/// Looks for ever. What is there at the start is known already.
pub(super) async fn tell(
    blobs: Arc<AzureHostBlobs>,
    containers: Vec<String>,
    account: Url,
    queues: Arc<AzureHostQueues>,
) {
    let mut known: BTreeMap<String, Listed> = BTreeMap::new();
    loop {
        for container in &containers {
            let Some(now) = listed(&blobs, container).await else { continue };
            let Some(before) = known.insert(container.clone(), now.clone()) else { continue };
            let came = now.iter().filter(|(name, etag)| before.get(*name) != Some(*etag));
            let gone = before.iter().filter(|(name, _)| !now.contains_key(*name));
            let came = came.map(|(name, etag)| event(&account, container, name, etag, "Created"));
            let gone = gone.map(|(name, etag)| event(&account, container, name, etag, "Deleted"));
            for event in came.chain(gone) {
                if queues.push("blob-events", event.into_bytes()).await.is_err() {
                    // Told again, with whatever else has come by then.
                    known.insert(container.clone(), before);
                    break;
                }
            }
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// <https://learn.microsoft.com/azure/event-grid/event-schema-blob-storage>
fn event(account: &Url, container: &str, blob: &str, etag: &str, what: &str) -> String {
    json!({
        "topic": "local",
        "subject": format!("/blobServices/default/containers/{container}/blobs/{blob}"),
        "eventType": format!("Microsoft.Storage.Blob{what}"),
        "eventTime": SystemClock.now().to_string(),
        "id": etag,
        "data": {
            "blobType": "BlockBlob",
            "eTag": etag,
            "url": format!("{}/{container}/{blob}", account.as_str().trim_end_matches('/')),
        },
        "dataVersion": "",
        "metadataVersion": "1",
    })
    .to_string()
}
