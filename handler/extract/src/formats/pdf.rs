//! PDF.

use std::panic::{AssertUnwindSafe, catch_unwind};

use pdf_extract::{Document as Pdf, Error, PlainTextOutput, decode_text_string, output_doc_page};
use unicode_normalization::UnicodeNormalization;

use crate::blocks::Blocks;
use crate::formats::{damaged, pdf_fonts, too_many};
use crate::package::encrypted;
use crate::{Document, Kind, Limits, Place, Rejected};

/// A block a page, NFKC normalised: fonts map Japanese to compatibility forms that no query would contain.
pub(super) fn read(bytes: &[u8], limits: &Limits) -> Result<Document, Rejected> {
    // An empty password, which many printers of PDF set, is tried by the parser itself.
    let mut pdf = Pdf::load_mem(bytes).map_err(|error| match error {
        Error::InvalidPassword | Error::Decryption(_) | Error::UnsupportedSecurityHandler(_) => encrypted(),
        _ => damaged("PDF"),
    })?;
    if pdf.is_encrypted() && pdf.decrypt("").is_err() {
        return Err(encrypted());
    }
    let pages: Vec<u32> = pdf.get_pages().into_keys().collect();
    if pages.len() > limits.parts {
        return Err(too_many("pages", limits));
    }
    if pages.is_empty() {
        return Err(damaged("PDF"));
    }
    pdf_fonts::make_readable(&mut pdf);
    let mut blocks = Blocks::new(limits);
    for page in pages {
        let text: String = page_text(&pdf, page).nfkc().collect();
        blocks.push(&tidy(&text), Place::Pages { from: page, to: page })?;
    }
    blocks.finish(Kind::Pdf, title(&pdf), "This PDF has no text layer; run OCR first.")
}

/// The text of one page. The better of the two readers panics on much that is merely unusual; the plainer
/// one then has its turn, and a page neither can read is empty.
fn page_text(pdf: &Pdf, page: u32) -> String {
    let better = catch_unwind(AssertUnwindSafe(|| {
        let mut text = String::new();
        let mut output = PlainTextOutput::new(&mut text);
        output_doc_page(pdf, &mut output, page).is_ok().then_some(text)
    }));
    let plainer = || catch_unwind(AssertUnwindSafe(|| pdf.extract_text(&[page]).ok()));
    match better {
        Ok(Some(text)) if !text.trim().is_empty() => text,
        _ => plainer().ok().flatten().unwrap_or_default(),
    }
}

/// The title in the document's information, if it is worth showing.
fn title(pdf: &Pdf) -> Option<String> {
    let info = pdf.trailer.get(b"Info").ok()?;
    let (_, info) = pdf.dereference(info).ok()?;
    let (_, title) = pdf.dereference(info.as_dict().ok()?.get(b"Title").ok()?).ok()?;
    let title = decode_text_string(title).ok()?;
    Some(title).filter(|title| !matches!(title.trim(), "" | "untitled" | "(anonymous)"))
}

/// One line break inside a paragraph, one blank line between paragraphs. Japanese is written without spaces,
/// so a break between two of its characters is dropped: it would split words.
fn tidy(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut breaks = 0;
    for line in text.split('\n').map(str::trim) {
        if line.is_empty() {
            breaks += 1;
            continue;
        }
        let joined =
            out.chars().next_back().is_some_and(unspaced) && line.chars().next().is_some_and(unspaced);
        match (out.is_empty(), breaks) {
            (true, _) => {}
            (false, 1..) => out.push_str("\n\n"),
            (false, _) if joined => {}
            (false, _) => out.push('\n'),
        }
        out.push_str(line);
        breaks = 0;
    }
    out
}

/// Kana, ideographs and the punctuation that runs on; not a full stop, after which a break may mean something.
fn unspaced(c: char) -> bool {
    matches!(c, '\u{3041}'..='\u{30FF}' | '\u{3400}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '々' | '、')
}

#[cfg(test)]
mod tests {
    use super::tidy;

    #[test]
    fn breaks_inside_japanese_go_and_others_stay() {
        assert_eq!(tidy("就業\n規則。\n次\n\n\n\na\nb"), "就業規則。\n次\n\na\nb");
    }
}
