//! E0061

use pool::ports::{Records, Write};

pub async fn write(records: &dyn Records, writes: Vec<Write>) {
    drop(records.commit(writes).await);
}

fn main() {}
