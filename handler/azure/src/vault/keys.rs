use super::{Vault, named};
use crate::error::{self, status};
use async_trait::async_trait;
use azure_core::http::StatusCode;
use azure_security_keyvault_keys::models::{EncryptionAlgorithm, KeyOperationParameters};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use pool::{
    TenantId,
    ports::{DataKey, Keys, PortError, PortResult, WrappedKey},
};

/// The name of a tenant's wrapping key.
const KEY: &str = "data";

/// A wrapped key is the wrapping key's id, a space, and the bytes in unpadded base64url.
#[async_trait]
impl Keys for Vault {
    async fn wrap(&self, tenant: &TenantId, key: &DataKey) -> PortResult<WrappedKey> {
        let (clients, name) = (self.clients(tenant).await?, named(tenant, KEY));
        let parameters = rsa_oaep(key.0.to_vec()).try_into().map_err(error::port)?;
        let wrapped =
            self.wait(async { clients.keys.wrap_key(&name, parameters, None).await?.into_model() }).await;
        let wrapped = wrapped.map_err(|fault| match status(&fault) {
            Some(StatusCode::NotFound) => PortError::refused(format!("the vault has no key {name}")),
            _ => error::port(fault),
        })?;
        let (kid, bytes) = (wrapped.kid.unwrap_or_default(), wrapped.result.unwrap_or_default());
        if version(&clients.vault, &name, &kid).is_none() || bytes.is_empty() {
            return Err(PortError::unavailable("the vault wraps with another key than it was asked to"));
        }
        Ok(WrappedKey::new(format!("{kid} {}", BASE64.encode(bytes))))
    }

    async fn unwrap(&self, tenant: &TenantId, wrapped: &WrappedKey) -> PortResult<DataKey> {
        let (clients, name) = (self.clients(tenant).await?, named(tenant, KEY));
        let foreign = || PortError::refused("the data key is not wrapped by this tenant's key");
        let (kid, bytes) = wrapped.as_str().split_once(' ').ok_or_else(foreign)?;
        // Checked before anything is asked: the vault would unwrap whatever this identity may.
        let version = version(&clients.vault, &name, kid).ok_or_else(foreign)?;
        let bytes = BASE64.decode(bytes).map_err(|_| foreign())?;
        let parameters = rsa_oaep(bytes).try_into().map_err(error::port)?;
        let unwrapped = self
            .wait(async { clients.keys.unwrap_key(&name, version, parameters, None).await?.into_model() })
            .await;
        let unwrapped = unwrapped.map_err(|fault| match status(&fault) {
            Some(StatusCode::NotFound | StatusCode::BadRequest) => PortError::refused(error::chain(&fault)),
            _ => error::port(fault),
        })?;
        let key = unwrapped.result.and_then(|key| key.try_into().ok());
        key.map(DataKey).ok_or_else(|| PortError::unavailable("the vault answers with no data key"))
    }
}

fn rsa_oaep(value: Vec<u8>) -> KeyOperationParameters {
    let algorithm = Some(EncryptionAlgorithm::RsaOaep256);
    KeyOperationParameters { algorithm, value: Some(value), ..KeyOperationParameters::default() }
}

/// The version of the key `name` in this vault that the id names, if it names that key.
fn version<'a>(vault: &str, name: &str, kid: &'a str) -> Option<&'a str> {
    let version = kid.strip_prefix(vault)?.strip_prefix("/keys/")?.strip_prefix(name)?.strip_prefix('/')?;
    let legal = (1..=64).contains(&version.len()) && version.bytes().all(|b| b.is_ascii_alphanumeric());
    legal.then_some(version)
}
