#![expect(clippy::unwrap_used, reason = "a conformance suite fails by panicking")]

use crate::{
    ports::{Blobs, Link, Links, PortError},
    testing::{blob, tenant},
};
use async_trait::async_trait;
use std::time::Duration;

/// Whoever has a link, and sends bytes by it.
#[async_trait]
pub trait Sender: Send + Sync {
    /// Whether the bytes were taken.
    async fn send(&self, link: &Link, bytes: &[u8]) -> bool;
}

/// The law of [`Links`]: a link writes its one blob of its one tenant and nothing else, an altered one writes nothing,
/// and one that would be good for more than ten minutes is not made.
///
/// # Panics
/// Where the law is broken.
pub async fn links(links: &dyn Links, blobs: &dyn Blobs, sender: &dyn Sender) {
    let (ours, other) = (tenant("conf-a"), tenant("conf-b"));
    let name = blob("files/linked");
    let link = links.upload(&ours, &name, "text/plain", Duration::from_secs(60)).await.unwrap();
    assert!(sender.send(&link, b"by link").await);
    let stored = blobs.head(&ours, &name).await.unwrap().unwrap();
    assert_eq!((stored.len, stored.content_type.as_str()), (7, "text/plain"));
    assert!(blobs.head(&other, &name).await.unwrap().is_none());

    let day = links.upload(&ours, &name, "text/plain", Duration::from_secs(86_400)).await;
    assert!(matches!(day, Err(PortError::Refused(_))), "a link that is good for a day");

    let end = link.url.len();
    for at in (end.saturating_sub(60)..end).filter(|at| link.url.is_char_boundary(*at)) {
        let altered = if link.url.as_bytes()[at] == b'A' { "B" } else { "A" };
        let url = format!("{}{altered}{}", &link.url[..at], &link.url[at + 1..]);
        assert!(!sender.send(&Link { url, ..link.clone() }, b"forged").await, "byte {at} does not matter");
    }
    let stored = blobs.head(&ours, &name).await.unwrap().unwrap();
    assert_eq!(stored.len, 7, "a forged link has written");
}
