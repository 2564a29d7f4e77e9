//! E0451

pub fn take_over(scope: pool::Scope, other: &pool::Scope) -> pool::Scope {
    pool::Scope { tenant: other.tenant().clone(), ..scope }
}

fn main() {}
