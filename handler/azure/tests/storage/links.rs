//! Upload links.

use crate::support::World;
use async_trait::async_trait;
use pool::{
    conformance::{self, Sender},
    ports::{Blobs, Link, Links},
    testing::{blob, tenant},
};
use std::{collections::BTreeMap, time::Duration};

struct Http(reqwest::Client);

impl Http {
    async fn send(&self, method: &str, url: &str, headers: &BTreeMap<String, String>, bytes: &[u8]) -> u16 {
        let request = self.0.request(method.parse().unwrap(), url).body(bytes.to_vec());
        let request = headers.iter().fold(request, |request, (name, value)| request.header(name, value));
        request.send().await.unwrap().status().as_u16()
    }
}

#[async_trait]
impl Sender for Http {
    async fn send(&self, link: &Link, bytes: &[u8]) -> bool {
        self.send(link.method, &link.url, &link.headers, bytes).await == 201
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn links_obey_the_law() {
    let world = World::start().await;
    conformance::links(&world.links(), &world.blobs(), &Http(world.client.clone())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_for_one_blob_and_one_verb() {
    let world = World::start().await;
    let (links, http, a) = (world.links(), Http(world.client.clone()), tenant("conf-a"));
    let odd = "text/plain; title=日本";
    let name = blob("files/f_1/content");
    let link = links.upload(&a, &name, odd, Duration::from_secs(600)).await.unwrap();
    assert!(Sender::send(&http, &link, b"mine").await);
    assert_eq!(world.blobs().head(&a, &name).await.unwrap().unwrap().content_type, odd);

    let query = link.url.split_once('?').unwrap().1;
    let at = |path: &str| format!("{}/{path}?{query}", world.azurite.blob_url());
    for (method, path) in [
        ("GET", "bucket-of-a/files/f_1/content"),
        ("DELETE", "bucket-of-a/files/f_1/content"),
        ("PUT", "bucket-of-a/files/f_1/conten"),
        ("PUT", "bucket-of-a/files/f_2/content"),
        ("PUT", "conf-b/files/f_1/content"),
        ("GET", "bucket-of-a?restype=container&comp=list"),
    ] {
        let url = at(path).replacen("list?", "list&", 1);
        assert_eq!(http.send(method, &url, &link.headers, b"x").await, 403, "{method} {path}");
    }

    let asked = || world.audit.all().len();
    let before = asked();
    let many = (0..50).map(|_| links.upload(&a, &name, "text/plain", Duration::from_secs(60)));
    assert!(futures::future::join_all(many).await.iter().all(Result::is_ok));
    assert_eq!(asked(), before, "the tenant's key is kept");
}
