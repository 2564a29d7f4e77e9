use super::*;
use doubles::search::{Expr, Literal, Op, parse};
use pool::{
    FieldType,
    conformance::NAUGHTY,
    filter::{Comparison, FieldPath, Filter, Scalar},
    ports::Visibility,
    testing::tenant,
};
use proptest::{prelude::*, sample::select};
use serde_json::Map;
use std::collections::{BTreeMap, HashSet};

const DECLARED: [(&str, FieldType); 5] = [
    ("year", FieldType::Number),
    ("year", FieldType::Text),
    ("team", FieldType::Text),
    ("open", FieldType::Bool),
    ("_rank", FieldType::Number),
];

fn schema() -> Schema {
    Schema::new(&IndexSettings {
        endpoint: "https://search.example/".parse().unwrap(),
        index: "documents".into(),
        dimensions: 2,
        fields: DECLARED.map(|(name, kind)| (name.to_owned(), kind)).to_vec(),
    })
    .unwrap()
}

fn entry(source: &str, owner: Option<String>, fields: BTreeMap<String, Scalar>) -> Entry {
    let key = EntryKey { source: source.into(), chunk: 0 };
    let [title, content, place] = ["t", "c", "p"].map(str::to_owned);
    Entry { key, owner, title, content, place, fields, vector: None }
}

