//! A deployment of Azure OpenAI behind the OpenAI-compatible adapter: each request carries a token of the tenant's own
//! identity, for the right audience, and a fresh one when the last has ended.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::post,
};
use azure::{Identities, Tenants};
use azure_core::{
    credentials::{AccessToken, TokenCredential, TokenRequestOptions},
    time::OffsetDateTime,
};
use doubles::{Audit, Identity, Server};
use futures::{FutureExt, StreamExt};
use local::model::{Endpoint, OpenAiCompatible, OpenAiEmbeddings, Tokens};
use pool::{
    TenantId, TenantRecord,
    conformance::memory::MemoryDirectory,
    ports::{Embedder, Item, Model, ModelEvent, PortError, PortResult, Role, StepRequest, SystemClock},
    testing::tenant,
};
use serde_json::json;
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

const AUDIENCE: &str = "https://cognitiveservices.azure.com";

type Seen = Arc<Mutex<Vec<String>>>;

/// Answers whoever has a token for the audience, and notes their identities.
async fn deployment(identity: &Identity) -> (Server, Seen) {
    let seen = Seen::default();
    let admit = |(identity, seen): &(Identity, Seen), headers: &HeaderMap| {
        let claims = identity.check(headers, AUDIENCE);
        let claims = claims.ok_or((StatusCode::UNAUTHORIZED, Json(json!({"error": {"code": "401"}}))))?;
        seen.lock().unwrap().push(claims.identity);
        Ok::<_, (StatusCode, Json<serde_json::Value>)>(())
    };
    let chat = move |State(state): State<(Identity, Seen)>, headers: HeaderMap| async move {
        let answer = "data: {\"choices\":[{\"delta\":{\"content\":\"yes\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
        admit(&state, &headers).map(|()| ([("content-type", "text/event-stream")], answer)).into_response()
    };
    let embeddings = move |State(state): State<(Identity, Seen)>, headers: HeaderMap| async move {
        let answer = Json(json!({"data": [{"index": 0, "embedding": [3.0, 4.0]}]}));
        let response: Response = admit(&state, &headers).map(|()| answer).into_response();
        response
    };
    let router = Router::new()
        .route("/openai/v1/chat/completions", post(chat))
        .route("/openai/v1/embeddings", post(embeddings))
        .with_state((identity.clone(), seen.clone()));
    (Server::plain(router).await, seen)
}

#[derive(Debug)]
struct Minted(String, Arc<AtomicUsize>, Hidden);

struct Hidden(Identity);

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the identity endpoint")
    }
}

#[async_trait::async_trait]
impl TokenCredential for Minted {
    async fn get_token(
        &self,
        scopes: &[&str],
        _: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        self.1.fetch_add(1, Ordering::SeqCst);
        let token = self.2.0.mint(&self.0, scopes[0].strip_suffix("/.default").unwrap());
        Ok(AccessToken::new(token, OffsetDateTime::now_utc()))
    }
}

struct World {
    server: Server,
    seen: Seen,
    identities: Arc<Identities>,
    asked: Arc<AtomicUsize>,
}

impl World {
    async fn start() -> Self {
        let identity = Identity::start(&["id-of-b"], &Audit::default()).await;
        let (server, seen) = deployment(&identity).await;
        let b = TenantRecord {
            managed_identity_client_id: Some("id-of-b".into()),
            ..TenantRecord::new("conf-b", "B")
        };
        let tenants = Tenants::new(Arc::new(MemoryDirectory::new([TenantRecord::new("conf-a", "A"), b])));
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = asked.clone();
        let maker = move |id: Option<&str>| {
            let name = id.unwrap_or("system").to_owned();
            let minted = Minted(name, counted.clone(), Hidden(identity.clone()));
            Ok(Arc::new(minted) as Arc<dyn TokenCredential>)
        };
        let identities = Arc::new(Identities::new(None, tenants, Arc::new(maker)));
        Self { server, seen, identities, asked }
    }

    /// The deployment, with tokens of this scope: what the service is wired with.
    fn endpoint(&self, scope: &'static str) -> Arc<Endpoint> {
        let identities = self.identities.clone();
        let tokens: Tokens = Arc::new(move |tenant: TenantId| {
            let identities = identities.clone();
            async move { identities.token(&tenant, scope).await }.boxed()
        });
        let base = format!("{}/openai/v1", self.server.url());
        Arc::new(Endpoint::with_tokens(&base, tokens, Arc::new(SystemClock)).unwrap())
    }
}

async fn ask(endpoint: Arc<Endpoint>, name: &str) -> PortResult<Vec<ModelEvent>> {
    let request = StepRequest {
        items: vec![Item::Message { role: Role::User, text: "Well?".into() }],
        ..StepRequest::default()
    };
    let stream = OpenAiCompatible::new(endpoint, "gpt").step(&tenant(name), request).await?;
    stream.collect::<Vec<_>>().await.into_iter().collect()
}

#[tokio::test]
async fn each_tenant_asks_as_itself() {
    let world = World::start().await;
    let endpoint = world.endpoint("https://cognitiveservices.azure.com/.default");
    for name in ["conf-a", "conf-b"] {
        let events = ask(endpoint.clone(), name).await.unwrap();
        assert_eq!(events[0], ModelEvent::Text("yes".into()));
        let embedder = OpenAiEmbeddings::new(endpoint.clone(), "e", 2);
        let vectors = embedder.embed(&tenant(name), &["x".to_owned()]).await.unwrap();
        assert_eq!(vectors, [[0.6, 0.8]]);
    }
    assert_eq!(*world.seen.lock().unwrap(), ["system", "system", "id-of-b", "id-of-b"]);
    assert_eq!(
        world.asked.load(Ordering::SeqCst),
        4,
        "the credential is asked each time: it knows when a token ends"
    );
}

#[tokio::test]
async fn a_token_for_something_else_is_refused() {
    let world = World::start().await;
    for scope in ["https://search.azure.com/.default", "https://management.azure.com/.default"] {
        let error = ask(world.endpoint(scope), "conf-a").await.unwrap_err();
        assert!(matches!(error, PortError::Refused(_)), "{error:?}");
    }
    let unknown = ask(world.endpoint("https://cognitiveservices.azure.com/.default"), "nobody").await;
    assert!(matches!(unknown, Err(PortError::Refused(_))), "{unknown:?}");
    assert!(world.seen.lock().unwrap().is_empty());
}
