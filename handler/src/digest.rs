//! The hash of a body, taken as it goes by: what two tries of an upload are compared by.

use axum::body::Body;
use futures::StreamExt;
use serde_json::json;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A hash that is not finished.
#[derive(Clone, Default)]
pub struct Digest(Arc<Mutex<blake3::Hasher>>);

impl Digest {
    /// The same body, hashed as it is read.
    pub(crate) fn over(&self, body: Body) -> Body {
        let digest = self.clone();
        Body::from_stream(body.into_data_stream().map(move |chunk| {
            if let Ok(chunk) = &chunk {
                digest.hasher().update(chunk);
            }
            chunk
        }))
    }

    /// Adds a part of a form: what it is called, and its bytes. A form is framed anew whenever it is sent, so its own
    /// bytes say nothing.
    pub(crate) fn part(&self, named: [Option<&str>; 3], bytes: &blake3::Hash) {
        let part = json!([named, bytes.to_hex().as_str()]).to_string();
        self.hasher().update(part.as_bytes());
    }

    /// The hash of what has gone by, in hexadecimal.
    pub(crate) fn hex(&self) -> String {
        self.hasher().finalize().to_hex().to_string()
    }

    fn hasher(&self) -> MutexGuard<'_, blake3::Hasher> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
