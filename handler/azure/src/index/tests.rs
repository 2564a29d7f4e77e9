mod law;

use super::*;
use law::{Case, cases, document, entry, schema};
use pool::{
    FieldType,
    conformance::NAUGHTY,
    filter::{Comparison, FieldPath, Filter, Scalar},
    ports::Visibility,
    testing::tenant,
};
use proptest::prelude::*;
use std::collections::{BTreeMap, HashSet};

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, max_shrink_iters: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn filters_mean_what_they_say_and_the_tenant_comes_first(case in cases()) {
        case.holds();
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
fn zero_has_one_sign() {
    let zero = Filter::eq(FieldPath::parse("year").unwrap(), Scalar::Number(-0.0));
    let odata = filter::render(&schema(), &tenant("tenant-a"), &Visibility::Tenant, Some(&zero)).unwrap();
    assert_eq!(odata, "tenantId eq 'tenant-a' and (n_year eq 0.0)");
    let stored = entry("s", None, [("year".to_owned(), Scalar::Number(-0.0))].into());
    assert_eq!(document(&tenant("tenant-a"), &stored)["n_year"].to_string(), "0.0");
}

#[test]
fn nothing_compares_with_what_is_no_number() {
    let field = FieldPath::parse("year").unwrap();
    let filter = Filter::Compare { field, op: Comparison::Ne, value: Scalar::Number(f64::NAN) };
    let fields = [("year".to_owned(), Scalar::Number(1.0))].into();
    Case { filter, fields, owner: None, user: None }.holds();
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
