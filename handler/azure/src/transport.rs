//! The one HTTP client of every SDK and of our own REST calls.

use azure_core::http::{ClientOptions, Transport};
use std::{sync::Arc, time::Duration};

/// A client that follows no redirect (a redirect would carry a token to wherever it points) and unpacks nothing (a
/// compressed blob is bytes like any other).
///
/// # Errors
/// When the system's root certificates cannot be read.
pub fn transport() -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_secs(5))
        .read_timeout(Duration::from_secs(60))
        .pool_idle_timeout(Duration::from_secs(90))
        .build()
}

/// What an SDK client is told: to send through `client`.
pub(crate) fn options(client: &reqwest::Client) -> ClientOptions {
    ClientOptions { transport: Some(Transport::new(Arc::new(client.clone()))), ..ClientOptions::default() }
}
