//! Settings: where each is from, and whether they make sense together.

use super::{Check, State};
use crate::{
    cli::Fault,
    config::{Config, SETTINGS},
    functions::FUNCTIONS,
};
use serde_json::Value;
use std::{collections::BTreeMap, path::Path};

/// Beginnings of names that are the platform's, or a library's.
const PLATFORM: [&str; 11] = [
    "AzureWebJobs",
    "AzureFunctionsJobHost__",
    "FUNCTIONS_",
    "WEBSITE_",
    "APPLICATIONINSIGHTS_",
    "OTEL_",
    "AZURE_",
    "ENABLE_",
    "SCM_",
    "DEPLOYMENT_",
    "MSI_",
];
/// What may be seen of the host's storage, `AzureWebJobsStorage__…`.
const NO_SECRETS: [&str; 6] =
    ["accountName", "blobServiceUri", "queueServiceUri", "tableServiceUri", "credential", "clientId"];
/// A value that Key Vault has, and nobody else sees.
const REFERENCE: &str = "@Microsoft.KeyVault(";

/// Settings, and where they are from.
#[derive(Default)]
pub(super) struct Sources {
    pub(super) values: BTreeMap<String, String>,
    from: &'static str,
    /// They are an app's in Azure.
    azure: bool,
}

impl Sources {
    pub(super) fn environment() -> Self {
        Self { values: Config::set_in_environment(), from: "environment", azure: Config::in_azure() }
    }

    /// # Errors
    /// When the file is neither kind of settings.
    pub(super) fn file(path: &Path) -> Result<Self, Fault> {
        let text = std::fs::read(path).map_err(|fault| format!("{}: {fault}", path.display()))?;
        Self::parse(&text).map_err(|fault| format!("{}: {fault}", path.display()).into())
    }

    fn parse(text: &[u8]) -> Result<Self, String> {
        let json: Value = serde_json::from_slice(text).map_err(|fault| fault.to_string())?;
        let mut values = BTreeMap::new();
        let mut take = |name: &str, value: &Value| match value {
            Value::String(value) => {
                if values.insert(name.to_owned(), value.clone()).is_some() {
                    return Err(format!("{name} is there twice"));
                }
                Ok(())
            }
            _ => Err(format!("{name} must be a text")),
        };
        let azure = match &json {
            // az functionapp config appsettings list
            Value::Array(settings) => {
                for setting in settings {
                    let name = setting["name"].as_str().ok_or("each setting must have a name")?;
                    take(name, &setting["value"])?;
                }
                true
            }
            Value::Object(members) => {
                let settings = members.get("Values").unwrap_or(&json);
                let settings = settings.as_object().ok_or("`Values` must be an object")?;
                settings.iter().try_for_each(|(name, value)| take(name, value))?;
                false
            }
            _ => {
                return Err("must be settings: an object with `Values`, or a list of names and values".into());
            }
        };
        Ok(Self { values, from: "file", azure })
    }

    /// A setting's value, by its default if it is not set, and where that is from.
    pub(super) fn value(&self, name: &str) -> (String, &'static str) {
        if let Some(value) = self.values.get(name).filter(|value| !value.is_empty()) {
            return (value.clone(), self.from);
        }
        let known = SETTINGS.iter().find(|known| known.name == name);
        (known.map_or("", |known| known.default).to_owned(), "default")
    }

    /// What the service would be told.
    fn config(&self) -> Result<Config, Vec<String>> {
        Config::read(|name| match name {
            "FUNCTIONS_CUSTOMHANDLER_PORT" => Some("1".to_owned()),
            "WEBSITE_INSTANCE_ID" => self.azure.then(String::new),
            _ => self.values.get(name).cloned(),
        })
    }
}

/// A check of each setting, and of what the platform needs.
pub(super) fn check(sources: &Sources) -> Vec<Check> {
    let mut faults = sources.config().err().unwrap_or_default();
    let mut checks = Vec::new();
    for setting in SETTINGS {
        let (value, from) = sources.value(setting.name);
        let mine =
            |fault: &String| fault.starts_with(setting.name) && !fault[setting.name.len()..].starts_with('_');
        let (told, rest): (Vec<_>, Vec<_>) = faults.into_iter().partition(mine);
        faults = rest;
        let hidden = value.starts_with(REFERENCE);
        let state = if told.is_empty() {
            State::Good
        } else if hidden {
            State::Doubtful
        } else {
            State::Bad
        };
        let says = match (told.is_empty(), hidden) {
            (true, true) => "Key Vault has it: it is not seen from here".into(),
            (false, true) => "Key Vault has it: whether it is good is not seen from here".into(),
            (true, false) if value.is_empty() => "not set".into(),
            (true, false) => "set".into(),
            (false, false) => {
                let rule =
                    |fault: &String| fault[setting.name.len()..].trim_start_matches([' ', ':']).to_owned();
                told.iter().map(rule).collect::<Vec<_>>().join("; ")
            }
        };
        let mend = (state == State::Bad)
            .then(|| format!("{} {}", setting.meaning, source(sources.azure, setting.name)));
        let value = Some(masked(setting.name, &value)).filter(|value| !value.is_empty());
        checks.push(Check { what: setting.name.to_owned(), value, from, state, says, mend });
    }
    // What is said of no setting by name is still said.
    checks.extend(faults.into_iter().map(|fault| Check {
        what: fault.split(' ').next().unwrap_or_default().to_owned(),
        value: None,
        from: sources.from,
        state: State::Bad,
        says: fault,
        mend: None,
    }));
    platform(sources, &mut checks);
    checks
}

