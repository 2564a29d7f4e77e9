//! Any filter, as the query of each store: it means there what it says, and holds nothing of the client's but names.
#![no_main]

#[path = "filter/cosmos.rs"]
mod cosmos;
#[path = "filter/drawn.rs"]
mod drawn;
#[path = "filter/odata.rs"]
mod odata;
#[path = "filter/sqlite.rs"]
mod sqlite;

use drawn::Drawn;
use libfuzzer_sys::{
    arbitrary::{Arbitrary, Unstructured},
    fuzz_target,
};
use odata::law::Case;
use pool::{
    filter::{FieldPath, Filter, Scalar},
    ports::{Kind, Query, Sort},
    strict_json,
};
use serde_json::Value;

fuzz_target!(|input: (bool, bool, &[u8])| {
    let (said, descending, bytes) = input;
    let case = if said {
        said_by_a_client(bytes)
    } else {
        Drawn::arbitrary(&mut Unstructured::new(bytes)).ok().map(Case::from)
    };
    let Some(case) = case.filter(|case| case.filter.check("").is_ok()) else { return };
    let sent = serde_json::to_value(&case.filter).expect("JSON");
    assert_eq!(serde_json::from_value::<Filter>(sent).expect("a filter"), case.filter);
    odata::check(&case);
    sqlite::check(&case, descending);
    cosmos::check(&case);
});

/// A filter, and an entry's fields, as JSON.
fn said_by_a_client(bytes: &[u8]) -> Option<Case> {
    let mut said = strict_json::parse(bytes, 16).ok()?;
    let mut take = |name: &str| said.get_mut(name).map_or(Value::Null, Value::take);
    let filter: Filter = serde_json::from_value(take("filter")).ok()?;
    let name = |value: Value| value.as_str().map(str::to_owned);
    let (owner, user) = (name(take("owner")), name(take("user")));
    let fields = serde_json::from_value(take("fields")).unwrap_or_default();
    Some(Case { filter, fields, owner, user })
}

/// The records that a case's user is shown.
fn query(case: &Case, descending: bool) -> Query {
    let field = odata::law::compared(&case.filter).first().map(|(field, _)| (*field).clone());
    Query {
        kind: Kind::Record,
        parent: case.owner.clone(),
        owner: case.user.clone(),
        filter: Some(case.filter.clone()),
        sort: Sort { field, descending },
        after: None,
        limit: 9,
    }
}

/// The case with all that a client chose replaced, but for the types of its values.
fn neutral(case: &Case, name: &dyn Fn(&FieldPath) -> FieldPath) -> Case {
    let other = || Some("-".to_owned());
    let (owner, user) = (case.owner.as_ref().and_then(|_| other()), case.user.as_ref().and_then(|_| other()));
    Case { filter: plain(&case.filter, name), fields: Default::default(), owner, user }
}

fn plain(filter: &Filter, name: &dyn Fn(&FieldPath) -> FieldPath) -> Filter {
    let value = |value: &Scalar| match value {
        Scalar::Text(_) => Scalar::Text("-".into()),
        Scalar::Number(_) => Scalar::Number(1.0),
        Scalar::Bool(_) => Scalar::Bool(true),
    };
    let all = |parts: &[Filter]| parts.iter().map(|part| plain(part, name)).collect();
    match filter {
        Filter::And { and } => Filter::And { and: all(and) },
        Filter::Or { or } => Filter::Or { or: all(or) },
        Filter::Not { not } => Filter::Not { not: Box::new(plain(not, name)) },
        Filter::In { field, r#in } => {
            Filter::In { field: name(field), r#in: r#in.iter().map(value).collect() }
        }
        Filter::Compare { field, op, value: with } => {
            Filter::Compare { field: name(field), op: *op, value: value(with) }
        }
    }
}

/// What of a query stands in no parentheses.
fn outermost(query: &str) -> String {
    let (mut depth, mut text) = (0_usize, String::new());
    for letter in query.chars() {
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.checked_sub(1).expect("as many parentheses before as after"),
            letter if depth == 0 => text.push(letter),
            _ => {}
        }
    }
    assert_eq!(depth, 0, "{query}");
    text
}
