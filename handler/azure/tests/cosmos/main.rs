//! Records and the directory against the driver's own emulator, over HTTP.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod faults;
mod law;
mod lies;
mod operations;
mod support;
