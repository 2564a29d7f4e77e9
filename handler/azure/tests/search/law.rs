//! The law of the port, in a shared index and in one a tenant; and who asked for what.

use crate::support::{SHARED, World, entry, sources, text};
use doubles::search::AUDIENCE;
use pool::{FieldType, conformance::INDEX_FIELDS as FIELDS, ports::Index, testing::tenant};
use std::collections::BTreeSet;

#[tokio::test]
async fn the_law_holds_in_a_shared_index() {
    let world = World::start().await;
    pool::conformance::index(&world.index()).await;
    assert_eq!(world.search.indexes(), [SHARED]);
    audited(&world);
}

#[tokio::test]
async fn the_law_holds_with_an_index_a_tenant() {
    let world = World::start().await;
    pool::conformance::index(&world.index_at(&world.search.url(), "own", &FIELDS)).await;
    assert_eq!(
        world.search.indexes(),
        ["own-conf-a-documents", "own-conf-b-documents", "own-conf-c-documents"]
    );
    for name in ["conf-a", "conf-b", "conf-c"] {
        let documents = world.search.documents(&format!("own-{name}-documents"));
        assert!(!documents.is_empty() && documents.iter().all(|document| document["tenantId"] == name));
    }
    audited(&world);
}

/// Every request touched one tenant's documents, with that tenant's identity.
fn audited(world: &World) {
    let all = world.audit.all();
    assert!(all.len() > 100);
    for asked in &all {
        assert_eq!((asked.service, asked.audience.as_str()), ("search", AUDIENCE));
        if asked.what.starts_with("POST docs") {
            let tenant = asked.tenant.as_deref();
            let expected = if tenant == Some("conf-b") { "id-of-b" } else { "system" };
            // The first delete is of what was never there.
            assert!(tenant.is_some() || asked.what.ends_with("search.index"), "{asked:?}");
            assert!(asked.identity == expected || tenant.is_none(), "{asked:?}");
        }
    }
    let verbs: BTreeSet<&str> = all.iter().map(|asked| asked.what.as_str()).collect();
    let expected = ["GET index", "POST docs/search.index", "POST docs/search.post.search", "PUT index"];
    assert_eq!(verbs, BTreeSet::from(expected), "nothing else of the service is used");
}

#[tokio::test]
async fn a_field_that_is_declared_later_gets_its_column() {
    let world = World::start().await;
    let (a, url) = (tenant("conf-a"), world.search.url());
    world.index_at(&url, "", &FIELDS).upsert(&a, vec![entry("old", "walrus")]).await.unwrap();
    let more = [("year", FieldType::Number), ("rank", FieldType::Number)];
    let index = world.index_at(&url, "", &more);
    let query = pool::ports::SearchQuery {
        filter: serde_json::from_str(r#"{"not": {"field": "rank", "value": 2}}"#).unwrap(),
        ..text("walrus")
    };
    assert_eq!(sources(&index.search(&a, &query).await.unwrap()), ["old"], "a search adds it");
    let new = pool::ports::Entry {
        fields: [("rank".to_owned(), pool::filter::Scalar::Number(2.0))].into(),
        ..entry("new", "walrus")
    };
    index.upsert(&a, vec![new]).await.unwrap();
    assert_eq!(sources(&index.search(&a, &query).await.unwrap()), ["old"]);
    let columns = world.search.definition(SHARED)["fields"].as_array().unwrap().len();
    assert_eq!(columns, 10 + FIELDS.len() + 1, "nothing is taken away");

    let writes = world.index_at(&url, "", &[("colour", FieldType::Text)]);
    let new = pool::ports::Entry {
        fields: [("colour".to_owned(), pool::filter::Scalar::Text("red".into()))].into(),
        ..entry("third", "walrus")
    };
    writes.upsert(&a, vec![new]).await.unwrap();
    assert_eq!(writes.search(&a, &text("walrus")).await.unwrap().len(), 3, "and so does a write");
}

#[tokio::test]
async fn many_first_writes_make_one_index() {
    let world = World::start().await;
    let write = |n: usize| {
        let index = world.index();
        async move { index.upsert(&tenant("conf-a"), vec![entry(&format!("s{n}"), "walrus")]).await }
    };
    for result in futures::future::join_all((0..16).map(write)).await {
        result.unwrap();
    }
    let found = world.index().search(&tenant("conf-a"), &text("walrus")).await.unwrap();
    assert_eq!(found.len(), 16);
}
