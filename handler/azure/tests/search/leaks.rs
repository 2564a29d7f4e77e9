//! What a client that is careless with tenants does to them, shown to be possible; and that ours cannot.

use crate::support::{World, entry, sources, text};
use pool::{
    filter::{FieldPath, Filter, Scalar},
    ports::{Entry, Index, PortError, SearchMode, SearchQuery, Visibility},
    testing::tenant,
};
use serde_json::{Value, json};

fn tenants_of(body: &Value) -> Vec<&str> {
    body["value"].as_array().unwrap().iter().map(|hit| hit["tenantId"].as_str().unwrap()).collect()
}

async fn furnished(world: &World) -> azure::AzureIndex {
    let index = world.index();
    for name in ["conf-a", "conf-b", "conf-c"] {
        let vector = |x: f32| Some(vec![1.0, x, 0.0, 0.0]);
        let far = if name == "conf-a" { 0.5 } else { 0.0 };
        let entries = (0..20).map(|n| Entry {
            vector: vector(far),
            owner: (n % 2 == 0).then(|| "alice".to_owned()),
            fields: [("team".to_owned(), Scalar::Text("x".into()))].into(),
            ..entry(&format!("doc{n}"), "walrus canary")
        });
        index.upsert(&tenant(name), entries.collect()).await.unwrap();
    }
    index
}

#[tokio::test]
async fn a_filter_cannot_be_broken_out_of() {
    let world = World::start().await;
    let index = furnished(&world).await;
    // The caller's text first, and unescaped: `and` binds more than `or`.
    for user in ["t_team ne '') or (t_team ne ''", "true) or (true"] {
        let filter = format!("({user}) and tenantId eq 'conf-a'");
        let (status, body) = world.raw_search(json!({"search": "walrus", "filter": filter})).await;
        assert_eq!(status, 200);
        assert!(tenants_of(&body).contains(&"conf-b"), "the double is too weak to show the leak");
    }
    for value in ["x' or tenantId ne 'x", "x') or (tenantId ne 'x"] {
        let filter = format!("tenantId eq 'conf-a' and (t_team eq '{value}')");
        let (_, body) = world.raw_search(json!({"search": "walrus", "filter": filter})).await;
        assert!(tenants_of(&body).len() > 20 || !value.contains(')'), "and with the tenant first, unescaped");
        // Ours: the same text is a value, as a field's, a user's, and a tenant's of a name that is none.
        let field = FieldPath::parse("team").unwrap();
        let filter = Filter::Or { or: vec![Filter::eq(field, Scalar::Text(value.to_owned()))] };
        let query = SearchQuery { filter: Some(filter), ..text("walrus") };
        assert_eq!(index.search(&tenant("conf-a"), &query).await.unwrap(), []);
        let query = SearchQuery { visibility: Visibility::User(value.to_owned()), ..text("walrus") };
        assert_eq!(index.search(&tenant("conf-a"), &query).await.unwrap().len(), 10);
    }
    let lists = "search.in(owner, 'bob,alice')";
    let (_, body) = world.raw_search(json!({"search": "walrus", "filter": lists})).await;
    assert_eq!(body["value"].as_array().unwrap().len(), 30, "a comma in a user's name is two users");
    let query = SearchQuery { visibility: Visibility::User("bob,alice".into()), ..text("walrus") };
    assert_eq!(index.search(&tenant("conf-a"), &query).await.unwrap().len(), 10);
}

#[tokio::test]
async fn a_key_is_one_tenants() {
    let world = World::start().await;
    let index = furnished(&world).await;
    // The document's own name as its key: B's `doc1` replaces A's, or takes what is left of it.
    let doc = |tenant: &str, action: &str, title: Value| {
        let mut doc = json!({"@search.action": action, "key": "doc1", "tenantId": tenant});
        if !title.is_null() {
            doc["title"] = title;
        }
        json!({"value": [doc]})
    };
    world.raw_write(doc("conf-a", "upload", json!("secret of A"))).await;
    world.raw_write(doc("conf-b", "mergeOrUpload", Value::Null)).await;
    let stolen = json!({"search": "secret", "filter": "tenantId eq 'conf-b'"});
    let (_, body) = world.raw_search(stolen).await;
    assert_eq!(body["value"][0]["title"], "secret of A", "the double is too weak to show the leak");

    let before = index.search(&tenant("conf-a"), &text("canary")).await.unwrap();
    let all: Vec<Entry> = before.iter().map(|hit| entry(&hit.entry.key.source, "replaced")).collect();
    index.upsert(&tenant("conf-b"), all).await.unwrap();
    let keys: Vec<_> = before.iter().map(|hit| hit.entry.key.clone()).collect();
    index.delete(&tenant("conf-c"), &keys).await.unwrap();
    assert_eq!(index.search(&tenant("conf-a"), &text("canary")).await.unwrap(), before);
    assert_eq!(index.search(&tenant("conf-b"), &text("canary")).await.unwrap(), []);
    assert_eq!(index.search(&tenant("conf-c"), &text("canary")).await.unwrap(), []);
}

#[tokio::test]
async fn another_tenants_vectors_take_no_place() {
    let world = World::start().await;
    let index = furnished(&world).await;
    let near = json!([{"kind": "vector", "vector": [1.0, 0.0, 0.0, 0.0], "fields": "vector", "k": 10}]);
    let ask = |mode: &str| json!({"vectorQueries": near, "filter": "tenantId eq 'conf-a'", "vectorFilterMode": mode});
    let (_, body) = world.raw_search(ask("postFilter")).await;
    assert_eq!(tenants_of(&body).len(), 0, "others are nearer, and take every place");
    let (_, body) = world.raw_search(ask("preFilter")).await;
    assert_eq!(tenants_of(&body), ["conf-a"; 10]);
    for mode in [SearchMode::Vector, SearchMode::Hybrid] {
        let vector = Some(vec![1.0, 0.0, 0.0, 0.0]);
        let query = SearchQuery { mode, vector, top: 10, ..text("walrus") };
        assert_eq!(index.search(&tenant("conf-a"), &query).await.unwrap().len(), 10, "{mode:?}");
    }
}

#[tokio::test]
async fn words_are_no_operators() {
    let world = World::start().await;
    let index = furnished(&world).await;
    index.upsert(&tenant("conf-a"), vec![entry("odd", "narwhal")]).await.unwrap();
    let filter = "tenantId eq 'conf-a'";
    for (query, raw) in [("*", 21), ("nar*", 1), ("xyz -walrus", 1), ("\"walrus canary\"", 20), ("", 21)] {
        let (_, body) =
            world.raw_search(json!({"search": query, "filter": filter, "select": "tenantId"})).await;
        assert_eq!(tenants_of(&body).len(), raw, "{query}: the double knows the operator");
    }
    for (query, found) in
        [("*", 0), ("nar*", 0), ("xyz -walrus", 20), ("\"walrus narwhal\"", 21), ("", 0), ("narwhal|", 1)]
    {
        let hits = index.search(&tenant("conf-a"), &text(query)).await.unwrap();
        assert_eq!(hits.len(), found, "{query}");
    }
}

#[tokio::test]
async fn an_index_that_lies_is_found_out() {
    let world = World::start().await;
    let index = furnished(&world).await;
    // As a broken service might: the filter sees one tenant, the answer shows another.
    world.search.lie("conf-b");
    let result = index.search(&tenant("conf-a"), &text("walrus")).await;
    assert!(matches!(result, Err(PortError::Refused(_))), "{result:?}");
    let b = index.search(&tenant("conf-b"), &text("walrus")).await.unwrap();
    assert_eq!(sources(&b).len(), 20);
}
