//! The managed-identity endpoint of App Service, <https://learn.microsoft.com/azure/app-service/overview-managed-identity>.

use crate::{
    Ca, Server,
    audit::{Asked, Audit},
};
use async_trait::async_trait;
use axum::{
    Json, Router,
    extract::{Query, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::get,
};
use azure_core::{
    credentials::{AccessToken, TokenCredential, TokenRequestOptions},
    time::OffsetDateTime,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;
use std::{
    collections::{BTreeSet, HashMap},
    net::SocketAddr,
    sync::{Arc, Mutex},
};

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// Whose it is: a client id, or `system`.
    pub identity: String,
    /// Whom it is for.
    pub audience: String,
    /// When it ends, in Unix seconds.
    pub expires: i64,
}

/// The endpoint. Its tokens are believed by the doubles, and by Azurite, which looks at claims alone.
#[derive(Clone)]
pub struct Identity(Arc<Inner>);

struct Inner {
    server: Server,
    shared: Arc<Shared>,
}

struct Shared {
    secret: String,
    /// The client ids that are assigned to the app.
    assigned: BTreeSet<String>,
    minted: Mutex<HashMap<String, Claims>>,
    audit: Audit,
    lifetime: i64,
}

#[derive(Deserialize)]
struct Asking {
    resource: String,
    #[serde(rename = "api-version")]
    api_version: String,
    client_id: Option<String>,
}

impl Identity {
    /// Starts one that knows these user-assigned identities beside the system-assigned one.
    pub async fn start(assigned: &[&str], audit: &Audit) -> Self {
        Self::with_lifetime(assigned, audit, 3_600).await
    }

    /// The same, with tokens that live for `lifetime` seconds.
    pub async fn with_lifetime(assigned: &[&str], audit: &Audit, lifetime: i64) -> Self {
        let (shared, router) = Self::parts(assigned, audit, lifetime);
        Self(Arc::new(Inner { server: Server::plain(router).await, shared }))
    }

    /// The same over TLS, so that a [proxy](crate::faults::Faults) can stand before it.
    pub async fn over_tls(ca: &Ca, assigned: &[&str], audit: &Audit) -> Self {
        let (shared, router) = Self::parts(assigned, audit, 3_600);
        Self(Arc::new(Inner { server: Server::tls(ca, router).await, shared }))
    }

    fn parts(assigned: &[&str], audit: &Audit, lifetime: i64) -> (Arc<Shared>, Router) {
        let shared = Arc::new(Shared {
            secret: "a-header-that-only-the-app-knows".to_owned(),
            assigned: assigned.iter().map(|id| (*id).to_owned()).collect(),
            minted: Mutex::default(),
            audit: audit.clone(),
            lifetime,
        });
        let router = Router::new().route("/msi/token", get(answer)).with_state(shared.clone());
        (shared, router)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.0.server.address()
    }

    /// `IDENTITY_ENDPOINT` and `IDENTITY_HEADER`.
    pub fn environment(&self) -> [(&'static str, String); 2] {
        [
            ("IDENTITY_ENDPOINT", format!("{}/msi/token", self.0.server.url())),
            ("IDENTITY_HEADER", self.0.shared.secret.clone()),
        ]
    }

    /// A token for a test's own requests.
    pub fn mint(&self, identity: &str, audience: &str) -> String {
        self.0.shared.mint(identity, audience)
    }

    /// The credential of an identity, for adapters that run in the test's own process. It caches nothing.
    ///
    /// # Panics
    /// If no such identity is assigned.
    pub fn credential(&self, client_id: Option<&str>) -> Arc<dyn TokenCredential> {
        let shared = self.0.shared.clone();
        assert!(client_id.is_none_or(|id| shared.assigned.contains(id)), "{client_id:?} is not assigned");
        Arc::new(Assigned { shared, identity: client_id.unwrap_or("system").to_owned() })
    }

    /// What a request's bearer token says, if this endpoint made it, it is for `audience`, and it has not ended.
    pub fn check(&self, headers: &HeaderMap, audience: &str) -> Option<Claims> {
        let token = headers.get("authorization")?.to_str().ok()?.strip_prefix("Bearer ")?;
        self.check_token(token, audience)
    }

    /// The same, of a token.
    pub fn check_token(&self, token: &str, audience: &str) -> Option<Claims> {
        let claims = self.0.shared.minted.lock().unwrap().get(token).cloned()?;
        let same = claims.audience.trim_end_matches('/') == audience.trim_end_matches('/');
        (same && claims.expires > now()).then_some(claims)
    }
}

/// What a process that is not the app has instead of a managed identity: tokens from the endpoint, without HTTP.
#[derive(Debug)]
struct Assigned {
    shared: Arc<Shared>,
    identity: String,
}

#[async_trait]
impl TokenCredential for Assigned {
    async fn get_token(
        &self,
        scopes: &[&str],
        _options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let audience = scopes[0].trim_end_matches("/.default");
        let ends = OffsetDateTime::from_unix_timestamp(now() + self.shared.lifetime).unwrap();
        Ok(AccessToken::new(self.shared.mint(&self.identity, audience), ends))
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Shared")
    }
}

impl Shared {
    fn mint(&self, identity: &str, audience: &str) -> String {
        let (now, mut minted) = (now(), self.minted.lock().unwrap());
        let expires = now + self.lifetime;
        let claims = json!({
            "aud": audience, "iss": "https://sts.windows.net/11111111-1111-1111-1111-111111111111/",
            "tid": "11111111-1111-1111-1111-111111111111", "oid": identity, "appid": identity, "sub": identity,
            "iat": now - 5, "nbf": now - 5, "exp": expires, "jti": minted.len(),
        });
        let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let token = format!("{}.{}.c2ln", part(&json!({"alg": "RS256", "typ": "JWT"})), part(&claims));
        let claims = Claims { identity: identity.to_owned(), audience: audience.to_owned(), expires };
        minted.insert(token.clone(), claims);
        token
    }
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Query(asking): Query<Asking>,
) -> Response {
    let secret = headers.get("x-identity-header").and_then(|value| value.to_str().ok());
    if secret != Some(&shared.secret) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let refuse =
        |message: &str| (StatusCode::BAD_REQUEST, Json(json!({"statusCode": 400, "message": message})));
    if asking.api_version != "2019-08-01" {
        return refuse("this api-version is not known").into_response();
    }
    if asking.client_id.as_ref().is_some_and(|id| !shared.assigned.contains(id)) {
        return refuse("no such identity is assigned to this app").into_response();
    }
    let identity = asking.client_id.unwrap_or_else(|| "system".to_owned());
    shared.audit.note(Asked {
        service: "identity",
        identity: identity.clone(),
        audience: asking.resource.clone(),
        tenant: None,
        what: "GET token".to_owned(),
    });
    let token = shared.mint(&identity, &asking.resource);
    Json(json!({
        "access_token": token, "expires_on": (now() + shared.lifetime).to_string(), "resource": asking.resource,
        "token_type": "Bearer", "client_id": identity,
    }))
    .into_response()
}

#[expect(clippy::disallowed_methods, reason = "a server of its own has a clock of its own")]
fn now() -> i64 {
    Timestamp::now().as_second()
}
