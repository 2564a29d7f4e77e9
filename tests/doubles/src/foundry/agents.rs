use super::{Answer, Held, Request, invalid, metadata, not_found, page};
use crate::refusal::{Refusal, refuse};
use serde_json::{Value, json};

/// A version of an agent. It never changes.
pub(super) struct AgentVersion {
    pub(super) version: u64,
    pub(super) definition: Value,
    pub(super) metadata: Value,
}

impl AgentVersion {
    fn shown(&self, name: &str) -> Value {
        json!({"object": "agent.version", "id": format!("{name}:{}", self.version), "name": name,
            "version": self.version.to_string(), "created_at": 1_764_000_000, "metadata": self.metadata,
            "description": "", "definition": self.definition, "status": "active", "draft": false})
    }
}

fn shown(name: &str, versions: &[AgentVersion]) -> Value {
    let latest = versions.last().map(|latest| latest.shown(name));
    json!({"object": "agent", "id": name, "name": name, "state": "enabled", "versions": {"latest": latest}})
}

/// At most 63 letters and digits, with hyphens between.
fn legal(name: &str) -> Result<(), Refusal> {
    let letters = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    let legal = (1..=63).contains(&name.len())
        && name.bytes().all(letters)
        && !name.starts_with('-')
        && !name.ends_with('-');
    let why = "Agent names are alphanumeric, with hyphens in the middle, and at most 63 characters long.";
    legal.then_some(()).ok_or_else(|| refuse(400, "invalid_payload", why))
}

/// A prompt agent's definition.
fn definition(value: &Value) -> Result<Value, Refusal> {
    if value["kind"] != "prompt" || value["model"].as_str().is_none_or(str::is_empty) {
        return Err(refuse(
            400,
            "invalid_payload",
            "definition.kind is prompt, and definition.model a deployment",
        ));
    }
    let empty = Vec::new();
    let tools = value["tools"].as_array().unwrap_or(&empty);
    let named = |tool: &Value| {
        tool["type"] != "function" || tool["name"].is_string() && tool["parameters"].is_object()
    };
    if tools.len() > 128 || !tools.iter().all(|tool| tool["type"].is_string() && named(tool)) {
        return Err(refuse(
            400,
            "invalid_payload",
            "definition.tools are at most 128, and functions are flat",
        ));
    }
    Ok(value.clone())
}

impl Held {
    pub(super) fn agents(&mut self, verb: &str, rest: &[&str], request: &Request<'_>) -> Answer {
        let Request { query, body, .. } = request;
        match (verb, rest) {
            ("POST", []) => {
                let name =
                    body["name"].as_str().ok_or_else(|| refuse(400, "invalid_payload", "name is missing"))?;
                legal(name)?;
                if self.agents.contains_key(name) {
                    let why = format!("Agent {name} already exists.");
                    return Err(refuse(409, "conflict", &why));
                }
                self.add_version(name, body)?;
                Ok(shown(name, &self.agents[name]))
            }
            ("GET", []) => {
                let all: Vec<_> = self.agents.iter().map(|(name, versions)| shown(name, versions)).collect();
                page(&all, query)
            }
            ("GET", [name]) => Ok(shown(name, self.agent(name)?)),
            ("DELETE", [name]) => {
                self.agents.remove(*name).ok_or_else(|| not_found("Agent"))?;
                Ok(json!({"object": "agent.deleted", "name": name, "deleted": true}))
            }
            ("POST", [name, "versions"]) => {
                legal(name)?;
                self.add_version(name, body)?;
                Ok(self.agents[*name].last().unwrap().shown(name))
            }
            ("GET", [name, "versions"]) => {
                let all: Vec<_> = self.agent(name)?.iter().map(|version| version.shown(name)).collect();
                page(&all, query)
            }
            ("GET", [name, "versions", version]) => {
                let found = self.agent(name)?.iter().find(|known| known.version.to_string() == *version);
                Ok(found.ok_or_else(|| not_found("Agent version"))?.shown(name))
            }
            _ => Err(invalid("The method is not allowed here.")),
        }
    }

    fn agent(&self, name: &str) -> Result<&[AgentVersion], Refusal> {
        self.agents.get(name).map(Vec::as_slice).ok_or_else(|| not_found("Agent"))
    }

    /// Adds a version to the agent of this name, or makes one: whose it is, nobody asks.
    fn add_version(&mut self, name: &str, body: &Value) -> Result<(), Refusal> {
        let (definition, metadata) = (definition(&body["definition"])?, metadata(&body["metadata"])?);
        let versions = self.agents.entry(name.to_owned()).or_default();
        let version = versions.last().map_or(1, |last| last.version + 1);
        versions.push(AgentVersion { version, definition, metadata });
        Ok(())
    }
}
