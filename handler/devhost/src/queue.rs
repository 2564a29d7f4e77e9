//! Queue triggers: poll, lease, invoke, then delete, release or poison.

use std::{sync::Arc, time::Duration};

use serde_json::json;
use tokio::{
    task::JoinSet,
    time::{Instant, interval_at},
};

use crate::{
    clock,
    core::Core,
    envelope::{Datum, Metadata},
    event::{HostEvent, Trap},
    function::Function,
    storage::QueueMessage,
};

const FIRST_WAIT: Duration = Duration::from_millis(100);

/// Polls until the host ends, then lets the messages in hand go.
pub(crate) async fn run(core: Arc<Core>, function: Arc<Function>, queue: String, binary: bool) {
    let settings = &core.host.queues;
    let mut bell = core.wake.subscribe();
    let mut running = JoinSet::new();
    let mut wait = FIRST_WAIT;
    while !core.worker.is_stopped() {
        while running.len() > settings.new_batch_threshold {
            running.join_next().await;
        }
        while running.try_join_next().is_some() {}
        bell.mark_unchanged();
        // A message taken while the worker restarts would only lose an attempt.
        if core.worker.ready().await.is_err() {
            continue;
        }
        match core.options.queues.receive(&queue, settings.batch_size, core.options.queue_lease).await {
            Ok(messages) if messages.is_empty() => {}
            Ok(messages) => {
                wait = FIRST_WAIT;
                for message in messages {
                    let (core, function, queue) = (core.clone(), function.clone(), queue.clone());
                    running.spawn(async move { process(&core, &function, &queue, binary, message).await });
                }
                continue;
            }
            Err(error) => core.trouble(&function.info.name, error),
        }
        let wait_now = wait.min(settings.max_polling_interval);
        wait = wait.saturating_mul(2).min(settings.max_polling_interval).max(FIRST_WAIT);
        if !core.pause_or_wake(wait_now, &mut bell).await {
            break;
        }
    }
    while running.join_next().await.is_some() {}
}

async fn process(core: &Core, function: &Function, queue: &str, binary: bool, mut message: QueueMessage) {
    let max = core.host.queues.max_dequeue_count;
    let result = if message.dequeue_count > max && !is_poison(queue) {
        Err(())
    } else {
        invoke(core, function, queue, binary, &mut message).await.map_err(drop)
    };
    let (queues, id, receipt) = (&core.options.queues, &message.id, &message.pop_receipt);
    let done = match result {
        Ok(()) => queues.delete(queue, id, receipt).await,
        // The host's own end is no fault of the message.
        Err(()) if core.worker.is_stopped() => queues.release(queue, id, receipt, Duration::ZERO).await,
        // Nothing takes from a poison queue's poison queue: it stays leased, which at least is not a hot
        // loop.
        Err(()) if is_poison(queue) => Ok(()),
        Err(()) if message.dequeue_count >= max => poison(core, function, queue, &message).await,
        Err(()) => {
            let released = queues.release(queue, id, receipt, core.host.queues.visibility_timeout).await;
            core.wake();
            released
        }
    };
    if let Err(error) = done {
        core.trouble(&function.info.name, error);
    }
}

/// Invokes while renewing the lease; the message carries the newest receipt afterwards.
async fn invoke(
    core: &Core,
    function: &Function,
    queue: &str,
    binary: bool,
    message: &mut QueueMessage,
) -> Result<(), String> {
    let (data, metadata) = parts(core, function, binary, message);
    let mut invocation = std::pin::pin!(core.invoke(function, data, metadata));
    let lease = core.options.queue_lease;
    let half = (lease / 2).clamp(Duration::from_millis(1), Duration::from_secs(86_400));
    let mut renewals = interval_at(Instant::now() + half, half);
    loop {
        tokio::select! {
            done = &mut invocation => return done,
            _ = renewals.tick() => {
                match core.options.queues.renew(queue, &message.id, &message.pop_receipt, lease).await {
                    Ok(receipt) => message.pop_receipt = receipt,
                    Err(error) => core.trouble(&function.info.name, error),
                }
            }
        }
    }
}

/// `Data` and `Metadata` of a message.
pub(crate) fn parts(
    core: &Core,
    function: &Function,
    binary: bool,
    message: &QueueMessage,
) -> (Datum, Metadata) {
    let name = &function.info.name;
    let mut metadata = Metadata::new(name, clock::now());
    metadata.set("DequeueCount", Datum::Plain(json!(message.dequeue_count)));
    metadata.set("ExpirationTime", Datum::Time(message.expires));
    metadata.set("Id", Datum::Plain(json!(message.id)));
    metadata.set("InsertionTime", Datum::Time(message.inserted));
    metadata.set("NextVisibleTime", Datum::Time(message.next_visible));
    metadata.set("PopReceipt", Datum::Plain(json!(message.pop_receipt)));
    if binary {
        return (Datum::Bytes(message.body.clone()), metadata);
    }
    let text = String::from_utf8_lossy(&message.body);
    let overwritten = metadata.pollute(&text);
    if !overwritten.is_empty() {
        let detail =
            format!("the payload overwrote {}; dataType \"binary\" prevents it", overwritten.join(", "));
        core.trap(name, Trap::MetadataPollution, detail);
    }
    (Datum::Plain(json!(text)), metadata)
}

async fn poison(
    core: &Core,
    function: &Function,
    queue: &str,
    message: &QueueMessage,
) -> Result<(), crate::StorageError> {
    let target = format!("{queue}-poison");
    core.options.queues.push(&target, message.body.clone()).await?;
    core.options.queues.delete(queue, &message.id, &message.pop_receipt).await?;
    let function = function.info.name.clone();
    core.emit(HostEvent::Poisoned { function, queue: target, item: message.id.clone() });
    core.wake();
    Ok(())
}

fn is_poison(queue: &str) -> bool {
    queue.ends_with("-poison")
}
