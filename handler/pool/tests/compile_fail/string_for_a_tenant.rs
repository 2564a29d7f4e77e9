//! E0308

use pool::ports::{Query, Records};

pub async fn read(records: &dyn Records, tenant: String, query: &Query) {
    drop(records.query(&tenant, query).await);
}

fn main() {}
