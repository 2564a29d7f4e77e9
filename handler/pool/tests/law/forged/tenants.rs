//! Good tokens that name a tenant which is none.

use super::{mutations::Dice, run::Bench, *};
use std::collections::BTreeSet;
use support::proof;

/// A token of issuer A for this tenant.
pub(super) fn of(now: i64, tenant: &str) -> String {
    token(&header(), &with(claims(now), "extension_tenantId", json!(tenant)))
}

pub(super) fn names(now: i64) -> Cases {
    let long = "contoso".repeat(100);
    let names = [
        "ghost",
        "Contoso",
        "CONTOSO",
        "contosO",
        " contoso",
        "contoso ",
        "contoso\0",
        "\0contoso",
        "contoso\n",
        "contoso\r\n",
        "contoso\t",
        "contoso\u{a0}",
        "contoso\u{200b}",
        "\u{feff}contoso",
        "contoso\u{301}",
        "contosо",
        "сontoso",
        "ｃｏｎｔｏｓｏ",
        "ⅽontoso",
        "contoso\u{202e}",
        "contos",
        "ontoso",
        "contosoo",
        "contoso1",
        "contoso-",
        "-contoso",
        "contoso--",
        "contoso--fabrikam",
        "contoso-fabrikam",
        "contoso_",
        "contoso.",
        "contoso,fabrikam",
        "contoso;fabrikam",
        "contoso fabrikam",
        "contoso/fabrikam",
        "contoso/",
        "/contoso",
        "./contoso",
        "../contoso",
        "..",
        ".",
        "/",
        "\\",
        "contoso%00",
        "contoso%20",
        "%63ontoso",
        "contoso'",
        "contoso' or '1'='1",
        "contoso\" or \"\"=\"",
        "contoso'; DROP TABLE tenants; --",
        "' or tenantId ne '",
        "contoso) or (true",
        "*",
        "%",
        "_",
        "?",
        "$root",
        "{tenant}",
        "${tenant}",
        "null",
        "undefined",
        "true",
        "0",
        "[]",
        "{}",
        "[\"contoso\"]",
        "contoso#",
        "contoso?x",
        "@contoso",
        "contoso@fabrikam",
        "con\u{ad}toso",
        "ab",
        "_none",
        "_probe",
        &long,
    ];
    let mut cases: Cases =
        names.iter().map(|name| (format!("tenant {name:?}"), of(now, name), "unknown_tenant")).collect();
    cases.push(("tenant contoso".into(), of(now, "contoso"), GOOD));
    cases.push((
        "issuer B, that speaks for fabrikam alone, names contoso".into(),
        by_b(now, "contoso"),
        "issuer_tenant",
    ));
    cases.push(("issuer B names nobody".into(), by_b(now, "ghost"), "issuer_tenant"));
    cases
}

/// A token of issuer B, which names the tenant by another claim.
fn by_b(now: i64, tenant: &str) -> String {
    let claims = with(with(claims(now), "iss", json!("https://issuer-b.example")), "tid", json!(tenant));
    let message = message(&with(header(), "kid", json!("b")).to_string(), &claims.to_string());
    format!("{message}.{}", sign(&KEY_B, &message))
}

/// TM-04: strings that break things, and strings that look like a tenant's name.
#[tokio::test]
async fn no_naughty_or_look_alike_name_is_a_tenant() {
    let Some(naughty) = proof::testdata("blns/blns.json") else { return };
    let alike = proof::testdata("unicode/confusables.json").unwrap();
    let dice = Dice::new(proof::seed());
    let naughty = naughty.as_array().unwrap().iter().filter_map(Value::as_str).map(str::to_owned);
    let mut names: BTreeSet<String> = naughty.filter(|name| !name.is_empty()).collect();
    let strings = names.len();
    for tenant in ["contoso", "fabrikam"] {
        while names.len() < strings + if tenant == "contoso" { 1_000 } else { 2_000 } {
            names.insert(look_alike(tenant, &alike, &dice));
        }
    }
    let (now, mut opened) = (1_780_315_200, 0);
    let bench = Bench::at(now).await;
    for name in &names {
        let token = of(now, name);
        let verdict = bench.verdict(&token).await;
        let expected = if token.len() > MAX_TOKEN { "token_too_long" } else { "unknown_tenant" };
        opened += usize::from(verdict != expected);
    }
    println!("{} names that are no tenant's, {opened} opened one (seed {})", names.len(), proof::seed());
    assert_eq!(opened, 0);
}

/// The name with at least one letter that looks like it and is another.
fn look_alike(name: &str, alike: &Value, dice: &Dice) -> String {
    let spell = |letter: char| {
        let others = alike[letter.to_string()].as_array().filter(|_| dice.below(2) == 0);
        let other = others.and_then(|all| all[dice.below(all.len())]["c"].as_str());
        other.map_or_else(|| letter.to_string(), str::to_owned)
    };
    loop {
        let spelt: String = name.chars().map(spell).collect();
        if spelt != name {
            return spelt;
        }
    }
}
