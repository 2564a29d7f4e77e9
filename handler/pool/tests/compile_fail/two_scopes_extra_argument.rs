//! E0061

pub async fn mix(ours: &pool::Scope, theirs: &pool::Scope) {
    drop(ours.files().get("file", theirs.tenant()).await);
}

fn main() {}
