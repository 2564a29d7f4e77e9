//! E0616

pub fn peek<'a>(agents: &pool::agents::Agents<'a>) -> &'a pool::Scope {
    agents.0
}

fn main() {}
