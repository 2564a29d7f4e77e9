//! Any form, by any boundary: it is read alike however it comes in pieces, and gives no more than was sent.
#![no_main]

use axum::{
    body::{Body, to_bytes},
    http::{Request, StatusCode},
    response::Response,
};
use fuzz::{RUNTIME, credential, service};
use handler::app::App;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use std::{convert::Infallible, sync::Arc};
use tokio::sync::mpsc;

const NAMES: [&str; 6] = ["file", "filename", "content_type", "metadata", "tenantId", "x"];
/// How often a part's bytes are repeated: some parts are longer than is allowed.
const TIMES: [usize; 16] = [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 600, 7_000];
/// Limits of the service's: of a file, and of a part that is none.
const LONGEST: (usize, usize) = (100_000, 16 * 1024);

type Part<'a> = (u8, &'a str, u8, &'a [u8]);

fuzz_target!(|input: (bool, Option<&str>, Vec<Part<'_>>, &[u8], &[u8])| {
    let (raw, boundary, parts, rest, cuts) = input;
    let boundary = boundary.unwrap_or("x");
    let body = if raw { rest.to_vec() } else { form(boundary, &parts, rest) };
    if body.len() > 4 * LONGEST.0 {
        return;
    }
    let pieces = pieces(&body, cuts);
    RUNTIME.block_on(async {
        let (whole, cut) = (service(), service());
        let Some(first) = send(&whole, boundary, vec![body.clone()]).await else { return };
        let second = send(&cut, boundary, pieces.clone()).await.expect("the same headers");
        assert_eq!(first, second, "it depends on where the body was cut");
        assert_ne!(first.0, StatusCode::INTERNAL_SERVER_ERROR);
        let Some(id) = first.1["id"].as_str().filter(|_| first.0.is_success()) else { return };
        let stored = content(&whole, id).await;
        assert_eq!(stored, content(&cut, id).await, "the bytes depend on where the body was cut");
        assert!(stored.len() <= body.len().min(LONGEST.0) && first.1["bytes"] == stored.len());
        let said = first.1["filename"].to_string().len() + first.1["content_type"].to_string().len();
        assert!(said <= 2 * LONGEST.1);
        // Whether another try is the same one is told by a hash of the parts.
        let again = send(&whole, boundary, pieces).await.expect("the same headers");
        assert_eq!(first, again, "another try, cut otherwise, is taken for another request");
    });
});

fn form(boundary: &str, parts: &[Part<'_>], rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, file, times, bytes) in parts {
        let name = NAMES[usize::from(*name) % NAMES.len()];
        let head = format!(
            "--{boundary}\r\ncontent-disposition: form-data; name=\"{name}\"; filename=\"{file}\"\r\n\r\n"
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(&bytes.repeat(TIMES[usize::from(*times) % TIMES.len()]));
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(rest);
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    body
}

/// The body in pieces of these lengths, over and over; a long one in longer pieces.
fn pieces(body: &[u8], cuts: &[u8]) -> Vec<Vec<u8>> {
    let mut lengths = cuts.iter().map(|cut| usize::from(*cut) + 1 + body.len() / 512).cycle();
    let (mut left, mut pieces) = (body, Vec::new());
    while !left.is_empty() {
        let (piece, others) = left.split_at(lengths.next().unwrap_or(1).min(left.len()));
        pieces.push(piece.to_vec());
        left = others;
    }
    pieces
}

/// A body that comes from another task: a reader takes all that is there at once, so each piece waits for the one before.
fn arriving(pieces: Vec<Vec<u8>>) -> Body {
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        for piece in pieces {
            if sender.send(Ok::<_, Infallible>(piece)).await.is_err() {
                return;
            }
            tokio::task::yield_now().await;
        }
    });
    let next = |mut from: mpsc::Receiver<_>| async { Some((from.recv().await?, from)) };
    Body::from_stream(futures::stream::unfold(receiver, next))
}

/// The answer to an upload, if its headers can be sent.
async fn send(app: &Arc<App>, boundary: &str, pieces: Vec<Vec<u8>>) -> Option<(StatusCode, Value)> {
    let request = Request::post("/api/files")
        .header("authorization", credential())
        .header("content-type", format!("multipart/form-data; boundary={boundary}"))
        .header("idempotency-key", "k")
        .body(arriving(pieces));
    let (status, body) = read(app.clone().answer(request.ok()?).await).await;
    let mut body: Value = serde_json::from_slice(&body).expect("JSON");
    // A problem has the id of its request.
    if let Some(answer) = body.as_object_mut() {
        answer.remove("instance");
    }
    Some((status, body))
}

async fn content(app: &Arc<App>, id: &str) -> Vec<u8> {
    let request = Request::get(format!("/api/files/{id}/content"))
        .header("authorization", credential())
        .body(Body::empty());
    let (status, body) = read(app.clone().answer(request.expect("a request")).await).await;
    assert_eq!(status, StatusCode::OK);
    body
}

async fn read(response: Response) -> (StatusCode, Vec<u8>) {
    let status = response.status();
    (status, to_bytes(response.into_body(), usize::MAX).await.expect("bytes").to_vec())
}
