//! The service as its users meet it: the real binary, started by the local Functions host, over HTTP.
//!
//! [`run`] gives a test the [`Dev`] that all tests of a process share. Every answer passes a [scanner](canary): each
//! tenant's text carries a word that no other tenant may ever see, and no log may hold. So does what a `Dev` keeps, tells
//! of itself, and sends to other services.
#![expect(clippy::expect_used, reason = "a harness: a test fails by panicking, and says why")]

mod answer;
pub mod azure;
pub mod canary;
mod client;
mod dev;
mod kept;
mod log;
mod oidc;
pub mod proof;
mod sse;
mod storage;
mod testdata;
pub mod tokens;
mod wait;

pub use answer::{Answer, HEADERS};
pub use client::{Caller, Sending, form};
pub use dev::{Dev, Options, binary};
pub use oidc::Oidc;
pub use sse::Event;
pub use testdata::{not_run, repository, testdata};
pub use wait::{PATIENCE, eventually, eventually_in};

use std::{
    future::Future,
    sync::{Arc, OnceLock},
};
use tokio::runtime::Runtime;

/// One runtime for all tests: what the shared client has open must not end with the test that opened it.
fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| Runtime::new().expect("a runtime"))
}

/// Runs a test that needs no [`Dev`], or its own.
pub fn alone<T>(test: impl Future<Output = T>) -> T {
    runtime().block_on(test)
}

/// Runs a test on the shared [`Dev`], and holds its log against the scanner afterwards.
pub fn run<T, F: Future<Output = T>>(test: impl FnOnce(Arc<Dev>) -> F) -> T {
    static SHARED: OnceLock<Arc<Dev>> = OnceLock::new();
    let dev = SHARED.get_or_init(|| Arc::new(runtime().block_on(Dev::start(Options::shared()))));
    let answer = runtime().block_on(test(dev.clone()));
    // What has just happened may not be written yet.
    std::thread::sleep(std::time::Duration::from_millis(30));
    dev.check();
    answer
}
