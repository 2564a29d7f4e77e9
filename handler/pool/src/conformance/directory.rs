//! The law of [`Directory`]: exact names, exact containers, a container for one tenant alone.
#![expect(clippy::unwrap_used, reason = "a conformance suite fails by panicking")]

use crate::{
    TenantRecord, TenantStatus,
    ports::{Directory, PortError},
};

/// Runs the suite on an empty directory.
pub async fn directory(directory: &dyn Directory) {
    let named = |id: &str, container: &str| TenantRecord {
        storage_container: container.to_owned(),
        ..TenantRecord::new(id, &format!("{id} K.K. 株式会社"))
    };
    let (one, two) = (named("conf-one", ""), named("conf-two", "bucket-2"));
    assert_eq!(directory.get("conf-one").await.unwrap(), None);
    assert_eq!(directory.list(None, 10).await.unwrap(), []);
    directory.put(&two).await.unwrap();
    directory.put(&one).await.unwrap();
    for record in [&one, &two] {
        assert_eq!(directory.get(&record.id).await.unwrap().as_ref(), Some(record));
        assert_eq!(directory.by_container(record.container()).await.unwrap().as_ref(), Some(record));
    }
    for near in [
        "",
        "conf",
        "CONF-ONE",
        "Conf-One",
        "conf-one ",
        " conf-one",
        "conf-one\0",
        "conf-on_",
        "conf-%",
        "conf－one",
    ] {
        assert_eq!(directory.get(near).await.unwrap(), None, "{near:?} is not exactly conf-one");
        assert_eq!(directory.by_container(near).await.unwrap(), None, "{near:?} is not exactly conf-one");
    }
    assert_eq!(
        directory.by_container("conf-two").await.unwrap(),
        None,
        "an id is no container if the record names one"
    );

    for container in ["conf-one", "bucket-2"] {
        let thief = directory.put(&named("conf-thief", container)).await;
        assert!(matches!(thief, Err(PortError::Conflict)), "a container has one tenant: {thief:?}");
    }
    assert_eq!(directory.get("conf-thief").await.unwrap(), None, "a conflict writes nothing");

    let moved = TenantRecord { status: TenantStatus::Suspended, ..named("conf-two", "bucket-3") };
    directory.put(&moved).await.unwrap();
    assert_eq!(directory.get("conf-two").await.unwrap(), Some(moved.clone()));
    assert_eq!(directory.by_container("bucket-2").await.unwrap(), None, "the old container is nobody's");
    assert_eq!(directory.by_container("bucket-3").await.unwrap(), Some(moved));

    let removed = TenantRecord { status: TenantStatus::Removed, ..named("conf-two", "bucket-3") };
    directory.put(&removed).await.unwrap();
    assert_eq!(directory.get("conf-two").await.unwrap(), Some(removed));
    let heir = directory.put(&named("conf-heir", "bucket-3")).await;
    assert!(matches!(heir, Err(PortError::Conflict)), "what a tenant left has no heir: {heir:?}");

    for (id, container) in [("uploads", ""), ("Conf-One", ""), ("conf-thief", "azure-webjobs-hosts")] {
        let refused = directory.put(&named(id, container)).await;
        assert!(matches!(refused, Err(PortError::Refused(_))), "{id} {container}: {refused:?}");
        assert_eq!(directory.get(id).await.unwrap(), None, "what is refused is not written");
    }
    for i in 0..25 {
        directory.put(&named(&format!("conf-x{i:02}"), "")).await.unwrap();
    }
    let mut names: Vec<String> = Vec::new();
    loop {
        let page = directory.list(names.last().map(String::as_str), 4).await.unwrap();
        assert!(page.len() <= 4);
        if page.is_empty() {
            break;
        }
        names.extend(page.into_iter().map(|record| record.id));
    }
    assert_eq!(names.len(), 27, "every tenant once");
    assert!(names.is_sorted(), "by name: {names:?}");
}
