//! E0603

pub fn forge(scope: &pool::Scope) -> pool::agents::Agents<'_> {
    pool::agents::Agents(scope)
}

fn main() {}
