//! Filters and orders as SQL mean exactly what they mean in Rust.

use crate::support::{all, open, row};
use pool::{
    conformance::sort_key,
    filter::{Comparison, FieldPath, Filter, Scalar},
    ports::{Query, Records, Sort, Write},
    testing::tenant,
};
use proptest::{prelude::*, test_runner::TestRunner};
use serde_json::{Value, json};

fn names() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["a", "b", "A", "_", "length", "type", "a1"])
}

fn strings() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "", "1", "true", "null", "a", "é", "日本", "a'b", "\"", "%", "$.a", "[0]", "🦀"
        ])
        .prop_map(str::to_owned),
        any::<String>(),
    ]
}

fn numbers() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<f64>().prop_filter("finite", |n| n.is_finite()).prop_map(|n| json!(n)),
        any::<i64>().prop_map(|n| json!(n)),
        any::<u64>().prop_map(|n| json!(n)),
        (-2_i64..3).prop_map(|n| json!(n)),
        (-2_i64..3).prop_map(|n| json!(n as f64)),
        prop::sample::select(vec![9_007_199_254_740_991_i64, 9_007_199_254_740_992, 9_007_199_254_740_993])
            .prop_map(|n| json!(n)),
    ]
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        numbers(),
        strings().prop_map(Value::String)
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::Array),
            prop::collection::vec((names(), inner), 0..4)
                .prop_map(|members| members.into_iter().map(|(k, v)| (k.to_owned(), v)).collect::<Value>()),
        ]
    })
}

fn bodies() -> impl Strategy<Value = Vec<Value>> {
    let members = prop::collection::vec((names(), values()), 0..5);
    let body =
        members.prop_map(|members| members.into_iter().map(|(k, v)| (k.to_owned(), v)).collect::<Value>());
    prop::collection::vec(body, 1..12)
}

fn fields() -> impl Strategy<Value = FieldPath> {
    prop::collection::vec(names(), 1..3).prop_map(|names| FieldPath::parse(&names.join(".")).unwrap())
}

fn scalars() -> impl Strategy<Value = Scalar> {
    prop_oneof![
        any::<bool>().prop_map(Scalar::Bool),
        numbers().prop_map(|n| Scalar::Number(n.as_f64().unwrap())),
        prop::sample::select(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0]).prop_map(Scalar::Number),
        strings().prop_map(Scalar::Text),
    ]
}

fn filters() -> impl Strategy<Value = Filter> {
    use Comparison::{Eq, Ge, Gt, Le, Lt, Ne};
    let leaf = prop_oneof![
        4 => (fields(), prop::sample::select(vec![Eq, Ne, Lt, Le, Gt, Ge]), scalars())
            .prop_map(|(field, op, value)| Filter::Compare { field, op, value }),
        1 => (fields(), prop::collection::vec(scalars(), 0..4)).prop_map(|(field, r#in)| Filter::In { field, r#in }),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(|and| Filter::And { and }),
            prop::collection::vec(inner.clone(), 0..3).prop_map(|or| Filter::Or { or }),
            inner.prop_map(|not| Filter::Not { not: Box::new(not) }),
        ]
    })
}

#[test]
fn sql_means_what_rust_means() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let root = tempfile::tempdir().unwrap();
    let local = runtime.block_on(async { open(root.path()) });
    let case = std::cell::Cell::new(0);
    // The same documents for several filters: writing is the slow part. The bodies' own values make hits likely.
    let mut runner = TestRunner::new(ProptestConfig { cases: 120, ..ProptestConfig::default() });
    let cases = (bodies(), prop::collection::vec(filters(), 20), fields(), any::<bool>());
    let outcome = runner.run(&cases, |(bodies, mut filters, by, descending)| {
        case.set(case.get() + 1);
        let who = tenant(&format!("case-{}", case.get()));
        for body in &bodies {
            for (name, value) in body.as_object().unwrap() {
                if let Ok(value) = serde_json::from_value::<Scalar>(value.clone()) {
                    let field = FieldPath::parse(name).unwrap();
                    for op in [Comparison::Eq, Comparison::Le, Comparison::Gt, Comparison::Ne] {
                        filters.push(Filter::Compare { field: field.clone(), op, value: value.clone() });
                    }
                }
            }
        }
        let rows: Vec<_> =
            bodies.iter().enumerate().map(|(i, b)| row(&format!("r{i:02}"), &b.to_string())).collect();
        runtime.block_on(async {
            local.records.commit(&who, rows.iter().cloned().map(Write::Create).collect()).await.unwrap();
            for filter in &filters {
                let found = local
                    .records
                    .query(&who, &Query { filter: Some(filter.clone()), ..all() })
                    .await
                    .unwrap();
                let found: Vec<_> = found.into_iter().map(|found| found.row.id).collect();
                let passes = |body: &str| filter.passes(&serde_json::from_str(body).unwrap());
                let expected: Vec<_> =
                    rows.iter().filter(|row| passes(&row.body)).map(|row| row.id.clone()).collect();
                prop_assert_eq!(&found, &expected, "{:?} over {:?}", filter, bodies);
            }
            let sort = Sort { field: Some(by.clone()), descending };
            let whole = local.records.query(&who, &Query { sort: sort.clone(), ..all() }).await.unwrap();
            let keys: Vec<_> = whole.iter().map(|row| sort_key(&row.position(&sort))).collect();
            prop_assert!(
                if descending { keys.iter().rev().is_sorted() } else { keys.is_sorted() },
                "{:?} {:?}",
                sort,
                bodies
            );
            let mut paged = Vec::new();
            let mut query = Query { sort: sort.clone(), limit: 3, ..all() };
            loop {
                let page = local.records.query(&who, &query).await.unwrap();
                let Some(last) = page.last() else { break };
                query.after = Some(last.position(&sort));
                paged.extend(page);
                prop_assert!(paged.len() <= rows.len());
            }
            prop_assert_eq!(paged, whole);
            local.offboard(who.as_str()).await.unwrap();
            Ok(())
        })
    });
    outcome.unwrap();
}

/// Filters compare what SQLite reads of a body with what Rust reads of a request.
#[test]
fn sqlite_and_rust_read_numbers_alike() {
    let chance = pool::conformance::memory::SeededEntropy::new(11);
    let db = rusqlite::Connection::open_in_memory().unwrap();
    let mut read = db.prepare("SELECT CAST(json_extract(?1, '$.a') AS REAL)").unwrap();
    let numbers = std::iter::repeat_with(|| match chance.below(3) {
        0 => json!(f64::from_bits(chance.next())),
        1 => json!(chance.next()),
        _ => json!((chance.next() as i64) as f64 / 1e9),
    });
    for number in numbers.filter(Value::is_number).take(100_000) {
        let body = json!({ "a": number }).to_string();
        let found: f64 = read.query_row([&body], |row| row.get(0)).unwrap();
        let expected = serde_json::from_str::<Value>(&body).unwrap()["a"].as_f64().unwrap();
        assert_eq!(found, expected, "{body}");
    }
}
