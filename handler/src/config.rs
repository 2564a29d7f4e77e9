//! Settings: a pure function of strings, that tells all faults at once.

mod azure;
mod environment;
mod issuers;
mod mcp;

pub use azure::AzureConfig;
pub use issuers::{IssuerConfig, KeysAt};

use pool::{FieldType, Grants, Settings};
use std::{collections::BTreeMap, path::PathBuf};

/// The issuer of tokens on a developer's machine. Refused in Azure.
pub const DEV_ISSUER: &str = "https://dev.pooled-agents.invalid/";
/// The audience of tokens on a developer's machine.
pub const DEV_AUDIENCE: &str = "api://pooled-agents-dev";

/// A setting: its name, its value when it is not set, what it means.
pub struct Setting {
    /// The name of the environment variable.
    pub name: &'static str,
    /// What it is when it is not set.
    pub default: &'static str,
    /// What it means.
    pub meaning: &'static str,
}

const fn setting(name: &'static str, default: &'static str, meaning: &'static str) -> Setting {
    Setting { name, default, meaning }
}

/// Every setting. `local.settings.json.example` says the same, and a test holds it to that.
#[rustfmt::skip]
pub const SETTINGS: &[Setting] = &[
    setting("POOL_BACKEND", "local", "Where data is kept. `local`: files on this machine (refused in Azure). `azure`: the services below."),
    setting("POOL_STATE", ".pooled", "The folder of the local backend."),
    setting("LOCAL_STORAGE_URL", "", "Where the local backend's upload links point to; `dev` sets it. Empty: no links."),
    setting("STORAGE_ACCOUNT_URL", "", "The storage account's blobs, as a URL: `https://account.blob.core.windows.net`. Only its events are believed; empty: any account's, with the local backend."),
    setting("STORAGE_QUEUE_URL", "", "The storage account's queues: `https://account.queue.core.windows.net`."),
    setting("COSMOS_ENDPOINT", "", "The Cosmos DB account: `https://account.documents.azure.com/`."),
    setting("COSMOS_DATABASE", "pool", "The database in it, with the containers `documents` and `tenants`."),
    setting("SEARCH_ENDPOINT", "", "The AI Search service: `https://service.search.windows.net`."),
    setting("SEARCH_INDEX", "documents", "The index that tenants share. A tenant with a prefix of its own has `<prefix>-<index>`."),
    setting("KEYVAULT_URL", "", "The Key Vault that tenants share: `https://vault.vault.azure.net`. The service keeps nothing there yet: it is for what is built on it."),
    setting("FOUNDRY_ENDPOINT", "", "The Foundry project that runs agents: `https://account.services.ai.azure.com/api/projects/project`. Empty: MODEL_ENDPOINT is used."),
    setting("AZURE_CREDENTIAL", "managed_identity", "How the service proves who it is to Azure: `managed_identity`, `workload_identity` or `developer` (whoever is signed in to `az`)."),
    setting("AZURE_CLIENT_ID", "", "The client id of the app's user-assigned identity. Empty: its system-assigned one."),
    setting("SEAL_KEYS", "", "Keys that seal jobs and cursors: `id:key`, with commas between; the first seals, all open. A key is 32 bytes in base64. The local backend makes its own."),
    setting("NAMING_KEY", "", "The key that derives opaque names: 32 bytes in base64, never changed. The local backend makes its own."),
    setting("JWT_ISSUER", "", "The exact `iss` of the tokens that are believed."),
    setting("JWT_AUDIENCE", "", "The `aud` that is this service's."),
    setting("JWT_DISCOVERY_URL", "", "The issuer's OpenID Connect discovery document, which names its keys."),
    setting("JWT_JWKS_FILE", "", "Instead of a discovery document: a file with the issuer's JWK Set."),
    setting("JWT_TENANT_CLAIM", "extension_tenantId", "The claim that names the tenant."),
    setting("JWT_PLATFORM_AUDIENCE", "", "The `aud` of tokens for operators of the platform. They open no tenant. Empty: there are none."),
    setting("JWT_ISSUERS", "", "More issuers: a JSON array of objects with `issuer`, `audience`, one of `discovery_url`, `jwks_url` and `jwks_file`, and, if wanted, `tenant_claim`, `tenants` (those that it may name; none: any) and `platform_audience`. Their users are never those of `JWT_ISSUER`, whatever their `sub`."),
    setting("JWT_PERMISSIONS", Grants::DEFAULT, "What roles and scopes permit: `role=what`, `scp:scope=what` or `*=what` (anyone), with commas between; what is `admin`, `user`, or permissions such as `read:agents` with `+` between."),
    setting("RECORD_COLLECTIONS", "threads,events,items", "The collections of `cosmos/{collection}`, with commas between."),
    setting("SEARCH_FIELDS", "category:text,source:text,language:text,url:text,year:number", "Fields that search documents may carry: `name:text`, `name:number` or `name:bool`, with commas between."),
    setting("MODELS", "", "The models that agents may name, with commas between. Empty: any."),
    setting("MODEL_ENDPOINT", "", "An OpenAI-compatible endpoint, up to `/v1`. Empty: the offline model, `extractive`."),
    setting("MODEL_NAME", "", "The model that agents use who name none."),
    setting("MODEL_API_KEY", "", "The endpoint's key, if it wants one."),
    setting("EMBEDDING_MODEL", "", "The endpoint's embedding model. Empty: search by words alone."),
    setting("EMBEDDING_DIMENSIONS", "1536", "The length of its vectors."),
    setting("MCP_SERVERS", "", "MCP servers whose tools agents in Foundry may be given: `label=https://address`, with commas between. Each call waits for the client's approval."),
    setting("MAX_FILE_BYTES", "104857600", "The largest file that may be uploaded."),
    setting("CORS_ORIGINS", "", "Origins whose pages may read answers: exact, with commas between. Preflight requests are the platform's to answer."),
    setting("APPLICATIONINSIGHTS_CONNECTION_STRING", "", "Where telemetry is sent: Application Insights. Empty: nowhere."),
    setting("OTEL_EXPORTER_OTLP_ENDPOINT", "", "Where telemetry is sent too: an OTLP endpoint (HTTP, protobuf), as a URL. Empty: nowhere."),
    setting("LOG_LEVEL", "info", "What is logged: `error`, `warn`, `info`, `debug`, or a filter such as `info,pool=debug`."),
];

