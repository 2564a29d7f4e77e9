//! E0277

pub fn forge(row: pool::ports::Row) -> pool::TenantId {
    row.tenant.into()
}

fn main() {}
