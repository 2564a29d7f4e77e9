//! What is wrong with the claims of a token that is well signed.

use super::*;

fn of(claims: &Value) -> String {
    token(&header(), claims)
}

fn text(member: &str) -> String {
    let all = claims().to_string();
    raw(&header().to_string(), &format!("{},{member}}}", all.strip_suffix('}').unwrap()))
}

#[test]
fn claims_that_are_missing_or_of_the_wrong_type_are_refused() {
    let mut cases = Vec::new();
    let claimed = [
        ("iss", "iss"),
        ("aud", "aud"),
        ("sub", "sub"),
        ("extension_tenantId", "tenant"),
        ("exp", "exp"),
        ("iat", "iat"),
    ];
    for (claim, check) in claimed {
        cases.push((format!("no {claim}"), of(&without(claims(), claim)), check));
        for value in
            [json!(null), json!(true), json!({}), json!([]), json!([[]]), json!(""), json!({"value": "x"})]
        {
            cases.push((format!("{claim} {value}"), of(&with(claims(), claim, value)), check));
        }
    }
    for claim in ["iss", "sub", "extension_tenantId"] {
        let check = if claim == "extension_tenantId" { "tenant" } else { claim };
        for value in [json!(1), json!([claims()[claim]])] {
            cases.push((format!("{claim} {value}"), of(&with(claims(), claim, value)), check));
        }
    }
    for issuer in [
        "https://issuer-a.example/",
        "https://ISSUER-A.example",
        "issuer-a.example",
        "https://issuer-a.example ",
        "common",
    ] {
        cases.push((format!("iss {issuer}"), of(&with(claims(), "iss", json!(issuer))), "iss"));
    }
    for audience in [
        json!("api://pool/"),
        json!("API://POOL"),
        json!("api://pool "),
        json!("api://pool,other"),
        json!(["other"]),
        json!(["api://pool", 1]),
        json!(["api://pool", null]),
        json!(["api://pool", ["x"]]),
        json!([["api://pool"]]),
        json!({"api://pool": 1}),
    ] {
        cases.push((format!("aud {audience}"), of(&with(claims(), "aud", audience)), "aud"));
    }
    cases.push(("a long sub".into(), of(&with(claims(), "sub", json!("x".repeat(256)))), "sub"));
    cases.push((
        "the tenant under another name".into(),
        of(&with(without(claims(), "extension_tenantId"), "tenantId", json!("contoso"))),
        "tenant",
    ));
    cases.push((
        "the tenant in another case".into(),
        of(&with(without(claims(), "extension_tenantId"), "extension_TenantId", json!("contoso"))),
        "tenant",
    ));
    for roles in [
        json!("admin"),
        json!({"admin": true}),
        json!(null),
        json!(1),
        json!(["user", 1]),
        json!([["admin"]]),
    ] {
        cases.push((format!("roles {roles}"), of(&with(claims(), "roles", roles)), "roles"));
    }
    all_refused(cases, &of(&claims()));
    assert!(check(&of(&with(claims(), "aud", json!(["other", "api://pool"])))).is_ok());
    assert!(check(&of(&with(claims(), "sub", json!("x".repeat(255))))).is_ok());
    assert!(check(&of(&with(claims(), "roles", json!([])))).is_ok());
}

#[test]
fn times_are_finite_numbers() {
    let mut cases = Vec::new();
    for claim in ["exp", "iat", "nbf"] {
        let values = [
            json!((NOW + 60).to_string()),
            json!("2026-06-01T12:00:00Z"),
            json!(-1),
            json!(-1e300),
            json!(1e11),
            json!(1e300),
            json!(u64::MAX),
            json!([NOW]),
            json!(null),
            json!({"$date": NOW}),
        ];
        for value in values {
            cases.push((format!("{claim} {value}"), of(&with(claims(), claim, value)), claim));
        }
    }
    for number in ["NaN", "Infinity", "-Infinity", "1e999", "0x6A1D", "017", "+1", "1.", ".5", "1_0"] {
        cases.push((format!("nbf {number}"), text(&format!(r#""nbf":{number}"#)), "json"));
    }
    all_refused(cases, &text(&format!(r#""nbf":{NOW}"#)));
    assert!(check(&of(&with(claims(), "exp", json!(NOW as f64 + 0.5)))).is_ok(), "a fraction is a number");
}

/// The leeway is 60 seconds at each edge, and a lifetime a day at most.
#[test]
fn the_edges_are_exact_to_the_second() {
    let at = |iat: i64, exp: i64, now: i64| {
        let claims = with(with(claims(), "iat", json!(iat)), "exp", json!(exp));
        rules().verify(&of(&claims), now).map(|claims| claims.refused_from).map_err(|refused| refused.0)
    };
    assert_eq!(at(NOW, NOW + 100, NOW + 159), Ok(NOW + 160));
    assert_eq!(at(NOW, NOW + 100, NOW + 160), Err("expired"));
    assert_eq!(at(NOW + 60, NOW + 100, NOW), Ok(NOW + 160));
    assert_eq!(at(NOW + 61, NOW + 100, NOW), Err("iat"));
    assert_eq!(at(NOW, NOW + 86_400, NOW), Ok(NOW + 86_460));
    assert_eq!(at(NOW, NOW + 86_401, NOW), Err("lifetime"));
    assert_eq!(at(NOW, NOW + 10 * 365 * 86_400, NOW), Err("lifetime"));
    let not_before = |nbf: i64| check(&of(&with(claims(), "nbf", json!(nbf)))).map(|_| ());
    assert_eq!(not_before(NOW + 60), Ok(()));
    assert_eq!(not_before(NOW + 61), Err("nbf"));
    let fraction = with(claims(), "exp", json!(NOW as f64 + 100.25));
    let known = rules().verify(&of(&fraction), NOW).unwrap();
    assert_eq!(known.refused_from, NOW + 161);
    assert!(rules().verify(&of(&fraction), known.refused_from - 1).is_ok());
    assert!(rules().verify(&of(&fraction), known.refused_from).is_err());
}
