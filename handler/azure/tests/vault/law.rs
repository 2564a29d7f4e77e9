//! The law of the ports, and what is Key Vault's alone.

use crate::{RICH, World, adapter, of_tenants};
use pool::{
    TenantRecord, conformance,
    ports::{DataKey, Keys, PortError, Secret, SecretName, Secrets, WrappedKey},
    testing::tenant,
};
use serde_json::json;
use std::collections::BTreeSet;

fn db() -> SecretName {
    SecretName::new("db").unwrap()
}

#[tokio::test]
async fn secrets() {
    conformance::secrets(&World::new().await.ours).await;
}

#[tokio::test]
async fn keys() {
    conformance::keys(&World::new().await.ours).await;
}

#[tokio::test]
async fn a_tenant_has_its_own_vault_by_its_own_identity() {
    let world = World::new().await;
    let (rich, a) = (tenant(RICH), tenant("conf-a"));
    world.ours.put(&rich, &db(), &Secret::new("hush")).await.unwrap();
    world.ours.put(&a, &db(), &Secret::new("other")).await.unwrap();
    assert_eq!(world.ours.get(&rich, &db()).await.unwrap().unwrap().expose(), "hush");
    let wrapped = world.ours.wrap(&rich, &DataKey([3; 32])).await.unwrap();
    assert_eq!(world.ours.unwrap(&rich, &wrapped).await.unwrap(), DataKey([3; 32]));
    let names = [("rich", "conf-rich--db"), ("shared", "conf-a--db")];
    assert_eq!(world.vaults.secrets(), names.map(|(vault, name)| (vault.to_owned(), name.to_owned())));
    let asked: BTreeSet<_> =
        world.audit.all().into_iter().map(|a| (a.identity, a.audience, a.tenant)).collect();
    let audience = "https://vault.azure.net";
    let expected = [("id-rich", "rich"), ("system", "conf-a")]
        .map(|(id, tenant)| (id.to_owned(), audience.to_owned(), Some(tenant.to_owned())));
    assert_eq!(asked, BTreeSet::from(expected));
}

#[tokio::test]
async fn an_identity_that_may_not_is_told_so() {
    let world = World::new().await;
    world.vaults.allow("rich", &["somebody-else"]);
    let got = world.ours.get(&tenant(RICH), &db()).await;
    assert!(
        matches!(got, Err(PortError::Unavailable(_))),
        "{got:?}: an operator can mend it, and it is no absence"
    );
}

#[tokio::test]
async fn a_vaults_name_leads_to_no_other_host() {
    let world = World::new().await;
    for name in [
        "ev",
        "evil.example",
        "evil/",
        "a@b.example",
        "evil#",
        "1vault",
        "vault:1",
        "ｖault",
        &"a".repeat(25),
    ] {
        let record = TenantRecord { keyvault_name: name.into(), ..TenantRecord::new("conf-a", "a") };
        let ours = of_tenants(&world.ca, &world.identity, world.vaults.address(), vec![record]);
        let got = ours.get(&tenant("conf-a"), &db()).await;
        assert!(matches!(got, Err(PortError::Refused(_))), "{name}: {got:?}");
    }
    assert_eq!(world.audit.all(), []);
}

#[tokio::test]
async fn a_rotated_key_opens_what_it_closed_and_a_disabled_one_does_not() {
    let world = World::new().await;
    let a = tenant("conf-a");
    let old = world.ours.wrap(&a, &DataKey([1; 32])).await.unwrap();
    let version = old.as_str().split(' ').next().unwrap().rsplit('/').next().unwrap().to_owned();
    world.vaults.create_key("shared", "conf-a--data");
    let new = world.ours.wrap(&a, &DataKey([1; 32])).await.unwrap();
    assert!(!new.as_str().contains(&version), "the newest version wraps");
    for wrapped in [&old, &new] {
        assert_eq!(world.ours.unwrap(&a, wrapped).await.unwrap(), DataKey([1; 32]));
    }
    world.vaults.disable_key("shared", "conf-a--data", &version);
    assert!(world.ours.unwrap(&a, &old).await.is_err());
    assert_eq!(world.ours.unwrap(&a, &new).await.unwrap(), DataKey([1; 32]));
}

