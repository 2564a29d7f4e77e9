//! Idempotency keys: the first answer to a request is kept, and given again.
//!
//! A request begins by claiming its key, with the time and the seed from which all its ids will come. Should the
//! process die in the middle, the next try takes the claim over with the same seed: what the first try made has the
//! same ids, and is found instead of made twice.

use crate::{
    Error, Scope, Versioned,
    ids::IdSource,
    ports::{Kind, PortError, Write},
    store::{self, Document},
};
use serde::{Deserialize, Serialize};

/// How long an answer is kept.
const KEPT_S: i64 = 24 * 3600;

/// An answer, as it was given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Headers of ours, in order.
    pub headers: Vec<(String, String)>,
    /// The body, as text.
    pub body: String,
    /// The hash of the request's body, where it was known only at the end.
    pub body_hash: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Claim {
    id: String,
    started_ms: u64,
    request: String,
    claimed_until: i64,
    expires_at: i64,
    answer: Option<Answer>,
}

impl Document for Claim {
    const KIND: Kind = Kind::Idempotency;

    fn id(&self) -> &str {
        &self.id
    }

    fn expires_at(&self) -> Option<i64> {
        Some(self.expires_at)
    }
}

/// What became of a claim.
pub enum Begun {
    /// Go on, in this scope, and bring the answer back.
    Go(Scope, Ticket),
    /// It was answered before.
    Replay(Answer),
}

/// A claim on a key.
pub struct Ticket(Box<Versioned<Claim>>);

/// First answers of a scope.
pub struct Idempotency<'a>(pub(crate) &'a Scope);

impl Idempotency<'_> {
    /// Claims a key for a request: `route` is the function's name, `request` a hash of all that the request says.
    /// Another try takes the claim over after `patience_s` seconds. What makes the same things twice may be short of
    /// patience; what would do harm beside a first try that still goes on must outlast it.
    ///
    /// # Errors
    /// [`Error::KeyReused`] for another request, [`Error::Conflict`] while the first is in flight.
    pub async fn begin(
        &self,
        key: &str,
        route: &str,
        request: &str,
        patience_s: i64,
    ) -> Result<Begun, Error> {
        let scope = self.0;
        let parts = [scope.tenant().as_str(), scope.user().unwrap_or_default(), route, key];
        let seed = scope.sealer().tag("pooled-agents idempotency", &parts);
        let id = crate::hex(&seed[..20]);
        let now = scope.now();
        let ticket = match scope.store().get::<Claim>(&id).await? {
            None => {
                let claim = Claim {
                    id,
                    started_ms: now.as_millisecond().max(0) as u64,
                    request: request.to_owned(),
                    claimed_until: now.as_second() + patience_s,
                    expires_at: now.as_second() + KEPT_S,
                    answer: None,
                };
                let write = store::create(&claim)?;
                self.write(claim, write).await?
            }
            Some(known) if known.value.request != request => return Err(Error::KeyReused),
            Some(Versioned { value: Claim { answer: Some(answer), .. }, .. }) => {
                return Ok(Begun::Replay(answer));
            }
            Some(known) if now.as_second() < known.value.claimed_until => return Err(in_flight()),
            Some(known) => {
                let claim = Claim { claimed_until: now.as_second() + patience_s, ..known.value };
                let write = store::replace(&claim, &known.etag)?;
                self.write(claim, write).await?
            }
        };
        let ids = IdSource::seeded(ticket.value.started_ms, seed);
        Ok(Begun::Go(scope.with_ids(ids), Ticket(Box::new(ticket))))
    }

    /// Keeps the answer; `None` gives the claim up, so that another try may go on at once.
    ///
    /// # Errors
    /// The store's failure.
    pub async fn end(&self, ticket: Ticket, answer: Option<Answer>) -> Result<(), Error> {
        let Versioned { value, etag } = *ticket.0;
        let write = store::replace(&Claim { answer, claimed_until: 0, ..value }, &etag)?;
        match self.0.store().commit(vec![write]).await {
            Ok(_) | Err(PortError::Conflict) => Ok(()),
            Err(fault) => Err(fault.into()),
        }
    }

    async fn write(&self, claim: Claim, write: Write) -> Result<Versioned<Claim>, Error> {
        let etags = self.0.store().commit(vec![write]).await.map_err(|fault| match fault {
            PortError::Conflict => in_flight(),
            other => other.into(),
        })?;
        let etag = etags.into_iter().next().ok_or_else(|| Error::internal("a commit without versions"))?;
        Ok(Versioned { value: claim, etag })
    }
}

fn in_flight() -> Error {
    Error::Conflict("a request with this Idempotency-Key is in flight".into())
}
