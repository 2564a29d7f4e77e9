//! Secrets and keys, against a vault that refuses what Key Vault refuses.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod faults;
mod law;
mod leaks;

use azure::{Identities, Tenants, Vault};
use doubles::{Audit, Ca, Identity, vault};
use pool::{TenantRecord, conformance::memory::MemoryDirectory};
use std::{net::SocketAddr, sync::Arc};

/// A tenant that has a vault of its own, and an identity that alone may use it.
pub(crate) const RICH: &str = "conf-rich";

/// The vaults, and our adapter to them. `conf-a`, `conf-a-eu` and `conf-b` share one.
pub(crate) struct World {
    pub(crate) ca: Ca,
    pub(crate) audit: Audit,
    pub(crate) identity: Identity,
    pub(crate) vaults: vault::Vault,
    pub(crate) ours: Vault,
}

impl World {
    pub(crate) async fn new() -> Self {
        let (ca, audit) = (Ca::new(), Audit::default());
        let identity = Identity::start(&["id-rich"], &audit).await;
        let vaults = vault::Vault::start(&ca, &identity, &audit).await;
        for name in ["conf-a--data", "conf-a-eu--data"] {
            vaults.create_key("shared", name);
        }
        vaults.create_key("rich", "conf-rich--data");
        vaults.allow("rich", &["id-rich"]);
        let ours = adapter(&ca, &identity, vaults.address());
        Self { ca, audit, identity, vaults, ours }
    }

    /// Any request, as anyone who may use the shared vault.
    pub(crate) async fn raw(
        &self,
        method: &str,
        path: &str,
        body: serde_json::Value,
    ) -> (u16, serde_json::Value) {
        let token = self.identity.mint("system", vault::AUDIENCE);
        let url = format!("{}{path}?api-version=2025-07-01", self.vaults.url());
        let request = client(&self.ca, self.vaults.address()).request(method.parse().unwrap(), url);
        let answer = request.bearer_auth(token).json(&body).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }
}

pub(crate) fn client(ca: &Ca, vaults: SocketAddr) -> reqwest::Client {
    let root = reqwest::Certificate::from_pem(ca.pem().as_bytes()).unwrap();
    let mut builder = reqwest::Client::builder().tls_certs_merge([root]);
    for name in ["shared", "rich"] {
        builder = builder.resolve(&format!("{name}.vault.azure.net"), vaults);
    }
    builder.build().unwrap()
}

pub(crate) fn adapter(ca: &Ca, identity: &Identity, vaults: SocketAddr) -> Vault {
    let records = ["conf-a", "conf-a-eu", "conf-b", RICH].map(|name| TenantRecord::new(name, name));
    let records = records.map(|record| match record.id.as_str() {
        RICH => TenantRecord {
            keyvault_name: "rich".into(),
            managed_identity_client_id: Some("id-rich".into()),
            ..record
        },
        _ => record,
    });
    of_tenants(ca, identity, vaults, records.to_vec())
}

pub(crate) fn of_tenants(
    ca: &Ca,
    identity: &Identity,
    vaults: SocketAddr,
    records: Vec<TenantRecord>,
) -> Vault {
    let tenants = Tenants::new(Arc::new(MemoryDirectory::new(records)));
    let identity = identity.clone();
    let maker = Arc::new(move |id: Option<&str>| Ok(identity.credential(id)));
    let identities = Arc::new(Identities::new(None, tenants.clone(), maker));
    let shared = "https://shared.vault.azure.net".parse().unwrap();
    Vault::new(shared, tenants, identities, client(ca, vaults)).unwrap()
}
