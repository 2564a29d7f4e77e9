//! Upload links: one blob, one tenant, ten minutes, nothing else.

use crate::support::open_at;
use bytes::Bytes;
use futures::{StreamExt, stream};
use local::Options;
use pool::{
    TenantRecord,
    conformance::memory::ManualClock,
    ports::{Blobs, ByteStream, Links, PortError},
    testing::{blob, tenant},
};
use std::{sync::Arc, time::Duration};

fn body(text: &'static str) -> ByteStream {
    stream::iter([Ok(Bytes::from_static(text.as_bytes()))]).boxed()
}

#[tokio::test]
async fn a_link_writes_its_blob_until_its_time() {
    let root = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::default());
    let local = open_at(
        root.path(),
        clock.clone(),
        Options { upload_base: "http://x/up/".into(), ..Options::default() },
    );
    let record = TenantRecord { storage_container: "bucket".into(), ..TenantRecord::new("conf-a", "A") };
    assert_eq!(local.directory.seed(&[record.clone(), TenantRecord::new("conf-b", "B")]).await.unwrap(), 2);
    assert_eq!(local.directory.seed(&[record]).await.unwrap(), 0, "what is there stays");
    let (who, name) = (tenant("conf-a"), blob("files/f1"));
    let minutes = |n: u64| Duration::from_secs(60 * n);
    assert!(local.links.upload(&who, &name, "text/plain", minutes(11)).await.is_err());
    let link = local.links.upload(&who, &name, "text/plain", minutes(10)).await.unwrap();
    assert_eq!((link.method, link.headers["content-type"].as_str()), ("PUT", "text/plain"));
    let token = link.url.strip_prefix("http://x/up/").unwrap().to_owned();

    let over = local.redeem_upload(&token, 2, body("abc")).await;
    assert!(matches!(over, Err(PortError::TooLarge { limit: 2 })), "{over:?}");
    assert_eq!(local.blobs.head(&who, &name).await.unwrap(), None);
    let uploaded = local.redeem_upload(&token, 3, body("abc")).await.unwrap().unwrap();
    assert_eq!(
        (uploaded.container.as_str(), uploaded.blob.as_str(), uploaded.len),
        ("bucket", "files/f1", 3)
    );
    let stored = local.blobs.head(&who, &name).await.unwrap().unwrap();
    assert_eq!((&stored.etag, stored.content_type.as_str()), (&uploaded.etag, "text/plain"));
    assert_eq!(local.blobs.head(&tenant("conf-b"), &name).await.unwrap(), None);

    let other = open_at(root.path(), clock.clone(), Options::default());
    assert!(
        other.redeem_upload(&token, 3, body("xyz")).await.unwrap().is_some(),
        "another process knows the seal"
    );
    for at in 0..token.len() {
        let mut forged = token.clone().into_bytes();
        forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
        let forged = String::from_utf8(forged).unwrap();
        assert!(local.links.redeem(&forged).is_none(), "a change at {at}");
    }
    for bad in ["", ".", "a.b", &token[1..], &format!("{token}="), &format!("{token}.x")] {
        assert!(local.redeem_upload(bad, 3, body("x")).await.unwrap().is_none(), "{bad}");
    }
    clock.advance(minutes(10));
    assert!(local.redeem_upload(&token, 3, body("abc")).await.unwrap().is_none(), "its time is over");
}
