//! Name, declared type and content must agree.

mod common;

use common::{archive, fixture, sample};
use extract::{Code, Kind, sniff};

const DOCX: &[(&str, &[u8])] = &[("[Content_Types].xml", b"<Types/>"), ("word/document.xml", b"<w/>")];

#[test]
fn what_agrees_is_accepted() {
    let word = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
    for (name, declared, bytes, kind) in [
        ("a.txt", None, b"hello".to_vec(), Kind::Txt),
        ("A.TXT", Some("text/plain; charset=utf-8"), b"MZ is how this sentence begins".to_vec(), Kind::Txt),
        ("a.b.md", Some("text/markdown"), b"# hi".to_vec(), Kind::Md),
        ("a.htm", Some("text/html"), b"\n<!-- x --><HTML><body>x".to_vec(), Kind::Html),
        ("a.csv", Some("application/vnd.ms-excel"), b"a,b".to_vec(), Kind::Csv),
        ("a.json", Some("application/json"), b"\xef\xbb\xbf[1]".to_vec(), Kind::Json),
        ("a.pdf", Some("application/pdf"), sample("travel-policy.pdf"), Kind::Pdf),
        ("a.docx", Some(word), sample("product-faq.docx"), Kind::Docx),
        ("a.docx", Some("application/octet-stream"), archive(DOCX), Kind::Docx),
        ("a.xlsx", None, fixture("price-list.xlsx"), Kind::Xlsx),
        ("a.pptx", Some(""), fixture("launch-plan.pptx"), Kind::Pptx),
    ] {
        assert_eq!(sniff(name, declared, &bytes), Ok(kind), "{name} {declared:?}");
    }
}

#[test]
fn what_disagrees_is_refused() {
    let pdf = sample("travel-policy.pdf");
    let docx = sample("product-faq.docx");
    let macros: Vec<_> = DOCX.iter().copied().chain([("word/vbaProject.bin", b"x".as_slice())]).collect();
    let both: Vec<_> = DOCX.iter().copied().chain([("xl/workbook.xml", b"<w/>".as_slice())]).collect();
    let joined = |first: &[u8], second: &[u8]| [first, second].concat();
    let page = b"%PDF-1.7\n<html><script>alert(1)</script></html>".to_vec();
    let mut old_office = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".to_vec();
    let mismatch = Code::TypeMismatch;
    let mut cases = vec![
        ("HTML named .pdf", "a.pdf", None, b"<!DOCTYPE html><p>hi</p>".to_vec(), mismatch),
        ("HTML named .txt", "a.txt", None, b"  <html>hi".to_vec(), mismatch),
        ("HTML named .json", "a.json", None, b"<!doctype html>".to_vec(), mismatch),
        ("text named .html", "a.html", None, b"1 < 2 and that is all".to_vec(), mismatch),
        ("PDF named .txt", "a.txt", None, pdf.clone(), mismatch),
        ("PDF named .docx", "a.docx", None, pdf.clone(), mismatch),
        ("DOCX named .xlsx", "a.xlsx", None, docx.clone(), mismatch),
        ("DOCX named .pdf", "a.pdf", None, docx.clone(), mismatch),
        ("DOCX named .md", "a.md", None, docx.clone(), mismatch),
        ("plain ZIP named .docx", "a.docx", None, archive(&[("a.txt", b"x")]), mismatch),
        ("two documents in one archive", "a.docx", None, archive(&both), mismatch),
        ("macros named .docx", "a.docx", None, archive(&macros), mismatch),
        ("RTF named .txt", "a.txt", None, b"{\\rtf1 hi}".to_vec(), mismatch),
        ("ELF named .txt", "a.txt", None, b"\x7fELF\x02\x01".to_vec(), mismatch),
        ("Windows program named .pdf", "a.pdf", None, b"MZ\x90\0\x03\0".to_vec(), mismatch),
        ("script named .md", "a.md", None, b"#!/bin/sh\nrm -rf x".to_vec(), mismatch),
        ("binary named .csv", "a.csv", None, b"a,b\0c".to_vec(), mismatch),
        ("PDF that is also an archive", "a.pdf", None, joined(&pdf, &docx), mismatch),
        ("PDF that is also a page", "a.pdf", None, page, mismatch),
        ("text that is also an archive", "a.txt", None, joined(b"hello ", &docx), mismatch),
        ("archive after other bytes", "a.docx", None, joined(b"PK\x03\x04 junk", &docx), Code::Malformed),
        ("archive before other bytes", "a.docx", None, joined(&docx, b"junk"), Code::Malformed),
        ("another content type", "a.txt", Some("application/pdf"), b"hello".to_vec(), mismatch),
        ("another content type", "a.pdf", Some("text/html"), pdf, mismatch),
        ("broken JSON", "a.json", None, b"{\"a\":".to_vec(), Code::Malformed),
        ("deep JSON", "a.json", None, "[".repeat(100_000).into_bytes(), Code::Malformed),
        (
            "neither UTF-8 nor Japanese",
            "a.txt",
            None,
            b"Stra\xdfe caf\xe9 na\xefve".to_vec(),
            Code::Malformed,
        ),
        ("nothing at all", "a.txt", None, Vec::new(), Code::NoText),
        ("unknown extension", "a.exe", None, b"x".to_vec(), Code::UnsupportedType),
        ("no extension", "README", None, b"x".to_vec(), Code::UnsupportedType),
        ("double extension", "a.pdf.zip", None, b"x".to_vec(), Code::UnsupportedType),
        ("Office before 2007", "a.docx", None, old_office.clone(), mismatch),
    ];
    old_office.extend("EncryptedPackage".encode_utf16().flat_map(u16::to_le_bytes));
    cases.push(("password", "a.docx", None, old_office, Code::Encrypted));
    for (what, name, declared, bytes, code) in cases {
        match sniff(name, declared, &bytes) {
            Err(rejected) => assert_eq!(rejected.code, code, "{what}: {}", rejected.reason),
            Ok(kind) => panic!("{what} was taken for {kind:?}"),
        }
    }
}

#[test]
fn an_unknown_extension_is_told_what_is_known() {
    for (name, words) in
        [("a.doc", ".docx"), ("a.png", "OCR"), ("a", ".txt, .md, .html"), ("a.zip", "Unpack")]
    {
        let reason = sniff(name, None, b"x").map(drop).map_err(|rejected| rejected.reason);
        assert!(reason.as_ref().is_err_and(|reason| reason.contains(words)), "{reason:?}");
    }
}