fn document(tenant: &TenantId, entry: &Entry) -> Map<String, Value> {
    serde_json::from_str(document::upload(&schema(), tenant, entry).unwrap().json.get()).unwrap()
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

/// The first value of a filter that a document could have: equality by chance would hardly ever be seen.
fn fitting(filter: &Filter) -> BTreeMap<String, Scalar> {
    let found = match filter {
        Filter::And { and: parts } | Filter::Or { or: parts } => {
            return parts.iter().flat_map(fitting).collect();
        }
        Filter::Not { not } => return fitting(not),
        Filter::In { field, r#in: values } => values.first().map(|value| (field, value)),
        Filter::Compare { field, value, .. } => Some((field, value)),
    };
    let kind = |value: &Scalar| match value {
        Scalar::Text(_) => Some(FieldType::Text),
        Scalar::Number(number) => number.is_finite().then_some(FieldType::Number),
        Scalar::Bool(_) => Some(FieldType::Bool),
    };
    let found = found
        .filter(|(field, value)| kind(value).is_some_and(|kind| DECLARED.contains(&(field.as_str(), kind))));
    found.map(|(field, value)| (field.as_str().to_owned(), value.clone())).into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn filters_mean_what_they_say_and_the_tenant_comes_first(
        filter in filters(),
        random in fields(),
        owner in prop::option::of(texts()),
        user in prop::option::of(texts()),
        mine in any::<bool>(),
    ) {
        let [a, b] = ["tenant-a", "tenant-b"].map(tenant);
        let visibility = user.clone().map_or(Visibility::Tenant, Visibility::User);
        let odata = filter::render(&schema(), &a, &visibility, Some(&filter)).unwrap();
        let parsed = parse(&odata).map_err(|error| TestCaseError::fail(format!("{error}: {odata}")))?;
        let first = Expr::Compare("tenantId".into(), Op::Eq, Literal::Text("tenant-a".into()));
        let Expr::And(parts) = &parsed else { panic!("no conjunction: {odata}") };
        prop_assert_eq!(&parts[0], &first);
        prop_assert_eq!(parts.len(), if user.is_some() { 3 } else { 2 });

        let fitting: BTreeMap<_, _> = random.clone().into_iter().chain(fitting(&filter)).collect();
        for fields in [random, fitting] {
            let seen = match (&user, &owner) {
                (None, _) | (_, None) => true,
                (Some(user), Some(owner)) => user == owner,
            };
            let passes = filter.passes(&serde_json::to_value(&fields).unwrap());
            let owned = entry("s", owner.clone(), fields);
            let document = document(if mine { &a } else { &b }, &owned);
            prop_assert_eq!(parsed.passes(&document), mine && seen && passes, "{} on {:?}", odata, document);
        }
    }

    #[test]
    fn queries_hold_no_operator(text in any::<String>()) {
        let words = words::query(&text);
        prop_assert!(!words.contains(['+', '-', '|', '"', '(', ')', '*', '~', '\\', '\n']));
        prop_assert!(words.split(' ').all(|word| words.is_empty() || word.contains(char::is_alphanumeric)));
    }

    #[test]
    fn snippets_are_the_texts_own(text in "(\\PC|zebra | ){0,900}", query in any::<String>()) {
        let snippet = words::snippet(&text, &query);
        prop_assert!(text.contains(snippet) && snippet.chars().count() <= 280);
    }
}

#[test]
fn what_is_not_declared_is_refused() {
    let a = tenant("tenant-a");
    let filter = Filter::eq(FieldPath::parse("tenantId").unwrap(), Scalar::Text("tenant-b".into()));
    assert!(filter::render(&schema(), &a, &Visibility::Tenant, Some(&filter)).is_err());
    for (name, value) in [("salary", Scalar::Number(1.0)), ("team", Scalar::Number(1.0))] {
        let odd = entry("s", None, [(name.to_owned(), value)].into());
        assert!(document::upload(&schema(), &a, &odd).is_err(), "{name}");
    }
    let long = entry(&"x".repeat(800), None, BTreeMap::new());
    assert!(document::upload(&schema(), &a, &long).is_err());
}

#[test]
fn no_two_entries_have_one_key() {
    let names = ["a", "a=", "=a", "t", "", "a=0", "a=1", "0", "1", "=", "==", "tenant-a", "YQ", "YQ=YQ"];
    let mut seen = HashSet::new();
    let mut all = 0;
    for owner in ["tenant-a", "tenant-b", "tenant-a-b", "a-b"].map(tenant) {
        for source in names.iter().chain(&NAUGHTY).collect::<std::collections::BTreeSet<_>>() {
            for chunk in [0, 1, 10, 11, u32::MAX] {
                let name = EntryKey { source: (*source).to_string(), chunk };
                let key = document::delete(&owner, &name).unwrap().key;
                let fine = |b: u8| b.is_ascii_alphanumeric() || b"_-=".contains(&b);
                assert!(key.bytes().all(fine) && key.starts_with('t') && key.len() <= 1_024, "{key}");
                assert!(seen.insert(key), "{owner} {name:?}");
                all += 1;
            }
        }
    }
    assert_eq!(seen.len(), all);
}

#[test]
fn a_snippet_shows_the_words() {
    let filler = "Nothing of note happens here. ".repeat(40);
    let text = format!("{filler}A quokka alone. {filler}The quokka eats a walrus. {filler}");
    assert!(words::snippet(&text, "quokka WALRUS").contains("quokka eats a walrus"));
    let text =
        "交通費の精算について説明します。".repeat(40) + "有給休暇は二十日です。" + &"日本🇯🇵".repeat(200);
    assert!(words::snippet(&text, "有給休暇は何日ですか").contains("有給休暇は二十日"));
    assert!(text.starts_with(words::snippet(&text, "")));
}

#[test]
fn settings_are_checked() {
    let with = |index: &str, dimensions, field: &str| {
        Schema::new(&IndexSettings {
            endpoint: "https://search.example/".parse().unwrap(),
            index: index.into(),
            dimensions,
            fields: vec![(field.into(), FieldType::Text)],
        })
        .is_ok()
    };
    assert!(with("documents-2_b", 1_536, "team"));
    for (index, dimensions, field) in [
        ("Documents", 2, "a"),
        ("d", 2, "a"),
        ("a--b", 2, "a"),
        ("-ab", 2, "a"),
        ("a')", 2, "a"),
        ("documents", 1, "a"),
        ("documents", 4_097, "a"),
        ("documents", 2, "a b"),
        ("documents", 2, ""),
    ] {
        assert!(!with(index, dimensions, field), "{index} {dimensions} {field}");
    }
}
