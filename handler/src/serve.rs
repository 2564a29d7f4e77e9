//! Serving: what the Functions host starts.

use crate::{
    app::{App, router},
    config::Config,
    extraction::ChildExtractor,
};
use axum::{http::HeaderValue, serve::ListenerExt};
use local::{
    Local, OsEntropy,
    model::{Endpoint, Extractive, OpenAiCompatible, OpenAiEmbeddings, Secret},
};
use pool::{
    Doors, SealKeys,
    ports::{Embedder, Links, Model, Ports, SystemClock},
    token::{Issuer, Jwks, TokenRules},
};
use std::{
    net::Ipv4Addr,
    sync::{Arc, OnceLock},
    time::Duration,
};
use tokio::{
    io::AsyncReadExt,
    signal::unix::{SignalKind, signal},
};

/// How long the last telemetry may take.
const LAST_WORDS: Duration = Duration::from_secs(2);

type Fault = Box<dyn std::error::Error + Send + Sync>;

/// Sends what telemetry still has.
pub type Flush = Box<dyn FnOnce() + Send + Sync>;

/// Serves until the host ends the process.
///
/// # Errors
/// What keeps it from starting.
pub async fn serve(config: Config, flush: Option<Flush>) -> Result<(), Fault> {
    // Loopback alone: the port has no credential.
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, config.port)).await?;
    let dies_with_stdin = config.dies_with_stdin;
    if dies_with_stdin || flush.is_some() {
        tokio::spawn(end(dies_with_stdin, flush));
    }
    let app = Arc::new(app(&config)?);
    tracing::info!(port = config.port, version = env!("CARGO_PKG_VERSION"), "serving");
    // Small answers go out at once: an event of a stream must not wait for the client's acknowledgement.
    let listener = listener.tap_io(|connection| drop(connection.set_nodelay(true)));
    axum::serve(listener, router(app)).await?;
    Ok(())
}

/// The service on the local backend.
///
/// # Errors
/// What is wrong with the state folder, the keys or the JWK Set.
pub fn app(config: &Config) -> Result<App, Fault> {
    let rules = rules(config)?;
    let local = open(config)?;
    let (current, keys) = local.keys.seal();
    let keys =
        SealKeys::new(current, keys, local.keys.names()).ok_or("the key file has no key to seal with")?;
    let doors = Doors::new(ports(config, &local)?, keys, rules, config.settings.clone());
    let cors = config.cors.iter().map(HeaderValue::try_from).collect::<Result<_, _>>()?;
    let storage_host = config.storage_host.clone();
    Ok(App { doors, cors, storage_host, backend: "local", openapi: OnceLock::new() })
}

/// The local backend.
///
/// # Errors
/// What is wrong with the state folder or the keys.
pub fn open(config: &Config) -> Result<Local, Fault> {
    let mut options = local::Options::default();
    if let Some(url) = &config.storage_url {
        options.upload_base.clone_from(url);
    }
    Ok(Local::open(&config.state, options, Arc::new(SystemClock), Arc::new(OsEntropy))?)
}

fn ports(config: &Config, local: &Local) -> Result<Ports, Fault> {
    let (model, embedder) = models(config)?;
    Ok(Ports {
        records: local.records.clone(),
        blobs: local.blobs.clone(),
        links: config.storage_url.is_some().then(|| local.links.clone() as Arc<dyn Links>),
        index: local.index.clone(),
        queue: local.queue.clone(),
        directory: local.directory.clone(),
        model,
        embedder,
        extractor: Arc::new(ChildExtractor::new(&std::env::current_exe()?)),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(OsEntropy),
    })
}

type Models = (Arc<dyn Model>, Option<Arc<dyn Embedder>>);

fn models(config: &Config) -> Result<Models, Fault> {
    let Some(model) = &config.model else { return Ok((Arc::new(Extractive::default()), None)) };
    let key = model.key.clone().map(Secret::new);
    let endpoint = Arc::new(Endpoint::new(&model.endpoint, key.as_ref(), Arc::new(SystemClock))?);
    let embedder = model.embedding.as_ref().map(|(name, dimensions)| {
        Arc::new(OpenAiEmbeddings::new(endpoint.clone(), name, *dimensions)) as Arc<dyn Embedder>
    });
    Ok((Arc::new(OpenAiCompatible::new(endpoint, &model.name)), embedder))
}

fn rules(config: &Config) -> Result<TokenRules, Fault> {
    let path = &config.jwks_file;
    let set = std::fs::read(path).map_err(|fault| format!("JWT_JWKS_FILE {}: {fault}", path.display()))?;
    let keys = Jwks::parse(&set).map_err(|rule| format!("JWT_JWKS_FILE {}: {rule}", path.display()))?;
    let issuer = Issuer { issuer: config.issuer.clone(), audience: config.audience.clone(), keys };
    Ok(TokenRules { issuers: vec![issuer], tenant_claim: config.tenant_claim.clone() })
}

/// Ends the process when the host says so, or when it is gone: nobody will ever call again. What telemetry still has is
/// sent, if that can be done in the time that hosts give.
async fn end(with_stdin: bool, flush: Option<Flush>) {
    let terminated = async {
        match signal(SignalKind::terminate()) {
            // The signal ends the process by itself as long as nobody listens to it.
            Ok(mut terminate) if flush.is_some() => drop(terminate.recv().await),
            _ => std::future::pending().await,
        }
    };
    tokio::select! {
        () = closed(), if with_stdin => {}
        () = terminated => {}
    }
    if let Some(flush) = flush {
        let _late = tokio::time::timeout(LAST_WORDS, tokio::task::spawn_blocking(flush)).await;
    }
    std::process::exit(0);
}

/// The host holds the other end of our standard input.
async fn closed() {
    let mut byte = [0; 64];
    let mut stdin = tokio::io::stdin();
    while !matches!(stdin.read(&mut byte).await, Ok(0) | Err(_)) {}
}
