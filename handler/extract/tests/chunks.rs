//! What chunks promise.

use std::time::{Duration, Instant};

use extract::{Chunk, Kind, Limits, Place, chunk, extract};

fn chunks(kind: Kind, text: &str) -> Vec<Chunk> {
    match extract(kind, text.as_bytes(), &Limits::default()) {
        Ok(document) => chunk(&document),
        Err(rejected) => panic!("{rejected:?}"),
    }
}

#[test]
fn chunks_are_bounded_numbered_and_lose_nothing() {
    let english: String = (1..=900)
        .map(|n| format!("Sentence number {n} stands here. {}", if n % 7 == 0 { "\n\n" } else { "" }))
        .collect();
    let japanese: String = (1..=900).map(|n| format!("これは{n}番目の文です。")).collect();
    for (text, mark) in [(english, "Sentence number 433 stands here."), (japanese, "これは433番目の文です。")]
    {
        let chunks = chunks(Kind::Txt, &text);
        assert!(chunks.len() > 5, "{}", chunks.len());
        assert!(chunks.iter().all(|chunk| chunk.text.chars().count() <= 1_200));
        assert!(chunks.iter().enumerate().all(|(n, chunk)| chunk.n as usize == n));
        assert!(chunks.iter().any(|chunk| chunk.text.contains(mark)), "a sentence was cut");
        let total: usize =
            chunks.iter().map(|chunk| chunk.text.chars().filter(|c| !c.is_whitespace()).count()).sum();
        let source = text.chars().filter(|c| !c.is_whitespace()).count();
        assert!(total >= source && total < source * 5 / 4, "{total} of {source}");
    }
}

#[test]
fn neighbours_overlap_by_a_sentence_at_most() {
    let text: String = (1..=200).map(|n| format!("Sentence number {n} stands here. ")).collect();
    let chunks = chunks(Kind::Txt, &text);
    let pair = chunks.windows(2).next().expect("two chunks");
    let last = pair[0].text.rsplit_once("Sentence").expect("a sentence").1;
    assert!(pair[1].text.contains(last), "no overlap: {:?}", pair[1].text);
}

#[test]
fn places_of_lines_are_exact_inside_one_block() {
    let text: String = (1..=400).map(|n| format!("line {n} of a long list without blank lines\n")).collect();
    for chunk in chunks(Kind::Txt, &text) {
        let Place::Lines { from, to, .. } = chunk.place else { panic!("not lines") };
        assert!(chunk.text.starts_with(&format!("line {from} of")), "{from}: {:.40}", chunk.text);
        let last = chunk.text.lines().last().expect("a line");
        assert!(last.starts_with(&format!("line {to} of")), "{to}: {last}");
    }
}

#[test]
fn headings_keep_sections_apart() {
    let body = "Words that fill the section. ".repeat(20);
    let chunks = chunks(Kind::Md, &format!("# A\n\n{body}\n\n# B\n\n{body}\n"));
    let headings: Vec<_> = chunks
        .iter()
        .map(|chunk| match &chunk.place {
            Place::Lines { heading, .. } => heading.clone().unwrap_or_default(),
            other => panic!("{other}"),
        })
        .collect();
    assert_eq!(headings, ["A", "B"]);
}

#[test]
fn places_read_well() {
    let line = Place::Lines { from: 3, to: 9, heading: Some("Parking".to_owned()) };
    assert_eq!(line.to_string(), "lines 3–9 (Parking)");
    assert_eq!(Place::Pages { from: 2, to: 2 }.to_string(), "page 2");
    let rows = Place::Rows { from: 1, to: 4, sheet: Some("Prices".to_owned()) };
    assert_eq!(rows.to_string(), "rows 1–4 of sheet Prices");
    assert_eq!(
        serde_json::to_string(&rows).expect("json"),
        r#"{"unit":"rows","from":1,"to":4,"sheet":"Prices"}"#
    );
}

#[test]
fn a_text_without_any_boundary_is_cut_all_the_same() {
    let started = Instant::now();
    let chunks = chunks(Kind::Txt, &"字".repeat(50_000));
    assert!(chunks.len() >= 84);
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
}
