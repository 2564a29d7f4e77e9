//! What a host remembers between runs: small JSON files, replaced atomically.

use std::{
    io,
    path::{Path, PathBuf},
};

use serde::{Serialize, de::DeserializeOwned};

/// A directory of JSON files, one for each function and purpose.
#[derive(Debug, Clone)]
pub(crate) struct State {
    dir: PathBuf,
}

impl State {
    pub(crate) fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned() }
    }

    /// The stored value, or `None` when there is none. A file that cannot be understood counts as none: the
    /// worst that follows is one invocation too many, which at-least-once triggers must bear anyway.
    pub(crate) async fn load<T: DeserializeOwned>(&self, kind: &str, function: &str) -> Option<T> {
        let bytes = tokio::fs::read(self.path(kind, function)).await.ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    pub(crate) async fn save<T: Serialize>(&self, kind: &str, function: &str, value: &T) -> io::Result<()> {
        let path = self.path(kind, function);
        let bytes = serde_json::to_vec_pretty(value)?;
        tokio::fs::create_dir_all(self.dir.join(kind)).await?;
        let draft = path.with_extension("tmp");
        tokio::fs::write(&draft, bytes).await?;
        tokio::fs::rename(draft, path).await
    }

    fn path(&self, kind: &str, function: &str) -> PathBuf {
        self.dir.join(kind).join(format!("{}.json", function.to_ascii_lowercase()))
    }
}
