//! What the doors remember, to the millisecond.

use super::*;
use crate::{access::Grants, token::Claims};
use jiff::Timestamp;

fn known(refused_from: i64) -> Arc<KnownToken> {
    let (tenant, subject) = ("contoso".to_owned(), "alice".to_owned());
    let claims = Claims { tenant, subject, roles: Vec::new(), scopes: Vec::new(), refused_from };
    Arc::new(KnownToken::new(claims, &Grants::parse(Grants::DEFAULT).unwrap()))
}

#[test]
fn a_token_is_known_for_a_minute_and_never_past_its_end() {
    let tokens = KnownTokens::default();
    tokens.put("a.b.c", &known(1_000), 900, 0);
    let knows = |now| tokens.get("a.b.c", now, 0).is_some();
    assert!(knows(900) && knows(959));
    assert!(!knows(960) && !knows(899), "nor after the clock was set back");
    assert!(tokens.get("a.b.d", 900, 0).is_none());
    tokens.put("short", &known(910), 900, 0);
    assert!(tokens.get("short", 909, 0).is_some() && tokens.get("short", 910, 0).is_none());
}

#[test]
fn a_token_is_known_until_keys_change() {
    let tokens = KnownTokens::default();
    tokens.put("a.b.c", &known(1_000), 900, 3);
    assert!(tokens.get("a.b.c", 900, 3).is_some());
    assert!(tokens.get("a.b.c", 900, 4).is_none() && tokens.get("a.b.c", 900, 2).is_none());
}

#[test]
fn a_tenant_is_known_for_less_than_five_seconds() {
    let tenants = KnownTenants::default();
    let tenant = KnownTenant::new(crate::TenantRecord::new("contoso", "")).unwrap();
    let at = |ms: i64| Timestamp::from_millisecond(1_000_000 + ms).unwrap();
    tenants.put(&tenant, at(0));
    assert!(tenants.get("contoso", at(0)).is_some() && tenants.get("contoso", at(4_999)).is_some());
    assert!(tenants.get("contoso", at(5_000)).is_none() && tenants.get("contoso", at(-1)).is_none());
    assert!(tenants.get("Contoso", at(0)).is_none());
}

#[test]
fn a_record_that_breaks_the_grammar_is_no_tenant() {
    for name in ["", "ab", "Contoso", "con--toso", "../contoso", "contoso ", "cöntoso"] {
        assert!(KnownTenant::new(crate::TenantRecord::new(name, "")).is_none(), "{name}");
    }
}

#[test]
fn a_bearer_credential_is_one_token_and_nothing_more() {
    let long = "a".repeat(MAX_TOKEN);
    for (header, token) in [
        ("Bearer a.b.c", Some("a.b.c")),
        ("bEARER a-_.9", Some("a-_.9")),
        ("Bearer", None),
        ("Bearer ", None),
        ("Bearer a b", None),
        ("Bearer  a", None),
        ("Bearer a ", None),
        ("Bearer a,b", None),
        ("Bearer a=", None),
        ("Bearer a+/", None),
        ("Bearer\ta", None),
        ("Basic a", None),
        ("Bearera", None),
        ("", None),
    ] {
        assert_eq!(bearer(header.as_bytes()), token, "{header}");
    }
    assert_eq!(bearer(format!("Bearer {long}").as_bytes()), Some(long.as_str()));
    assert_eq!(bearer(format!("Bearer {long}a").as_bytes()), None);
    assert_eq!(bearer(b"Bearer \xff"), None);
}
