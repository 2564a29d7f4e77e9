//! Key Vault: secrets and keys, <https://learn.microsoft.com/rest/api/keyvault/>. All vaults are one server: the host's
//! first label says which is meant. Names know no letter case, a deleted secret stands in the way of a new one until it is
//! recovered or purged, and keys are RSA of 2,048 bits.

mod keys;
mod secrets;

use crate::{
    Asked, Audit, Ca, Identity, Server,
    identity::Claims,
    refusal::{Refusal, refuse},
};
use axum::{
    Json, Router,
    body::Bytes,
    extract::{Query, State},
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use keys::Key;
use secrets::Secret;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
};

/// The audience of a vault's tokens.
pub const AUDIENCE: &str = "https://vault.azure.net";
const VERSIONS: [&str; 3] = ["7.5", "7.6", "2025-07-01"];

/// The vaults.
pub struct Vault {
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
    /// By vault and name, in small letters.
    secrets: BTreeMap<(String, String), Secret>,
    keys: BTreeMap<(String, String), Key>,
    /// Who may use a vault. One that is not here is everybody's.
    allowed: HashMap<String, BTreeSet<String>>,
    /// Versions made so far.
    made: u64,
}

impl Held {
    /// A version: 32 hexadecimal digits.
    fn version(&mut self) -> String {
        self.made += 1;
        format!("{:032x}", u128::from(self.made).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835))
    }
}

/// What is asked, and of which vault.
struct Request<'a> {
    vault: String,
    /// `https://HOST`, for the ids in answers.
    base: String,
    body: &'a Value,
}

type Answer = Result<Value, Refusal>;

impl Vault {
    /// Starts the vaults.
    pub async fn start(ca: &Ca, identity: &Identity, audit: &Audit) -> Self {
        let shared =
            Arc::new(Shared { identity: identity.clone(), audit: audit.clone(), held: Mutex::default() });
        let router = Router::new().fallback(answer).with_state(shared.clone());
        Self { server: Server::tls(ca, router).await, shared }
    }

    /// The shared vault, by address.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Where all vaults listen.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Makes a key, as an operator does; or a new version of it.
    pub fn create_key(&self, vault: &str, name: &str) -> String {
        let mut held = self.shared.held();
        let version = held.version();
        held.keys.entry((vault.to_owned(), name.to_lowercase())).or_default().add(version.clone());
        version
    }

    /// Disables a version of a key.
    pub fn disable_key(&self, vault: &str, name: &str, version: &str) {
        let mut held = self.shared.held();
        let key = held.keys.get_mut(&(vault.to_owned(), name.to_lowercase())).unwrap();
        key.disable(version);
    }

    /// Lets these identities, and no others, use a vault.
    pub fn allow(&self, vault: &str, identities: &[&str]) {
        let identities = identities.iter().map(|id| (*id).to_owned()).collect();
        self.shared.held().allowed.insert(vault.to_owned(), identities);
    }

    /// All secrets' names, by vault.
    pub fn secrets(&self) -> Vec<(String, String)> {
        self.shared.held().secrets.keys().cloned().collect()
    }
}

impl Shared {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap()
    }
}

