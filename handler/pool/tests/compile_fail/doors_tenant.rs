//! E0624

pub async fn reach(doors: &pool::Doors) {
    drop(doors.tenant("contoso").await);
}

fn main() {}
