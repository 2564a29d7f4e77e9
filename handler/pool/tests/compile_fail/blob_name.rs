//! E0603

pub fn forge() -> pool::ports::BlobName {
    pool::ports::BlobName("../fabrikam/x".into())
}

fn main() {}
