//! E0308

use pool::ports::{BlobName, Blobs};

pub async fn read(blobs: &dyn Blobs, name: &BlobName) {
    drop(blobs.get("contoso", name, None).await);
}

fn main() {}
