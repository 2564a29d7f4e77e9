//! E0277

pub fn forge() -> pool::Scope {
    Default::default()
}

fn main() {}
