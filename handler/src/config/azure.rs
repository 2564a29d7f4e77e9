//! The Azure backend: where its services are, who asks them, and the keys that no service holds for us.

use azure::Who;
use base64::{Engine, engine::general_purpose::STANDARD};
use std::{collections::BTreeMap, fmt};
use url::Url;

/// What the Azure backend is told.
#[derive(Clone)]
pub struct AzureConfig {
    /// How the service proves who it is.
    pub who: Who,
    /// The client id of the app's own identity; `None`: the system-assigned one.
    pub client_id: Option<String>,
    /// The Cosmos DB account.
    pub cosmos: Url,
    /// The database in it.
    pub database: String,
    /// The storage account's blobs.
    pub blobs: Url,
    /// The storage account's queues.
    pub queues: Url,
    /// The AI Search service.
    pub search: Url,
    /// The shared index.
    pub index: String,
    /// The shared Key Vault.
    pub vault: Option<Url>,
    /// The Foundry project; `None`: the model is an OpenAI-compatible endpoint.
    pub foundry: Option<Url>,
    /// The name of the key that seals jobs and cursors, and all that open them.
    pub seal: (String, BTreeMap<String, [u8; 32]>),
    /// The key that derives opaque names.
    pub naming: [u8; 32],
}

impl fmt::Debug for AzureConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AzureConfig").field("cosmos", &self.cosmos.as_str()).finish_non_exhaustive()
    }
}

/// Reads the settings; tells every fault.
pub(super) fn read(
    text: &impl Fn(&'static str) -> String,
    in_azure: bool,
    faults: &mut Vec<String>,
) -> Option<AzureConfig> {
    let before = faults.len();
    let mut url = |name: &'static str, example: &str, needed: bool| {
        let value = text(name);
        if value.is_empty() && !needed {
            return None;
        }
        let url = Url::parse(&value).ok().filter(|url| {
            let loopback = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
            url.scheme() == "https" || (url.scheme() == "http" && loopback && !in_azure)
        });
        if url.is_none() {
            faults.push(format!("{name} must be a URL that begins with https: {example}"));
        }
        url
    };
    let cosmos = url("COSMOS_ENDPOINT", "https://account.documents.azure.com/", true);
    let blobs = url("STORAGE_ACCOUNT_URL", "https://account.blob.core.windows.net", true);
    let queues = url("STORAGE_QUEUE_URL", "https://account.queue.core.windows.net", true);
    let search = url("SEARCH_ENDPOINT", "https://service.search.windows.net", true);
    let vault = url("KEYVAULT_URL", "https://vault.vault.azure.net", false);
    let project = "https://account.services.ai.azure.com/api/projects/project";
    let foundry = url("FOUNDRY_ENDPOINT", project, false);
    if foundry.is_some() && text("MODEL_NAME").is_empty() {
        faults.push(
            "MODEL_NAME is needed beside FOUNDRY_ENDPOINT: the deployment of agents that name none".into(),
        );
    }
    let who = match text("AZURE_CREDENTIAL").as_str() {
        "managed_identity" => Some(Who::ManagedIdentity),
        "workload_identity" => Some(Who::WorkloadIdentity),
        "developer" if in_azure => {
            faults
                .push("AZURE_CREDENTIAL must not be `developer` in Azure: nobody is signed in there".into());
            None
        }
        "developer" => Some(Who::Developer),
        _ => {
            let known = "`managed_identity`, `workload_identity` or `developer`";
            faults.push(format!("AZURE_CREDENTIAL must be {known}"));
            None
        }
    };
    let index = text("SEARCH_INDEX");
    if !azure::is_index_name(&index) {
        faults.push("SEARCH_INDEX must be 2 to 128 of a-z, 0-9, and single - or _ between".into());
    }
    let seal = seal_keys(&text("SEAL_KEYS"));
    if seal.is_none() {
        faults.push("SEAL_KEYS must be `id:key`, with commas between; a key is 32 bytes in base64".into());
    }
    let naming = key(&text("NAMING_KEY"));
    if naming.is_none() {
        faults.push("NAMING_KEY must be 32 bytes in base64".into());
    }
    if faults.len() > before {
        return None;
    }
    Some(AzureConfig {
        who: who?,
        client_id: Some(text("AZURE_CLIENT_ID")).filter(|id| !id.is_empty()),
        cosmos: cosmos?,
        database: text("COSMOS_DATABASE"),
        blobs: blobs?,
        queues: queues?,
        search: search?,
        index,
        vault,
        foundry,
        seal: seal?,
        naming: naming?,
    })
}

/// Whether an endpoint may be given tokens of tenants' identities: Azure's own, or, while developing, this machine's.
pub(super) fn takes_tokens(endpoint: &str, in_azure: bool) -> bool {
    const ZONES: [&str; 3] = [".openai.azure.com", ".cognitiveservices.azure.com", ".services.ai.azure.com"];
    let Ok(url) = Url::parse(endpoint) else { return false };
    let host = url.host_str().unwrap_or_default();
    let ours = url.scheme() == "https" && ZONES.iter().any(|zone| host.ends_with(zone));
    ours || (!in_azure && ["127.0.0.1", "localhost", "[::1]"].contains(&host))
}

