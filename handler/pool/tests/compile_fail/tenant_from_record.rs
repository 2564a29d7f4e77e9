//! E0277

pub fn forge(record: pool::TenantRecord) -> pool::TenantId {
    record.into()
}

fn main() {}
