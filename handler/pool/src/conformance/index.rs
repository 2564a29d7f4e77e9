//! The law of [`Index`]: what is found by words, by vector and by both, by whom; and never across tenants.
#![expect(clippy::unwrap_used, reason = "a conformance suite fails by panicking")]

use super::naughty::NAUGHTY;
use crate::{
    TenantId,
    filter::{Filter, Scalar},
    ports::{Entry, EntryKey, Hit, Index, SearchMode, SearchQuery, Visibility},
    testing::tenant,
};
use serde_json::json;
use std::collections::BTreeMap;

/// Runs the suite on an index in which the tenants `conf-a`, `conf-b` and `conf-c` have nothing.
pub async fn index(index: &dyn Index) {
    let [a, b, c] = ["conf-a", "conf-b", "conf-c"].map(tenant);
    assert_eq!(index.search(&a, &text("anything")).await.unwrap(), []);
    index.delete(&a, &[key("none", 0)]).await.unwrap();
    index.upsert(&a, Vec::new()).await.unwrap();

    index.upsert(&a, library()).await.unwrap();
    by_words(index, &a).await;
    words_only(index, &a).await;
    by_vector(index, &a).await;
    visibility(index, &a).await;
    filters(index, &a).await;
    partitions(index, &a, &b).await;
    writes(index, &c).await;
}

fn key(source: &str, chunk: u32) -> EntryKey {
    EntryKey { source: source.to_owned(), chunk }
}

fn entry(source: &str, title: &str, content: &str) -> Entry {
    Entry {
        key: key(source, 0),
        owner: None,
        title: title.to_owned(),
        content: content.to_owned(),
        place: "page 1".to_owned(),
        fields: BTreeMap::new(),
        vector: None,
    }
}

fn text(words: &str) -> SearchQuery {
    SearchQuery {
        mode: SearchMode::Text,
        text: words.to_owned(),
        vector: None,
        filter: None,
        visibility: Visibility::Tenant,
        top: 10,
    }
}

fn library() -> Vec<Entry> {
    let fields =
        |value: serde_json::Value| -> BTreeMap<String, Scalar> { serde_json::from_value(value).unwrap() };
    vec![
        Entry {
            fields: fields(json!({"year": 2024, "team": "people", "open": true})),
            vector: Some(vec![1.0, 0.0, 0.0, 0.0]),
            ..entry(
                "leave",
                "Holiday policy",
                "Employees receive twenty days of paid vacation in each calendar year.",
            )
        },
        Entry {
            fields: fields(json!({"year": 2023, "team": "sales", "open": false})),
            vector: Some(vec![0.0, 1.0, 0.0, 0.0]),
            ..entry(
                "travel",
                "Travel expenses",
                "Train tickets are refunded within ten days when a receipt is attached.",
            )
        },
        Entry {
            fields: fields(json!({"year": "2024", "team": "it"})),
            vector: Some(vec![0.0, 0.6, 0.8, 0.0]),
            ..entry(
                "vpn",
                "Remote access",
                "The VPN client needs a hardware key; passwords alone are refused.",
            )
        },
        Entry {
            vector: Some(vec![0.0, 0.0, 0.0, 1.0]),
            ..entry(
                "kyuka",
                "休暇規程",
                "従業員は毎年二十日の有給休暇を取得できます。申請は三日前までに提出してください。",
            )
        },
        Entry {
            vector: None,
            ..entry("kotsu", "交通費", "電車の切符は領収書を添付すれば十日以内に精算されます。")
        },
        Entry {
            owner: Some("alice".into()),
            vector: Some(vec![0.9, 0.1, 0.0, 0.0]),
            ..entry(
                "diary",
                "Notes of Alice",
                "My private vacation plan: three weeks in Kyoto, zanzibarcode.",
            )
        },
    ]
}

fn sources(hits: &[Hit]) -> Vec<&str> {
    hits.iter().map(|hit| hit.entry.key.source.as_str()).collect()
}

async fn found(index: &dyn Index, tenant: &TenantId, query: &SearchQuery) -> Vec<Hit> {
    let hits = index.search(tenant, query).await.unwrap();
    assert!(hits.len() <= query.top);
    assert!(hits.windows(2).all(|pair| pair[0].score >= pair[1].score), "best first");
    for hit in &hits {
        assert_eq!(hit.tenant, tenant.as_str());
        assert!(hit.score.is_finite());
        assert_eq!(hit.entry.vector, None, "a hit is without its vector");
        assert!(hit.snippet.chars().count() <= 320, "a snippet is short");
        assert!(hit.entry.content.contains(hit.snippet.as_str()), "a snippet is the passage's own text");
    }
    hits
}

