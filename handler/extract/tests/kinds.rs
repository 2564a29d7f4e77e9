//! Each of the nine kinds with real content, through a real child.

mod common;

use common::{extractor, fixture, refusal, run, sample};
use extract::{Code, Extracted, Kind, Limits, Place};

async fn read(name: &str, bytes: Vec<u8>) -> Extracted {
    let extracted = run(&extractor(&[], Limits::default()), name, &bytes).await;
    extracted.unwrap_or_else(|failure| panic!("{name}: {failure:?}"))
}

/// The place of the first chunk that holds the words.
fn place(extracted: &Extracted, words: &str) -> Place {
    let found = extracted.chunks.iter().find(|chunk| chunk.text.contains(words));
    found.unwrap_or_else(|| panic!("{words:?} is not in {:#?}", extracted.chunks)).place.clone()
}

fn lines(from: u32, to: u32, heading: Option<&str>) -> Place {
    Place::Lines { from, to, heading: heading.map(str::to_owned) }
}

#[tokio::test]
async fn pdf_gives_pages_and_title() {
    let policy = read("travel-policy.pdf", sample("travel-policy.pdf")).await;
    assert_eq!((policy.kind, policy.title.as_deref()), (Kind::Pdf, Some("Contoso Employee Travel Policy")));
    assert_eq!(place(&policy, "premium economy"), Place::Pages { from: 1, to: 1 });
    assert_eq!(place(&policy, "0.32 euros per kilometre"), Place::Pages { from: 2, to: 2 });
    assert_eq!(place(&policy, "Ingrid Solheim"), Place::Pages { from: 3, to: 3 });
    assert!(policy.confined.limits && policy.confined.filter, "{:?}", policy.confined);
    assert!(policy.chunks.iter().all(|chunk| chunk.text.chars().count() <= 1200));
}

#[tokio::test]
async fn japanese_pdf_with_a_predefined_encoding_is_read() {
    let notice = read("notice-ja.pdf", fixture("notice-ja.pdf")).await;
    assert_eq!(notice.title.as_deref(), Some("情報セキュリティのお知らせ"));
    // Lines are joined: the words stand across line ends in the file.
    let first = Place::Pages { from: 1, to: 1 };
    for words in [
        "必ず会社が貸与した端末を使い",
        "公共の無線ネットワークを利用する場合",
        "仮想専用線を経由することを義務とします",
    ] {
        assert_eq!(place(&notice, words), first);
    }
    let all: String = notice.chunks.iter().map(|chunk| chunk.text.as_str()).collect();
    assert!(all.contains("パスワードは十四文字以上とし"), "{all}");
}

#[tokio::test]
async fn pdf_without_text_or_behind_a_password_is_refused_with_advice() {
    let extractor = extractor(&[], Limits::default());
    let scan = refusal(run(&extractor, "scan.pdf", &fixture("scan.pdf")).await);
    assert_eq!(
        (scan.code, scan.reason.as_str()),
        (Code::NoText, "This PDF has no text layer; run OCR first.")
    );
    let locked = refusal(run(&extractor, "locked.pdf", &fixture("locked.pdf")).await);
    assert_eq!(locked.code, Code::Encrypted);
    // Restricted but readable without a password, as every PDF program shows it.
    let open = read("open-locked.pdf", fixture("open-locked.pdf")).await;
    place(&open, "Printing is not allowed, reading is.");
}

#[tokio::test]
async fn docx_gives_paragraphs_under_headings_and_tables() {
    let faq = read("product-faq.docx", sample("product-faq.docx")).await;
    assert_eq!(faq.title.as_deref(), Some("Contoso Kettle One: product FAQ"));
    let Place::Paragraphs { heading, .. } = place(&faq, "medium | 1.5 to 2.5 | eight weeks") else {
        panic!("not a paragraph")
    };
    assert_eq!(heading.as_deref(), Some("How often must the kettle be descaled?"));
    let welcome = read("welcome-ja.docx", fixture("welcome-ja.docx")).await;
    assert_eq!(welcome.title.as_deref(), Some("新入社員の手引き"));
    assert_eq!(
        place(&welcome, "安全衛生の講習"),
        Place::Paragraphs { from: 1, to: 7, heading: Some("入社初日".to_owned()) }
    );
}

