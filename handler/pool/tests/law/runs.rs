//! Runs: what a model may bring about, and that it happens once.

mod approvals;
mod ends;
mod flow;
mod once;
mod session;
mod tools;

use crate::support::*;
use pool::{
    Scope,
    events::RunEvent,
    ports::Kind,
    runs::{Run, Status},
};
use serde_json::Value;

/// The run as its user sees it.
async fn read(user: &Scope, run: &Run) -> Run {
    user.runs().get(&run.thread_id, &run.id).await.unwrap().value
}

/// All events of a run, by pages, as a client reads them.
async fn events(user: &Scope, run: &Run) -> Vec<RunEvent> {
    let mut all: Vec<RunEvent> = Vec::new();
    loop {
        let after = all.last().map(|event| event.seq);
        let (more, ended) = user.runs().events(&run.thread_id, &run.id, after).await.unwrap();
        all.extend(more);
        if ended {
            return all;
        }
    }
}

async fn names(user: &Scope, run: &Run) -> Vec<String> {
    events(user, run).await.into_iter().map(|event| event.event).collect()
}

/// What the assistant said in the run.
fn answers(world: &World, run: &Run) -> Vec<String> {
    let messages = world.bodies(&run.metadata["tenantId"], Kind::Message);
    let said = messages.iter().filter(|m| m["role"] == "assistant" && m["run_id"] == run.id.as_str());
    said.map(|m| m["content"][0]["text"]["value"].as_str().unwrap().to_owned()).collect()
}

/// A run has ended: its thread is free, its promise kept, its events numbered without a gap, its end told once.
async fn assert_ended(world: &World, user: &Scope, run: &Run, status: Status) {
    let ended = read(user, run).await;
    assert_eq!(ended.status, status, "{:?}", ended.last_error);
    let threads = world.bodies("contoso", Kind::Thread);
    let thread = threads.iter().find(|t| t["thread"]["id"] == run.thread_id.as_str()).unwrap();
    assert_eq!(thread["active_run"], Value::Null);
    let stored =
        world.bodies("contoso", Kind::Run).into_iter().find(|r| r["run"]["id"] == run.id.as_str()).unwrap();
    assert_eq!(
        (&stored["lease"], &stored["draft"], &stored["open_step"]),
        (&Value::Null, &Value::Null, &Value::Null)
    );
    assert!(
        world.rows("contoso", Kind::Outbox).iter().all(|row| row.row.id != run.id),
        "the promise is kept"
    );
    let events = events(user, run).await;
    let numbers: Vec<u64> = events.iter().map(|event| event.seq).collect();
    assert_eq!(numbers, (0..events.len() as u64).collect::<Vec<_>>());
    let name = serde_json::to_value(status).unwrap();
    let end = format!("thread.run.{}", name.as_str().unwrap());
    assert_eq!(events.iter().filter(|event| event.event == end).count(), 1);
    assert_eq!(events.last().unwrap().event, end);
    assert_told_alike(world, run, &events);
}

/// Whoever has only listened knows the same messages as the store: a draft was completed as it was told, or discarded.
fn assert_told_alike(world: &World, run: &Run, events: &[RunEvent]) {
    let mut drafts: std::collections::BTreeMap<String, String> = Default::default();
    let mut completed = Vec::new();
    for event in events {
        let id = || event.data["id"].as_str().unwrap().to_owned();
        match event.event.as_str() {
            "thread.message.created" => assert_eq!(drafts.insert(id(), String::new()), None),
            "thread.message.delta" => {
                let words = event.data["delta"]["content"][0]["text"]["value"].as_str().unwrap();
                drafts.get_mut(&id()).unwrap().push_str(words);
            }
            "thread.message.discarded" => assert!(drafts.remove(&id()).is_some()),
            "thread.message.completed" => {
                let text = event.data["content"][0]["text"]["value"].as_str().unwrap().to_owned();
                assert_eq!(drafts.remove(&id()).as_ref(), Some(&text));
                completed.push(text);
            }
            _ => {}
        }
    }
    assert!(drafts.is_empty(), "a draft is neither completed nor discarded: {drafts:?}");
    assert_eq!(completed, answers(world, run));
}
