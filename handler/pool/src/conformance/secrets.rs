#![expect(clippy::unwrap_used, reason = "a conformance suite fails by panicking")]

use crate::{
    TenantId,
    ports::{MAX_SECRET, PortError, Secret, SecretName, Secrets},
    testing::tenant,
};

/// The law of [`Secrets`]: what is put is got, by its tenant alone; names that would join to the same text with their
/// tenants' are two secrets; and absence is no failure.
///
/// # Panics
/// Where the law is broken.
pub async fn secrets(store: &dyn Secrets) {
    for bad in ["", "A", "a_b", "a.b", "-a", "a-", "a--b", "a/b", "..", "ä", "a\0", &"a".repeat(65)] {
        assert!(matches!(SecretName::new(bad), Err(PortError::Refused(_))), "{bad:?} is no name");
    }
    let [a, b, ab] = ["conf-a", "conf-b", "conf-a-eu"].map(tenant);
    let name = named("database-password");
    assert_eq!(read(store, &a, &name).await, None);
    assert!(!store.delete(&a, &name).await.unwrap());

    store.put(&a, &name, &Secret::new("hush-a")).await.unwrap();
    assert_eq!(read(store, &a, &name).await.as_deref(), Some("hush-a"));
    assert_eq!(read(store, &b, &name).await, None, "another tenant's secret is absent");
    assert!(!store.delete(&b, &name).await.unwrap(), "another tenant's secret cannot be removed");
    store.put(&b, &name, &Secret::new("hush-b")).await.unwrap();
    store.put(&a, &name, &Secret::new("hush-a-2")).await.unwrap();
    assert_eq!(read(store, &a, &name).await.as_deref(), Some("hush-a-2"), "the newest");
    assert_eq!(read(store, &b, &name).await.as_deref(), Some("hush-b"));

    // `conf-a` + `eu-key` and `conf-a-eu` + `key`.
    store.put(&a, &named("eu-key"), &Secret::new("of a")).await.unwrap();
    assert_eq!(read(store, &ab, &named("key")).await, None, "names join");
    store.put(&ab, &named("key"), &Secret::new("of ab")).await.unwrap();
    assert_eq!(read(store, &a, &named("eu-key")).await.as_deref(), Some("of a"));

    for value in ["x".repeat(MAX_SECRET), "秘密 \n\0\u{202e}".to_owned()] {
        store.put(&a, &named("long"), &Secret::new(value.clone())).await.unwrap();
        assert_eq!(read(store, &a, &named("long")).await, Some(value));
    }
    for value in [String::new(), "x".repeat(MAX_SECRET + 1)] {
        let put = store.put(&a, &name, &Secret::new(value)).await;
        assert!(matches!(put, Err(PortError::Refused(_))), "a length that not every store takes");
    }
    for (tenant, name) in
        [(&a, "database-password"), (&a, "eu-key"), (&a, "long"), (&ab, "key"), (&b, "database-password")]
    {
        assert!(store.delete(tenant, &named(name)).await.unwrap(), "{tenant} {name}");
        assert_eq!(read(store, tenant, &named(name)).await, None);
        assert!(!store.delete(tenant, &named(name)).await.unwrap());
    }
    store.put(&a, &named("long"), &Secret::new("again")).await.unwrap();
    assert_eq!(read(store, &a, &named("long")).await.as_deref(), Some("again"), "a name can be used again");
    assert!(store.delete(&a, &named("long")).await.unwrap());
}

fn named(name: &str) -> SecretName {
    SecretName::new(name).unwrap()
}

async fn read(store: &dyn Secrets, tenant: &TenantId, name: &SecretName) -> Option<String> {
    store.get(tenant, name).await.unwrap().map(|secret| secret.expose().to_owned())
}
