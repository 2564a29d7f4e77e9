//! Office files as archives: what must hold before any parser sees one.
//!
//! Nothing is ever unpacked to disk, so member names are only data here; they are still held to what Office
//! writes, because two readers may disagree about odd ones.

use std::collections::HashSet;
use std::io::{Cursor, Read};

use zip::ZipArchive;

use crate::sniffing::mismatch;
use crate::{Code, Kind, Limits, Rejected};

/// First bytes of an OLE compound file: what Office wraps around an encrypted document, and the format of
/// Office before 2007.
const COMPOUND: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";

/// Whether the bytes end with a ZIP end-of-directory record, as every archive does.
pub(crate) fn ends_as_zip(bytes: &[u8]) -> bool {
    let tail = bytes.get(bytes.len().saturating_sub(22 + 65_535)..).unwrap_or_default();
    tail.windows(22).enumerate().any(|(at, record)| {
        record.starts_with(b"PK\x05\x06")
            && matches!(record, [.., low, high]
                if at + 22 + usize::from(u16::from_le_bytes([*low, *high])) == tail.len())
    })
}

/// Whether the bytes are an Office archive of this kind, by its member names alone.
pub(crate) fn identify(kind: Kind, bytes: &[u8]) -> Result<(), Rejected> {
    if bytes.starts_with(COMPOUND) {
        return Err(compound(bytes));
    }
    let head = bytes.get(..bytes.len().min(1024)).unwrap_or_default();
    if !bytes.starts_with(b"PK\x03\x04") {
        return Err(mismatch(format!("The file is named as {} but its content is not.", kind.label())));
    }
    if !ends_as_zip(bytes) {
        return Err(Rejected::new(Code::Malformed, "The file is cut short or has foreign data at its end."));
    }
    if head.windows(5).any(|window| window == b"%PDF-") {
        return Err(mismatch("The file is an Office document and a PDF at once."));
    }
    let archive = open(bytes)?;
    let main = |kind| match kind {
        Kind::Docx => "word/document.xml",
        Kind::Xlsx => "xl/workbook.xml",
        _ => "ppt/presentation.xml",
    };
    let has = |name: &str| archive.index_for_name(name).is_some();
    let mains = [Kind::Docx, Kind::Xlsx, Kind::Pptx].map(main).into_iter().filter(|name| has(name)).count();
    if mains != 1 || !has(main(kind)) || !has("[Content_Types].xml") {
        return Err(mismatch(format!("The file is an archive, but not a {} document.", kind.label())));
    }
    if ["word", "xl", "ppt"].iter().any(|folder| has(&format!("{folder}/vbaProject.bin"))) {
        return Err(mismatch(
            "The file holds macros, which its extension rules out; save it without macros.",
        ));
    }
    Ok(())
}

/// Looks at every member: names, number, sizes, XML. Reads all of it once, keeps none.
pub(crate) fn inspect(bytes: &[u8], limits: &Limits) -> Result<(), Rejected> {
    let mut archive = open(bytes)?;
    if archive.len() > limits.entries {
        return Err(Rejected::new(
            Code::TooManyEntries,
            format!("The file is an archive of {} members; {} are allowed.", archive.len(), limits.entries),
        ));
    }
    if archive.has_duplicate_names() {
        return Err(unsafe_content("The file names one of its members twice."));
    }
    let mut folded = HashSet::new();
    let mut total = 0;
    for index in 0..archive.len() {
        let mut member = archive.by_index(index).map_err(|error| unreadable(&error))?;
        let name = member.name().map_err(|_| broken())?.into_owned();
        // Office compares member names without regard to case.
        if !folded.insert(name.to_ascii_lowercase()) {
            return Err(unsafe_content("The file names one of its members twice."));
        }
        let odd = name.starts_with('/') || name.contains('\\') || name.contains(':') || name.contains('\0');
        if odd || member.is_symlink() || name.split('/').any(|part| part == "..") {
            return Err(unsafe_content("The file has a member with a name no Office program writes."));
        }
        let packed = member.compressed_size().max(1);
        let mut look = Look::new(&name);
        let mut given = 0_u64;
        let mut buffer = [0; 16 * 1024];
        loop {
            let n = member.read(&mut buffer).map_err(|_| broken())?;
            if n == 0 {
                break;
            }
            given += n as u64;
            total += n as u64;
            if total > limits.unzipped || (given > limits.ratio_from && given / packed > limits.ratio) {
                return Err(Rejected::new(
                    Code::TooLarge,
                    "The file unpacks to far more data than a document needs.",
                ));
            }
            look.at(buffer.get(..n).unwrap_or_default())?;
        }
    }
    Ok(())
}

