//! One HTTP/1.1 exchange with the worker on 127.0.0.1. Every exchange has a connection of its own, so that
//! dropping the answer drops the connection: that is how the worker learns that nobody waits any more.

use std::{
    io,
    net::Ipv4Addr,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures::stream;
use http::{Request, Response};
use http_body_util::{BodyExt as _, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::{Frame, Incoming, SizeHint};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, task::AbortHandle, time::sleep};

pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;
pub(crate) type Body = UnsyncBoxBody<Bytes, BoxError>;

/// The version this host claims in headers and on its status page.
pub(crate) const HOST_VERSION: &str = "4.1045.0";

#[derive(Debug, thiserror::Error)]
pub(crate) enum WireError {
    /// Nobody listens (yet, or any more).
    #[error("cannot connect to the worker: {0}")]
    Connect(#[source] io::Error),
    /// The connection broke, or what came was not HTTP.
    #[error("no valid answer from the worker: {}", chain(.0))]
    Http(#[source] hyper::Error),
}

fn chain(error: &hyper::Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

/// Sends one request. A refused connection is tried again `retries` times, after 50 ms doubling to 250 ms.
pub(crate) async fn send(
    port: u16,
    request: Request<Body>,
    retries: u32,
) -> Result<Response<WorkerBody>, WireError> {
    let stream = connect(port, retries).await.map_err(WireError::Connect)?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(WireError::Http)?;
    let guard = Guard(tokio::spawn(connection).abort_handle());
    let response = sender.send_request(request).await.map_err(WireError::Http)?;
    Ok(response.map(|body| WorkerBody { body, _guard: guard }))
}

async fn connect(port: u16, retries: u32) -> io::Result<TcpStream> {
    let mut wait = Duration::from_millis(50);
    let mut left = retries;
    loop {
        match TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) if left == 0 => return Err(error),
            Err(_) => sleep(wait).await,
        }
        left -= 1;
        wait = (wait * 2).min(Duration::from_millis(250));
    }
}

/// No body.
pub(crate) fn empty() -> Body {
    http_body_util::Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// A body of unknown length, as the host's serialiser makes them: it goes out chunked, without
/// Content-Length.
pub(crate) fn chunked(bytes: Bytes) -> Body {
    http_body_util::BodyExt::boxed_unsync(StreamBody::new(stream::iter([Ok(Frame::data(bytes))])))
}

/// The worker's answer; dropping it closes the connection.
pub(crate) struct WorkerBody {
    body: Incoming,
    _guard: Guard,
}

impl hyper::body::Body for WorkerBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

struct Guard(AbortHandle);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.abort();
    }
}
