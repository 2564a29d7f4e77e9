//! E0603

pub fn reach() {
    let _ = std::mem::size_of::<pool::store::Store<'static>>();
}

fn main() {}
