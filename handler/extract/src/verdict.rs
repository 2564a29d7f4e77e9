//! What a child's end means.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use crate::blocks::one_line;
use crate::child::{Answer, CRASHED};
use crate::{Code, Extracted, Failure, Rejected};

/// What is left of a child that ended by itself.
pub(crate) struct Remains {
    pub(crate) output: Vec<u8>,
    pub(crate) errors: Vec<u8>,
    pub(crate) status: ExitStatus,
}

/// Exit code of a Rust program that panicked where nobody caught it.
const PANICKED: i32 = 101;

/// An answer counts if it is complete; otherwise the way the child died is the verdict on the file.
pub(crate) fn verdict(remains: &Remains) -> Result<Extracted, Failure> {
    let rejected = |code, reason: &str| Err(Failure::Rejected(Rejected::new(code, reason)));
    if let Some(signal) = remains.status.signal() {
        return match signal {
            libc::SIGXCPU => Err(Failure::Rejected(timeout())),
            libc::SIGABRT if allocation_failed(&remains.errors) => rejected(Code::Memory, MEMORY),
            // The parent's own kill is not seen here, so this one is the kernel's, which is out of memory.
            libc::SIGKILL => rejected(Code::Memory, MEMORY),
            _ => rejected(Code::Crashed, CRASHED),
        };
    }
    if !remains.status.success() {
        return match remains.status.code() {
            Some(PANICKED) => rejected(Code::Crashed, CRASHED),
            // The child never got as far as the file: a wrong program, or a pipe lost on the way.
            _ => Err(Failure::Unavailable(io::Error::other("the reader ended without an answer"))),
        };
    }
    match serde_json::from_slice(&remains.output) {
        Ok(Answer::Ok(extracted)) => Ok(extracted),
        // Shown to people, so held to a sentence's length even from a child that was taken over.
        Ok(Answer::Rejected(Rejected { code, reason })) => rejected(code, &one_line(&reason, 300)),
        Err(_) => Err(Failure::Unavailable(io::Error::other("the reader's answer cannot be understood"))),
    }
}

/// What the Rust runtime says before it aborts for want of memory.
fn allocation_failed(errors: &[u8]) -> bool {
    let words = b"memory allocation of ";
    errors.windows(words.len()).any(|window| window == words)
}

const MEMORY: &str = "The file needs too much memory to read; split or simplify it.";

/// The refusal of a file that takes too long.
pub(crate) fn timeout() -> Rejected {
    Rejected::new(Code::Timeout, "The file takes too long to read; split or simplify it.")
}
