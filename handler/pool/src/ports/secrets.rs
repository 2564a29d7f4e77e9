use super::{PortError, PortResult};
use crate::TenantId;
use async_trait::async_trait;
use std::fmt;

/// Text that nobody may see: it cannot be printed, compared or serialised.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Takes a secret in.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for whoever must send it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// A secret's name within its tenant: `^[a-z0-9]+(?:-[a-z0-9]+)*$`, 1 to 64 bytes.
///
/// Stores that know no letter case, and have one name space for all tenants, can hold it: `--` joins a tenant's name and
/// this one, and occurs in neither.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SecretName(String);

impl SecretName {
    /// Takes a name.
    ///
    /// # Errors
    /// `Refused` when it breaks the grammar.
    pub fn new(name: &str) -> PortResult<Self> {
        let legal = (1..=64).contains(&name.len())
            && name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'))
            && !name.starts_with('-')
            && !name.ends_with('-')
            && !name.contains("--");
        let why = "a secret's name is 1 to 64 of a-z and 0-9, with single hyphens between";
        legal.then(|| Self(name.to_owned())).ok_or_else(|| PortError::refused(why))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A tenant's secrets.
#[async_trait]
pub trait Secrets: Send + Sync {
    /// The newest value; `None` if there is no such secret.
    async fn get(&self, tenant: &TenantId, name: &SecretName) -> PortResult<Option<Secret>>;

    /// Sets the value, 1 to 25,000 bytes: other lengths are `Refused`.
    async fn put(&self, tenant: &TenantId, name: &SecretName, value: &Secret) -> PortResult<()>;

    /// Removes the secret; `false` if there was none.
    async fn delete(&self, tenant: &TenantId, name: &SecretName) -> PortResult<bool>;
}

/// The longest value of a secret, in bytes.
pub const MAX_SECRET: usize = 25_000;

/// Whether the value's length is one that every store takes.
///
/// # Errors
/// `Refused` when it is not.
pub fn check_secret(value: &Secret) -> PortResult<()> {
    let legal = (1..=MAX_SECRET).contains(&value.0.len());
    legal.then_some(()).ok_or_else(|| PortError::refused("a secret is 1 to 25,000 bytes"))
}
