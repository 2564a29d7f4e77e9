//! One reader a kind of file.

mod csv;
mod docx;
mod html;
mod json;
mod markdown;
mod pdf;
mod pdf_fonts;
mod pptx;
mod text;
mod xlsx;

use crate::blocks::too_much_text;
use crate::{Code, Document, Kind, Limits, Rejected, decode, package};

/// Reads the text of a file [`sniff`](crate::sniff) said is of this kind.
///
/// May panic, overflow the stack, allocate without bound or never return on hostile bytes: that is what the
/// child process is for.
///
/// # Errors
///
/// A [`Rejected`] when the file is damaged, protected, unsafe, too large or without text.
pub fn extract(kind: Kind, bytes: &[u8], limits: &Limits) -> Result<Document, Rejected> {
    if kind.is_text() {
        // Twice the cap leaves room for UTF-16 and markup, and keeps decoding within the child's memory.
        if bytes.len() / 2 > limits.text {
            return Err(too_much_text());
        }
        let text = decode::decode(bytes)?;
        return match kind {
            Kind::Md => markdown::read(&text, limits),
            Kind::Html => html::read(&text, limits),
            Kind::Csv => csv::read(&text, limits),
            Kind::Json => json::read(&text, limits),
            _ => text::read(&text, limits),
        };
    }
    if kind != Kind::Pdf {
        package::inspect(bytes, limits)?;
    }
    match kind {
        Kind::Docx => docx::read(bytes, limits),
        Kind::Xlsx => xlsx::read(bytes, limits),
        Kind::Pptx => pptx::read(bytes, limits),
        _ => pdf::read(bytes, limits),
    }
}

/// A count as a citation shows it. No file within the limits has as many of anything.
fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// The refusal of a file its parser cannot read.
fn damaged(what: &str) -> Rejected {
    Rejected::new(Code::Malformed, format!("The {what} is damaged or not in the standard format."))
}

/// The refusal of too many pages, slides or sheets.
fn too_many(what: &str, limits: &Limits) -> Rejected {
    Rejected::new(Code::TooLarge, format!("The file has more than {} {what}.", limits.parts))
}
