//! Storage as the Functions host sees it.

use crate::support::{World, body, credential, plain};
use azure::{AzureHostBlobs, AzureHostQueues, Encoding};
use pool::{
    ports::{Blobs, PortError, Queue, QueueName},
    testing::{blob, job, tenant},
};
use std::time::Duration;
use tokio::time::sleep;

const LEASE: Duration = Duration::from_secs(30);

fn stale<T: std::fmt::Debug>(result: Result<T, PortError>) {
    assert!(matches!(result, Err(PortError::Conflict)), "{result:?}");
}

fn queues(world: &World, encoding: Encoding) -> AzureHostQueues {
    AzureHostQueues::new(world.queue(&world.azurite.queue_url()), encoding)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_is_good_until_the_next() {
    let world = World::start().await;
    let host = queues(&world, Encoding::Base64);
    world
        .queue(&world.azurite.queue_url())
        .push(QueueName::Ingest, &job("a.b.c"), Duration::ZERO)
        .await
        .unwrap();
    host.push("ingest", b"\0\xff".to_vec()).await.unwrap();
    let both = host.receive("ingest", 100, LEASE).await.unwrap();
    let bodies: Vec<_> = both.iter().map(|message| message.body.as_slice()).collect();
    assert_eq!(bodies, [b"a.b.c".as_slice(), b"\0\xff"]);
    let first = &both[0];
    assert_eq!(first.dequeue_count, 1);
    assert!(first.inserted < first.next_visible && first.next_visible < first.expires);
    assert_eq!(host.receive("ingest", 32, LEASE).await.unwrap(), [], "leased");
    let renewed = host.renew("ingest", &first.id, &first.pop_receipt, LEASE).await.unwrap();
    stale(host.delete("ingest", &first.id, &first.pop_receipt).await);
    stale(host.renew("ingest", &first.id, &first.pop_receipt, LEASE).await);
    let freed = host.renew("ingest", &first.id, &renewed, Duration::ZERO).await.unwrap();
    assert_ne!(freed, renewed);
    sleep(Duration::from_millis(100)).await;
    let again = host.receive("ingest", 1, LEASE).await.unwrap().remove(0);
    assert_eq!((again.id.as_str(), again.dequeue_count), (first.id.as_str(), 2));
    host.delete("ingest", &again.id, &again.pop_receipt).await.unwrap();
    stale(host.delete("ingest", &again.id, &again.pop_receipt).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn queues_come_with_their_first_message() {
    let world = World::start().await;
    let host = queues(&world, Encoding::Base64);
    assert_eq!(host.receive("runs-poison", 32, LEASE).await.unwrap(), []);
    host.push("runs-poison", b"x".to_vec()).await.unwrap();
    host.push("runs-poison", b"y".to_vec()).await.unwrap();
    assert_eq!(host.receive("runs-poison", 32, LEASE).await.unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn text_that_is_no_base64_is_poison_where_base64_is_meant() {
    let world = World::start().await;
    let (base64, plain) = (queues(&world, Encoding::Base64), queues(&world, Encoding::Plain));
    let event = br#"{"eventType":"Microsoft.Storage.BlobCreated"}"#;
    for writer in [&plain, &base64] {
        writer.push("blob-events", event.to_vec()).await.unwrap();
    }
    let read = base64.receive("blob-events", 32, LEASE).await.unwrap();
    assert_eq!(read.iter().map(|message| message.body.as_slice()).collect::<Vec<_>>(), [event]);
    let poison = plain.receive("blob-events-poison", 32, LEASE).await.unwrap();
    assert_eq!(poison[0].body, event, "as it came");

    plain.push("runs", event.to_vec()).await.unwrap();
    assert_eq!(plain.receive("runs", 32, LEASE).await.unwrap()[0].body, event);
    assert!(matches!(plain.push("runs", vec![0xff]).await, Err(PortError::Refused(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn containers_are_listed_and_read_by_version() {
    let world = World::start().await;
    let url = world.azurite.blob_url();
    let host = AzureHostBlobs::new(&url, credential(&world.identity, None), &world.client).unwrap();
    assert_eq!(host.list("uploads").await.unwrap(), []);
    plain(&world).blob_container_client("uploads").create(None).await.unwrap();
    let odd = "contoso/報告 & 1%.txt";
    for (name, text) in [(odd, "one"), ("fabrikam/b.txt", "two")] {
        plain(&world)
            .blob_client("uploads", name)
            .upload(bytes::Bytes::from_static(text.as_bytes()).into(), None)
            .await
            .unwrap();
    }
    let listed = host.list("uploads").await.unwrap();
    let names: Vec<_> = listed.iter().map(|item| (item.name.as_str(), item.len)).collect();
    assert_eq!(names, [(odd, 3), ("fabrikam/b.txt", 3)]);
    assert_eq!(host.read("uploads", odd, &listed[0].etag).await.unwrap().unwrap(), b"one");
    assert_eq!(host.read("uploads", odd, &listed[1].etag).await.unwrap(), None);
    assert_eq!(host.read("uploads", "gone", &listed[0].etag).await.unwrap(), None);

    // What the pool stores, the host can read.
    let a = tenant("conf-a");
    let info = world.blobs().put(&a, &blob("f"), "text/plain", 10, body(b"three")).await.unwrap();
    assert_eq!(host.read("bucket-of-a", "f", &info.etag.0).await.unwrap().unwrap(), b"three");
}
