//! The ports that this crate wires, held against their law.

use async_trait::async_trait;
use futures::StreamExt;
use handler::extraction::ChildExtractor;
use local::{Local, Options, OsEntropy, model::Extractive};
use pool::{
    conformance::{self, Sender},
    ports::{Link, SystemClock},
};
use std::{path::Path, sync::Arc};

#[tokio::test]
async fn the_child_reads_as_an_extractor_must() {
    conformance::extractor(&ChildExtractor::new(Path::new(env!("CARGO_BIN_EXE_handler")))).await;
}

#[tokio::test]
async fn the_offline_model_steps_as_a_model_must() {
    conformance::model(&Extractive::default()).await;
}

struct Redeemer(Local);

#[async_trait]
impl Sender for Redeemer {
    async fn send(&self, link: &Link, bytes: &[u8]) -> bool {
        let token = link.url.rsplit('/').next().unwrap_or_default();
        let body = futures::stream::iter([Ok(bytes.to_vec().into())]).boxed();
        matches!(self.0.redeem_upload(token, 1_000, body).await, Ok(Some(_)))
    }
}

#[tokio::test]
async fn local_links_write_one_blob() {
    let root = tempfile::tempdir().unwrap();
    let local =
        Local::open(root.path(), Options::default(), Arc::new(SystemClock), Arc::new(OsEntropy)).unwrap();
    conformance::links(&*local.links, &*local.blobs, &Redeemer(local.clone())).await;
}
