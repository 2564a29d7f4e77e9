//! Server-sent events of a run.

use crate::gates::Open;
use axum::{
    body::{Body, Bytes},
    http::{HeaderValue, header},
    response::Response,
};
use pool::events::{RunEvent, RunEvents};
use std::time::Duration;
use tokio::time::Instant;

/// How long a stream may last; the front end gives up at 230 s.
const LONGEST: Duration = Duration::from_secs(220);
/// A silent stream says something this often, so that nobody between takes it for dead.
const BEAT: Duration = Duration::from_secs(15);
const FIRST_WAIT: Duration = Duration::from_millis(5);
const LONGEST_WAIT: Duration = Duration::from_millis(250);

/// A run's events until it rests, in one of its user's places. They are read from the store: what a client has seen is
/// durable, and any instance can go on from there.
pub(crate) fn stream(mut reader: RunEvents, place: Open) -> Response {
    let stream = async_stream::stream! {
        let _place = place;
        let (mut wait, mut told) = (FIRST_WAIT, Instant::now());
        let ends = Instant::now() + LONGEST;
        loop {
            let (events, rests) = match reader.next().await {
                Ok(read) => read,
                Err(fault) => {
                    tracing::warn!(error = %crate::problem::chain(&fault), "a stream of events breaks off");
                    return;
                }
            };
            wait = if events.is_empty() { (wait * 3 / 2).min(LONGEST_WAIT) } else { FIRST_WAIT };
            for event in events {
                told = Instant::now();
                yield Ok::<_, std::convert::Infallible>(frame(&event));
            }
            if rests {
                yield Ok(Bytes::from_static(b"event: done\ndata: [DONE]\n\n"));
                return;
            }
            if Instant::now() >= ends {
                return;
            }
            if told.elapsed() >= BEAT {
                told = Instant::now();
                yield Ok(Bytes::from_static(b": still here\n\n"));
            }
            tokio::time::sleep(wait).await;
        }
    };
    let mut response = Response::new(Body::from_stream(stream));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    response
}

fn frame(event: &RunEvent) -> Bytes {
    format!("id: {}\nevent: {}\ndata: {}\n\n", event.seq, event.event, event.data).into()
}
