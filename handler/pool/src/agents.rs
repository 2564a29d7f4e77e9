//! Agents: what a model is told to be, in versions.

use crate::{
    Error, Metadata, Page, PageRequest, Scope, Versioned,
    outbox::{ERASE_PATIENCE_S, Promise, kept},
    ports::{Etag, Kind, Query, Write},
    rules::{Rules, marked},
    store::{self, Document, newest},
};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// The name of the tool that searches the tenant's files and documents.
pub const FILE_SEARCH: &str = "file_search";

/// A tool that an agent may use.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Tool {
    /// Searches what the run's user may see of the tenant's files and documents; run by the service.
    FileSearch {},
    /// A function of the client's: the run waits for its output.
    Function {
        /// The function.
        function: FunctionTool,
    },
    /// The tools of an MCP server: the run waits for an approval of each call, which the server then gets.
    Mcp {
        /// The label of a server that the operator has configured.
        server_label: String,
    },
}

/// A function that the client runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FunctionTool {
    /// `[A-Za-z0-9_-]`, 1 to 64 characters.
    pub name: String,
    /// What it does, for the model.
    #[serde(default)]
    pub description: String,
    /// JSON Schema of its arguments.
    #[serde(default = "any_object")]
    pub parameters: Value,
}

fn any_object() -> Value {
    serde_json::json!({"type": "object"})
}

/// A new agent.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAgent {
    /// Its display name, 1 to 256 characters.
    pub name: String,
    /// What it is told, at most 32,000 characters.
    pub instructions: String,
    /// The model or deployment; the service's own if not said.
    #[serde(default)]
    pub model: Option<String>,
    /// For people, at most 512 characters.
    #[serde(default)]
    pub description: Option<String>,
    /// Its tools; `[{"type": "file_search"}]` if not said.
    #[serde(default)]
    pub tools: Option<Vec<Tool>>,
    /// At most 15 pairs.
    #[serde(default)]
    pub metadata: Metadata,
}

/// A change of an agent: what is not said stays.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AgentChange {
    /// Its display name.
    #[serde(default)]
    pub name: Option<String>,
    /// What it is told.
    #[serde(default)]
    pub instructions: Option<String>,
    /// The model or deployment; `null`: the service's own.
    #[serde(default, deserialize_with = "said")]
    pub model: Option<Option<String>>,
    /// For people; `null`: none.
    #[serde(default, deserialize_with = "said")]
    pub description: Option<Option<String>>,
    /// Its tools.
    #[serde(default)]
    pub tools: Option<Vec<Tool>>,
    /// Replaces the pairs.
    #[serde(default)]
    pub metadata: Option<Metadata>,
}

/// A member that is there, `null` or not: one that is missing is not read at all.
fn said<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(from).map(Some)
}

/// An agent, in one version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Agent {
    /// Its name within the tenant.
    pub id: String,
    /// `agent`.
    pub object: String,
    /// Unix seconds.
    pub created_at: i64,
    /// Unix seconds of this version.
    pub updated_at: i64,
    /// This version, from 1.
    pub version: u32,
    /// Its display name.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// The model or deployment; `null`: the service's own.
    pub model: Option<String>,
    /// What it is told.
    pub instructions: String,
    /// Its tools.
    pub tools: Vec<Tool>,
    /// The client's pairs, and `tenantId`.
    pub metadata: Metadata,
}

impl Document for Agent {
    const KIND: Kind = Kind::Agent;

    fn id(&self) -> &str {
        &self.id
    }
}

#[derive(Serialize, Deserialize)]
struct AgentVersion {
    id: String,
    agent: Agent,
}

impl AgentVersion {
    fn of(agent: &Agent) -> Self {
        Self { id: format!("{}.{:08}", agent.id, agent.version), agent: agent.clone() }
    }
}

impl Document for AgentVersion {
    const KIND: Kind = Kind::AgentVersion;

    fn id(&self) -> &str {
        &self.id
    }

    fn parent(&self) -> &str {
        &self.agent.id
    }
}

/// A tenant's agents.
pub struct Agents<'a>(pub(crate) &'a Scope);

