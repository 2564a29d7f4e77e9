//! The one HTTP client of every SDK and of our own REST calls.

use azure_core::http::{AsyncRawResponse, ClientOptions, HttpClient, Request, Transport};
use pool::telemetry;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

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
    let transport = Transport::new(Arc::new(Told(client.clone())));
    ClientOptions { transport: Some(transport), ..ClientOptions::default() }
}

/// A client whose calls are told.
#[derive(Debug)]
struct Told(reqwest::Client);

#[async_trait::async_trait]
impl HttpClient for Told {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let begun = Instant::now();
        let answer = self.0.execute_request(request).await;
        let status = answer.as_ref().map_or(0, |answer| u16::from(answer.status()));
        let host = request.url().host_str().unwrap_or_default();
        telemetry::called(host, request.method().as_str(), status, begun.elapsed());
        answer
    }
}
