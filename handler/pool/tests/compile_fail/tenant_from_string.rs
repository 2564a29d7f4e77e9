//! E0277

pub fn forge(name: String) -> pool::TenantId {
    name.into()
}

fn main() {}
