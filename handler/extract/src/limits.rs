//! What one file may cost.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// One mebibyte.
const MIB: u64 = 1024 * 1024;

/// What one file may cost. The defaults are meant for production; tests lower them.
///
/// Parent and child each hold a copy: the child enforces what it can on itself, and the parent does not
/// depend on it (wall clock, input length and answer length are checked outside).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Longest file, in bytes. Default 100 MiB.
    pub input: u64,
    /// Address space of the child, in bytes (`RLIMIT_AS`). Default 512 MiB.
    pub memory: u64,
    /// Processor time of the child, in whole seconds (`RLIMIT_CPU`). Default 20.
    pub cpu_seconds: u64,
    /// Time from the last byte handed over until the answer is complete. Default 25 s.
    pub wall: Duration,
    /// Time to hand over the file. A slow source is not the file's fault, so running out of it is
    /// [`Failure::Unavailable`](crate::Failure::Unavailable). Default 120 s.
    pub feed: Duration,
    /// Longest answer of the child, in bytes. Default 32 MiB.
    pub output: u64,
    /// Longest text taken from one file, in bytes of UTF-8. Default 16 MiB.
    pub text: usize,
    /// Most blocks (paragraphs, rows, pages) in one document. Default 500,000.
    pub blocks: usize,
    /// Most chunks in one document. Default 20,000.
    pub chunks: usize,
    /// Most members in an Office archive. Default 1,000.
    pub entries: usize,
    /// Most bytes an Office archive may hold once decompressed. Default 100 MiB.
    pub unzipped: u64,
    /// Largest decompression ratio of one archive member, once it has given [`Limits::ratio_from`] bytes.
    /// Default 100.
    pub ratio: u64,
    /// Decompressed bytes below which the ratio is not looked at. Default 1 MiB.
    pub ratio_from: u64,
    /// Most pages, slides or sheets. Default 5,000.
    pub parts: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            input: 100 * MIB,
            memory: 512 * MIB,
            cpu_seconds: 20,
            wall: Duration::from_secs(25),
            feed: Duration::from_secs(120),
            output: 32 * MIB,
            text: 16 * 1024 * 1024,
            blocks: 500_000,
            chunks: 20_000,
            entries: 1_000,
            unzipped: 100 * MIB,
            ratio: 100,
            ratio_from: MIB,
            parts: 5_000,
        }
    }
}
