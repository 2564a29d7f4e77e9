use super::{Vault, named};
use crate::error::{self, status};
use async_trait::async_trait;
use azure_core::http::StatusCode;
use azure_security_keyvault_secrets::{ResourceExt, SecretClient, models::SetSecretParameters};
use pool::{
    TenantId,
    ports::{PortError, PortResult, Secret, SecretName, Secrets, check_secret},
};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// The pause between looks whether a secret is recovered.
const PAUSE: Duration = Duration::from_millis(500);

#[async_trait]
impl Secrets for Vault {
    async fn get(&self, tenant: &TenantId, name: &SecretName) -> PortResult<Option<Secret>> {
        let (clients, name) = (self.clients(tenant).await?, named(tenant, name.as_str()));
        let got = self.wait(async { clients.secrets.get_secret(&name, None).await?.into_model() }).await;
        let secret = match got {
            Err(fault) if status(&fault) == Some(StatusCode::NotFound) => return Ok(None),
            other => other.map_err(error::port)?,
        };
        let id = secret.resource_id().map_err(error::port)?;
        if id.vault_url != clients.vault || id.name != name {
            return Err(PortError::unavailable("the vault answers with another secret"));
        }
        Ok(secret.value.map(Secret::new))
    }

    async fn put(&self, tenant: &TenantId, name: &SecretName, value: &Secret) -> PortResult<()> {
        check_secret(value)?;
        let (clients, name) = (self.clients(tenant).await?, named(tenant, name.as_str()));
        let deadline = Instant::now() + self.patience;
        loop {
            match self.wait(set(&clients.secrets, &name, value)).await {
                // A secret of this name was deleted: it has to be recovered, which takes a while, before it can be set.
                Err(fault) if status(&fault) == Some(StatusCode::Conflict) && Instant::now() < deadline => {
                    let recovery =
                        self.wait(async { clients.secrets.recover_deleted_secret(&name, None).await }).await;
                    match recovery.err().as_ref().map(status) {
                        // It is recovered already, or being recovered.
                        None | Some(Some(StatusCode::NotFound | StatusCode::Conflict)) => sleep(PAUSE).await,
                        Some(_) => return Err(error::port(fault)),
                    }
                }
                other => return other.map_err(error::port),
            }
        }
    }

    async fn delete(&self, tenant: &TenantId, name: &SecretName) -> PortResult<bool> {
        let (clients, name) = (self.clients(tenant).await?, named(tenant, name.as_str()));
        match self.wait(clients.secrets.delete_secret(&name, None)).await {
            Ok(_) => Ok(true),
            Err(fault) if status(&fault) == Some(StatusCode::NotFound) => Ok(false),
            Err(fault) => Err(error::port(fault)),
        }
    }
}

async fn set(client: &SecretClient, name: &str, value: &Secret) -> azure_core::Result<()> {
    let parameters =
        SetSecretParameters { value: Some(value.expose().to_owned()), ..SetSecretParameters::default() };
    client.set_secret(name, parameters.try_into()?, None).await.map(drop)
}
