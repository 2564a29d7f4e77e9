//! E0433

pub fn forge() {
    let _ = pool::testing::tenant("contoso");
}

fn main() {}
