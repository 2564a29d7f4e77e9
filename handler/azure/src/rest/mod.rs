//! One pipeline for every REST service that has no SDK: a token of the tenant's identity, few retries, a deadline, a
//! place in the tenant's own queue, a request id; no redirects, and no body in any log.
//!
//! A [`Rest`] is one service: its address and the audience of its tokens belong together, and no token goes elsewhere.
//! An answer is a success or, for 404 alone, `None`. All else is a [`PortError`], whose cause is a [`Fault`] where the
//! service answered.

mod answer;
mod bulkhead;
mod call;
mod fault;
#[cfg(test)]
mod tests;

pub use answer::{Answer, Opened};
pub use call::{Call, Repeat};
pub use fault::Fault;

use crate::{Identities, error, retry};
use answer::Whole;
use bulkhead::{Bulkheads, Place};
use fault::{Again, Failure};
use futures::future::BoxFuture;
use pool::{
    ports::{Entropy, PortError, PortResult},
    telemetry,
};
use reqwest::{
    Client, Request, Response,
    header::{AUTHORIZATION, HeaderValue},
};
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, sleep, timeout_at};
use url::Url;
use uuid::Uuid;

/// A call that may be repeated gives up on an attempt after so long, and begins another.
const ATTEMPT: Duration = Duration::from_secs(15);

type Wire = Arc<dyn Fn(Request) -> BoxFuture<'static, reqwest::Result<Response>> + Send + Sync>;

/// A service behind REST.
pub struct Rest {
    wire: Wire,
    identities: Arc<Identities>,
    base: Url,
    scope: &'static str,
    entropy: Arc<dyn Entropy>,
    attempt: Duration,
    bulkheads: Bulkheads,
}

impl Rest {
    /// The service at `base`, which wants tokens of `scope`: `https://search.azure.com/.default`. `client` is
    /// [`transport`](crate::transport)'s.
    pub fn new(
        client: Client,
        identities: Arc<Identities>,
        base: Url,
        scope: &'static str,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        let wire: Wire = Arc::new(move |request| Box::pin(client.execute(request)));
        Self { wire, identities, base, scope, entropy, attempt: ATTEMPT, bulkheads: Bulkheads::default() }
    }

    /// With another time after which an attempt is given up and another begun. Without: 15 seconds.
    pub fn with_attempt(mut self, attempt: Duration) -> Self {
        self.attempt = attempt;
        self
    }

    /// An address below the service's own. Each part of the path is one segment, whatever it holds.
    pub fn url(&self, path: &[&str]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url
    }

    /// Calls, and reads the whole answer. `None`: 404.
    ///
    /// # Errors
    /// `Exhausted`: the service throttles, or the tenant has too many calls under way. `Unavailable`: no sensible
    /// answer before the deadline. `Conflict`: 409 or 412. `Refused`: any other status.
    pub async fn send(&self, call: Call<'_>) -> PortResult<Option<Answer>> {
        let place = self.bulkheads.enter(call.tenant, call.due()).await?;
        let answer =
            self.tries(&call, &place, true).await?.map(|(response, body)| Answer::new(&response, body));
        drop(place);
        Ok(answer)
    }

    /// Calls, and hands over the answer's body as it comes. The tenant's place is kept until the body ends or is
    /// dropped. `None`: 404.
    ///
    /// # Errors
    /// As [`send`](Self::send); and the body's pieces can be `Unavailable`.
    pub async fn open(&self, call: Call<'_>) -> PortResult<Option<Opened>> {
        let place: Place = self.bulkheads.enter(call.tenant, call.due()).await?;
        let opened = self.tries(&call, &place, false).await?;
        Ok(opened.map(|(response, _)| Opened::new(response, call.deadline, call.limit, place)))
    }

    async fn tries(
        &self,
        call: &Call<'_>,
        place: &Place,
        whole: bool,
    ) -> PortResult<Option<(Response, Whole)>> {
        if call.url.origin() != self.base.origin() {
            return Err(PortError::refused("a token is for one service, and the address is another's"));
        }
        let mut random = [0; 16];
        self.entropy.fill(&mut random);
        let id = uuid::Builder::from_random_bytes(random).into_uuid();
        place.retries().earn();
        for attempt in 0.. {
            let begun = Instant::now();
            let result = self.attempt(call, id, whole).await;
            let took_ms = begun.elapsed().as_millis() as u64;
            let failure = match result {
                Ok(answer) => {
                    tracing::debug!(service = self.host(), method = %call.method, %id, attempt, took_ms, "called");
                    return Ok(answer);
                }
                Err(failure) => failure,
            };
            let mut chance = [0; 4];
            self.entropy.fill(&mut chance);
            let pause = retry::pause(attempt, failure.wait, chance);
            let again = failure.may_repeat(call.repeat)
                && attempt < retry::RETRIES
                && Instant::now() + pause < call.due()
                && place.retries().spend();
            let why = error::chain(&failure.error);
            tracing::debug!(service = self.host(), method = %call.method, %id, attempt, took_ms, again, why, "failed");
            if !again {
                return Err(failure.error);
            }
            sleep(pause).await;
        }
        Err(PortError::unavailable("no attempt was made"))
    }

    async fn attempt(
        &self,
        call: &Call<'_>,
        id: Uuid,
        whole: bool,
    ) -> Result<Option<(Response, Whole)>, Failure> {
        let until = match call.repeat {
            Repeat::Safe => call.due().min(Instant::now() + self.attempt),
            Repeat::Once => call.due(),
        };
        let late = |what: &'static str| Failure::new(PortError::unavailable(what), Again::IfSafe);
        let request = timeout_at(until, self.request(call, id)).await;
        let request = request.map_err(|_| late("no token before the deadline"))??;
        let answer = timeout_at(until, async {
            let begun = Instant::now();
            let sent = (self.wire)(request).await;
            let status = sent.as_ref().map_or(0, |response| response.status().as_u16());
            telemetry::called(self.host(), call.method.as_str(), status, begun.elapsed());
            let mut response = sent.map_err(Failure::of_transport)?;
            match response.status().as_u16() {
                404 => Ok(None),
                200..=299 if whole => {
                    let body = answer::read(&mut response, call.limit).await?;
                    Ok(Some((response, body)))
                }
                200..=299 => Ok(Some((response, Whole::new()))),
                _ => Err(Failure::of_status(response, id).await),
            }
        });
        answer.await.unwrap_or_else(|_| Err(late("no answer before the deadline")))
    }

    async fn request(&self, call: &Call<'_>, id: Uuid) -> Result<Request, Failure> {
        let before = |error| Failure::new(error, Again::Never);
        // The credential has retries of its own.
        let token = match call.as_app {
            true => self.identities.app_token(self.scope).await,
            false => self.identities.token(call.tenant, self.scope).await,
        };
        let token = token.map_err(before)?;
        let header = |text: &str| HeaderValue::from_str(text).map_err(|e| before(PortError::refused(e)));
        let mut bearer = header(&format!("Bearer {}", token.expose()))?;
        bearer.set_sensitive(true);
        let mut request = Request::new(call.method.clone(), call.url.clone());
        *request.headers_mut() = call.headers.clone();
        request.headers_mut().insert(AUTHORIZATION, bearer);
        request.headers_mut().insert("x-ms-client-request-id", header(&id.to_string())?);
        if let Some(parent) = telemetry::traceparent() {
            request.headers_mut().insert(telemetry::TRACEPARENT, header(&parent)?);
        }
        *request.body_mut() = call.body.clone().map(Into::into);
        Ok(request)
    }

    fn host(&self) -> &str {
        self.base.host_str().unwrap_or_default()
    }
}
