//! Foundry: agents in versions, conversations, and responses,
//! <https://learn.microsoft.com/azure/foundry/agents/concepts/runtime-components>. An agent's name is its identity: whoever
//! posts a version to a name adds it to whatever agent has that name, or makes one.
//!
//! Its model is the offline one of this service, so that what the service does with it can be expected here too; and it
//! obeys some [commands](brain) that bring about what the offline model never does.

mod agents;
mod brain;
mod conversations;
mod responses;
mod stream;

use crate::{
    Asked, Audit, Ca, Identity, Server,
    refusal::{Refusal, refuse},
};
use agents::AgentVersion;
use axum::{
    Json, Router,
    body::Bytes,
    extract::{Query, State},
    http::{HeaderMap, Method, Uri},
    response::{IntoResponse, Response},
};
use conversations::Conversation;
use responses::Run;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

/// The audience of its tokens.
pub const AUDIENCE: &str = "https://ai.azure.com";

/// The service, with one project.
pub struct Foundry {
    server: Server,
    shared: Arc<Shared>,
}

struct Shared {
    identity: Identity,
    audit: Audit,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    /// Versions, oldest first, by the agent's name.
    agents: BTreeMap<String, Vec<AgentVersion>>,
    conversations: BTreeMap<String, Conversation>,
    runs: BTreeMap<String, Arc<Run>>,
    /// Identities without the right to say for which user they ask, which no built-in role gives.
    bare: BTreeSet<String>,
    made: u64,
    pace: Duration,
}

/// A request, as far as all kinds of it are alike.
struct Request<'a> {
    query: &'a HashMap<String, String>,
    /// Of whom `x-ms-user-identity` speaks.
    user: Option<String>,
    body: Value,
}

type Answer = Result<Value, Refusal>;

impl Foundry {
    /// Starts it.
    pub async fn start(ca: &Ca, identity: &Identity, audit: &Audit) -> Self {
        let shared =
            Arc::new(Shared { identity: identity.clone(), audit: audit.clone(), held: Mutex::default() });
        let router = Router::new().fallback(answer).with_state(shared.clone());
        Self { server: Server::tls(ca, router).await, shared }
    }

    /// The project's endpoint.
    pub fn url(&self) -> String {
        format!("{}/api/projects/pool", self.server.url())
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// The agents' names, each with the number of its versions.
    pub fn agents(&self) -> Vec<(String, usize)> {
        let held = self.shared.held();
        held.agents.iter().map(|(name, versions)| (name.clone(), versions.len())).collect()
    }

    /// The conversations: id, metadata and items.
    pub fn conversations(&self) -> Vec<(String, Value, Vec<Value>)> {
        let held = self.shared.held();
        let shown = |(id, c): (&String, &Conversation)| (id.clone(), c.metadata.clone(), c.items.clone());
        held.conversations.iter().map(shown).collect()
    }

    /// The responses, in the order of their making.
    pub fn responses(&self) -> Vec<Value> {
        let runs: Vec<_> = self.shared.held().runs.values().cloned().collect();
        runs.iter().map(|run| run.shown()).collect()
    }

    /// Lets the model wait so long before each word.
    pub fn pace(&self, pace: Duration) {
        self.shared.held().pace = pace;
    }

    /// Takes from an identity the right to say for which user it asks.
    pub fn without_users(&self, identity: &str) {
        self.shared.held().bare.insert(identity.to_owned());
    }

    /// Forgets a conversation, as if somebody had deleted it.
    pub fn forget_conversation(&self, id: &str) {
        self.shared.held().conversations.remove(id);
    }

    /// Adds items to a conversation, as somebody with access to the project can.
    pub fn intrude(&self, id: &str, items: Value) {
        let mut held = self.shared.held();
        let items = held.new_items(&items, usize::MAX).unwrap_or_default();
        held.conversations.get_mut(id).unwrap().items.extend(items);
    }

    /// Forgets all agents, as if somebody had deleted them.
    pub fn forget_agents(&self) {
        self.shared.held().agents.clear();
    }

    /// Changes a version's definition, as somebody with access to the project can.
    pub fn tamper(&self, name: &str, change: impl Fn(&mut Value)) {
        let mut held = self.shared.held();
        held.agents.get_mut(name).unwrap().iter_mut().for_each(|version| change(&mut version.definition));
    }
}

impl Shared {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap()
    }
}

impl Held {
    /// An id that sorts by its making.
    fn id(&mut self, prefix: &str) -> String {
        self.made += 1;
        format!(
            "{prefix}_{:024x}{:024x}",
            self.made,
            u128::from(self.made).wrapping_mul(0x9e37_79b9_7f4a_7c15)
        )
    }
}

fn not_found(what: &str) -> Refusal {
    refuse(404, "not_found", &format!("{what} not found."))
}

