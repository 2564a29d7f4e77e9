//! The double refuses what the service refuses.

use crate::support::{SHARED, World, entry};
use doubles::search::{AUDIENCE, VERSION};
use pool::{ports::Index, testing::tenant};
use reqwest::Method;
use serde_json::{Value, json};

async fn world() -> World {
    let world = World::start().await;
    world.index().upsert(&tenant("conf-a"), vec![entry("a", "walrus")]).await.unwrap();
    world
}

#[tokio::test]
async fn who_asks_and_how() {
    let world = world().await;
    let path = format!("indexes('{SHARED}')/docs/search.post.search");
    let ask = async |path: String, token: String| {
        world.raw_with(Method::POST, &path, &token, json!({"search": "walrus"})).await.0
    };
    let good = world.identity.mint("system", AUDIENCE);
    let version = format!("?api-version={VERSION}");
    assert_eq!(ask(format!("{path}{version}"), good.clone()).await, 200);
    for audience in ["https://management.azure.com", "https://storage.azure.com"] {
        let other = world.identity.mint("system", audience);
        assert_eq!(ask(format!("{path}{version}"), other).await, 401, "{audience}");
    }
    assert_eq!(ask(format!("{path}{version}"), "made-up".into()).await, 401);
    for odd in [String::new(), "?api-version=2024-07-01".into(), format!("{version}&api-version=1")] {
        assert_eq!(ask(format!("{path}{odd}"), good.clone()).await, 400, "{odd}");
    }
    assert_eq!(ask(format!("indexes('none')/docs/search.post.search{version}"), good.clone()).await, 404);
    assert_eq!(ask(format!("indexes('{SHARED}')/docs/search.post.suggest{version}"), good).await, 404);
}

#[tokio::test]
async fn searches() {
    let world = world().await;
    let deep = format!("{}tenantId eq 'a'{}", "(".repeat(101), ")".repeat(101));
    for filter in [
        "",
        "tenantId",
        "tenantId eq 'a",
        "tenantId eq 'it's'",
        "tenantId eq 'a' and",
        "(tenantId eq 'a'",
        "tenantId eq 'a')",
        "tenantId eq 1",
        "tenantId = 'a'",
        "tenantId eq \"a\"",
        "tenantId eq 'a' or or tenantId eq 'b'",
        "unknown eq 'a'",
        "content eq 'walrus'",
        "key eq 'a'",
        "n_year eq '2024'",
        "n_year lt null",
        "n_year eq 20x4",
        "b_open gt false",
        "b_open eq 1",
        "not n_year eq 1",
        "'a' eq 'a'",
        "n_year eq n_year",
        "search.in(n_year, '1')",
        "geo.distance(a, b) lt 1",
        "chunk eq NaN",
        "1",
        &deep,
    ] {
        assert_eq!(world.raw_search(json!({"search": "*", "filter": filter})).await.0, 400, "{filter}");
    }
    for filter in [
        "tenantId eq 'it''s'",
        "not (tenantId eq 'a') and (true or false)",
        "2024 ge n_year",
        "n_year eq -1.5e-3 or n_year lt INF or n_year gt -INF or n_year ne NaN",
        "b_open or not b_open",
        "owner eq null",
        "search.in(tenantId, 'a|b', '|')",
        &deep["(".len()..deep.len() - 1],
    ] {
        assert_eq!(world.raw_search(json!({"search": "*", "filter": filter})).await.0, 200, "{filter}");
    }
    let vector = |v: Value, field: &str| json!({"vectorQueries": [{"kind": "vector", "vector": v, "fields": field, "k": 1}]});
    for body in [
        json!({"search": "*", "top": 1_001}),
        json!({"search": "*", "skip": 100_001}),
        json!({"search": "*", "select": "nothing"}),
        json!({"search": "*", "select": "vector"}),
        json!({"search": "*", "searchFields": "owner"}),
        json!({"search": "*", "queryType": "odd"}),
        json!({"search": "*", "filterOverride": "x"}),
        json!({"search": "*", "vectorFilterMode": "strictPostFilter"}),
        json!({"search": "w ".repeat(1_025)}),
        vector(json!([1.0, 0.0, 0.0]), "vector"),
        vector(json!([1.0, 0.0, 0.0, 0.0]), "title"),
        vector(json!("text"), "vector"),
    ] {
        assert_eq!(world.raw_search(body.clone()).await.0, 400, "{body}");
    }
}