/// The largest file that anything here reads, in bytes: the extractor, and the envelope of a drop folder's file.
const MAX_FILE: u64 = 100 * 1024 * 1024;

/// Variables that the platform sets, and we read.
const PLATFORM: [&str; 3] = ["FUNCTIONS_CUSTOMHANDLER_PORT", "WEBSITE_INSTANCE_ID", "POOL_HOST_STDIN"];

/// Variables that the Azure SDK and the TLS stack read.
const SDK: [&str; 9] = [
    "IDENTITY_ENDPOINT",
    "IDENTITY_HEADER",
    "AZURE_TENANT_ID",
    "AZURE_FEDERATED_TOKEN_FILE",
    "AZURE_AUTHORITY_HOST",
    "AZURE_CONFIG_DIR",
    "SSL_CERT_FILE",
    "PATH",
    "HOME",
];

/// What the service is told.
#[derive(Clone, Debug)]
pub struct Config {
    /// The port that the Functions host wants us on.
    pub port: u16,
    /// The folder of the local backend.
    pub state: PathBuf,
    /// Where upload links point to.
    pub storage_url: Option<String>,
    /// The storage account whose events are believed.
    pub storage_account: Option<url::Url>,
    /// The Azure backend; `None`: the local one.
    pub azure: Option<AzureConfig>,
    /// The issuers of tokens.
    pub issuers: Vec<IssuerConfig>,
    /// What roles and scopes permit.
    pub grants: Grants,
    /// The model's endpoint.
    pub model: Option<ModelConfig>,
    /// The model of agents that name none.
    pub model_name: String,
    /// The length of vectors.
    pub dimensions: usize,
    /// MCP servers, by the labels that agents name.
    pub mcp_servers: BTreeMap<String, url::Url>,
    /// Origins that browsers may call from.
    pub cors: Vec<String>,
    /// Application Insights' connection string.
    pub insights: Option<String>,
    /// An OTLP endpoint.
    pub otlp: Option<String>,
    /// What is logged.
    pub log: String,
    /// The host closes our standard input when it dies, and wants us to die with it.
    pub dies_with_stdin: bool,
    /// What an operator decides for all tenants.
    pub settings: Settings,
}

