//! One root under load: groups of commits, many tenants, several openers.

use crate::support::{all, open, open_at, row};
use local::{Error, Local, Options, OsEntropy};
use pool::{
    conformance::memory::ManualClock,
    ports::{Etag, Kind, PortError, Records, Write},
    testing::tenant,
};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// 64 writers raise one counter by compare-and-set, while half of what they send must fail: no rise is lost, none is done
/// twice, and no failure takes a neighbour of its group along.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn conditions_hold_within_a_group() {
    let root = tempfile::tempdir().unwrap();
    let local = open(root.path());
    let who = tenant("conf-a");
    local.records.commit(&who, vec![Write::Create(row("counter", r#"{"n":0}"#))]).await.unwrap();
    let conflicts = Arc::new(AtomicUsize::new(0));
    let writers: Vec<_> = (0..64)
        .map(|writer| {
            let (records, who, conflicts) = (local.records.clone(), who.clone(), conflicts.clone());
            tokio::spawn(async move {
                let mut raised = 0;
                while raised < 5 {
                    let read = records.get(&who, Kind::Record, "counter").await.unwrap().unwrap();
                    let n = serde_json::from_str::<serde_json::Value>(&read.row.body).unwrap()["n"]
                        .as_u64()
                        .unwrap();
                    let batch = vec![
                        Write::Create(row(&format!("w{writer}-{raised}"), "{}")),
                        Write::Replace(row("counter", &format!(r#"{{"n":{}}}"#, n + 1)), Some(read.etag)),
                    ];
                    match records.commit(&who, batch).await {
                        Ok(_) => raised += 1,
                        Err(PortError::Conflict) => drop(conflicts.fetch_add(1, Ordering::Relaxed)),
                        Err(other) => panic!("{other:?}"),
                    }
                    let doomed = vec![
                        Write::Create(row(&format!("doomed-{writer}-{raised}"), "{}")),
                        Write::Delete(Kind::Record, "counter".into(), Some(Etag("never".into()))),
                    ];
                    assert!(matches!(records.commit(&who, doomed).await, Err(PortError::Conflict)));
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let rows = local.records.query(&who, &all()).await.unwrap();
    assert_eq!(rows.len(), 1 + 64 * 5);
    assert_eq!(rows[0].row.body, r#"{"n":320}"#);
    assert!(conflicts.load(Ordering::Relaxed) > 0, "the writers did meet");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_tenants_share_few_places() {
    let root = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::default());
    let local = open_at(root.path(), clock, Options { open_tenants: 8, ..Options::default() });
    for round in 0..2 {
        let tasks: Vec<_> = (0..200)
            .map(|i| {
                let records = local.records.clone();
                tokio::spawn(async move {
                    let who = tenant(&format!("tenant-{i}"));
                    let body = format!(r#"{{"of":{i}}}"#);
                    records
                        .commit(&who, vec![Write::Create(row(&format!("r{round}"), &body))])
                        .await
                        .unwrap();
                    let rows = records.query(&who, &all()).await.unwrap();
                    assert_eq!(rows.len(), round + 1);
                    assert!(rows.iter().all(|row| row.row.body == body && row.tenant == who.as_str()));
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert!(local.tidy(std::time::Duration::from_secs(3_600)) <= 8);
    }
    assert_eq!(local.tidy(std::time::Duration::ZERO), 0);
    assert_eq!(
        local.records.query(&tenant("tenant-7"), &all()).await.unwrap().len(),
        2,
        "closed is not gone"
    );
    let folders = || std::fs::read_dir(root.path().join("tenants")).unwrap().count();
    assert_eq!(folders(), 200);
    for bad in ["..", "", "../tenants", "tenant-7/", "TENANT-7"] {
        assert!(local.offboard(bad).await.is_err(), "{bad}");
    }
    assert!(local.offboard("tenant-7").await.unwrap());
    assert!(!local.offboard("tenant-7").await.unwrap());
    assert_eq!(folders(), 199);
    drop(local);
    let local = open(root.path());
    assert_eq!(local.records.query(&tenant("tenant-7"), &all()).await.unwrap(), [], "off-boarded");
    assert_eq!(local.records.query(&tenant("tenant-8"), &all()).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_newer_database_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let who = tenant("conf-a");
    let local = open(root.path());
    local.records.commit(&who, vec![Write::Create(row("x", "{}"))]).await.unwrap();
    drop(local);
    let newer = |file: &str| {
        let db = rusqlite::Connection::open(root.path().join(file)).unwrap();
        db.pragma_update(None, "user_version", 99).unwrap();
    };
    newer("tenants/conf-a/tenant.db");
    let local = open(root.path());
    let refused = local.records.get(&who, Kind::Record, "x").await.unwrap_err();
    assert!(!refused.transient(), "{refused:?}");
    assert!(local.records.get(&tenant("conf-b"), Kind::Record, "x").await.unwrap().is_none(), "others go on");
    drop(local);
    newer("platform.db");
    let refused =
        Local::open(root.path(), Options::default(), Arc::new(ManualClock::default()), Arc::new(OsEntropy));
    let refused = refused.map(drop).unwrap_err();
    assert!(matches!(&refused, Error::Newer { found: 99, .. }), "{refused}");
}

#[tokio::test]
async fn names_stay_in_their_folder() {
    use pool::{ports::Blobs, testing::blob};
    let root = tempfile::tempdir().unwrap();
    let local = open(root.path());
    for name in ["", "..", "../x", "a.b", "A", "a\0", "/etc/../x", "\u{ff0f}", &"a".repeat(129)] {
        let refused = local.blobs.head(&tenant("conf-a"), &blob(name)).await;
        assert!(matches!(refused, Err(PortError::Refused(_))), "{name:?}: {refused:?}");
    }
    for id in ["", "a b", "a/b", "é", "a\0", &"a".repeat(256)] {
        let refused = local.records.commit(&tenant("conf-a"), vec![Write::Create(row(id, "{}"))]).await;
        assert!(matches!(refused, Err(PortError::Refused(_))), "{id:?}: {refused:?}");
    }
}
