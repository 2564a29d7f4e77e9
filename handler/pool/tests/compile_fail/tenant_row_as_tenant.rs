//! E0308

use pool::ports::{Kind, Records, Row};

pub async fn read(records: &dyn Records, row: &Row) {
    drop(records.get(&row.tenant, Kind::Agent, "id").await);
}

fn main() {}
