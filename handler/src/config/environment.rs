//! The one home of the process's environment.

use super::{Config, PLATFORM, SDK, SETTINGS, Setting};
use base64::{Engine, engine::general_purpose::STANDARD};
use std::{collections::BTreeMap, path::Path};

impl Config {
    /// Reads the settings from the process's environment.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    #[expect(clippy::disallowed_methods, reason = "the one home of the environment")]
    pub fn from_environment() -> Result<Self, Vec<String>> {
        Self::read(|name| std::env::var(name).ok())
    }

    /// For tools of the directory, which serve nobody: reads where it is and who asks. What only a server needs is not
    /// read: the app's own settings have keys and issuers that are of no use elsewhere, or cannot be read there. `state`
    /// is the local backend's folder, if another is meant.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    #[expect(clippy::disallowed_methods, reason = "the one home of the environment")]
    pub fn for_tools(state: Option<&Path>) -> Result<Self, Vec<String>> {
        Self::read(|name| match (name, state) {
            ("POOL_STATE", Some(state)) => Some(state.display().to_string()),
            _ => for_tools(name, || std::env::var(name).ok()),
        })
    }

    /// The settings that are set in the process's environment, to be handed to a child.
    #[expect(clippy::disallowed_methods, reason = "the one home of the environment")]
    pub fn set_in_environment() -> BTreeMap<String, String> {
        let value = |setting: &Setting| Some((setting.name.to_owned(), std::env::var(setting.name).ok()?));
        SETTINGS.iter().filter_map(value).collect()
    }

    /// What the Azure SDK reads of the process's environment, to be handed to a child.
    #[expect(clippy::disallowed_methods, reason = "the one home of the environment")]
    pub fn azure_environment() -> impl Iterator<Item = (String, String)> {
        SDK.iter().filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?)))
    }

    /// Whether the Functions host started this process.
    #[expect(clippy::disallowed_methods, reason = "the one home of the environment")]
    pub fn started_by_host() -> bool {
        std::env::var(PLATFORM[0]).is_ok()
    }

    /// Whether this process runs in Azure.
    #[expect(clippy::disallowed_methods, reason = "the one home of the environment")]
    pub fn in_azure() -> bool {
        std::env::var(PLATFORM[1]).is_ok()
    }
}

fn for_tools(name: &str, set: impl Fn() -> Option<String>) -> Option<String> {
    let stand_in = match name {
        "POOL_BACKEND" | "POOL_STATE" | "AZURE_CREDENTIAL" | "AZURE_CLIENT_ID" | "COSMOS_ENDPOINT"
        | "COSMOS_DATABASE" | "LOG_LEVEL" => return set(),
        "FUNCTIONS_CUSTOMHANDLER_PORT" => "1".to_owned(),
        "JWT_JWKS_FILE" => "nobody".to_owned(),
        "SEAL_KEYS" => format!("none:{}", STANDARD.encode([0; 32])),
        "NAMING_KEY" => STANDARD.encode([0; 32]),
        "JWT_ISSUER" | "JWT_AUDIENCE" | "STORAGE_ACCOUNT_URL" | "STORAGE_QUEUE_URL" | "SEARCH_ENDPOINT" => {
            "https://nobody.invalid/".to_owned()
        }
        _ => return None,
    };
    Some(stand_in)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_take_the_apps_settings_as_they_are() {
        let app = [
            ("POOL_BACKEND", "azure"),
            ("AZURE_CREDENTIAL", "developer"),
            ("COSMOS_ENDPOINT", "https://a.documents.azure.com/"),
            ("JWT_ISSUERS", "[]"),
            ("JWT_DISCOVERY_URL", "https://login.example/.well-known/openid-configuration"),
            ("SEAL_KEYS", "@Microsoft.KeyVault(SecretUri=https://v.vault.azure.net/secrets/seal-keys)"),
            ("NAMING_KEY", "@Microsoft.KeyVault(SecretUri=https://v.vault.azure.net/secrets/naming-key)"),
            ("WEBSITE_INSTANCE_ID", "x"),
            ("MODEL_ENDPOINT", "nonsense"),
        ];
        let read = |without: &str| {
            let value = |name: &str| {
                app.iter()
                    .find(|(known, _)| *known == name && name != without)
                    .map(|(_, value)| (*value).to_owned())
            };
            Config::read(|name| for_tools(name, || value(name)))
        };
        let azure = read("").unwrap().azure.unwrap();
        assert_eq!(azure.cosmos.as_str(), "https://a.documents.azure.com/");
        assert!(read("COSMOS_ENDPOINT").unwrap_err()[0].starts_with("COSMOS_ENDPOINT"));
        assert!(read("POOL_BACKEND").unwrap().azure.is_none());
    }
}