fn invalid(why: &str) -> Refusal {
    refuse(400, "invalid_request_error", why)
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    Query(query): Query<HashMap<String, String>>,
    body: Bytes,
) -> Response {
    match dispatch(&shared, &method, &uri, &headers, &query, &body) {
        Ok(Reply::Json(answer)) => Json(answer).into_response(),
        Ok(Reply::Stream(run, after)) => stream::events(run, after),
        Ok(Reply::Whole(run)) => Json(run.ended().await).into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

enum Reply {
    Json(Value),
    Stream(Arc<Run>, Option<u64>),
    Whole(Arc<Run>),
}

fn dispatch(
    shared: &Arc<Shared>,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    query: &HashMap<String, String>,
    body: &Bytes,
) -> Result<Reply, Refusal> {
    let claims = shared.identity.check(headers, AUDIENCE);
    let claims =
        claims.ok_or_else(|| refuse(401, "unauthorized", "The token is missing or for another audience."))?;
    let path = uri.path().strip_prefix("/api/projects/pool/").ok_or_else(|| not_found("Project"))?;
    let body = if body.is_empty() {
        Value::Null
    } else {
        serde_json::from_slice(body).map_err(|_| invalid("no JSON"))?
    };
    let user = headers.get("x-ms-user-identity").map(|user| legal_user(user.to_str().unwrap_or_default()));
    let request = Request { query, user: user.transpose()?, body };
    let segments: Vec<&str> = path.split('/').collect();
    let held = &mut *shared.held();
    let bare = held.bare.contains(&claims.identity);
    shared.audit.note(Asked {
        service: "foundry",
        identity: claims.identity,
        audience: claims.audience,
        tenant: held.tenant(&segments, &request.body),
        what: format!("{method} {}", kind(&segments)),
    });
    if bare && request.user.is_some() {
        return Err(refuse(403, "forbidden", "The caller may not ask for another by x-ms-user-identity."));
    }
    match (method.as_str(), segments.as_slice()) {
        (verb, ["agents", rest @ ..]) => {
            if query.get("api-version").map(String::as_str) != Some("v1") {
                return Err(refuse(400, "bad_request", "The api-version query parameter must be v1."));
            }
            held.agents(verb, rest, &request).map(Reply::Json)
        }
        _ if query.contains_key("api-version") => {
            Err(refuse(400, "bad_request", "api-version is not taken here."))
        }
        (verb, ["openai", "v1", "conversations", rest @ ..]) => {
            held.conversations(verb, rest, &request).map(Reply::Json)
        }
        (verb, ["openai", "v1", "responses", rest @ ..]) => held.responses(shared, verb, rest, &request),
        _ => Err(not_found("Resource")),
    }
}

impl Held {
    /// Whose part of the project is touched, by what is stored there.
    fn tenant(&self, segments: &[&str], body: &Value) -> Option<String> {
        let agent = |name: &str| Some(self.agents.get(name)?.last()?.metadata.clone());
        let conversation = |id: &str| Some(self.conversations.get(id)?.metadata.clone());
        let metadata = match segments {
            ["agents"] | ["openai", "v1", "conversations"] => Some(body["metadata"].clone()),
            ["agents", name, ..] => agent(name).or_else(|| Some(body["metadata"].clone())),
            ["openai", "v1", "conversations", id, ..] => conversation(id),
            ["openai", "v1", "responses"] => agent(body["agent_reference"]["name"].as_str()?),
            ["openai", "v1", "responses", id, ..] => agent(&self.runs.get(*id)?.agent),
            _ => None,
        };
        metadata?["tenantId"].as_str().map(str::to_owned)
    }
}

/// A path without its names.
fn kind(segments: &[&str]) -> String {
    let rest = segments.strip_prefix(&["openai", "v1"]).unwrap_or(segments);
    let named =
        |(n, segment): (usize, &&str)| if n % 2 == 0 { (*segment).to_owned() } else { "*".to_owned() };
    rest.iter().enumerate().map(named).collect::<Vec<_>>().join("/")
}

fn legal_user(user: &str) -> Result<String, Refusal> {
    let legal = |b: u8| b.is_ascii_alphanumeric() || b"._:-@".contains(&b);
    if (1..=256).contains(&user.len()) && user.bytes().all(legal) {
        Ok(user.to_owned())
    } else {
        Err(refuse(400, "bad_request", "x-ms-user-identity is 1 to 256 of A-Z, a-z, 0-9 and ._:-@"))
    }
}

/// At most 16 pairs of texts, of at most 64 and 512 characters.
fn metadata(value: &Value) -> Result<Value, Refusal> {
    let empty = serde_json::Map::new();
    let pairs = if value.is_null() { Some(&empty) } else { value.as_object() };
    let short = |(key, value): (&String, &Value)| {
        key.chars().count() <= 64 && value.as_str().is_some_and(|text| text.chars().count() <= 512)
    };
    let pairs = pairs.filter(|pairs| pairs.len() <= 16 && pairs.iter().all(short));
    pairs.map(|pairs| json!(pairs)).ok_or_else(|| invalid("metadata is at most 16 pairs of short texts"))
}

/// A page of a list: `limit` (1 to 100, without: 20), `order` (without: `desc`), `after`.
fn page(items: &[Value], query: &HashMap<String, String>) -> Answer {
    let limit = query.get("limit").map_or(Ok(20), |limit| limit.parse::<usize>());
    let limit =
        limit.ok().filter(|limit| (1..=100).contains(limit)).ok_or_else(|| invalid("limit is 1 to 100"))?;
    let mut items: Vec<Value> = items.to_vec();
    if query.get("order").is_none_or(|order| order == "desc") {
        items.reverse();
    }
    if let Some(after) = query.get("after") {
        let at = items.iter().position(|item| item["id"] == after.as_str());
        items.drain(..=at.ok_or_else(|| invalid("after is not in the list"))?);
    }
    let more = items.len() > limit;
    items.truncate(limit);
    let id = |item: Option<&Value>| item.map(|item| item["id"].clone());
    Ok(json!({"object": "list", "first_id": id(items.first()), "last_id": id(items.last()),
        "has_more": more, "data": items}))
}
