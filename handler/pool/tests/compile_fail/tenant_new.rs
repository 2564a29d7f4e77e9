//! E0599

pub fn forge() -> pool::TenantId {
    pool::TenantId::new("contoso")
}

fn main() {}
