//! The one HTTP client of every SDK and of our own REST calls.

use crate::Patience;
use azure_core::http::{AsyncRawResponse, ClientOptions, HttpClient, Request, RetryOptions, Transport};
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
    transport_trusting([])
}

/// The same, that also trusts servers under these authorities.
///
/// # Errors
/// As [`transport`].
pub fn transport_trusting(
    roots: impl IntoIterator<Item = reqwest::Certificate>,
) -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .tls_certs_merge(roots)
        .redirect(reqwest::redirect::Policy::none())
        // The environment is not a setting: tokens go to the service, and by nobody else.
        .no_proxy()
        .connect_timeout(Duration::from_secs(5))
        .read_timeout(Duration::from_secs(60))
        .pool_idle_timeout(Duration::from_secs(90))
        .build()
}

/// What an SDK client is told: to send through `client`, with the usual [`Patience`].
pub(crate) fn options(client: &reqwest::Client) -> ClientOptions {
    patient(client, Patience::default())
}

/// The same, with this patience.
pub(crate) fn patient(client: &reqwest::Client, patience: Patience) -> ClientOptions {
    ClientOptions {
        transport: Some(Transport::new(Arc::new(Told(client.clone())))),
        per_call_policies: vec![Arc::new(patience)],
        retry: RetryOptions::none(),
        ..ClientOptions::default()
    }
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
