use super::{
    bulkhead::Place,
    fault::{Again, Failure},
};
use async_stream::try_stream;
use bytes::{Bytes, BytesMut};
use futures::{StreamExt, stream::BoxStream};
use pool::ports::{PortError, PortResult};
use reqwest::{Response, header::HeaderMap};
use serde::de::DeserializeOwned;
use tokio::time::{Instant, timeout_at};

/// A whole body.
pub(super) type Whole = BytesMut;

/// A success, read to its end.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status: 200 to 299.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    pub(super) fn new(response: &Response, body: Whole) -> Self {
        Self { status: response.status().as_u16(), headers: response.headers().clone(), body: body.freeze() }
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// `Unavailable`: what is garbage now need not be so next time.
    pub fn json<T: DeserializeOwned>(&self) -> PortResult<T> {
        serde_json::from_slice(&self.body).map_err(|error| {
            // Where and of what kind, but not what: the text of the error can quote the body.
            let (kind, line, column) = (error.classify(), error.line(), error.column());
            PortError::unavailable(format!("an answer that is not understood: {kind:?} at {line}:{column}"))
        })
    }
}

/// A success whose body is still to come.
pub struct Opened {
    /// The status: 200 to 299.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, piece by piece; an error is its last piece.
    pub body: BoxStream<'static, PortResult<Bytes>>,
}

impl Opened {
    pub(super) fn new(mut response: Response, deadline: Instant, limit: usize, place: Place) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = try_stream! {
            let _place = place;
            let mut left = limit;
            while let Some(piece) = timeout_at(deadline, piece(&mut response, &mut left))
                .await
                .map_err(|_| PortError::unavailable("the body does not end before the deadline"))?
                .map_err(|failure| failure.error)?
            {
                yield piece;
            }
        };
        Self { status, headers, body: body.boxed() }
    }
}

/// Reads a body to its end.
pub(super) async fn read(response: &mut Response, limit: usize) -> Result<Whole, Failure> {
    let (mut body, mut left) = (Whole::new(), limit);
    while let Some(piece) = piece(response, &mut left).await? {
        body.extend_from_slice(&piece);
    }
    Ok(body)
}

async fn piece(response: &mut Response, left: &mut usize) -> Result<Option<Bytes>, Failure> {
    let piece = response.chunk().await.map_err(Failure::of_transport)?;
    let size = piece.as_ref().map_or(0, Bytes::len);
    *left = left.checked_sub(size).ok_or_else(|| {
        Failure::new(PortError::unavailable("an answer that is longer than any should be"), Again::Never)
    })?;
    Ok(piece)
}
