//! Files made to hurt their reader.

mod common;

use std::io::{Cursor, Write};

use common::{archive, code, extractor, run, sample};
use extract::{Code, Extractor, Kind, Limits, extract};
use zip::write::SimpleFileOptions;

fn real() -> Extractor {
    extractor(&[], Limits::default())
}

/// A Word document whose main part is this, with other members after it.
fn document(xml: &[u8], more: &[(&str, &[u8])]) -> Vec<u8> {
    let types: &[u8] = br#"<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>"#;
    let links: &[u8] = br#"<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/></Relationships>"#;
    let mut members =
        vec![("[Content_Types].xml", types), ("_rels/.rels", links), ("word/document.xml", xml)];
    members.extend_from_slice(more);
    archive(&members)
}

fn body(inside: &str) -> Vec<u8> {
    let name = "http://schemas.openxmlformats.org/wordprocessingml/2006/main";
    format!(r#"<?xml version="1.0"?><w:document xmlns:w="{name}"><w:body>{inside}</w:body></w:document>"#)
        .into_bytes()
}

const WORDS: &str = "<w:p><w:r><w:t>plain words</w:t></w:r></w:p>";

#[tokio::test]
async fn the_harmless_twin_is_read() {
    let read = run(&real(), "a.docx", &document(&body(WORDS), &[])).await.expect("readable");
    assert_eq!(read.chunks[0].text, "plain words");
}

#[tokio::test]
async fn archives_that_unpack_to_too_much_are_refused() {
    // 1,000 : 1 in one member.
    let zeros = document(&body(WORDS), &[("word/media/a.bmp", &vec![0; 40 << 20])]);
    assert!(zeros.len() < 100_000);
    assert_eq!(code(run(&real(), "a.docx", &zeros).await), Code::TooLarge);
    // Within the ratio each, too much together.
    let noise: Vec<u8> = (0..1_u32 << 20).map(|n| (n.wrapping_mul(2_654_435_761) >> 28) as u8).collect();
    let names: Vec<String> = (0..6).map(|n| format!("word/media/{n}.bin")).collect();
    let members: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), noise.as_slice())).collect();
    let together = document(&body(WORDS), &members);
    let read = |unzipped| extract(Kind::Docx, &together, &Limits { unzipped, ..Limits::default() });
    assert_eq!(read(5 << 20).map_err(|rejected| rejected.code).map(drop), Err(Code::TooLarge));
    assert!(read(7 << 20).is_ok());
    // XML is no exception.
    let long = body(&WORDS.repeat(400_000));
    assert_eq!(code(run(&real(), "a.docx", &document(&long, &[])).await), Code::TooLarge);
}

#[tokio::test]
async fn archives_of_odd_members_are_refused() {
    let names: Vec<String> = (0..2_000).map(|n| format!("word/{n}.xml")).collect();
    let many: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), b"<x/>".as_slice())).collect();
    let inner = archive(&[("a.txt", b"x")]);
    let mut doubled = document(&body(WORDS), &[("word/documenu.xml", b"<other/>")]);
    // The writer refuses to name a member twice, so the name is changed afterwards, in both places.
    for at in 0..doubled.len() - 17 {
        if &doubled[at..at + 17] == b"word/documenu.xml" {
            doubled[at + 12] = b't';
        }
    }
    for (what, bytes, expected) in [
        ("2,000 members", document(&body(WORDS), &many), Code::TooManyEntries),
        ("an archive inside", document(&body(WORDS), &[("word/media/a.png", &inner)]), Code::UnsafeContent),
        ("a name twice", doubled, Code::UnsafeContent),
        (
            "a name in two cases",
            document(&body(WORDS), &[("WORD/Document.XML", b"<x/>")]),
            Code::UnsafeContent,
        ),
        ("a name that climbs", document(&body(WORDS), &[("../../etc/passwd", b"x")]), Code::UnsafeContent),
        ("an absolute name", document(&body(WORDS), &[("/etc/passwd", b"x")]), Code::UnsafeContent),
        ("a Windows name", document(&body(WORDS), &[("C:\\a.txt", b"x")]), Code::UnsafeContent),
    ] {
        assert_eq!(code(run(&real(), "a.docx", &bytes).await), expected, "{what}");
    }
}

#[tokio::test]
async fn chart_data_inside_a_presentation_is_no_reason_to_refuse() {
    let chart = archive(&[("xl/workbook.xml", b"<w/>")]);
    let bytes = document(&body(WORDS), &[("word/embeddings/Microsoft_Excel_Sheet.xlsx", &chart)]);
    run(&real(), "a.docx", &bytes).await.expect("readable");
}