#[tokio::test]
async fn writes() {
    let world = world().await;
    let one = |document: Value| json!({"value": [document]});
    for document in [
        json!({"tenantId": "a"}),
        json!({"key": "with space"}),
        json!({"key": "a/b"}),
        json!({"key": "_a"}),
        json!({"key": ""}),
        json!({"key": "k".repeat(1_025)}),
        json!({"key": "a", "unknown": 1}),
        json!({"key": "a", "n_year": "2024"}),
        json!({"key": "a", "vector": [1.0]}),
        json!({"key": "a", "owner": "x".repeat(32_767)}),
        json!({"key": "a", "@search.action": "replace"}),
    ] {
        assert_eq!(world.raw_write(one(document.clone())).await.0, 400, "{document}");
    }
    let many = |count: usize| json!({"value": vec![json!({"key": "a"}); count]});
    assert_eq!(world.raw_write(many(0)).await.0, 400);
    assert_eq!(world.raw_write(many(1_001)).await.0, 400);
    assert_eq!(world.raw_write(many(1_000)).await.0, 200);
    let (status, body) = world
        .raw_write(json!({"value": [
            {"@search.action": "merge", "key": "absent"},
            {"@search.action": "delete", "key": "absent"},
            {"key": "there"},
        ]}))
        .await;
    assert_eq!(status, 207);
    let statuses: Vec<&Value> =
        body["value"].as_array().unwrap().iter().map(|result| &result["statusCode"]).collect();
    assert_eq!(statuses, [404, 200, 201]);
    let large = json!({"value": [{"key": "a", "place": "x".repeat(17 << 20)}]});
    assert_eq!(world.raw_write(large).await.0, 413);
}

#[tokio::test]
async fn definitions() {
    let world = world().await;
    let put = async |name: &str, definition: &Value| {
        world.raw(Method::PUT, &format!("indexes('{name}')"), definition.clone()).await.0
    };
    let mut definition = world.search.definition(SHARED);
    assert_eq!(put(SHARED, &definition).await, 200);
    assert_eq!(put("other", &definition).await, 400, "the name is in the body too");
    definition["fields"][1]["filterable"] = false.into();
    assert_eq!(put(SHARED, &definition).await, 400, "a field does not change");
    definition["fields"].as_array_mut().unwrap().remove(1);
    assert_eq!(put(SHARED, &definition).await, 400, "nor does it go");
    for field in [
        json!({"name": "1st", "type": "Edm.String"}),
        json!({"name": "azureSearchX", "type": "Edm.String"}),
        json!({"name": "x", "type": "Edm.Text"}),
        json!({"name": "x", "type": "Edm.Double", "searchable": true}),
        json!({"name": "x", "type": "Collection(Edm.Single)", "searchable": true, "dimensions": 3}),
        json!({"name": "x", "type": "Edm.String", "key": true}),
    ] {
        let key = json!({"name": "key", "type": "Edm.String", "key": true});
        let definition = json!({"name": "new", "fields": [key, field]});
        assert_eq!(put("new", &definition).await, 400, "{field}");
    }
    for name in ["a", "A", "a--b", "-a", "a_-b", "a b"] {
        let key = json!({"name": "key", "type": "Edm.String", "key": true});
        assert_eq!(put(name, &json!({"name": name, "fields": [key]})).await, 400, "{name}");
    }
}
