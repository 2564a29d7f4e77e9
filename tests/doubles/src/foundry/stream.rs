use super::responses::Run;
use axum::{
    body::Body,
    http::header,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use std::{io, sync::Arc};

/// A response's events after one of this number, as they come, until it has ended.
pub(super) fn events(run: Arc<Run>, after: Option<u64>) -> Response {
    let mut next = after.map_or(0, |after| after as usize + 1);
    let mut changed = run.changed.subscribe();
    let stream = async_stream::stream! {
        loop {
            let (fresh, ended) = {
                let state = run.state();
                (state.events.get(next..).unwrap_or_default().to_vec(), state.ended)
            };
            for event in &fresh {
                let name = event["type"].as_str().unwrap_or_default();
                yield Ok::<_, io::Error>(Bytes::from(format!("event: {name}\ndata: {event}\n\n")));
            }
            next += fresh.len();
            let told = ended && run.state().events.len() <= next;
            if told || changed.changed().await.is_err() {
                return;
            }
        }
    };
    ([(header::CONTENT_TYPE, "text/event-stream; charset=utf-8")], Body::from_stream(stream)).into_response()
}
