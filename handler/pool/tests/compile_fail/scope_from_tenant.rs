//! E0277

pub fn forge(tenant: pool::TenantId) -> pool::Scope {
    tenant.into()
}

fn main() {}
