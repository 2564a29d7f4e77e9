//! Agents in Foundry: an agent in versions, a conversation for a thread, a response for a step.
//!
//! What upstream holds is an attribute of our records and never an authority. Agents' names there are keyed hashes, and
//! what a step needs to know of the conversation comes with the step, under a seal.

mod agents;
mod answer;
mod conversations;
mod names;
mod reply;
mod session;
mod sse;

use crate::{
    Identities,
    rest::{Call, Opened, Rest},
};
use agents::{Agents, Pinned};
use async_trait::async_trait;
use conversations::Place;
use futures::StreamExt;
use names::Names;
use pool::{
    TenantId,
    ports::{Entropy, Model, ModelStream, PortError, PortResult, StepRequest},
};
use reqwest::Method;
use serde_json::json;
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::time::Instant;
use url::Url;

/// How long a step may take.
const LONGEST: Duration = Duration::from_secs(600);
/// How long any other call may take, with all its tries.
const PATIENCE: Duration = Duration::from_secs(30);
/// The most bytes of a step's events.
const MOST: usize = 32 * 1024 * 1024;

/// [`Model`] on Foundry's agents, conversations and responses.
pub struct FoundryModel {
    upstream: Arc<Upstream>,
    agents: Agents,
    model: String,
}

/// The project.
struct Upstream {
    rest: Rest,
    names: Names,
    /// The MCP servers' addresses, by label.
    servers: BTreeMap<String, String>,
    patience: Duration,
}

impl FoundryModel {
    /// The project at `endpoint`, `https://account.services.ai.azure.com/api/projects/project`; `naming_key` derives its
    /// agents' names, and `model` is the deployment where an agent names none.
    pub fn new(
        client: reqwest::Client,
        identities: Arc<Identities>,
        endpoint: Url,
        entropy: Arc<dyn Entropy>,
        naming_key: [u8; 32],
        model: impl Into<String>,
    ) -> Self {
        let rest = Rest::new(client, identities, endpoint, "https://ai.azure.com/.default", entropy);
        let upstream =
            Upstream { rest, names: Names::new(naming_key), servers: BTreeMap::new(), patience: PATIENCE };
        Self { upstream: Arc::new(upstream), agents: Agents::default(), model: model.into() }
    }

    /// The same, with another longest time for each call but the step itself. Without: 30 seconds.
    pub fn within(mut self, patience: Duration) -> Self {
        if let Some(upstream) = Arc::get_mut(&mut self.upstream) {
            upstream.patience = patience;
        }
        self
    }

    /// The same, with MCP servers by label. Agents name labels alone; upstream calls the servers, each call with the
    /// client's approval.
    pub fn with_servers(mut self, servers: BTreeMap<String, Url>) -> Self {
        if let Some(upstream) = Arc::get_mut(&mut self.upstream) {
            upstream.servers = servers.into_iter().map(|(label, url)| (label, url.into())).collect();
        }
        self
    }

    /// Begins the step's response. `None`: the agent or the conversation is gone, or the conversation is in use.
    async fn begin(
        &self,
        tenant: &TenantId,
        request: &StepRequest,
        agent: &Pinned,
        place: &Place,
        deadline: Instant,
    ) -> PortResult<Option<Opened>> {
        let agent = json!({"type": "agent_reference", "name": agent.name, "version": agent.version});
        let body = json!({"agent_reference": agent, "conversation": place.conversation, "input": place.input,
            "background": true, "store": true, "stream": true});
        let call =
            self.upstream.call_for(tenant, &request.user, Method::POST, &["responses"], &[])?.json(&body)?;
        let call = call.by(deadline).head_by(Instant::now() + self.upstream.patience).at_most(MOST);
        match self.upstream.rest.open(call).await {
            Err(PortError::Conflict) => Ok(None),
            other => other,
        }
    }
}

#[async_trait]
impl Model for FoundryModel {
    async fn step(&self, tenant: &TenantId, request: StepRequest) -> PortResult<ModelStream> {
        let model = if request.model.is_empty() { &self.model } else { &request.model };
        if model.is_empty() {
            return Err(PortError::refused("neither the agent nor MODEL_NAME names a deployment"));
        }
        let (upstream, deadline) = (&self.upstream, Instant::now() + LONGEST);
        let mut place = conversations::known(upstream, tenant, &request).await?;
        for _ in 0..2 {
            let agent = self.agents.pinned(upstream, tenant, model, &request).await?;
            let here = match place.take() {
                Some(place) => place,
                None => conversations::new(upstream, tenant, &request).await?,
            };
            if let Some(opened) = self.begin(tenant, &request, &agent, &here, deadline).await? {
                let step = reply::Step {
                    upstream: upstream.clone(),
                    tenant: tenant.clone(),
                    request,
                    conversation: here.conversation,
                    deadline,
                };
                return Ok(step.events(opened.body).boxed());
            }
            // Upstream does not say what is gone: both are made again.
            self.agents.forget(tenant, agent);
        }
        Err(PortError::unavailable("the agent or the conversation is gone as soon as it is made"))
    }
}

impl Upstream {
    /// A call about agents.
    fn call<'a>(
        &self,
        tenant: &'a TenantId,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Call<'a> {
        let mut url = self.rest.url(path);
        url.query_pairs_mut().append_pair("api-version", "v1").extend_pairs(query);
        Call::new(tenant, method, url).by(Instant::now() + self.patience)
    }

    /// A call about a user's conversations and responses.
    fn call_for<'a>(
        &self,
        tenant: &'a TenantId,
        user: &str,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> PortResult<Call<'a>> {
        let path: Vec<&str> = ["openai", "v1"].iter().chain(path).copied().collect();
        let mut url = self.rest.url(&path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let call = Call::new(tenant, method, url).by(Instant::now() + self.patience);
        call.header("x-ms-user-identity", &self.names.user(tenant, user))
    }
}
