//! When keys are fetched, and how long they are believed.

use super::{discovery::SHAPES, *};
use crate::conformance::memory::MemoryKeys;

const ISSUER: &str = "https://issuer-a.example";
const DISCOVERY: &str = "https://issuer-a.example/.well-known/openid-configuration";
const KEYS: &str = "https://issuer-a.example/keys";
const HOUR: i64 = 3_600;

fn publish(keys: &MemoryKeys, jwks: &[&str]) {
    let members: Vec<_> = jwks.iter().map(|text| jwk(text)).collect();
    keys.publish(DISCOVERY, json!({"issuer": ISSUER, "jwks_uri": KEYS}).to_string());
    keys.publish(KEYS, json!({"keys": members}).to_string());
}

fn published() -> (Arc<MemoryKeys>, TokenRules) {
    let keys = Arc::new(MemoryKeys::default());
    publish(&keys, &[JWK_A]);
    let location = KeyLocation::Discovery(KeyUrl::parse(DISCOVERY, false).unwrap());
    let rules = of(vec![issuer(ISSUER, IssuerKeys::Published(location))], keys.clone());
    (keys, rules)
}

/// A token that is good for a day, of the key of this name, with this id.
fn lasting(kid: &str, pem: &str) -> String {
    let claims = with(with(claims(), "iat", json!(NOW - HOUR)), "exp", json!(NOW + 22 * HOUR));
    let header = with(header(), "kid", json!(kid));
    let message = format!("{}.{}", BASE64.encode(header.to_string()), BASE64.encode(claims.to_string()));
    format!("{message}.{}", sign(pem, &message))
}

async fn verdict(rules: &TokenRules, token: &str, now: i64) -> &'static str {
    rules.verify(token, now).await.map_or_else(|refused| refused.0, |_| "good")
}

#[tokio::test]
async fn a_flood_of_unknown_key_ids_is_one_fetch_in_five_minutes() {
    let (keys, rules) = published();
    let good = lasting("a", KEY_A);
    assert_eq!(verdict(&rules, &good, NOW).await, "good");
    assert_eq!((keys.asked(DISCOVERY), keys.asked(KEYS)), (1, 1), "the first set");
    let strange: Vec<_> = (0..10_000).map(|n| rest(&format!("k{n}"))).collect();
    for (n, token) in strange.iter().enumerate() {
        assert_eq!(verdict(&rules, token, NOW + (n as i64 * 60) / 10_000).await, "unknown_kid");
    }
    assert_eq!((keys.asked(DISCOVERY), keys.asked(KEYS)), (1, 1), "none in the first minute");
    assert_eq!(verdict(&rules, &strange[0], NOW + 300).await, "unknown_kid");
    assert_eq!(keys.asked(KEYS), 2, "one more after five");
    let together = strange.iter().map(|token| verdict(&rules, token, NOW + 600));
    futures::future::join_all(together).await;
    assert_eq!((keys.asked(DISCOVERY), keys.asked(KEYS)), (3, 3), "ten thousand at once are one");
}

/// A token of this key id that is not signed: its key is asked for first.
fn rest(kid: &str) -> String {
    let header = with(header(), "kid", json!(kid));
    format!("{}.{}.AAAA", BASE64.encode(header.to_string()), BASE64.encode(claims().to_string()))
}

#[tokio::test]
async fn keys_roll_over() {
    let (keys, rules) = published();
    let (old, new) = (lasting("a", KEY_A), lasting("b", KEY_B));
    rules.refresh(NOW).await;
    assert_eq!(verdict(&rules, &old, NOW).await, "good");
    publish(&keys, &[JWK_A, JWK_B]);
    assert_eq!(verdict(&rules, &new, NOW + 10).await, "good", "at the first token, one fetch later");
    assert_eq!(verdict(&rules, &old, NOW + 10).await, "good");
    assert_eq!(keys.asked(KEYS), 2);
    publish(&keys, &[JWK_B]);
    rules.refresh(NOW + 9 + HOUR).await;
    assert_eq!(verdict(&rules, &old, NOW + 9 + HOUR).await, "good", "a set is fresh for an hour");
    let changes = rules.changes();
    rules.refresh(NOW + 10 + HOUR).await;
    assert_eq!(verdict(&rules, &old, NOW + 10 + HOUR).await, "unknown_kid");
    assert_eq!(rules.changes(), changes + 1);
    rules.refresh(NOW + 20 + 2 * HOUR).await;
    assert_eq!(rules.changes(), changes + 1, "the same set again is no change");
}