async fn first(index: &dyn Index, tenant: &TenantId, words: &str) -> String {
    let hits = found(index, tenant, &text(words)).await;
    hits.first().map(|hit| hit.entry.key.source.clone()).unwrap_or_default()
}

async fn by_words(index: &dyn Index, a: &TenantId) {
    for (words, source) in [
        ("VPN", "vpn"),
        ("vpn", "vpn"),
        ("How many days of paid vacation do employees receive?", "leave"),
        ("What do I attach to have train tickets refunded?", "travel"),
        ("expenses", "travel"),
        ("有給休暇", "kyuka"),
        ("有給休暇は何日ありますか？", "kyuka"),
        ("切符の領収書", "kotsu"),
        ("zanzibarcode", "diary"),
    ] {
        assert_eq!(first(index, a, words).await, source, "{words}");
    }
    let hits = found(index, a, &text("receipt")).await;
    let travel = library().remove(1);
    assert_eq!(hits.len(), 1);
    assert_eq!(hits[0].entry, Entry { vector: None, ..travel }, "an entry comes back as it was written");
    assert!(hits[0].snippet.contains("receipt"), "the snippet shows the match: {}", hits[0].snippet);
    for nothing in ["", "   ", "?!", "xylophonist", "木星探査機"] {
        assert_eq!(index.search(a, &text(nothing)).await.unwrap(), [], "{nothing:?}");
    }
    let one = found(index, a, &SearchQuery { top: 1, ..text("days") }).await;
    assert_eq!(one.len(), 1);
    let filler = "Nothing of note happens in this sentence. ".repeat(40);
    let long = entry("long", "Long", &format!("{filler}The quokka sleeps. {filler}"));
    index.upsert(a, vec![long]).await.unwrap();
    let hits = found(index, a, &text("quokka")).await;
    assert_eq!(sources(&hits), ["long"]);
    index.delete(a, &[key("long", 0)]).await.unwrap();
}

/// Operators of any query language are words, or nothing.
async fn words_only(index: &dyn Index, a: &TenantId) {
    for query in NAUGHTY {
        found(index, a, &text(query)).await;
    }
    for query in [
        "receipt -tickets",
        "receipt NOT tickets",
        "\"receipt",
        "receipt\"",
        "receipt*",
        "(receipt",
        "receipt)",
        "{receipt}",
        "content:receipt",
        "title : receipt",
        "^receipt",
        "receipt^4",
        "NEAR(receipt zzz, 1)",
        "receipt AND zzzz",
        "+zzzz receipt",
        "receipt~2",
        "/receipt/",
        "receipt OR",
        "AND receipt",
        "receipt\u{3000}＊",
        "ＲＥＣＥＩＰＴ receipt",
    ] {
        assert_eq!(sources(&found(index, a, &text(query)).await).first(), Some(&"travel"), "{query}");
    }
    for query in ["recei*", "re?eipt", "/.*/", "*", "[a TO z]"] {
        assert!(!sources(&found(index, a, &text(query)).await).contains(&"kotsu"), "{query} is no pattern");
    }
    assert_eq!(index.search(a, &text("recei*")).await.unwrap(), [], "a star is no wildcard");
    let many = "receipt ".repeat(2_000) + &(0..2_000).map(|i| format!("w{i} ")).collect::<String>();
    assert_eq!(sources(&found(index, a, &text(&many)).await), ["travel"], "a long query");
}

