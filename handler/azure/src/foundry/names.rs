//! What upstream calls things. Tenants' and users' names do not appear in it, and no two things have one name: each is a
//! keyed hash over its parts, each with its length.

use hmac::{Hmac, KeyInit, Mac};
use pool::TenantId;
use sha2::Sha256;
use std::fmt::Write;

/// The key of derived names. It is never rotated, because upstream keeps the names.
pub(super) struct Names([u8; 32]);

impl Names {
    pub(super) fn new(key: [u8; 32]) -> Self {
        Self(key)
    }

    /// An agent's name: letters, digits and an inner hyphen, 46 of the 63 that are allowed.
    pub(super) fn agent(&self, tenant: &TenantId, agent: &str) -> String {
        format!("agent-{}", hex(&self.hash(&["foundry/agent", tenant.as_str(), agent])[..20]))
    }

    /// The user that `x-ms-user-identity` names.
    pub(super) fn user(&self, tenant: &TenantId, user: &str) -> String {
        format!("user-{}", hex(&self.hash(&["foundry/user", tenant.as_str(), user])[..20]))
    }

    /// The seal of a session that is this tenant's, user's and thread's alone.
    pub(super) fn seal(&self, parts: [&str; 4]) -> String {
        let [tenant, user, thread, session] = parts;
        hex(&self.hash(&["foundry/session", tenant, user, thread, session]))
    }

    fn hash(&self, parts: &[&str]) -> [u8; 32] {
        // HMAC takes keys of any length.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else { return [0; 32] };
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        mac.finalize().into_bytes().into()
    }
}

/// In hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a text does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
