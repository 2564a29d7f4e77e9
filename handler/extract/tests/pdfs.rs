//! PDFs built to hurt, and PDFs built to be hard to read.

mod common;

use common::{code, extractor, run};
use extract::{Code, Extracted, Failure, Limits, Place};
use pdf_extract::{Dictionary, Document, Object, Stream};

/// A one-page PDF with this content, these resources, and whatever else was put into `pdf`.
fn page(mut pdf: Document, content: Stream, resources: Dictionary) -> Vec<u8> {
    let content = pdf.add_object(content);
    let pages = pdf.new_object_id();
    let mut leaf = named("Page");
    leaf.set("Parent", Object::Reference(pages));
    leaf.set("MediaBox", vec![0.into(), 0.into(), 600.into(), 800.into()]);
    leaf.set("Contents", Object::Reference(content));
    leaf.set("Resources", resources);
    let leaf = pdf.add_object(leaf);
    let mut tree = named("Pages");
    tree.set("Kids", vec![Object::Reference(leaf)]);
    tree.set("Count", 1);
    pdf.objects.insert(pages, tree.into());
    let mut catalog = named("Catalog");
    catalog.set("Pages", Object::Reference(pages));
    let catalog = pdf.add_object(catalog);
    pdf.trailer.set("Root", Object::Reference(catalog));
    let mut bytes = Vec::new();
    pdf.save_to(&mut bytes).map(|()| bytes).unwrap_or_else(|error| panic!("{error}"))
}

fn named(kind: &str) -> Dictionary {
    entry("Type", Object::Name(kind.as_bytes().to_vec()))
}

fn entry(name: &str, value: impl Into<Object>) -> Dictionary {
    let mut dictionary = Dictionary::new();
    dictionary.set(name, value);
    dictionary
}

fn name(name: &str) -> Object {
    Object::Name(name.as_bytes().to_vec())
}

async fn read(bytes: &[u8]) -> Result<Extracted, Failure> {
    run(&extractor(&["--cpu", "4"], Limits::default()), "a.pdf", bytes).await
}

/// A page that shows these codes in a composite Japanese font of this encoding.
async fn japanese(encoding: &str, codes: &[u8]) -> String {
    let mut pdf = Document::with_version("1.5");
    let descriptor = pdf.add_object(named("FontDescriptor"));
    let mut inner = named("Font");
    inner.set("Subtype", name("CIDFontType0"));
    inner.set("BaseFont", name("HeiseiMin-W3"));
    inner.set("FontDescriptor", Object::Reference(descriptor));
    let inner = pdf.add_object(inner);
    let mut font = named("Font");
    font.set("Subtype", name("Type0"));
    font.set("BaseFont", name("HeiseiMin-W3"));
    font.set("Encoding", name(encoding));
    font.set("DescendantFonts", vec![Object::Reference(inner)]);
    let font = pdf.add_object(font);
    let hex: String = codes.iter().map(|byte| format!("{byte:02x}")).collect();
    let content = format!("BT /F1 12 Tf 50 700 Td <{hex}> Tj ET").into_bytes();
    let resources = entry("Font", entry("F1", Object::Reference(font)));
    let bytes = page(pdf, Stream::new(Dictionary::new(), content), resources);
    match read(&bytes).await {
        Ok(read) => read.chunks.into_iter().map(|chunk| chunk.text).collect(),
        Err(failure) => panic!("{encoding}: {failure:?}"),
    }
}

#[tokio::test]
async fn predefined_japanese_encodings_are_known() {
    let text = "就業規則 ABC 第１条";
    let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let sjis = b"\x8fA\x8b\xc6\x8bK\x91\xa5 ABC \x91\xe6\x82P\x8f\xf0";
    // The full-width digit becomes a plain one: compatibility forms are folded.
    assert_eq!(japanese("UniJIS-UCS2-H", &utf16).await, "就業規則 ABC 第1条");
    assert_eq!(japanese("UniJIS-UTF16-H", &utf16).await, "就業規則 ABC 第1条");
    assert_eq!(japanese("90ms-RKSJ-H", sjis).await, "就業規則 ABC 第1条");
}