#[tokio::test]
async fn encrypted_archives_are_told_apart() {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for name in ["[Content_Types].xml", "word/document.xml"] {
        zip.start_file(name, SimpleFileOptions::default()).expect("start");
        zip.write_all(b"<x/>").expect("write");
    }
    let mut bytes = zip.finish().expect("finish").into_inner();
    // Bit 0 of the flags says "encrypted", in local headers (at 6) and in the directory (at 8).
    for at in 0..bytes.len() - 10 {
        match &bytes[at..at + 4] {
            b"PK\x03\x04" => bytes[at + 6] |= 1,
            b"PK\x01\x02" => bytes[at + 8] |= 1,
            _ => {}
        }
    }
    assert_eq!(code(run(&real(), "a.docx", &bytes).await), Code::Encrypted);
}

#[tokio::test]
async fn xml_with_a_document_type_is_refused() {
    let mut lol = String::from("<?xml version=\"1.0\"?><!DOCTYPE x [<!ENTITY a0 \"lol\">");
    for n in 1..10 {
        lol.push_str(&format!("<!ENTITY a{n} \"{}\">", format!("&a{};", n - 1).repeat(10)));
    }
    lol.push_str("]><w:document><w:t>&a9;</w:t></w:document>");
    let wide: Vec<u8> = lol.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (what, xml) in [("UTF-8", lol.clone().into_bytes()), ("UTF-16", wide)] {
        assert_eq!(code(run(&real(), "a.docx", &document(&xml, &[])).await), Code::UnsafeContent, "{what}");
    }
}

#[tokio::test]
async fn deep_xml_ends_one_way_or_another() {
    let inside =
        format!("{}{WORDS}{}", "<w:tbl><w:tr><w:tc>".repeat(20_000), "</w:tc></w:tr></w:tbl>".repeat(20_000));
    let result = run(&real(), "a.docx", &document(&body(&inside), &[])).await;
    println!("deep XML: {result:?}");
    assert!(!matches!(result, Err(extract::Failure::Unavailable(_))), "{result:?}");
}

#[test]
fn a_workbook_that_repeats_a_long_string_is_cut_off_early() {
    let rows: String =
        (1..=3_000).map(|n| format!(r#"<row r="{n}"><c r="A{n}" t="s"><v>0</v></c></row>"#)).collect();
    let main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    let office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let links = |what: &str| {
        format!(
            r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{what}</Relationships>"#
        )
    };
    let bytes = archive(&[
        ("[Content_Types].xml", b"<Types/>"),
        ("_rels/.rels", links(&format!(r#"<Relationship Id="r" Type="{office}/officeDocument" Target="xl/workbook.xml"/>"#)).as_bytes()),
        ("xl/workbook.xml", format!(r#"<workbook xmlns="{main}" xmlns:r="{office}"><sheets><sheet name="S" sheetId="1" r:id="a"/></sheets></workbook>"#).as_bytes()),
        ("xl/_rels/workbook.xml.rels", links(&format!(r#"<Relationship Id="a" Type="{office}/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="b" Type="{office}/sharedStrings" Target="sharedStrings.xml"/>"#)).as_bytes()),
        ("xl/sharedStrings.xml", format!(r#"<sst xmlns="{main}"><si><t>{}</t></si></sst>"#, "x".repeat(30_000)).as_bytes()),
        ("xl/worksheets/sheet1.xml", format!(r#"<worksheet xmlns="{main}"><sheetData>{rows}</sheetData></worksheet>"#).as_bytes()),
    ]);
    let refused = extract(Kind::Xlsx, &bytes, &Limits::default()).map(|document| document.blocks.len());
    assert_eq!(refused.map_err(|rejected| rejected.code), Err(Code::TooLarge));
}

#[tokio::test]
async fn too_much_text_is_refused() {
    let long = "a\n\n".repeat(500_001);
    assert_eq!(code(run(&real(), "a.txt", long.as_bytes()).await), Code::TooLarge, "blocks");
    assert_eq!(code(run(&real(), "a.txt", &vec![b'a'; 33 << 20]).await), Code::TooLarge, "text");
}

#[tokio::test]
async fn too_many_chunks_are_refused() {
    // Sections long enough to stand alone, each its own chunk.
    let text: String = (0..20_001).map(|n| format!("# {n}\n{}\n\n", "word ".repeat(44))).collect();
    assert_eq!(code(run(&real(), "a.md", text.as_bytes()).await), Code::TooLarge);
}

#[tokio::test]
async fn a_truncated_document_is_damaged_not_a_crash() {
    for name in ["travel-policy.pdf", "product-faq.docx"] {
        let bytes = sample(name);
        for part in 1..8 {
            let result = run(&real(), name, &bytes[..bytes.len() * part / 8]).await;
            assert!(!matches!(result, Err(extract::Failure::Unavailable(_))), "{name} {part}/8: {result:?}");
        }
    }
}
