use super::{Answer, Held, Request, attributes};
use crate::refusal::{Refusal, refuse};
use serde_json::{Value, json};

/// A secret, deleted or not.
#[derive(Default)]
pub(super) struct Secret {
    /// Version and value, oldest first.
    versions: Vec<(String, String)>,
    deleted: bool,
    /// Requests until a recovery is done.
    recovering: u8,
}

fn missing(name: &str) -> Refusal {
    let why = format!("A secret with (name/id) {name} was not found in this key vault.");
    refuse(404, "SecretNotFound", &why)
}

fn shown(request: &Request<'_>, name: &str, (version, value): &(String, String), values: bool) -> Value {
    let id = format!("{}/secrets/{name}/{version}", request.base);
    let mut shown = json!({"id": id, "attributes": attributes(true)});
    if values {
        shown["value"] = json!(value);
    } else {
        shown["recoveryId"] = json!(format!("{}/deletedsecrets/{name}", request.base));
        shown["deletedDate"] = json!(1_764_000_000);
        shown["scheduledPurgeDate"] = json!(1_771_776_000);
    }
    shown
}

fn at(request: &Request<'_>, name: &str) -> (String, String) {
    (request.vault.clone(), name.to_lowercase())
}

impl Held {
    pub(super) fn set_secret(&mut self, request: &Request<'_>, name: &str) -> Answer {
        let value = request.body["value"].as_str().filter(|value| value.len() <= 25_600);
        let value = value.ok_or_else(|| refuse(400, "BadParameter", "The value is missing or too long."))?;
        let version = self.version();
        let secret = self.secrets.entry(at(request, name)).or_default();
        if secret.deleted || secret.still_recovering() {
            let why =
                "Secret is currently in a deleted but recoverable state, and its name cannot be reused.";
            return Err(refuse(409, "Conflict", why).inner("ObjectIsDeletedButRecoverable"));
        }
        secret.versions.push((version, value.to_owned()));
        Ok(shown(request, name, secret.versions.last().unwrap(), true))
    }

    pub(super) fn secret(&mut self, request: &Request<'_>, name: &str, version: &str) -> Answer {
        let secret = self.secrets.get_mut(&at(request, name)).filter(|secret| !secret.deleted);
        let secret = secret.ok_or_else(|| missing(name))?;
        if secret.still_recovering() {
            return Err(missing(name));
        }
        let found = secret.versions.iter().rfind(|(known, _)| version.is_empty() || known == version);
        Ok(shown(request, name, found.ok_or_else(|| missing(name))?, true))
    }

    pub(super) fn delete_secret(&mut self, request: &Request<'_>, name: &str) -> Answer {
        let secret = self.secrets.get_mut(&at(request, name)).filter(|secret| !secret.deleted);
        let secret = secret.filter(|secret| secret.recovering == 0).ok_or_else(|| missing(name))?;
        secret.deleted = true;
        Ok(shown(request, name, secret.versions.last().unwrap(), false))
    }

    pub(super) fn deleted_secret(&mut self, request: &Request<'_>, name: &str) -> Answer {
        let secret = self.secrets.get(&at(request, name)).filter(|secret| secret.deleted);
        Ok(shown(request, name, secret.ok_or_else(|| missing(name))?.versions.last().unwrap(), false))
    }

    pub(super) fn purge_secret(&mut self, request: &Request<'_>, name: &str) -> Answer {
        self.deleted_secret(request, name)?;
        self.secrets.remove(&at(request, name));
        Ok(Value::Null)
    }

    pub(super) fn recover_secret(&mut self, request: &Request<'_>, name: &str) -> Answer {
        let secret = self.secrets.get_mut(&at(request, name)).filter(|secret| secret.deleted);
        let secret = secret.ok_or_else(|| missing(name))?;
        (secret.deleted, secret.recovering) = (false, 2);
        Ok(shown(request, name, secret.versions.last().unwrap(), true))
    }
}

impl Secret {
    /// A recovery takes a while.
    fn still_recovering(&mut self) -> bool {
        let still = self.recovering > 0;
        self.recovering = self.recovering.saturating_sub(1);
        still
    }
}
