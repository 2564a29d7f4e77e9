//! What is wrong with the claims of a token that is well signed.

use super::*;

fn of(claims: &Value) -> String {
    token(&header(), claims)
}

fn text(now: i64, member: &str) -> String {
    let all = claims(now).to_string();
    raw(&header().to_string(), &format!("{},{member}}}", all.strip_suffix('}').unwrap()))
}

pub(super) fn types(now: i64) -> Cases {
    let mut cases = Cases::new();
    let claimed = [
        ("iss", "iss"),
        ("aud", "aud"),
        ("sub", "sub"),
        ("extension_tenantId", "tenant"),
        ("exp", "exp"),
        ("iat", "iat"),
    ];
    for (claim, check) in claimed {
        cases.push((format!("no {claim}"), of(&without(claims(now), claim)), check));
        for value in
            [json!(null), json!(true), json!({}), json!([]), json!([[]]), json!(""), json!({"value": "x"})]
        {
            cases.push((format!("{claim} {value}"), of(&with(claims(now), claim, value)), check));
        }
    }
    for claim in ["iss", "sub", "extension_tenantId"] {
        let check = if claim == "extension_tenantId" { "tenant" } else { claim };
        for value in [json!(1), json!([claims(now)[claim]])] {
            cases.push((format!("{claim} {value}"), of(&with(claims(now), claim, value)), check));
        }
    }
    for issuer in [
        "https://issuer-a.example/",
        "https://ISSUER-A.example",
        "issuer-a.example",
        "https://issuer-a.example ",
        "common",
    ] {
        cases.push((format!("iss {issuer}"), of(&with(claims(now), "iss", json!(issuer))), "iss"));
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
        cases.push((format!("aud {audience}"), of(&with(claims(now), "aud", audience)), "aud"));
    }
    cases.push(("a long sub".into(), of(&with(claims(now), "sub", json!("x".repeat(256)))), "sub"));
    cases.push((
        "the tenant under another name".into(),
        of(&with(without(claims(now), "extension_tenantId"), "tenantId", json!("contoso"))),
        "tenant",
    ));
    cases.push((
        "the tenant in another case".into(),
        of(&with(without(claims(now), "extension_tenantId"), "extension_TenantId", json!("contoso"))),
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
        cases.push((format!("roles {roles}"), of(&with(claims(now), "roles", roles)), "roles"));
    }
    for (claim, value) in [
        ("aud", json!(["other", "api://pool"])),
        ("sub", json!("x".repeat(255))),
        ("roles", json!([])),
        ("scp", json!("a b")),
        ("scp", json!(["a", "b"])),
    ] {
        let name = format!("a good {claim}, {}", value.to_string().len());
        cases.push((name, of(&with(claims(now), claim, value)), GOOD));
    }
    for scopes in [json!(1), json!(null), json!({"a": 1}), json!(["a", 1]), json!([["a"]])] {
        cases.push((format!("scp {scopes}"), of(&with(claims(now), "scp", scopes)), "scp"));
    }
    cases.push((
        "our audience and the operators'".into(),
        of(&with(claims(now), "aud", json!(["api://pool", "api://platform"]))),
        "aud",
    ));
    cases.push((
        "an operator's token".into(),
        of(&with(with(claims(now), "aud", json!("api://platform")), "roles", json!(["platform"]))),
        "aud",
    ));
    cases
}

pub(super) fn numbers(now: i64) -> Cases {
    let mut cases = Cases::new();
    for claim in ["exp", "iat", "nbf"] {
        let values = [
            json!((now + 60).to_string()),
            json!("2026-06-01T12:00:00Z"),
            json!(-1),
            json!(-1e300),
            json!(1e11),
            json!(1e300),
            json!(u64::MAX),
            json!([now]),
            json!({"$date": now}),
        ];
        for value in values {
            cases.push((format!("{claim} {value}"), of(&with(claims(now), claim, value)), claim));
        }
    }
    cases.push(("nbf null".into(), of(&with(claims(now), "nbf", json!(null))), "nbf"));
    for number in ["NaN", "Infinity", "-Infinity", "1e999", "0x6A1D", "017", "+1", "1.", ".5", "1_0"] {
        cases.push((format!("nbf {number}"), text(now, &format!(r#""nbf":{number}"#)), "json"));
    }
    cases.push(("a good nbf".into(), text(now, &format!(r#""nbf":{now}"#)), GOOD));
    cases.push((
        "a fraction is a number".into(),
        of(&with(claims(now), "exp", json!(now as f64 + 0.5))),
        GOOD,
    ));
    cases
}

/// The leeway is 60 seconds at each edge, and a lifetime a day at most.
pub(super) fn edges(now: i64) -> Cases {
    let day = 86_400;
    let lives =
        |iat: i64, exp: i64| with(with(claims(now), "iat", json!(now + iat)), "exp", json!(now + exp));
    let mut cases = Cases::new();
    for (iat, exp, verdict) in [
        (-100, -59, GOOD),
        (-100, -60, "expired"),
        (-day, -61, "expired"),
        (60, 100, GOOD),
        (61, 100, "iat"),
        (day, day + 100, "iat"),
        (0, day, GOOD),
        (0, day + 1, "lifetime"),
        (0, 3_650 * day, "lifetime"),
        (-3_650 * day, 100, "lifetime"),
    ] {
        cases.push((format!("from {iat} to {exp}"), of(&lives(iat, exp)), verdict));
    }
    for (nbf, verdict) in [(60, GOOD), (61, "nbf"), (3_600, "nbf"), (-3_600, GOOD)] {
        cases.push((format!("not before {nbf}"), of(&with(claims(now), "nbf", json!(now + nbf))), verdict));
    }
    for (end, verdict) in [(-59.25, GOOD), (-59.75, GOOD), (-60.25, "expired")] {
        let ends = with(with(claims(now), "iat", json!(now - 100)), "exp", json!(now as f64 + end));
        cases.push((format!("a fraction, {end}"), of(&ends), verdict));
    }
    cases
}
