//! A form, read part by part within limits.

use axum::{
    body::{Body, BodyDataStream, Bytes},
    extract::{FromRequest, Multipart, Request, multipart},
    http::request,
};
use futures::{Stream, StreamExt};
use pool::Error;
use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
};

/// The most that may stand around the parts of a form: what is before the first, boundaries, the parts' headers. In bytes.
const MAX_FRAME: usize = 64 * 1024;

/// A form whose body is being read.
pub(super) struct Form {
    parts: Multipart,
    held: Arc<Held>,
}

/// A part of it.
pub(super) struct Part<'a> {
    field: multipart::Field<'a>,
    held: &'a Held,
}

impl Form {
    pub(super) async fn open(head: request::Parts, body: Body) -> Result<Self, Error> {
        let held = Arc::default();
        let body = Body::from_stream(Sips { body: body.into_data_stream(), held: Arc::clone(&held) });
        let request = Request::from_parts(head, body);
        let parts = Multipart::from_request(request, &()).await.map_err(|_| malformed())?;
        Ok(Self { parts, held })
    }

    pub(super) async fn next(&mut self) -> Result<Option<Part<'_>>, Error> {
        let field = self.parts.next_field().await.map_err(|_| malformed())?;
        self.held.given(0);
        Ok(field.map(|field| Part { field, held: &self.held }))
    }
}

impl Part<'_> {
    pub(super) fn name(&self) -> Option<&str> {
        self.field.name()
    }

    pub(super) fn file_name(&self) -> Option<&str> {
        self.field.file_name()
    }

    pub(super) fn content_type(&self) -> Option<&str> {
        self.field.content_type()
    }

    pub(super) async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        let chunk = self.field.chunk().await.map_err(|_| malformed())?;
        self.held.given(chunk.as_ref().map_or(0, Bytes::len));
        Ok(chunk)
    }
}

fn malformed() -> Error {
    Error::invalid("", "the multipart body is malformed, or more than 64 KiB of it are of no part")
}

/// What the form's reader was handed and has not passed on.
#[derive(Default)]
struct Held {
    bytes: AtomicUsize,
    /// It has something that it has not looked at yet.
    news: AtomicBool,
}

impl Held {
    fn given(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes, Relaxed);
        self.news.store(true, Relaxed);
    }
}

/// The body of a form, a chunk at a time. Its reader takes all that it can get before it looks, keeps what it cannot tell the
/// meaning of, and has no limit: here it gets one more only when it has looked and found that it needs it.
struct Sips {
    body: BodyDataStream,
    held: Arc<Held>,
}

impl Stream for Sips {
    type Item = std::io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.held.news.swap(false, Relaxed) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if self.held.bytes.load(Relaxed) > MAX_FRAME {
            return Poll::Ready(Some(Err(std::io::Error::other("the frame of the form is too long"))));
        }
        let chunk = ready!(self.body.poll_next_unpin(cx));
        if let Some(Ok(chunk)) = &chunk {
            self.held.bytes.fetch_add(chunk.len(), Relaxed);
            self.held.news.store(true, Relaxed);
        }
        Poll::Ready(chunk.map(|chunk| chunk.map_err(std::io::Error::other)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::stream;
    use std::iter;

    const CHUNK: usize = 16 * 1024;

    /// What a form of these chunks is read as, and how many of its bytes were taken.
    async fn read(
        chunks: impl Iterator<Item = Vec<u8>> + Send + 'static,
    ) -> (Result<Vec<(String, usize)>, Error>, usize) {
        let taken = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&taken);
        let chunks = chunks.map(move |chunk| {
            count.fetch_add(chunk.len(), Relaxed);
            Ok::<_, std::io::Error>(chunk)
        });
        let head = Request::post("/").header("content-type", "multipart/form-data; boundary=x");
        let (head, ()) = head.body(()).expect("a request").into_parts();
        let parts = async {
            let mut form = Form::open(head, Body::from_stream(stream::iter(chunks))).await?;
            let mut parts = Vec::new();
            while let Some(mut part) = form.next().await? {
                let (name, mut bytes) = (part.name().unwrap_or_default().to_owned(), 0);
                while let Some(chunk) = part.chunk().await? {
                    bytes += chunk.len();
                }
                parts.push((name, bytes));
            }
            Ok(parts)
        };
        (parts.await, taken.load(Relaxed))
    }

    fn endless(begin: &str) -> impl Iterator<Item = Vec<u8>> + Send + 'static {
        iter::once(begin.as_bytes().to_vec()).chain(iter::repeat_n(vec![b'a'; CHUNK], 1024))
    }

    #[tokio::test]
    async fn what_is_of_no_part_is_not_kept() {
        let header = "--x\r\ncontent-disposition: form-data; name=\"file\"\r\nx: ";
        let boundary = "--x\r\ncontent-disposition: form-data; name=\"file\"\r\n\r\nbytes\r\n--x";
        for begin in ["", "--x\r\nx: ", header, boundary] {
            let (read, taken) = read(endless(begin)).await;
            assert!(read.is_err(), "{begin:?}");
            assert!(taken <= MAX_FRAME + 2 * CHUNK, "{begin:?}: {taken}");
        }
        let part = "--x\r\ncontent-disposition: form-data; name=\"filename\"\r\n\r\n\r\n";
        let (read, taken) = read(iter::repeat_n(part.into(), 10_000)).await;
        assert!(read.is_err() && taken <= MAX_FRAME + 2 * part.len(), "{taken}");
    }

    #[tokio::test]
    async fn a_form_may_come_in_any_pieces() {
        let mut form = String::new();
        for (name, bytes) in [("filename", 9), ("metadata", 2), ("file", 300_000)] {
            let content = "b".repeat(bytes);
            form += &format!("--x\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{content}\r\n");
        }
        form += "--x--\r\n";
        let expected = [("filename".to_owned(), 9), ("metadata".to_owned(), 2), ("file".to_owned(), 300_000)];
        for piece in [1, 7, 1024, CHUNK, form.len()] {
            let pieces: Vec<_> = form.as_bytes().chunks(piece).map(<[u8]>::to_vec).collect();
            assert_eq!(read(pieces.into_iter()).await.0.expect("a form"), expected, "{piece}");
        }
    }
}
