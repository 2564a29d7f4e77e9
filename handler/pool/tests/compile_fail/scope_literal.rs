//! E0451

pub fn forge(tenant: pool::TenantId) -> pool::Scope {
    pool::Scope {
        tenant,
        pool: todo!(),
        record: todo!(),
        actor: todo!(),
        permissions: todo!(),
        ids: todo!(),
    }
}

fn main() {}
