//! E0277

pub fn forge() -> pool::Scope {
    serde_json::from_str("{}").unwrap()
}

fn main() {}
