//! E0308

use pool::ports::{EntryKey, Index};

pub async fn forget(index: &dyn Index, keys: &[EntryKey]) {
    drop(index.delete("contoso", keys).await);
}

fn main() {}
