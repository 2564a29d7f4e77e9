//! E0277

pub fn forge() -> pool::TenantId {
    Default::default()
}

fn main() {}
