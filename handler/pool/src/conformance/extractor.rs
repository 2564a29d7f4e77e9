#![expect(clippy::unwrap_used, reason = "a conformance suite fails by panicking")]

use crate::ports::{ByteStream, Extraction, Extractor};
use bytes::Bytes;
use futures::StreamExt;

/// The law of [`Extractor`]: text comes out in order with its place; what cannot be read is rejected with a code and a
/// reason, and is no failure; a source that breaks off is a failure that another try may mend.
///
/// # Panics
/// Where the law is broken.
pub async fn extractor(extractor: &dyn Extractor) {
    let text = "First line of it.\n\n第二の段落です。\n\nThe last line of it.\n";
    let Extraction::Text(read) = read(extractor, "notes.txt", "text/plain", text.as_bytes()).await else {
        panic!("plain text is rejected");
    };
    assert_eq!(read.kind, "txt");
    let joined: String =
        read.passages.iter().map(|passage| passage.text.as_str()).collect::<Vec<_>>().join("\n");
    let at = |words: &str| joined.find(words).unwrap_or_else(|| panic!("{words} is lost"));
    assert!(at("First line") < at("第二の段落") && at("第二の段落") < at("The last line"));
    assert!(read.passages.iter().all(|passage| !passage.text.trim().is_empty() && !passage.place.is_empty()));

    let noise: Vec<u8> = (0..4_096u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    for (name, bytes) in [
        ("noise.pdf", noise.as_slice()),
        ("noise.docx", noise.as_slice()),
        ("noise.txt", noise.as_slice()),
        ("page.pdf", b"<html><body>not a PDF</body></html>".as_slice()),
        ("program.exe", b"MZ\x90\0".as_slice()),
        ("no-extension", b"text".as_slice()),
        ("empty.txt", b"".as_slice()),
    ] {
        let Extraction::Rejected { code, reason } = read_any(extractor, name, bytes).await else {
            panic!("{name} is taken for good");
        };
        assert!(
            !code.is_empty() && code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'),
            "{name}: {code}"
        );
        assert!(reason.len() > 10 && !reason.contains(name), "{name}: {reason}");
    }

    let short = extractor.extract("notes.txt", "text/plain", 100, stream(b"too short")).await;
    assert!(short.is_err_and(|fault| fault.transient()), "a source that breaks off is taken for the whole");
}

async fn read(extractor: &dyn Extractor, name: &str, content_type: &str, bytes: &[u8]) -> Extraction {
    extractor.extract(name, content_type, bytes.len() as u64, stream(bytes)).await.unwrap()
}

async fn read_any(extractor: &dyn Extractor, name: &str, bytes: &[u8]) -> Extraction {
    read(extractor, name, "application/octet-stream", bytes).await
}

fn stream(bytes: &[u8]) -> ByteStream {
    let chunks: Vec<_> = bytes.chunks(1_000).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
    futures::stream::iter(chunks).boxed()
}