fn source(azure: bool, name: &str) -> String {
    if azure {
        format!(
            "`az functionapp config appsettings set -g … -n … --settings {name}=…`, or in infra/app.bicep."
        )
    } else {
        "Set it in the environment, or in local.settings.json; `handler dev` sets what it needs itself."
            .to_owned()
    }
}

/// A value as it may be shown.
fn masked(name: &str, value: &str) -> String {
    let secret = ["KEY", "SECRET", "CONNECTION_STRING", "AzureWebJobsStorage"];
    let shown = value.starts_with(REFERENCE)
        || value == "UseDevelopmentStorage=true"
        || value.is_empty()
        || name.strip_prefix("AzureWebJobsStorage__").is_some_and(|part| NO_SECRETS.contains(&part));
    if !shown && secret.iter().any(|part| name.contains(part)) {
        "(hidden)".to_owned()
    } else {
        value.to_owned()
    }
}

/// What the Functions host needs, and what looks like ours but is not.
fn platform(sources: &Sources, checks: &mut Vec<Check>) {
    let mut tell = |what: &str, state, says: &str, mend: &str| {
        let value = sources.values.get(what).map(|value| masked(what, value));
        let (says, mend) = (says.to_owned(), Some(mend.to_owned()).filter(|mend| !mend.is_empty()));
        checks.push(Check { what: what.to_owned(), value, from: sources.from, state, says, mend });
    };
    let set = |name: &str| sources.values.get(name).is_some_and(|value| !value.is_empty());
    let by_identity = sources.values.keys().any(|name| name.starts_with("AzureWebJobsStorage__"));
    if sources.azure || sources.from == "file" {
        match (set("AzureWebJobsStorage"), by_identity) {
            (false, false) => tell(
                "AzureWebJobsStorage",
                State::Bad,
                "is needed: the host's queues, blobs and timers",
                "Set AzureWebJobsStorage__accountName, so that the app's identity is used.",
            ),
            (true, true) => tell(
                "AzureWebJobsStorage",
                State::Bad,
                "contradicts AzureWebJobsStorage__…: the connection string wins",
                "Remove AzureWebJobsStorage: the identity needs no key.",
            ),
            (true, false) if sources.azure => tell(
                "AzureWebJobsStorage",
                State::Doubtful,
                "a connection string: a key that can leak",
                "Set AzureWebJobsStorage__accountName instead.",
            ),
            (true, false) => tell("AzureWebJobsStorage", State::Good, "set", ""),
            (false, true) => {
                let parts: Vec<_> =
                    sources.values.keys().filter(|name| name.starts_with("AzureWebJobsStorage__")).collect();
                for name in parts {
                    tell(name, State::Good, "set", "");
                }
            }
        }
    }
    if sources.values.get("FUNCTIONS_WORKER_RUNTIME").is_some_and(|runtime| runtime != "custom") {
        tell(
            "FUNCTIONS_WORKER_RUNTIME",
            State::Bad,
            "must be `custom`",
            "Set it to `custom`; on Flex Consumption, remove it.",
        );
    }
    for name in sources.values.keys() {
        if let Some(function) =
            name.strip_prefix("AzureWebJobs.").and_then(|rest| rest.strip_suffix(".Disabled"))
        {
            let known = FUNCTIONS.iter().any(|known| known.name == function);
            let says = if known { "the function is switched off" } else { "there is no such function" };
            tell(name, State::Doubtful, says, "Remove it.");
        }
        let ours = SETTINGS.iter().any(|setting| setting.name == name);
        if !ours && !PLATFORM.iter().any(|start| name.starts_with(start)) {
            let near = SETTINGS.iter().find(|setting| near(setting.name, name));
            let mend = near.map_or("Remove it, if nobody else needs it.".into(), |near| {
                format!("Is {} meant?", near.name)
            });
            tell(name, State::Doubtful, "is no setting of this service", &mend);
        }
    }
}

