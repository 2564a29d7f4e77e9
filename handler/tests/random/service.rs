//! A service in memory, and tokens for it. The fuzz targets share it.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use handler::app::App;
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use pool::{
    Doors, Grants, SealKeys, Settings, TenantId, TenantRecord,
    conformance::memory::{
        ManualClock, MemoryBlobs, MemoryDirectory, MemoryIndex, MemoryKeys, MemoryQueue, MemoryRecords,
        SeededEntropy,
    },
    ports::{
        ByteStream, Extraction, Extractor, Model, ModelStream, PortError, PortResult, Ports, StepRequest,
    },
    token::{Issuer, IssuerKeys, Jwks, TokenRules},
};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock, OnceLock},
};
use tokio::runtime::Runtime;

/// The time at which everything happens.
pub const NOW: i64 = 1_780_315_200;

/// The one thread that everything runs on.
pub static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let built = tokio::runtime::Builder::new_current_thread().enable_all().build();
    built.expect("a runtime")
});

static KEY: LazyLock<EncodingKey> = LazyLock::new(|| {
    EncodingKey::from_rsa_pem(include_bytes!("../../pool/tests/keys/a.pem")).expect("a key")
});

/// Rules that believe one issuer.
pub fn rules() -> TokenRules {
    let jwk = include_str!("../../pool/tests/keys/a.jwk.json");
    let keys = Jwks::parse(format!("{{\"keys\":[{jwk}]}}").as_bytes()).expect("a key set");
    let issuer = Issuer {
        issuer: "https://issuer.example".into(),
        audience: "api://pool".into(),
        platform_audience: Some("api://platform".into()),
        tenant_claim: "extension_tenantId".into(),
        tenants: Vec::new(),
        keys: IssuerKeys::Fixed(keys),
    };
    let grants = Grants::parse(Grants::DEFAULT).expect("grants");
    TokenRules::new(vec![issuer], grants, Arc::new(MemoryKeys::default())).expect("rules")
}

/// A token of these texts, well signed.
pub fn signed(header: &[u8], claims: &[u8]) -> String {
    let message = format!("{}.{}", BASE64.encode(header), BASE64.encode(claims));
    let signature = crypto::sign(message.as_bytes(), &KEY, Algorithm::RS256).expect("a signature");
    format!("{message}.{signature}")
}

/// The header of a good token.
pub fn header() -> Value {
    json!({"alg": "RS256", "kid": "a", "typ": "JWT"})
}

/// The claims of a good token.
pub fn claims() -> Value {
    json!({"iss": "https://issuer.example", "aud": "api://pool", "sub": "alice", "roles": ["admin"],
        "extension_tenantId": "contoso", "iat": NOW, "exp": NOW + 3600})
}

/// The credential of an admin of `contoso`.
pub fn credential() -> &'static str {
    static CREDENTIAL: OnceLock<String> = OnceLock::new();
    CREDENTIAL.get_or_init(|| {
        format!("Bearer {}", signed(header().to_string().as_bytes(), claims().to_string().as_bytes()))
    })
}

/// A service of two tenants, in memory.
pub fn service() -> Arc<App> {
    let clock = Arc::new(ManualClock::default());
    let names = ["contoso", "fabrikam"].map(|name| TenantRecord::new(name, name));
    let ports = Ports {
        records: Arc::new(MemoryRecords::new(clock.clone())),
        blobs: Arc::new(MemoryBlobs::new()),
        links: None,
        index: Arc::new(MemoryIndex::new()),
        queue: Arc::new(MemoryQueue::new(clock.clone())),
        directory: Arc::new(MemoryDirectory::new(names)),
        model: Arc::new(Silent),
        embedder: None,
        extractor: Arc::new(Silent),
        clock,
        entropy: Arc::new(SeededEntropy::default()),
    };
    let keys = SealKeys::new("k1", BTreeMap::from([("k1".to_owned(), [7; 32])]), [9; 32]).expect("keys");
    let doors = Doors::new(ports, keys, rules(), Settings { max_file: 100_000, ..Settings::default() });
    let storage_account: Option<url::Url> = "https://acct.blob.core.windows.net".parse().ok();
    Arc::new(App {
        doors,
        cors: Vec::new(),
        storage_account,
        backend: "memory",
        openapi: OnceLock::new(),
        gates: Default::default(),
    })
}

/// A model and an extractor that have nothing to say.
struct Silent;

#[async_trait::async_trait]
impl Model for Silent {
    async fn step(&self, _: &TenantId, _: StepRequest) -> PortResult<ModelStream> {
        Err(PortError::refused("nothing to say"))
    }
}

#[async_trait::async_trait]
impl Extractor for Silent {
    async fn extract(&self, _: &str, _: &str, _: u64, _: ByteStream) -> PortResult<Extraction> {
        let (code, reason) = ("no_text".to_owned(), "nothing to say".to_owned());
        Ok(Extraction::Rejected { code, reason })
    }
}
