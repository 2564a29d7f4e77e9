//! E0433

pub fn forge() {
    let _ = pool::conformance::memory::MemoryIndex::new();
}

fn main() {}
