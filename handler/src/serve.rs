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
};
use tokio::io::AsyncReadExt;

type Fault = Box<dyn std::error::Error + Send + Sync>;

/// Serves until the host kills the process.
///
/// # Errors
/// What keeps it from starting.
pub async fn serve(config: Config) -> Result<(), Fault> {
    // Loopback alone: the port has no credential.
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, config.port)).await?;
    if config.dies_with_stdin {
        tokio::spawn(die_with_stdin());
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
    Ok(App { doors, cors, storage_account, backend: backend.name, openapi: OnceLock::new() })
}

/// The host holds the other end: when it ends, nobody will ever call again.
async fn die_with_stdin() {
    let mut byte = [0; 64];
    let mut stdin = tokio::io::stdin();
    while !matches!(stdin.read(&mut byte).await, Ok(0) | Err(_)) {}
    std::process::exit(0);
}
