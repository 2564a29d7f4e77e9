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

#[cfg(test)]
mod tests {
    use super::*;
    use std::{net::TcpListener, process::Command};

    const TARGET: &str = "POOLED_AGENTS_TEST_TARGET";

    /// Not a test: the process that the test below starts, in an environment that names a proxy.
    #[tokio::test]
    #[ignore = "started by the other test"]
    async fn child() {
        #[expect(clippy::disallowed_methods, reason = "how a test talks to the process that it starts")]
        let Ok(target) = std::env::var(TARGET) else { return };
        let _nobody_answers = transport().unwrap().get(target).timeout(Duration::from_secs(1)).send().await;
    }

    #[test]
    fn a_proxy_in_the_environment_sees_nothing() {
        let [proxy, service] = [0; 2].map(|_| TcpListener::bind("127.0.0.1:0").unwrap());
        let at = |listener: &TcpListener| format!("http://{}/", listener.local_addr().unwrap());
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--ignored", "--exact", "transport::tests::child"]).env(TARGET, at(&service));
        for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
            child.env(name, at(&proxy));
        }
        assert!(child.env_remove("NO_PROXY").env_remove("no_proxy").output().unwrap().status.success());
        let came = |listener: &TcpListener| {
            listener.set_nonblocking(true).unwrap();
            listener.accept().is_ok()
        };
        assert!(came(&service), "the child asked the service itself");
        assert!(!came(&proxy), "and nobody else");
    }
}
