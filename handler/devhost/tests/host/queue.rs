use std::time::Duration;

use devhost::{HostEvent, Trap};
use serde_json::json;

use crate::support::{App, eventually, kill, until};

#[tokio::test]
async fn the_envelope_is_the_hosts_to_the_byte() {
    let app = App::new().queue("Plain", "");
    app.push(r#"{"a":1}"#).await;
    let host = app.start().await;
    let (body, request) = eventually(|| app.posted("Plain").pop()).await;
    assert_eq!(body["Data"], json!({ "item": "\"{\\\"a\\\":1}\"" }));
    let metadata = body["Metadata"].as_object().unwrap();
    let keys: Vec<_> = metadata.keys().map(String::as_str).collect();
    let expected = [
        "DequeueCount",
        "ExpirationTime",
        "Id",
        "InsertionTime",
        "NextVisibleTime",
        "PopReceipt",
        "a",
        "sys",
    ];
    assert_eq!(keys, expected);
    assert_eq!((&metadata["DequeueCount"], &metadata["a"]), (&json!("1"), &json!("\"1\"")));
    for (key, length) in [("Id", 38), ("PopReceipt", 38), ("InsertionTime", 25), ("ExpirationTime", 25)] {
        assert_eq!(metadata[key].as_str().unwrap().len(), length, "{key}");
    }
    assert!(metadata["InsertionTime"].as_str().unwrap().ends_with("+00:00"));
    let sys = metadata["sys"].as_object().unwrap();
    assert_eq!(sys["MethodName"], "Plain");
    assert!(sys["UtcNow"].as_str().unwrap().ends_with('Z') && sys["RandGuid"].as_str().unwrap().len() == 36);
    let header = |name: &str| {
        let headers = request["headers"].as_array().unwrap();
        headers.iter().find(|pair| pair[0] == name).map(|pair| pair[1].as_str().unwrap().to_owned())
    };
    assert_eq!(request["method"], "POST");
    assert_eq!(header("content-type").unwrap(), "application/json; charset=utf-8");
    assert_eq!(header("transfer-encoding").unwrap(), "chunked");
    assert!(header("user-agent").unwrap().starts_with("Azure-Functions-Host/4."));
    assert_eq!(header("x-azure-functions-invocationid").unwrap().len(), 36);
    for absent in ["content-length", "x-forwarded-for", "x-ms-invocation-id"] {
        assert_eq!(header(absent), None, "{absent}");
    }
    until(|| app.queues.peek("work").is_empty()).await;
    host.stop().await;
}

#[tokio::test]
async fn binary_payloads_are_base64_and_cannot_forge_metadata() {
    let app = App::new().queue("bytes", r#","dataType":"binary""#);
    app.push(r#"{"DequeueCount":"9"}"#).await;
    let host = app.start().await;
    let (body, _) = eventually(|| app.posted("bytes").pop()).await;
    assert_eq!(body["Data"]["item"], "eyJEZXF1ZXVlQ291bnQiOiI5In0=");
    assert_eq!(body["Metadata"]["DequeueCount"], "1");
    host.stop().await;
}

#[tokio::test]
async fn a_string_payload_forges_metadata() {
    let app = App::new().queue("text_payload", "");
    app.push(r#"{"dequeueCount":"9"}"#).await;
    let host = app.start().await;
    let (body, _) = eventually(|| app.posted("text_payload").pop()).await;
    assert_eq!(body["Metadata"]["DequeueCount"], "\"9\"");
    app.event(|event| matches!(event, HostEvent::TrapHit { trap: Trap::MetadataPollution, .. })).await;
    host.stop().await;
}

#[tokio::test]
async fn a_message_that_always_fails_is_poison_after_the_last_attempt() {
    let app = App::new().queue("fail", "").setting("extensions__queues__maxDequeueCount", "3");
    app.push("bad").await;
    let host = app.start().await;
    app.event(|event| matches!(event, HostEvent::Poisoned { queue, .. } if queue == "work-poison")).await;
    assert_eq!(app.queue_texts("work-poison"), ["bad"]);
    assert!(app.queue_texts("work").is_empty());
    let counts: Vec<_> =
        app.posted("fail").iter().map(|(body, _)| body["Metadata"]["DequeueCount"].clone()).collect();
    assert_eq!(counts, ["1", "2", "3"]);
    host.stop().await;
}

#[tokio::test]
async fn a_failed_message_waits_for_its_visibility_timeout() {
    let app =
        App::new().queue("fail_once", "").setting("extensions__queues__visibilityTimeout", "00:00:00.3");
    app.push("again").await;
    let host = app.start().await;
    let failed = |event: &HostEvent| matches!(event, HostEvent::InvocationFailed { .. });
    app.event(failed).await;
    let at = tokio::time::Instant::now();
    until(|| app.queues.peek("work").is_empty()).await;
    assert!(at.elapsed() >= Duration::from_millis(250));
    assert_eq!((app.posted("fail_once").len(), app.events(failed).len()), (2, 1));
    host.stop().await;
}

#[tokio::test]
async fn a_killed_worker_gets_the_message_again() {
    let app = App::new().queue("hang_once", "");
    app.push("work").await;
    let host = app.start().await;
    until(|| !app.posted("hang_once").is_empty()).await;
    kill(host.worker_pid().unwrap());
    until(|| app.queues.peek("work").is_empty()).await;
    assert_eq!((app.posted("hang_once").len(), app.starts()), (2, 2));
    host.stop().await;
}

#[tokio::test]
async fn a_lease_is_renewed_while_the_work_lasts() {
    let mut app = App::new().queue("linger", "");
    app.options.queue_lease = Duration::from_millis(100);
    app.push("long").await;
    let host = app.start().await;
    until(|| app.queues.peek("work").is_empty()).await;
    assert_eq!(app.posted("linger").len(), 1);
    host.stop().await;
}

#[tokio::test]
async fn a_stopping_host_gives_back_what_it_holds() {
    let app = App::new().queue("hang_once", "").setting("extensions__queues__maxDequeueCount", "1");
    app.push("mine").await;
    let host = app.start().await;
    until(|| !app.posted("hang_once").is_empty()).await;
    host.stop().await;
    let left = app.queues.peek("work");
    assert_eq!(left.len(), 1);
    assert!(left[0].next_visible < left[0].inserted + jiff::SignedDuration::from_secs(60));
    assert!(app.queue_texts("work-poison").is_empty());
}

#[tokio::test]
async fn outputs_are_pushed_and_logs_told() {
    let app = App::new().queue("outputs", "");
    app.push("go").await;
    let host = app.start().await;
    until(|| app.queue_texts("out").len() == 2).await;
    assert_eq!(app.queue_texts("out"), ["one", "{\n  \"two\": 2\n}"]);
    app.event(|event| matches!(event, HostEvent::InvocationLog { line, .. } if line == "a line")).await;
    host.stop().await;
}

#[tokio::test]
async fn a_push_followed_by_wake_is_seen_at_once() {
    let app = App::new().queue("ok", "").setting("extensions__queues__maxPollingInterval", "00:10:00");
    let host = app.start().await;
    // By now the poller pauses for 800 ms between two looks.
    tokio::time::sleep(Duration::from_millis(800)).await;
    app.push("now").await;
    let at = tokio::time::Instant::now();
    host.wake();
    until(|| app.queues.peek("work").is_empty()).await;
    assert!(at.elapsed() < Duration::from_millis(500), "{:?}", at.elapsed());
    host.stop().await;
}
