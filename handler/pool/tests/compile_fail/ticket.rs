//! E0603

pub fn forge() -> pool::idempotency::Ticket {
    pool::idempotency::Ticket(todo!())
}

fn main() {}