async fn by_vector(index: &dyn Index, a: &TenantId) {
    let near =
        |vector: [f32; 4]| SearchQuery { mode: SearchMode::Vector, vector: Some(vector.into()), ..text("") };
    let hits = found(index, a, &near([0.0, 0.5, 0.9, 0.0])).await;
    assert_eq!(sources(&hits)[..2], ["vpn", "travel"]);
    assert!(!sources(&hits).contains(&"kotsu"), "an entry without a vector is not found by vector");
    assert_eq!(
        sources(&found(index, a, &SearchQuery { top: 1, ..near([0.0, 0.0, 0.0, 2.0]) }).await),
        ["kyuka"]
    );
    let none = SearchQuery { mode: SearchMode::Vector, ..text("vpn") };
    assert!(index.search(a, &none).await.is_err(), "a search by vector needs one");

    let both = |words: &str, vector: [f32; 4]| SearchQuery {
        mode: SearchMode::Hybrid,
        ..SearchQuery { text: words.into(), ..near(vector) }
    };
    assert_eq!(
        sources(&found(index, a, &both("receipt", [0.0, 1.0, 0.1, 0.0])).await)[0],
        "travel",
        "both agree"
    );
    let hits = found(index, a, &both("receipt", [0.0, 0.0, 0.0, 1.0])).await;
    assert!(
        sources(&hits)[..3].contains(&"travel") && sources(&hits)[..3].contains(&"kyuka"),
        "each adds its own"
    );
    assert_eq!(
        sources(&found(index, a, &both("xylophonist", [0.0, 0.0, 0.0, 1.0])).await)[0],
        "kyuka",
        "no word matches"
    );
}

async fn visibility(index: &dyn Index, a: &TenantId) {
    for mode in [SearchMode::Text, SearchMode::Vector, SearchMode::Hybrid] {
        let ask = |visibility| SearchQuery {
            mode,
            vector: Some(vec![1.0, 0.1, 0.0, 0.0]),
            visibility,
            ..text("vacation")
        };
        for (who, sees) in [
            (Visibility::Tenant, true),
            (Visibility::User("alice".into()), true),
            (Visibility::User("bob".into()), false),
            (Visibility::User("Alice".into()), false),
            (Visibility::User("alice ".into()), false),
            (Visibility::User(String::new()), false),
            (Visibility::User("' OR '1'='1".into()), false),
        ] {
            let hits = found(index, a, &ask(who.clone())).await;
            assert_eq!(sources(&hits).contains(&"diary"), sees, "{mode:?} {who:?}");
            assert!(
                sources(&hits).contains(&"leave"),
                "what belongs to nobody is everybody's: {mode:?} {who:?}"
            );
        }
        let hidden = SearchQuery { top: 1, ..ask(Visibility::User("bob".into())) };
        assert_eq!(
            sources(&found(index, a, &hidden).await),
            ["leave"],
            "what is hidden takes no place: {mode:?}"
        );
    }
}

async fn filters(index: &dyn Index, a: &TenantId) {
    let entries = library();
    for tree in [
        json!({"field": "year", "value": 2024}),
        json!({"field": "year", "value": "2024"}),
        json!({"field": "year", "op": "lt", "value": 2024}),
        json!({"not": {"field": "year", "value": 2024}}),
        json!({"field": "open", "value": true}),
        json!({"field": "open", "op": "ne", "value": true}),
        json!({"field": "open", "value": 1}),
        json!({"field": "team", "in": ["it", "people"]}),
        json!({"or": [{"field": "team", "value": "it"}, {"field": "open", "value": false}]}),
        json!({"and": []}),
        json!({"or": []}),
        json!({"field": "absent", "op": "ne", "value": "x"}),
    ] {
        let filter: Filter = serde_json::from_value(tree.clone()).unwrap();
        for mode in [SearchMode::Text, SearchMode::Vector, SearchMode::Hybrid] {
            let query = SearchQuery {
                mode,
                vector: Some(vec![0.5, 0.5, 0.5, 0.5]),
                filter: Some(filter.clone()),
                ..text("vacation train VPN 休暇 切符")
            };
            let hits = found(index, a, &query).await;
            let mut expected: Vec<&str> = entries
                .iter()
                .filter(|entry| mode != SearchMode::Vector || entry.vector.is_some())
                .filter(|entry| filter.passes(&serde_json::to_value(&entry.fields).unwrap()))
                .map(|entry| entry.key.source.as_str())
                .collect();
            let mut got = sources(&hits);
            expected.sort_unstable();
            got.sort_unstable();
            assert_eq!(got, expected, "{mode:?} {tree}");
        }
    }
}