#[tokio::test]
async fn xlsx_gives_rows_of_visible_sheets_with_their_column_names() {
    let list = read("price-list.xlsx", fixture("price-list.xlsx")).await;
    assert_eq!(
        place(&list, "Article: 88-405 | Name: Lid | Price: 12.5 | Since: 2025-09-01"),
        Place::Rows { from: 1, to: 4, sheet: Some("Prices".to_owned()) }
    );
    let Place::Rows { from: 1, to: 1_048_576, sheet } = place(&list, "倉庫: 大阪 | 数量: 420") else {
        panic!("wrong rows")
    };
    assert_eq!(sheet.as_deref(), Some("在庫"));
    assert!(!list.chunks.iter().any(|chunk| chunk.text.contains("hidden")));
}

#[tokio::test]
async fn pptx_gives_slides_with_notes() {
    let plan = read("launch-plan.pptx", fixture("launch-plan.pptx")).await;
    assert_eq!(plan.title.as_deref(), Some("Spring launch of Kettle One"));
    let Place::Slides { from: 1, .. } = place(&plan, "the Osaka event is streamed") else {
        panic!("wrong slide")
    };
    let Place::Slides { to: 2, .. } = place(&plan, "販売目標は十二万台") else {
        panic!("wrong slide")
    };
}

#[tokio::test]
async fn txt_is_read_in_every_supported_encoding() {
    let utf8 = sample("work-rules-ja.txt");
    let mut marked = b"\xef\xbb\xbf".to_vec();
    marked.extend_from_slice(&utf8);
    let expected = read("work-rules-ja.txt", utf8).await;
    let Place::Lines { from, to, .. } = place(&expected, "リフレッシュ休暇") else {
        panic!("not lines")
    };
    assert!(from < 40 && (40..60).contains(&to), "{from}–{to}");
    for (name, bytes) in [
        ("marked.txt", marked),
        ("utf16.txt", fixture("work-rules-utf16.txt")),
        ("sjis.txt", fixture("work-rules-sjis.txt")),
        ("euc.txt", fixture("work-rules-eucjp.txt")),
    ] {
        assert_eq!(read(name, bytes).await.chunks, expected.chunks, "{name}");
    }
}

#[tokio::test]
async fn markdown_html_csv_and_json_say_where() {
    let book = read("handbook.md", fixture("handbook.md")).await;
    assert_eq!(book.title.as_deref(), Some("Office handbook"));
    let Place::Lines { to, .. } = place(&book, "park reserve --day monday") else { panic!("not lines") };
    assert_eq!(to, 17);

    let page = read("intranet.html", fixture("intranet.html")).await;
    assert_eq!(page.title.as_deref(), Some("Canteen & kitchen"));
    assert_eq!(
        place(&page, "Lunch is served from 11:45 to 13:30 on the second floor."),
        lines(9, 15, Some("Canteen"))
    );
    place(&page, "Soup | 3.20");
    place(&page, "- 予約は前日まで");
    assert!(!page.chunks.iter().any(|chunk| chunk.text.contains("not text") || chunk.text.contains("color")));

    let sites = read("sites.csv", fixture("sites.csv")).await;
    assert_eq!(
        place(&sites, "Site: Plant | City: Osaka, Japan | Staff: 140"),
        Place::Rows { from: 1, to: 4, sheet: None }
    );

    let settings = read("settings.json", fixture("settings.json")).await;
    assert_eq!(place(&settings, "情報管理室"), lines(1, 5, None));
}
