//! Blob triggers: list a container, invoke for each name and etag not seen before, remember what was seen.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use futures::{StreamExt as _, stream};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use crate::{
    clock,
    core::Core,
    envelope::{Datum, Metadata},
    event::HostEvent,
    function::Function,
    pattern::Pattern,
    storage::BlobItem,
};

const POISON: &str = "webjobs-blobtrigger-poison";
const KIND: &str = "blobs";

struct Watch<'a> {
    core: &'a Core,
    function: &'a Function,
    container: &'a str,
    pattern: &'a Pattern,
    /// The etag of each blob that needs nothing more: processed, or poisoned.
    receipts: BTreeMap<String, String>,
    /// Failed attempts at a name and etag, and when the next is due.
    attempts: HashMap<(String, String), (u32, Instant)>,
}

/// Watches until the host ends.
pub(crate) async fn run(core: Arc<Core>, function: Arc<Function>, container: String, pattern: Pattern) {
    let mut bell = core.wake.subscribe();
    let receipts = core.state.load(KIND, &function.info.name).await.unwrap_or_default();
    let (container, pattern) = (&*container, &pattern);
    let mut watch =
        Watch { core: &core, function: &function, container, pattern, receipts, attempts: HashMap::new() };
    loop {
        if core.worker.ready().await.is_ok() {
            match core.options.blobs.list(container).await {
                Ok(items) => watch.scan(items).await,
                Err(error) => core.trouble(&function.info.name, error),
            }
        }
        if !core.pause_or_wake(core.options.blob_poll, &mut bell).await {
            return;
        }
    }
}

impl Watch<'_> {
    async fn scan(&mut self, items: Vec<BlobItem>) {
        let here: HashMap<&str, &str> =
            items.iter().map(|item| (item.name.as_str(), item.etag.as_str())).collect();
        self.receipts.retain(|name, _| here.contains_key(name.as_str()));
        self.attempts.retain(|(name, etag), _| here.get(name.as_str()) == Some(&etag.as_str()));
        let now = Instant::now();
        let due: Vec<BlobItem> = items
            .into_iter()
            .filter(|item| self.receipts.get(&item.name) != Some(&item.etag))
            .filter(|item| self.attempts.get(&key(item)).is_none_or(|(_, due)| *due <= now))
            .collect();
        let (core, function, container, pattern) = (self.core, self.function, self.container, self.pattern);
        let mut results = stream::iter(due)
            .map(|item| async move { (attempt(core, function, container, pattern, &item).await, item) })
            .buffer_unordered(core.host.queues.batch_size);
        while let Some((outcome, item)) = results.next().await {
            match outcome {
                Outcome::Done => self.remember(item).await,
                Outcome::Failed => self.failed(item).await,
                Outcome::NotNow => {}
            }
        }
    }

    async fn remember(&mut self, item: BlobItem) {
        self.attempts.remove(&key(&item));
        self.receipts.insert(item.name, item.etag);
        if let Err(error) = self.core.state.save(KIND, &self.function.info.name, &self.receipts).await {
            self.core.trouble(&self.function.info.name, error);
        }
    }

    async fn failed(&mut self, item: BlobItem) {
        if self.core.worker.is_stopped() {
            return;
        }
        let settings = &self.core.host.queues;
        let (count, due) = self.attempts.entry(key(&item)).or_insert((0, Instant::now()));
        *count = count.saturating_add(1);
        *due = Instant::now().checked_add(settings.visibility_timeout).unwrap_or(*due);
        if *count < settings.max_dequeue_count {
            self.core.wake();
            return;
        }
        let name = &self.function.info.name;
        let message = json!({
            "FunctionId": format!("Host.Functions.{name}"),
            "BlobType": "BlockBlob",
            "ContainerName": self.container,
            "BlobName": item.name,
            "ETag": item.etag,
        });
        if let Err(error) = self.core.options.queues.push(POISON, message.to_string().into_bytes()).await {
            self.core.trouble(name, error);
            return;
        }
        let path = format!("{}/{}", self.container, item.name);
        self.core.emit(HostEvent::Poisoned { function: name.clone(), queue: POISON.into(), item: path });
        self.core.wake();
        self.remember(item).await;
    }
}

enum Outcome {
    Done,
    Failed,
    /// Changed or gone since it was listed, unreadable, or not this function's: the next scan decides.
    NotNow,
}

async fn attempt(
    core: &Core,
    function: &Function,
    container: &str,
    pattern: &Pattern,
    item: &BlobItem,
) -> Outcome {
    let Some(captures) = pattern.captures(&item.name) else { return Outcome::NotNow };
    match core.options.blobs.read(container, &item.name, &item.etag).await {
        Ok(Some(bytes)) => {
            let metadata = metadata(function, container, item, captures);
            match core.invoke(function, Datum::Bytes(bytes), metadata).await {
                Ok(()) => Outcome::Done,
                Err(_) => Outcome::Failed,
            }
        }
        Ok(None) => Outcome::NotNow,
        Err(error) => {
            core.trouble(&function.info.name, error);
            Outcome::NotNow
        }
    }
}

/// One blob on demand, whatever was seen before: `container/name`.
pub(crate) async fn on_demand(core: &Core, function: &Function, pattern: &Pattern, path: &str) {
    let name = &function.info.name;
    let Some((container, blob)) = path.split_once('/') else {
        return core.trouble(name, format!("{path:?} is not container/name"));
    };
    let items = match core.options.blobs.list(container).await {
        Ok(items) => items,
        Err(error) => return core.trouble(name, error),
    };
    match items.into_iter().find(|item| item.name == blob) {
        Some(item) if pattern.captures(blob).is_some() => {
            attempt(core, function, container, pattern, &item).await;
        }
        _ => core.trouble(name, format!("no blob {path:?} for this function")),
    }
}

fn metadata(
    function: &Function,
    container: &str,
    item: &BlobItem,
    captures: Vec<(String, String)>,
) -> Metadata {
    let mut metadata = Metadata::new(&function.info.name, clock::now());
    let escaped: Vec<_> =
        item.name.split('/').map(|part| utf8_percent_encode(part, UNRESERVED).to_string()).collect();
    let uri = format!("http://127.0.0.1:10000/devstoreaccount1/{container}/{}", escaped.join("/"));
    metadata.set("Uri", Datum::Plain(json!(uri)));
    metadata.set("Properties", Datum::Object(properties(item)));
    metadata.set("Metadata", Datum::Object(Map::new()));
    for (name, value) in captures {
        metadata.set(&name, Datum::Plain(json!(value)));
    }
    metadata
}

const UNRESERVED: &percent_encoding::AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

fn properties(item: &BlobItem) -> Map<String, Value> {
    let entries = [
        ("LastModified", json!(clock::wire(item.modified))),
        ("ContentLength", json!(item.len)),
        ("ContentType", json!(item.content_type)),
        ("ETag", json!(item.etag)),
    ];
    entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

fn key(item: &BlobItem) -> (String, String) {
    (item.name.clone(), item.etag.clone())
}
