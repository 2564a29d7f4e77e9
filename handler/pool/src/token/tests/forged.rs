//! What is wrong with a token before its claims are read.

use super::*;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

fn good() -> String {
    token(&header(), &claims())
}

#[test]
fn algorithms_other_than_ours_are_refused() {
    let mut cases = Vec::new();
    let algorithms = [
        "none", "None", "NONE", "nOnE", "none ", "", "HS256", "HS384", "HS512", "RS384", "RS512", "PS256",
        "PS384", "ES256", "ES256K", "EdDSA", "rs256", "RS256 ", "RS256\0", "RSA-OAEP", "dir",
    ];
    for alg in algorithms {
        let header = with(header(), "alg", json!(alg));
        cases.push((format!("alg {alg:?}, well signed"), token(&header, &claims()), "alg"));
        let unsigned =
            format!("{}.{}.", BASE64.encode(header.to_string()), BASE64.encode(claims().to_string()));
        cases.push((format!("alg {alg:?}, unsigned"), unsigned, "segments"));
    }
    cases.push(("no alg".into(), token(&without(header(), "alg"), &claims()), "alg"));
    for alg in [json!(null), json!(["RS256"]), json!({"RS256": 1}), json!(256), json!(true)] {
        cases.push((format!("alg {alg}"), token(&with(header(), "alg", alg), &claims()), "header_member"));
    }
    all_refused(cases, &good());
}

#[test]
fn a_public_key_is_no_secret() {
    let public = jwk(JWK_A);
    let der: String = PUBLIC_A.lines().filter(|line| !line.starts_with('-')).collect();
    let secrets: Vec<Vec<u8>> = vec![
        PUBLIC_A.into(),
        PUBLIC_A.trim_end().into(),
        PUBLIC_A.replace('\n', "").into(),
        PUBLIC_A.replace('\n', "\r\n").into(),
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
    let mut cases = Vec::new();
    for (n, secret) in secrets.iter().enumerate() {
        for (alg, expected) in [("HS256", "alg"), ("RS256", "signature")] {
            let header = with(header(), "alg", json!(alg));
            let message =
                format!("{}.{}", BASE64.encode(header.to_string()), BASE64.encode(claims().to_string()));
            let mut mac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
            mac.update(message.as_bytes());
            let forged = format!("{message}.{}", BASE64.encode(mac.finalize().into_bytes()));
            cases.push((format!("HMAC with encoding {n} of the public key as {alg}"), forged, expected));
        }
    }
    all_refused(cases, &good());
}

#[test]
fn headers_that_bring_keys_or_change_the_rules_are_refused() {
    let mut cases = Vec::new();
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
            token(&with(header(), name, value), &claims()),
            "header_member",
        ));
    }
    for typ in ["jwt", "JWT ", "JWS", "JOSE", "at+JWT", "id_token", "application/at+jwt", "dpop+jwt", ""] {
        cases.push((format!("typ {typ:?}"), token(&with(header(), "typ", json!(typ)), &claims()), "typ"));
    }
    all_refused(cases, &good());
    for (name, value) in [("typ", "at+jwt"), ("x5t", "abc"), ("x5t#S256", "abc"), ("nonce", "n")] {
        assert!(check(&token(&with(header(), name, json!(value)), &claims())).is_ok(), "{name}");
    }
    assert!(check(&token(&without(header(), "typ"), &claims())).is_ok());
}

#[test]
fn key_ids_are_looked_up_and_nothing_else() {
    let mut cases = Vec::new();
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
            token(&with(header(), "kid", json!(kid)), &claims()),
            "unknown_kid",
        ));
    }
    cases.push(("no kid".into(), token(&without(header(), "kid"), &claims()), "kid"));
    cases.push(("an empty kid".into(), token(&with(header(), "kid", json!("")), &claims()), "kid"));
    for kid in [json!(null), json!(0), json!(["a"]), json!({"a": "a"})] {
        cases.push((format!("kid {kid}"), token(&with(header(), "kid", kid), &claims()), "header_member"));
    }
    all_refused(cases, &good());
}

#[test]
fn a_key_is_good_for_its_own_issuer_alone() {
    for (issuer, kid, pem) in [
        ("a", "a", KEY_A),
        ("a", "a", KEY_B),
        ("a", "b", KEY_B),
        ("a", "b", KEY_A),
        ("b", "b", KEY_B),
        ("b", "b", KEY_A),
        ("b", "a", KEY_A),
        ("b", "a", KEY_B),
    ] {
        let header = with(header(), "kid", json!(kid));
        let claims = with(claims(), "iss", json!(format!("https://issuer-{issuer}.example")));
        let message = format!("{}.{}", BASE64.encode(header.to_string()), BASE64.encode(claims.to_string()));
        let verdict = check(&format!("{message}.{}", sign(pem, &message))).map(|_| ());
        let own = if issuer == "a" { KEY_A } else { KEY_B };
        let expected = if kid != issuer {
            Err("unknown_kid")
        } else if pem == own {
            Ok(())
        } else {
            Err("signature")
        };
        assert_eq!(verdict, expected, "iss {issuer}, kid {kid}");
    }
}

