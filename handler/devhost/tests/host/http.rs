use std::{net::SocketAddr, time::Duration};

use axum::body::Body;
use bytes::Bytes;
use devhost::{AuthLevel, HostEvent, Keys, TriggerInfo};
use futures::channel::mpsc;
use http::Request;
use http_body_util::BodyExt as _;
use serde_json::Value;

use crate::support::{App, call, eventually, get, send, text, until};

#[tokio::test]
async fn routes_are_tried_in_order_of_name_and_a_wrong_verb_is_no_match() {
    let app = App::new()
        .http("b_recent", r#","route":"items/recent","methods":["get"]"#)
        .http("a_item", r#","route":"items/{id:alpha}","methods":["get"],"authLevel":"anonymous""#)
        .http("c_item", r#","route":"items/{id}","methods":["post"]"#)
        .http("maybe", r#","route":"maybe/{n:int?}""#)
        .http("plain", "")
        .http("off", "")
        .env("AzureWebJobs.off.Disabled", "true");
    let host = app.start().await;
    let first = &host.functions()[0];
    assert_eq!(first.name, "a_item");
    let methods = vec!["GET".to_owned()];
    let route = "api/items/{id:alpha}".to_owned();
    assert_eq!(first.trigger, TriggerInfo::Http { route, methods, auth: AuthLevel::Anonymous });
    for (method, path, expected) in [
        ("GET", "/api/items/recent", Some("a_item")),
        ("GET", "/API/Items/Recent/", Some("a_item")),
        ("GET", "/api/items/recent//", None),
        ("GET", "/api/x/../items/a%62c", Some("a_item")),
        ("GET", "/api/items/1", None),
        ("POST", "/api/items/1", Some("c_item")),
        ("PUT", "/api/items/1", None),
        ("HEAD", "/api/items/recent", None),
        ("GET", "/api/maybe", Some("maybe")),
        ("GET", "/api/maybe/7", Some("maybe")),
        ("GET", "/api/maybe/x", None),
        ("PATCH", "/api/plain", Some("plain")),
        ("GET", "/plain", None),
        ("GET", "/api/off", None),
    ] {
        let before = app.events.lock().unwrap().len();
        let (status, _) = call(host.addr(), method, path, "").await;
        assert_eq!(status, if expected.is_some() { 200 } else { 404 }, "{method} {path}");
        if let Some(expected) = expected {
            let fits = |event: &HostEvent| matches!(event, HostEvent::InvocationSucceeded { function, .. } if function == expected);
            until(|| app.events.lock().unwrap()[before..].iter().any(fits)).await;
        }
    }
    let (status, home) = get(host.addr(), "/").await;
    assert!(status == 200 && home.contains("up and running"));
    host.stop().await;
}

#[tokio::test]
async fn the_worker_sees_the_hosts_headers_and_the_client_the_workers() {
    let app = App::new().http("echo", r#","route":"echo/{*rest}""#);
    let host = app.start().await;
    let request = Request::post("/API/Echo/%41%2Fb?x=1&x=%202")
        .header("host", "app.test")
        .header("connection", "x-mine")
        .header("x-mine", "1")
        .header("te", "trailers")
        .header("x-forwarded-for", "9.9.9.9")
        .header("x-forwarded-prefix", "/forged")
        .header("x-ms-invocation-id", "forged")
        .header("x-many", "1")
        .header("x-many", "2")
        .header("user-agent", "me");
    let response = send(host.addr(), request.body(Body::from("hello")).unwrap()).await;
    let cookies: Vec<_> = response.headers().get_all("set-cookie").iter().collect();
    assert_eq!(cookies, ["a=1", "b=2"]);
    assert!(response.headers().contains_key("x-kept") && !response.headers().contains_key("x-hop"));
    let seen: Value = serde_json::from_str(&text(response).await).unwrap();
    let values = |name: &str| -> Vec<String> {
        let headers = seen["headers"].as_array().unwrap().iter().filter(|pair| pair[0] == name);
        headers.map(|pair| pair[1].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(seen["uri"], "/API/Echo/A%2Fb?x=1&x=%202");
    assert_eq!((seen["method"].as_str(), seen["body"].as_str()), (Some("POST"), Some("hello")));
    assert_eq!(values("host"), [format!("127.0.0.1:{}", host.worker_port())]);
    assert_eq!(values("x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(values("x-forwarded-proto"), ["http"]);
    assert_eq!(values("x-forwarded-host"), ["app.test"]);
    assert_eq!(values("x-many"), ["1", "2"]);
    assert_eq!(values("user-agent"), ["me"]);
    assert_eq!(values("content-length"), ["5"]);
    assert_eq!(values("x-ms-invocation-id"), values("x-azure-functions-invocationid"));
    assert_eq!(values("x-ms-invocation-id")[0].len(), 36);
    for gone in ["x-forwarded-prefix", "te", "connection", "x-mine"] {
        assert!(values(gone).is_empty(), "{gone}");
    }
    host.stop().await;
}

#[tokio::test]
async fn an_event_arrives_before_the_stream_ends() {
    let app = App::new().http("sse", "");
    let host = app.start().await;
    let mut response = send(host.addr(), Request::get("/api/sse").body(Body::empty()).unwrap()).await;
    let first = response.body_mut().frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(first, "data: 0\n\n");
    let worker = SocketAddr::from(([127, 0, 0, 1], host.worker_port()));
    get(worker, "/__go").await;
    assert_eq!(text(response).await, "data: 1\n\n");
    host.stop().await;
}

#[tokio::test]
async fn a_client_that_leaves_ends_the_workers_stream_and_is_no_failure() {
    let app = App::new().http("sse", "");
    let host = app.start().await;
    let mut response = send(host.addr(), Request::get("/api/sse").body(Body::empty()).unwrap()).await;
    response.body_mut().frame().await.unwrap().unwrap();
    drop(response);
    until(|| app.record().iter().any(|entry| entry["event"] == "reader left")).await;
    assert!(app.events(|event| matches!(event, HostEvent::InvocationFailed { .. })).is_empty());
    host.stop().await;
}

#[tokio::test]
async fn an_upload_is_streamed_and_complete() {
    let app = App::new().http("upload", "");
    let host = app.start().await;
    let (sender, receiver) = mpsc::unbounded::<Result<Bytes, std::io::Error>>();
    let request = Request::post("/api/upload").body(Body::from_stream(receiver)).unwrap();
    let answer = tokio::spawn(send(host.addr(), request));
    let chunk = Bytes::from(vec![7; 1 << 20]);
    sender.unbounded_send(Ok(chunk.clone())).unwrap();
    until(|| app.record().iter().any(|entry| entry["event"] == "upload began")).await;
    for _ in 0..4 {
        sender.unbounded_send(Ok(chunk.clone())).unwrap();
    }
    drop(sender);
    assert_eq!(text(answer.await.unwrap()).await, (5 << 20).to_string());
    host.stop().await;
}

#[tokio::test]
async fn too_long_a_request_is_refused_whether_announced_or_not() {
    let app = App::new().http("upload", "");
    let host = app.start().await;
    let announced = Request::post("/api/upload").header("content-length", "104857601");
    let (_open, receiver) = mpsc::unbounded::<Result<Bytes, std::io::Error>>();
    let request = announced.body(Body::from_stream(receiver)).unwrap();
    assert_eq!(send(host.addr(), request).await.status(), 413);
    let chunk = Bytes::from(vec![0; 1 << 20]);
    let chunks = futures::stream::iter((0..101).map(move |_| Ok::<_, std::io::Error>(chunk.clone())));
    let request = Request::post("/api/upload").body(Body::from_stream(chunks)).unwrap();
    assert_eq!(send(host.addr(), request).await.status(), 413);
    host.stop().await;
}

#[tokio::test]
async fn a_worker_that_dies_answers_500_with_nothing_and_comes_back() {
    let app = App::new().http("exit", r#","route":"exit/{code}""#).http("echo", "");
    let host = app.start().await;
    assert_eq!(get(host.addr(), "/api/exit/3").await, (500, String::new()));
    // A request that reaches the dying process's socket is lost like the first; one that comes later waits.
    app.event(|event| matches!(event, HostEvent::WorkerRestarting { counted: true, .. })).await;
    let (status, _) = get(host.addr(), "/api/echo").await;
    assert_eq!((status, app.starts()), (200, 2));
    host.stop().await;
}

#[tokio::test]
async fn a_function_that_runs_too_long_fails_and_takes_the_worker_with_it() {
    let app = App::new().http("slow", "").http("echo", "").setting("functionTimeout", "00:00:00.2");
    let host = app.start().await;
    let before = host.worker_pid().unwrap();
    assert_eq!(get(host.addr(), "/api/slow").await.0, 500);
    let after = eventually(|| host.worker_pid().filter(|pid| *pid != before)).await;
    assert_ne!(before, after);
    app.event(|event| matches!(event, HostEvent::WorkerRestarting { counted: false, reason } if reason.contains("functionTimeout"))).await;
    assert_eq!(get(host.addr(), "/api/echo").await.0, 200);
    host.stop().await;
}

#[tokio::test]
async fn keys_are_checked_only_when_there_are_some() {
    let mut app = App::new()
        .http("open", r#","authLevel":"anonymous""#)
        .http("shut", "")
        .http("off", "")
        .env("AzureWebJobs.off.Disabled", "1");
    let host = app.start().await;
    assert_eq!(get(host.addr(), "/api/shut").await.0, 200);
    host.stop().await;
    app.options.auth = Some(Keys { master: "m".into(), host: vec!["h".into()], ..Keys::default() });
    let host = app.start().await;
    for (path, expected) in [
        ("/api/open", 200),
        ("/api/shut", 401),
        ("/api/shut?code=x", 401),
        ("/api/shut?code=h", 200),
        ("/api/off?code=h", 404),
        ("/api/off?code=m", 200),
        ("/admin/host/status", 401),
        ("/admin/host/status?code=h", 401),
        ("/admin/host/status?code=m", 200),
    ] {
        let (status, body) = get(host.addr(), path).await;
        assert_eq!(status, expected, "{path}");
        assert!(status != 401 || body.is_empty(), "{path}");
    }
    tokio::time::timeout(Duration::from_secs(5), host.stop()).await.unwrap();
}
