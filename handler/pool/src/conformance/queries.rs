//! The law of queries: what is found, in which order, and how pages join.

#![expect(clippy::unwrap_used, reason = "a conformance suite fails by panicking")]

use super::{memory::ManualClock, records::new_row};
use crate::{
    TenantId,
    filter::{FieldPath, Filter, Scalar},
    ports::{Kind, NewRow, Position, Query, Records, Row, Sort, Write},
};
use serde_json::{Value, json};
use std::{cmp::Ordering, time::Duration};

/// A position as a key that sorts: no value, `false`, `true`, numbers, text by bytes; then the id by bytes.
pub fn sort_key(position: &Position) -> impl Ord + use<> {
    Key(position.value.clone(), position.id.clone())
}

#[derive(Debug, PartialEq)]
struct Key(Option<Scalar>, String);

impl Eq for Key {}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        let rank = |value: &Option<Scalar>| match value {
            None => 0,
            Some(Scalar::Bool(_)) => 1,
            Some(Scalar::Number(_)) => 2,
            Some(Scalar::Text(_)) => 3,
        };
        let values = match (&self.0, &other.0) {
            (Some(Scalar::Bool(a)), Some(Scalar::Bool(b))) => a.cmp(b),
            (Some(Scalar::Number(a)), Some(Scalar::Number(b))) => a.partial_cmp(b).unwrap_or(Ordering::Equal),
            (Some(Scalar::Text(a)), Some(Scalar::Text(b))) => a.cmp(b),
            (a, b) => rank(a).cmp(&rank(b)),
        };
        values.then_with(|| self.1.cmp(&other.1))
    }
}

fn all() -> Query {
    Query {
        kind: Kind::Message,
        parent: None,
        owner: None,
        filter: None,
        sort: Sort { field: None, descending: false },
        after: None,
        limit: 1_000,
    }
}

fn field(name: &str) -> FieldPath {
    FieldPath::parse(name).unwrap()
}

fn documents() -> Vec<NewRow> {
    let bodies = [
        json!({}),
        json!({"n": null}),
        json!({"n": []}),
        json!({"n": {"n": 1}}),
        json!({"n": false}),
        json!({"n": true}),
        json!({"n": -1.5}),
        json!({"n": 0}),
        json!({"n": 1}),
        json!({"n": 1.0}),
        json!({"n": 9}),
        json!({"n": 10}),
        json!({"n": 9_007_199_254_740_993_i64}),
        json!({"n": u64::MAX}),
        json!({"n": 1e300}),
        json!({"n": ""}),
        json!({"n": "1"}),
        json!({"n": "10"}),
        json!({"n": "9"}),
        json!({"n": "B"}),
        json!({"n": "a"}),
        json!({"n": "é"}),
        json!({"n": "日本"}),
        json!({"n": "🦀"}),
        json!({"n": "true"}),
        json!({"n": "null"}),
        json!({"at": {"city": "Kyoto"}, "n": 5}),
        json!({"at": "Kyoto", "n": 5}),
        json!({"at": ["Kyoto"], "n": 5}),
    ];
    let row = |(i, body): (usize, &Value)| NewRow {
        parent: format!("p{}", i % 3),
        owner: format!("o{}", i % 2),
        ..new_row(Kind::Message, &format!("m{i:03}"), body.clone())
    };
    bodies.iter().enumerate().map(row).collect()
}

fn filters() -> Vec<Filter> {
    let scalars = [
        json!(true),
        json!(false),
        json!(0),
        json!(1),
        json!(9.5),
        json!(-1.5),
        json!("1"),
        json!("a"),
        json!("日本"),
        json!(9_007_199_254_740_992_i64),
        json!("true"),
        json!(""),
    ];
    let mut trees = vec![
        json!({"and": []}),
        json!({"or": []}),
        json!({"not": {"or": []}}),
        json!({"field": "at.city", "value": "Kyoto"}),
        json!({"not": {"field": "at.city", "value": "Kyoto"}}),
        json!({"field": "n.n", "op": "le", "value": 1}),
        json!({"field": "n", "in": []}),
        json!({"field": "n", "in": [1, "1", true]}),
        json!({"not": {"field": "n", "in": [1, "1", true]}}),
        json!({"and": [{"field": "n", "op": "gt", "value": 0}, {"not": {"field": "n", "value": 9}}]}),
        json!({"or": [{"field": "n", "value": "a"}, {"and": [{"field": "n", "op": "ge", "value": 9},
            {"field": "n", "op": "lt", "value": 11}]}]}),
    ];
    for value in scalars {
        for op in ["eq", "ne", "lt", "le", "gt", "ge"] {
            trees.push(json!({"field": "n", "op": op, "value": value}));
            trees.push(json!({"not": {"field": "n", "op": op, "value": value}}));
        }
    }
    trees.into_iter().map(|tree| serde_json::from_value(tree).unwrap()).collect()
}

