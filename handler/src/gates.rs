//! What bounds the work that requests bring about at once.

use pool::{Error, Scope, ports::PortError};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::Instant,
};

/// Streams of events that a user may have open on one instance.
pub(crate) const STREAMS: usize = 16;
/// When a user who has that many may try again.
const RETRY: Duration = Duration::from_secs(5);
/// How long it is believed which dependencies answer: anyone may ask, and asking costs.
const FRESH: Duration = Duration::from_secs(5);

type User = (String, String);
type Answers = Vec<(&'static str, bool)>;

/// What requests share.
pub struct Gates {
    streams: Arc<Mutex<HashMap<User, usize>>>,
    ready: tokio::sync::Mutex<Option<(Instant, Answers)>>,
    envelopes: Semaphore,
}

impl Default for Gates {
    fn default() -> Self {
        Self { streams: Arc::default(), ready: Default::default(), envelopes: Semaphore::new(1) }
    }
}

impl Gates {
    /// A place for one more stream of the scope's user.
    ///
    /// # Errors
    /// [`Error::Exhausted`] when the user has [`STREAMS`] open.
    pub(crate) fn stream(&self, scope: &Scope) -> Result<Open, Error> {
        let user = (scope.tenant().to_string(), scope.user().unwrap_or_default().to_owned());
        Open::new(&self.streams, user)
    }

    /// Which dependencies answer. `probe` is asked by one caller at a time, and not if it was a moment ago.
    pub(crate) async fn readiness(
        &self,
        probe: impl Future<Output = Vec<(&'static str, Result<(), PortError>)>>,
    ) -> Answers {
        let mut last = self.ready.lock().await;
        if let Some((at, answers)) = &*last
            && at.elapsed() < FRESH
        {
            return answers.clone();
        }
        let mut answers = Answers::new();
        for (name, answered) in probe.await {
            if let Err(fault) = &answered {
                tracing::warn!(dependency = name, error = %crate::problem::chain(fault), "it does not answer");
            }
            answers.push((name, answered.is_ok()));
        }
        *last = Some((Instant::now(), answers.clone()));
        answers
    }

    /// The turn of one envelope that holds a file: it is in memory whole, twice for a moment.
    ///
    /// # Errors
    /// Never: the gate is not closed.
    pub(crate) async fn envelope(&self) -> Result<SemaphorePermit<'_>, Error> {
        self.envelopes.acquire().await.map_err(|fault| Error::Internal(Box::new(fault)))
    }
}

/// An open stream.
pub(crate) struct Open {
    streams: Arc<Mutex<HashMap<User, usize>>>,
    user: User,
}

impl Open {
    fn new(streams: &Arc<Mutex<HashMap<User, usize>>>, user: User) -> Result<Self, Error> {
        let mut open = streams.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(user.clone()).or_default();
        if *count >= STREAMS {
            return Err(Error::Exhausted { retry_after: RETRY });
        }
        *count += 1;
        Ok(Self { streams: streams.clone(), user })
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let mut open = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.user) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.user);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn a_user_has_so_many_streams_and_no_more() {
        let gates = Gates::default();
        let open = |user: &str| Open::new(&gates.streams, ("contoso".into(), user.into()));
        let mut streams: Vec<_> = (0..STREAMS).map(|_| open("alice").unwrap()).collect();
        assert!(matches!(open("alice"), Err(Error::Exhausted { .. })));
        drop(open("bob").unwrap());
        streams.pop();
        drop(open("alice").unwrap());
        drop(streams);
        assert!(gates.streams.lock().unwrap().is_empty(), "nothing is remembered of who left");
    }

    #[tokio::test(start_paused = true)]
    async fn dependencies_are_asked_once_in_a_while() {
        let (gates, asked) = (Gates::default(), AtomicUsize::new(0));
        let probe = async || {
            asked.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_secs(1)).await;
            vec![("records", Ok(())), ("queue", Err(PortError::unavailable("down")))]
        };
        let many = futures::future::join_all((0..20).map(|_| gates.readiness(probe()))).await;
        assert!(many.iter().all(|answers| *answers == [("records", true), ("queue", false)]));
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        tokio::time::sleep(FRESH).await;
        gates.readiness(probe()).await;
        assert_eq!(asked.load(Ordering::SeqCst), 2);
    }
}
