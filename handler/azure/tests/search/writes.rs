//! Batches: their limits, and documents that fail alone.

use crate::support::{SHARED, World, entry, sources, text};
use pool::{
    conformance::INDEX_FIELDS as FIELDS,
    filter::Scalar,
    ports::{Entry, EntryKey, Index, PortError},
    testing::tenant,
};

fn chunks(count: u32) -> Vec<Entry> {
    (0..count)
        .map(|n| Entry { key: EntryKey { source: "s".into(), chunk: n }, ..entry("s", "walrus") })
        .collect()
}

fn writes(world: &World) -> usize {
    world.audit.all().iter().filter(|asked| asked.what.ends_with("search.index")).count()
}

#[tokio::test]
async fn only_what_failed_is_written_again() {
    let world = World::start().await;
    let (index, a) = (world.index(), tenant("conf-a"));
    index.upsert(&a, vec![entry("first", "x")]).await.unwrap();
    // Twenty documents; the first five fail, then two of these, then none.
    world.search.refuse(&[503, 409, 422, 429, 500]);
    world.search.refuse(&[409, 503]);
    index.upsert(&a, chunks(20)).await.unwrap();
    assert_eq!(world.search.documents(SHARED).len(), 21);
    assert_eq!(world.search.actions(), [1, 20, 5, 2], "what was written is not written again");

    world.search.refuse(&[503]);
    index.delete(&a, &chunks(20).into_iter().map(|entry| entry.key).collect::<Vec<_>>()).await.unwrap();
    assert_eq!(world.search.documents(SHARED).len(), 1);
}

#[tokio::test]
async fn what_stays_unwritten_is_an_error_that_another_try_mends() {
    let world = World::start().await;
    let (index, a) = (world.index(), tenant("conf-a"));
    index.upsert(&a, vec![entry("first", "x")]).await.unwrap();
    (0..5).for_each(|_| world.search.refuse(&[409]));
    let error = index.upsert(&a, chunks(1)).await.unwrap_err();
    assert!(matches!(error, PortError::Unavailable(_)), "{error:?}");
    assert_eq!(index.search(&a, &text("walrus")).await.unwrap(), []);
    index.upsert(&a, chunks(1)).await.unwrap();
    assert_eq!(sources(&index.search(&a, &text("walrus")).await.unwrap()), ["s"]);

    world.search.refuse(&[400]);
    let error = index.upsert(&a, chunks(3)).await.unwrap_err();
    assert!(matches!(error, PortError::Refused(_)), "what is refused for good is not tried again: {error:?}");
}

#[tokio::test]
async fn batches_are_cut_by_number_and_by_size() {
    let world = World::start().await;
    let (index, a) = (world.index(), tenant("conf-a"));
    index.upsert(&a, chunks(2_500)).await.unwrap();
    assert_eq!(world.search.documents(SHARED).len(), 2_500);
    assert_eq!(world.search.actions(), [1_000, 1_000, 500]);
    let keys: Vec<_> = chunks(2_500).into_iter().map(|entry| entry.key).collect();
    index.delete(&a, &keys).await.unwrap();
    assert_eq!(world.search.documents(SHARED).len(), 0);

    let before = writes(&world);
    let large = |n: u32| Entry {
        place: "x".repeat(4 << 20),
        key: EntryKey { source: "large".into(), chunk: n },
        ..entry("large", "walrus")
    };
    index.upsert(&a, (0..10).map(large).collect()).await.unwrap();
    assert_eq!(world.search.documents(SHARED).len(), 10);
    assert!(writes(&world) - before >= 3);
}

#[tokio::test]
async fn a_vector_of_another_length_is_refused() {
    let world = World::start().await;
    let odd = Entry { vector: Some(vec![1.0; 3]), ..entry("s", "walrus") };
    let error = world.index().upsert(&tenant("conf-a"), vec![odd]).await.unwrap_err();
    assert!(matches!(error, PortError::Refused(_)));
}

#[tokio::test]
async fn columns_that_were_declared_later_are_added_once() {
    let world = World::start().await;
    let a = tenant("conf-a");
    let before = world.index_at(&world.search.url(), "", &FIELDS[..1]);
    before.upsert(&a, vec![entry("old", "walrus")]).await.unwrap();
    let definitions = || {
        let asked = world.audit.all();
        asked.iter().filter(|asked| asked.what == "PUT index").count()
    };
    let made = definitions();
    let after = world.index();
    let fields = || [("team".to_owned(), Scalar::Text("x".into()))].into();
    let writes = (0..20).map(|n| {
        let new = Entry { fields: fields(), ..entry(&format!("new{n}"), "walrus") };
        after.upsert(&a, vec![new])
    });
    for written in futures::future::join_all(writes).await {
        written.expect("whoever met the old columns writes again");
    }
    assert!(definitions() > made, "the column was added");
    assert_eq!(after.search(&a, &text("walrus")).await.unwrap().len(), 21);
    let made = definitions();
    after.upsert(&a, vec![Entry { fields: fields(), ..entry("last", "walrus") }]).await.unwrap();
    assert_eq!(definitions(), made, "and is known");
}
