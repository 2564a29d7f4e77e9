//! The corpus is run: through the rules and through the door, against issuers that publish their keys.

use super::*;
use pool::{
    Error, Grants, Settings,
    conformance::memory::MemoryKeys,
    token::{Issuer, IssuerKeys, KeyLocation, KeyUrl, TokenRules},
};
use std::{collections::HashSet, sync::Arc};
use support::World;

/// A pool of two issuers, at a time. Issuer A speaks for any tenant, issuer B for `fabrikam` alone.
pub(super) struct Bench {
    world: World,
    rules: TokenRules,
    keys: Arc<MemoryKeys>,
    now: i64,
}

impl Bench {
    pub(super) async fn at(now: i64) -> Self {
        let keys = Arc::new(MemoryKeys::default());
        let world = World::trusting(rules(&keys), Settings::default(), |_| {});
        world.clock.set(jiff::Timestamp::from_second(now).unwrap());
        let bench = Self { world, rules: rules(&keys), keys, now };
        bench.world.doors.refresh_keys().await;
        bench.rules.refresh(now).await;
        // Each issuer's one fetch in five minutes for a key id that it does not have.
        for issuer in ["a", "b"] {
            let claims = with(claims(now), "iss", json!(format!("https://issuer-{issuer}.example")));
            let strange = token(&with(header(), "kid", json!("strange")), &claims);
            assert_eq!(bench.verdict(&strange).await, "unknown_kid");
        }
        bench
    }

    /// The check that refuses a token, or the tenant that it opens.
    pub(super) async fn verdict(&self, token: &str) -> String {
        let credential = format!("Bearer {token}");
        let door = self.world.doors.authenticate(&[credential.as_bytes()], &[]).await;
        match (self.rules.verify(token, self.now).await, door) {
            (Err(refused), Err(Error::Unauthenticated { presented: true, .. })) => refused.0.to_owned(),
            (Ok(_), Err(Error::Unauthenticated { check, presented: true })) => check.to_owned(),
            (Ok(claims), Ok(scope)) if scope.tenant().as_str() == claims.tenant => claims.tenant,
            (rules, door) => panic!("{token}: {rules:?}, {:?}", door.map(|scope| scope.tenant().clone())),
        }
    }

    /// How often issuers were asked for anything.
    pub(super) fn calls(&self) -> usize {
        self.keys.asked_in_all()
    }
}

fn rules(keys: &Arc<MemoryKeys>) -> TokenRules {
    let issuer = |name: &str, jwk: &str, tenant_claim: &str, tenants: &[&str]| {
        let at = format!("https://issuer-{name}.example/keys");
        keys.publish(&at, format!("{{\"keys\":[{jwk}]}}"));
        Issuer {
            issuer: format!("https://issuer-{name}.example"),
            audience: "api://pool".into(),
            platform_audience: Some("api://platform".into()),
            tenant_claim: tenant_claim.into(),
            tenants: tenants.iter().map(ToString::to_string).collect(),
            keys: IssuerKeys::Published(KeyLocation::Jwks(KeyUrl::parse(&at, false).unwrap())),
        }
    };
    let issuers =
        vec![issuer("a", JWK_A, "extension_tenantId", &[]), issuer("b", JWK_B, "tid", &["fabrikam"])];
    TokenRules::new(issuers, Grants::parse(Grants::DEFAULT).unwrap(), keys.clone()).unwrap()
}

#[tokio::test]
async fn the_corpus_gets_its_verdicts_whatever_time_it_is() {
    for now in [1_000_000_000, 1_780_315_200, i64::from(i32::MAX), 4_102_444_800] {
        let bench = Bench::at(now).await;
        let calls = bench.calls();
        let (mut names, mut refused) = (HashSet::new(), 0);
        for (name, token, expected) in corpus(now) {
            let verdict = bench.verdict(&token).await;
            assert_eq!(verdict, expected, "at {now}: {name}: {}", &token[..token.len().min(200)]);
            refused += usize::from(!["contoso", "fabrikam"].contains(&expected));
            assert!(names.insert(name.clone()), "{name}: twice");
        }
        assert!(refused >= 300, "{refused}");
        assert_eq!(bench.calls(), calls, "nobody was asked");
        println!(
            "corpus of forged tokens, minted for {now}: {} tokens, {refused} to be refused, all verdicts exact, 0 calls",
            names.len()
        );
    }
}
