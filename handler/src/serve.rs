//! Serving: what the Functions host starts.

use crate::{
    app::{App, router},
    backend,
    config::Config,
    keys,
};
use axum::{http::HeaderValue, serve::ListenerExt};
use pool::Doors;
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
    tokio::spawn({
        let app = app.clone();
        async move { keys::keep_fresh(&app.doors).await }
    });
    tracing::info!(port = config.port, version = env!("CARGO_PKG_VERSION"), "serving");
    // Small answers go out at once: an event of a stream must not wait for the client's acknowledgement.
    let listener = listener.tap_io(|connection| drop(connection.set_nodelay(true)));
    axum::serve(listener, router(app)).await?;
    Ok(())
}

/// The service, on the backend that is set.
///
/// # Errors
/// What is wrong with the backend's settings, the state folder, the keys or the JWK Set.
pub fn app(config: &Config) -> Result<App, Fault> {
    let rules = keys::rules(config)?;
    let backend = backend::open(config)?;
    let doors = Doors::new(backend.ports, backend.keys, rules, config.settings.clone());
    let cors = config.cors.iter().map(HeaderValue::try_from).collect::<Result<_, _>>()?;
    let storage_account = config.storage_account.clone();
    Ok(App {
        doors,
        cors,
        storage_account,
        backend: backend.name,
        openapi: OnceLock::new(),
        gates: Default::default(),
    })
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