/// An OpenAI-compatible endpoint.
#[derive(Clone)]
pub struct ModelConfig {
    /// Up to `/v1`.
    pub endpoint: String,
    /// The model of agents that name none.
    pub name: String,
    /// Its key.
    pub key: Option<String>,
    /// The embedding model and the length of its vectors.
    pub embedding: Option<(String, usize)>,
}

impl std::fmt::Debug for ModelConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ModelConfig").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Config {
    /// Reads the settings through `get`.
    ///
    /// # Errors
    /// Every fault, a line each, with the setting's name and the rule.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Result<Self, Vec<String>> {
        let mut faults = Vec::new();
        let text = |name: &'static str| {
            let default = SETTINGS.iter().find(|known| known.name == name).map_or("", |known| known.default);
            get(name).filter(|value| !value.is_empty()).unwrap_or_else(|| default.to_owned())
        };
        let optional = |name: &'static str| Some(text(name)).filter(|value| !value.is_empty());
        let [port, in_azure, stdin] = PLATFORM.map(&get);
        let in_azure = in_azure.is_some();
        let port = port.as_deref().unwrap_or_default().parse().unwrap_or_else(|_| {
            faults.push("FUNCTIONS_CUSTOMHANDLER_PORT must be a port: the Functions host sets it".into());
            0
        });
        let local = text("POOL_BACKEND") == "local";
        let azure = match text("POOL_BACKEND").as_str() {
            "local" if in_azure => {
                faults
                    .push("POOL_BACKEND must not be `local` in Azure: an instance's disk is not kept".into());
                None
            }
            "local" => None,
            "azure" => azure::read(&text, in_azure, &mut faults),
            other => {
                faults.push(format!("POOL_BACKEND must be `local` or `azure`, not `{other}`"));
                None
            }
        };
        let issuers = issuers::read(&text, in_azure, &mut faults);
        let grants = Grants::parse(&text("JWT_PERMISSIONS"));
        if let Err(rule) = &grants {
            faults.push(format!("JWT_PERMISSIONS: {rule}"));
        }
        let storage_account = match (optional("STORAGE_ACCOUNT_URL"), &azure) {
            (_, Some(azure)) => Some(azure.blobs.clone()),
            (Some(text), None) if local => {
                url::Url::parse(&text).ok().filter(url::Url::has_host).or_else(|| {
                    faults.push(
                        "STORAGE_ACCOUNT_URL must be a URL: https://account.blob.core.windows.net".into(),
                    );
                    None
                })
            }
            _ => None,
        };
        let mut number = |name: &'static str| {
            text(name).parse().unwrap_or_else(|_| {
                faults.push(format!("{name} must be a whole number"));
                0
            })
        };
        let (max_file, dimensions) = (number("MAX_FILE_BYTES"), number("EMBEDDING_DIMENSIONS") as usize);
        if max_file > MAX_FILE {
            faults.push(format!("MAX_FILE_BYTES must be at most {MAX_FILE}: no more is read of a file"));
        }
        let search_fields = search_fields(&text("SEARCH_FIELDS"), &mut faults);
        let model = optional("MODEL_ENDPOINT").map(|endpoint| {
            if !endpoint.starts_with("http://") && !endpoint.starts_with("https://") {
                faults.push("MODEL_ENDPOINT must be a URL: http://127.0.0.1:11434/v1".into());
            }
            if text("MODEL_NAME").is_empty() {
                faults.push("MODEL_NAME is needed beside MODEL_ENDPOINT".into());
            }
            if azure.is_some() && text("MODEL_API_KEY").is_empty() && !azure::takes_tokens(&endpoint, in_azure) {
                faults.push("MODEL_ENDPOINT without MODEL_API_KEY is given tokens of tenants, so it must be https and end in .openai.azure.com, .cognitiveservices.azure.com or .services.ai.azure.com".into());
            }
            if in_azure && !endpoint.starts_with("https://") {
                faults.push("MODEL_ENDPOINT must begin with https in Azure".into());
            }
            ModelConfig {
                endpoint,
                name: text("MODEL_NAME"),
                key: optional("MODEL_API_KEY"),
                embedding: optional("EMBEDDING_MODEL").map(|name| (name, dimensions)),
            }
        });
        let cors = words(&text("CORS_ORIGINS"));
        if cors.iter().any(|origin| origin == "*" || origin == "null") {
            faults.push("CORS_ORIGINS must be exact origins: neither `*` nor `null`".into());
        }
        let mcp_servers = mcp::read(&text, &mut faults);
        let settings = Settings {
            collections: words(&text("RECORD_COLLECTIONS")),
            search_fields,
            models: words(&text("MODELS")),
            mcp_servers: mcp_servers.keys().cloned().collect(),
            max_file,
        };
        let Ok(grants) = grants else { return Err(faults) };
        let config = Self {
            port,
            state: text("POOL_STATE").into(),
            storage_url: optional("LOCAL_STORAGE_URL"),
            storage_account,
            azure,
            issuers,
            grants,
            model,
            model_name: text("MODEL_NAME"),
            dimensions,
            mcp_servers,
            cors,
            insights: optional("APPLICATIONINSIGHTS_CONNECTION_STRING"),
            otlp: optional("OTEL_EXPORTER_OTLP_ENDPOINT"),
            log: text("LOG_LEVEL"),
            dies_with_stdin: stdin.is_some(),
            settings,
        };
        if faults.is_empty() { Ok(config) } else { Err(faults) }
    }
}

