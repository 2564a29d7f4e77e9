//! E0277

pub fn forge() -> pool::filter::FieldPath {
    "a eq 'b' or true".into()
}

fn main() {}
