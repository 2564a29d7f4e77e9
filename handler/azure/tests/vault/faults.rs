//! Every operation under every fault: it succeeds or says why not, in time, and its effect is there once.

use crate::{World, adapter};
use doubles::faults::{FAULTS, Faults};
use pool::{
    ports::{DataKey, Keys, PortError, PortResult, Secret, SecretName, Secrets},
    testing::tenant,
};
use std::time::Duration;

/// The longest that an operation may take under a fault, with all its tries.
const LONGEST: Duration = Duration::from_secs(6);
const PATIENCE: Duration = Duration::from_secs(3);

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_survives_every_fault() {
    let tests = FAULTS.map(|fault| {
        tokio::spawn(async move {
            let world = World::new().await;
            let proxy = Faults::start(&world.ca, world.vaults.address()).await;
            let (a, db, key) = (tenant("conf-a"), SecretName::new("db").unwrap(), DataKey([1; 32]));
            let ours = adapter(&world.ca, &world.identity, proxy.address());
            let wrapped = ours.wrap(&a, &key).await.unwrap();
            ours.put(&a, &db, &Secret::new("old")).await.unwrap();
            let ours = ours.within(PATIENCE);
            for times in [1, usize::MAX] {
                for operation in ["put", "get", "wrap", "unwrap", "delete"] {
                    proxy.plan(fault, times);
                    let work = async {
                        match operation {
                            "put" => ours.put(&a, &db, &Secret::new("new")).await,
                            "get" => {
                                ours.get(&a, &db).await.map(|got| assert_eq!(got.unwrap().expose(), "new"))
                            }
                            "wrap" => ours.wrap(&a, &key).await.map(drop),
                            "unwrap" => ours.unwrap(&a, &wrapped).await.map(|got| assert_eq!(got, key)),
                            _ => ours.delete(&a, &db).await.map(drop),
                        }
                    };
                    let done: PortResult<()> = tokio::time::timeout(LONGEST, work).await.expect("in time");
                    if let Err(error) = &done {
                        assert!(error.transient(), "{fault:?} × {operation}: {error:?}");
                    }
                    assert!(proxy.seen().len() <= 12, "{fault:?} × {operation}: {:?}", proxy.seen());
                    proxy.heal();
                    if done.is_err() && operation == "put" {
                        ours.put(&a, &db, &Secret::new("new")).await.unwrap();
                    }
                }
                ours.put(&a, &db, &Secret::new("new")).await.unwrap();
                assert_eq!(
                    ours.get(&a, &db).await.unwrap().unwrap().expose(),
                    "new",
                    "{fault:?}: back again"
                );
            }
        })
    });
    for test in tests {
        test.await.unwrap();
    }
}

#[tokio::test]
async fn an_outage_is_no_absence() {
    let world = World::new().await;
    let proxy = Faults::start(&world.ca, world.vaults.address()).await;
    let ours = adapter(&world.ca, &world.identity, proxy.address()).within(PATIENCE);
    proxy.plan(doubles::faults::Fault::Status(503, None), usize::MAX);
    let got = ours.get(&tenant("conf-a"), &SecretName::new("db").unwrap()).await;
    assert!(matches!(got, Err(PortError::Unavailable(_))), "{got:?}");
}
