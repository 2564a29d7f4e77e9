//! A small set of things of one tenant: one of each kind that has an id, with a random text in each.

use super::{
    super::Fault,
    bench::{Bench, canary, hex},
    wire::{Answer, Ask, Content, Who},
};
use axum::http::Method;
use serde_json::{Value, json};
use std::{collections::BTreeMap, time::Duration};

/// How often, and how long after each other, something is looked for that is not there yet.
const LOOKS: usize = 150;
const PAUSE: Duration = Duration::from_millis(100);

/// The names by which routes call the ids of things.
pub(super) const SLOTS: [&str; 6] = ["agent_id", "thread_id", "run_id", "file_id", "document_id", "id"];

/// One of each kind of thing.
#[derive(Default)]
pub(super) struct Set {
    /// The random text that is in all of them.
    pub(super) canary: String,
    /// Their ids, by the name that routes have for them.
    ids: BTreeMap<&'static str, String>,
    /// Why one is missing.
    missing: BTreeMap<&'static str, String>,
    pub(super) collection: String,
}

impl Set {
    /// The id of the thing that routes call `slot`.
    pub(super) fn id(&self, slot: &str) -> Result<&str, Fault> {
        let why = || match self.missing.get(slot) {
            Some(why) => format!("no {slot} to ask for: {why}"),
            None => format!("no example of a {slot}"),
        };
        Ok(self.ids.get(slot).map(String::as_str).ok_or_else(why)?)
    }

    /// What must be in no answer to somebody else: the text, and the ids.
    pub(super) fn marks(&self) -> impl Iterator<Item = &str> {
        self.ids.values().map(String::as_str).chain([self.canary.as_str()]).filter(|mark| !mark.is_empty())
    }

    /// Whether a text has a mark of this set.
    pub(super) fn is_in(&self, text: &str) -> bool {
        self.marks().any(|mark| text.contains(mark))
    }

    /// Another set of ids: these, changed so that nobody has them.
    pub(super) fn never(&self) -> Self {
        let change = |(slot, id): (&&'static str, &String)| {
            let kept = id.find(|c: char| c.is_ascii_digit()).unwrap_or(id.len());
            let digits: String = hex(id.len() / 2 + 1).chars().take(id.len() - kept).collect();
            (*slot, format!("{}{digits}", &id[..kept]))
        };
        Self { ids: self.ids.iter().map(change).collect(), ..Self::default() }
            .also(&self.collection, &self.missing)
    }

    fn also(mut self, collection: &str, missing: &BTreeMap<&'static str, String>) -> Self {
        self.collection = collection.to_owned();
        self.missing = missing.clone();
        self
    }

    fn put(&mut self, slot: &'static str, answer: &Answer) {
        match answer.id().filter(|_| answer.ok()) {
            Some(id) => self.ids.insert(slot, id),
            None => self.missing.insert(slot, format!("making one was answered {}", answer.status)),
        };
    }
}

/// Makes a set. `whole`: with a run that has ended, and a file that was read.
pub(super) async fn make(bench: &Bench, who: &Who, whole: bool) -> Result<Set, Fault> {
    let text = canary();
    let mut set = Set { canary: text.clone(), ..Set::default() };
    let collection = bench.collection().await.map(str::to_owned);
    let agent = json!({"name": format!("verify {text}"), "instructions": format!("Say {text}.")});
    let thread =
        json!({"messages": [{"content": format!("isolation {text}")}], "metadata": {"verify": text}});
    let sentence = format!("An isolation check wrote this sentence with the word {text}. ");
    let file = Ask::new(Method::POST, format!("files?filename={text}.txt"))
        .with(Content::Bytes("text/plain", sentence.repeat(3).into_bytes()));
    // Each is answered, whatever becomes of the others: what was made must be known.
    let (agent, thread, file) = tokio::join!(
        bench.ask(who, Ask::post("agents", agent)),
        bench.ask(who, Ask::post("threads", thread)),
        bench.ask(who, file),
    );
    set.put("agent_id", &agent?);
    set.put("thread_id", &thread?);
    set.put("file_id", &file?);
    let document = json!({"id": format!("verify-{}", hex(16)), "title": text, "content": sentence});
    let mut declared = document.clone();
    declared["category"] = json!("verify");
    let mut written = bench.ask(who, Ask::post("search/documents", json!([declared]))).await?;
    if written.json()[0]["status"] != "indexed" {
        written = bench.ask(who, Ask::post("search/documents", json!([document]))).await?;
    }
    match written.json()[0]["status"].as_str() {
        Some("indexed") => {
            set.ids.insert("document_id", document["id"].as_str().unwrap_or_default().to_owned());
        }
        _ => {
            set.missing.insert("document_id", format!("making one was answered {}", written.status));
        }
    }
    match collection {
        Ok(collection) => {
            let record = json!({"canary": text, "verify": true});
            set.put("id", &bench.ask(who, Ask::post(format!("cosmos/{collection}"), record)).await?);
            set.collection = collection;
        }
        Err(why) => {
            set.missing.insert("id", why.to_string());
        }
    }
    run(bench, who, &mut set, whole).await?;
    if whole && let Ok(id) = set.id("file_id") {
        wait(bench, who, &format!("files/{id}"), &["indexed", "failed", "quarantined"]).await?;
    }
    Ok(set)
}

