//! E0616

pub fn peek(scope: &pool::Scope) -> &pool::TenantId {
    &scope.tenant
}

fn main() {}
