//! What a file is: its name says, its content must agree.

use serde::de::IgnoredAny;

use crate::decode::{decode, peek};
use crate::{Code, Kind, Rejected, package};

/// Extensions that are read, as shown to people.
const SUPPORTED: &str = ".txt, .md, .html, .csv, .json, .pdf, .docx, .xlsx and .pptx";

/// Decides what a file is.
///
/// The extension of `name` picks the kind, the declared content type (if it says anything) must be one that
/// goes with it, and the bytes must look like it. Nothing is ever guessed from the bytes alone.
///
/// # Errors
///
/// [`Code::UnsupportedType`] for an extension that is not on the list, [`Code::TypeMismatch`] when name, type
/// and content disagree, [`Code::Encrypted`] for a password-protected Office file, [`Code::Malformed`] for
/// undecodable text or broken JSON, [`Code::NoText`] for an empty file.
pub fn sniff(name: &str, declared_content_type: Option<&str>, bytes: &[u8]) -> Result<Kind, Rejected> {
    let kind = by_name(name)?;
    declared(kind, declared_content_type)?;
    if bytes.is_empty() {
        return Err(Rejected::new(Code::NoText, "The file is empty."));
    }
    foreign(bytes)?;
    match kind {
        Kind::Pdf => pdf(bytes)?,
        Kind::Docx | Kind::Xlsx | Kind::Pptx => package::identify(kind, bytes)?,
        _ => text(kind, bytes)?,
    }
    Ok(kind)
}

/// The kind an extension stands for. Cheap enough for the parent: a wrong name costs no process.
pub(crate) fn by_name(name: &str) -> Result<Kind, Rejected> {
    let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
    let hint = match extension.as_deref() {
        Some("txt" | "text") => return Ok(Kind::Txt),
        Some("md" | "markdown") => return Ok(Kind::Md),
        Some("html" | "htm") => return Ok(Kind::Html),
        Some("csv") => return Ok(Kind::Csv),
        Some("json") => return Ok(Kind::Json),
        Some("pdf") => return Ok(Kind::Pdf),
        Some("docx") => return Ok(Kind::Docx),
        Some("xlsx") => return Ok(Kind::Xlsx),
        Some("pptx") => return Ok(Kind::Pptx),
        Some("doc") => " Save the document as .docx.",
        Some("xls" | "xlsm" | "xlsb") => " Save the workbook as .xlsx.",
        Some("ppt" | "pptm") => " Save the presentation as .pptx.",
        Some("zip" | "7z" | "rar" | "gz" | "tar" | "tgz") => " Unpack the archive and send its files.",
        Some("png" | "jpg" | "jpeg" | "gif" | "tif" | "tiff") => " Images need OCR first.",
        _ => "",
    };
    Err(Rejected::new(
        Code::UnsupportedType,
        format!("This type of file is not supported. Supported are {SUPPORTED}.{hint}"),
    ))
}

/// Whether a declared content type goes with the kind. Types that say nothing are taken as no type.
fn declared(kind: Kind, content_type: Option<&str>) -> Result<(), Rejected> {
    let declared =
        content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if matches!(declared.as_str(), "" | "application/octet-stream" | "binary/octet-stream") {
        return Ok(());
    }
    let office = "application/vnd.openxmlformats-officedocument.";
    let declared = declared.as_str();
    let fits = match kind {
        Kind::Txt => declared == "text/plain",
        Kind::Md => matches!(declared, "text/markdown" | "text/x-markdown" | "text/plain"),
        Kind::Html => matches!(declared, "text/html" | "application/xhtml+xml"),
        // Browsers on Windows take the type of CSV from Excel.
        Kind::Csv => matches!(
            declared,
            "text/csv"
                | "application/csv"
                | "text/comma-separated-values"
                | "text/plain"
                | "application/vnd.ms-excel"
        ),
        Kind::Json => matches!(declared, "application/json" | "text/json" | "text/plain"),
        Kind::Pdf => matches!(declared, "application/pdf" | "application/x-pdf"),
        Kind::Docx => declared.strip_prefix(office) == Some("wordprocessingml.document"),
        Kind::Xlsx => declared.strip_prefix(office) == Some("spreadsheetml.sheet"),
        Kind::Pptx => declared.strip_prefix(office) == Some("presentationml.presentation"),
    };
    if fits {
        return Ok(());
    }
    Err(mismatch(format!("The file is named as {} but declared with another content type.", kind.label())))
}

