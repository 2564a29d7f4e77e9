use crate::server::Server;
use axum::response::{IntoResponse as _, Response};
use local::model::{Fault, OpenAiEmbeddings};
use pool::{
    ports::{Embedder as _, PortError, PortResult},
    testing::tenant,
};
use serde_json::{Value, json};

/// A vector that tells which text it is of: (n, 1, 0), n being the text.
fn vectors(body: &Value) -> Vec<Value> {
    let texts = body["input"].as_array().expect("a list").iter();
    let number = |text: &Value| text.as_str().and_then(|text| text.parse::<u32>().ok()).unwrap_or_default();
    texts
        .enumerate()
        .map(
            |(index, text)| json!({"object": "embedding", "index": index, "embedding": [number(text), 1, 0]}),
        )
        .collect()
}

fn answer(data: Vec<Value>) -> Response {
    json!({"object": "list", "data": data, "model": "m", "usage": {"prompt_tokens": 1}})
        .to_string()
        .into_response()
}

async fn embed(change: fn(&mut Vec<Value>)) -> PortResult<Vec<Vec<f32>>> {
    let server = Server::start(move |_, body| {
        let mut data = vectors(body);
        change(&mut data);
        answer(data)
    })
    .await;
    let texts: Vec<String> = (0..3).map(|n| n.to_string()).collect();
    OpenAiEmbeddings::new(server.endpoint(), "m", 3).embed(&tenant("contoso"), &texts).await
}

fn code(error: &PortError) -> (bool, &'static str) {
    let (PortError::Unavailable(cause) | PortError::Refused(cause)) = error else { panic!("{error:?}") };
    (error.transient(), cause.downcast_ref::<Fault>().expect("a fault").code())
}

#[tokio::test]
async fn many_texts_go_in_batches_and_come_back_in_order() {
    let server = Server::start(|_, body| answer(vectors(body).into_iter().rev().collect())).await;
    let embedder = OpenAiEmbeddings::new(server.endpoint(), "m", 3);
    let texts: Vec<String> = (0..150).map(|n| n.to_string()).collect();
    let vectors = embedder.embed(&tenant("contoso"), &texts).await.expect("vectors");
    assert_eq!(vectors.len(), 150);
    for (n, vector) in vectors.iter().enumerate() {
        let norm = vector.iter().map(|x| x * x).sum::<f32>();
        assert!((norm - 1.0).abs() < 1e-5, "{n}: {vector:?}");
        assert!((vector[0] / vector[1] - n as f32).abs() < 1e-2, "{n}: {vector:?}");
    }
    let sent = server.sent();
    let sizes: Vec<usize> =
        sent.iter().map(|sent| sent.body["input"].as_array().expect("a list").len()).collect();
    assert_eq!(sizes, [64, 64, 22]);
    assert_eq!((sent[0].uri.as_str(), &sent[0].body["model"]), ("/v1/embeddings", &json!("m")));
    assert!(embedder.embed(&tenant("contoso"), &[]).await.expect("nothing").is_empty());
    assert_eq!(server.sent().len(), 3, "nothing to embed is nothing to ask");
}

#[tokio::test]
async fn the_length_is_learnt_and_then_held_to() {
    let server = Server::start(|number, body| {
        let mut data = vectors(body);
        if number > 0 {
            data[0]["embedding"] = json!([1, 2]);
        }
        answer(data)
    })
    .await;
    let embedder =
        OpenAiEmbeddings::learn(server.endpoint(), &tenant("contoso"), "m").await.expect("a length");
    assert_eq!(embedder.dimensions(), 3);
    let error = embedder.embed(&tenant("contoso"), &["1".to_owned()]).await.expect_err("another length");
    assert_eq!(code(&error), (false, "wrong_dimensions"));
}

#[tokio::test]
async fn vectors_that_cannot_be_right_are_no_answer() {
    assert!(embed(|_| {}).await.is_ok());
    let changes: [fn(&mut Vec<Value>); 7] = [
        |data| drop(data.pop()),
        |data| data.push(json!({"index": 3, "embedding": [1, 1, 1]})),
        |data| data[0]["index"] = json!(1),
        |data| data[2]["index"] = json!(7),
        |data| data[1]["embedding"] = json!([0, 0, 0]),
        |data| data[1]["embedding"] = json!(["1", 1, 1]),
        |data| data[1]["embedding"] = json!([1e300, 1, 1]),
    ];
    for (n, change) in changes.into_iter().enumerate() {
        let error = embed(change).await.expect_err("no answer");
        assert_eq!(code(&error), (true, "bad_embeddings"), "change {n}");
    }
    let garbage = Server::start(|_, _| "<html>".into_response()).await;
    let embedder = OpenAiEmbeddings::new(garbage.endpoint(), "m", 3);
    let error = embedder.embed(&tenant("contoso"), &["1".to_owned()]).await.expect_err("garbage");
    assert_eq!(code(&error), (true, "bad_embeddings"));
}

#[tokio::test]
async fn an_endless_body_is_ended() {
    let server = Server::start(|_, _| format!("{{\"data\":[{}", " ".repeat(17 << 20)).into_response()).await;
    let embedder = OpenAiEmbeddings::new(server.endpoint(), "m", 3);
    let error = embedder.embed(&tenant("contoso"), &["1".to_owned()]).await.expect_err("too long");
    assert_eq!(code(&error), (true, "too_long"));
}

#[tokio::test]
async fn it_embeds_as_an_embedder_must() {
    let server = Server::start(|_, body| answer(vectors(body).into_iter().rev().collect())).await;
    pool::conformance::embedder(&OpenAiEmbeddings::new(server.endpoint(), "m", 3)).await;
}
