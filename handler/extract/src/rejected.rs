//! Why a file was refused.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The closed list of reasons, as programs see them. Serialised in snake case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// The file's name does not end in a supported extension.
    UnsupportedType,
    /// Name, declared content type and content do not agree.
    TypeMismatch,
    /// The content breaks the rules of its format.
    Malformed,
    /// A password is needed.
    Encrypted,
    /// Nothing to index: an empty file, or one that holds only images.
    NoText,
    /// Too many bytes: as sent, once decompressed, or as text.
    TooLarge,
    /// An archive with too many members.
    TooManyEntries,
    /// Content that has no place in a document: nested archives, doubled names, DTDs.
    UnsafeContent,
    /// Reading took too long.
    Timeout,
    /// Reading took too much memory.
    Memory,
    /// The file broke its reader.
    Crashed,
}

/// A permanent refusal: the same bytes will be refused again.
///
/// `reason` is for the person who uploaded the file. It holds no path and nothing a parsing library said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejected {
    /// The reason, for programs.
    pub code: Code,
    /// The reason, for people: one sentence, with what to do where something can be done.
    pub reason: String,
}

impl Rejected {
    /// A refusal with a sentence for people.
    pub fn new(code: Code, reason: impl Into<String>) -> Self {
        Self { code, reason: reason.into() }
    }
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Rejected {}
