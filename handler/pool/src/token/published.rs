//! The keys that an issuer publishes: when they are fetched, and how long they are believed.

use super::{Jwks, KeyUrl, Refused, discovery};
use crate::ports::{KeySource, PortError};
use std::{
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::sync::{Mutex, OwnedMutexGuard};

/// The largest document that is read, in bytes.
pub const MAX_DOCUMENT: usize = 64 * 1024;
/// How long a document may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// A set this old, in seconds, is fetched anew.
const FRESH_S: i64 = 3_600;
/// A set this old is believed no more.
const GOOD_S: i64 = 24 * 3_600;
/// How far the clock may be set back without a set seeming to be from the future.
const STEP_S: i64 = 600;
/// Between two fetches for key ids that are not known, and between two tries to renew a set that is believed.
const COOL_S: i64 = 300;
/// Between two tries to get a first set.
const RETRY_S: i64 = 10;

/// Where an issuer's keys are.
#[derive(Clone, Debug)]
pub enum KeyLocation {
    /// In the JWK Set that this discovery document names.
    Discovery(KeyUrl),
    /// In this JWK Set.
    Jwks(KeyUrl),
}

/// The keys of one issuer.
pub(super) struct Published {
    issuer: String,
    location: KeyLocation,
    source: Arc<dyn KeySource>,
    known: RwLock<Option<Known>>,
    flight: Arc<Mutex<Tries>>,
    changes: Arc<AtomicU64>,
}

struct Known {
    keys: Jwks,
    digest: blake3::Hash,
    fetched: i64,
}

/// When a fetch was last begun, and why.
#[derive(Default)]
struct Tries {
    renewal: Option<i64>,
    unknown_kid: Option<i64>,
}

impl Published {
    pub(super) fn new(
        issuer: &str,
        location: KeyLocation,
        source: Arc<dyn KeySource>,
        changes: Arc<AtomicU64>,
    ) -> Self {
        let (known, flight) = (RwLock::default(), Arc::default());
        Self { issuer: issuer.to_owned(), location, source, known, flight, changes }
    }

    /// A set with this key. An id that is not known is worth a fetch, but not more than one in five minutes; of many
    /// requests that want one, one fetches, and it fetches to the end though its client may leave.
    pub(super) async fn with(self: &Arc<Self>, kid: &str, now: i64) -> Result<Jwks, Refused> {
        let known = || self.believed(now).filter(|keys| keys.get(kid).is_some());
        if let Some(keys) = known() {
            return Ok(keys);
        }
        let mut flight = self.flight.clone().lock_owned().await;
        if known().is_none() && !within(flight.unknown_kid, now, COOL_S) {
            flight.unknown_kid = Some(now);
            self.fetch(flight, now).await;
        }
        let lacking = if self.believed(now).is_some() { "unknown_kid" } else { "no_keys" };
        known().ok_or(Refused(lacking))
    }

    /// Fetches the set if it is an hour old, or there is none.
    pub(super) async fn refresh(self: &Arc<Self>, now: i64) {
        let age = self.age(now);
        if age.is_some_and(|age| (0..FRESH_S).contains(&age)) {
            return;
        }
        let pause = if self.believed(now).is_some() { COOL_S } else { RETRY_S };
        let mut flight = self.flight.clone().lock_owned().await;
        if self.age(now) == age && !within(flight.renewal, now, pause) {
            flight.renewal = Some(now);
            self.fetch(flight, now).await;
        }
    }

    /// Whether there is a set that is believed.
    pub(super) fn good(&self, now: i64) -> bool {
        self.believed(now).is_some()
    }

    fn believed(&self, now: i64) -> Option<Jwks> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let good = known.as_ref().filter(|known| (-STEP_S..GOOD_S).contains(&(now - known.fetched)));
        good.map(|known| known.keys.clone())
    }

    fn age(&self, now: i64) -> Option<i64> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.as_ref().map(|known| now - known.fetched)
    }

    async fn fetch(self: &Arc<Self>, flight: OwnedMutexGuard<Tries>, now: i64) {
        let this = self.clone();
        let fetched = tokio::spawn(async move {
            let answer = this.set().await;
            this.take(answer, now);
            drop(flight);
        });
        let _done = fetched.await;
    }

    async fn set(&self) -> Result<Vec<u8>, String> {
        let at = match &self.location {
            KeyLocation::Jwks(at) => at.clone(),
            KeyLocation::Discovery(from) => {
                discovery::jwks_uri(&self.document(from).await?, &self.issuer, from)?
            }
        };
        self.document(&at).await
    }

    async fn document(&self, at: &KeyUrl) -> Result<Vec<u8>, String> {
        let asked = tokio::time::timeout(PATIENCE, self.source.get(at, MAX_DOCUMENT)).await;
        let document = asked.unwrap_or_else(|late| Err(PortError::unavailable(late)));
        document.map_err(|fault| match std::error::Error::source(&fault) {
            Some(cause) => format!("{fault}: {cause}"),
            None => fault.to_string(),
        })
    }

    /// A set that will do takes the place of the last; else the last stays.
    fn take(&self, answer: Result<Vec<u8>, String>, now: i64) {
        let set = answer.and_then(|set| Ok((Jwks::parse(&set)?, blake3::hash(&set))));
        let (keys, digest) = match set {
            Ok(set) => set,
            Err(fault) => {
                tracing::warn!(issuer = self.issuer, fault, "the issuer's keys were not fetched");
                return;
            }
        };
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let changed = known.as_ref().is_none_or(|known| known.digest != digest);
        *known = Some(Known { keys, digest, fetched: now });
        if changed {
            self.changes.fetch_add(1, Ordering::SeqCst);
            tracing::info!(issuer = self.issuer, "the issuer's keys are new");
        }
    }
}

/// Whether `then` is less than `seconds` ago. A time that is to come says that the clock was set back.
fn within(then: Option<i64>, now: i64, seconds: i64) -> bool {
    then.is_some_and(|then| (0..seconds).contains(&(now - then)))
}