/// What is looked for inside one member.
struct Look {
    /// How much of a document type declaration has just been seen.
    declaration: usize,
    xml: bool,
    /// Charts bring their data as a workbook in this folder. It is never opened; anywhere else an archive
    /// inside an archive is refused.
    embedding: bool,
    first: bool,
}

impl Look {
    fn new(name: &str) -> Self {
        let lower = name.to_ascii_lowercase();
        let xml = [".xml", ".rels", ".vml"].iter().any(|end| lower.ends_with(end));
        Self { declaration: 0, xml, embedding: lower.contains("/embeddings/"), first: true }
    }

    fn at(&mut self, bytes: &[u8]) -> Result<(), Rejected> {
        const ARCHIVES: [&[u8]; 5] = [b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b", b"7z\xbc\xaf", b"Rar!"];
        if std::mem::take(&mut self.first) && !self.embedding && ARCHIVES.iter().any(|a| bytes.starts_with(a))
        {
            return Err(unsafe_content("The file holds an archive inside an archive."));
        }
        // A DTD can define entities that grow without bound, and no Office program writes one. Zero bytes are
        // passed over so that UTF-16 hides nothing.
        const DECLARATION: &[u8] = b"<!doctype";
        for byte in bytes.iter().filter(|byte| self.xml && **byte != 0) {
            let expected = DECLARATION.get(self.declaration) == Some(&byte.to_ascii_lowercase());
            self.declaration = if expected { self.declaration + 1 } else { usize::from(*byte == b'<') };
            if self.declaration == DECLARATION.len() {
                return Err(unsafe_content("The file holds an XML document type declaration."));
            }
        }
        Ok(())
    }
}

fn open(bytes: &[u8]) -> Result<ZipArchive<Cursor<&[u8]>>, Rejected> {
    let archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| unreadable(&error))?;
    // Bytes before the first member are the place where a second format hides.
    if archive.offset() != 0 { Err(broken()) } else { Ok(archive) }
}

fn compound(bytes: &[u8]) -> Rejected {
    // Stream names of compound files are UTF-16.
    let name: Vec<u8> = "EncryptedPackage".encode_utf16().flat_map(u16::to_le_bytes).collect();
    if bytes.windows(name.len()).any(|window| window == name) {
        encrypted()
    } else {
        mismatch("The file is in the Office format from before 2007; save it in the current format.")
    }
}

fn unreadable(error: &zip::result::ZipError) -> Rejected {
    match error {
        zip::result::ZipError::UnsupportedArchive(what) if what.to_ascii_lowercase().contains("password") => {
            encrypted()
        }
        zip::result::ZipError::UnsupportedArchive(_) => {
            Rejected::new(Code::Malformed, "The file is packed in a way Office programs do not use.")
        }
        _ => broken(),
    }
}

/// The refusal of a file behind a password.
pub(crate) fn encrypted() -> Rejected {
    Rejected::new(
        Code::Encrypted,
        "The file is protected by a password; remove the password and send it again.",
    )
}

fn broken() -> Rejected {
    Rejected::new(Code::Malformed, "The file is damaged: its archive cannot be read.")
}

fn unsafe_content(reason: &str) -> Rejected {
    Rejected::new(Code::UnsafeContent, reason)
}
