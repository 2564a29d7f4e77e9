//! Files: what is acknowledged is there, what is deleted is gone, and the index follows.

mod deaths;
mod meetings;
mod upload;
mod waits;

use crate::support::*;
use pool::{Scope, ports::Kind, search::Find};
use serde_json::json;

async fn finds(scope: &Scope, words: &str) -> Vec<String> {
    let find: Find = serde_json::from_value(json!({"query": words, "mode": "text"})).unwrap();
    scope.search().query(find).await.unwrap().into_iter().map(|found| found.content).collect()
}

/// The passages that the index holds of a tenant, in order.
fn entries(world: &World) -> Vec<String> {
    world.index.entries("contoso").into_iter().map(|entry| entry.content).collect()
}

/// Nothing is left in any store.
#[track_caller]
fn assert_no_residue(world: &World, why: &str) {
    assert_eq!(entries(world), [""; 0], "index: {why}");
    assert_eq!(
        world.blobs.all().into_iter().map(|(_, name, _)| name).collect::<Vec<_>>(),
        [""; 0],
        "blobs: {why}"
    );
    assert_eq!(world.rows("contoso", Kind::File), [], "record: {why}");
    assert_eq!(world.rows("contoso", Kind::Outbox), [], "promise: {why}");
}

/// One file is left, indexed, with these passages, and nothing else.
async fn assert_indexed(world: &World, scope: &Scope, id: &str, text: &str, why: &str) {
    let file = scope.files().get(id).await.unwrap().value;
    assert_eq!(file.status, pool::files::FileStatus::Indexed, "{why}");
    assert_eq!(entries(world).join("\n"), text, "{why}");
    assert_eq!((file.bytes, file.chunks as usize), (text.len() as u64, text.lines().count()), "{why}");
    let blobs: Vec<_> = world.blobs.all().into_iter().map(|(_, _, bytes)| bytes).collect();
    assert_eq!(blobs, [text.as_bytes()], "{why}");
    assert_eq!(world.rows("contoso", Kind::File).len(), 1, "{why}");
    assert_eq!(world.rows("contoso", Kind::Outbox), [], "promise: {why}");
}
