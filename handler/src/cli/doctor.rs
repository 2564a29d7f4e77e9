//! `handler doctor`.

mod package;
#[cfg(test)]
mod package_tests;
mod reach;
mod roles;
#[cfg(test)]
mod roles_tests;
mod settings;

use super::{Fault, show};
use clap::Args;
use comfy_table::{Table, presets::NOTHING};
use serde::Serialize;
use settings::Sources;
use std::path::PathBuf;

/// Look at settings, a package, or roles, and tell what is wrong and how to mend it.
#[derive(Debug, Args)]
pub(super) struct Doctor {
    /// The settings of an app: a local.settings.json, or what `az functionapp config appsettings list` prints. Without
    /// it, those of this environment.
    #[arg(long)]
    settings: Option<PathBuf>,
    /// A package: the folder that `handler stage` lays out, or its zip. Alone, only the package is looked at.
    #[arg(long)]
    package: Option<PathBuf>,
    /// The identities and role assignments of a pool: what `az identity list`, `az role assignment list --all` and
    /// `az cosmosdb sql role assignment list` print as JSON, one after another; `-`: on standard input. Without
    /// `--settings`, settings are not looked at.
    #[arg(long)]
    roles: Option<PathBuf>,
    /// Ask nothing of what the settings name.
    #[arg(long)]
    offline: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// How something stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Good,
    /// It works, but perhaps not as it is meant.
    Doubtful,
    Bad,
}

/// What was looked at, and what was found.
#[derive(Debug, Serialize)]
struct Check {
    /// A setting's name, a part of the package, or an identity.
    what: String,
    /// Its value, if that is no secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    /// Where it is from: `default`, `environment` or `file`; of a package, `package`; of roles, `roles`.
    from: &'static str,
    state: State,
    /// What was found.
    says: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    mend: Option<String>,
}

impl Check {
    fn of_package(what: &str, state: State, says: impl Into<String>, mend: &str) -> Self {
        let mend = Some(mend.to_owned()).filter(|mend| !mend.is_empty());
        Self { what: what.to_owned(), value: None, from: "package", state, says: says.into(), mend }
    }
}

impl Doctor {
    /// # Errors
    /// When something is to be mended, or a file cannot be read.
    pub(super) async fn run(self) -> Result<(), Fault> {
        let alone = self.package.is_none() && self.roles.is_none();
        let sources = match &self.settings {
            Some(path) => Sources::file(path)?,
            None if alone => Sources::environment(),
            None => Sources::default(),
        };
        let mut checks = Vec::new();
        if self.settings.is_some() || alone {
            checks = settings::check(&sources);
            if !self.offline {
                reach::ask(&sources, &mut checks).await;
            }
        }
        if let Some(path) = &self.package {
            checks.extend(package::check(path, &sources)?);
        }
        if let Some(path) = &self.roles {
            checks.extend(roles::check(path)?);
        }
        if self.json {
            show::line(&serde_json::to_string_pretty(&checks)?);
        } else {
            print(&checks);
        }
        match checks.iter().filter(|check| check.state == State::Bad).count() {
            0 => Ok(()),
            1 => Err("one thing is to be mended".into()),
            count => Err(format!("{count} things are to be mended").into()),
        }
    }
}

fn print(checks: &[Check]) {
    let mut table = Table::new();
    table.load_style(NOTHING);
    for check in checks {
        let sign = match check.state {
            State::Good => "✓",
            State::Doubtful => "?",
            State::Bad => "✗",
        };
        let value = check.value.clone().unwrap_or_default();
        table.add_row([sign, &check.what, check.from, &shortened(&value), &check.says]);
    }
    show::line(&table.to_string());
    for check in checks.iter().filter(|check| check.state != State::Good) {
        if let Some(mend) = &check.mend {
            show::line(&format!("{} {mend}", show::bold(&format!("{}:", check.what))));
        }
    }
}

fn shortened(value: &str) -> String {
    if value.chars().count() <= 48 {
        value.to_owned()
    } else {
        value.chars().take(47).chain(['…']).collect()
    }
}
