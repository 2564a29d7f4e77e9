//! `handler tenant`.

mod listed;

use super::{Fault, show};
use crate::{backend, config::Config};
use clap::{Args, Subcommand};
use comfy_table::{Table, presets::NOTHING};
use pool::{TenantRecord, TenantStatus, ports::Directory};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// See to the tenants of the directory: that of the backend that the settings name.
#[derive(Debug, Subcommand)]
pub(super) enum Tenant {
    /// Add a tenant: to the local directory, or, on Azure, to the list of those that are deployed.
    Add(Add),
    /// List the tenants.
    List(Where),
    /// Stop serving a tenant, within five seconds: nothing is deleted.
    Suspend(One),
    /// Serve a suspended tenant again.
    Resume(One),
    /// Remove a suspended tenant: it is unknown from then on, and its name is not given again. Its data stay where they
    /// are until they are deleted.
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
    /// A workload of its own acts as an identity of its own, which opens its container alone: the OpenID issuer of that
    /// workload's tokens.
    #[arg(long, requires = "federated_subject", value_parser = issuer)]
    federated_issuer: Option<String>,
    /// The exact `sub` of that workload.
    #[arg(long, requires = "federated_issuer", value_parser = subject)]
    federated_subject: Option<String>,
    /// Deploy it: list it, and run what makes its identity, container, key and row. Without this, that is printed.
    #[arg(long)]
    deploy: bool,
    /// The list of the tenants that are deployed: infra/tenants.json, if --deploy or POOL_BACKEND=azure says so.
    #[arg(long, value_name = "FILE")]
    list: Option<PathBuf>,
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
    fn config(&self) -> Result<Config, Fault> {
        let config = Config::for_tools(self.state.as_deref());
        Ok(config.map_err(|faults| faults.join("\n  "))?)
    }

    fn directory(&self) -> Result<Arc<dyn Directory>, Fault> {
        backend::directory(&self.config()?)
    }
}

impl One {
    async fn found(&self) -> Result<(Arc<dyn Directory>, TenantRecord), Fault> {
        let directory = self.place.directory()?;
        let record =
            directory.get(&self.id).await?.ok_or_else(|| format!("there is no tenant `{}`", self.id))?;
        if record.status == TenantStatus::Removed {
            return Err(format!("{} is removed: what it left may be gone already", self.id).into());
        }
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
        directory.put(&TenantRecord { status: TenantStatus::Removed, ..record }).await?;
        show::line(&format!("{} is removed; docs/OPERATIONS.md says what is left of it", self.id));
        Ok(())
    }
}

impl Add {
    async fn run(self) -> Result<(), Fault> {
        // On Azure a row alone would have the app's own identity do the tenant's work. One way makes all that it takes.
        let listed = self.deploy || self.list.is_some() || self.place.config()?.azure.is_some();
        if listed { self.list().await } else { self.put().await }
    }

    async fn put(self) -> Result<(), Fault> {
        let directory = self.place.directory()?;
        match directory.get(&self.id).await? {
            None => {}
            Some(record) if record.status == TenantStatus::Removed => {
                return Err(
                    format!("there was a tenant `{}`, and its name is not given again", self.id).into()
                );
            }
            Some(_) => return Err(format!("there is a tenant `{}` already", self.id).into()),
        }
        directory.put(&self.record()).await?;
        show::line(&format!("{} is in the directory, and is served within five seconds", self.id));
        Ok(())
    }

    async fn list(self) -> Result<(), Fault> {
        let file = self.list.as_deref().unwrap_or(Path::new("infra/tenants.json"));
        listed::append(file, &self)?;
        show::line(&format!("{} is in {}; what makes it, and may be run again:", self.id, file.display()));
        for command in listed::DEPLOYMENT {
            show::line(&format!("  {}", command.join(" ")));
        }
        if self.deploy {
            for command in listed::DEPLOYMENT {
                show::line(&show::bold(&format!("running {}", command.join(" "))).to_string());
                listed::run(command).await?;
            }
            show::line(&format!("{} is deployed, and is served within five seconds", self.id));
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
        TenantStatus::Removed => "removed",
    }
}

fn id(text: &str) -> Result<String, String> {
    TenantRecord::new(text, text).check().map(|()| text.to_owned()).map_err(str::to_owned)
}

fn issuer(text: &str) -> Result<String, String> {
    let url = url::Url::parse(text).ok().filter(|url| url.scheme() == "https" && url.host_str().is_some());
    url.map(|_| text.to_owned()).ok_or_else(|| "must be an https URL, as the tokens' `iss` has it".to_owned())
}

fn subject(text: &str) -> Result<String, String> {
    let legal = (1..=600).contains(&text.len()) && !text.chars().any(char::is_control);
    legal.then(|| text.to_owned()).ok_or_else(|| "must be 1 to 600 characters on one line".to_owned())
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
    }

    #[test]
    fn a_workload_has_an_issuer_and_a_subject() {
        let with = |issuer: &str, subject: &str| {
            let options = [format!("--federated-issuer={issuer}"), format!("--federated-subject={subject}")];
            let set = options.iter().filter(|option| !option.ends_with("-"));
            parsed(&["add", "acme"].into_iter().chain(set.map(String::as_str)).collect::<Vec<_>>()).is_ok()
        };
        assert!(with("https://idp.example", "repo:acme/app:environment:live"));
        for (issuer, subject) in [("https://idp.example", "-"), ("-", "job"), ("http://idp.example", "job")] {
            assert!(!with(issuer, subject), "{issuer} {subject}");
        }
        assert!(
            !with("https://idp.example", "a\nb") && !with("https://idp.example", "") && !with("job", "job")
        );
    }

    #[tokio::test]
    async fn what_is_to_be_deployed_is_listed() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("tenants.json");
        std::fs::write(&file, "[]").unwrap();
        let list = format!("--list={}", file.display());
        let state = format!("--state={}", root.path().join("state").display());
        parsed(&["add", "acme", &list, &state]).unwrap().run().await.unwrap();
        assert!(std::fs::read_to_string(&file).unwrap().contains("\"id\":\"acme\""));
        let directory = Where { state: Some(root.path().join("state")) }.directory().unwrap();
        assert_eq!(directory.get("acme").await.unwrap(), None, "a row without an identity");
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
        let hook = include_str!("../../../infra/hooks/lib.sh");
        let refused = format!("{} | {}*)", pool::RESERVED.join(" | "), pool::RESERVED_PREFIX);
        assert!(hook.contains(&refused), "infra/hooks/lib.sh must say: {refused}");
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
        for verb in ["suspend", "resume", "remove"] {
            let gone = run(&[verb, "acme"]).await.unwrap_err().to_string();
            assert!(gone.contains("is removed"), "{verb}: {gone}");
        }
        let heir = run(&["add", "acme"]).await.unwrap_err().to_string();
        assert!(heir.contains("not given again"), "{heir}");
        assert_eq!(directory.get("acme").await.unwrap().unwrap().status, TenantStatus::Removed);
    }
}
