//! `handler tenant`.

use super::{Fault, show};
use crate::{backend, config::Config};
use clap::{Args, Subcommand};
use comfy_table::{Table, presets::NOTHING};
use pool::{TenantRecord, TenantStatus, ports::Directory};
use serde_json::Value;
use std::{path::PathBuf, process::Stdio, sync::Arc};

/// See to the tenants of the directory: that of the backend that the settings name.
#[derive(Debug, Subcommand)]
pub(super) enum Tenant {
    /// Add a tenant to the directory, and, with --deploy, its identity, container and key to Azure.
    Add(Add),
    /// List the tenants.
    List(Where),
    /// Stop serving a tenant, within five seconds: nothing is deleted.
    Suspend(One),
    /// Serve a suspended tenant again.
    Resume(One),
    /// Take a suspended tenant out of the directory. Its data stay where they are, and are nobody's.
    Remove(One),
}

/// Where the directory is.
#[derive(Debug, Args)]
pub(super) struct Where {
    /// The local backend's folder, instead of POOL_STATE's.
    #[arg(long)]
    state: Option<PathBuf>,
}

/// A tenant of the directory.
#[derive(Debug, Args)]
pub(super) struct One {
    /// Its id.
    id: String,
    #[command(flatten)]
    place: Where,
}

#[derive(Debug, Args)]
pub(super) struct Add {
    /// Its id, for ever: 3 to 40 of a-z, 0-9 and single hyphens between.
    #[arg(value_parser = id)]
    id: String,
    /// The name that people see; the id, if there is none.
    #[arg(long)]
    display_name: Option<String>,
    /// The plan it pays for.
    #[arg(long, default_value = "standard")]
    plan: String,
    /// Its documents are in a container of its own.
    #[arg(long)]
    own_containers: bool,
    /// Its search index is its own.
    #[arg(long)]
    own_index: bool,
    /// Its secrets and keys are in a vault of its own.
    #[arg(long)]
    own_vault: bool,
    /// Deploy infra/tenant.bicep. Without this, what would be run is printed.
    #[arg(long, requires = "resource_group")]
    deploy: bool,
    /// The pool's resource group.
    #[arg(long, value_parser = word)]
    resource_group: Option<String>,
    /// A parameter of infra/tenant.bicep, as main.bicep gives it: `storageName=…`.
    #[arg(long, value_name = "NAME=VALUE", value_parser = parameter)]
    parameter: Vec<String>,
    #[command(flatten)]
    place: Where,
}

impl Tenant {
    pub(super) async fn run(self) -> Result<(), Fault> {
        match self {
            Self::Add(add) => add.run().await,
            Self::List(place) => list(&*place.directory()?).await,
            Self::Suspend(one) => one.becomes(TenantStatus::Suspended).await,
            Self::Resume(one) => one.becomes(TenantStatus::Active).await,
            Self::Remove(one) => one.remove().await,
        }
    }
}

impl Where {
    fn directory(&self) -> Result<Arc<dyn Directory>, Fault> {
        let config = Config::for_tools(self.state.as_deref());
        backend::directory(&config.map_err(|faults| faults.join("\n  "))?)
    }
}

impl One {
    async fn found(&self) -> Result<(Arc<dyn Directory>, TenantRecord), Fault> {
        let directory = self.place.directory()?;
        let record =
            directory.get(&self.id).await?.ok_or_else(|| format!("there is no tenant `{}`", self.id))?;
        Ok((directory, record))
    }

    async fn becomes(self, status: TenantStatus) -> Result<(), Fault> {
        let (directory, record) = self.found().await?;
        directory.put(&TenantRecord { status, ..record }).await?;
        show::line(&format!("{} is {} within five seconds", self.id, shown(status)));
        Ok(())
    }

    async fn remove(self) -> Result<(), Fault> {
        let (directory, record) = self.found().await?;
        if record.status != TenantStatus::Suspended {
            return Err(format!("{} is served: suspend it first, and let its runs end", self.id).into());
        }
        directory.remove(&self.id).await?;
        show::line(&format!(
            "{} is out of the directory; docs/OPERATIONS.md says what is left of it",
            self.id
        ));
        Ok(())
    }
}

