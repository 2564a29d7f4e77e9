//! Secrets and wrapping keys: private, made once, gone with their tenant.

use crate::support::open;
use pool::{
    ports::{DataKey, Keys, PortError, Secret, SecretName, Secrets},
    testing::tenant,
};
use std::os::unix::fs::PermissionsExt;

#[tokio::test(flavor = "multi_thread")]
async fn what_others_can_read_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let (vault, a, name) = (open(root.path()).vault, tenant("conf-a"), SecretName::new("db").unwrap());
    vault.put(&a, &name, &Secret::new("hush")).await.unwrap();
    let wrapped = vault.wrap(&a, &DataKey([1; 32])).await.unwrap();
    for file in ["secrets/db", "key"] {
        let path = root.path().join("tenants/conf-a/vault").join(file);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "{file}");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o640)).unwrap();
    }
    assert!(matches!(vault.get(&a, &name).await, Err(PortError::Refused(_))));
    assert!(matches!(vault.unwrap(&a, &wrapped).await, Err(PortError::Refused(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_that_ask_first_get_one_key() {
    let root = tempfile::tempdir().unwrap();
    let (vault, a) = (open(root.path()).vault, tenant("conf-a"));
    let wrapping = (0..32).map(|_| {
        let (vault, a) = (vault.clone(), a.clone());
        tokio::spawn(async move { vault.wrap(&a, &DataKey([1; 32])).await.unwrap() })
    });
    for wrapped in futures::future::join_all(wrapping).await {
        assert_eq!(vault.unwrap(&a, &wrapped.unwrap()).await.unwrap(), DataKey([1; 32]));
    }
    let left = std::fs::read_dir(root.path().join("tenants/conf-a/vault")).unwrap().count();
    assert_eq!(left, 1, "the key alone is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn they_go_with_their_tenant() {
    let root = tempfile::tempdir().unwrap();
    let (local, a, name) = (open(root.path()), tenant("conf-a"), SecretName::new("db").unwrap());
    local.vault.put(&a, &name, &Secret::new("hush")).await.unwrap();
    let wrapped = local.vault.wrap(&a, &DataKey([1; 32])).await.unwrap();
    assert!(local.offboard("conf-a").await.unwrap());
    assert!(local.vault.get(&a, &name).await.unwrap().is_none());
    let unwrapped = local.vault.unwrap(&a, &wrapped).await;
    assert!(matches!(unwrapped, Err(PortError::Refused(_))), "a new key opens what the old one closed");
}
