//! An account, and adapters on it.

use azure::{Cosmos, CosmosDirectory, CosmosRecords, Identities, Maker, Tenants};
use doubles::{Audit, Identity};
use pool::{
    TenantRecord,
    conformance::memory::{ManualClock, MemoryDirectory, SeededEntropy},
};
use std::sync::Arc;

/// Identities of `conf-a` and `fabrikam`; all other tenants have none of their own.
pub(crate) const OWN: [(&str, &str); 2] = [("conf-a", "identity-of-a"), ("fabrikam", "identity-of-fabrikam")];

pub(crate) struct World {
    pub(crate) account: doubles::cosmos::Cosmos,
    pub(crate) audit: Audit,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) records: CosmosRecords,
    pub(crate) directory: CosmosDirectory,
}

impl World {
    pub(crate) async fn new() -> Self {
        let audit = Audit::default();
        let identity = Identity::start(&["app", "identity-of-a", "identity-of-fabrikam"], &audit).await;
        let account = doubles::cosmos::Cosmos::start(&identity, &audit).await;
        let names = ["conf-a", "conf-b", "conf-c", "contoso", "fabrikam"];
        let tenants = names.map(|name| TenantRecord {
            managed_identity_client_id: OWN
                .iter()
                .find(|(id, _)| *id == name)
                .map(|(_, own)| (*own).to_owned()),
            ..TenantRecord::new(name, name)
        });
        let tenants = Tenants::new(Arc::new(MemoryDirectory::new(tenants)));
        let maker: Maker = Arc::new(move |client_id| Ok(identity.credential(client_id)));
        let own = Some("app".to_owned());
        let identities = Arc::new(Identities::new(own.clone(), tenants, maker.clone()));
        let cosmos = Arc::new(Cosmos::new(account.url().parse().unwrap(), "pool", own, maker));
        let clock = Arc::new(ManualClock::default());
        let entropy = Arc::new(SeededEntropy::default());
        let records = CosmosRecords::new(cosmos.clone(), identities, clock.clone(), entropy);
        Self { account, audit, clock, records, directory: CosmosDirectory::new(cosmos) }
    }
}
