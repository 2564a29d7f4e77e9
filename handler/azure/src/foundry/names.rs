//! What upstream calls things. Tenants' and users' names do not appear in it, and no two things have one name: each is a
//! keyed hash over its parts, each with its length.

use hmac::{Hmac, KeyInit, Mac};
use pool::{TenantId, hex};
use sha2::Sha256;

/// The key of derived names. It is never rotated, because upstream keeps the names.
pub(super) struct Names(Hmac<Sha256>);

impl Names {
    pub(super) fn new(key: [u8; 32]) -> Self {
        // HMAC takes keys of any length; one that is shorter than its block is filled up with zeros.
        let mut block = [0; 64];
        block[..key.len()].copy_from_slice(&key);
        Self(Hmac::new(&block.into()))
    }

    /// An agent's name: letters, digits and an inner hyphen, 46 of the 63 that are allowed.
    pub(super) fn agent(&self, tenant: &TenantId, agent: &str) -> String {
        format!("agent-{}", self.name(&["foundry/agent", tenant.as_str(), agent]))
    }

    /// The user that `x-ms-user-identity` names.
    pub(super) fn user(&self, tenant: &TenantId, user: &str) -> String {
        format!("user-{}", self.name(&["foundry/user", tenant.as_str(), user]))
    }

    /// The seal of a session that is this tenant's, user's and thread's alone.
    pub(super) fn seal(&self, of: [&str; 4]) -> String {
        hex(&self.session(of).finalize().into_bytes())
    }

    /// Whether it is the seal. How much of it is right cannot be told from the time that this takes.
    pub(super) fn sealed(&self, of: [&str; 4], seal: &str) -> bool {
        let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
        let bytes: Option<Vec<u8>> = seal.as_bytes().chunks(2).map(pair).collect();
        bytes.is_some_and(|bytes| self.session(of).verify_slice(&bytes).is_ok())
    }

    fn session(&self, [tenant, user, thread, session]: [&str; 4]) -> Hmac<Sha256> {
        self.hash(&["foundry/session", tenant, user, thread, session])
    }

    fn hash(&self, parts: &[&str]) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        mac
    }

    fn name(&self, parts: &[&str]) -> String {
        hex(&self.hash(parts).finalize().into_bytes()[..20])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pool::testing::tenant;
    use std::collections::BTreeSet;

    #[test]
    fn names_do_not_join_and_are_legal() {
        let names = Names::new([7; 32]);
        let pairs =
            [("conf-a", "b-c"), ("conf-a-b", "c"), ("conf", "-ab-c"), ("conf-ab", "-c"), ("conf-ab-c", "")];
        let made = pairs.iter().flat_map(|(name, part)| {
            let tenant = tenant(name);
            [names.agent(&tenant, part), names.user(&tenant, part)]
        });
        let made: BTreeSet<String> = made.collect();
        assert_eq!(made.len(), 2 * pairs.len());
        for name in &made {
            assert!(
                name.len() <= 63 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'),
                "{name}"
            );
        }
        assert!(!made.contains(&Names::new([8; 32]).agent(&tenant("conf-a"), "b-c")), "the key matters");
    }

    #[test]
    fn a_seal_is_for_its_parts_alone() {
        let names = Names::new([7; 32]);
        let seal = names.seal(["t", "u", "h", "s"]);
        assert!(names.sealed(["t", "u", "h", "s"], &seal));
        for other in [["t", "u", "hs", ""], ["tu", "", "h", "s"], ["t", "u", "h", "x"]] {
            assert!(!names.sealed(other, &seal));
        }
        for broken in ["", "0", &seal[..62], &format!("{seal}00"), &seal.replace(|_| true, "+"), "é"] {
            assert!(!names.sealed(["t", "u", "h", "s"], broken), "{broken}");
        }
    }
}
