//! A model that fails now and then, and that notices whose words it is told.

use crate::endpoint::{self, chunk};
use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
};
use tests::canary;

#[derive(Default)]
pub(crate) struct Shaky {
    /// It does not fail any more.
    pub(crate) steady: AtomicBool,
    /// How often it was asked.
    pub(crate) asked: AtomicUsize,
    /// How often it failed: it broke, it was too busy, or it fell silent in the middle of a word.
    pub(crate) failed: AtomicUsize,
    /// How often it was told words of no tenant, or of two.
    pub(crate) mixed: AtomicUsize,
}

impl Shaky {
    /// What to set so that it is the model.
    pub(crate) async fn serve(self: &Arc<Self>) -> Vec<(String, String)> {
        endpoint::serve(Router::new().fallback(answer).with_state(self.clone())).await.0
    }
}

/// Says what it was told last.
async fn answer(State(model): State<Arc<Shaky>>, body: Bytes) -> Response {
    let asked = model.asked.fetch_add(1, Relaxed);
    let whose = canary::foreign(&body, None);
    let mixed = whose.is_none_or(|tenant| canary::foreign(&body, Some(tenant)).is_some());
    model.mixed.fetch_add(usize::from(mixed), Relaxed);
    let body: Value = serde_json::from_slice(&body).unwrap();
    let said = body["messages"].as_array().unwrap().iter().rev().find(|message| message["role"] == "user");
    let words = chunk(&json!({"content": said.unwrap()["content"]}), None);
    let end = chunk(&json!({"content": "."}), Some("stop"));
    let done = Bytes::from_static(b"data: [DONE]\n\n");
    let fails = !model.steady.load(Relaxed) && asked % 10 < 3;
    model.failed.fetch_add(usize::from(fails), Relaxed);
    let said = match (fails, asked % 10) {
        (true, 0) => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        (true, 1) => return (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "0")]).into_response(),
        (true, _) => vec![Ok(words), Err(io::Error::other("it fell silent"))],
        (false, _) => vec![Ok(words), Ok(end), Ok(done)],
    };
    let body = Body::from_stream(futures::stream::iter(said));
    ([("content-type", "text/event-stream")], body).into_response()
}