impl Agents<'_> {
    /// Makes an agent.
    ///
    /// # Errors
    /// [`Error::Invalid`], or the store's failure.
    pub async fn create(&self, new: NewAgent) -> Result<Versioned<Agent>, Error> {
        Rules::default().metadata(&new.metadata).done()?;
        let now = self.0.seconds();
        let agent = Agent {
            id: self.0.new_id("agent"),
            object: "agent".into(),
            created_at: now,
            updated_at: now,
            version: 1,
            name: new.name,
            description: new.description,
            model: new.model,
            instructions: new.instructions,
            tools: new.tools.unwrap_or_else(|| vec![Tool::FileSearch {}]),
            metadata: marked(new.metadata, self.0.tenant()),
        };
        self.check(&agent)?;
        let writes = vec![store::create(&agent)?, store::create(&AgentVersion::of(&agent))?];
        self.0.create_once(agent, writes).await
    }

    /// The agents, newest first.
    ///
    /// # Errors
    /// A cursor that is not this list's, or the store's failure.
    pub async fn list(&self, page: &PageRequest) -> Result<Page<Agent>, Error> {
        let page = self.0.page::<Agent>(newest(Kind::Agent, 0), page, |_| None).await?;
        Ok(page.map(|agent| agent.value))
    }

    /// One agent.
    ///
    /// # Errors
    /// [`Error::NotFound`], or the store's failure.
    pub async fn get(&self, id: &str) -> Result<Versioned<Agent>, Error> {
        self.0.store().get(id).await?.ok_or(Error::NotFound)
    }

    /// An agent's versions, newest first.
    ///
    /// # Errors
    /// [`Error::NotFound`], or the store's failure.
    pub async fn versions(&self, id: &str, page: &PageRequest) -> Result<Page<Agent>, Error> {
        let agent = self.get(id).await?.value;
        let query = Query { parent: Some(agent.id), ..newest(Kind::AgentVersion, 0) };
        let page = self.0.page::<AgentVersion>(query, page, |_| None).await?;
        Ok(page.map(|version| version.value.agent))
    }

    /// Makes a new version. Runs that have begun keep theirs.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Stale`], [`Error::Invalid`], or the store's failure.
    pub async fn update(
        &self,
        id: &str,
        change: AgentChange,
        if_match: Option<&Etag>,
    ) -> Result<Versioned<Agent>, Error> {
        let Versioned { value: mut agent, etag } = self.0.matching(self.get(id).await?, if_match)?;
        if let Some(metadata) = change.metadata {
            Rules::default().metadata(&metadata).done()?;
            agent.metadata = marked(metadata, self.0.tenant());
        }
        agent.name = change.name.unwrap_or(agent.name);
        agent.instructions = change.instructions.unwrap_or(agent.instructions);
        agent.model = change.model.unwrap_or(agent.model);
        agent.description = change.description.unwrap_or(agent.description);
        agent.tools = change.tools.unwrap_or(agent.tools);
        agent.version += 1;
        agent.updated_at = self.0.seconds();
        self.check(&agent)?;
        let writes = vec![store::replace(&agent, &etag)?, store::create(&AgentVersion::of(&agent))?];
        let etags = self.0.store().commit_if::<Agent>(id, if_match, writes).await?;
        Ok(Versioned {
            value: agent,
            etag: etags.into_iter().next().ok_or_else(|| Error::internal("no etag"))?,
        })
    }

    /// Removes an agent and its versions. It is gone at once; should the rest be cut short, the sweep ends it.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Stale`], or the store's failure.
    pub async fn delete(&self, id: &str, if_match: Option<&Etag>) -> Result<(), Error> {
        let Versioned { value: agent, etag } = self.0.matching(self.get(id).await?, if_match)?;
        let promise = self.0.promise(Promise::EraseAgent, id, ERASE_PATIENCE_S)?;
        let delete = Write::Delete(Kind::Agent, agent.id, Some(etag));
        self.0.store().commit_if::<Agent>(id, if_match, vec![delete, promise]).await?;
        if let Err(fault) = self.erase(id).await {
            tracing::warn!(tenant = %self.0.tenant(), agent = id, %fault, "the sweep will end the removal");
        }
        Ok(())
    }

    /// Removes what a deleted agent left.
    pub(crate) async fn erase(&self, id: &str) -> Result<(), Error> {
        self.0.delete_children::<AgentVersion>(id).await?;
        self.0.store().commit(vec![kept(id)]).await?;
        Ok(())
    }

    fn check(&self, agent: &Agent) -> Result<(), Error> {
        let mut rules = Rules::default();
        rules
            .text("/name", &agent.name, 1, 256)
            .text("/instructions", &agent.instructions, 0, 32_000)
            .text("/description", agent.description.as_deref().unwrap_or_default(), 0, 512)
            .that(agent.tools.len() <= 32, "/tools", "must have at most 32 items");
        if let Some(model) = &agent.model {
            let models = &self.0.settings().models;
            rules.text("/model", model, 1, 64);
            rules.that(
                models.is_empty() || models.contains(model),
                "/model",
                format!("must be one of {}", models.join(", ")),
            );
        }
        let mut names = vec![FILE_SEARCH];
        for (n, tool) in agent.tools.iter().enumerate() {
            if let Tool::Mcp { server_label } = tool {
                let servers = &self.0.settings().mcp_servers;
                let pointer = format!("/tools/{n}/server_label");
                let wanted = match servers.as_slice() {
                    [] => "is not taken: no MCP server is configured".to_owned(),
                    servers => format!("must be one of {}", servers.join(", ")),
                };
                rules.that(servers.contains(server_label), &pointer, wanted);
            }
            let Tool::Function { function } = tool else { continue };
            let pointer = format!("/tools/{n}/function");
            let name = &function.name;
            let legal = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b));
            rules.text(&format!("{pointer}/name"), name, 1, 64);
            rules.that(legal, &format!("{pointer}/name"), "must be letters, digits, _ and -");
            rules.that(
                !names.contains(&name.as_str()),
                &format!("{pointer}/name"),
                "is the name of another tool",
            );
            rules.text(&format!("{pointer}/description"), &function.description, 0, 1024);
            rules.that(
                function.parameters.is_object(),
                &format!("{pointer}/parameters"),
                "must be a JSON Schema object",
            );
            rules.that(
                function.parameters.to_string().len() <= 16_384,
                &format!("{pointer}/parameters"),
                "must be at most 16,384 bytes",
            );
            names.push(name);
        }
        rules.done()
    }
}
