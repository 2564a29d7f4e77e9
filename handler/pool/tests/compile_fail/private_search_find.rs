//! E0624

use pool::{ports::Visibility, search::Find};

pub async fn reach(scope: &pool::Scope, find: Find) {
    drop(scope.search().find(find, Visibility::Tenant).await);
}

fn main() {}
