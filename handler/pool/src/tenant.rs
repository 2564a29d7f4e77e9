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
        record.check().ok().map(|()| Self(record.id.as_str().into()))
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

/// The pool's own containers and queues: a tenant so called would be given them, or seem to be them.
pub const RESERVED: [&str; 6] = ["uploads", "deployments", "dead-events", "blob-events", "ingest", "runs"];
/// How the names begin that the Functions host takes for itself.
pub const RESERVED_PREFIX: &str = "azure-webjobs";

/// Whether `name` is the pool's or the host's own, or is that of a queue's poison.
fn is_reserved(name: &str) -> bool {
    let name = name.strip_suffix("-poison").unwrap_or(name);
    RESERVED.contains(&name) || name.starts_with(RESERVED_PREFIX)
}

/// Whether a tenant may be called so: `^[a-z0-9]+(?:-[a-z0-9]+)*$`, 3 to 40 bytes, and not as what is the
/// [pool's own](RESERVED).
///
/// It is the intersection of what every store allows, and `--` is left free to join compound names.
pub fn is_tenant_name(name: &str) -> bool {
    has_grammar(name) && !is_reserved(name)
}

fn has_grammar(name: &str) -> bool {
    let bytes = name.as_bytes();
    (3..=40).contains(&bytes.len())
        && bytes.iter().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'))
        && !name.starts_with('-')
        && !name.ends_with('-')
        && !name.contains("--")
}

/// May the tenant be served?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TenantStatus {
    /// It is served.
    Active,
    /// Its tokens are good, and it gets 403; its jobs wait.
    Suspended,
    /// It is unknown at every door. What it left is under its name and in its container: neither is given again.
    Removed,
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

    /// Whether it can be a tenant's.
    ///
    /// # Errors
    /// The member and the rule that it breaks.
    pub fn check(&self) -> Result<(), &'static str> {
        match () {
            () if !has_grammar(&self.id) => Err("id must be 3 to 40 of a-z, 0-9 and single hyphens between"),
            () if is_reserved(&self.id) => {
                Err("id must not be the name of a container or queue of the pool's own")
            }
            () if is_reserved(&self.storage_container) => {
                Err("storage_container must not be the name of a container of the pool's own")
            }
            () => Ok(()),
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
    use crate::ports::QueueName;

    const QUEUES: [QueueName; 3] = [QueueName::Ingest, QueueName::Runs, QueueName::BlobEvents];

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
            "uploads",
            "runs-poison",
            "azure-webjobs-hosts",
            &"a".repeat(41),
        ] {
            assert!(!is_tenant_name(bad), "{bad:?}");
        }
    }

    #[test]
    fn what_is_the_pools_own_is_no_tenants() {
        let named = |id: &str, container: &str| TenantRecord {
            storage_container: container.into(),
            ..TenantRecord::new(id, id)
        };
        for own in RESERVED.iter().copied().chain(QUEUES.map(QueueName::as_str)) {
            for name in [own.to_owned(), format!("{own}-poison")] {
                assert!(TenantId::mint(&named(&name, "")).is_none(), "{name}");
                let broken = named("contoso", &name);
                assert!(broken.check().unwrap_err().starts_with("storage_container"), "{name}");
                assert!(TenantId::mint(&broken).is_none(), "{name}");
            }
        }
        assert!(named("Contoso", "").check().unwrap_err().starts_with("id must be"));
        assert!(named("dead-events", "").check().unwrap_err().starts_with("id must not be"));
        for good in ["uploads-eu", "my-runs", "documents", "poison"] {
            assert!(named(good, "").check().is_ok(), "{good}");
        }
    }

    #[test]
    fn a_tenant_is_called_as_the_directory_spells_it() {
        let tenant = TenantId::mint(&TenantRecord::new("contoso", "Contoso Ltd.")).unwrap();
        assert_eq!((tenant.as_str(), &*tenant.to_string()), ("contoso", "contoso"));
        assert_eq!(format!("{tenant:?}"), "TenantId(contoso)");
    }
}
