//! A pool in memory: its clock stands still, its model says what it is told to, and it dies when it is told to.

mod fakes;
mod mortal;
pub(crate) mod proof;
mod tokens;

pub(crate) use fakes::{Links, ScriptedExtractor, ScriptedModel, call, cut_off, done, said, says};
pub(crate) use mortal::{Death, Fuse};
pub(crate) use tokens::{KEY_SET, Token, roll_over, rules, rules_by};

use futures::{StreamExt, stream};
use mortal::Mortal;
use pool::{
    Doors, Error, Owned, Scope, SealKeys, Settings, SweepReason, TenantRecord,
    agents::NewAgent,
    conformance::memory::{
        ManualClock, MemoryBlobs, MemoryDirectory, MemoryIndex, MemoryQueue, MemoryRecords, SeededEntropy,
    },
    files::{File, NewFile},
    messages::NewMessage,
    ports::{ByteStream, Kind, Ports, Row},
    runs::{NewRun, Run},
    threads::NewThread,
    token::TokenRules,
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// The pool and what it stands on.
pub(crate) struct World {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) records: Arc<MemoryRecords>,
    pub(crate) index: Arc<MemoryIndex>,
    pub(crate) blobs: Arc<MemoryBlobs>,
    pub(crate) queue: Arc<MemoryQueue>,
    pub(crate) directory: Arc<MemoryDirectory>,
    pub(crate) model: Arc<ScriptedModel>,
    pub(crate) fuse: Arc<Fuse>,
    pub(crate) doors: Doors,
}

pub(crate) fn seal_keys() -> SealKeys {
    SealKeys::new("k1", BTreeMap::from([("k1".to_owned(), [7; 32])]), [9; 32]).unwrap()
}

impl World {
    /// Tenants `contoso` and `fabrikam`.
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut Ports)) -> Self {
        Self::built(Settings { max_file: 1_000, ..Settings::default() }, change)
    }

    pub(crate) fn built(settings: Settings, change: impl FnOnce(&mut Ports)) -> Self {
        Self::trusting(rules(), settings, change)
    }

    /// A pool that believes tokens by these rules.
    pub(crate) fn trusting(rules: TokenRules, settings: Settings, change: impl FnOnce(&mut Ports)) -> Self {
        let clock = Arc::new(ManualClock::default());
        let records = Arc::new(MemoryRecords::new(clock.clone()));
        let (index, blobs) = (Arc::new(MemoryIndex::new()), Arc::new(MemoryBlobs::new()));
        let queue = Arc::new(MemoryQueue::new(clock.clone()));
        let names = ["contoso", "fabrikam"];
        let directory = Arc::new(MemoryDirectory::new(names.map(|name| TenantRecord::new(name, name))));
        let model = Arc::new(ScriptedModel::default());
        let fuse = Arc::new(Fuse::default());
        let mut ports = Ports {
            records: records.clone(),
            blobs: blobs.clone(),
            links: None,
            index: index.clone(),
            queue: queue.clone(),
            directory: directory.clone(),
            model: model.clone(),
            embedder: None,
            extractor: Arc::new(ScriptedExtractor),
            clock: clock.clone(),
            entropy: Arc::new(SeededEntropy::default()),
        };
        change(&mut ports);
        ports.records = Arc::new(Mortal::new(ports.records, &fuse));
        ports.blobs = Arc::new(Mortal::new(ports.blobs, &fuse));
        ports.index = Arc::new(Mortal::new(ports.index, &fuse));
        ports.queue = Arc::new(Mortal::new(ports.queue, &fuse));
        let doors = Doors::new(ports, seal_keys(), rules, settings);
        Self { clock, records, index, blobs, queue, directory, model, fuse, doors }
    }

    /// A user's scope, through door 1.
    pub(crate) async fn user(&self, tenant: &str, user: &str) -> Scope {
        self.enter(&Token::of(tenant, user)).await.unwrap()
    }

    /// A tenant admin's scope, through door 1.
    pub(crate) async fn admin(&self, tenant: &str) -> Scope {
        self.enter(&Token::of(tenant, "root").role("admin")).await.unwrap()
    }

    /// The service's own scope, through door 3.
    pub(crate) async fn system(&self, tenant: &str) -> Scope {
        self.doors.claim(Owned::Container(tenant)).await.unwrap()
    }

    pub(crate) async fn enter(&self, token: &Token) -> Result<Scope, Error> {
        self.doors.authenticate(&[token.at(&self.clock).as_bytes()], &[]).await
    }

    pub(crate) fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// The timer, at every tenant, as often as it takes a minute apart.
    pub(crate) async fn sweep(&self, times: usize) {
        for _ in 0..times {
            self.pass(90);
            let mut scopes = self.doors.every_tenant(SweepReason("test"));
            while let Some(scope) = scopes.next().await {
                scope.unwrap().sweep().promises().await.unwrap();
            }
            self.work().await;
        }
    }

    /// Delivers every job that is visible, until there is none; a job that fails is left to the sweep.
    pub(crate) async fn work(&self) {
        use pool::{Operation, ports::QueueName};
        loop {
            if let Some(job) = self.queue.take(QueueName::Ingest) {
                let (scope, job) = self.doors.open(job.as_str(), Operation::Ingest).await.unwrap();
                drop(scope.files().ingest(&job.target).await);
            } else if let Some(job) = self.queue.take(QueueName::Runs) {
                let (scope, job) = self.doors.open(job.as_str(), Operation::DriveRun).await.unwrap();
                drop(scope.runs().drive(&job.target).await);
            } else {
                return;
            }
        }
    }

    pub(crate) fn rows(&self, tenant: &str, kind: Kind) -> Vec<Row> {
        let rows = self.records.rows().into_iter();
        rows.filter(|row| row.tenant == tenant && row.row.kind == kind).collect()
    }

    pub(crate) fn bodies(&self, tenant: &str, kind: Kind) -> Vec<Value> {
        self.rows(tenant, kind).iter().map(|row| serde_json::from_str(&row.row.body).unwrap()).collect()
    }
}

