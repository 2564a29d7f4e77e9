//! Tokens of a real OpenID Connect provider.

use serde_json::{Value, json};
use std::{sync::Arc, time::Instant};
use tests::{Dev, Oidc, Options, alone};

/// A service that believes a provider beside its own issuer. The provider speaks for contoso alone.
async fn service(provider: &Oidc) -> Arc<Dev> {
    let issuers = json!([{"issuer": provider.issuer, "discovery_url": provider.discovery_url(), "audience": "api://pool",
        "platform_audience": "api://platform", "tenant_claim": "tenant", "tenants": ["contoso"]}]);
    let settings = [
        ("JWT_ISSUERS", issuers.to_string()),
        ("JWT_PERMISSIONS", "admin=admin,scp:agents.write=create:agents+read:agents,*=user".to_owned()),
    ];
    let settings = settings.map(|(name, value)| (name.to_owned(), value)).to_vec();
    let state = tempfile::tempdir().unwrap().keep();
    Arc::new(Dev::start(Options { forget: true, settings, lenient: true, ..Options::on(&state) }).await)
}

fn claims() -> Value {
    json!({"aud": "api://pool", "sub": "alice", "tenant": "contoso"})
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

#[test]
fn a_providers_tokens_are_believed_as_far_as_it_is_trusted() {
    alone(async {
        let provider = Oidc::start();
        let dev = service(&provider).await;
        let by = |claims: Value| dev.with_token("contoso", Some(provider.token("first", &claims)));
        by(claims()).get("agents").await.is(200);
        dev.as_user("contoso", "bob").get("agents").await.is(200);
        for refused in [
            with("tenant", json!("fabrikam")),
            with("tenant", json!("Contoso")),
            with("aud", json!("another")),
            with("aud", json!("api://platform")),
            with("aud", json!(["api://pool", "api://platform"])),
            with("iss", json!("https://another.example")),
            with("iss", json!(format!("{}/", provider.issuer))),
            with("exp", json!(1)),
            json!({"aud": "api://pool", "sub": "alice", "extension_tenantId": "contoso"}),
        ] {
            by(refused.clone()).get("agents").await.problem(401, "unauthenticated");
        }
        let new = json!({"name": "n", "instructions": "i"});
        by(claims()).post_json("agents", new.clone()).await.problem(403, "forbidden");
        by(with("scp", json!("agents.read")))
            .post_json("agents", new.clone())
            .await
            .problem(403, "forbidden");
        by(with("scp", json!("agents.read agents.write"))).post_json("agents", new.clone()).await.is(200);
        by(with("roles", json!(["agents.write"])))
            .post_json("agents", new.clone())
            .await
            .problem(403, "forbidden");
        by(with("roles", json!(["admin"]))).post_json("agents", new).await.is(200);
        let ready = dev.with_token("", None).get("health/ready").await.ok();
        assert_eq!(ready["dependencies"]["keys"], "ok");
        assert_eq!(provider.key_sets(), 1, "one fetch has been enough");
    });
}

#[test]
fn keys_roll_over_and_a_flood_of_unknown_ones_reaches_nobody() {
    alone(async {
        let provider = Oidc::start();
        let dev = service(&provider).await;
        let by = |kid: &str| dev.with_token("contoso", Some(provider.token(kid, &claims())));
        by("first").get("agents").await.is(200);
        let before = provider.key_sets();
        provider.key("second");
        by("second").get("agents").await.is(200);
        by("first").get("agents").await.is(200);
        assert_eq!(provider.key_sets(), before + 1, "the new key is known one fetch later");
        provider.key("third");
        by("third").get("agents").await.problem(401, "unauthenticated");
        for kid in 0..30 {
            let kid = format!("flood-{kid}");
            provider.key(&kid);
            by(&kid).get("agents").await.problem(401, "unauthenticated");
        }
        assert_eq!(provider.key_sets(), before + 1, "no more than one fetch in five minutes");
    });
}

#[test]
fn a_provider_that_fails_is_not_waited_for() {
    alone(async {
        for how in ["500", "stall", "html", "redirect", "huge"] {
            let provider = Oidc::start();
            let dev = service(&provider).await;
            let by = |kid: &str| dev.with_token("contoso", Some(provider.token(kid, &claims())));
            by("first").get("agents").await.is(200);
            provider.fail(how);
            provider.key("second");
            let (first, second) = (by("first"), by("second"));
            let strange = tokio::spawn(async move { second.get("agents").await });
            for _ in 0..20 {
                let begun = Instant::now();
                first.get("agents").await.is(200);
                assert!(begun.elapsed().as_secs_f64() < 1.0, "{how}: {:?}", begun.elapsed());
            }
            strange.await.unwrap().problem(401, "unauthenticated");
        }
        let provider = Oidc::start();
        provider.fail("500");
        let dev = service(&provider).await;
        let alice = dev.with_token("contoso", Some(provider.token("first", &claims())));
        let answer = alice.get("agents").await.is(503);
        assert!(answer.headers.contains_key("retry-after"), "nothing is known of the token: not a 401");
        let ready = reqwest::get(format!("{}/health/ready", dev.base())).await.unwrap();
        assert_eq!(ready.status(), 503);
        dev.as_user("contoso", "bob").get("agents").await.is(200);
        provider.fail("");
        tests::eventually("its keys", async || (alice.get("agents").await.status == 200).then_some(())).await;
    });
}
