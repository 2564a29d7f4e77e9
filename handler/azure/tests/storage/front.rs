//! Whose identity touches whose container: through an account that looks at tokens, as Azurite does not.

use crate::support::{World, body};
use azure::{AzureBlobs, AzureLinks};
use doubles::{
    Asked, Audit, Identity,
    storage::{AUDIENCE, Storage},
};
use pool::{
    ports::{Blobs, Links, QueueName, SystemClock},
    testing::{blob, tenant},
};
use reqwest::{Method, RequestBuilder};
use std::{collections::BTreeSet, sync::Arc, time::Duration};

/// Who touched which container, in what way.
fn touched(audit: &Audit, service: &str) -> BTreeSet<(String, String, String)> {
    let of = |asked: Asked| (asked.tenant.unwrap_or_default(), asked.identity, asked.what);
    audit.all().into_iter().filter(|asked| asked.service == service).map(of).collect()
}

fn expected<const N: usize>(all: [(&str, &str, &str); N]) -> BTreeSet<(String, String, String)> {
    all.map(|(container, identity, what)| (container.into(), identity.into(), what.into())).into()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_container_is_touched_by_its_tenants_identity_alone() {
    let world = World::start().await;
    let storage = Storage::start(&world.ca, &world.identity, &world.audit).await;
    let account = world.account(&storage.blob_url());
    let (blobs, links) =
        (AzureBlobs::new(account.clone()), AzureLinks::new(account.clone(), Arc::new(SystemClock)));
    let name = blob("files/f_1/content");
    for who in ["conf-a", "conf-b"].map(tenant) {
        account.create_container(&who).await.unwrap();
        // In one request, and in blocks.
        blobs.put(&who, &name, "text/plain", 1 << 20, body(b"some words")).await.unwrap();
        let large = vec![b'x'; 9 << 20];
        blobs.put(&who, &blob("large"), "x/y", u64::MAX, body(&large)).await.unwrap();
        assert_eq!(blobs.head(&who, &blob("large")).await.unwrap().unwrap().len, 9 << 20);
        blobs.delete(&who, &name).await.unwrap();
        let link = links.upload(&who, &name, "text/plain", Duration::from_secs(60)).await.unwrap();
        let put = world.client.put(&link.url).body("by a link");
        let put = link.headers.iter().fold(put, |put, (name, value)| put.header(name, value));
        assert_eq!(put.send().await.unwrap().status(), 201);
    }
    let queue = world.queue(&storage.queue_url());
    queue.create(QueueName::Ingest.as_str()).await.unwrap();
    let kinds = ["PUT container", "PUT content", "HEAD content", "DELETE content"];
    let mut all: BTreeSet<_> = kinds
        .iter()
        .flat_map(|what| expected([("bucket-of-a", "id-a", *what), ("conf-b", "system", *what)]))
        .collect();
    all.extend(expected([("", "id-a", "POST account"), ("", "system", "POST account")]));
    assert_eq!(touched(&world.audit, "blob"), all);
    let signed = expected([("bucket-of-a", "id-a", "PUT content"), ("conf-b", "system", "PUT content")]);
    assert_eq!(touched(&world.audit, "link"), signed);
    assert_eq!(touched(&world.audit, "queue"), expected([("", "system", "PUT container")]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_careless_client_is_seen_and_a_stranger_is_refused() {
    let world = World::start().await;
    let storage = Storage::start(&world.ca, &world.identity, &world.audit).await;
    world.account(&storage.blob_url()).create_container(&tenant("conf-a")).await.unwrap();
    let url = format!("{}/bucket-of-a/it", storage.blob_url());
    let put = |url: &str| {
        let put = world.client.request(Method::PUT, url).header("x-ms-blob-type", "BlockBlob").body("words");
        put.header("x-ms-version", "2026-04-06")
    };
    let status = async |request: RequestBuilder| request.send().await.unwrap().status().as_u16();

    // Whoever does a tenant's work with the app's identity is in the audit with it.
    assert_eq!(status(put(&url).bearer_auth(world.identity.mint("system", AUDIENCE))).await, 201);
    let seen = touched(&world.audit, "blob");
    assert!(seen.is_superset(&expected([("bucket-of-a", "system", "PUT content")])), "{seen:?}");

    let of = |audience| world.identity.mint("id-a", audience);
    for (why, token) in [
        ("for another service", of("https://search.azure.com")),
        ("for another account of the cloud", of("https://storage.azure.com.evil.example")),
        ("of nobody's making", "e30.e30.c2ln".to_owned()),
    ] {
        assert_eq!(status(put(&url).bearer_auth(token)).await, 401, "a token {why}");
    }
    assert_eq!(status(put(&url)).await, 401, "no token");
    let over = Identity::with_lifetime(&[], &Audit::default(), 0).await;
    let later = Storage::start(&world.ca, &over, &world.audit).await;
    let token = over.mint("system", AUDIENCE);
    assert_eq!(
        status(put(&format!("{}/c/it", later.blob_url())).bearer_auth(token)).await,
        401,
        "it is over"
    );

    // A link goes without a token, and its signature is looked at.
    let account = world.account(&storage.blob_url());
    let links = AzureLinks::new(account, Arc::new(SystemClock));
    let link = links.upload(&tenant("conf-a"), &blob("it"), "x/y", Duration::from_secs(60)).await.unwrap();
    assert_eq!(status(put(&link.url).bearer_auth(of(AUDIENCE))).await, 401, "a link and a token");
    assert_eq!(status(put(&link.url.replace("sig=", "sig=A"))).await, 403, "another signature");
    assert_eq!(status(put(&link.url)).await, 201);
}
