//! What is wrong with a token's form.

use super::*;

pub(super) fn segments(now: i64) -> Cases {
    let good = token(&header(), &claims(now));
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
    let loose = (0..99).map(|n| token(&with(header(), "nonce", json!(format!("{n}>>>???"))), &claims(now)));
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
        ("a header that is text", raw("RS256", &claims(now).to_string()), "json"),
        ("a header that is an array", raw("[]", &claims(now).to_string()), "json"),
        ("claims that are an array", raw(&header().to_string(), "[]"), "json"),
        ("claims that are text", raw(&header().to_string(), "\"x\""), "json"),
        ("claims after a BOM", raw(&header().to_string(), &format!("\u{feff}{}", claims(now))), "json"),
        ("claims and more", raw(&header().to_string(), &format!("{}{{}}", claims(now))), "json"),
        ("claims with a comment", raw(&header().to_string(), &format!("/**/{}", claims(now))), "json"),
        ("another's signature", format!("{head}.{body}.{}", "A".repeat(342)), "signature"),
        ("a short signature", format!("{head}.{body}.AAAA"), "signature"),
        ("a signature of zeros and more", format!("{head}.{body}.AAAA{signature}"), "signature"),
    ]
    .into_iter()
    .map(|(name, token, check)| (name.to_owned(), token, check))
    .collect::<Vec<_>>();
    let not_utf8 = format!("{head}.{}", BASE64.encode(b"{\"iss\":\"\xff\"}"));
    cases.push((
        "claims that are no UTF-8".into(),
        format!("{not_utf8}.{}", sign(&KEY_A, &not_utf8)),
        "json",
    ));
    let filler = |n: usize| token(&header(), &with(claims(now), "filler", json!("x".repeat(n))));
    let exact = "A".repeat(MAX_TOKEN);
    cases.push(("over 8 KiB".into(), filler(6_000), "token_too_long"));
    cases.push(("under 8 KiB".into(), filler(5_000), GOOD));
    cases.push(("8 KiB is read".into(), exact.clone(), "segments"));
    cases.push(("a byte more is not".into(), format!("{exact}A"), "token_too_long"));
    cases.push(("well spelt".into(), spelt, GOOD));
    cases
}

pub(super) fn twice(now: i64) -> Cases {
    let (head, body) = (header().to_string(), claims(now).to_string());
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
    cases.push(("eight deep".into(), raw(&head, &nested(7)), GOOD));
    let apart = raw(&head, &more(&body, r#""x":{"a":1,"b":{"a":2}}"#));
    cases.push(("the same name in two objects".into(), apart, GOOD));
    cases
}
