//! E0616

pub fn promote(scope: &mut pool::Scope, other: &pool::Scope) {
    std::mem::swap(&mut scope.permissions, &mut other.clone().permissions);
}

fn main() {}
