//! Who a tenant is. The one type that stands for the boundary.

use serde::{Deserialize, Serialize};
use std::{fmt, sync::Arc};

/// A tenant that the directory knows.
///
/// There is no way to make one from text: no constructor, no `From`, no `FromStr`, no `Deserialize`. One is had from a
/// [`Scope`](crate::Scope), and a scope from one of the four [doors](crate::Doors).
///
/// ```compile_fail
/// let forged: pool::TenantId = "contoso".into();
/// ```
/// ```compile_fail
/// let forged: pool::TenantId = "contoso".parse().unwrap();
/// ```
/// ```compile_fail
/// let forged: pool::TenantId = serde_json::from_str("\"contoso\"").unwrap();
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct TenantId(Arc<str>);

impl TenantId {
    pub(crate) fn mint(record: &TenantRecord) -> Option<Self> {
        let legal = is_tenant_name(&record.id) && !is_reserved_container(record.container());
        legal.then(|| Self(record.id.as_str().into()))
    }

    /// The name, as the directory spells it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TenantId({})", self.0)
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether `name` obeys the grammar of tenant names: `^[a-z0-9]+(?:-[a-z0-9]+)*$`, 3 to 40 bytes.
///
/// It is the intersection of what every store allows, and `--` is left free to join compound names. A tenant's container
/// is called as the tenant is, so no tenant is called as a [container of the pool](is_reserved_container).
pub fn is_tenant_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    (3..=40).contains(&bytes.len())
        && bytes.iter().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'))
        && !name.starts_with('-')
        && !name.ends_with('-')
        && !name.contains("--")
        && !is_reserved_container(name)
}

/// Whether a blob container is the pool's own or the Functions host's, and so cannot be a tenant's.
pub fn is_reserved_container(name: &str) -> bool {
    ["uploads", "deployments", "dead-events"].contains(&name) || name.starts_with("azure-webjobs")
}

/// May the tenant be served?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TenantStatus {
    /// It is served.
    Active,
    /// Its tokens are good, and it gets 403; its jobs wait.
    Suspended,
}

/// What the directory holds of a tenant.
///
/// The first seven members are the `TenantConfig` of the service's specification. Where a name is empty, the adapters
/// derive one from the tenant's id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantRecord {
    /// The tenant's name; see [`is_tenant_name`].
    pub id: String,
    /// Short name, for operators.
    pub name: String,
    /// Name shown to people.
    pub display_name: String,
    /// Prefix of the tenant's Cosmos containers; empty: the shared ones.
    #[serde(default)]
    pub cosmos_container_prefix: String,
    /// Prefix of the tenant's search index; empty: the shared index.
    #[serde(default)]
    pub search_index_prefix: String,
    /// The tenant's blob container; empty: the id.
    #[serde(default)]
    pub storage_container: String,
    /// The tenant's Key Vault; empty: the shared one.
    #[serde(default)]
    pub keyvault_name: String,
    /// May it be served?
    pub status: TenantStatus,
    /// Client id of its user-assigned managed identity; `None`: the app's own.
    #[serde(default)]
    pub managed_identity_client_id: Option<String>,
    /// The plan it pays for.
    #[serde(default)]
    pub plan: String,
}

impl TenantRecord {
    /// An active tenant with every other setting left to its default.
    pub fn new(id: &str, display_name: &str) -> Self {
        Self {
            id: id.to_owned(),
            name: id.to_owned(),
            display_name: display_name.to_owned(),
            cosmos_container_prefix: String::new(),
            search_index_prefix: String::new(),
            storage_container: String::new(),
            keyvault_name: String::new(),
            status: TenantStatus::Active,
            managed_identity_client_id: None,
            plan: "standard".to_owned(),
        }
    }

    /// The blob container that belongs to this tenant alone.
    pub fn container(&self) -> &str {
        if self.storage_container.is_empty() { &self.id } else { &self.storage_container }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grammar_is_exact() {
        for good in ["abc", "contoso", "contoso-eu", "a1-b2-c3", &"a".repeat(40)] {
            assert!(is_tenant_name(good), "{good}");
        }
        for bad in [
            "",
            "ab",
            "Contoso",
            "contoso ",
            " contoso",
            "-contoso",
            "contoso-",
            "con--toso",
            "con_toso",
            "con.toso",
            "con/toso",
            "cöntoso",
            "contoso\0",
            "ｃontoso",
            &"a".repeat(41),
            "uploads",
            "deployments",
            "dead-events",
            "azure-webjobs-hosts",
        ] {
            assert!(!is_tenant_name(bad), "{bad:?}");
        }
    }

    #[test]
    fn nobody_is_served_from_a_container_of_the_pool() {
        let mut record = TenantRecord::new("contoso", "Contoso Ltd.");
        assert!(TenantId::mint(&record).is_some());
        record.storage_container = "uploads".into();
        assert!(TenantId::mint(&record).is_none());
    }

    #[test]
    fn a_tenant_is_called_as_the_directory_spells_it() {
        let tenant = TenantId::mint(&TenantRecord::new("contoso", "Contoso Ltd.")).unwrap();
        assert_eq!((tenant.as_str(), &*tenant.to_string()), ("contoso", "contoso"));
        assert_eq!(format!("{tenant:?}"), "TenantId(contoso)");
    }
}
