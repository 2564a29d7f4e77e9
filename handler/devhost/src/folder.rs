//! Blob containers that are folders: `<root>/<container>/<name>`.

use std::{
    io,
    path::{Component, Path, PathBuf},
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use jiff::Timestamp;

use crate::{
    clock,
    storage::{BlobItem, HostBlobs, StorageError},
};

/// A file that changed this recently may still be being written.
const SETTLED: Duration = Duration::from_millis(300);
/// Deeper trees are not followed.
const MAX_DEPTH: usize = 16;

/// Containers are the sub-folders of one folder; a nested file is a blob with `/` in its name. Hidden files
/// (`.x`), unfinished ones (`*.part`), symbolic links and names that are not UTF-8 are not seen; neither is a
/// file that changed in the last 300 ms, so that no half-written file is read. The etag is made of
/// modification time and length.
#[derive(Debug, Clone)]
pub struct FolderBlobs {
    root: PathBuf,
}

impl FolderBlobs {
    /// `root` need not exist; it is never created.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }
}

#[async_trait]
impl HostBlobs for FolderBlobs {
    async fn list(&self, container: &str) -> Result<Vec<BlobItem>, StorageError> {
        let folder = inside(&self.root, container)?;
        blocking(move || {
            let mut items = Vec::new();
            walk(&folder, "", 0, &mut items)?;
            items.sort_by(|a, b| a.name.cmp(&b.name));
            Ok(items)
        })
        .await
    }

    async fn read(&self, container: &str, name: &str, etag: &str) -> Result<Option<Vec<u8>>, StorageError> {
        let path = inside(&inside(&self.root, container)?, name)?;
        let etag = etag.to_owned();
        blocking(move || match std::fs::read(&path) {
            Ok(bytes) => {
                let current = etag_of(&std::fs::symlink_metadata(&path)?)?;
                Ok((current == etag).then_some(bytes))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        })
        .await
    }
}

fn walk(folder: &Path, prefix: &str, depth: usize, items: &mut Vec<BlobItem>) -> io::Result<()> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        let Ok(file_name) = entry.file_name().into_string() else { continue };
        if file_name.starts_with('.') || file_name.ends_with(".part") {
            continue;
        }
        let name = format!("{prefix}{file_name}");
        let Ok(meta) = std::fs::symlink_metadata(entry.path()) else { continue };
        if meta.is_dir() && depth < MAX_DEPTH {
            walk(&entry.path(), &format!("{name}/"), depth + 1, items)?;
        } else if meta.is_file() && settled(meta.modified()?) {
            items.push(BlobItem {
                etag: etag_of(&meta)?,
                len: meta.len(),
                modified: Timestamp::try_from(meta.modified()?).unwrap_or(Timestamp::UNIX_EPOCH),
                content_type: content_type(&name).to_owned(),
                name,
            });
        }
    }
    Ok(())
}

/// A file from the future (a copied one, a wrong clock) counts as settled, or it would wait for its date.
fn settled(modified: SystemTime) -> bool {
    SystemTime::from(clock::now()).duration_since(modified).map_or(true, |age| age >= SETTLED)
}

fn etag_of(meta: &std::fs::Metadata) -> io::Result<String> {
    let age = meta.modified()?.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Ok(format!("\"{:x}-{:x}\"", age.as_nanos(), meta.len()))
}

fn inside(folder: &Path, name: &str) -> Result<PathBuf, StorageError> {
    let normal = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
    if name.is_empty() || !normal {
        return Err(StorageError(format!("not a blob or container name: {name:?}")));
    }
    Ok(folder.join(name))
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("txt" | "md") => "text/plain",
        Some("html" | "htm") => "text/html",
        Some("csv") => "text/csv",
        Some("json") => "application/json",
        Some("pdf") => "application/pdf",
        _ => "application/octet-stream",
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, StorageError> {
    let done = tokio::task::spawn_blocking(work).await.map_err(StorageError::new)?;
    done.map_err(StorageError::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path, text: &str, age: Duration) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        let file = std::fs::File::options().write(true).open(path).unwrap();
        file.set_modified(SystemTime::from(clock::now()) - age).unwrap();
    }

    #[tokio::test]
    async fn lists_settled_files_only_and_reads_by_etag() {
        let dir = tempfile::tempdir().unwrap();
        let old = Duration::from_secs(5);
        let docs = dir.path().join("docs");
        write(&docs.join("a.txt"), "a", old);
        write(&docs.join("deep/b.pdf"), "b", old);
        write(&docs.join(".hidden"), "x", old);
        write(&docs.join("c.part"), "x", old);
        write(&docs.join("fresh.txt"), "x", Duration::ZERO);
        let blobs = FolderBlobs::new(dir.path());
        let items = blobs.list("docs").await.unwrap();
        let names: Vec<&str> = items.iter().map(|item| item.name.as_str()).collect();
        assert_eq!(names, ["a.txt", "deep/b.pdf"]);
        assert_eq!(items[1].content_type, "application/pdf");
        let etag = &items[0].etag;
        assert_eq!(blobs.read("docs", "a.txt", etag).await.unwrap().unwrap(), b"a");
        write(&docs.join("a.txt"), "changed", old);
        assert_eq!(blobs.read("docs", "a.txt", etag).await.unwrap(), None);
        assert_eq!(blobs.read("docs", "gone", etag).await.unwrap(), None);
        assert!(blobs.read("docs", "../secret", etag).await.is_err());
        assert!(blobs.list("nowhere").await.unwrap().is_empty());
    }
}
