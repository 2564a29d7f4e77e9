//! The law of [`Blobs`]: atomic, versioned, bounded, one container a tenant.
#![expect(clippy::unwrap_used, reason = "a conformance suite fails by panicking")]

use crate::{
    TenantId,
    ports::{BlobInfo, BlobName, Blobs, ByteStream, Etag, PortError},
    testing::{blob, tenant},
};
use bytes::{Bytes, BytesMut};
use futures::{StreamExt, stream};

const MIB: u64 = 1 << 20;

/// Runs the suite on a store in which the tenants `conf-a` and `conf-b` have nothing.
pub async fn blobs(store: &dyn Blobs) {
    let [a, b] = ["conf-a", "conf-b"].map(tenant);
    life(store, &a).await;
    partitions(store, &a, &b).await;
    large(store, &a).await;
    unfinished(store, &a).await;
    replaced(store, &a).await;
}

fn body(bytes: &[u8]) -> ByteStream {
    let parts: Vec<_> = bytes.chunks(100_000).map(|part| Ok(Bytes::copy_from_slice(part))).collect();
    stream::iter(parts).boxed()
}

async fn put(store: &dyn Blobs, tenant: &TenantId, name: &BlobName, bytes: &[u8]) -> BlobInfo {
    store.put(tenant, name, "text/plain", MIB, body(bytes)).await.unwrap()
}

async fn drain(mut from: ByteStream) -> Bytes {
    let mut all = BytesMut::new();
    while let Some(part) = from.next().await {
        all.extend_from_slice(&part.unwrap());
    }
    all.freeze()
}

async fn read(store: &dyn Blobs, tenant: &TenantId, name: &BlobName) -> Option<Bytes> {
    let (info, from) = store.get(tenant, name, None).await.unwrap()?;
    let bytes = drain(from).await;
    assert_eq!(info.len, bytes.len() as u64);
    Some(bytes)
}

async fn life(store: &dyn Blobs, a: &TenantId) {
    let name = blob("files/f_1/content");
    assert_eq!(store.head(a, &name).await.unwrap(), None);
    assert!(read(store, a, &name).await.is_none());
    assert!(!store.delete(a, &name).await.unwrap(), "there was none");

    let first = put(store, a, &name, b"one").await;
    assert_eq!((first.len, first.content_type.as_str()), (3, "text/plain"));
    assert!(!first.etag.0.is_empty() && !first.etag.0.contains('"'));
    assert_eq!(store.head(a, &name).await.unwrap(), Some(first.clone()));
    let (info, from) = store.get(a, &name, Some(&first.etag)).await.unwrap().unwrap();
    assert_eq!((info, drain(from).await.as_ref()), (first.clone(), b"one".as_ref()));
    assert!(store.get(a, &name, Some(&Etag("other".into()))).await.unwrap().is_none(), "another version");

    let odd = "application/vnd.x+json; charset=\"utf-8\"; title=日本";
    let second = store.put(a, &name, odd, MIB, body(b"")).await.unwrap();
    assert_eq!((second.len, second.content_type.as_str()), (0, odd));
    assert_ne!(first.etag, second.etag);
    assert!(store.get(a, &name, Some(&first.etag)).await.unwrap().is_none(), "the old version is gone");
    assert_eq!(read(store, a, &name).await.unwrap().as_ref(), b"");
    assert_ne!(put(store, a, &name, b"").await.etag, second.etag, "writing the same again is a write");

    for other in ["files/f_1", "files/f_1/conten", "files_f_1_content", "f", &"a".repeat(128)] {
        assert!(read(store, a, &blob(other)).await.is_none(), "{other} is another name");
        put(store, a, &blob(other), other.as_bytes()).await;
    }
    assert_eq!(read(store, a, &name).await.unwrap().as_ref(), b"");
    for other in ["files/f_1", "files/f_1/conten", "files_f_1_content", "f", &"a".repeat(128)] {
        assert_eq!(read(store, a, &blob(other)).await.unwrap().as_ref(), other.as_bytes());
        assert!(store.delete(a, &blob(other)).await.unwrap());
    }
    assert!(store.delete(a, &name).await.unwrap());
    assert!(!store.delete(a, &name).await.unwrap());
    assert_eq!(store.head(a, &name).await.unwrap(), None);
}

async fn partitions(store: &dyn Blobs, a: &TenantId, b: &TenantId) {
    let name = blob("twin");
    let in_a = put(store, a, &name, b"a").await;
    assert_eq!(store.head(b, &name).await.unwrap(), None);
    assert!(store.get(b, &name, Some(&in_a.etag)).await.unwrap().is_none());
    assert!(!store.delete(b, &name).await.unwrap());
    let in_b = put(store, b, &name, b"b").await;
    assert_ne!(in_a.etag, in_b.etag);
    assert!(store.get(b, &name, Some(&in_a.etag)).await.unwrap().is_none());
    assert_eq!(read(store, a, &name).await.unwrap().as_ref(), b"a");
    assert_eq!(read(store, b, &name).await.unwrap().as_ref(), b"b");
    assert!(store.delete(a, &name).await.unwrap());
    assert_eq!(read(store, b, &name).await.unwrap().as_ref(), b"b");
    assert!(store.delete(b, &name).await.unwrap());
}

