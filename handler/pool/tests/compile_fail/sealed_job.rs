//! E0603

pub fn forge() -> pool::SealedJob {
    pool::SealedJob("k1.e30.AAAA".into())
}

fn main() {}
