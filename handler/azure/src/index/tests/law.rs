//! What a filter's rendering must mean, by chance. The fuzzers share it.

use super::super::{
    document::upload,
    filter::render,
    schema::{IndexSettings, Schema},
};
use doubles::search::{Expr, Literal, Op, parse};
use pool::{
    FieldType, TenantId,
    conformance::NAUGHTY,
    filter::{Comparison, FieldPath, Filter, Scalar},
    ports::{Entry, EntryKey, Visibility},
    testing::tenant,
};
use proptest::{prelude::*, sample::select};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

const DECLARED: [(&str, FieldType); 5] = [
    ("year", FieldType::Number),
    ("year", FieldType::Text),
    ("team", FieldType::Text),
    ("open", FieldType::Bool),
    ("_rank", FieldType::Number),
];

pub(super) fn schema() -> Schema {
    Schema::new(&IndexSettings {
        endpoint: "https://search.example/".parse().unwrap(),
        index: "documents".into(),
        dimensions: 2,
        fields: DECLARED.map(|(name, kind)| (name.to_owned(), kind)).to_vec(),
    })
    .unwrap()
}

pub fn entry(source: &str, owner: Option<String>, fields: BTreeMap<String, Scalar>) -> Entry {
    let key = EntryKey { source: source.into(), chunk: 0 };
    let [title, content, place] = ["t", "c", "p"].map(str::to_owned);
    Entry { key, owner, title, content, place, fields, vector: None }
}

pub fn document(tenant: &TenantId, entry: &Entry) -> Map<String, Value> {
    serde_json::from_str(upload(&schema(), tenant, entry).unwrap().json.get()).unwrap()
}

/// A filter, an entry's fields and owner, and the user who searches; without one, the whole tenant is searched.
#[derive(Clone, Debug)]
pub struct Case {
    pub filter: Filter,
    pub fields: BTreeMap<String, Scalar>,
    pub owner: Option<String>,
    pub user: Option<String>,
}

impl Case {
    /// The tenant's equality is the first and outermost term, and all of it passes exactly what the filter means.
    pub fn holds(&self) {
        let [a, b] = ["tenant-a", "tenant-b"].map(tenant);
        let visibility = self.user.clone().map_or(Visibility::Tenant, Visibility::User);
        let odata = render(&schema(), &a, &visibility, Some(&self.filter));
        if !compared(&self.filter).iter().all(|(field, _)| schema().declares(field.as_str())) {
            return assert!(odata.is_err(), "it names a column that nobody declared: {odata:?}");
        }
        let odata = odata.unwrap();
        let parsed = parse(&odata).unwrap_or_else(|error| panic!("{error}: {odata}"));
        let first = Expr::Compare("tenantId".into(), Op::Eq, Literal::Text("tenant-a".into()));
        let Expr::And(parts) = &parsed else { panic!("no conjunction: {odata}") };
        assert_eq!(&parts[0], &first);
        assert_eq!(parts.len(), if self.user.is_some() { 3 } else { 2 });

        let seen = self.user.is_none() || self.owner.is_none() || self.user == self.owner;
        for fields in [self.fields.clone(), self.fitting()] {
            let passes = seen && self.filter.passes(&serde_json::to_value(&fields).unwrap());
            let owned = entry("s", self.owner.clone(), fields);
            for (whose, passes) in [(&a, passes), (&b, false)] {
                let document = document(whose, &owned);
                assert_eq!(parsed.passes(&document), passes, "{odata} on {document:?}");
            }
        }
    }

    /// The fields, and values of the filter's: equality by chance would hardly ever be seen.
    pub fn fitting(&self) -> BTreeMap<String, Scalar> {
        let named = compared(&self.filter).into_iter().rev();
        let named = named.filter(|(field, value)| fits(field.as_str(), value));
        let named = named.map(|(field, value)| (field.as_str().to_owned(), value.clone()));
        self.fields.clone().into_iter().chain(named).collect()
    }
}

pub fn cases() -> impl Strategy<Value = Case> {
    let name = || prop::option::of(texts());
    (filters(), fields(), name(), name()).prop_map(|(filter, fields, owner, user)| Case {
        filter,
        fields,
        owner,
        user,
    })
}

fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        select(&NAUGHTY[..]).prop_map(str::to_owned),
        select(vec!["x') or (tenantId ne '", "' or true or '", "a') or (true", "a", "b", "'", "''"])
            .prop_map(str::to_owned),
        any::<String>(),
    ]
}

fn numbers() -> impl Strategy<Value = f64> {
    select(vec![
        0.0,
        -0.0,
        1.0,
        -1.0,
        2023.5,
        2024.0,
        1e300,
        -1e-7,
        1e16,
        9007199254740993.0,
        f64::MIN_POSITIVE,
    ])
}

fn scalars() -> impl Strategy<Value = Scalar> {
    let odd = select(vec![f64::INFINITY, f64::NEG_INFINITY, f64::NAN]);
    prop_oneof![
        4 => texts().prop_map(Scalar::Text),
        4 => numbers().prop_map(Scalar::Number),
        1 => odd.prop_map(Scalar::Number),
        3 => any::<bool>().prop_map(Scalar::Bool),
    ]
}

fn filters() -> impl Strategy<Value = Filter> {
    let field =
        || select(vec!["year", "team", "open", "_rank"]).prop_map(|name| FieldPath::parse(name).unwrap());
    let op = select(vec![
        Comparison::Eq,
        Comparison::Ne,
        Comparison::Lt,
        Comparison::Le,
        Comparison::Gt,
        Comparison::Ge,
    ]);
    let compare =
        (field(), op, scalars()).prop_map(|(field, op, value)| Filter::Compare { field, op, value });
    let within = (field(), prop::collection::vec(scalars(), 0..4))
        .prop_map(|(field, values)| Filter::In { field, r#in: values });
    prop_oneof![3 => compare, 1 => within].prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|and| Filter::And { and }),
            prop::collection::vec(inner.clone(), 0..4).prop_map(|or| Filter::Or { or }),
            inner.prop_map(|not| Filter::Not { not: Box::new(not) }),
        ]
    })
}

fn fields() -> impl Strategy<Value = BTreeMap<String, Scalar>> {
    let of = |kind| match kind {
        FieldType::Text => texts().prop_map(Scalar::Text).boxed(),
        FieldType::Number => numbers().prop_map(Scalar::Number).boxed(),
        FieldType::Bool => any::<bool>().prop_map(Scalar::Bool).boxed(),
    };
    let one = select(&DECLARED[..]).prop_flat_map(move |(name, kind)| (Just(name.to_owned()), of(kind)));
    prop::collection::vec(one, 0..5).prop_map(|fields| fields.into_iter().collect())
}

/// The fields that a filter names, each with a value that it is compared with.
pub fn compared(filter: &Filter) -> Vec<(&FieldPath, &Scalar)> {
    match filter {
        Filter::And { and: parts } | Filter::Or { or: parts } => parts.iter().flat_map(compared).collect(),
        Filter::Not { not } => compared(not),
        Filter::In { field, r#in: values } => values.iter().map(|value| (field, value)).collect(),
        Filter::Compare { field, value, .. } => vec![(field, value)],
    }
}

/// Whether an entry can have the value in the field.
pub fn fits(field: &str, value: &Scalar) -> bool {
    let kind = match value {
        Scalar::Text(_) => FieldType::Text,
        Scalar::Number(number) if !number.is_finite() => return false,
        Scalar::Number(_) => FieldType::Number,
        Scalar::Bool(_) => FieldType::Bool,
    };
    DECLARED.contains(&(field, kind))
}
