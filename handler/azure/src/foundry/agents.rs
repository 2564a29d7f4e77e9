//! Agents upstream: one for each of ours, with a version for each definition that was ever asked for.

use super::Upstream;
use crate::rest::Answer;
use pool::{
    TenantId, hex,
    ports::{PortError, PortResult, StepRequest},
};
use quick_cache::sync::Cache;
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::{collections::BTreeMap, time::Duration};
use tokio::time::sleep;

/// Tries of making a version, each after a look whether an earlier one made it.
const TRIES: u32 = 3;
/// The versions that an agent can have, by pages of a hundred.
const PAGES: usize = 10;

/// The versions that are known, with the tenant in the key.
pub(super) struct Agents(Cache<(TenantId, String, String), String>);

/// An agent's version: it never changes, and neither does what a run that has begun is told.
#[derive(Clone, Debug)]
pub(super) struct Pinned {
    pub(super) name: String,
    pub(super) version: String,
    digest: String,
}

#[derive(Deserialize)]
struct Page {
    data: Vec<Version>,
    #[serde(default)]
    has_more: bool,
    #[serde(default)]
    last_id: Option<String>,
}

#[derive(Deserialize)]
struct Version {
    version: String,
    #[serde(default)]
    definition: Value,
    #[serde(default)]
    metadata: Value,
}

impl Default for Agents {
    fn default() -> Self {
        Self(Cache::new(16_384))
    }
}

impl Agents {
    /// The version whose definition is that of the request. It is made if there is none.
    pub(super) async fn pinned(
        &self,
        upstream: &Upstream,
        tenant: &TenantId,
        model: &str,
        request: &StepRequest,
    ) -> PortResult<Pinned> {
        let name = upstream.names.agent(tenant, &request.agent.id);
        let definition = definition(model, &upstream.servers, request);
        let digest = hex(&Sha256::digest(definition.to_string()));
        let key = (tenant.clone(), name, digest);
        let metadata = json!({"tenantId": tenant, "agentId": request.agent.id,
            "agentVersion": request.agent.version.to_string(), "definition": key.2});
        let body = json!({"name": key.1, "definition": definition, "metadata": metadata});
        let made = self.0.get_or_insert_async(&key, find_or_make(upstream, tenant, &key.1, &body));
        let version = made.await?;
        let (_, name, digest) = key;
        Ok(Pinned { name, version, digest })
    }

    /// Upstream does not know it any more.
    pub(super) fn forget(&self, tenant: &TenantId, pinned: Pinned) {
        self.0.remove(&(tenant.clone(), pinned.name, pinned.digest));
    }
}

/// A prompt agent of what the agent is made of. What a run adds is not part of it.
fn definition(model: &str, servers: &BTreeMap<String, String>, request: &StepRequest) -> Value {
    let functions = request.tools.iter().map(|tool| {
        json!({"type": "function", "name": tool.name, "description": tool.description,
            "parameters": tool.parameters, "strict": false})
    });
    // A server that is not configured any more is not there.
    let servers = request.servers.iter().filter_map(|label| servers.get_key_value(label)).map(|(label, url)| {
        json!({"type": "mcp", "server_label": label, "server_url": url, "require_approval": "always"})
    });
    let tools: Vec<Value> = functions.chain(servers).collect();
    json!({"kind": "prompt", "model": model, "instructions": request.agent.instructions, "tools": tools})
}

/// Whatever may have been done is looked for before it is done again: a name is made with a call that refuses one that
/// exists, and a version that is there twice is no harm.
async fn find_or_make(
    upstream: &Upstream,
    tenant: &TenantId,
    name: &str,
    body: &Value,
) -> PortResult<String> {
    let mut last = PortError::unavailable("the agent is neither there nor can it be made");
    for attempt in 0..TRIES {
        if attempt > 0 {
            sleep(Duration::from_millis(200 << attempt)).await;
        }
        let (exists, found) = find(upstream, tenant, name, body).await?;
        if let Some(version) = found {
            return Ok(version);
        }
        let path: &[&str] = if exists { &["agents", name, "versions"] } else { &["agents"] };
        let call = upstream.call(tenant, Method::POST, path, &[]).json(body)?;
        let made =
            upstream.rest.send(call).await.and_then(|answer| answer.map(|it| made(&it, exists)).transpose());
        match made {
            Ok(Some(version)) => return Ok(version),
            // Somebody deleted the agent, or made it, in between.
            Ok(None) | Err(PortError::Conflict) => {}
            Err(error) if error.transient() => last = error,
            Err(error) => return Err(error),
        }
    }
    Err(last)
}

/// The version that was made; an agent that was made has it inside.
fn made(answer: &Answer, exists: bool) -> PortResult<String> {
    let made: Value = answer.json()?;
    let version = if exists { &made["version"] } else { &made["versions"]["latest"]["version"] };
    let version = version.as_str().ok_or_else(|| PortError::unavailable("an agent without a version"))?;
    Ok(version.to_owned())
}

/// Whether the agent exists; and its version of this definition. The definition is compared, not the digest alone: other
/// people have rights to the project.
async fn find(
    upstream: &Upstream,
    tenant: &TenantId,
    name: &str,
    body: &Value,
) -> PortResult<(bool, Option<String>)> {
    let wanted = &body["definition"];
    let same = |version: &Version| {
        version.metadata["definition"] == body["metadata"]["definition"]
            && ["kind", "model", "instructions", "tools"]
                .iter()
                .all(|part| version.definition[part] == wanted[part])
    };
    let mut after: Option<String> = None;
    for _ in 0..PAGES {
        let mut query = vec![("limit", "100"), ("order", "desc")];
        query.extend(after.as_deref().map(|after| ("after", after)));
        let call = upstream.call(tenant, Method::GET, &["agents", name, "versions"], &query);
        let Some(answer) = upstream.rest.send(call).await? else { return Ok((after.is_some(), None)) };
        let page: Page = answer.json()?;
        if let Some(found) = page.data.into_iter().find(same) {
            return Ok((true, Some(found.version)));
        }
        after = page.last_id.filter(|_| page.has_more);
        if after.is_none() {
            break;
        }
    }
    Ok((true, None))
}
