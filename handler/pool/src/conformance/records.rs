//! The law of [`Records`]: conditions, batches, versions, expiry, partitions; and [queries](super::queries).
#![expect(clippy::unwrap_used, reason = "a conformance suite fails by panicking")]

use super::{memory::ManualClock, naughty, queries};
use crate::{
    TenantId,
    ports::{Etag, Kind, NewRow, PortError, Query, Records, Row, Sort, Write},
    testing::tenant,
};
use std::{collections::BTreeSet, time::Duration};

/// Runs the suite on a store that tells expired documents by `clock`, and in which the tenants `conf-a`, `conf-b` and
/// `conf-c` have nothing.
pub async fn records(store: &dyn Records, clock: &ManualClock) {
    let [a, b, c] = ["conf-a", "conf-b", "conf-c"].map(tenant);
    conditions(store, &a).await;
    batches(store, &a).await;
    partitions(store, &a, &b).await;
    expiry(store, clock, &a, &b).await;
    naughty::documents(store, &c).await;
    queries::queries(store, clock, &a, &b).await;
}

/// A document without parent, owner or end.
pub fn new_row(kind: Kind, id: &str, body: serde_json::Value) -> NewRow {
    NewRow {
        kind,
        id: id.to_owned(),
        parent: String::new(),
        owner: String::new(),
        expires_at: None,
        body: body.to_string(),
    }
}

fn row(id: &str, body: &str) -> NewRow {
    NewRow { body: body.to_owned(), ..new_row(Kind::Record, id, serde_json::Value::Null) }
}

async fn one(store: &dyn Records, tenant: &TenantId, write: Write) -> Result<Etag, PortError> {
    let mut etags = store.commit(tenant, vec![write]).await?;
    assert_eq!(etags.len(), 1, "one version a write");
    Ok(etags.remove(0))
}

async fn get(store: &dyn Records, tenant: &TenantId, id: &str) -> Option<Row> {
    store.get(tenant, Kind::Record, id).await.unwrap()
}

#[track_caller]
fn conflicts<T: std::fmt::Debug>(result: Result<T, PortError>) {
    assert!(matches!(result, Err(PortError::Conflict)), "expected a conflict: {result:?}");
}

