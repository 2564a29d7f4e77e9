//! E0308

use pool::ports::Blobs;

pub async fn read(scope: &pool::Scope, blobs: &dyn Blobs) {
    drop(blobs.head(scope.tenant(), "files/x").await);
}

fn main() {}
