//! The tenant's own documents: whose an id is, is in the id.

use crate::support::*;
use pool::{
    Error, PageRequest, Scope,
    filter::{FieldPath, Scalar},
    ports::Kind,
    records::RecordQuery,
};
use serde_json::{Map, Value, json};

fn body(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

async fn create(scope: &Scope, value: Value) -> String {
    scope.records().create("items", body(value)).await.unwrap().value.id
}

/// 000/001 §8.1: the id alone decides, so that it says nothing of what exists.
#[tokio::test]
async fn an_id_of_another_tenant_is_forbidden_before_any_store_is_asked() {
    let world = World::new();
    let (ours, theirs) = (world.user("contoso", "alice").await, world.user("fabrikam", "bob").await);
    let own = create(&ours, json!({"a": 1})).await;
    let foreign = create(&theirs, json!({"a": 1})).await;
    let deleted = create(&theirs, json!({"a": 1})).await;
    theirs.records().delete("items", &deleted, None).await.unwrap();
    let altered = format!("{}{}", &own[..own.len() - 1], if own.ends_with('0') { '1' } else { '0' });
    let other_half = format!("{}{}", &own[..36], &foreign[36..]);
    let never = format!("rec_{}", "0".repeat(42));
    world.fuse.calls();
    for id in [&foreign, &deleted, &altered, &other_half, &never] {
        forbidden(ours.records().get("items", id).await);
        forbidden(ours.records().replace("items", id, body(json!({})), None).await);
        forbidden(ours.records().delete("items", id, None).await);
    }
    for id in [
        "",
        "rec_",
        "x",
        &own[4..],
        &own.to_uppercase(),
        &format!("{own} "),
        &format!("{own}0"),
        &own[..45],
        "rec_../../x",
        &own.replace("rec_", "file_"),
    ] {
        not_found(ours.records().get("items", id).await);
        not_found(ours.records().delete("items", id, None).await);
    }
    for collection in ["", "Items", "items ", "secrets", "../items", "items/x"] {
        not_found(ours.records().get(collection, &own).await);
        not_found(ours.records().create(collection, body(json!({}))).await);
        not_found(ours.records().list(collection, RecordQuery::default(), &PageRequest::default()).await);
    }
    assert_eq!(world.fuse.calls(), [], "no store was asked");
    not_found(ours.records().get("events", &own).await);
    assert_eq!(ours.records().get("items", &own).await.unwrap().value.body, body(json!({"a": 1})));
    ours.records().delete("items", &own, None).await.unwrap();
    not_found(ours.records().get("items", &own).await);
    not_found(ours.records().delete("items", &own, None).await);
}

#[tokio::test]
async fn members_of_ours_cannot_be_sent() {
    let world = World::new();
    let user = world.user("contoso", "alice").await;
    let id = create(&user, json!({"a": 1})).await;
    let ours = [
        "id",
        "object",
        "created_at",
        "updated_at",
        "tenantId",
        "ttl",
        "partitionKey",
        "collection",
        "_etag",
        "_ts",
        "_rid",
    ];
    for member in ours {
        let pointer = format!("/{member}");
        invalid(user.records().create("items", body(json!({member: "fabrikam"}))).await, &[&pointer]);
        invalid(
            user.records().replace("items", &id, body(json!({member: "fabrikam"})), None).await,
            &[&pointer],
        );
    }
    invalid(
        user.records().create("items", body(json!({"metadata": {"tenantId": "x"}}))).await,
        &["/metadata/tenantId"],
    );
    invalid(user.records().create("items", body(json!({"metadata": {"a": 1}}))).await, &["/metadata"]);
    invalid(user.records().create("items", body(json!({"metadata": []}))).await, &["/metadata"]);
    let large = json!({"a": "x".repeat(1024 * 1024)});
    invalid(user.records().create("items", body(large)).await, &[""]);
    assert_eq!(world.rows("contoso", Kind::Record).len(), 1);
    assert!(
        user.records()
            .create("items", body(json!({"owner": "x", "kind": "y", "nested": {"id": 1, "tenantId": "z"}})))
            .await
            .is_ok()
    );
}

/// TM-15.
#[tokio::test]
async fn a_write_that_is_overtaken_is_not_done() {
    let world = World::new();
    let user = world.user("contoso", "alice").await;
    let id = create(&user, json!({"n": 0})).await;
    let first = user.records().get("items", &id).await.unwrap();
    let second =
        user.records().replace("items", &id, body(json!({"n": 1})), Some(&first.etag)).await.unwrap();
    stale(user.records().replace("items", &id, body(json!({"n": 2})), Some(&first.etag)).await);
    stale(user.records().delete("items", &id, Some(&first.etag)).await);
    let (other, same) = (user.clone(), id.clone());
    world.fuse.at("records.commit", false, move || {
        Box::pin(async move {
            other.records().replace("items", &same, body(json!({"n": 3})), Some(&second.etag)).await.unwrap();
        })
    });
    conflict(user.records().replace("items", &id, body(json!({"n": 4})), None).await);
    assert_eq!(user.records().get("items", &id).await.unwrap().value.body["n"], 3);
    let (other, same) = (user.clone(), id.clone());
    world.fuse.at("records.commit", false, move || {
        Box::pin(
            async move { drop(other.records().replace("items", &same, body(json!({"n": 5})), None).await) },
        )
    });
    conflict(user.records().delete("items", &id, None).await);
    assert_eq!(user.records().get("items", &id).await.unwrap().value.body["n"], 5);
}

fn query(equal: &[(&str, Scalar)], sort: Option<&str>) -> RecordQuery {
    RecordQuery {
        equal: equal.iter().map(|(name, value)| (FieldPath::parse(name).unwrap(), value.clone())).collect(),
        sort: sort.map(|name| FieldPath::parse(name).unwrap()),
    }
}

async fn all(scope: &Scope, asked: RecordQuery, limit: usize, descending: bool) -> Vec<i64> {
    let mut page = PageRequest { limit, descending, cursor: None };
    let mut found = Vec::new();
    loop {
        let part = scope.records().list("items", asked.clone(), &page).await.unwrap();
        assert!(part.items.len() <= limit);
        found.extend(part.items.iter().map(|record| record.value.body["n"].as_i64().unwrap()));
        match part.next {
            Some(cursor) => page.cursor = Some(cursor),
            None => return found,
        }
    }
}

#[tokio::test]
async fn lists_are_typed_sorted_and_the_tenants_own() {
    let world = World::new();
    let user = world.user("contoso", "alice").await;
    let foreign = world.user("fabrikam", "bob").await;
    for n in 0..12 {
        create(&user, json!({"n": n, "team": if n % 3 == 0 { "red" } else { "blue" }, "rank": n % 4, "in": {"x": n % 2 == 0}})).await;
        create(&foreign, json!({"n": 100 + n, "team": "red"})).await;
    }
    user.records().create("events", body(json!({"n": 50, "team": "red"}))).await.unwrap();
    for limit in [1, 5, 12, 100] {
        assert_eq!(all(&user, query(&[], None), limit, false).await, (0..12).collect::<Vec<_>>());
        assert_eq!(all(&user, query(&[], None), limit, true).await, (0..12).rev().collect::<Vec<_>>());
        let red = [("team", Scalar::Text("red".into()))];
        assert_eq!(all(&user, query(&red, None), limit, false).await, [0, 3, 6, 9]);
        let even = [("in.x", Scalar::Bool(true)), ("team", Scalar::Text("red".into()))];
        assert_eq!(all(&user, query(&even, None), limit, false).await, [0, 6]);
        assert_eq!(
            all(&user, query(&[], Some("rank")), limit, false).await,
            [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]
        );
    }
    for text in ["red' OR '1'='1", "red\" OR true", "*", "", "RED", "red "] {
        assert_eq!(
            all(&user, query(&[("team", Scalar::Text(text.into()))], None), 20, false).await,
            [0_i64; 0],
            "{text}"
        );
    }
    for name in ["a b", "a'", "c.tenantId = 'x'", "a[0]", "a-b", "", ".", "a..b", "1a", "a.b.c.d.e", "ü"] {
        assert!(FieldPath::parse(name).is_none(), "{name}");
    }
    let deep = query(&[("a.b.c.d", Scalar::Bool(true))], None);
    invalid(user.records().list("items", deep, &PageRequest::default()).await, &["where"]);
    let many: Vec<_> = (0..200).map(|_| ("team", Scalar::Text("red".into()))).collect();
    invalid(user.records().list("items", query(&many, None), &PageRequest::default()).await, &["where"]);
    let long = query(&[("team", Scalar::Text("x".repeat(1_025)))], None);
    invalid(user.records().list("items", long, &PageRequest::default()).await, &["where"]);
}

/// A cursor is good for the list that gave it, and for no other tenant.
#[tokio::test]
async fn a_cursor_is_bound_to_tenant_and_query() {
    let world = World::new();
    let (user, foreign) = (world.user("contoso", "alice").await, world.user("fabrikam", "bob").await);
    for n in 0..3 {
        create(&user, json!({"n": n})).await;
        create(&foreign, json!({"n": n})).await;
        user.files().upload(new_file("a"), bytes("x")).await.unwrap();
        user.threads().create(Default::default()).await.unwrap();
    }
    let one = PageRequest { limit: 1, descending: true, cursor: None };
    let cursor = user.records().list("items", query(&[], None), &one).await.unwrap().next.unwrap();
    let with = |cursor: &str| PageRequest { cursor: Some(cursor.to_owned()), ..one.clone() };
    assert!(user.records().list("items", query(&[], None), &with(&cursor)).await.is_ok());
    assert!(
        user.records()
            .list("items", query(&[], None), &PageRequest { limit: 7, ..with(&cursor) })
            .await
            .is_ok()
    );
    let refused = |result: Result<(), Error>| invalid(result, &["cursor"]);
    refused(foreign.records().list("items", query(&[], None), &with(&cursor)).await.map(drop));
    refused(user.records().list("events", query(&[], None), &with(&cursor)).await.map(drop));
    refused(user.records().list("items", query(&[], Some("n")), &with(&cursor)).await.map(drop));
    refused(
        user.records()
            .list("items", query(&[("n", Scalar::Number(1.0))], None), &with(&cursor))
            .await
            .map(drop),
    );
    refused(
        user.records()
            .list("items", query(&[], None), &PageRequest { descending: false, ..with(&cursor) })
            .await
            .map(drop),
    );
    refused(user.files().list(&with(&cursor)).await.map(drop));
    refused(user.threads().list(&with(&cursor)).await.map(drop));
    let own = user.threads().list(&one).await.unwrap().next.unwrap();
    refused(world.user("contoso", "bob").await.threads().list(&with(&own)).await.map(drop));
    refused(world.admin("contoso").await.threads().list(&with(&own)).await.map(drop));
    for at in (0..cursor.len()).step_by(5) {
        let mut altered = cursor.clone().into_bytes();
        altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
        let altered = String::from_utf8(altered).unwrap();
        refused(user.records().list("items", query(&[], None), &with(&altered)).await.map(drop));
    }
    for text in ["", "x", "a.b.c", "0", "null", &format!("{cursor}=")] {
        refused(user.records().list("items", query(&[], None), &with(text)).await.map(drop));
    }
}
