//! The same operations, on the pool.

use super::reference::{ADMIN, Actor, Kind, Op, Outcome, TENANTS, Thing};
use crate::support::*;
use futures::StreamExt;
use pool::{
    Action, Error, Operation, Owned, PageRequest, Permission, Resource, Scope, Settings, TenantRecord,
    TenantStatus,
    agents::AgentChange,
    conformance::memory::MemoryDirectory,
    messages::NewMessage,
    ports::{Directory, QueueName},
    records::RecordQuery,
    search::Find,
    threads::NewThread,
};
use serde_json::{Map, Value, json};
use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, LazyLock},
};

/// Credentials of every user, for a day from when every world begins: to sign them takes longer than all the rest.
static CREDENTIALS: LazyLock<HashMap<(usize, usize), String>> = LazyLock::new(|| {
    let clock = World::new().clock;
    let users = (0..TENANTS).flat_map(|tenant| (0..=ADMIN).map(move |user| (tenant, user)));
    let mint = |(tenant, user): (usize, usize)| {
        let token = Token::of(&name(tenant), &format!("user-{user}")).lives(86_400);
        let token = if user == ADMIN { token.role("admin") } else { token };
        ((tenant, user), token.at(&clock))
    };
    users.map(mint).collect()
});

pub(super) fn name(tenant: usize) -> String {
    format!("tenant-{tenant}")
}

/// A pool of five tenants.
pub(super) struct Real {
    pub(super) world: World,
    made: usize,
}

impl Real {
    pub(super) fn new() -> Self {
        let tenants = (0..TENANTS).map(|tenant| TenantRecord::new(&name(tenant), ""));
        let directory = Arc::new(MemoryDirectory::new(tenants));
        let (settings, ours) = (Settings { max_file: 1_000, ..Settings::default() }, directory.clone());
        let mut world = World::built(settings, |ports| ports.directory = ours);
        world.directory = directory;
        Self { world, made: 0 }
    }

    /// A text with the tenant's word in it, which no other tenant may ever see.
    pub(super) fn text(&mut self, tenant: usize) -> String {
        self.made += 1;
        format!("plan {} {};", word(tenant), self.made)
    }

    /// Does it, and tells what came of it and the id that was made.
    pub(super) async fn does(&self, op: Op, things: &[Thing], text: &str) -> (Outcome, String) {
        match self.attempt(op, things, text).await {
            Ok((outcome, made)) => (outcome, made),
            Err(Error::NotFound) => (Outcome::NotFound, String::new()),
            Err(Error::Forbidden(_)) => (Outcome::Forbidden, String::new()),
            Err(Error::Conflict(_)) => (Outcome::Conflict, String::new()),
            Err(fault) => panic!("{op:?}: {fault:?}"),
        }
    }

    async fn attempt(&self, op: Op, things: &[Thing], text: &str) -> Result<(Outcome, String), Error> {
        let done = |made: String| Ok((Outcome::Done, made));
        let nothing = String::new();
        match op {
            Op::Make(actor, kind) => done(self.make(&self.enter(actor).await?, kind, text).await?),
            Op::Read(actor, n) => Ok((read(&self.enter(actor).await?, &things[n], things).await?, nothing)),
            Op::Change(actor, n) => {
                change(&self.enter(actor).await?, &things[n], things, text).await?;
                done(nothing)
            }
            Op::Attach(actor, thread, file) => {
                let message: NewMessage = serde_json::from_value(
                    json!({"content": text, "attachments": [{"file_id": things[file].id}]}),
                )
                .unwrap();
                self.enter(actor).await?.messages().create(&things[thread].id, message).await?;
                done(nothing)
            }
            Op::Remove(actor, n) => {
                remove(&self.enter(actor).await?, &things[n], things).await?;
                done(nothing)
            }
            Op::List(actor, kind) => {
                Ok((Outcome::Ids(list(&self.enter(actor).await?, kind).await?), nothing))
            }
            Op::Search(actor) => {
                let find: Find = serde_json::from_value(json!({"query": "plan", "top": 100})).unwrap();
                let hits = self.enter(actor).await?.search().query(find).await?;
                for hit in &hits {
                    assert!(hit.content.contains(&word(actor.0)), "another's text: {}", hit.content);
                }
                Ok((Outcome::Ids(hits.into_iter().map(|hit| hit.id).collect()), nothing))
            }
            Op::Ask(actor, thread, agent) => {
                let scope = self.enter(actor).await?;
                let run = scope.runs().create(&things[thread].id, new_run(&things[agent].id), false).await?;
                done(run.value.id)
            }
            Op::Event(tenant, n) => {
                let scope = self.world.doors.claim(Owned::Container(&name(tenant))).await?;
                scope.files().changed(&things[n].id).await.or_else(absent)?;
                done(nothing)
            }
            Op::Work => {
                self.work().await;
                done(nothing)
            }
            Op::Sweep => {
                self.world.pass(90);
                let mut scopes = self.world.doors.every_tenant(pool::SweepReason("test"));
                while let Some(scope) = scopes.next().await {
                    scope?.sweep().promises().await?;
                }
                self.work().await;
                done(nothing)
            }
            Op::Suspend(tenant) => done(self.serve(tenant, TenantStatus::Suspended).await),
            Op::Serve(tenant) => done(self.serve(tenant, TenantStatus::Active).await),
        }
    }

    pub(super) async fn enter(&self, Actor(tenant, user): Actor) -> Result<Scope, Error> {
        self.world.doors.authenticate(&[CREDENTIALS[&(tenant, user)].as_bytes()], &[]).await
    }

