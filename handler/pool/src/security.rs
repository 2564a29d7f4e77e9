//! Security events: one structured line each, with a code from a closed list, so that alerts need not search text.

use crate::TenantId;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SecurityEvent {
    /// A token failed a check.
    TokenRefused,
    /// A good token of a tenant that the directory does not know.
    UnknownTenant,
    /// A tenant that is suspended.
    TenantSuspended,
    /// The caller's role lacks the permission.
    PermissionDenied,
    /// A header, query or body names another tenant than the token.
    TenantMismatch,
    /// A record id that was minted for another tenant.
    ForeignRecord,
    /// A job whose seal does not hold.
    SealBroken,
    /// An event that names a container of no tenant, or disagrees with itself.
    ForeignContainer,
    /// A trigger path that was called from outside.
    TriggerForged,
    /// A store that answered with another tenant's data, or with what was not asked for.
    StoreLied,
}

impl SecurityEvent {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::TokenRefused,
        Self::UnknownTenant,
        Self::TenantSuspended,
        Self::PermissionDenied,
        Self::TenantMismatch,
        Self::ForeignRecord,
        Self::SealBroken,
        Self::ForeignContainer,
        Self::TriggerForged,
        Self::StoreLied,
    ];

    /// The code in the log.
    pub fn code(self) -> &'static str {
        match self {
            Self::TokenRefused => "token_refused",
            Self::UnknownTenant => "unknown_tenant",
            Self::TenantSuspended => "tenant_suspended",
            Self::PermissionDenied => "permission_denied",
            Self::TenantMismatch => "tenant_mismatch",
            Self::ForeignRecord => "foreign_record",
            Self::SealBroken => "seal_broken",
            Self::ForeignContainer => "foreign_container",
            Self::TriggerForged => "trigger_forged",
            Self::StoreLied => "store_lied",
        }
    }

    /// Writes the event. `detail` is a constant of ours, never a client's text.
    pub fn raise(self, tenant: Option<&TenantId>, detail: &'static str) {
        let tenant = tenant.map_or("_none", TenantId::as_str);
        tracing::warn!(target: "security", code = self.code(), tenant, detail, "security event");
    }
}