async fn partitions(index: &dyn Index, a: &TenantId, b: &TenantId) {
    let queries = || {
        let vector =
            SearchQuery { mode: SearchMode::Vector, vector: Some(vec![1.0, 0.0, 0.0, 0.0]), ..text("") };
        let hybrid = SearchQuery { mode: SearchMode::Hybrid, text: "vacation days".into(), ..vector.clone() };
        [text("vacation days"), text("有給休暇"), text("zanzibarcode"), vector, hybrid]
    };
    let mut before = Vec::new();
    for query in queries() {
        assert_eq!(index.search(b, &query).await.unwrap(), [], "another tenant finds nothing");
        before.push(index.search(a, &query).await.unwrap());
    }
    let noise = |i: u32| Entry {
        key: key("leave", i),
        vector: Some(vec![1.0, 0.0, 0.0, 0.0]),
        ..entry("leave", "vacation", &format!("vacation days 有給休暇 zanzibarcode {i}"))
    };
    index.upsert(b, (0..200).map(noise).collect()).await.unwrap();
    for (query, before) in queries().iter().zip(&before) {
        assert_eq!(
            &index.search(a, query).await.unwrap(),
            before,
            "another tenant's entries change no score of mine"
        );
        assert!(found(index, b, query).await.iter().all(|hit| hit.entry.key.source == "leave"));
    }
    index.delete(b, &[key("leave", 0), key("travel", 0)]).await.unwrap();
    assert_eq!(first(index, a, "refunded").await, "travel", "a delete in one tenant leaves the other's");
    index.delete(a, &[key("leave", 1)]).await.unwrap();
    let all = found(index, b, &SearchQuery { top: 100, ..text("zanzibarcode") }).await;
    assert_eq!(all.len(), 100);
    index.upsert(a, vec![entry("leave", "Holiday policy", "replaced in a")]).await.unwrap();
    assert_eq!(index.search(b, &text("replaced")).await.unwrap(), []);
}

async fn writes(index: &dyn Index, c: &TenantId) {
    let with = |source: &str, content: &str, vector: Option<Vec<f32>>| Entry {
        vector,
        ..entry(source, "t", content)
    };
    index
        .upsert(c, vec![with("one", "walrus", Some(vec![1.0, 0.0, 0.0, 0.0])), with("two", "narwhal", None)])
        .await
        .unwrap();
    index.upsert(c, vec![with("one", "penguin", Some(vec![0.0, 1.0, 0.0, 0.0]))]).await.unwrap();
    assert_eq!(index.search(c, &text("walrus")).await.unwrap(), [], "an entry replaces the one of its name");
    assert_eq!(sources(&found(index, c, &text("penguin")).await), ["one"]);
    assert_eq!(sources(&found(index, c, &text("narwhal")).await), ["two"]);
    let vector = SearchQuery { mode: SearchMode::Vector, vector: Some(vec![1.0, 0.0, 0.0, 0.0]), ..text("") };
    let hits = found(index, c, &vector).await;
    assert!(hits.len() == 1 && hits[0].score < 0.5, "the vector is replaced too");
    index.upsert(c, vec![with("one", "penguin", None)]).await.unwrap();
    assert_eq!(index.search(c, &vector).await.unwrap(), [], "or removed");
    let other = SearchQuery { vector: Some(vec![1.0, 0.0, 0.0]), ..vector };
    assert_eq!(index.search(c, &other).await.unwrap(), [], "vectors of another length do not compare");

    let mut chunks: Vec<Entry> =
        (0..150).map(|i| Entry { key: key("many", i), ..with("many", "lemur", None) }).collect();
    chunks[7].owner = Some("x".into());
    index.upsert(c, chunks).await.unwrap();
    assert_eq!(found(index, c, &SearchQuery { top: 100, ..text("lemur") }).await.len(), 100);
    index.delete(c, &(0..149).map(|i| key("many", i)).collect::<Vec<_>>()).await.unwrap();
    index.delete(c, &[key("many", 0), key("never", 9)]).await.unwrap();
    let left = found(index, c, &text("lemur")).await;
    assert_eq!(left.iter().map(|hit| hit.entry.key.chunk).collect::<Vec<_>>(), [149]);

    for (i, text) in NAUGHTY.iter().enumerate() {
        let odd = Entry {
            owner: Some((*text).to_owned()),
            title: (*text).to_owned(),
            place: (*text).to_owned(),
            fields: [("f".to_owned(), Scalar::Text((*text).to_owned()))].into(),
            ..entry(&format!("odd {text}"), "", &format!("okapi{i} {text}"))
        };
        index.upsert(c, vec![odd.clone()]).await.unwrap();
        let query = SearchQuery {
            visibility: Visibility::User((*text).to_owned()),
            ..self::text(&format!("okapi{i}"))
        };
        let hits = found(index, c, &query).await;
        assert_eq!(
            hits.iter().map(|hit| &hit.entry).collect::<Vec<_>>(),
            [&odd],
            "{text:?} comes back as written"
        );
    }
}
