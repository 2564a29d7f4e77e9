use super::{
    fault::{Fault, known_code},
    wire::ErrorBody,
};
use crate::model::Secret;
use bytes::{Bytes, BytesMut};
use futures::{FutureExt as _, Stream, TryStreamExt as _, future::BoxFuture};
use jiff::{Timestamp, fmt::rfc2822};
use pool::{
    TenantId,
    ports::{Clock, PortError, PortResult},
    telemetry,
};
use reqwest::{
    Client, Response, StatusCode,
    header::{AUTHORIZATION, HeaderMap, HeaderValue, InvalidHeaderValue, RETRY_AFTER},
    redirect, retry,
};
use serde::Serialize;
use std::{
    fmt,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};
use url::Url;

const CONNECT: Duration = Duration::from_secs(5);
const IDLE: Duration = Duration::from_secs(60);
const WHOLE: Duration = Duration::from_secs(600);
const ERROR_BODY: Duration = Duration::from_secs(5);
const MAX_ERROR_BODY: usize = 64 * 1024;
const MAX_PATIENCE: Duration = Duration::from_secs(60);
const DEFAULT_PATIENCE: Duration = Duration::from_secs(5);

/// Where the bearer token of a request comes from, for services whose tokens end: it is asked each time.
pub type Tokens = Arc<dyn Fn(TenantId) -> BoxFuture<'static, PortResult<Secret>> + Send + Sync>;

/// A server that speaks the OpenAI dialect, and the key to it. Models and embeddings share it, and its connections.
pub struct Endpoint {
    base: Url,
    tokens: Option<Tokens>,
    clock: Arc<dyn Clock>,
    client: OnceLock<Client>,
}

/// Why an endpoint's settings will not do. The text holds neither address nor key.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// Not a URL.
    #[error("the endpoint is not a URL")]
    NotAUrl,
    /// A scheme other than `http` and `https`.
    #[error("the endpoint's scheme is neither http nor https")]
    Scheme,
    /// A user name or a password in the URL.
    #[error("the endpoint's URL holds credentials; set the key instead")]
    Credentials,
    /// Characters that a header cannot hold.
    #[error("the key holds characters that cannot be sent")]
    Key,
}

impl Endpoint {
    /// An endpoint at `base`, such as `https://api.openai.com/v1`. Nothing is sent, and no client built, until the
    /// first use.
    ///
    /// # Errors
    /// If the address or the key cannot be used.
    pub fn new(base: &str, api_key: Option<&Secret>, clock: Arc<dyn Clock>) -> Result<Self, EndpointError> {
        let mut endpoint = Self { base: address(base)?, tokens: None, clock, client: OnceLock::new() };
        if let Some(key) = api_key.cloned() {
            bearer(&key).map_err(|_| EndpointError::Key)?;
            endpoint.tokens = Some(Arc::new(move |_| std::future::ready(Ok(key.clone())).boxed()));
        }
        Ok(endpoint)
    }

    /// The same, with a token of the tenant's for each request, as an Azure OpenAI deployment at `/openai/v1` takes it.
    ///
    /// # Errors
    /// If the address cannot be used.
    pub fn with_tokens(base: &str, tokens: Tokens, clock: Arc<dyn Clock>) -> Result<Self, EndpointError> {
        Ok(Self { base: address(base)?, tokens: Some(tokens), clock, client: OnceLock::new() })
    }

    /// Posts a body below the base. An answer that is not a success is an error.
    pub(super) async fn post(
        &self,
        tenant: &TenantId,
        path: &[&str],
        body: &(impl Serialize + Sync),
    ) -> PortResult<Response> {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        let mut headers = HeaderMap::new();
        if let Some(tokens) = &self.tokens {
            let token = tokens(tenant.clone()).await?;
            headers.insert(AUTHORIZATION, bearer(&token).map_err(|_| PortError::refused(Fault::new("key")))?);
        }
        if let Some(parent) = telemetry::traceparent() {
            let parent = HeaderValue::from_str(&parent).map_err(PortError::refused)?;
            headers.insert(telemetry::TRACEPARENT, parent);
        }
        let (client, began) = (self.client()?, Instant::now());
        let sent = client.post(url).headers(headers).timeout(WHOLE).json(body).send().await;
        let status = sent.as_ref().map_or(0, |response| response.status().as_u16());
        telemetry::called(self.base.host_str().unwrap_or_default(), "POST", status, began.elapsed());
        let response = sent.map_err(Fault::transport)?;
        if response.status().is_success() { Ok(response) } else { Err(self.failure(response).await) }
    }

