//! Text extraction and chunking of files nobody vouches for.
//!
//! A file is read in a **child process** that gives up memory, processor time, files and the network before
//! it looks at the first byte, so that a hostile or broken file costs one short-lived process and never the
//! service. [`Extractor`] is the parent's side; [`child::main`] is the whole of the child.
//!
//! ```text
//! parent                                   child
//! {"name","content_type","len"}\n  ──────▶  confine itself, then read
//! the file's bytes                 ──────▶  sniff → extract → chunk
//! one JSON answer, capped          ◀──────  {"ok":…} or {"rejected":…}
//! ```
//!
//! The three steps are also plain functions ([`sniff`], [`extract`], [`chunk`]) for tests and tools. Calling
//! them on a stranger's bytes inside the service gives up every guarantee above.

mod blocks;
pub mod child;
mod chunking;
mod decode;
mod extractor;
mod formats;
mod limits;
mod model;
mod package;
mod rejected;
mod sniffing;
mod verdict;

pub use chunking::chunk;
pub use extractor::{Extractor, Failure};
pub use formats::extract;
pub use limits::Limits;
pub use model::{Block, Chunk, Confined, Document, Extracted, Kind, Place};
pub use rejected::{Code, Rejected};
pub use sniffing::sniff;
