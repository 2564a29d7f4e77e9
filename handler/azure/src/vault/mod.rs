//! Tenants' secrets, and the keys that wrap their data keys, in Key Vault.
//!
//! What is a tenant's is named `tenant--name`, in the shared vault and in a vault of its own alike: neither part holds
//! `--` or a capital letter, so that no two tenants' names meet, and an operator who gives two tenants one vault has only
//! made another shared vault. A tenant's wrapping key is `tenant--data`; it is made when the tenant is.

mod keys;
mod secrets;

use crate::{Identities, Tenants, error, transport};
use azure_core::{
    credentials::{AccessToken, TokenCredential, TokenRequestOptions},
    error::ErrorKind,
};
use azure_security_keyvault_keys::{KeyClient, KeyClientOptions};
use azure_security_keyvault_secrets::{SecretClient, SecretClientOptions};
use pool::{
    TenantId,
    ports::{PortError, PortResult},
};
use quick_cache::sync::Cache;
use std::{sync::Arc, time::Duration};
use tokio::time::timeout;
use url::Url;

/// The longest that one operation may take, with all its tries, unless it is said.
const PATIENCE: Duration = Duration::from_secs(30);

/// [`Secrets`](pool::ports::Secrets) and [`Keys`](pool::ports::Keys) in Key Vault.
pub struct Vault {
    shared: Url,
    scope: String,
    tenants: Tenants,
    identities: Arc<Identities>,
    client: reqwest::Client,
    patience: Duration,
    /// A client learns from its first answer whom to ask for a token, so it is kept.
    known: Cache<TenantId, Arc<Clients>>,
}

/// The clients of one tenant at one vault, with one identity.
struct Clients {
    vault: String,
    credential: Arc<dyn TokenCredential>,
    secrets: SecretClient,
    keys: KeyClient,
}

impl Vault {
    /// `shared`: the vault of the tenants that have none of their own, `https://vault.vault.azure.net`. Theirs are its
    /// neighbours: `https://NAME.vault.azure.net`.
    ///
    /// # Errors
    /// `Refused` for an address that is no vault's.
    pub fn new(
        shared: Url,
        tenants: Tenants,
        identities: Arc<Identities>,
        client: reqwest::Client,
    ) -> PortResult<Self> {
        if shared.scheme() != "https" || !matches!(shared.path(), "" | "/") {
            return Err(PortError::refused("a vault's address is https://NAME.vault.azure.net"));
        }
        let zone = shared.domain().and_then(|domain| domain.split_once('.')).map(|(_, zone)| zone);
        let scope = format!("https://{}/.default", zone.unwrap_or("vault.azure.net"));
        Ok(Self { shared, scope, tenants, identities, client, patience: PATIENCE, known: Cache::new(4_096) })
    }

    /// The same, with another longest time for an operation with all its tries. Without: 30 seconds.
    pub fn within(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    async fn clients(&self, tenant: &TenantId) -> PortResult<Arc<Clients>> {
        let record = self.tenants.get(tenant).await?;
        let vault = self.address(&record.keyvault_name)?;
        let credential = self.identities.of(tenant).await?;
        let same = |known: &Arc<Clients>| known.vault == vault && Arc::ptr_eq(&known.credential, &credential);
        if let Some(known) = self.known.get(tenant).filter(same) {
            return Ok(known);
        }
        let pinned: Arc<dyn TokenCredential> = Arc::new(Pinned(credential.clone(), self.scope.clone()));
        // The vault's word for whom its tokens are is not taken: `Pinned` gives no others, and the address is ours.
        let verify_challenge_resource = Some(false);
        let client_options = transport::options(&self.client);
        let options = SecretClientOptions {
            client_options,
            verify_challenge_resource,
            ..SecretClientOptions::default()
        };
        let secrets = SecretClient::new(&vault, pinned.clone(), Some(options)).map_err(error::port)?;
        let client_options = transport::options(&self.client);
        let options =
            KeyClientOptions { client_options, verify_challenge_resource, ..KeyClientOptions::default() };
        let keys = KeyClient::new(&vault, pinned, Some(options)).map_err(error::port)?;
        let clients = Arc::new(Clients { vault, credential, secrets, keys });
        self.known.insert(tenant.clone(), clients.clone());
        Ok(clients)
    }

    /// Waits for an operation.
    async fn wait<T>(&self, work: impl Future<Output = azure_core::Result<T>>) -> azure_core::Result<T> {
        let late = || azure_core::Error::with_message(ErrorKind::Io, "the vault does not answer in time");
        timeout(self.patience, work).await.unwrap_or_else(|_| Err(late()))
    }

    /// The vault's origin. A name that is no vault's could lead anywhere, with a token.
    fn address(&self, own: &str) -> PortResult<String> {
        let origin = |url: &Url| url.origin().ascii_serialization();
        if own.is_empty() {
            return Ok(origin(&self.shared));
        }
        let legal = (3..=24).contains(&own.len())
            && own.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && own.starts_with(|first: char| first.is_ascii_alphabetic());
        let zone = self.shared.domain().and_then(|domain| domain.split_once('.')).filter(|_| legal);
        let (_, zone) =
            zone.ok_or_else(|| PortError::refused("the tenant's keyvault_name is no vault's name"))?;
        let mut url = self.shared.clone();
        url.set_host(Some(&format!("{own}.{zone}"))).map_err(PortError::refused)?;
        Ok(origin(&url))
    }
}

/// What is the tenant's alone, of this name.
fn named(tenant: &TenantId, name: &str) -> String {
    format!("{tenant}--{name}")
}

/// A credential that gives tokens for vaults alone, whatever a vault asks for.
#[derive(Debug)]
struct Pinned(Arc<dyn TokenCredential>, String);

#[async_trait::async_trait]
impl TokenCredential for Pinned {
    async fn get_token(
        &self,
        scopes: &[&str],
        options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        if scopes != [self.1.as_str()] {
            let why = "the vault asks for a token that is not for vaults";
            return Err(azure_core::Error::with_message(ErrorKind::Other, why));
        }
        self.0.get_token(scopes, options).await
    }
}