impl Add {
    async fn run(self) -> Result<(), Fault> {
        let directory = self.place.directory()?;
        if directory.get(&self.id).await?.is_some() {
            return Err(format!("there is a tenant `{}` already", self.id).into());
        }
        let command = self.command();
        let mut record = self.record();
        if self.deploy {
            let outputs = deploy(&command).await?;
            let output = |name: &str| outputs[name]["value"].as_str().unwrap_or_default().to_owned();
            record.managed_identity_client_id = Some(output("clientId")).filter(|id| !id.is_empty());
            record.keyvault_name = output("vaultName");
        }
        directory.put(&record).await?;
        show::line(&format!("{} is in the directory, and is served within five seconds", self.id));
        if !self.deploy {
            show::line("in Azure, its resources are made by --deploy, which runs:");
            show::line(&format!(
                "  {}",
                command.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
            ));
        }
        Ok(())
    }

    fn record(&self) -> TenantRecord {
        let own = |own: bool| if own { self.id.clone() } else { String::new() };
        TenantRecord {
            plan: self.plan.clone(),
            cosmos_container_prefix: own(self.own_containers),
            search_index_prefix: own(self.own_index),
            ..TenantRecord::new(&self.id, self.display_name.as_deref().unwrap_or(&self.id))
        }
    }

    /// What `--deploy` runs, word for word: there is no shell between.
    fn command(&self) -> Vec<String> {
        let group = self.resource_group.as_deref().unwrap_or("GROUP");
        let name = format!("tenant-{}", self.id);
        let words = ["az", "deployment", "group", "create", "--resource-group", group, "--name", &name];
        let more =
            ["--template-file", "infra/tenant.bicep", "--query", "properties.outputs", "--output", "json"];
        let mut command: Vec<String> = words.into_iter().chain(more).map(str::to_owned).collect();
        command.push("--parameters".into());
        command.push(format!("tenant={}", self.id));
        command.push(format!("ownContainers={}", self.own_containers));
        command.push(format!("ownVault={}", self.own_vault));
        command.extend(self.parameter.iter().cloned());
        command
    }
}

/// Runs it, and reads the deployment's outputs.
async fn deploy(command: &[String]) -> Result<Value, Fault> {
    let (program, arguments) = command.split_first().ok_or("nothing to run")?;
    let mut child = tokio::process::Command::new(program);
    child.args(arguments).stdin(Stdio::null()).stderr(Stdio::inherit());
    let done = child.output().await.map_err(|fault| format!("{program}: {fault}"))?;
    if !done.status.success() {
        return Err(format!("{program} failed ({}): the directory is as it was", done.status).into());
    }
    Ok(serde_json::from_slice(&done.stdout).map_err(|fault| format!("the deployment's outputs: {fault}"))?)
}

async fn list(directory: &dyn Directory) -> Result<(), Fault> {
    let mut table = Table::new();
    table.load_style(NOTHING);
    let mut after: Option<String> = None;
    loop {
        let page = directory.list(after.as_deref(), 100).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.id.clone());
        for record in page {
            table.add_row([&record.id, shown(record.status), &record.plan, &record.display_name]);
        }
    }
    show::line(&table.to_string());
    Ok(())
}

fn shown(status: TenantStatus) -> &'static str {
    match status {
        TenantStatus::Active => "active",
        TenantStatus::Suspended => "suspended",
    }
}

fn id(text: &str) -> Result<String, String> {
    TenantRecord::new(text, text).check().map(|()| text.to_owned()).map_err(str::to_owned)
}

/// A name of Azure's: nothing that a program could take for an option, or a shell for more than a word.
fn word(text: &str) -> Result<String, String> {
    let legal = |c: char| c.is_ascii_alphanumeric() || "-_.()/:".contains(c);
    match text.chars().next() {
        Some(first) if first.is_ascii_alphanumeric() && text.len() <= 400 && text.chars().all(legal) => {
            Ok(text.into())
        }
        _ => Err("letters, digits and -_.()/: only, and a letter or digit first".into()),
    }
}

fn parameter(text: &str) -> Result<String, String> {
    let (name, value) = text.split_once('=').ok_or("must be NAME=VALUE")?;
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return Err("a parameter's name is letters and digits".into());
    }
    if ["tenant", "ownContainers", "ownVault"].contains(&name) {
        return Err(format!("{name} is set by other arguments"));
    }
    word(value).map(|value| format!("{name}={value}"))
}

