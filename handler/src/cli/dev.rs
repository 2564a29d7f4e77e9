//! `handler dev`.

mod azure;
mod banner;
mod door;
mod local;

use super::{Fault, issuer::DevIssuer, show, stage};
use crate::{
    config::{Config, DEV_AUDIENCE, DEV_ISSUER},
    telemetry::inbox,
};
use clap::Args;
use devhost::{Host, HostBlobs, HostQueues, Options};
use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::{net::TcpListener, task::JoinHandle};

/// The tenants that are there from the start.
pub(super) const TENANTS: [(&str, &str); 3] =
    [("contoso", "Contoso Ltd."), ("fabrikam", "Fabrikam, Inc."), ("northwind", "Northwind Traders")];

/// Run the whole service on this machine: the Functions host, the handler as its child, storage, search, a model.
#[derive(Debug, Args)]
pub(super) struct Dev {
    /// The port of the API; 0 takes a free one.
    #[arg(long, default_value_t = 7071)]
    port: u16,
    /// Forget everything at the end; the tokens that it prints are the only ones that it believes.
    #[arg(long)]
    ephemeral: bool,
    /// Where data is kept.
    #[arg(long, default_value = ".pooled", conflicts_with = "ephemeral")]
    state: PathBuf,
    /// The folder with host.json; the one that is built in, if there is none here.
    #[arg(long)]
    root: Option<PathBuf>,
    /// Reproduce the traps of the real host, so that what would fail in Azure fails here.
    #[arg(long)]
    strict: bool,
    /// How many crashes of the handler the host survives; the real one survives two in thirty minutes.
    #[arg(long, hide = true, default_value_t = 3)]
    crashes: usize,
    /// Print telemetry, one JSON line an item: the row that it would be in Application Insights.
    #[arg(long)]
    telemetry: bool,
    /// Print the handler's log lines as they are.
    #[arg(long)]
    verbose: bool,
}

/// What the host and the handler stand on.
struct Storage {
    queues: Arc<dyn HostQueues>,
    blobs: Arc<dyn HostBlobs>,
    /// The handler's settings.
    settings: Vec<(String, String)>,
    /// What it is, for the developer.
    is: String,
    /// Where files can be dropped.
    drop_folder: String,
    /// What runs beside the host.
    task: JoinHandle<()>,
}

impl Dev {
    pub(super) async fn run(self) -> Result<(), Fault> {
        if Config::in_azure() {
            return Err("`dev` is for a developer's machine, and refused in Azure".into());
        }
        let temporary = self.ephemeral.then(tempfile::tempdir).transpose()?;
        let state = temporary.as_ref().map_or(self.state.as_path(), |folder| folder.path());
        std::fs::create_dir_all(state)?;
        let state = state.canonicalize()?;
        let issuer = DevIssuer::open(&state)?;
        let jwks = state.join("jwks.json");
        std::fs::write(&jwks, issuer.jwks().to_string())?;

        let settings = settings(&jwks);
        let storage = match settings.get("POOL_BACKEND").map(String::as_str) {
            Some("azure") => azure::open(&state, settings).await?,
            _ => {
                local::open(&state, if self.port == 0 { 0 } else { self.port.saturating_add(1) }, settings)
                    .await?
            }
        };
        let mut options = self.options(&state, &storage)?;
        if self.telemetry {
            options.env.extend(telemetry().await?);
        }
        let host = Host::start(options).await?;
        banner::show(&host, &state, &storage, &issuer)?;
        tokio::select! {
            reason = host.stopped() => {
                host.stop().await;
                return Err(reason.into());
            }
            asked = asked_to_stop() => asked?,
        }
        show::line("stopping");
        host.stop().await;
        storage.task.abort();
        Ok(())
    }

    fn options(&self, state: &Path, storage: &Storage) -> Result<Options, Fault> {
        let root = match &self.root {
            Some(root) => root.clone(),
            None if Path::new("host.json").exists() => PathBuf::from("."),
            None => {
                let built_in = state.join("app");
                stage::layout(&built_in)?;
                built_in
            }
        };
        let nested = root.join("functions");
        let mut options = Options::new(&root);
        options.functions = if nested.is_dir() { nested } else { root };
        options.executable = Some(std::env::current_exe()?);
        options.env = Config::azure_environment().chain(storage.settings.iter().cloned()).collect();
        options.listen = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        options.strict = self.strict;
        options.error_limit = self.crashes;
        // What a `dev` that was killed had in hand is free again soon; one that lives renews it.
        options.queue_lease = Duration::from_secs(30);
        options.queues = storage.queues.clone();
        options.blobs = storage.blobs.clone();
        options.state = state.join("host");
        let verbose = self.verbose;
        options.events = Arc::new(move |event| banner::event(&event, verbose));
        Ok(options)
    }
}

/// What the handler is told: what is set here, and what `dev` decides.
fn settings(jwks: &Path) -> BTreeMap<String, String> {
    let mut settings = Config::set_in_environment();
    let ours = [
        ("POOL_HOST_STDIN", "1".to_owned()),
        ("JWT_ISSUER", DEV_ISSUER.to_owned()),
        ("JWT_AUDIENCE", DEV_AUDIENCE.to_owned()),
        ("JWT_JWKS_FILE", jwks.display().to_string()),
        // The host sets it; here, it is there so that the settings can be read.
        ("FUNCTIONS_CUSTOMHANDLER_PORT", "1".to_owned()),
        // A queue on this machine costs nothing to ask, and nobody likes to wait.
        ("AzureFunctionsJobHost__extensions__queues__maxPollingInterval", "00:00:00.1000000".to_owned()),
    ];
    settings.extend(ours.map(|(name, value)| (name.to_owned(), value)));
    settings
}

/// Takes the handler's telemetry, soon after it was made; what the handler must be told for that.
async fn telemetry() -> Result<Vec<(String, String)>, Fault> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let connection = inbox::connection_string(listener.local_addr()?);
    tokio::spawn(inbox::serve(listener, Arc::new(|row| show::line(&row.to_string()))));
    let settings = [
        ("APPLICATIONINSIGHTS_CONNECTION_STRING", connection.as_str()),
        ("OTEL_BSP_SCHEDULE_DELAY", "500"),
        ("OTEL_BLRP_SCHEDULE_DELAY", "500"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "2000"),
    ];
    Ok(settings.map(|(name, value)| (name.to_owned(), value.to_owned())).into())
}

async fn asked_to_stop() -> Result<(), Fault> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        asked = tokio::signal::ctrl_c() => asked?,
        _ = terminate.recv() => {}
    }
    Ok(())
}