async fn conditions(store: &dyn Records, a: &TenantId) {
    let mut seen = BTreeSet::new();
    let wrong = Some(Etag("never-a-version".into()));
    assert_eq!(get(store, a, "x").await, None);
    conflicts(one(store, a, Write::Replace(row("x", "{}"), None)).await);
    conflicts(one(store, a, Write::Replace(row("x", "{}"), wrong.clone())).await);
    conflicts(one(store, a, Write::Delete(Kind::Record, "x".into(), wrong.clone())).await);
    assert_eq!(one(store, a, Write::Delete(Kind::Record, "x".into(), None)).await.unwrap().0, "");
    assert_eq!(get(store, a, "x").await, None, "a failed write leaves nothing");

    let full = NewRow {
        parent: "p".into(),
        owner: "o".into(),
        expires_at: Some(9_999_999_999),
        ..row("x", r#"{ "n":1.50, "deep":{"z":[null,true,"é"]} }"#)
    };
    let etag = one(store, a, Write::Create(full.clone())).await.unwrap();
    assert!(!etag.0.is_empty() && !etag.0.contains('"'), "a version is text without quotes: {etag:?}");
    seen.insert(etag.0.clone());
    let read = get(store, a, "x").await.unwrap();
    assert_eq!(
        read,
        Row { tenant: a.to_string(), etag: etag.clone(), row: full },
        "what is read is what was written"
    );
    conflicts(one(store, a, Write::Create(row("x", "{}"))).await);
    conflicts(one(store, a, Write::Replace(row("x", "{}"), wrong.clone())).await);
    conflicts(one(store, a, Write::Delete(Kind::Record, "x".into(), wrong)).await);
    assert_eq!(get(store, a, "x").await.unwrap().etag, etag, "a failed write changes nothing");

    let second = one(store, a, Write::Replace(row("x", r#"{"v":2}"#), Some(etag.clone()))).await.unwrap();
    assert!(seen.insert(second.0.clone()), "every write changes the version");
    conflicts(one(store, a, Write::Replace(row("x", "{}"), Some(etag.clone()))).await);
    conflicts(one(store, a, Write::Delete(Kind::Record, "x".into(), Some(etag))).await);
    let read = get(store, a, "x").await.unwrap();
    assert_eq!(
        (read.etag, read.row),
        (second, row("x", r#"{"v":2}"#)),
        "a replacement replaces every member"
    );
    let same = one(store, a, Write::Replace(row("x", r#"{"v":2}"#), None)).await.unwrap();
    assert!(seen.insert(same.0.clone()), "writing the same again is a write");

    one(store, a, Write::Delete(Kind::Record, "x".into(), Some(same.clone()))).await.unwrap();
    assert_eq!(get(store, a, "x").await, None);
    let again = one(store, a, Write::Create(row("x", r#"{"v":2}"#))).await.unwrap();
    assert!(seen.insert(again.0.clone()), "a version is not used again after a deletion");
    conflicts(one(store, a, Write::Replace(row("x", "{}"), Some(same))).await);

    store
        .commit(
            a,
            Kind::ALL
                .map(|kind| Write::Create(new_row(kind, "kinds", serde_json::json!({"k": kind}))))
                .into(),
        )
        .await
        .unwrap();
    for kind in Kind::ALL {
        let found = store.get(a, kind, "kinds").await.unwrap().unwrap();
        assert_eq!(
            found.row,
            new_row(kind, "kinds", serde_json::json!({"k": kind})),
            "a kind is part of the name"
        );
    }
    for body in ["", "null", "[]", "1", "{", r#"{"a":}"#, "{} {}"] {
        let refused = one(store, a, Write::Create(row("bad", body))).await;
        assert!(
            matches!(&refused, Err(error) if !error.transient()),
            "{body:?} is no JSON object: {refused:?}"
        );
    }
}

async fn batches(store: &dyn Records, a: &TenantId) {
    let hundred = |n: usize| {
        (0..n).map(|i| Write::Create(row(&format!("batch-{i}"), r#"{"b":1}"#))).collect::<Vec<_>>()
    };
    let nobodys = (0..100).map(|i| Write::Delete(Kind::Record, format!("nobody-{i}"), None)).collect();
    let etags = store.commit(a, nobodys).await.unwrap();
    assert!(
        etags.len() == 100 && etags.iter().all(|etag| etag.0.is_empty()),
        "what is absent is deleted already"
    );
    for size in [0, 101] {
        let refused = store.commit(a, hundred(size)).await;
        assert!(matches!(&refused, Err(error) if !error.transient()), "a batch of {size}: {refused:?}");
    }
    assert_eq!(get(store, a, "batch-0").await, None, "a refused batch leaves nothing");
    let twice =
        store.commit(a, vec![Write::Create(row("t", "{}")), Write::Replace(row("t", "{}"), None)]).await;
    assert!(matches!(&twice, Err(error) if !error.transient()), "one document twice in a batch: {twice:?}");
    assert_eq!(get(store, a, "t").await, None);

    let etags = store.commit(a, hundred(100)).await.unwrap();
    assert_eq!(etags.iter().map(|etag| &etag.0).collect::<BTreeSet<_>>().len(), 100);
    for i in [0, 57, 99] {
        assert_eq!(
            get(store, a, &format!("batch-{i}")).await.unwrap().etag,
            etags[i],
            "versions come in order"
        );
    }

    let mixed = |guard: Etag| {
        vec![
            Write::Create(row("batch-new", "{}")),
            Write::Replace(row("batch-1", r#"{"b":2}"#), Some(etags[1].clone())),
            Write::Delete(Kind::Record, "batch-2".into(), None),
            Write::Replace(row("batch-3", "{}"), Some(guard)),
        ]
    };
    conflicts(store.commit(a, mixed(etags[4].clone())).await);
    assert_eq!(get(store, a, "batch-new").await, None, "all or none");
    assert_eq!(get(store, a, "batch-1").await.unwrap().etag, etags[1], "all or none");
    assert!(get(store, a, "batch-2").await.is_some(), "all or none");
    let done = store.commit(a, mixed(etags[3].clone())).await.unwrap();
    assert_eq!(done[2].0, "", "a deleted document has no version");
    assert_eq!(get(store, a, "batch-new").await.unwrap().etag, done[0]);
    assert_eq!(get(store, a, "batch-1").await.unwrap().row.body, r#"{"b":2}"#);
    assert_eq!(get(store, a, "batch-2").await, None);
    conflicts(store.commit(a, mixed(etags[3].clone())).await);
}

/// The same names in two tenants: no operation of one shows, changes or hinders the other's.
async fn partitions(store: &dyn Records, a: &TenantId, b: &TenantId) {
    let mine = |who: &str| NewRow {
        owner: "same".into(),
        parent: "same".into(),
        ..row("twin", &format!(r#"{{"of":"{who}"}}"#))
    };
    let in_a = one(store, a, Write::Create(mine("a"))).await.unwrap();
    assert_eq!(get(store, b, "twin").await, None, "get");
    let by_same = Query {
        kind: Kind::Record,
        parent: Some("same".into()),
        owner: Some("same".into()),
        filter: None,
        sort: Sort { field: None, descending: false },
        after: None,
        limit: 1_000,
    };
    let all = Query { parent: None, owner: None, ..by_same.clone() };
    assert_eq!(store.query(b, &by_same).await.unwrap(), [], "query");
    assert_eq!(store.query(b, &all).await.unwrap(), [], "query");
    conflicts(one(store, b, Write::Replace(mine("b"), Some(in_a.clone()))).await);
    conflicts(one(store, b, Write::Replace(mine("b"), None)).await);
    conflicts(one(store, b, Write::Delete(Kind::Record, "twin".into(), Some(in_a.clone()))).await);
    one(store, b, Write::Delete(Kind::Record, "twin".into(), None)).await.unwrap();
    assert_eq!(get(store, a, "twin").await.unwrap().etag, in_a, "a delete in b leaves a's");

    let in_b = one(store, b, Write::Create(mine("b"))).await.unwrap();
    assert_ne!(in_a, in_b, "versions differ across tenants");
    for (tenant, who, etag) in [(a, "a", &in_a), (b, "b", &in_b)] {
        let expected = Row { tenant: tenant.to_string(), etag: etag.clone(), row: mine(who) };
        assert_eq!(get(store, tenant, "twin").await.unwrap(), expected);
        assert_eq!(store.query(tenant, &by_same).await.unwrap(), [expected]);
        assert!(store.query(tenant, &all).await.unwrap().iter().all(|row| row.tenant == tenant.as_str()));
    }
    conflicts(one(store, a, Write::Replace(mine("x"), Some(in_b.clone()))).await);
    one(store, a, Write::Replace(mine("a2"), Some(in_a))).await.unwrap();
    assert_eq!(get(store, b, "twin").await.unwrap().etag, in_b);
    one(store, a, Write::Delete(Kind::Record, "twin".into(), None)).await.unwrap();
    assert_eq!(get(store, b, "twin").await.unwrap().etag, in_b);
    one(store, b, Write::Delete(Kind::Record, "twin".into(), None)).await.unwrap();
}

async fn expiry(store: &dyn Records, clock: &ManualClock, a: &TenantId, b: &TenantId) {
    let ending = |id: &str, after: i64| NewRow {
        parent: "ending".into(),
        expires_at: Some(clock.seconds() + after),
        ..row(id, "{}")
    };
    let query = Query {
        kind: Kind::Record,
        parent: Some("ending".into()),
        owner: None,
        filter: None,
        sort: Sort { field: None, descending: false },
        after: None,
        limit: 10,
    };
    let ids = async |tenant: &TenantId| -> Vec<String> {
        store.query(tenant, &query).await.unwrap().into_iter().map(|row| row.row.id).collect()
    };
    let old = one(store, a, Write::Create(ending("e1", 10))).await.unwrap();
    for (tenant, id, after) in [(a, "e2", 10), (a, "e3", 20), (b, "e1", 10), (b, "e2", 10)] {
        one(store, tenant, Write::Create(ending(id, after))).await.unwrap();
    }
    clock.advance(Duration::from_secs(9));
    assert_eq!(ids(a).await, ["e1", "e2", "e3"]);
    conflicts(one(store, a, Write::Create(ending("e1", 10))).await);
    clock.advance(Duration::from_secs(1));
    assert_eq!(ids(a).await, ["e3"], "from its second on, a document is absent");
    assert_eq!(get(store, a, "e1").await, None);
    conflicts(one(store, a, Write::Replace(ending("e1", 10), None)).await);
    conflicts(one(store, a, Write::Replace(ending("e1", 10), Some(old.clone()))).await);
    conflicts(one(store, a, Write::Delete(Kind::Record, "e1".into(), Some(old.clone()))).await);
    let new = one(store, a, Write::Create(ending("e1", 100))).await.unwrap();
    assert_ne!(new, old);
    assert_eq!(store.sweep(a, 10).await.unwrap(), 1, "e2; not e1, which lives again, nor b's");
    assert_eq!(store.sweep(a, 10).await.unwrap(), 0);
    assert_eq!(ids(a).await, ["e1", "e3"]);
    assert_eq!(store.sweep(b, 1).await.unwrap(), 1, "at most the limit");
    assert_eq!(store.sweep(b, 1).await.unwrap(), 1);
    assert_eq!(store.sweep(b, 1).await.unwrap(), 0);
    for id in ["e1", "e3"] {
        one(store, a, Write::Delete(Kind::Record, id.into(), None)).await.unwrap();
    }
}
