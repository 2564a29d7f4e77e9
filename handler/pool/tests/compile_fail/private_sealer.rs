//! E0603

pub fn reach() {
    let _ = std::mem::size_of::<pool::seal::Sealer>();
}

fn main() {}