/// Which vault a host is. One that is reached by its address is the shared one.
fn vault_of(host: &str) -> String {
    host.strip_suffix(".vault.azure.net").unwrap_or("shared").to_owned()
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    Query(query): Query<HashMap<String, String>>,
    body: Bytes,
) -> Response {
    let host = headers.get("host").and_then(|host| host.to_str().ok());
    let host = uri.authority().map(|authority| authority.as_str()).or(host).unwrap_or_default();
    let vault = vault_of(host.split(':').next().unwrap_or_default());
    let Some(claims) = shared.identity.check(&headers, AUDIENCE) else {
        // A client that does not know whom to ask for a token sends no body yet.
        let told = headers.contains_key(header::AUTHORIZATION);
        let challenge = format!(
            "Bearer authorization=\"https://login.microsoftonline.com/11111111-1111-1111-1111-111111111111\", \
             resource=\"{AUDIENCE}\"{}",
            if told { ", error=\"invalid_token\"" } else { "" }
        );
        let why = "AKV10000: Request is missing a Bearer or PoP token.";
        let refusal = refuse(401, "Unauthorized", why).into_response();
        return ([(header::WWW_AUTHENTICATE, challenge)], refusal).into_response();
    };
    let segments: Vec<&str> = uri.path().trim_matches('/').split('/').collect();
    note(&shared.audit, &claims, &vault, &method, &segments);
    let allowed = shared.held().allowed.get(&vault).is_none_or(|them| them.contains(&claims.identity));
    let body = if body.is_empty() { Ok(Value::Null) } else { serde_json::from_slice(&body) };
    let known = query.get("api-version").is_some_and(|version| VERSIONS.contains(&&**version));
    let answered = match &body {
        _ if !known => Err(refuse(400, "BadParameter", "The specified version is not recognized.")),
        _ if !allowed => {
            Err(refuse(403, "Forbidden", "Caller is not authorized to perform action on resource."))
        }
        Err(_) => Err(refuse(400, "BadParameter", "The request body is not JSON.")),
        Ok(body) => {
            let request = Request { vault, base: format!("https://{host}"), body };
            route(&mut shared.held(), &request, method.as_str(), &segments)
        }
    };
    match answered {
        Ok(answer) => (StatusCode::OK, Json(answer)).into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

fn route(held: &mut Held, request: &Request<'_>, method: &str, segments: &[&str]) -> Answer {
    let name = segments.get(1).copied().unwrap_or_default();
    let legal =
        (1..=127).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if !legal {
        return Err(refuse(400, "BadParameter", "The request URI contains an invalid name."));
    }
    match (method, segments) {
        ("PUT", ["secrets", _]) => held.set_secret(request, name),
        ("GET", ["secrets", _]) => held.secret(request, name, ""),
        ("GET", ["secrets", _, version]) => held.secret(request, name, version),
        ("DELETE", ["secrets", _]) => held.delete_secret(request, name),
        ("GET", ["deletedsecrets", _]) => held.deleted_secret(request, name),
        ("DELETE", ["deletedsecrets", _]) => held.purge_secret(request, name),
        ("POST", ["deletedsecrets", _, "recover"]) => held.recover_secret(request, name),
        ("POST", ["keys", _, "create" | "rotate"]) => {
            let version = held.version();
            let at = (request.vault.clone(), name.to_lowercase());
            held.keys.entry(at).or_default().add(version);
            held.key(request, name)?.shown(request, name)
        }
        ("GET", ["keys", _]) => held.key(request, name)?.shown(request, name),
        ("POST", ["keys", _, version, "wrapkey"]) => held.key(request, name)?.wrap(request, name, version),
        ("POST", ["keys", _, version, "unwrapkey"]) => {
            held.key(request, name)?.unwrap(request, name, version)
        }
        _ => Err(refuse(405, "MethodNotAllowed", "The method is not allowed on the resource.")),
    }
}

/// Whose it is, if the name or the vault says so.
fn note(audit: &Audit, claims: &Claims, vault: &str, method: &Method, segments: &[&str]) {
    let name = segments.get(1).copied().unwrap_or_default();
    let tenant = match vault {
        "shared" => name.split_once("--").map(|(tenant, _)| tenant.to_owned()),
        own => Some(own.to_owned()),
    };
    let verb = segments.get(2..).and_then(<[&str]>::last).filter(|verb| verb.ends_with("key"));
    audit.note(Asked {
        service: "vault",
        identity: claims.identity.clone(),
        audience: claims.audience.clone(),
        tenant,
        what: format!("{method} {}{}", segments[0], verb.map(|verb| format!(" {verb}")).unwrap_or_default()),
    });
}

/// What every secret's and key's answer says of it.
fn attributes(enabled: bool) -> Value {
    json!({"enabled": enabled, "created": 1_764_000_000, "updated": 1_764_000_000,
        "recoveryLevel": "Recoverable", "recoverableDays": 90})
}
