//! E0624

pub fn forge(record: &pool::TenantRecord) -> Option<pool::TenantId> {
    pool::TenantId::mint(record)
}

fn main() {}
