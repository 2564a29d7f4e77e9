//! E0423

pub fn forge() -> pool::TenantId {
    pool::TenantId("contoso".into())
}

fn main() {}
