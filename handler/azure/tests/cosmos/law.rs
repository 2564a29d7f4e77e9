//! The law of the ports, and who asked for what.

use crate::support::{OWN, World};
use pool::conformance;
use std::collections::BTreeSet;

#[tokio::test(flavor = "multi_thread")]
async fn records() {
    let world = World::new().await;
    conformance::records(&world.records, &world.clock).await;
    let asked: BTreeSet<_> =
        world.audit.all().into_iter().map(|asked| (asked.tenant, asked.identity)).collect();
    let expected = ["conf-a", "conf-b", "conf-c"].map(|tenant| {
        let own = OWN.iter().find(|(id, _)| *id == tenant).map_or("app", |(_, own)| own);
        (Some(tenant.to_owned()), own.to_owned())
    });
    assert_eq!(asked, BTreeSet::from(expected), "each tenant's partition, by that tenant's identity alone");
}

#[tokio::test(flavor = "multi_thread")]
async fn directory() {
    let world = World::new().await;
    conformance::directory(&world.directory).await;
}