    async fn make(&self, scope: &Scope, kind: Kind, text: &str) -> Result<String, Error> {
        Ok(match kind {
            Kind::Agent => {
                scope.permit(Permission(Action::Create, Resource::Agents))?;
                let mut agent = new_agent(json!([]));
                text.clone_into(&mut agent.instructions);
                scope.agents().create(agent).await?.value.id
            }
            Kind::Thread => {
                let new = NewThread { messages: vec![new_message(text)], ..NewThread::default() };
                scope.threads().create(new).await?.value.id
            }
            Kind::File => scope.files().upload(new_file("a.txt"), bytes(text)).await?.value.id,
            Kind::Document => {
                let id = format!("document-{}", self.made % 7);
                scope.search().upsert(vec![json!({"id": id, "content": text})]).await?;
                id
            }
            Kind::Record | Kind::Run => scope.records().create("items", body(text)).await?.value.id,
        })
    }

    /// Delivers every job. One of a tenant that is not served is dropped, as the host is told to.
    async fn work(&self) {
        for (queue, operation) in
            [(QueueName::Ingest, Operation::Ingest), (QueueName::Runs, Operation::DriveRun)]
        {
            while let Some(job) = self.world.queue.take(queue) {
                let Ok((scope, job)) = self.world.doors.open(job.as_str(), operation).await else { continue };
                match operation {
                    Operation::Ingest => scope.files().ingest(&job.target).await.or_else(absent).unwrap(),
                    Operation::DriveRun => {
                        drop(scope.runs().drive(&job.target).await.map(drop).or_else(absent))
                    }
                }
            }
        }
    }

    async fn serve(&self, tenant: usize, status: TenantStatus) -> String {
        let record = TenantRecord { status, ..TenantRecord::new(&name(tenant), "") };
        self.world.directory.put(&record).await.unwrap();
        self.world.pass(5);
        String::new()
    }
}

pub(super) fn word(tenant: usize) -> String {
    format!("canary{tenant}canary")
}

fn absent(fault: Error) -> Result<(), Error> {
    if matches!(fault, Error::NotFound) { Ok(()) } else { Err(fault) }
}

fn body(text: &str) -> Map<String, Value> {
    json!({"text": text}).as_object().unwrap().clone()
}

async fn read(scope: &Scope, thing: &Thing, things: &[Thing]) -> Result<Outcome, Error> {
    let id = &thing.id;
    Ok(Outcome::Text(match thing.kind {
        Kind::Agent => scope.agents().get(id).await?.value.instructions,
        Kind::Thread => {
            scope.threads().get(id).await?;
            let page = PageRequest { limit: 100, descending: false, cursor: None };
            let messages = scope.messages().list(id, &page).await?.items;
            messages.iter().map(|message| message.text()).filter(|text| text.starts_with("plan")).collect()
        }
        Kind::File => {
            let (_, _, mut stream) = scope.files().content(id).await?;
            let mut all = Vec::new();
            while let Some(part) = stream.next().await {
                all.extend_from_slice(&part.unwrap());
            }
            String::from_utf8(all).unwrap()
        }
        Kind::Document => {
            scope.search().exists(id).await?;
            return Ok(Outcome::Done);
        }
        Kind::Record => {
            let record = scope.records().get("items", id).await?.value;
            record.body["text"].as_str().unwrap().to_owned()
        }
        Kind::Run => scope.runs().get(&things[thing.thread].id, id).await.map(|_| String::new())?,
    }))
}

async fn change(scope: &Scope, thing: &Thing, things: &[Thing], text: &str) -> Result<(), Error> {
    match thing.kind {
        Kind::Agent => {
            scope.permit(Permission(Action::Update, Resource::Agents))?;
            let change: AgentChange = serde_json::from_value(json!({"instructions": text})).unwrap();
            scope.agents().update(&thing.id, change, None).await.map(drop)
        }
        Kind::Thread => scope.messages().create(&thing.id, new_message(text)).await.map(drop),
        Kind::Record => scope.records().replace("items", &thing.id, body(text), None).await.map(drop),
        Kind::File | Kind::Document | Kind::Run => read(scope, thing, things).await.map(drop),
    }
}

async fn remove(scope: &Scope, thing: &Thing, things: &[Thing]) -> Result<(), Error> {
    let id = &thing.id;
    match thing.kind {
        Kind::Agent => {
            scope.permit(Permission(Action::Delete, Resource::Agents))?;
            scope.agents().delete(id, None).await
        }
        Kind::Thread => scope.threads().delete(id, None).await,
        Kind::File => scope.files().delete(id, None).await,
        Kind::Document => {
            scope.search().exists(id).await?;
            scope.search().delete(std::slice::from_ref(id)).await
        }
        Kind::Record => scope.records().delete("items", id, None).await,
        Kind::Run => read(scope, thing, things).await.map(drop),
    }
}

/// The ids of a list, which is never longer than a page here.
async fn list(scope: &Scope, kind: Kind) -> Result<BTreeSet<String>, Error> {
    let page = PageRequest { limit: 100, ..PageRequest::default() };
    Ok(match kind {
        Kind::Agent => scope.agents().list(&page).await?.items.into_iter().map(|one| one.id).collect(),
        Kind::Thread => scope.threads().list(&page).await?.items.into_iter().map(|one| one.id).collect(),
        Kind::File => scope.files().list(&page).await?.items.into_iter().map(|one| one.id).collect(),
        Kind::Record | Kind::Document | Kind::Run => {
            let records = scope.records().list("items", RecordQuery::default(), &page).await?.items;
            records.into_iter().map(|one| one.value.id).collect()
        }
    })
}
