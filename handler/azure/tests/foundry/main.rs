//! Agents in Foundry, against a project that refuses what Foundry refuses.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod agents;
mod conversations;
mod double;
mod faults;
mod law;
mod oracle;
mod steps;

use azure::{FoundryModel, Identities, Tenants};
use doubles::{Audit, Ca, Identity, Server, foundry, foundry::Foundry};
use futures::StreamExt;
use pool::{
    TenantRecord,
    conformance::memory::{MemoryDirectory, SeededEntropy},
    ports::{AgentRef, Item, Model, ModelEvent, PortResult, Role, StepRequest, ToolCall, ToolSpec},
    testing::tenant,
};
use serde_json::{Value, json};
use std::sync::Arc;

/// A project, and our adapter to it.
pub(crate) struct World {
    pub(crate) ca: Ca,
    pub(crate) audit: Audit,
    pub(crate) identity: Identity,
    pub(crate) foundry: Foundry,
    pub(crate) ours: FoundryModel,
}

impl World {
    pub(crate) async fn new() -> Self {
        let (ca, audit) = (Ca::new(), Audit::default());
        let identity = Identity::start(&["id-rich"], &audit).await;
        let foundry = Foundry::start(&ca, &identity, &audit).await;
        let ours = adapter(&ca, &identity, &foundry.url());
        Self { ca, audit, identity, foundry, ours }
    }

    /// Any request, as anyone who has rights to the project.
    pub(crate) async fn raw(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let token = self.identity.mint("system", foundry::AUDIENCE);
        let url = format!("{}/{path}", self.foundry.url());
        let request = client(&self.ca).request(method.parse().unwrap(), url).bearer_auth(token);
        let answer = request.json(&body).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    pub(crate) async fn step(&self, request: StepRequest) -> Told {
        told(&self.ours, "conf-a", request).await
    }
}

pub(crate) fn client(ca: &Ca) -> reqwest::Client {
    let root = reqwest::Certificate::from_pem(ca.pem().as_bytes()).unwrap();
    reqwest::Client::builder().tls_certs_merge([root]).build().unwrap()
}

pub(crate) fn adapter(ca: &Ca, identity: &Identity, project: &str) -> FoundryModel {
    let records = ["conf-a", "conf-a-b", "conf-b"].map(|name| TenantRecord::new(name, name));
    let rich = Some("id-rich".to_owned());
    let records = records.map(|record| match record.id.as_str() {
        "conf-b" => TenantRecord { managed_identity_client_id: rich.clone(), ..record },
        _ => record,
    });
    let tenants = Tenants::new(Arc::new(MemoryDirectory::new(records)));
    let identity = identity.clone();
    let maker = Arc::new(move |id: Option<&str>| Ok(identity.credential(id)));
    let identities = Arc::new(Identities::new(None, tenants, maker));
    let entropy = Arc::new(SeededEntropy::default());
    FoundryModel::new(client(ca), identities, project.parse().unwrap(), entropy, [7; 32], "gpt-offline")
}

/// What a step told.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Told {
    pub(crate) text: String,
    pub(crate) calls: Vec<ToolCall>,
    pub(crate) session: Option<String>,
    pub(crate) truncated: bool,
    pub(crate) tokens: (u64, u64),
}

pub(crate) async fn told(model: &dyn Model, name: &str, request: StepRequest) -> Told {
    tried(model, name, request).await.unwrap()
}

/// A step to its end, or to its error.
pub(crate) async fn tried(model: &dyn Model, name: &str, request: StepRequest) -> PortResult<Told> {
    let mut stream = model.step(&tenant(name), request).await?;
    let (mut told, mut done) = (Told::default(), false);
    while let Some(event) = stream.next().await {
        assert!(!done, "nothing follows the end");
        match event? {
            ModelEvent::Text(words) => told.text.push_str(&words),
            ModelEvent::Call(call) => told.calls.push(call),
            ModelEvent::Session(session) => told.session = Some(session),
            ModelEvent::Done { usage, truncated } => {
                (done, told.truncated) = (true, truncated);
                told.tokens = (usage.prompt_tokens, usage.completion_tokens);
            }
        }
    }
    assert!(done, "a stream that ends has an end");
    Ok(told)
}

pub(crate) fn user(text: &str) -> Item {
    Item::Message { role: Role::User, text: text.into() }
}

pub(crate) fn assistant(text: &str) -> Item {
    Item::Message { role: Role::Assistant, text: text.into() }
}

pub(crate) fn call(n: usize, name: &str) -> Item {
    Item::Call(ToolCall { id: format!("call_{n}"), name: name.into(), arguments: "{}".into(), server: None })
}

pub(crate) fn output(n: usize, output: &str) -> Item {
    Item::Output { call_id: format!("call_{n}"), output: output.into() }
}

/// A step of the agent `helper` in alice's thread.
pub(crate) fn asks(items: Vec<Item>) -> StepRequest {
    let weather = ToolSpec {
        name: "weather".into(),
        description: "Tells.".into(),
        parameters: json!({"type": "object"}),
    };
    StepRequest {
        agent: AgentRef { id: "agent_1".into(), version: 1, instructions: "Be brief.".into() },
        user: "alice".into(),
        thread: "thread_1".into(),
        instructions: "Be brief.".into(),
        items,
        tools: vec![weather],
        ..StepRequest::default()
    }
}

/// A server that answers as it is told to.
pub(crate) async fn scripted(ca: &Ca, router: axum::Router) -> Server {
    Server::tls(ca, router).await
}
