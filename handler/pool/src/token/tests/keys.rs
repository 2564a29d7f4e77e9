//! Key sets that are not to be trusted.

use super::*;

#[test]
fn a_set_with_a_bad_key_is_refused_whole() {
    let a = || jwk(JWK_A);
    let kid = |kid: &str| with(a(), "kid", json!(kid));
    let bad = [
        ("under 2048 bits", vec![a(), jwk(JWK_SHORT)]),
        ("an exponent of 1", vec![with(a(), "e", json!("AQ"))]),
        ("an exponent of 0", vec![with(a(), "e", json!("AA"))]),
        ("an even exponent", vec![with(a(), "e", json!("AQAA"))]),
        ("no exponent", vec![without(a(), "e")]),
        ("an empty exponent", vec![with(a(), "e", json!(""))]),
        ("an exponent that is a number", vec![with(a(), "e", json!(65537))]),
        ("no modulus", vec![without(a(), "n")]),
        ("a padded modulus", vec![with(a(), "n", json!(format!("{}==", a()["n"].as_str().unwrap())))]),
        (
            "1024 bits behind zeros",
            vec![with(a(), "n", json!(BASE64.encode([vec![0; 128], vec![0xff; 128]].concat())))],
        ),
        ("a symmetric key", vec![a(), json!({"kty": "oct", "kid": "s", "k": "AAAA", "alg": "HS256"})]),
        ("a symmetric key without a kid", vec![a(), json!({"kty": "oct", "k": "AAAA"})]),
        ("a private exponent", vec![with(a(), "d", json!("AAAA"))]),
        ("a private prime", vec![with(a(), "p", json!("AAAA"))]),
        (
            "a private key of another kind",
            vec![a(), json!({"kty": "EC", "kid": "e", "crv": "P-256", "x": "AA", "y": "AA", "d": "AA"})],
        ),
        ("a kid that occurs twice", vec![a(), a()]),
        ("a kid that occurs twice, for two keys", vec![a(), with(jwk(JWK_B), "kid", json!("a"))]),
        ("no kid", vec![without(a(), "kid")]),
        ("an empty kid", vec![kid("")]),
        ("a kid that is a number", vec![with(a(), "kid", json!(1))]),
        ("no keys", vec![]),
        ("no key for signatures", vec![with(a(), "use", json!("enc"))]),
        ("no key to verify with", vec![with(a(), "key_ops", json!(["encrypt"]))]),
        ("no key for RS256", vec![with(a(), "alg", json!("RS512"))]),
        ("a use that is no text", vec![with(a(), "use", json!(["sig"]))]),
    ];
    assert!(set(&[a(), jwk(JWK_B)]).is_ok(), "the control");
    for (name, keys) in bad {
        assert!(set(&keys).is_err(), "{name}");
    }
}

#[test]
fn keys_for_other_ends_are_passed_over() {
    let elliptic = json!({"kty": "EC", "kid": "e", "crv": "P-256", "x": "AA", "y": "AA"});
    let other = with(with(jwk(JWK_B), "use", json!("enc")), "kid", json!("a"));
    let keys = set(&[elliptic, other, jwk(JWK_A)]).unwrap();
    assert!(keys.get("a").is_some());
    assert!(keys.get("e").is_none() && keys.get("b").is_none());
    let plain = without(without(jwk(JWK_A), "use"), "alg");
    assert!(set(&[with(plain, "key_ops", json!(["verify"]))]).is_ok());
}

#[test]
fn the_least_exponent_is_3() {
    assert!(set(&[with(jwk(JWK_A), "e", json!("Aw"))]).unwrap().get("a").is_some());
}

#[test]
fn a_set_is_strict_json_of_64_kib() {
    let good = json!({"keys": [jwk(JWK_A)]}).to_string();
    let twice = good.replacen("\"kid\"", "\"kid\":\"x\",\"kid\"", 1);
    for text in
        ["", "[]", "{}", "{\"keys\":{}}", "<html>", "null", &good[1..], &format!("{good}{good}"), &twice]
    {
        assert!(Jwks::parse(text.as_bytes()).is_err(), "{text}");
    }
    assert!(Jwks::parse(format!("{good}{}", " ".repeat(64 * 1024 - good.len())).as_bytes()).is_ok());
    assert!(Jwks::parse(format!("{good}{}", " ".repeat(64 * 1024 + 1 - good.len())).as_bytes()).is_err());
}
