//! What the tests share.
use local::{Local, Options, OsEntropy};
use pool::{
    conformance::memory::ManualClock,
    ports::{Kind, NewRow, Query, Sort},
};
use std::{path::Path, sync::Arc};

pub(crate) fn open(root: &Path) -> Local {
    open_at(root, Arc::new(ManualClock::default()), Options::default())
}

pub(crate) fn open_at(root: &Path, clock: Arc<ManualClock>, options: Options) -> Local {
    Local::open(root, options, clock, Arc::new(OsEntropy)).unwrap()
}

pub(crate) fn row(id: &str, body: &str) -> NewRow {
    NewRow {
        kind: Kind::Record,
        id: id.into(),
        parent: String::new(),
        owner: String::new(),
        expires_at: None,
        body: body.into(),
    }
}

pub(crate) fn all() -> Query {
    let sort = Sort { field: None, descending: false };
    Query { kind: Kind::Record, parent: None, owner: None, filter: None, sort, after: None, limit: 1_000 }
}
