//! E0616

pub fn peek(tenant: &mut pool::TenantId) {
    tenant.0 = "fabrikam".into();
}

fn main() {}
