//! E0277

pub fn forge() -> pool::ports::BlobName {
    "../fabrikam/x".into()
}

fn main() {}
