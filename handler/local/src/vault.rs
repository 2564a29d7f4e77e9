//! Secrets and wrapping keys as files of the tenant's folder, which their owner alone can read: with the folder they go.

use crate::{
    entropy::token,
    error::{Error, Io, Result},
    files::{make_folder, sync_folder},
    tenants::Tenants,
};
use async_trait::async_trait;
use aws_lc_rs::key_wrap::{AES_256, AesKek, KeyWrap};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use pool::{
    TenantId,
    ports::{
        DataKey, Entropy, Keys, PortError, PortResult, Secret, SecretName, Secrets, WrappedKey, check_secret,
    },
};
use std::{
    fs::{self, File, OpenOptions},
    io::{ErrorKind, Read, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::task::spawn_blocking;

/// [`Secrets`] and [`Keys`] of this machine. Data keys are wrapped by AES-256 (NIST SP 800-38F).
pub struct LocalVault {
    tenants: Arc<Tenants>,
    entropy: Arc<dyn Entropy>,
}

impl LocalVault {
    pub(crate) fn new(tenants: Arc<Tenants>, entropy: Arc<dyn Entropy>) -> Self {
        Self { tenants, entropy }
    }

    /// Works in the tenant's folder, on a thread that may wait; with a name that was never used.
    async fn at<T: Send + 'static>(
        &self,
        tenant: &TenantId,
        work: impl FnOnce(&Path, &str) -> PortResult<T> + Send + 'static,
    ) -> PortResult<T> {
        let (folder, fresh) = (self.tenants.folder(tenant.as_str())?, token(&*self.entropy));
        spawn_blocking(move || work(&folder.join("vault"), &fresh)).await.map_err(PortError::unavailable)?
    }

    async fn wrapping_key(&self, tenant: &TenantId) -> PortResult<AesKek> {
        let mut new = [0; 32];
        self.entropy.fill(&mut new);
        let key = self.at(tenant, move |folder, fresh| {
            let place = folder.join("key");
            if let Some(key) = read(&place)? {
                return Ok(key);
            }
            let part = write(folder.join(fresh), &new)?;
            // Of two that make one, the second takes the first's.
            match fs::hard_link(&part, &place) {
                Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error).at(&place)?,
                _ => fs::remove_file(&part).at(&part)?,
            }
            sync_folder(&place)?;
            read(&place)?.ok_or_else(|| PortError::unavailable("the wrapping key is gone"))
        });
        AesKek::new(&AES_256, &key.await?).map_err(|_| PortError::refused("the wrapping key is not 32 bytes"))
    }
}

#[async_trait]
impl Secrets for LocalVault {
    async fn get(&self, tenant: &TenantId, name: &SecretName) -> PortResult<Option<Secret>> {
        let name = name.as_str().to_owned();
        let bytes = self.at(tenant, move |folder, _| Ok(read(&folder.join("secrets").join(name))?)).await?;
        bytes.map(|bytes| String::from_utf8(bytes).map(Secret::new).map_err(PortError::refused)).transpose()
    }

    async fn put(&self, tenant: &TenantId, name: &SecretName, value: &Secret) -> PortResult<()> {
        check_secret(value)?;
        let (name, value) = (name.as_str().to_owned(), value.clone());
        let put = self.at(tenant, move |folder, fresh| {
            let place = folder.join("secrets").join(name);
            make_folder(&folder.join("secrets"))?;
            let part = write(folder.join(fresh), value.expose().as_bytes())?;
            fs::rename(&part, &place).at(&place)?;
            Ok(sync_folder(&place)?)
        });
        put.await
    }

    async fn delete(&self, tenant: &TenantId, name: &SecretName) -> PortResult<bool> {
        let name = name.as_str().to_owned();
        let delete = self.at(tenant, move |folder, _| {
            let place = folder.join("secrets").join(name);
            match fs::remove_file(&place) {
                Ok(()) => Ok(sync_folder(&place).map(|()| true)?),
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
                Err(error) => Ok(Err(error).at(&place)?),
            }
        });
        delete.await
    }
}

#[async_trait]
impl Keys for LocalVault {
    async fn wrap(&self, tenant: &TenantId, key: &DataKey) -> PortResult<WrappedKey> {
        let mut wrapped = [0; 40];
        let wrapping = self.wrapping_key(tenant).await?;
        wrapping.wrap(&key.0, &mut wrapped).map_err(|_| PortError::refused("the key cannot be wrapped"))?;
        Ok(WrappedKey::new(format!("local/{tenant}/1 {}", BASE64.encode(wrapped))))
    }

    async fn unwrap(&self, tenant: &TenantId, wrapped: &WrappedKey) -> PortResult<DataKey> {
        let foreign = || PortError::refused("the data key is not wrapped by this tenant's key");
        let bytes = wrapped.as_str().strip_prefix(&format!("local/{tenant}/1 ")).ok_or_else(foreign)?;
        let bytes = BASE64.decode(bytes).map_err(|_| foreign())?;
        let mut key = [0; 32];
        let whole = self.wrapping_key(tenant).await?.unwrap(&bytes, &mut key).map_err(|_| foreign())?.len();
        if whole == key.len() { Ok(DataKey(key)) } else { Err(foreign()) }
    }
}

fn read(path: &Path) -> Result<Option<Vec<u8>>> {
    let mut file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        other => other.at(path)?,
    };
    let mode = file.metadata().at(path)?.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(Error::Exposed { path: path.to_owned(), mode });
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).at(path)?;
    Ok(Some(bytes))
}

/// Writes a file that is yet to be put in its place.
fn write(part: PathBuf, bytes: &[u8]) -> Result<PathBuf> {
    part.parent().map_or(Ok(()), make_folder)?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part).at(&part)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).at(&part)?;
    Ok(part)
}
