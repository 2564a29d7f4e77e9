//! What is wrong with a header, or with the key.

use super::*;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

pub(super) fn algorithms(now: i64) -> Cases {
    let mut cases = Cases::new();
    let algorithms = [
        "none", "None", "NONE", "nOnE", "none ", "", "HS256", "HS384", "HS512", "RS384", "RS512", "PS256",
        "PS384", "ES256", "ES256K", "EdDSA", "rs256", "RS256 ", "RS256\0", "RSA-OAEP", "dir",
    ];
    for alg in algorithms {
        let header = with(header(), "alg", json!(alg));
        cases.push((format!("alg {alg:?}, well signed"), token(&header, &claims(now)), "alg"));
        let unsigned = format!("{}.", message(&header.to_string(), &claims(now).to_string()));
        cases.push((format!("alg {alg:?}, unsigned"), unsigned, "segments"));
    }
    cases.push(("no alg".into(), token(&without(header(), "alg"), &claims(now)), "alg"));
    for alg in [json!(null), json!(["RS256"]), json!({"RS256": 1}), json!(256), json!(true)] {
        cases.push((format!("alg {alg}"), token(&with(header(), "alg", alg), &claims(now)), "header_member"));
    }
    cases
}

pub(super) fn public_keys_as_secrets(now: i64) -> Cases {
    let public = jwk(JWK_A);
    let der: String = KEY_A_PUBLIC.lines().filter(|line| !line.starts_with('-')).collect();
    let secrets: Vec<Vec<u8>> = vec![
        KEY_A_PUBLIC.into(),
        KEY_A_PUBLIC.trim_end().into(),
        KEY_A_PUBLIC.replace('\n', "").into(),
        KEY_A_PUBLIC.replace('\n', "\r\n").into(),
        der.clone().into(),
        base64::engine::general_purpose::STANDARD.decode(&der).unwrap(),
        BASE64.decode(public["n"].as_str().unwrap()).unwrap(),
        public["n"].as_str().unwrap().into(),
        public.to_string().into(),
        JWK_A.into(),
        JWK_A.trim_end().into(),
        json!({"keys": [public]}).to_string().into(),
        b"a".to_vec(),
        Vec::new(),
    ];
    let mut cases = Cases::new();
    for (n, secret) in secrets.iter().enumerate() {
        for (alg, expected) in [("HS256", "alg"), ("RS256", "signature")] {
            let header = with(header(), "alg", json!(alg));
            let message = message(&header.to_string(), &claims(now).to_string());
            let mut mac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
            mac.update(message.as_bytes());
            let forged = format!("{message}.{}", BASE64.encode(mac.finalize().into_bytes()));
            cases.push((format!("HMAC with encoding {n} of the public key as {alg}"), forged, expected));
        }
    }
    cases
}

pub(super) fn header_members(now: i64) -> Cases {
    let mut cases = Cases::new();
    let members = [
        ("jwk", jwk(JWK_B)),
        ("jku", json!("https://evil.example/keys")),
        ("x5u", json!("https://evil.example/cert")),
        ("x5c", json!(["MIIB"])),
        ("crit", json!(["exp"])),
        ("b64", json!(false)),
        ("zip", json!("DEF")),
        ("enc", json!("A256GCM")),
        ("epk", json!({})),
        ("cty", json!("JWT")),
        ("iss", json!("https://issuer-b.example")),
        ("KID", json!("a")),
        ("", json!("")),
        ("x5t", json!(1)),
        ("nonce", json!(["n"])),
    ];
    for (name, value) in members {
        cases.push((
            format!("header {name}"),
            token(&with(header(), name, value), &claims(now)),
            "header_member",
        ));
    }
    for typ in ["jwt", "JWT ", "JWS", "JOSE", "at+JWT", "id_token", "application/at+jwt", "dpop+jwt", ""] {
        cases.push((format!("typ {typ:?}"), token(&with(header(), "typ", json!(typ)), &claims(now)), "typ"));
    }
    for (name, value) in [("typ", "at+jwt"), ("x5t", "abc"), ("x5t#S256", "abc"), ("nonce", "n")] {
        let good = token(&with(header(), name, json!(value)), &claims(now));
        cases.push((format!("header {name} {value}"), good, GOOD));
    }
    cases.push(("no typ".into(), token(&without(header(), "typ"), &claims(now)), GOOD));
    cases
}

pub(super) fn key_ids(now: i64) -> Cases {
    let mut cases = Cases::new();
    let kids = [
        "b",
        "A",
        "a ",
        " a",
        "a\0",
        "../../dev/null",
        "/dev/null",
        "a' OR '1'='1",
        "a' UNION SELECT 'k",
        "a;id",
        "https://evil.example/key",
        "a/../a",
        "%61",
        "short",
        "\u{430}",
    ];
    for kid in kids {
        cases.push((
            format!("kid {kid:?}"),
            token(&with(header(), "kid", json!(kid)), &claims(now)),
            "unknown_kid",
        ));
    }
    cases.push(("no kid".into(), token(&without(header(), "kid"), &claims(now)), "kid"));
    cases.push(("an empty kid".into(), token(&with(header(), "kid", json!("")), &claims(now)), "kid"));
    for kid in [json!(null), json!(0), json!(["a"]), json!({"a": "a"})] {
        cases.push((format!("kid {kid}"), token(&with(header(), "kid", kid), &claims(now)), "header_member"));
    }
    cases
}

pub(super) fn keys_of_other_issuers(now: i64) -> Cases {
    let mut cases = Cases::new();
    for (issuer, kid, key) in [
        ("a", "a", "a"),
        ("a", "a", "b"),
        ("a", "b", "b"),
        ("a", "b", "a"),
        ("b", "b", "b"),
        ("b", "b", "a"),
        ("b", "a", "a"),
        ("b", "a", "b"),
    ] {
        let header = with(header(), "kid", json!(kid));
        let claims = with(claims(now), "iss", json!(format!("https://issuer-{issuer}.example")));
        let claims = with(claims, "tid", json!("fabrikam"));
        let message = message(&header.to_string(), &claims.to_string());
        let signed = format!("{message}.{}", sign(if key == "a" { &KEY_A } else { &KEY_B }, &message));
        let verdict = match () {
            () if kid != issuer => "unknown_kid",
            () if key == issuer && key == "a" => GOOD,
            () if key == issuer => "fabrikam",
            () => "signature",
        };
        cases.push((format!("iss {issuer}, kid {kid}, signed by {key}"), signed, verdict));
    }
    cases
}
