//! E0603

pub fn forge() -> pool::filter::FieldPath {
    pool::filter::FieldPath("a eq 'b'".into())
}

fn main() {}