    fn client(&self) -> PortResult<&Client> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let built = Client::builder()
            .connect_timeout(CONNECT)
            .read_timeout(IDLE)
            // A redirect would carry the conversation to a place that nobody configured.
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            // The environment is not a setting.
            .no_proxy()
            .build()
            .map_err(Fault::transport)?;
        Ok(self.client.get_or_init(|| built))
    }

    async fn failure(&self, response: Response) -> PortError {
        let status = response.status();
        if status == StatusCode::TOO_MANY_REQUESTS {
            return PortError::Exhausted { retry_after: patience(response.headers(), self.clock.now()) };
        }
        if status.is_redirection() {
            return PortError::refused(Fault::with_status("redirect", status));
        }
        let body = tokio::time::timeout(ERROR_BODY, read(response, MAX_ERROR_BODY)).await;
        let parsed =
            body.ok().and_then(Result::ok).and_then(|body| serde_json::from_slice::<ErrorBody>(&body).ok());
        let code = parsed.as_ref().map_or("other", |body| known_code(body.error.code()));
        let fault = Fault::with_status(code, status);
        if status == StatusCode::REQUEST_TIMEOUT || status.is_server_error() {
            PortError::unavailable(fault)
        } else {
            PortError::refused(fault)
        }
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").field("host", &self.base.host_str()).finish_non_exhaustive()
    }
}

/// A response's body, piece by piece.
pub(super) fn pieces(response: Response) -> impl Stream<Item = PortResult<Bytes>> + Send + 'static {
    response.bytes_stream().map_err(Fault::transport)
}

/// A response's whole body.
pub(super) async fn read(response: Response, limit: usize) -> PortResult<BytesMut> {
    let mut pieces = std::pin::pin!(pieces(response));
    let mut body = BytesMut::new();
    while let Some(piece) = pieces.try_next().await? {
        if body.len() + piece.len() > limit {
            return Err(PortError::unavailable(Fault::new("too_long")));
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}

fn address(base: &str) -> Result<Url, EndpointError> {
    let base = Url::parse(base.trim()).map_err(|_| EndpointError::NotAUrl)?;
    if !matches!(base.scheme(), "http" | "https") {
        return Err(EndpointError::Scheme);
    }
    if !base.username().is_empty() || base.password().is_some() {
        return Err(EndpointError::Credentials);
    }
    Ok(base)
}

fn bearer(key: &Secret) -> Result<HeaderValue, InvalidHeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", key.expose()))?;
    value.set_sensitive(true);
    Ok(value)
}

/// How long `Retry-After` asks to wait: seconds, or a date. Between one second and a minute, so that a broken clock
/// or a hostile header neither spins nor stalls the caller.
fn patience(headers: &HeaderMap, now: Timestamp) -> Duration {
    let asked =
        headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()).map(str::trim).and_then(|value| {
            if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
                return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
            }
            let until = rfc2822::DateTimeParser::new().parse_timestamp(value).ok()?;
            Some(Duration::try_from(until.duration_since(now)).unwrap_or_default())
        });
    asked.unwrap_or(DEFAULT_PATIENCE).clamp(Duration::from_secs(1), MAX_PATIENCE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_kept_out_of_traces() {
        let header = bearer(&Secret::new("sk-canary")).expect("a header");
        assert!(header.is_sensitive());
        assert_eq!(format!("{header:?}"), "Sensitive");
    }
}
