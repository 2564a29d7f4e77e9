//! E0616

pub fn reach(doors: &pool::Doors) {
    let _ = &doors.rules;
}

fn main() {}
