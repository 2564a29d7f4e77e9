//! E0624

pub fn forge(scope: &pool::Scope) {
    let _ = pool::Scope::system;
    let _ = scope;
}

fn main() {}
