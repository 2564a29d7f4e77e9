//! The child process: confine, read, answer, end.

mod confine;

use std::fs::File;
use std::io::{self, BufRead, Read, Write};
use std::os::fd::AsFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use serde::{Deserialize, Serialize};

pub use confine::confine;

use crate::blocks::too_much_text;
use crate::{Code, Confined, Extracted, Limits, Rejected, chunk, extract, sniff};

/// Longest header line, in bytes.
const HEADER: u64 = 16 * 1024;

/// First line on the child's standard input; the file's bytes follow.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Header {
    /// The file's name, of which only the extension matters.
    pub(crate) name: String,
    /// The content type it was sent with.
    pub(crate) content_type: Option<String>,
    /// Bytes that follow.
    pub(crate) len: u64,
}

/// The child's only output.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Answer {
    /// The file as chunks.
    Ok(Extracted),
    /// The file is refused.
    Rejected(Rejected),
}

/// The whole of the child process: confines it, reads one file from standard input, writes one JSON answer
/// (`{"ok":…}` or `{"rejected":…}`) to standard output.
///
/// Call it first thing, before any thread or runtime is started: confinement is for the whole process and
/// cannot be taken back. Ends with failure only when there is nobody to answer.
pub fn main(limits: &Limits) -> ExitCode {
    // A panic's message may quote the file, and the parent reads standard error.
    std::panic::set_hook(Box::new(|_| {}));
    let Ok(mut out) = take_stdout() else { return ExitCode::FAILURE };
    let confined = confine(limits);
    let answer = catch_unwind(AssertUnwindSafe(|| read(limits, confined)))
        .unwrap_or_else(|_| Ok(Err(Rejected::new(Code::Crashed, CRASHED))));
    let answer = match answer {
        Ok(Ok(extracted)) => Answer::Ok(extracted),
        Ok(Err(rejected)) => Answer::Rejected(rejected),
        Err(_) => return ExitCode::FAILURE,
    };
    let bytes = match serde_json::to_vec(&answer) {
        Ok(bytes) if bytes.len() as u64 <= limits.output => bytes,
        _ => serde_json::to_vec(&Answer::Rejected(too_much_text())).unwrap_or_default(),
    };
    if out.write_all(&bytes).is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What to tell people about a file that broke its reader.
pub(crate) const CRASHED: &str = "The file could not be read: it is damaged or built to break readers.";

/// Keeps standard output for the answer alone: what a parsing library prints goes nowhere.
fn take_stdout() -> io::Result<File> {
    let out = io::stdout().as_fd().try_clone_to_owned()?;
    rustix::stdio::dup2_stdout(File::options().write(true).open("/dev/null")?)?;
    Ok(File::from(out))
}

/// Reads the request and does the work. The outer error is a broken pipe, the inner one the file's.
fn read(limits: &Limits, confined: Confined) -> io::Result<Result<Extracted, Rejected>> {
    let mut input = io::stdin().lock();
    let mut line = Vec::new();
    input.by_ref().take(HEADER).read_until(b'\n', &mut line)?;
    let header: Header = serde_json::from_slice(&line)?;
    if header.len > limits.input {
        return Ok(Err(too_long(limits)));
    }
    let length = usize::try_from(header.len).unwrap_or(usize::MAX);
    let mut bytes = Vec::with_capacity(length);
    input.take(header.len).read_to_end(&mut bytes)?;
    if bytes.len() != length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(work(&header, &bytes, limits, confined))
}

fn work(header: &Header, bytes: &[u8], limits: &Limits, confined: Confined) -> Result<Extracted, Rejected> {
    let kind = sniff(&header.name, header.content_type.as_deref(), bytes)?;
    let document = extract(kind, bytes, limits)?;
    let chunks = chunk(&document);
    if chunks.is_empty() {
        return Err(Rejected::new(Code::NoText, "The file holds no text."));
    }
    if chunks.len() > limits.chunks {
        return Err(too_much_text());
    }
    Ok(Extracted { kind, title: document.title, chunks, confined })
}

/// The refusal of a file that is too long as it stands.
pub(crate) fn too_long(limits: &Limits) -> Rejected {
    Rejected::new(Code::TooLarge, format!("The file is longer than {} MiB.", limits.input / (1024 * 1024)))
}
