//! The leaks that names and keys invite: each happens to a client that is wrong in the usual way, and not to ours.

use crate::World;
use pool::{
    ports::{DataKey, Keys, PortError, Secret, SecretName, Secrets},
    testing::tenant,
};
use serde_json::json;

/// A tenant and a name joined by a single hyphen, as is usually done.
fn joined(tenant: &str, name: &str) -> String {
    format!("/secrets/{tenant}-{name}")
}

#[tokio::test]
async fn names_that_join_are_one_secret() {
    let world = World::new().await;
    world.raw("PUT", &joined("conf-a", "eu-key"), json!({"value": "of conf-a"})).await;
    let (status, leaked) = world.raw("GET", &joined("conf-a-eu", "key"), json!(null)).await;
    assert_eq!(
        (status, &leaked["value"]),
        (200, &json!("of conf-a")),
        "the wrong client reads another tenant's"
    );

    let (a, eu) = (tenant("conf-a"), tenant("conf-a-eu"));
    world.ours.put(&a, &SecretName::new("eu-key").unwrap(), &Secret::new("of conf-a")).await.unwrap();
    assert!(world.ours.get(&eu, &SecretName::new("key").unwrap()).await.unwrap().is_none());
}

#[tokio::test]
async fn a_vault_unwraps_whatever_its_caller_may() {
    let world = World::new().await;
    let wrapped = world.ours.wrap(&tenant("conf-a-eu"), &DataKey([5; 32])).await.unwrap();
    let (kid, value) = wrapped.as_str().split_once(' ').unwrap();
    let path = kid.strip_prefix("https://shared.vault.azure.net").unwrap();
    let body = json!({"alg": "RSA-OAEP-256", "value": value});
    let (status, leaked) = world.raw("POST", &format!("{path}/unwrapkey"), body).await;
    assert_eq!(
        status, 200,
        "the wrong client, which follows the blob's own kid, unwraps another tenant's: {leaked}"
    );

    let unwrapped = world.ours.unwrap(&tenant("conf-a"), &wrapped).await;
    assert!(matches!(unwrapped, Err(PortError::Refused(_))));
}
