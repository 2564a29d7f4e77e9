use devhost::{HostError, HostEvent};

use crate::support::{App, get};

async fn refusal(app: &App) -> HostError {
    match app.try_start().await {
        Err(error) => error,
        Ok(_) => panic!("it started"),
    }
}

#[tokio::test]
async fn an_app_without_functions_starts_no_worker() {
    let app = App::new().function("1bad", "").function("worse", r#"{"type":"queueTrigger"}"#);
    std::fs::create_dir_all(app.path("nested/inner")).unwrap();
    std::fs::write(app.path("nested/inner/function.json"), "{}").unwrap();
    let error = refusal(&app).await;
    assert!(matches!(error, HostError::NoFunctions { .. }));
    let text = error.to_string();
    assert!(text.contains("1bad") && text.contains("worse") && !text.contains("inner"), "{text}");
    assert_eq!(app.starts(), 0);
}

#[tokio::test]
async fn a_broken_function_is_reported_and_the_others_run() {
    let app = App::new().http("good", "").function("bad", r#"{"type":"httpTrigger","name":"my_req"}"#);
    let host = app.start().await;
    let faults = app.events(|event| matches!(event, HostEvent::FunctionFault { .. }));
    assert!(faults.len() == 1 && faults[0].to_string().contains("my_req"), "{faults:?}");
    assert_eq!(get(host.addr(), "/api/good").await.0, 200);
    assert_eq!(get(host.addr(), "/api/bad").await.0, 404);
    host.stop().await;
}

#[tokio::test]
async fn what_is_wrong_or_not_built_stops_the_start() {
    let no_host = App::new().http("echo", "");
    std::fs::remove_file(no_host.path("host.json")).unwrap();
    let forwarding = App::new()
        .http("echo", "")
        .setting("customHandler__enableProxyingHttpRequest", "false")
        .setting("customHandler__enableForwardingHttpRequest", "true");
    let envelope = App::new().http("echo", "").setting("customHandler__enableProxyingHttpRequest", "false");
    let trigger = App::new().function("e", r#"{"type":"eventGridTrigger","name":"e"}"#);
    let nowhere = {
        let mut app = App::new();
        app.options.functions = app.path("functions");
        app
    };
    for (app, word) in [
        (no_host, "host.json"),
        (forwarding, "enableForwardingHttpRequest"),
        (envelope, "envelope form"),
        (trigger, "eventgridtrigger"),
        (nowhere, "functions"),
    ] {
        let text = refusal(&app).await.to_string();
        assert!(text.contains(word), "{text}");
        assert_eq!(app.starts(), 0);
    }
}

#[tokio::test]
async fn a_taken_port_is_an_error() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let app = App::new().http("echo", "").setting("customHandler__port", &port.to_string());
    assert!(matches!(refusal(&app).await, HostError::Listen { .. }));
    drop(taken);
    let host = app.start().await;
    assert_eq!(host.worker_port(), port);
    assert_eq!(get(host.addr(), "/api/echo").await.0, 200);
    host.stop().await;
}

#[tokio::test]
async fn function_folders_may_live_beside_the_root_and_the_program_may_be_another() {
    let mut app = App::new().http("functions/echo", "");
    app.options.functions = app.path("functions");
    let json = r#"{"version":"2.0","customHandler":{"enableProxyingHttpRequest":true,
        "description":{"defaultExecutablePath":"no-such-handler"}}}"#;
    std::fs::write(app.path("host.json"), json).unwrap();
    app.options.executable = Some(env!("CARGO_BIN_EXE_devhost-test-worker").into());
    let host = app.start().await;
    assert_eq!(get(host.addr(), "/api/echo").await.0, 200);
    host.stop().await;
}
