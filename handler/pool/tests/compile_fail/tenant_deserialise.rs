//! E0277

pub fn forge() -> pool::TenantId {
    serde_json::from_str("\"contoso\"").unwrap()
}

fn main() {}
