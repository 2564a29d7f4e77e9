//! E0616

pub fn reach(doors: &pool::Doors) {
    let _ = &doors.pool;
}

fn main() {}
