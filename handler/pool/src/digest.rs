//! The hash of bytes that go by: what two tries of an upload are compared by.

use bytes::Bytes;
use futures::{Stream, TryStreamExt};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A BLAKE3 hash that is not finished. Its clones are the same one.
#[derive(Clone, Default)]
pub struct Digest(Arc<Mutex<blake3::Hasher>>);

impl Digest {
    /// The same stream, hashed as it is read.
    pub fn over<E, S: Stream<Item = Result<Bytes, E>> + Send>(
        &self,
        parts: S,
    ) -> impl Stream<Item = Result<Bytes, E>> + Send + use<E, S> {
        let digest = self.clone();
        parts.inspect_ok(move |part| digest.add(part))
    }

    /// Adds bytes.
    pub fn add(&self, bytes: &[u8]) {
        self.hasher().update(bytes);
    }

    /// The hash of what has gone by, in hexadecimal.
    pub fn hex(&self) -> String {
        self.hasher().finalize().to_hex().to_string()
    }

    fn hasher(&self) -> MutexGuard<'_, blake3::Hasher> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