async fn run(bench: &Bench, who: &Who, set: &mut Set, whole: bool) -> Result<(), Fault> {
    let (Ok(agent), Ok(thread)) = (set.id("agent_id"), set.id("thread_id")) else {
        set.missing.insert("run_id", "it needs an agent and a thread".into());
        return Ok(());
    };
    let thread = thread.to_owned();
    let made =
        bench.ask(who, Ask::post(format!("threads/{thread}/runs"), json!({"agent_id": agent}))).await?;
    set.put("run_id", &made);
    if whole && let Ok(run) = set.id("run_id") {
        let ended = ["completed", "failed", "cancelled", "expired", "incomplete", "requires_action"];
        wait(bench, who, &format!("threads/{thread}/runs/{run}"), &ended).await?;
    }
    Ok(())
}

/// Waits until a thing's status is one of those in which it rests.
async fn wait(bench: &Bench, who: &Who, path: &str, rests: &[&str]) -> Result<(), Fault> {
    for _ in 0..LOOKS {
        let said = bench.ask(who, Ask::get(path)).await?.json();
        if said["status"].as_str().is_none_or(|status| rests.contains(&status)) {
            return Ok(());
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

/// Makes a set, and removes it.
pub(super) async fn removed(bench: &Bench, who: &Who) -> Result<Set, Fault> {
    let set = make(bench, who, false).await?;
    for (slot, path) in [
        ("id", format!("cosmos/{}", set.collection)),
        ("document_id", "search/documents".into()),
        ("file_id", "files".into()),
        ("thread_id", "threads".into()),
        ("agent_id", "agents".into()),
    ] {
        if let Ok(id) = set.id(slot) {
            // A run that is driven, a file that is read: what is at work may not be removed for a moment.
            let mut status = 0;
            let delete = || Ask::new(Method::DELETE, format!("{path}/{id}"));
            until(async || {
                status = bench.ask(who, delete()).await?.status;
                Ok(status != 409)
            })
            .await?;
            if !(200..300).contains(&status) {
                return Err(format!("{}'s own {slot} could not be removed: {status}", who.name).into());
            }
        }
    }
    Ok(set)
}

/// Looks again and again, until it is there.
pub(super) async fn until(mut there: impl AsyncFnMut() -> Result<bool, Fault>) -> Result<bool, Fault> {
    for _ in 0..LOOKS {
        if there().await? {
            return Ok(true);
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(false)
}

/// The names of a route's parameters that name things.
pub(super) fn slots(route: &'static str) -> Vec<&'static str> {
    let names = route.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    names.filter(|name| *name != "collection").collect()
}

/// A route with the ids of things in it.
pub(super) fn fill<'a>(
    route: &str,
    collection: &str,
    mut id: impl FnMut(&str) -> Result<&'a str, Fault>,
) -> Result<String, Fault> {
    let mut path = Vec::new();
    for part in route.split('/') {
        path.push(match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
            Some("collection") => collection.to_owned(),
            Some(slot) => id(slot)?.to_owned(),
            None => part.to_owned(),
        });
    }
    Ok(path.join("/"))
}

/// An id that has the form of one, for requests that must be refused before anyone looks at it.
pub(super) fn shaped(slot: &str) -> String {
    let digits = "0198".to_owned() + &"0".repeat(28);
    match slot.strip_suffix("_id") {
        Some("document") => format!("verify-{digits}"),
        Some(kind) => format!("{kind}_{digits}"),
        None => format!("rec_{digits}0000000000"),
    }
}

/// A JSON string of a thing, if it is one.
pub(super) fn string(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}