#[tokio::test(start_paused = true)]
async fn the_last_good_set_is_believed_for_a_day() {
    let good = lasting("a", KEY_A);
    let (keys, rules) = published();
    rules.refresh(NOW).await;
    type Fault = fn(&MemoryKeys);
    let faults: [Fault; 8] = [
        |keys| keys.fail(),
        |keys| keys.stall(DISCOVERY),
        |keys| {
            publish(keys, &[JWK_A]);
            keys.stall(KEYS);
        },
        |keys| keys.publish(KEYS, "<html>sign in</html>"),
        |keys| keys.publish(KEYS, "x".repeat(64 * 1024 + 1)),
        |keys| keys.publish(KEYS, r#"{"keys":[]}"#),
        |keys| publish(keys, &[JWK_A, JWK_SHORT]),
        |keys| {
            keys.publish(
                DISCOVERY,
                json!({"issuer": "https://issuer-b.example", "jwks_uri": KEYS}).to_string(),
            )
        },
    ];
    for (n, fault) in faults.iter().enumerate() {
        fault(&keys);
        let now = NOW + HOUR * (n as i64 + 1);
        let asked = keys.asked(DISCOVERY);
        let begun = tokio::time::Instant::now();
        rules.refresh(now).await;
        rules.refresh(now + 299).await;
        assert_eq!(keys.asked(DISCOVERY), asked + 1, "fault {n}: asked again within five minutes");
        assert!(begun.elapsed().as_secs_f64() < 2.1, "fault {n}: {:?}", begun.elapsed());
        let begun = tokio::time::Instant::now();
        assert_eq!(verdict(&rules, &good, now).await, "good", "fault {n}");
        assert_eq!(begun.elapsed().as_millis(), 0, "fault {n}: a good token waits for nobody");
    }
    assert_eq!(
        verdict(&rules, &good, NOW + 24 * HOUR - 1).await,
        "expired",
        "the control: its key is believed"
    );
    assert_eq!(verdict(&rules, &good, NOW + 24 * HOUR).await, "no_keys");
    publish(&keys, &[JWK_B]);
    assert_eq!(verdict(&rules, &good, NOW + 24 * HOUR + 300).await, "unknown_kid");
}

/// TM-08.
#[tokio::test]
async fn a_clock_that_jumps_does_not_lock_anybody_out_or_keep_old_keys() {
    let (keys, rules) = published();
    let good = lasting("a", KEY_A);
    rules.refresh(NOW + 7 * HOUR).await;
    assert_eq!(verdict(&rules, &good, NOW + 7 * HOUR - 600).await, "good", "ten minutes back");
    assert_eq!(keys.asked(KEYS), 1);
    publish(&keys, &[JWK_B]);
    assert_eq!(
        verdict(&rules, &good, NOW).await,
        "unknown_kid",
        "seven hours back: that set is of no known age"
    );
    assert_eq!(keys.asked(KEYS), 2);
    publish(&keys, &[JWK_A]);
    assert_eq!(verdict(&rules, &good, NOW - 400).await, "good", "back again: not held up by what is to come");
    assert_eq!(keys.asked(KEYS), 3);
}

/// Lets others go on until it is so.
async fn until(so: impl Fn() -> bool) {
    for _ in 0..1_000 {
        if so() {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("it does not come about");
}

#[tokio::test(start_paused = true)]
async fn a_fetch_is_finished_though_its_client_has_left() {
    let (keys, rules) = published();
    let rules = Arc::new(rules);
    let asked = {
        let (rules, token) = (rules.clone(), lasting("a", KEY_A));
        tokio::spawn(async move { verdict(&rules, &token, NOW).await })
    };
    until(|| keys.asked_in_all() > 0).await;
    asked.abort();
    assert!(asked.await.unwrap_err().is_cancelled());
    until(|| keys.asked(KEYS) > 0).await;
    tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    assert_eq!(verdict(&rules, &lasting("a", KEY_A), NOW).await, "good");
    assert_eq!(keys.asked(KEYS), 1);
}

#[tokio::test]
async fn a_first_set_is_tried_for_every_ten_seconds() {
    let (keys, rules) = published();
    keys.fail();
    for second in 0..30 {
        rules.refresh(NOW + second).await;
    }
    assert_eq!(keys.asked(DISCOVERY), 3);
    assert!(!rules.good(NOW + 30));
    publish(&keys, &[JWK_A]);
    rules.refresh(NOW + 30).await;
    assert!(rules.good(NOW + 30));
}

/// Several issuers at once, with keys of the same id: TM-03.
#[tokio::test]
async fn every_issuer_has_its_own_keys() {
    let keys = Arc::new(MemoryKeys::default());
    let issuers: Vec<_> = SHAPES
        .iter()
        .enumerate()
        .map(|(n, [name, from, at])| {
            keys.publish(from, json!({"issuer": name, "jwks_uri": at}).to_string());
            let key = with(jwk(if n % 2 == 0 { JWK_A } else { JWK_B }), "kid", json!("shared"));
            keys.publish(at, json!({"keys": [key]}).to_string());
            issuer(name, IssuerKeys::Published(KeyLocation::Discovery(KeyUrl::parse(from, false).unwrap())))
        })
        .collect();
    let rules = of(issuers, keys.clone());
    for (n, [name, ..]) in SHAPES.iter().enumerate() {
        for (m, pem) in [KEY_A, KEY_B].into_iter().enumerate() {
            let claims = with(claims(), "iss", json!(name));
            let header = with(header(), "kid", json!("shared"));
            let message =
                format!("{}.{}", BASE64.encode(header.to_string()), BASE64.encode(claims.to_string()));
            let token = format!("{message}.{}", sign(pem, &message));
            let expected = if n % 2 == m { "good" } else { "signature" };
            assert_eq!(verdict(&rules, &token, NOW).await, expected, "{name}, key {m}");
        }
    }
    assert_eq!(keys.asked_in_all(), 8, "each issuer's two documents, once");
}

#[test]
fn issuers_that_could_be_mixed_up_are_refused() {
    let keys = || IssuerKeys::Fixed(set(&[jwk(JWK_A)]).unwrap());
    let new = |issuers| {
        TokenRules::new(issuers, Grants::parse("").unwrap(), Arc::new(MemoryKeys::default())).map(drop)
    };
    assert!(new(vec![issuer("https://a.example", keys()), issuer("https://a.example/", keys())]).is_ok());
    assert!(new(vec![issuer("https://a.example", keys()), issuer("https://a.example", keys())]).is_err());
    let muddled =
        Issuer { platform_audience: Some("api://pool".into()), ..issuer("https://a.example", keys()) };
    assert!(new(vec![muddled]).is_err());
}
