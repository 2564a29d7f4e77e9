//! Jobs.

use crate::support::World;
use async_trait::async_trait;
use azure::AzureQueue;
use base64::{Engine, engine::general_purpose::STANDARD};
use pool::{
    conformance::{self, QueueReader, memory::ManualClock},
    ports::{Clock, PortError, PortResult, Queue, QueueName, SealedJob},
    testing::job,
};
use std::{sync::Mutex, time::Duration};
use tokio::time::{Instant, sleep_until};

/// The service's clock cannot be moved: what the suite's clock does is waited for, from the last push on.
struct Waiting<'a> {
    queue: AzureQueue,
    clock: &'a ManualClock,
    pushed: Mutex<(Instant, i64)>,
    eyes: reqwest::Client,
    url: String,
    token: String,
}

#[async_trait]
impl Queue for Waiting<'_> {
    async fn push(&self, queue: QueueName, job: &SealedJob, delay: Duration) -> PortResult<()> {
        self.queue.push(queue, job, delay).await?;
        *self.pushed.lock().unwrap() = (Instant::now(), self.clock.now().as_millisecond());
        self.ready().await
    }

    async fn ready(&self) -> PortResult<()> {
        self.queue.ready().await
    }
}

#[async_trait]
impl QueueReader for Waiting<'_> {
    async fn visible(&self, queue: QueueName) -> Vec<String> {
        let (at, then) = *self.pushed.lock().unwrap();
        let passed = (self.clock.now().as_millisecond() - then).cast_unsigned();
        sleep_until(at + Duration::from_millis(passed + 200)).await;
        let url = format!("{}/{}/messages?peekonly=true&numofmessages=32", self.url, queue.as_str());
        let request = self.eyes.get(url).bearer_auth(&self.token).header("x-ms-version", "2026-02-06");
        let xml = request.send().await.unwrap().error_for_status().unwrap().text().await.unwrap();
        let texts =
            xml.split("<MessageText>").skip(1).map(|rest| rest.split_once("</MessageText>").unwrap().0);
        texts.map(|text| String::from_utf8(STANDARD.decode(text).unwrap()).unwrap()).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_queue_obeys_the_law() {
    let world = World::start().await;
    let clock = ManualClock::default();
    let waiting = Waiting {
        queue: world.queue(&world.azurite.queue_url()),
        clock: &clock,
        pushed: Mutex::new((Instant::now(), clock.now().as_millisecond())),
        eyes: world.client.clone(),
        url: world.azurite.queue_url(),
        token: world.identity.mint("system", "https://storage.azure.com"),
    };
    conformance::queue(&waiting, &waiting, &clock).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_is_not_there_refuses() {
    let world = World::start().await;
    let queue = world.queue(&format!("{}x", world.azurite.queue_url()));
    assert!(matches!(
        queue.push(QueueName::Runs, &job("a.b.c"), Duration::ZERO).await,
        Err(PortError::Refused(_))
    ));
}