fn ids(rows: &[Row]) -> Vec<&str> {
    rows.iter().map(|row| row.row.id.as_str()).collect()
}

/// What a query finds, in which order, and how pages join.
pub(super) async fn queries(store: &dyn Records, clock: &ManualClock, a: &TenantId, b: &TenantId) {
    let written = documents();
    for tenant in [a, b] {
        store.commit(tenant, vec![Write::Delete(Kind::Message, "kinds".into(), None)]).await.unwrap();
        store.commit(tenant, written.iter().cloned().map(Write::Create).collect()).await.unwrap();
    }
    let expect = |keep: &dyn Fn(&NewRow) -> bool| -> Vec<String> {
        written.iter().filter(|row| keep(row)).map(|row| row.id.clone()).collect()
    };
    let found = store.query(a, &all()).await.unwrap();
    assert_eq!(found.iter().map(|row| row.row.clone()).collect::<Vec<_>>(), written, "by id, and as written");
    assert!(found.iter().all(|row| row.tenant == a.as_str() && !row.etag.0.is_empty()));

    let parent = Query { parent: Some("p1".into()), ..all() };
    assert_eq!(ids(&store.query(a, &parent).await.unwrap()), expect(&|row| row.parent == "p1"), "by parent");
    let owner = Query { owner: Some("o1".into()), ..all() };
    assert_eq!(ids(&store.query(a, &owner).await.unwrap()), expect(&|row| row.owner == "o1"), "by owner");
    let both = Query { owner: Some("o1".into()), ..parent };
    assert_eq!(
        ids(&store.query(a, &both).await.unwrap()),
        expect(&|row| row.parent == "p1" && row.owner == "o1")
    );
    for absent in ["", "p", "P1", "p1 ", "%"] {
        let nothing = Query { parent: Some(absent.into()), ..all() };
        assert_eq!(store.query(a, &nothing).await.unwrap(), [], "a parent is compared exactly");
    }
    for filter in filters() {
        let passes = |row: &NewRow| filter.passes(&serde_json::from_str(&row.body).unwrap());
        let filtered = Query { filter: Some(filter.clone()), ..all() };
        assert_eq!(ids(&store.query(a, &filtered).await.unwrap()), expect(&passes), "{filter:?}");
        let mine = Query { owner: Some("o0".into()), ..filtered };
        assert_eq!(
            ids(&store.query(a, &mine).await.unwrap()),
            expect(&|row| row.owner == "o0" && passes(row)),
            "the owner stands outside the filter: {filter:?}"
        );
    }
    order(store, a, &written).await;
    pages(store, a, &written).await;
    moving(store, a).await;
    large(store, a).await;

    let ending =
        NewRow { expires_at: Some(clock.seconds() + 5), ..new_row(Kind::Message, "m000x", json!({})) };
    store.commit(a, vec![Write::Create(ending)]).await.unwrap();
    assert_eq!(store.query(a, &Query { limit: 2, ..all() }).await.unwrap()[1].row.id, "m000x");
    clock.advance(Duration::from_secs(5));
    let found = store.query(a, &Query { limit: 2, ..all() }).await.unwrap();
    assert_eq!(ids(&found), ["m000", "m001"], "an expired document takes no place on a page");
}

async fn order(store: &dyn Records, a: &TenantId, written: &[NewRow]) {
    for name in ["n", "at.city", "absent"] {
        for descending in [false, true] {
            let sort = Sort { field: Some(field(name)), descending };
            let found = store.query(a, &Query { sort: sort.clone(), ..all() }).await.unwrap();
            assert_eq!(found.len(), written.len());
            let keys: Vec<_> = found.iter().map(|row| sort_key(&row.position(&sort))).collect();
            let sorted = if descending { keys.iter().rev().is_sorted() } else { keys.iter().is_sorted() };
            assert!(sorted, "by {name}, descending {descending}: {:?}", ids(&found));
        }
    }
}

