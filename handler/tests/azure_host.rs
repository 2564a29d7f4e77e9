//! The local host's queues and containers on Azure Storage: the law of `devhost`'s seams, against Azurite.

use async_trait::async_trait;
use azure::{AzureHostBlobs, AzureHostQueues, AzureQueue, Encoding};
use azure_core::{
    credentials::{AccessToken, TokenCredential, TokenRequestOptions},
    time::{Duration as Span, OffsetDateTime},
};
use devhost::{HostBlobs, HostQueues};
use doubles::{Audit, Ca, Identity, storage::Azurite};
use handler::cli::azure_host::{Blobs, Queues};
use std::{sync::Arc, time::Duration};

/// A token that is made once.
#[derive(Debug)]
struct Fixed(String);

#[async_trait]
impl TokenCredential for Fixed {
    async fn get_token(
        &self,
        _: &[&str],
        _: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        Ok(AccessToken::new(self.0.clone(), OffsetDateTime::now_utc() + Span::hours(1)))
    }
}

const LEASE: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_leased_and_uploads_are_listed() {
    let ca = Ca::new();
    let azurite = Azurite::start(&ca);
    let token = Identity::start(&[], &Audit::default()).await.mint("system", "https://storage.azure.com");
    let root = reqwest::Certificate::from_pem(ca.pem().as_bytes()).unwrap();
    let client = azure::transport_trusting([root]).unwrap();
    let credential: Arc<dyn TokenCredential> = Arc::new(Fixed(token.clone()));
    let queue = AzureQueue::new(&azurite.queue_url(), credential.clone(), client.clone()).unwrap();
    let queues: Arc<dyn HostQueues> =
        Arc::new(Queues(Arc::new(AzureHostQueues::new(queue, Encoding::Base64))));

    assert!(queues.receive("ingest", 8, LEASE).await.unwrap().is_empty(), "no queue is an empty queue");
    queues.push("ingest", b"\0job\xff".to_vec()).await.unwrap();
    let first = queues.receive("ingest", 8, LEASE).await.unwrap().remove(0);
    assert_eq!((first.body.as_slice(), first.dequeue_count), (b"\0job\xff".as_slice(), 1));
    assert!(queues.receive("ingest", 8, LEASE).await.unwrap().is_empty(), "leased");
    let renewed = queues.renew("ingest", &first.id, &first.pop_receipt, LEASE).await.unwrap();
    assert!(queues.delete("ingest", &first.id, &first.pop_receipt).await.is_err(), "a stale receipt");
    queues.release("ingest", &first.id, &renewed, Duration::ZERO).await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    let second = queues.receive("ingest", 8, LEASE).await.unwrap().remove(0);
    assert_eq!((&second.id, second.dequeue_count), (&first.id, 2));
    queues.delete("ingest", &second.id, &second.pop_receipt).await.unwrap();
    let stale = queues.delete("ingest", &second.id, &second.pop_receipt).await.unwrap_err();
    assert!(stale.to_string().contains("condition"), "{stale}");

    let blobs = AzureHostBlobs::new(&azurite.blob_url(), credential, &client).unwrap();
    let blobs: Arc<dyn HostBlobs> = Arc::new(Blobs(Arc::new(blobs)));
    assert!(blobs.list("uploads").await.unwrap().is_empty(), "no container is an empty container");
    let put = |path: &str, text: &'static str| {
        let request = client.put(format!("{}/{path}", azurite.blob_url())).bearer_auth(&token).body(text);
        request.header("x-ms-version", "2026-04-06").header("x-ms-blob-type", "BlockBlob").send()
    };
    assert_eq!(put("uploads?restype=container", "").await.unwrap().status(), 201);
    assert_eq!(put("uploads/contoso/a.txt", "one").await.unwrap().status(), 201);
    let item = blobs.list("uploads").await.unwrap().remove(0);
    assert_eq!((item.name.as_str(), item.len), ("contoso/a.txt", 3));
    assert_eq!(blobs.read("uploads", &item.name, &item.etag).await.unwrap().unwrap(), b"one");
    assert_eq!(put("uploads/contoso/a.txt", "two").await.unwrap().status(), 201);
    assert_eq!(blobs.read("uploads", &item.name, &item.etag).await.unwrap(), None, "another version");
}