#[test]
fn only_three_clean_segments_are_read() {
    let good = good();
    let parts: Vec<&str> = good.split('.').collect();
    let [head, body, signature] = [parts[0], parts[1], parts[2]];
    // A base64 text of 3n+1 or 3n+2 bytes has bits to spare: the same bytes, spelt otherwise.
    let respelt = |text: &str| {
        let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let last = letters.iter().position(|b| b == text.as_bytes().last().unwrap()).unwrap();
        format!("{}{}", &text[..text.len() - 1], char::from(letters[last ^ 1]))
    };
    assert_eq!(signature.len() % 4, 2, "the signature has bits to spare");
    let plus = |text: &str| text.replace('-', "+").replace('_', "/");
    let loose = (0..99).map(|n| token(&with(header(), "nonce", json!(format!("{n}>>>???"))), &claims()));
    let spelt = loose.into_iter().find(|token| {
        let signature = token.rsplit('.').next().unwrap();
        signature.contains('-') || signature.contains('_')
    });
    let spelt = spelt.unwrap();
    let (message, mac) = spelt.rsplit_once('.').unwrap();
    let mut cases = vec![
        ("nothing", String::new(), "segments"),
        ("two segments", format!("{head}.{body}"), "segments"),
        ("an empty signature", format!("{head}.{body}."), "segments"),
        ("four segments", format!("{good}.x"), "segments"),
        ("a last dot", format!("{good}."), "segments"),
        ("a first dot", format!(".{good}"), "segments"),
        ("five segments, as a JWE has", format!("{head}.x.{body}.x.{signature}"), "segments"),
        ("no header", format!(".{body}.{signature}"), "json"),
        ("no claims", format!("{head}..{signature}"), "json"),
        ("a padded header", format!("{head}=.{body}.{signature}"), "base64"),
        ("padded claims", format!("{head}.{body}==.{signature}"), "base64"),
        ("a padded signature", format!("{good}=="), "base64"),
        ("spare bits in the signature", format!("{head}.{body}.{}", respelt(signature)), "base64"),
        ("a standard alphabet", format!("{message}.{}", plus(mac)), "base64"),
        ("a space", format!("{head}.{body}. {signature}"), "base64"),
        ("a last space", format!("{good} "), "base64"),
        ("a newline", format!("{good}\n"), "base64"),
        ("a newline inside", format!("{head}.{}\n{}.{signature}", &body[..8], &body[8..]), "base64"),
        ("a NUL", format!("{good}\0"), "base64"),
        ("a percent", format!("{good}%3D"), "base64"),
        ("a scheme", format!("Bearer {good}"), "base64"),
        ("a header that is text", raw("RS256", &claims().to_string()), "json"),
        ("a header that is an array", raw("[]", &claims().to_string()), "json"),
        ("claims that are an array", raw(&header().to_string(), "[]"), "json"),
        ("claims that are text", raw(&header().to_string(), "\"x\""), "json"),
        ("claims after a BOM", raw(&header().to_string(), &format!("\u{feff}{}", claims())), "json"),
        ("claims and more", raw(&header().to_string(), &format!("{}{{}}", claims())), "json"),
        ("claims with a comment", raw(&header().to_string(), &format!("/**/{}", claims())), "json"),
        ("another's signature", format!("{head}.{body}.{}", "A".repeat(342)), "signature"),
        ("a short signature", format!("{head}.{body}.AAAA"), "signature"),
        ("a signature of zeros and more", format!("{head}.{body}.AAAA{signature}"), "signature"),
    ]
    .into_iter()
    .map(|(name, token, check)| (name.to_owned(), token, check))
    .collect::<Vec<_>>();
    let not_utf8 =
        format!("{}.{}", BASE64.encode(header().to_string()), BASE64.encode(b"{\"iss\":\"\xff\"}"));
    cases.push(("claims that are no UTF-8".into(), format!("{not_utf8}.{}", sign(KEY_A, &not_utf8)), "json"));
    let filler = |n: usize| token(&header(), &with(claims(), "filler", json!("x".repeat(n))));
    let long = filler(6_000);
    cases.push(("over 8 KiB".into(), long, "token_too_long"));
    all_refused(cases, &good);
    assert!(check(&filler(5_000)).is_ok());
    assert!(check(&spelt).is_ok());
    let exact: String = "A".repeat(MAX_TOKEN);
    assert_eq!(check(&exact).unwrap_err(), "segments", "8 KiB is read");
    assert_eq!(check(&format!("{exact}A")).unwrap_err(), "token_too_long");
}

#[test]
fn members_that_occur_twice_are_refused_at_any_depth() {
    let (head, body) = (header().to_string(), claims().to_string());
    let more = |text: &str, member: &str| format!("{},{member}}}", text.strip_suffix('}').unwrap());
    let cases = [
        ("alg", raw(&more(&head, r#""alg":"RS256""#), &body)),
        ("alg as none", raw(&more(&head, r#""alg":"none""#), &body)),
        ("kid", raw(&more(&head, r#""kid":"b""#), &body)),
        ("kid, escaped", raw(&more(&head, r#""\u006bid":"b""#), &body)),
        ("tenant", raw(&head, &more(&body, r#""extension_tenantId":"fabrikam""#))),
        ("tenant, the same", raw(&head, &more(&body, r#""extension_tenantId":"contoso""#))),
        ("tenant, escaped", raw(&head, &more(&body, r#""extension\u005ftenantId":"fabrikam""#))),
        ("sub", raw(&head, &more(&body, r#""sub":"mallory""#))),
        ("exp", raw(&head, &more(&body, r#""exp":99999999999"#))),
        ("in an object", raw(&head, &more(&body, r#""x":{"a":1,"a":2}"#))),
        ("in an array in an object", raw(&head, &more(&body, r#""x":{"y":[{"a":1,"b":2,"a":3}]}"#))),
    ];
    let nested = |depth: usize| more(&body, &format!(r#""x":{}1{}"#, "[".repeat(depth), "]".repeat(depth)));
    let mut cases: Vec<_> = cases.into_iter().map(|(name, token)| (name.to_owned(), token, "json")).collect();
    cases.push(("nine deep".into(), raw(&head, &nested(8)), "json"));
    all_refused(cases, &raw(&head, &nested(7)));
    assert!(check(&raw(&head, &more(&body, r#""x":{"a":1,"b":{"a":2}}"#))).is_ok());
}
