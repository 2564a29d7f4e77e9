//! E0603

pub fn forge(record: &pool::TenantRecord) -> bool {
    std::mem::size_of::<pool::tenant::TenantId>() > 0 && record.id.is_empty()
}

fn main() {}
