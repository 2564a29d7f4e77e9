//! The reference adapters obey the same law as the real ones.

use pool::conformance::{self, memory::*};
use std::sync::Arc;

#[tokio::test]
async fn memory_obeys() {
    let clock = Arc::new(ManualClock::default());
    conformance::records(&MemoryRecords::new(clock.clone()), &clock).await;
    conformance::index(&MemoryIndex::new()).await;
    conformance::blobs(&MemoryBlobs::new()).await;
    let queue = MemoryQueue::new(clock.clone());
    conformance::queue(&queue, &queue, &clock).await;
    conformance::directory(&MemoryDirectory::default()).await;
}

/// A lie that is told to nobody proves nothing: each one changes an answer, or is about writing.
#[tokio::test]
async fn lies_are_lies() {
    use pool::{
        conformance::lying::{Lie, LyingIndex, LyingRecords},
        filter::Filter,
        ports::*,
        testing::tenant,
    };
    let clock = Arc::new(ManualClock::default());
    let [a, b] = ["conf-a", "conf-b"].map(tenant);
    let records = Arc::new(MemoryRecords::new(clock));
    let index = Arc::new(MemoryIndex::new());
    let year =
        |n: f64| Filter::eq(pool::filter::FieldPath::parse("n").unwrap(), pool::filter::Scalar::Number(n));
    for tenant in [&a, &b] {
        let row = |i: usize| NewRow {
            parent: format!("p{}", i % 2),
            owner: format!("o{}", i / 2 % 2),
            ..conformance::new_row(Kind::File, &format!("f{i}"), serde_json::json!({"n": i / 4 % 2}))
        };
        records.commit(tenant, (0..32).map(|i| Write::Create(row(i))).collect()).await.unwrap();
        let entry = |i: u32| Entry {
            key: EntryKey { source: format!("{tenant}"), chunk: i },
            owner: (i % 2 == 1).then(|| "o".to_owned()),
            title: String::new(),
            content: format!("word {}", "word ".repeat(i as usize)),
            place: String::new(),
            fields: [("n".to_owned(), pool::filter::Scalar::Number((i / 2 % 2).into()))].into(),
            vector: None,
        };
        index.upsert(tenant, (0..16).map(entry).collect()).await.unwrap();
    }
    let query = Query {
        kind: Kind::File,
        parent: Some("p0".into()),
        owner: Some("o0".into()),
        filter: Some(year(0.0)),
        sort: Sort { field: None, descending: false },
        after: Some(Position { id: "f0".into(), value: None }),
        limit: 2,
    };
    let search = SearchQuery {
        mode: SearchMode::Text,
        text: "word".into(),
        vector: None,
        filter: Some(year(0.0)),
        visibility: Visibility::User("x".into()),
        top: 3,
    };
    let (liar, teller) = (LyingRecords::new(records, b.clone()), LyingIndex::new(index, b));
    let honest = liar.query(&a, &query).await.unwrap();
    let hits = teller.search(&a, &search).await.unwrap();
    assert_eq!((honest.len(), hits.len()), (2, 3));
    let got = liar.get(&a, Kind::File, "f0").await.unwrap();
    for lie in Lie::ALL {
        liar.lie(Some(lie));
        teller.lie(Some(lie));
        let told = liar.query(&a, &query).await.unwrap() != honest
            || liar.get(&a, Kind::File, "f0").await.unwrap() != got;
        let of_writes = matches!(lie, Lie::Stale | Lie::ForgetsWrites | Lie::LosesVersions);
        assert_eq!(told, !of_writes, "{lie:?}");
        let told = teller.search(&a, &search).await.unwrap() != hits;
        let of_searches = matches!(
            lie,
            Lie::ForeignRow
                | Lie::OneForeignRow
                | Lie::DropsTenant
                | Lie::RespellsTenant
                | Lie::IgnoresFilter
                | Lie::IgnoresOwner
                | Lie::IgnoresLimit
                | Lie::Reordered
        );
        assert_eq!(told, of_searches, "{lie:?}");
    }
}
