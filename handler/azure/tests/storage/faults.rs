//! Every operation under every fault: an answer or a typed error, soon, after few tries, with nothing half done.

use crate::support::{IMPATIENT, World, body, drain};
use azure::{AzureBlobs, AzureHostQueues, AzureLinks, AzureQueue, Encoding};
use doubles::faults::{FAULTS, Fault, Faults};
use futures::{StreamExt, stream};
use pool::{
    ports::{BlobName, Blobs, Links, PortError, PortResult, Queue, QueueName, SystemClock},
    testing::{blob, job, tenant},
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

const OLD: &[u8] = b"what was there before, long enough to be cut in the middle";
const LARGE: usize = (2 << 20) + 1_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Op {
    Head,
    Get,
    PutSmall,
    PutLarge,
    Delete,
    Link,
    Push,
}

struct Bench {
    blobs: AzureBlobs,
    links: AzureLinks,
    queue: AzureQueue,
}

impl Bench {
    fn through(world: &World, blob_url: &str, queue_url: &str) -> Self {
        let account = || world.account(blob_url).with_patience(IMPATIENT);
        Self {
            blobs: AzureBlobs::new(account()),
            links: AzureLinks::new(account(), Arc::new(SystemClock)),
            queue: world.queue(queue_url).with_patience(IMPATIENT),
        }
    }

    async fn run(&self, op: Op, name: BlobName) -> PortResult<()> {
        let a = tenant("conf-a");
        match op {
            Op::Head => self.blobs.head(&a, &name).await.map(drop),
            Op::Get => {
                let Some((_, read)) = self.blobs.get(&a, &name, None).await? else { return Ok(()) };
                let read = tokio::time::timeout(Duration::from_secs(8), drain(read)).await;
                // A slow stream is its reader's to give up; what it gives is right or ends with an error.
                let bytes = read.map_err(PortError::unavailable)?.map_err(PortError::unavailable)?;
                if bytes == OLD {
                    Ok(())
                } else {
                    Err(PortError::refused(format!("{} bytes of noise", bytes.len())))
                }
            }
            Op::PutSmall => self.blobs.put(&a, &name, "x/y", 1 << 30, body(b"new")).await.map(drop),
            Op::PutLarge => self.blobs.put(&a, &name, "x/y", 1 << 30, body(&[7; LARGE])).await.map(drop),
            Op::Delete => self.blobs.delete(&a, &name).await.map(drop),
            Op::Link => self.links.upload(&a, &name, "x/y", Duration::from_secs(60)).await.map(drop),
            Op::Push => self.queue.push(QueueName::Runs, &job("a.b.c"), Duration::ZERO).await,
        }
    }
}

/// The blob as someone else sees it, if that is whole.
async fn whole(direct: &Bench, name: &BlobName) -> Option<Vec<u8>> {
    let found = direct.blobs.get(&tenant("conf-a"), name, None).await.unwrap();
    let bytes = drain(found?.1).await.unwrap();
    assert!(
        bytes == OLD || bytes == b"new" || bytes == [7; LARGE],
        "{} bytes of something else",
        bytes.len()
    );
    Some(bytes)
}

async fn one(world: &World, op: Op, fault: Fault, times: usize) {
    let what = format!("{op:?} under {fault:?} × {times}");
    let upstream = if op == Op::Push { world.azurite.queue_address() } else { world.azurite.blob_address() };
    let proxy = Faults::start(&world.ca, upstream).await;
    let url = world.azurite.behind(&proxy.url());
    let (direct, faulty) = (
        Bench::through(world, &world.azurite.blob_url(), &world.azurite.queue_url()),
        Bench::through(world, &url, &url),
    );
    let (a, name) = (tenant("conf-a"), blob(&format!("{op:?}_{fault:?}_{times}")));
    direct.blobs.put(&a, &name, "x/y", 1 << 20, body(OLD)).await.unwrap();

    proxy.plan(fault, times);
    let begun = Instant::now();
    let end = faulty.run(op, name.clone()).await;
    let took = begun.elapsed();
    let tries = proxy.seen().len();
    proxy.heal();

    assert!(took < Duration::from_secs(20), "{what}: {took:?}");
    // Two requests make a large put; each may be tried four times.
    assert!(tries <= if op == Op::PutLarge { 8 } else { 4 }, "{what}: {tries} tries");
    match &end {
        Ok(()) => {}
        Err(PortError::Unavailable(_)) => {}
        Err(PortError::Exhausted { retry_after }) => {
            assert!(*retry_after <= Duration::from_secs(30), "{what}: {retry_after:?}");
            assert!(matches!(fault, Fault::Status(429, _)), "{what}");
        }
        // Noise may look like anything; TLS keeps it off the wire.
        Err(PortError::Refused(_)) if fault == Fault::Noise => {}
        Err(error) => panic!("{what}: {error:?}"),
    }
    let healing = !matches!(fault, Fault::Noise | Fault::Slow | Fault::Status(_, Some((_, "86400"))));
    let streamed = op == Op::Get && fault == Fault::Truncated;
    if fault == Fault::Status(429, Some(("retry-after", "86400"))) {
        assert!(matches!(end, Err(PortError::Exhausted { .. })), "{what}: {end:?}");
        assert!(tries <= 2, "{what}: whoever is told to wait a day does not ask {tries} times");
    }
    let hard = !matches!(fault, Fault::Noise | Fault::Slow | Fault::Truncated);
    assert!(!(hard && times > 1 && end.is_ok()), "{what}: done in spite of it");
    if times == 1 && healing && !streamed {
        assert!(end.is_ok(), "{what}: {end:?}");
    }

    if op == Op::Push {
        let host = AzureHostQueues::new(world.queue(&world.azurite.queue_url()), Encoding::Base64);
        let left = host.receive("runs", 32, Duration::from_secs(3_600)).await.unwrap();
        assert!(
            left.len() <= tries && left.iter().all(|message| message.body == b"a.b.c"),
            "{what}: {left:?}"
        );
        assert!(end.is_err() || !left.is_empty(), "{what}: acknowledged and lost");
    }
    let now = whole(&direct, &name).await;
    let expected: &[Option<&[u8]>] = match (op, end.is_ok()) {
        (Op::PutSmall, true) => &[Some(b"new")],
        (Op::PutSmall, false) => &[Some(b"new"), Some(OLD)],
        (Op::PutLarge, true) => &[Some(&[7; LARGE])],
        (Op::PutLarge, false) => &[Some(&[7; LARGE]), Some(OLD)],
        (Op::Delete, true) => &[None],
        (Op::Delete, false) => &[None, Some(OLD)],
        _ => &[Some(OLD)],
    };
    assert!(expected.contains(&now.as_deref()), "{what}: {:?} bytes", now.map(|now| now.len()));
}

/// Each fault once, and for ever; some at a time, for most of it is waiting. Messages say nothing of whose they are, so
/// pushes take turns.
async fn all(world: &World, op: Op, at_once: usize) {
    let cases = FAULTS.iter().flat_map(|fault| [(*fault, 1), (*fault, usize::MAX)]);
    let cases = cases.map(|(fault, times)| one(world, op, fault, times));
    stream::iter(cases).buffer_unordered(at_once).collect::<()>().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_survives_every_fault() {
    let world = World::start().await;
    let blobs = async {
        for op in [Op::Head, Op::Get, Op::PutSmall, Op::PutLarge, Op::Delete, Op::Link] {
            all(&world, op, 6).await;
        }
    };
    tokio::join!(blobs, all(&world, Op::Push, 1));
}