pub(crate) fn bytes(text: &str) -> ByteStream {
    let parts: Vec<_> = text.as_bytes().chunks(16).map(|part| Ok(part.to_vec().into())).collect();
    stream::iter(parts).boxed()
}

pub(crate) fn new_agent(tools: Value) -> NewAgent {
    serde_json::from_value(json!({"name": "Helper", "instructions": "Help.", "tools": tools})).unwrap()
}

pub(crate) fn new_message(text: &str) -> NewMessage {
    serde_json::from_value(json!({"content": text})).unwrap()
}

pub(crate) fn new_file(name: &str) -> NewFile {
    serde_json::from_value(json!({"filename": name})).unwrap()
}

pub(crate) fn new_run(agent: &str) -> NewRun {
    serde_json::from_value(json!({"agent_id": agent})).unwrap()
}

/// Uploads a file and has it indexed.
pub(crate) async fn indexed(world: &World, scope: &Scope, name: &str, text: &str) -> File {
    let file = scope.files().upload(new_file(name), bytes(text)).await.unwrap().value;
    scope.files().ingest(&file.id).await.unwrap();
    let _ = world;
    scope.files().get(&file.id).await.unwrap().value
}

/// A thread with one message, an agent of these tools, and a run that waits for its turn.
pub(crate) async fn queued(world: &World, user: &Scope, tools: Value) -> Run {
    let admin = world.admin(user.tenant().as_str()).await;
    let agent = admin.agents().create(new_agent(tools)).await.unwrap().value;
    let new = NewThread { messages: vec![new_message("How many days?")], ..NewThread::default() };
    let thread = user.threads().create(new).await.unwrap().value;
    user.runs().create(&thread.id, new_run(&agent.id), false).await.unwrap().value
}

#[track_caller]
pub(crate) fn not_found<T>(result: Result<T, Error>) {
    assert!(matches!(result, Err(Error::NotFound)), "{:?}", result.err());
}
#[track_caller]
pub(crate) fn forbidden<T>(result: Result<T, Error>) {
    assert!(matches!(result, Err(Error::Forbidden(_))), "{:?}", result.err());
}
#[track_caller]
pub(crate) fn conflict<T>(result: Result<T, Error>) {
    assert!(matches!(result, Err(Error::Conflict(_))), "{:?}", result.err());
}
#[track_caller]
pub(crate) fn stale<T>(result: Result<T, Error>) {
    assert!(matches!(result, Err(Error::Stale)), "{:?}", result.err());
}
#[track_caller]
pub(crate) fn internal<T>(result: Result<T, Error>) {
    assert!(matches!(result, Err(Error::Internal(_))), "{:?}", result.err());
}
/// Refused for these members.
#[track_caller]
pub(crate) fn invalid<T>(result: Result<T, Error>, pointers: &[&str]) {
    let Err(Error::Invalid(faults)) = result else { panic!("not invalid: {:?}", result.err()) };
    let found: Vec<_> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
    assert_eq!(found, pointers);
}
