//! Blobs as files. One file holds the bytes and what is known of them, so that neither is ever seen without the other:
//! `PAB1`, the length of a JSON header (u32, little-endian), the header, the bytes.

use crate::error::{Io, Result};
use futures::StreamExt;
use pool::ports::{BlobInfo, ByteStream, Etag, PortError, PortResult};
use serde::{Deserialize, Serialize};
use std::{
    fs::File,
    io::{self, Read, Seek},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, BufWriter},
    task::spawn_blocking,
};
use tokio_util::io::ReaderStream;

const MAGIC: [u8; 4] = *b"PAB1";
const HEADER_LIMIT: u32 = 16 * 1024;
const WRITE: usize = 256 * 1024;
const READ: usize = 64 * 1024;
/// A part that is older is nobody's: its process was killed.
const ABANDONED: Duration = Duration::from_secs(3_600);

#[derive(Serialize, Deserialize)]
struct Header {
    name: String,
    etag: String,
    content_type: String,
}

/// A file on its way; removed unless it was put in its place.
struct Part {
    path: PathBuf,
    placed: bool,
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.placed {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// The blob's file name: its own, which is of `a-z 0-9 _ /`, with `-` for `/`.
pub(crate) fn file_name(blob: &str) -> PortResult<String> {
    let letters = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'/');
    if (1..=128).contains(&blob.len()) && blob.bytes().all(letters) {
        Ok(blob.replace('/', "-"))
    } else {
        Err(PortError::refused("a blob's name is 1 to 128 bytes of a-z 0-9 _ /"))
    }
}

/// Writes a blob beside the others of `folder`, and puts it in its place when it is durable.
pub(crate) async fn put(
    folder: &Path,
    name: &str,
    etag: String,
    content_type: &str,
    limit: u64,
    mut body: ByteStream,
) -> PortResult<BlobInfo> {
    let (blobs, parts) = (folder.join("blobs"), folder.join("parts"));
    let place = blobs.join(file_name(name)?);
    let part = parts.join(&etag);
    let header = Header { name: name.to_owned(), etag: etag.clone(), content_type: content_type.to_owned() };
    let (file, part) = spawn_blocking(move || -> Result<_> {
        make_folder(&blobs)?;
        make_folder(&parts)?;
        let file = File::options().write(true).create_new(true).open(&part).at(&part)?;
        Ok((file, Part { path: part, placed: false }))
    })
    .await
    .map_err(PortError::unavailable)??;

    let mut file = BufWriter::with_capacity(WRITE, tokio::fs::File::from_std(file));
    let header = serde_json::to_vec(&header).map_err(PortError::refused)?;
    let size = u32::try_from(header.len()).ok().filter(|size| *size <= HEADER_LIMIT);
    let size = size.ok_or_else(|| PortError::refused("the content type is too long"))?;
    let head = [&MAGIC[..], &size.to_le_bytes(), &header].concat();
    file.write_all(&head).await.map_err(PortError::unavailable)?;
    let mut len = 0_u64;
    while let Some(bytes) = body.next().await {
        let bytes = bytes.map_err(PortError::unavailable)?;
        len += bytes.len() as u64;
        if len > limit {
            return Err(PortError::TooLarge { limit });
        }
        file.write_all(&bytes).await.map_err(PortError::unavailable)?;
    }
    file.flush().await.map_err(PortError::unavailable)?;
    let file = file.into_inner().into_std().await;
    spawn_blocking(move || finish(&file, part, &place)).await.map_err(PortError::unavailable)??;
    Ok(BlobInfo { etag: Etag(etag), len, content_type: content_type.to_owned() })
}

fn finish(file: &File, mut part: Part, place: &Path) -> Result<()> {
    file.sync_all().at(&part.path)?;
    std::fs::rename(&part.path, place).at(place)?;
    part.placed = true;
    sync_folder(place)
}

/// Makes a folder, with those above it, durably: a file that is synced in a folder that is not can be lost with it.
pub(crate) fn make_folder(path: &Path) -> Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(above) = path.parent().filter(|above| !above.as_os_str().is_empty()) {
        make_folder(above)?;
    }
    match std::fs::create_dir(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error).at(path),
        _ => sync_folder(path),
    }
}

/// A new name, or the end of one, is durable when its folder is.
pub(crate) fn sync_folder(of: &Path) -> Result<()> {
    let folder = of.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).at(folder)
}

/// Opens a blob; the file remains readable as it is though the blob is replaced or deleted.
pub(crate) fn open(folder: &Path, name: &str) -> PortResult<Option<(BlobInfo, File)>> {
    let path = folder.join("blobs").join(file_name(name)?);
    let mut file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(PortError::unavailable(error)),
    };
    let header = header(&mut file).map_err(PortError::refused)?;
    if header.name != name {
        return Err(PortError::refused("a blob's file holds another blob"));
    }
    let whole = file.metadata().and_then(|whole| Ok((whole.len(), file.stream_position()?)));
    let (whole, start) = whole.map_err(PortError::unavailable)?;
    let info = BlobInfo {
        etag: Etag(header.etag),
        len: whole.saturating_sub(start),
        content_type: header.content_type,
    };
    Ok(Some((info, file)))
}

fn header(file: &mut File) -> io::Result<Header> {
    let mut head = [0; 8];
    file.read_exact(&mut head)?;
    let size = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
    if head[..4] != MAGIC || size > HEADER_LIMIT {
        return Err(io::Error::other("not a blob's file"));
    }
    let mut json = Vec::new();
    file.take(size.into()).read_to_end(&mut json)?;
    serde_json::from_slice(&json).map_err(io::Error::other)
}

/// The bytes of an open blob.
pub(crate) fn stream(file: File, len: u64) -> ByteStream {
    ReaderStream::with_capacity(tokio::fs::File::from_std(file).take(len), READ).boxed()
}

pub(crate) fn delete(folder: &Path, name: &str) -> PortResult<bool> {
    let path = folder.join("blobs").join(file_name(name)?);
    match std::fs::remove_file(&path) {
        Ok(()) => sync_folder(&path).map(|()| true).map_err(PortError::from),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(PortError::unavailable(error)),
    }
}

/// Removes the parts that a killed process left, on a thread of its own: nothing waits for it.
pub(crate) fn forget_parts(tenants: &Path, now: jiff::Timestamp) {
    let tenants = tenants.to_owned();
    let now = SystemTime::from(now);
    let forget = move || {
        let folders = std::fs::read_dir(&tenants).into_iter().flatten().flatten();
        for part in folders
            .flat_map(|folder| std::fs::read_dir(folder.path().join("parts")).into_iter().flatten().flatten())
        {
            let written = part.metadata().and_then(|about| about.modified());
            if written.is_ok_and(|written| now.duration_since(written).is_ok_and(|age| age > ABANDONED)) {
                let _ = std::fs::remove_file(part.path());
            }
        }
    };
    // Without a thread they stay until the next start.
    drop(std::thread::Builder::new().name("parts".into()).stack_size(256 * 1024).spawn(forget));
}
