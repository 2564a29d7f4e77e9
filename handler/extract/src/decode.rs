//! Bytes to text.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{EUC_JP, Encoding, SHIFT_JIS, UTF_8, UTF_16BE, UTF_16LE};

use crate::{Code, Rejected};

/// Decodes UTF-8 (with or without byte-order mark), UTF-16 (with), Shift_JIS or EUC-JP; anything else, and
/// anything that is not text, is refused. Line ends become `\n`.
pub(crate) fn decode(bytes: &[u8]) -> Result<String, Rejected> {
    let text = match Encoding::for_bom(bytes) {
        Some((encoding, mark)) => strictly(encoding, bytes.get(mark..).unwrap_or_default()),
        None => strictly(UTF_8, bytes).or_else(|| japanese(bytes)),
    };
    let text = text.ok_or_else(|| {
        Rejected::new(
            Code::Malformed,
            "The file is not text in UTF-8, UTF-16 with a byte-order mark, Shift_JIS or EUC-JP; save it as UTF-8.",
        )
    })?;
    // A form feed separates pages of plain text and ESC colours logs; the others only occur in binary data.
    if text.contains(|c: char| c.is_ascii_control() && !matches!(c, '\n' | '\r' | '\t' | '\u{0C}' | '\u{1B}'))
    {
        return Err(Rejected::new(
            Code::TypeMismatch,
            "The file is named as text but holds binary data, or is UTF-16 without a byte-order mark.",
        ));
    }
    Ok(if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n") } else { text })
}

/// Decodes without ever putting a replacement character in.
fn strictly(encoding: &'static Encoding, bytes: &[u8]) -> Option<String> {
    encoding.decode_without_bom_handling_and_without_replacement(bytes).map(std::borrow::Cow::into_owned)
}

/// The Japanese encodings from before Unicode. Both accept much that is neither, so the guess of a detector
/// and an error-free decoding must agree.
fn japanese(bytes: &[u8]) -> Option<String> {
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(bytes, true);
    let guess = detector.guess(Some(b"jp"), Utf8Detection::Deny);
    if guess == SHIFT_JIS || guess == EUC_JP { strictly(guess, bytes) } else { None }
}

/// The start of a text file as text, for a look at what it seems to be: at most 4 KiB.
pub(crate) fn peek(bytes: &[u8]) -> String {
    let head = bytes.get(..bytes.len().min(4096)).unwrap_or_default();
    let encoding = match Encoding::for_bom(head) {
        Some((encoding, _)) if encoding == UTF_16LE || encoding == UTF_16BE => encoding,
        _ => UTF_8,
    };
    encoding.decode(head).0.to_ascii_lowercase()
}
