//! E0277

pub fn forge() -> Option<pool::TenantId> {
    pool::TenantId::try_from("contoso").ok()
}

fn main() {}