/// A word, to be pasted.
fn quoted(word: &str) -> String {
    if word.contains(['(', ')']) { format!("'{word}'") } else { word.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(subcommand)]
        tenant: Tenant,
    }

    fn parsed(words: &[&str]) -> Result<Tenant, clap::Error> {
        Line::try_parse_from(["tenant"].iter().chain(words)).map(|line| line.tenant)
    }

    #[test]
    fn what_is_no_name_reaches_nothing() {
        for bad in [
            "Contoso",
            "a",
            "a--b",
            "a b",
            "$(id)",
            "a;b",
            "uploads",
            "azure-webjobs-x",
            "-x",
            "..",
            "ａｂｃ",
        ] {
            assert!(parsed(&["add", "--", bad]).is_err(), "{bad}");
        }
        for bad in ["-g", "a b", "a;b", "$(id)", "`id`", "a'b", ""] {
            assert!(parsed(&["add", "acme", &format!("--resource-group={bad}")]).is_err(), "{bad}");
            assert!(parsed(&["add", "acme", &format!("--parameter=storageName={bad}")]).is_err(), "{bad}");
        }
        assert!(parsed(&["add", "acme", "--parameter=tenant=other"]).is_err());
        assert!(parsed(&["add", "acme", "--deploy"]).is_err(), "a deployment needs its group");
    }

    #[test]
    fn what_the_pool_does_not_name_is_not_deployed() {
        let bicep = include_str!("../../../infra/tenant.bicep");
        let names: Vec<String> = pool::RESERVED.iter().map(|name| format!("'{name}'")).collect();
        let refused = format!(
            "contains([{}], replace(tenant, '-poison', '')) || startsWith(tenant, '{}') ?",
            names.join(", "),
            pool::RESERVED_PREFIX
        );
        assert!(bicep.contains(&refused), "infra/tenant.bicep must say: {refused}");
    }

    #[test]
    fn what_is_deployed_is_words_and_no_line() {
        let line =
            ["add", "acme", "--own-vault", "--resource-group", "rg-pool", "--parameter", "storageName=st1"];
        let Ok(Tenant::Add(add)) = parsed(&line) else { panic!("not an add") };
        let command = add.command();
        assert_eq!(command[..6], ["az", "deployment", "group", "create", "--resource-group", "rg-pool"]);
        assert_eq!(
            command[command.len() - 5..],
            ["--parameters", "tenant=acme", "ownContainers=false", "ownVault=true", "storageName=st1"]
        );
    }

    #[tokio::test]
    async fn a_tenant_is_added_suspended_and_removed() {
        let root = tempfile::tempdir().unwrap();
        let state = root.path().to_str().unwrap();
        let run = async |words: &[&str]| {
            let words: Vec<_> = words.iter().copied().chain(["--state", state]).collect();
            parsed(&words).unwrap().run().await
        };
        run(&["add", "acme", "--display-name", "Acme", "--own-index"]).await.unwrap();
        let again = run(&["add", "acme"]).await.unwrap_err().to_string();
        assert!(again.contains("already"), "{again}");
        let directory = Where { state: Some(state.into()) }.directory().unwrap();
        let record = directory.get("acme").await.unwrap().unwrap();
        assert_eq!((record.search_index_prefix.as_str(), record.status), ("acme", TenantStatus::Active));
        let served = run(&["remove", "acme"]).await.unwrap_err().to_string();
        assert!(served.contains("suspend it first"), "{served}");
        run(&["suspend", "acme"]).await.unwrap();
        assert_eq!(directory.get("acme").await.unwrap().unwrap().status, TenantStatus::Suspended);
        run(&["list"]).await.unwrap();
        run(&["resume", "acme"]).await.unwrap();
        assert_eq!(directory.get("acme").await.unwrap().unwrap().status, TenantStatus::Active);
        run(&["suspend", "acme"]).await.unwrap();
        run(&["remove", "acme"]).await.unwrap();
        assert_eq!(directory.get("acme").await.unwrap(), None);
        assert!(run(&["suspend", "acme"]).await.is_err());
    }

    #[tokio::test]
    async fn a_failed_deployment_leaves_the_directory_as_it_was() {
        let failed = deploy(&["false".to_owned()]).await.unwrap_err().to_string();
        assert!(failed.contains("as it was"), "{failed}");
        let outputs =
            deploy(&["echo".to_owned(), r#"{"clientId":{"value":"$(id)"}}"#.to_owned()]).await.unwrap();
        assert_eq!(outputs["clientId"]["value"], "$(id)", "a shell had a say");
    }
}