async fn large(store: &dyn Blobs, a: &TenantId) {
    let name = blob("large");
    let part =
        |i: u64| Bytes::from((0..65_536_u64).map(|j| (i * 31 + j * 7 + (j >> 8)) as u8).collect::<Vec<u8>>());
    let parts = move || stream::iter((0..320).map(move |i| Ok(part(i)))).boxed();
    let info = store.put(a, &name, "application/octet-stream", 20 * MIB, parts()).await.unwrap();
    assert_eq!(info.len, 20 * MIB, "exactly the limit is allowed");
    let (_, from) = store.get(a, &name, Some(&info.etag)).await.unwrap().unwrap();
    let (mut hasher, mut longest, mut from) = (blake3::Hasher::new(), 0, from);
    while let Some(part) = from.next().await {
        let part = part.unwrap();
        longest = longest.max(part.len());
        hasher.update(&part);
    }
    let mut expected = blake3::Hasher::new();
    for i in 0..320 {
        expected.update(&part(i));
    }
    assert_eq!(hasher.finalize(), expected.finalize(), "20 MiB, byte for byte");
    assert!(longest as u64 <= 4 * MIB, "it is streamed, not gathered: a part of {longest} bytes");

    let over = store.put(a, &name, "x/y", 20 * MIB - 1, parts()).await;
    assert!(matches!(over, Err(PortError::TooLarge { limit }) if limit == 20 * MIB - 1), "{over:?}");
    assert_eq!(store.head(a, &name).await.unwrap(), Some(info), "too much stores nothing");
    let endless = stream::repeat_with(|| Ok(Bytes::from_static(&[7; 65_536]))).boxed();
    let over = store.put(a, &blob("endless"), "x/y", MIB, endless).await;
    assert!(matches!(over, Err(PortError::TooLarge { .. })), "an endless stream is cut at the limit");
    assert_eq!(store.head(a, &blob("endless")).await.unwrap(), None);
    assert!(store.delete(a, &name).await.unwrap());
}

async fn unfinished(store: &dyn Blobs, a: &TenantId) {
    let name = blob("unfinished");
    let broken = || {
        let parts = (0..40).map(|_| Ok(Bytes::from_static(&[1; 10_000])));
        stream::iter(parts.chain([Err(std::io::Error::other("the client went away"))])).boxed()
    };
    assert!(store.put(a, &name, "x/y", MIB, broken()).await.is_err());
    assert_eq!(store.head(a, &name).await.unwrap(), None, "half a blob is none");
    let old = put(store, a, &name, b"old").await;
    assert!(store.put(a, &name, "x/y", MIB, broken()).await.is_err());
    assert_eq!(store.head(a, &name).await.unwrap(), Some(old.clone()), "a broken stream keeps the old");

    // A put that is dropped midway, as when the client's connection closes.
    let stuck = stream::iter([Ok(Bytes::from_static(&[2; 300_000]))]).chain(stream::pending()).boxed();
    let dropped = futures::future::select(
        store.put(a, &name, "x/y", MIB, stuck),
        Box::pin(async {
            for _ in 0..50 {
                tokio::task::yield_now().await;
            }
        }),
    );
    assert!(matches!(dropped.await, futures::future::Either::Right(_)));
    assert_eq!(store.head(a, &name).await.unwrap(), Some(old));
    assert_eq!(read(store, a, &name).await.unwrap().as_ref(), b"old");
    assert!(store.delete(a, &name).await.unwrap());
}

async fn replaced(store: &dyn Blobs, a: &TenantId) {
    let name = blob("replaced");
    let (old, new) = (vec![b'o'; 900_000], vec![b'n'; 1_000]);
    put(store, a, &name, &old).await;
    let (_, mut reader) = store.get(a, &name, None).await.unwrap().unwrap();
    let first = reader.next().await.unwrap().unwrap();
    put(store, a, &name, &new).await;
    assert_eq!(read(store, a, &name).await.unwrap().as_ref(), new, "a new reader has the new");
    assert_eq!([first, drain(reader).await].concat(), old, "a reader keeps what it opened");
    let (_, reader) = store.get(a, &name, None).await.unwrap().unwrap();
    assert!(store.delete(a, &name).await.unwrap());
    assert_eq!(drain(reader).await.as_ref(), new, "a reader keeps what it opened, though it is deleted");
}
