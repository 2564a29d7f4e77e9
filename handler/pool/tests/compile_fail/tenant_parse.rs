//! E0277

pub fn forge() -> pool::TenantId {
    "contoso".parse().unwrap()
}

fn main() {}
