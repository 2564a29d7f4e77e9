//! What was asked of the doubles, by whom.

use std::sync::{Arc, Mutex};

/// A request that a double answered.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Asked {
    /// The service: `cosmos`, `search`, `blob`, …
    pub service: &'static str,
    /// The identity whose token it carried: a client id, or `system`.
    pub identity: String,
    /// The audience of that token.
    pub audience: String,
    /// The tenant whose part of the service was touched, as far as the double can tell from the request.
    pub tenant: Option<String>,
    /// The verb and the kind of thing, for a reader: `POST docs`.
    pub what: String,
}

/// Everything that was asked, in order.
#[derive(Clone, Default)]
pub struct Audit(Arc<Mutex<Vec<Asked>>>);

impl Audit {
    /// Notes a request.
    pub fn note(&self, asked: Asked) {
        self.0.lock().unwrap().push(asked);
    }

    /// All requests so far.
    pub fn all(&self) -> Vec<Asked> {
        self.0.lock().unwrap().clone()
    }
}