fn key(text: &str) -> Option<[u8; 32]> {
    STANDARD.decode(text).ok()?.try_into().ok()
}

fn seal_keys(text: &str) -> Option<(String, BTreeMap<String, [u8; 32]>)> {
    let mut keys = BTreeMap::new();
    let mut current = None;
    for part in super::words(text) {
        let (id, value) = part.split_once(':')?;
        let legal = !id.is_empty() && id.len() <= 16 && id.bytes().all(|b| b.is_ascii_alphanumeric());
        if !legal || keys.insert(id.to_owned(), key(value)?).is_some() {
            return None;
        }
        current.get_or_insert_with(|| id.to_owned());
    }
    Some((current?, keys))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_with(set: &[(&'static str, &str)], in_azure: bool) -> Result<AzureConfig, Vec<String>> {
        let key = STANDARD.encode([7; 32]);
        let seal = format!("k2:{key},k1:{key}");
        let good = [
            ("COSMOS_ENDPOINT", "https://a.documents.azure.com/"),
            ("STORAGE_ACCOUNT_URL", "https://a.blob.core.windows.net"),
            ("STORAGE_QUEUE_URL", "https://a.queue.core.windows.net"),
            ("SEARCH_ENDPOINT", "https://s.search.windows.net"),
            ("SEARCH_INDEX", "documents"),
            ("AZURE_CREDENTIAL", "managed_identity"),
            ("SEAL_KEYS", &seal),
            ("NAMING_KEY", &key),
        ];
        let all: BTreeMap<_, _> = good.iter().chain(set).copied().collect();
        let mut faults = Vec::new();
        let text = |name: &'static str| all.get(name).copied().unwrap_or_default().to_owned();
        let read = read(&text, in_azure, &mut faults);
        read.filter(|_| faults.is_empty()).ok_or(faults)
    }

    #[test]
    fn the_first_key_seals_and_all_open() {
        let config = read_with(&[], true).unwrap();
        assert_eq!(config.seal.0, "k2");
        assert_eq!(config.seal.1.keys().collect::<Vec<_>>(), ["k1", "k2"]);
        assert_eq!(
            (config.client_id, config.vault.is_some(), config.foundry.is_some()),
            (None, false, false)
        );
    }

    #[test]
    fn each_fault_is_named() {
        for (name, bad) in [
            ("COSMOS_ENDPOINT", ""),
            ("COSMOS_ENDPOINT", "http://a.documents.azure.com/"),
            ("STORAGE_ACCOUNT_URL", "a"),
            ("STORAGE_QUEUE_URL", ""),
            ("SEARCH_ENDPOINT", "ftp://s"),
            ("SEARCH_INDEX", "Documents"),
            ("SEARCH_INDEX", "a--b"),
            ("SEARCH_INDEX", "-a"),
            ("SEARCH_INDEX", "a-"),
            ("KEYVAULT_URL", "http://vault.example"),
            ("FOUNDRY_ENDPOINT", "x"),
            ("AZURE_CREDENTIAL", "key"),
            ("AZURE_CREDENTIAL", "developer"),
            ("SEAL_KEYS", ""),
            ("SEAL_KEYS", "k1:c2hvcnQ="),
            ("SEAL_KEYS", "k 1:x"),
            ("NAMING_KEY", "c2hvcnQ="),
        ] {
            let faults = read_with(&[(name, bad)], true).unwrap_err();
            assert!(faults.len() == 1 && faults[0].starts_with(name), "{name}={bad}: {faults:?}");
        }
    }

    #[test]
    fn what_the_index_takes_for_its_name_is_taken() {
        for good in ["documents", "a_b-c", &"a".repeat(128)] {
            assert_eq!(read_with(&[("SEARCH_INDEX", good)], true).unwrap().index, good);
        }
    }

    #[test]
    fn tokens_go_to_azure_alone() {
        for good in ["https://a.openai.azure.com/openai/v1", "https://a.services.ai.azure.com/openai/v1"] {
            assert!(takes_tokens(good, true), "{good}");
        }
        for bad in [
            "https://api.openai.com/v1",
            "http://a.openai.azure.com/openai/v1",
            "https://a.openai.azure.com.evil.example/v1",
            "https://evil.example/.openai.azure.com",
            "http://127.0.0.1:8080/v1",
            "x",
        ] {
            assert!(!takes_tokens(bad, true), "{bad}");
        }
        assert!(takes_tokens("http://127.0.0.1:8080/v1", false));
    }

    #[test]
    fn plain_http_is_for_a_developers_own_machine() {
        let local = [("COSMOS_ENDPOINT", "http://127.0.0.1:8081"), ("AZURE_CREDENTIAL", "developer")];
        assert!(read_with(&local, false).is_ok());
        assert_eq!(read_with(&local, true).unwrap_err().len(), 2);
    }
}