#[tokio::test]
async fn a_foreign_key_is_refused_before_anything_is_asked() {
    let world = World::new().await;
    let [a, eu] = ["conf-a", "conf-a-eu"].map(tenant);
    let wrapped = world.ours.wrap(&eu, &DataKey([1; 32])).await.unwrap();
    let before = world.audit.all();
    let kid = wrapped.as_str().split(' ').next().unwrap();
    let value = wrapped.as_str().split(' ').nth(1).unwrap();
    let version = kid.rsplit('/').next().unwrap();
    let vault = "https://shared.vault.azure.net";
    for kid in [
        kid.to_owned(),
        format!("{vault}/keys/conf-a--data/../conf-a-eu--data/{version}"),
        format!("{vault}/keys/conf-a--data/{version}/../../conf-a-eu--data/{version}"),
        format!("{vault}/keys/conf-a--data/"),
        format!("{vault}/keys/conf-a--data/?x="),
        format!("{vault}.evil.example/keys/conf-a--data/{version}"),
        format!("https://rich.vault.azure.net/keys/conf-a--data/{version}"),
    ] {
        let unwrapped = world.ours.unwrap(&a, &WrappedKey::new(format!("{kid} {value}"))).await;
        assert!(matches!(unwrapped, Err(PortError::Refused(_))), "{kid}: {unwrapped:?}");
    }
    assert_eq!(world.audit.all(), before);
}

#[tokio::test]
async fn a_tenant_without_a_key_is_told_which_is_missing() {
    let world = World::new().await;
    let Err(PortError::Refused(cause)) = world.ours.wrap(&tenant("conf-b"), &DataKey([1; 32])).await else {
        panic!("wrapped without a key")
    };
    assert!(cause.to_string().contains("conf-b--data"), "{cause}");
}

#[tokio::test]
async fn a_vault_is_not_believed_whom_its_tokens_are_for() {
    use axum::{Router, http::StatusCode};
    let world = World::new().await;
    let greedy = "Bearer authorization=\"https://login.microsoftonline.com/x\", resource=\"https://storage.azure.com\"";
    let seen = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let noted = seen.clone();
    let router = Router::new().fallback(async move |headers: axum::http::HeaderMap| {
        noted.lock().unwrap().push(headers.contains_key("authorization"));
        (StatusCode::UNAUTHORIZED, [("www-authenticate", greedy)])
    });
    let server = doubles::Server::tls(&world.ca, router).await;
    let ours = adapter(&world.ca, &world.identity, server.address());
    assert!(ours.get(&tenant("conf-a"), &db()).await.is_err());
    assert!(!seen.lock().unwrap().is_empty() && !seen.lock().unwrap().contains(&true), "no token was sent");
}

#[tokio::test]
async fn the_double_challenges_and_keeps_its_rules() {
    let world = World::new().await;
    let client = crate::client(&world.ca, world.vaults.address());
    let url = format!("{}/secrets/x", world.vaults.url());
    let answer = client.get(format!("{url}?api-version=2025-07-01")).send().await.unwrap();
    let challenge = answer.headers()["www-authenticate"].to_str().unwrap().to_owned();
    assert_eq!(
        (answer.status().as_u16(), challenge.contains("resource=\"https://vault.azure.net\"")),
        (401, true)
    );
    for (token, query, status) in [
        (world.identity.mint("system", "https://storage.azure.com"), "?api-version=2025-07-01", 401),
        ("invented".to_owned(), "?api-version=2025-07-01", 401),
        (world.identity.mint("system", doubles::vault::AUDIENCE), "", 400),
        (world.identity.mint("system", doubles::vault::AUDIENCE), "?api-version=1999-01-01", 400),
        (world.identity.mint("system", doubles::vault::AUDIENCE), "?api-version=2025-07-01", 404),
    ] {
        let answer = client.get(format!("{url}{query}")).bearer_auth(token).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{query}");
    }
    let set = |name: &'static str| world.raw("PUT", name, json!({"value": "1"}));
    assert_eq!(set("/secrets/under_score").await.0, 400);
    assert_eq!(set("/secrets/Case").await.0, 200);
    assert_eq!(world.raw("GET", "/secrets/cASE", json!(null)).await.0, 200, "names know no letter case");
    assert_eq!(world.raw("DELETE", "/secrets/Case", json!(null)).await.0, 200);
    assert_eq!(set("/secrets/case").await.0, 409, "a deleted secret stands in the way");
}
