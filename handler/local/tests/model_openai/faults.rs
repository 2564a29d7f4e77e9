use crate::server::{KEY, Server, body, broken, endpoint, hello, sse, streamed};
use axum::{
    body::{Body, Bytes},
    response::Response,
};
use futures::{StreamExt as _, stream};
use local::model::{Endpoint, EndpointError, Fault, OpenAiCompatible, Secret};
use pool::{
    ports::{Model as _, ModelEvent, PortError, SystemClock},
    testing::tenant,
};
use std::{error::Error, io, sync::Arc, time::Duration};

const WORD: &str = r#"{"choices":[{"delta":{"content":"word"}}]}"#;
const STOP: &str = r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#;

fn status(status: u16, headers: &[(&str, &str)], body: &str) -> Response {
    let response =
        headers.iter().fold(Response::builder().status(status), |r, (name, value)| r.header(*name, *value));
    response.body(Body::from(body.to_owned())).expect("a response")
}

/// All that a log could print of an error.
fn printed(error: &PortError) -> String {
    let mut text = format!("{error:?} {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        text += &format!(" {cause:?} {cause}");
        source = cause.source();
    }
    text
}

fn fault(error: &PortError) -> (bool, &'static str, Option<u16>) {
    let (PortError::Unavailable(cause) | PortError::Refused(cause)) = error else { panic!("{error:?}") };
    let fault = cause.downcast_ref::<Fault>().expect("a fault");
    (error.transient(), fault.code(), fault.status())
}

/// The error of a step that gets this answer, and what came before it.
async fn failure(answer: impl Fn() -> Response + Send + Sync + 'static) -> (Vec<ModelEvent>, PortError) {
    let server = Server::start(move |_, _| answer()).await;
    let result = server.step().await;
    assert_eq!(server.sent().len(), 1, "a step is sent once");
    let mut events = match result {
        Err(error) => return (Vec::new(), error),
        Ok(events) => events,
    };
    let last = events.pop().expect("an event").expect_err("an error at the end");
    (events.into_iter().map(|event| event.expect("words before the error")).collect(), last)
}

#[tokio::test]
async fn throttling_names_its_time() {
    for (header, seconds) in [
        (Some("7"), 7),
        (Some(" 30 "), 30),
        (Some("Sun, 01 Mar 2026 12:00:09 GMT"), 9),
        (Some("Sun, 01 Mar 2026 11:00:00 GMT"), 1),
        (Some("Mon, 02 Mar 2026 12:00:00 GMT"), 60),
        (Some("0"), 1),
        (Some("86400"), 60),
        (Some("99999999999999999999999"), 60),
        (Some("-5"), 5),
        (Some("soon"), 5),
        (None, 5),
    ] {
        let (_, error) = failure(move || {
            let headers: Vec<_> = header.map(|value| ("retry-after", value)).into_iter().collect();
            status(429, &headers, "{}")
        })
        .await;
        let PortError::Exhausted { retry_after } = error else { panic!("{error:?}") };
        assert_eq!(retry_after, Duration::from_secs(seconds), "{header:?}");
    }
}

