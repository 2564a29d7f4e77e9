//! E0308

pub async fn mix(ours: &pool::Scope, theirs: &pool::Scope) {
    drop(ours.threads().get(theirs.tenant()).await);
}

fn main() {}
