//! Who asks. Each tenant's work is done with that tenant's identity, and a token of one is never at hand for another.

use crate::{Tenants, transport};
use azure_core::credentials::TokenCredential;
use azure_identity::{
    ClientAssertionCredentialOptions, DeveloperToolsCredential, ManagedIdentityCredential,
    ManagedIdentityCredentialOptions, UserAssignedId, WorkloadIdentityCredential,
    WorkloadIdentityCredentialOptions,
};
use pool::{
    TenantId,
    ports::{PortError, PortResult},
};
use quick_cache::sync::Cache;
use std::sync::Arc;

/// How the service proves who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// Managed identity: the tenant's user-assigned one, or the app's own.
    ManagedIdentity,
    /// Workload identity federation, as in Kubernetes or Container Apps.
    WorkloadIdentity,
    /// Whoever is signed in to `az` or `azd` on this machine. All tenants' work is then that person's.
    Developer,
}

/// Makes the credential of an identity, by its client id; `None`: the system-assigned one.
pub type Maker = Arc<dyn Fn(Option<&str>) -> PortResult<Arc<dyn TokenCredential>> + Send + Sync>;

/// The credentials, one for each tenant and identity. Each caches its tokens by scope; none is shared by tenants, even
/// where their work is done with the app's own identity.
pub struct Identities {
    own: Option<String>,
    tenants: Tenants,
    maker: Maker,
    known: Cache<(TenantId, Option<String>), Arc<dyn TokenCredential>>,
}

impl Identities {
    /// `own`: the client id of the app's user-assigned identity; `None`: its system-assigned one.
    pub fn new(own: Option<String>, tenants: Tenants, maker: Maker) -> Self {
        Self { own, tenants, maker, known: Cache::new(4_096) }
    }

    /// What the directory says of tenants.
    pub fn tenants(&self) -> &Tenants {
        &self.tenants
    }

    /// The credential with which `tenant`'s work is done.
    ///
    /// # Errors
    /// The directory's; and `Refused` when the environment does not say how to get one.
    pub async fn of(&self, tenant: &TenantId) -> PortResult<Arc<dyn TokenCredential>> {
        let record = self.tenants.get(tenant).await?;
        let client_id = record.managed_identity_client_id.clone().or_else(|| self.own.clone());
        let key = (tenant.clone(), client_id);
        self.known.get_or_insert_with(&key, || (self.maker)(key.1.as_deref()))
    }
}

impl Who {
    /// Makes credentials of this kind, which ask for their tokens through `client`.
    pub fn maker(self, client: reqwest::Client) -> Maker {
        Arc::new(move |client_id| self.credential(client_id, &client))
    }

    fn credential(
        self,
        client_id: Option<&str>,
        client: &reqwest::Client,
    ) -> PortResult<Arc<dyn TokenCredential>> {
        let client_options = transport::options(client);
        let made = match self {
            Self::ManagedIdentity => {
                let user_assigned_id = client_id.map(|id| UserAssignedId::ClientId(id.to_owned()));
                let options = ManagedIdentityCredentialOptions { user_assigned_id, client_options };
                ManagedIdentityCredential::new(Some(options)).map(|made| made as Arc<dyn TokenCredential>)
            }
            Self::WorkloadIdentity => {
                let options = WorkloadIdentityCredentialOptions {
                    client_id: client_id.map(str::to_owned),
                    credential_options: ClientAssertionCredentialOptions { client_options },
                    ..Default::default()
                };
                WorkloadIdentityCredential::new(Some(options)).map(|made| made as Arc<dyn TokenCredential>)
            }
            Self::Developer => {
                DeveloperToolsCredential::new(None).map(|made| made as Arc<dyn TokenCredential>)
            }
        };
        made.map_err(PortError::refused)
    }
}