#[tokio::test]
async fn statuses_tell_what_another_try_would_do() {
    for (number, transient) in [
        (408, true),
        (500, true),
        (502, true),
        (503, true),
        (400, false),
        (401, false),
        (403, false),
        (404, false),
        (422, false),
    ] {
        let echo = format!(
            r#"{{"error":{{"message":"Bearer {KEY} Hello?","code":"{KEY}","type":"invalid_api_key"}}}}"#
        );
        let (_, error) = failure(move || status(number, &[], &echo)).await;
        assert_eq!(fault(&error), (transient, "other", Some(number)));
        let text = printed(&error);
        assert!(
            !text.contains(KEY) && !text.contains("Hello") && text.contains(&number.to_string()),
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_known_code_is_kept_and_any_body_is_survived() {
    for (text, code) in [
        (r#"{"error":{"code":"context_length_exceeded","message":"long"}}"#, "context_length_exceeded"),
        (r#"{"error":{"code":null,"type":"invalid_request_error"}}"#, "invalid_request_error"),
        (r#"{"error":"model not found"}"#, "other"),
        ("<html>", "other"),
        ("", "other"),
    ] {
        let (_, error) = failure(move || status(400, &[], text)).await;
        assert_eq!(fault(&error), (false, code, Some(400)), "{text}");
    }
    let (_, error) = failure(|| status(500, &[], &"x".repeat(1 << 20))).await;
    assert_eq!(fault(&error), (true, "other", Some(500)));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (_, error) = failure(|| status(307, &[("location", "/elsewhere")], "")).await;
    assert_eq!(fault(&error), (false, "redirect", Some(307)));
}

#[tokio::test]
async fn a_stream_that_breaks_is_unavailable_and_keeps_its_words() {
    let (events, error) = failure(|| broken(vec![sse(&[WORD])])).await;
    assert_eq!(events, [ModelEvent::Text("word".into())]);
    assert_eq!(fault(&error), (true, "transport", None));
}

#[tokio::test]
async fn a_stream_without_its_end_was_cut() {
    for (wire, code) in [
        (sse(&[WORD]), "cut_short"),
        (sse(&[WORD, STOP]), "cut_short"),
        ([sse(&[WORD, STOP]), b"data: [DONE]".to_vec()].concat(), "cut_short"),
        (sse(&[WORD, "[DONE]"]), "no_finish_reason"),
    ] {
        let (events, error) = failure(move || streamed(vec![wire.clone()])).await;
        assert_eq!(events, [ModelEvent::Text("word".into())]);
        assert_eq!(fault(&error), (true, code, None));
    }
}

#[tokio::test]
async fn garbage_is_unavailable() {
    for (wire, code) in [
        (sse(&["{\"choices\":["]), "bad_event"),
        (sse(&["7", "[DONE]"]), "bad_event"),
        (sse(&[r#"{"choices":[{"delta":{"content":7}}]}"#]), "bad_event"),
        (b"data: \xff\xfe\n\n".to_vec(), "bad_event"),
        (b"<html>no stream at all</html>".to_vec(), "cut_short"),
        (Vec::new(), "cut_short"),
        (sse(&[r#"{"error":{"message":"boom","type":"server_error"}}"#]), "server_error"),
        (
            sse(&[
                r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]},"finish_reason":"stop"}]}"#,
                "[DONE]",
            ]),
            "bad_tool_call",
        ),
    ] {
        let shown = String::from_utf8_lossy(&wire).into_owned();
        let (_, error) = failure(move || streamed(vec![wire.clone()])).await;
        assert_eq!(fault(&error), (true, code, None), "{shown}");
    }
    let (_, error) = failure(|| streamed(vec![sse(&[r#"{"error":{"code":"rate_limit_exceeded"}}"#])])).await;
    assert!(matches!(error, PortError::Exhausted { .. }), "{error:?}");
}

#[tokio::test]
async fn a_filtered_answer_is_refused() {
    let filtered = r#"{"choices":[{"delta":{},"finish_reason":"content_filter"}]}"#;
    let (events, error) = failure(move || streamed(vec![sse(&[WORD, filtered, "[DONE]"])])).await;
    assert_eq!(events, [ModelEvent::Text("word".into())]);
    assert_eq!(fault(&error), (false, "content_filter", None));
}

#[tokio::test]
async fn what_never_ends_is_ended() {
    let endless = |piece: Vec<u8>| {
        body(Body::from_stream(stream::repeat_with(move || Ok::<_, io::Error>(Bytes::from(piece.clone())))))
    };
    let (_, error) = failure(move || endless(vec![b'x'; 65_536])).await;
    assert_eq!(fault(&error), (true, "line_too_long", None));
    let (_, error) = failure(move || endless(b": ping\n\n".repeat(8192))).await;
    assert_eq!(fault(&error), (true, "stream_too_long", None));
    let long = serde_json::json!({"choices": [{"delta": {"content": "x".repeat(65_536)}}]}).to_string();
    let (events, error) = failure(move || endless(sse(&[&long]))).await;
    assert_eq!(fault(&error), (true, "answer_too_long", None));
    assert_eq!(events.len(), 64, "4 MiB of text, not a byte more");
    let arguments = serde_json::json!({"choices": [{"delta": {"tool_calls": [{"index": 0, "id": "a", "function": {"name": "n", "arguments": "x".repeat(65_536)}}]}}]}).to_string();
    let (_, error) = failure(move || endless(sse(&[&arguments]))).await;
    assert_eq!(fault(&error), (true, "answer_too_long", None));
}

#[tokio::test]
async fn too_many_calls_are_an_error() {
    let events: Vec<String> = (0..200)
        .map(|n| format!(r#"{{"choices":[{{"delta":{{"tool_calls":[{{"index":{n},"id":"{n}","function":{{"name":"n"}}}}]}}}}]}}"#))
        .collect();
    let wire = sse(&events.iter().map(String::as_str).collect::<Vec<_>>());
    let (_, error) = failure(move || streamed(vec![wire.clone()])).await;
    assert_eq!(fault(&error), (true, "too_many_calls", None));
}

#[tokio::test]
async fn silence_is_borne_for_a_minute() {
    let server = Server::start(|_, _| {
        let word = stream::once(async { Ok::<_, io::Error>(Bytes::from(sse(&[WORD]))) });
        body(Body::from_stream(word.chain(stream::pending())))
    })
    .await;
    let model = OpenAiCompatible::new(server.endpoint(), "m");
    let mut events = model.step(&tenant("contoso"), hello()).await.expect("a stream");
    assert_eq!(events.next().await.expect("an event").expect("a word"), ModelEvent::Text("word".into()));
    tokio::time::pause();
    let start = tokio::time::Instant::now();
    let error = events.next().await.expect("an end").expect_err("silence");
    assert_eq!(fault(&error), (true, "timeout", None));
    assert_eq!(start.elapsed().as_secs().div_ceil(10), 6, "{:?}", start.elapsed());
}

#[tokio::test]
async fn nobody_there_is_unavailable_and_the_address_stays_secret() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    drop(listener);
    let model = OpenAiCompatible::new(endpoint(&format!("http://127.0.0.1:{port}/v1?code={KEY}")), "m");
    let Err(error) = model.step(&tenant("contoso"), hello()).await else { panic!("nobody is there") };
    assert_eq!(fault(&error), (true, "connect", None));
    let text = format!("{} {model:?}", printed(&error));
    assert!(!text.contains(KEY), "{text}");
}

#[tokio::test]
async fn settings_are_checked_and_never_printed() {
    let new = |base: &str, key: &str| {
        Endpoint::new(base, Some(&Secret::new(key)), Arc::new(SystemClock))
            .map(|_| ())
            .expect_err("a bad setting")
    };
    assert_eq!(new("not a url", "k"), EndpointError::NotAUrl);
    assert_eq!(new("file:///etc/passwd", "k"), EndpointError::Scheme);
    assert_eq!(new("https://me:pass@example.com/v1", "k"), EndpointError::Credentials);
    assert_eq!(new("https://example.com/v1", "k\r\nx: y"), EndpointError::Key);
    assert!(!format!("{:?}", Secret::new(KEY)).contains(KEY));
    assert!(!format!("{:#?}", endpoint("http://127.0.0.1:9/v1")).contains(KEY));
}

#[tokio::test]
async fn the_base_may_end_in_a_slash_and_hold_a_query() {
    let server = Server::start(|_, _| streamed(vec![sse(&[WORD, STOP, "[DONE]"])])).await;
    let model = OpenAiCompatible::new(endpoint(&format!("{}/?api-version=1", server.base)), "m");
    let events: Vec<_> = model.step(&tenant("contoso"), hello()).await.expect("a stream").collect().await;
    assert_eq!(events.len(), 2);
    assert_eq!(server.sent()[0].uri, "/v1/chat/completions?api-version=1");
}
