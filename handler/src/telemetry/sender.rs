//! The HTTP client of the exporters. It lives on their threads, which may block.

use async_trait::async_trait;
use http::{Request, Response};
use opentelemetry_http::{Bytes, HttpClient, HttpError};
use reqwest::blocking::Client;
use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};
use url::{Host, Url};

/// Sends batches. The client is made at the first: nothing of it is on the way to the first answer.
#[derive(Clone, Debug, Default)]
pub(super) struct Sender(Arc<OnceLock<Client>>);

#[async_trait]
impl HttpClient for Sender {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = match self.0.get() {
            Some(client) => client,
            None => {
                let built = Client::builder()
                    .timeout(Duration::from_secs(20))
                    .redirect(reqwest::redirect::Policy::none())
                    .no_proxy()
                    .build()?;
                self.0.get_or_init(|| built)
            }
        };
        let (parts, body) = request.into_parts();
        let url = reachable(&parts.uri.to_string())?;
        let answer = client.request(parts.method, url).headers(parts.headers).body(body).send()?;
        let mut response = Response::builder().status(answer.status());
        if let Some(headers) = response.headers_mut() {
            headers.clone_from(answer.headers());
        }
        Ok(response.body(answer.bytes()?)?)
    }
}

/// The exporter makes every address https. This machine's own has no certificate.
fn reachable(address: &str) -> Result<Url, HttpError> {
    let mut url = Url::parse(address)?;
    let here = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    if here && url.port().is_some() {
        url.set_scheme("http").map_err(|()| "an address that cannot be plain")?;
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::reachable;

    #[test]
    fn only_this_machine_is_spoken_to_in_the_clear() {
        for (address, scheme) in [
            ("https://127.0.0.1:4318/v2/track", "http"),
            ("https://localhost:4318/", "http"),
            ("https://127.0.0.1.example:4318/", "https"),
            ("https://dc.services.visualstudio.com/v2/track", "https"),
            ("https://10.0.0.1:4318/", "https"),
        ] {
            assert_eq!(reachable(address).unwrap().scheme(), scheme, "{address}");
        }
    }
}