pub(crate) fn words(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

fn search_fields(text: &str, faults: &mut Vec<String>) -> BTreeMap<String, FieldType> {
    let mut fields = BTreeMap::new();
    for word in words(text) {
        let field = word.split_once(':').and_then(|(name, kind)| {
            let kind = match kind {
                "text" => FieldType::Text,
                "number" => FieldType::Number,
                "bool" => FieldType::Bool,
                _ => return None,
            };
            let legal = !["id", "content", "title"].contains(&name) && !name.contains('.');
            pool::filter::FieldPath::parse(name).filter(|_| legal).map(|_| (name.to_owned(), kind))
        });
        match field {
            Some((name, kind)) => drop(fields.insert(name, kind)),
            None => {
                faults.push(format!("SEARCH_FIELDS: `{word}` must be a name and `text`, `number` or `bool`"))
            }
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(set: &[(&str, &str)]) -> Result<Config, Vec<String>> {
        let good = [
            ("FUNCTIONS_CUSTOMHANDLER_PORT", "80"),
            ("JWT_ISSUER", "i"),
            ("JWT_AUDIENCE", "a"),
            ("JWT_JWKS_FILE", "f"),
        ];
        let all: BTreeMap<_, _> = good.iter().chain(set).copied().collect();
        Config::read(|name| all.get(name).map(|value| (*value).to_owned()))
    }

    #[test]
    fn all_faults_are_told_at_once() {
        let faults =
            Config::read(|name| (name == "SEARCH_FIELDS").then(|| "a:b,id:text".to_owned())).unwrap_err();
        assert_eq!(faults.len(), 6, "{faults:?}");
    }

    #[test]
    fn what_is_for_developers_is_refused_in_azure() {
        assert!(read(&[]).is_ok());
        assert!(read(&[("JWT_ISSUER", DEV_ISSUER)]).is_ok());
        let faults = read(&[("JWT_ISSUER", DEV_ISSUER), ("WEBSITE_INSTANCE_ID", "x")]).unwrap_err();
        assert!(
            faults.iter().any(|f| f.contains("POOL_BACKEND"))
                && faults.iter().any(|f| f.contains("JWT_ISSUER")),
            "{faults:?}"
        );
    }

    #[test]
    fn defaults_are_the_pools_own() {
        let config = read(&[]).unwrap();
        let pool = Settings::default();
        assert_eq!(config.settings.collections, pool.collections);
        assert_eq!(config.settings.search_fields, pool.search_fields);
        assert_eq!(config.settings.max_file, pool.max_file);
        assert_eq!(
            read(&[("STORAGE_ACCOUNT_URL", "https://a.blob.core.windows.net/")])
                .unwrap()
                .storage_account
                .map(String::from)
                .as_deref(),
            Some("https://a.blob.core.windows.net/")
        );
        assert!(read(&[("CORS_ORIGINS", "*")]).is_err());
        assert!(read(&[("MAX_FILE_BYTES", "104857600")]).is_ok());
        assert!(read(&[("MAX_FILE_BYTES", "104857601")]).is_err());
    }
}