async fn pages(store: &dyn Records, a: &TenantId, written: &[NewRow]) {
    for name in [None, Some("n"), Some("at.city")] {
        for descending in [false, true] {
            for limit in [1, 4, 29, 1_000] {
                for owner in [None, Some("o1".to_owned())] {
                    let sort = Sort { field: name.map(field), descending };
                    let whole = Query { sort: sort.clone(), owner: owner.clone(), ..all() };
                    let expected = store.query(a, &whole).await.unwrap();
                    let mut query = Query { limit, ..whole };
                    let mut joined = Vec::new();
                    loop {
                        let page = store.query(a, &query).await.unwrap();
                        assert!(page.len() <= limit);
                        let Some(last) = page.last() else { break };
                        query.after = Some(last.position(&sort));
                        joined.extend(page);
                        assert!(joined.len() <= written.len(), "pages end");
                    }
                    assert_eq!(
                        ids(&joined),
                        ids(&expected),
                        "pages join: {name:?} {descending} {limit} {owner:?}"
                    );
                }
            }
        }
    }
}

/// An answer ends with the row that makes it long enough, and pages of such join.
async fn large(store: &dyn Records, a: &TenantId) {
    let text = "x".repeat(900_000);
    let put =
        |n: usize| Write::Create(new_row(Kind::Step, &format!("l{n}"), json!({"k": n / 8, "text": text})));
    for n in 0..9 {
        store.commit(a, vec![put(n)]).await.unwrap();
    }
    for name in [None, Some("k")] {
        let sort = Sort { field: name.map(field), descending: false };
        let mut query = Query { kind: Kind::Step, sort: sort.clone(), ..all() };
        let mut sizes = Vec::new();
        let mut seen = Vec::new();
        loop {
            let page = store.query(a, &query).await.unwrap();
            let Some(last) = page.last() else { break };
            query.after = Some(last.position(&sort));
            sizes.push(page.len());
            seen.extend(page.into_iter().map(|row| row.row.id));
        }
        assert_eq!(sizes, [5, 4], "{name:?}");
        assert_eq!(seen, (0..9).map(|n| format!("l{n}")).collect::<Vec<_>>());
    }
    let deletes = (0..9).map(|n| Write::Delete(Kind::Step, format!("l{n}"), None));
    store.commit(a, deletes.collect()).await.unwrap();
}

/// Pages neither repeat nor lose what was there throughout, while documents come and go, the last one of a page too.
async fn moving(store: &dyn Records, a: &TenantId) {
    for (name, descending) in [(None, false), (None, true), (Some("k"), false), (Some("k"), true)] {
        let sort = Sort { field: name.map(field), descending };
        let put = |i: usize| {
            let body = if i.is_multiple_of(5) { json!({}) } else { json!({"k": i % 4}) };
            Write::Create(new_row(Kind::Step, &format!("s{i:03}"), body))
        };
        store.commit(a, (0..40).map(|i| put(i * 10)).collect()).await.unwrap();
        let base = Query { kind: Kind::Step, sort: sort.clone(), limit: 7, ..all() };
        let mut query = base.clone();
        let (mut seen, mut extra, mut gone) = (Vec::new(), Vec::new(), Vec::new());
        loop {
            let page = store.query(a, &query).await.unwrap();
            let Some(last) = page.last() else { break };
            query.after = Some(last.position(&sort));
            seen.extend(ids(&page).into_iter().map(str::to_owned));
            assert!(seen.len() < 200, "pages end");
            let round = extra.len();
            extra.push(round);
            gone.push(last.row.id.clone());
            let delete = Write::Delete(Kind::Step, last.row.id.clone(), None);
            store.commit(a, vec![put(round * 10 + 3), delete]).await.unwrap();
        }
        for i in 0..40 {
            let id = format!("s{:03}", i * 10);
            assert_eq!(
                seen.iter().filter(|other| **other == id).count(),
                1,
                "{id} once: {name:?} {descending}"
            );
        }
        let rest = store.query(a, &Query { limit: 1_000, ..base }).await.unwrap();
        for chunk in rest.chunks(100) {
            let deletes = chunk.iter().map(|row| Write::Delete(Kind::Step, row.row.id.clone(), None));
            store.commit(a, deletes.collect()).await.unwrap();
        }
    }
}
