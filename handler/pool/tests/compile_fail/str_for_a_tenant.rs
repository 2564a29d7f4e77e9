//! E0308

use pool::ports::{Kind, Records};

pub async fn read(records: &dyn Records) {
    drop(records.get("contoso", Kind::Agent, "id").await);
}

fn main() {}
