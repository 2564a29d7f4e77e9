//! E0308

pub async fn reach(doors: &pool::Doors) {
    drop(doors.claim("contoso").await);
}

fn main() {}
