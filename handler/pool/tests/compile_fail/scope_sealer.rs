//! E0624

pub fn reach(scope: &pool::Scope) {
    let _ = scope.sealer();
}

fn main() {}