/// Content that is none of the nine kinds, whatever the name.
fn foreign(bytes: &[u8]) -> Result<(), Rejected> {
    const PROGRAMS: [&[u8]; 7] = [
        b"MZ",
        b"\x7fELF",
        b"\xfe\xed\xfa\xce",
        b"\xfe\xed\xfa\xcf",
        b"\xcf\xfa\xed\xfe",
        b"\xca\xfe\xba\xbe",
        b"\0asm",
    ];
    // "MZ" may begin a sentence; a DOS header is binary.
    let program = PROGRAMS.iter().any(|magic| bytes.starts_with(magic))
        && (!bytes.starts_with(b"MZ") || bytes.iter().take(64).any(|byte| *byte == 0));
    if program || bytes.starts_with(b"#!/") {
        return Err(mismatch("The file is a program, not a document."));
    }
    Ok(())
}

/// A PDF from its first byte to its last, and nothing else besides.
fn pdf(bytes: &[u8]) -> Result<(), Rejected> {
    if !bytes.starts_with(b"%PDF-") {
        return Err(mismatch("The file is named .pdf but its content is not PDF."));
    }
    // Whole tags of a page only: compressed data holds "<p>" by chance.
    let head: String = peek(bytes).chars().take(1024).collect();
    let page = ["<!doctype html", "<html", "<script"].iter().any(|tag| head.contains(tag));
    if page || package::ends_as_zip(bytes) {
        return Err(mismatch("The file is a PDF and something else at once; export it again as plain PDF."));
    }
    Ok(())
}

/// Text that is what its extension says.
fn text(kind: Kind, bytes: &[u8]) -> Result<(), Rejected> {
    let head = peek(bytes);
    let start = head.trim_start();
    let other = [("%pdf-", "PDF"), ("{\\rtf", "RTF"), ("pk\u{3}\u{4}", "a ZIP archive")]
        .iter()
        .find(|(magic, _)| start.starts_with(magic));
    if let Some((_, what)) = other {
        return Err(mismatch(format!("The file is named as {} but its content is {what}.", kind.label())));
    }
    // A text that also ends as an archive is a polyglot.
    if package::ends_as_zip(bytes) {
        return Err(mismatch("The file is a text and a ZIP archive at once."));
    }
    let page = start.starts_with("<!doctype html") || start.starts_with("<html");
    match kind {
        Kind::Html if !markup(&head) => {
            Err(mismatch("The file is named .html but holds no HTML; name plain text .txt."))
        }
        Kind::Html => decode(bytes).map(drop),
        _ if page => Err(mismatch(format!("The file is named as {} but its content is HTML.", kind.label()))),
        Kind::Json => json(&decode(bytes)?),
        _ => decode(bytes).map(drop),
    }
}

/// Whether (lower-case) text holds HTML elements.
fn markup(lower: &str) -> bool {
    const TAGS: [&str; 17] = [
        "!doctype html",
        "html",
        "head",
        "body",
        "title",
        "p",
        "div",
        "span",
        "h1",
        "h2",
        "h3",
        "ul",
        "ol",
        "table",
        "article",
        "main",
        "script",
    ];
    lower.match_indices('<').any(|(at, _)| {
        let rest = lower.get(at + 1..).unwrap_or_default();
        TAGS.iter().any(|tag| {
            rest.strip_prefix(tag)
                .is_some_and(|after| after.starts_with(['>', '/']) || after.starts_with(char::is_whitespace))
        })
    })
}

/// One JSON value, not nested deeper than the parser's 128 levels.
fn json(text: &str) -> Result<(), Rejected> {
    serde_json::from_str::<IgnoredAny>(text).map(drop).map_err(|error| {
        Rejected::new(
            Code::Malformed,
            format!("The file is not valid JSON (line {}, column {}).", error.line(), error.column()),
        )
    })
}

/// A disagreement between name, type and content.
pub(crate) fn mismatch(reason: impl Into<String>) -> Rejected {
    Rejected::new(Code::TypeMismatch, reason)
}
