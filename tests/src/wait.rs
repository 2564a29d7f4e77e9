//! Waiting for what happens in its own time.

use std::{future::Future, time::Duration};
use tokio::time::{Instant, sleep};

/// How long a test waits for what should take a second.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Asks again and again until there is an answer.
///
/// # Panics
/// If there is none in time.
pub async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, ask: impl FnMut() -> F) -> T {
    eventually_in(PATIENCE, what, ask).await
}

/// As [`eventually`], within a time.
///
/// # Panics
/// If there is none in time.
pub async fn eventually_in<T, F: Future<Output = Option<T>>>(
    time: Duration,
    what: &str,
    mut ask: impl FnMut() -> F,
) -> T {
    let end = Instant::now() + time;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < end, "{what}: not within {time:?}");
        sleep(Duration::from_millis(60)).await;
    }
}
