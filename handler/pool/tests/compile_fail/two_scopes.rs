//! E0308

pub async fn mix(ours: &pool::Scope, theirs: &pool::Scope) {
    drop(ours.agents().get(theirs).await);
}

fn main() {}