/// Whether two names differ in case, in an end, or in two letters at most.
fn near(known: &str, name: &str) -> bool {
    let (a, b) = (known.as_bytes(), name.to_ascii_uppercase().into_bytes());
    let differ = a.iter().zip(&b).filter(|(a, b)| a != b).count() + a.len().abs_diff(b.len());
    differ <= 2 || (b.len() > 4 && (a.starts_with(&b) || b.starts_with(a)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<Check> {
        check(&Sources::parse(text.as_bytes()).unwrap())
    }

    fn of<'a>(checks: &'a [Check], what: &str) -> &'a Check {
        checks.iter().find(|check| check.what == what).unwrap_or_else(|| panic!("{what}: {checks:?}"))
    }

    #[test]
    fn each_setting_tells_where_it_is_from_and_secrets_are_not_shown() {
        let checks = found(
            r#"{"Values": {"JWT_ISSUER": "https://issuer.example/", "MODEL_API_KEY": "sk-canary", "MAX_FILE_BYTES": "many",
            "JWT_AUDIANCE": "x", "AzureWebJobsStorage": "UseDevelopmentStorage=true", "AzureWebJobs.health.Disabled": "1"}}"#,
        );
        assert_eq!((of(&checks, "JWT_ISSUER").from, of(&checks, "JWT_ISSUER").state), ("file", State::Good));
        assert_eq!(
            (of(&checks, "JWT_TENANT_CLAIM").from, of(&checks, "JWT_AUDIENCE").state),
            ("default", State::Bad)
        );
        assert_eq!(of(&checks, "MAX_FILE_BYTES").state, State::Bad);
        assert!(of(&checks, "MAX_FILE_BYTES").mend.is_some());
        assert!(!format!("{checks:?}").contains("canary"));
        assert_eq!(of(&checks, "JWT_AUDIANCE").mend.as_deref(), Some("Is JWT_AUDIENCE meant?"));
        assert_eq!(of(&checks, "AzureWebJobs.health.Disabled").state, State::Doubtful);
    }

    #[test]
    fn what_is_for_developers_is_refused_in_azure() {
        let list = |more: &str| {
            found(&format!(
                r#"[{{"name": "JWT_ISSUER", "value": "https://dev.pooled-agents.invalid/", "slotSetting": false}},
                {{"name": "MODEL_API_KEY", "value": "@Microsoft.KeyVault(SecretUri=https://v.vault.azure.net/secrets/k)"}},
                {{"name": "AzureWebJobsStorage__accountName", "value": "x"}}{more}]"#
            ))
        };
        let checks = list("");
        for name in ["JWT_ISSUER", "POOL_BACKEND", "JWT_AUDIENCE"] {
            assert_eq!(of(&checks, name).state, State::Bad, "{name}");
        }
        assert!(of(&checks, "MODEL_API_KEY").value.as_deref().unwrap().starts_with("@Microsoft"));
        assert!(!checks.iter().any(|check| check.what == "AzureWebJobsStorage"));
        let checks = list(r#", {"name": "AzureWebJobsStorage", "value": "AccountKey=canary"}"#);
        assert!(of(&checks, "AzureWebJobsStorage").says.contains("contradicts"));
        assert!(!format!("{checks:?}").contains("canary"));
    }

    #[test]
    fn what_the_host_needs_is_asked_for() {
        let app = |settings: &str| found(&format!("[{settings}]"));
        let setting = |name: &str, value: &str| format!(r#"{{"name": "{name}", "value": "{value}"}}"#);
        let none = app("");
        assert_eq!(of(&none, "AzureWebJobsStorage").state, State::Bad);
        assert!(of(&none, "AzureWebJobsStorage").says.contains("is needed"));
        assert_eq!(of(&found("{}"), "AzureWebJobsStorage").state, State::Bad, "a file needs it as well");
        let keyed = app(&setting("AzureWebJobsStorage", "AccountKey=canary"));
        assert_eq!(of(&keyed, "AzureWebJobsStorage").state, State::Doubtful);
        assert!(of(&keyed, "AzureWebJobsStorage").says.contains("a key that can leak"));
        assert!(!format!("{keyed:?}").contains("canary"));
        let name = "AzureWebJobsStorage__blobServiceUri";
        let by_identity = app(&setting(name, "https://st.blob.core.windows.net"));
        assert_eq!(
            (of(&by_identity, name).state, of(&by_identity, name).mend.as_deref()),
            (State::Good, None)
        );
        assert_eq!(of(&by_identity, name).value.as_deref(), Some("https://st.blob.core.windows.net"));
        assert!(!by_identity.iter().any(|check| check.what == "AzureWebJobsStorage"));
        let secret = app(&setting("AzureWebJobsStorage__clientSecret", "canary"));
        assert_eq!(of(&secret, "AzureWebJobsStorage__clientSecret").value.as_deref(), Some("(hidden)"));
        let local = found(r#"{"AzureWebJobsStorage": "UseDevelopmentStorage=true"}"#);
        assert_eq!(of(&local, "AzureWebJobsStorage").state, State::Good);
        for (runtime, bad) in [("custom", false), ("node", true), ("", true)] {
            let checks = app(&setting("FUNCTIONS_WORKER_RUNTIME", runtime));
            assert_eq!(checks.iter().any(|check| check.what == "FUNCTIONS_WORKER_RUNTIME"), bad, "{runtime}");
        }
    }

    #[test]
    fn a_file_of_another_kind_is_refused() {
        for text in [
            "",
            "1",
            "[1]",
            r#"[{"value":"x"}]"#,
            r#"{"Values": []}"#,
            r#"{"Values": {"A": 1}}"#,
            r#"[{"name":"A","value":"1"},{"name":"A","value":"2"}]"#,
        ] {
            assert!(Sources::parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
