//! E0599
//! The adapters are behind the doors: nobody gets them beside a scope.

use pool::{Doors, Scope};

pub async fn beside_the_law(doors: &Doors, scope: &Scope) {
    let _ = doors.ports().records.sweep(scope.tenant(), 1).await;
}

fn main() {}