#[tokio::test]
async fn a_form_that_draws_itself_ends() {
    let mut pdf = Document::with_version("1.5");
    let form = pdf.new_object_id();
    let mut own = named("XObject");
    own.set("Subtype", name("Form"));
    own.set("BBox", vec![0.into(), 0.into(), 1.into(), 1.into()]);
    own.set("Resources", entry("XObject", entry("X", Object::Reference(form))));
    pdf.objects.insert(form, Stream::new(own, b"/X Do /X Do".to_vec()).into());
    let resources = entry("XObject", entry("X", Object::Reference(form)));
    let bytes = page(pdf, Stream::new(Dictionary::new(), b"/X Do".to_vec()), resources);
    let result = read(&bytes).await;
    assert!(matches!(result, Err(Failure::Rejected(_))), "{result:?}");
}

#[tokio::test]
async fn deep_nesting_ends() {
    for depth in [1_000, 10_000, 1_000_000] {
        let content = ["[".repeat(depth), "]".repeat(depth), " TJ".to_owned()].concat().into_bytes();
        let bytes =
            page(Document::with_version("1.5"), Stream::new(Dictionary::new(), content), Dictionary::new());
        let result = read(&bytes).await;
        assert!(matches!(result, Err(Failure::Rejected(_))), "{depth}: {result:?}");
        // The same nesting among the objects, where the loader meets it.
        let object = format!("9 0 obj\n{}{}\nendobj\n", "[".repeat(depth), "]".repeat(depth));
        let spliced = [b"%PDF-1.5\n", object.as_bytes(), &bytes].concat();
        let result = read(&spliced).await;
        assert!(!matches!(result, Err(Failure::Unavailable(_))), "{depth}: {result:?}");
    }
}

#[tokio::test]
async fn a_stream_that_inflates_without_end_is_refused() {
    // Millions of operators behind two rounds of compression.
    let mut stream = Stream::new(Dictionary::new(), b"q ".repeat(6 << 20));
    stream.compress().unwrap_or_else(|error| panic!("{error}"));
    let mut twice = Stream::new(Dictionary::new(), stream.content.clone());
    twice.compress().unwrap_or_else(|error| panic!("{error}"));
    twice.dict.set("Filter", vec![name("FlateDecode"), name("FlateDecode")]);
    let bytes = page(Document::with_version("1.5"), twice, Dictionary::new());
    assert!(bytes.len() < 100_000, "{}", bytes.len());
    let code = code(read(&bytes).await);
    assert!(matches!(code, Code::Memory | Code::Timeout | Code::NoText), "{code:?}");
}

#[tokio::test]
async fn one_bad_page_does_not_lose_the_others() {
    // Two pages of one text, the second with a font the better reader panics on.
    let mut pdf = Document::with_version("1.5");
    let pages = pdf.new_object_id();
    let mut kids = Vec::new();
    for (subtype, words) in
        [("Type1", "(first page)"), ("NoSuchType", "(second page)"), ("Type1", "(third page)")]
    {
        let mut font = named("Font");
        font.set("Subtype", name(subtype));
        font.set("BaseFont", name("Helvetica"));
        font.set("Encoding", name(if subtype == "Type1" { "WinAnsiEncoding" } else { "Nonsense" }));
        let content =
            Stream::new(Dictionary::new(), format!("BT /F1 12 Tf 50 700 Td {words} Tj ET").into_bytes());
        let content = pdf.add_object(content);
        let mut leaf = named("Page");
        leaf.set("Parent", Object::Reference(pages));
        leaf.set("MediaBox", vec![0.into(), 0.into(), 600.into(), 800.into()]);
        leaf.set("Contents", Object::Reference(content));
        leaf.set("Resources", entry("Font", entry("F1", font)));
        kids.push(Object::Reference(pdf.add_object(leaf)));
    }
    let mut tree = named("Pages");
    tree.set("Count", 3);
    tree.set("Kids", kids);
    pdf.objects.insert(pages, tree.into());
    let mut catalog = named("Catalog");
    catalog.set("Pages", Object::Reference(pages));
    let catalog = pdf.add_object(catalog);
    pdf.trailer.set("Root", Object::Reference(catalog));
    let mut bytes = Vec::new();
    assert!(pdf.save_to(&mut bytes).is_ok());
    let read = match read(&bytes).await {
        Ok(read) => read,
        Err(failure) => panic!("{failure:?}"),
    };
    let text: String = read.chunks.iter().map(|chunk| chunk.text.as_str()).collect();
    assert!(text.contains("first page") && text.contains("third page"), "{text}");
    assert!(matches!(read.chunks[0].place, Place::Pages { from: 1, .. }));
}
