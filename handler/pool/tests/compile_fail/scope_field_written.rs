//! E0616

pub fn take_over(scope: &mut pool::Scope, other: &pool::Scope) {
    scope.tenant = other.tenant().clone();
}

fn main() {}
