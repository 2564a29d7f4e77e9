//! Why a host did not start.

use std::path::PathBuf;

/// Why [`Host::start`](crate::Host::start) failed.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// host.json is missing, unreadable or wrong.
    #[error("host.json: {0}")]
    HostJson(String),
    /// The app asks for something that the real host has and this one does not.
    #[error("not supported by this local host: {0}")]
    Unsupported(String),
    /// The directory of the function folders cannot be read.
    #[error("{path}: {source}")]
    Functions {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// No valid function was found, so there is nothing to run and the worker is not started.
    #[error("no valid function found in {path}{faults}")]
    NoFunctions {
        /// Where they were looked for.
        path: PathBuf,
        /// Why the folders found there do not count, ready to print; empty when there were none.
        faults: String,
    },
    /// The listen address or the worker's port cannot be had.
    #[error("{what}: {source}")]
    Listen {
        /// Which address.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The worker never became ready.
    #[error("the worker did not start: {0}")]
    Worker(String),
}
