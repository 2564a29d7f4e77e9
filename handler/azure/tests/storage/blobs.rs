//! Blobs.

use crate::support::{World, body, drain, plain};
use pool::{
    conformance,
    ports::{BlobName, Blobs, PortError},
    testing::{blob, tenant},
};
use std::collections::HashMap;

#[tokio::test(flavor = "multi_thread")]
async fn blobs_obey_the_law() {
    let world = World::start().await;
    conformance::blobs(&world.blobs()).await;
    let tokens = world.audit.all();
    assert!(tokens.iter().all(|asked| asked.audience == "https://storage.azure.com"), "{tokens:?}");
    assert!(tokens.iter().any(|asked| asked.identity == "id-a"), "a tenant with an identity works with it");
}

async fn tags(world: &World, container: &str, name: &BlobName) -> HashMap<String, String> {
    let blob = plain(world).blob_client(container, name.as_str());
    blob.get_tags(None).await.unwrap().into_model().unwrap().into()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_blob_says_whose_it_is() {
    let world = World::start().await;
    let (store, a, b) = (world.blobs(), tenant("conf-a"), tenant("conf-b"));
    for (name, len) in [("small", 10), ("block", 2 << 20), ("large", 5 << 20)] {
        let name = blob(name);
        let bytes: Vec<u8> = (0..len).map(|i: usize| (i * 7 + (i >> 9)) as u8).collect();
        let info = store.put(&a, &name, "text/plain", 1 << 30, body(&bytes)).await.unwrap();
        assert_eq!(info.len, len as u64);
        let (_, read) = store.get(&a, &name, Some(&info.etag)).await.unwrap().unwrap();
        assert!(drain(read).await.unwrap() == bytes);
        let tags = tags(&world, "bucket-of-a", &name).await;
        assert_eq!(tags, HashMap::from([("tenantId".to_owned(), "conf-a".to_owned())]), "{name:?}");
    }

    // A blob of another tenant that has come into the container is not handed out.
    let foreign = plain(&world).blob_client("conf-b", "small");
    let metadata = HashMap::from([("tenantid".to_owned(), "conf-a".to_owned())]);
    foreign.upload(bytes::Bytes::from_static(b"a's").into(), None).await.unwrap();
    let small = blob("small");
    assert_eq!(store.head(&b, &small).await.unwrap().unwrap().len, 3, "a blob without a mark came by a link");
    foreign.set_metadata(&metadata, None).await.unwrap();
    assert!(matches!(store.head(&b, &small).await, Err(PortError::Refused(_))));
    assert!(matches!(store.get(&b, &small, None).await, Err(PortError::Refused(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_container_is_no_missing_blob() {
    let world = World::start().await;
    plain(&world).blob_container_client("conf-b").delete(None).await.unwrap();
    let (store, b, name) = (world.blobs(), tenant("conf-b"), blob("x"));
    assert!(matches!(store.head(&b, &name).await, Err(PortError::Refused(_))));
    assert!(matches!(store.get(&b, &name, None).await, Err(PortError::Refused(_))));
    assert!(matches!(store.delete(&b, &name).await, Err(PortError::Refused(_))));
    assert!(matches!(store.put(&b, &name, "x/y", 10, body(b"x")).await, Err(PortError::Refused(_))));
    assert!(store.head(&tenant("conf-c"), &name).await.is_err(), "the directory does not know it");
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_that_meet_leave_one_whole_blob() {
    let world = World::start().await;
    let (store, a, name) = (world.blobs(), tenant("conf-a"), blob("met"));
    let puts = (0..6_u8).map(|i| {
        let bytes = vec![i; (4 << 20) + usize::from(i)];
        let (store, a, name) = (&store, &a, &name);
        async move { store.put(a, name, "x/y", 1 << 30, body(&bytes)).await }
    });
    let ends = futures::future::join_all(puts).await;
    for end in &ends {
        assert!(end.is_ok() || matches!(end, Err(error) if error.transient()), "{end:?}");
    }
    let (info, read) = store.get(&a, &name, None).await.unwrap().unwrap();
    let bytes = drain(read).await.unwrap();
    let winner = bytes[0];
    assert!(bytes.iter().all(|byte| *byte == winner), "two uploads are mixed");
    assert_eq!(info.len, (4 << 20) + u64::from(winner));
    assert!(ends[usize::from(winner)].is_ok());
}
