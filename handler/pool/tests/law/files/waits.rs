//! Files that stand in line for a reader.

use super::*;
use async_trait::async_trait;
use futures::StreamExt;
use pool::{
    files::FileStatus,
    ports::{ByteStream, Extraction, Extractor, PortResult},
};
use std::{sync::Arc, time::Duration};
use tokio::sync::Notify;

/// A reader that begins when it is told to, and takes a minute to read.
struct Slow {
    waits: Notify,
    begin: Notify,
}

#[async_trait]
impl Extractor for Slow {
    async fn extract(&self, name: &str, kind: &str, len: u64, body: ByteStream) -> PortResult<Extraction> {
        self.waits.notify_one();
        self.begin.notified().await;
        let body = body.then(async |part| {
            tokio::time::sleep(Duration::from_secs(60)).await;
            part
        });
        ScriptedExtractor.extract(name, kind, len, body.boxed()).await
    }
}

/// Until its turn comes a file is not held, nor its bytes asked for; and then it is, for as long as it is read.
#[tokio::test(start_paused = true)]
async fn a_file_is_held_while_it_is_read_and_not_while_it_waits() {
    let slow = Arc::new(Slow { waits: Notify::new(), begin: Notify::new() });
    let world = World::with(|ports| ports.extractor = slow.clone());
    let user = world.user("contoso", "alice").await;
    let file = user.files().upload(new_file("a.txt"), bytes("one")).await.unwrap().value;
    let held = || world.bodies("contoso", Kind::File)[0]["busy_until"].as_i64().unwrap();
    let (other, id) = (world.system("contoso").await, file.id.clone());
    let reading = tokio::spawn(async move { other.files().ingest(&id).await });
    slow.waits.notified().await;
    world.fuse.calls();
    world.pass(600);
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!((held(), world.fuse.calls()), (0, vec![]), "it waits");
    slow.begin.notify_one();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let first = held();
    assert!(first > 0);
    world.pass(50);
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert!(held() >= first + 50, "the hold is renewed");
    conflict(user.files().ingest(&file.id).await);
    user.files().give_up(&file.id).await.unwrap();
    reading.await.unwrap().unwrap();
    assert_eq!(user.files().get(&file.id).await.unwrap().value.status, FileStatus::Indexed);
}
