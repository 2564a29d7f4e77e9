//! E0277

pub fn forge() -> pool::TenantId {
    "contoso".into()
}

fn main() {}
