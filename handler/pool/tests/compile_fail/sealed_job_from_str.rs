//! E0277

pub fn forge() -> pool::SealedJob {
    "k1.e30.AAAA".into()
}

fn main() {}
