use std::time::Duration;

use devhost::{HostError, HostEvent, Level, Stream};

use crate::support::{App, eventually, get, kill, until};

fn restarting(event: &HostEvent) -> bool {
    matches!(event, HostEvent::WorkerRestarting { .. })
}

#[tokio::test]
async fn the_third_error_ends_the_host() {
    let app = App::new().http("echo", "").env("SAY_ERR", "one|a warning|three");
    let host = app.start().await;
    let stopped = tokio::spawn(host.stopped());
    for round in 1..=3 {
        kill(eventually(|| host.worker_pid().filter(|_| app.starts() == round)).await);
        until(|| host.worker_pid().is_none() || app.starts() > round).await;
    }
    let reason = tokio::time::timeout(Duration::from_secs(5), stopped).await.unwrap().unwrap();
    assert!(
        reason.contains("retry count") && reason.contains("signal") && reason.contains("one | three"),
        "{reason}"
    );
    assert_eq!((app.starts(), app.events(restarting).len()), (3, 2));
    let (status, body) = get(host.addr(), "/api/echo").await;
    assert_eq!((status, body.as_str()), (503, "Function host is not running."));
    assert!(get(host.addr(), "/admin/host/status").await.1.contains(r#""state":"Error""#));
    host.stop().await;
}

#[tokio::test]
async fn old_errors_are_forgiven_and_the_limit_is_an_option() {
    let mut app = App::new().http("echo", "");
    app.options.error_window = Duration::ZERO;
    let host = app.start().await;
    for round in 1..=5 {
        kill(eventually(|| host.worker_pid().filter(|_| app.starts() == round)).await);
        until(|| app.starts() > round).await;
    }
    host.stop().await;
    let mut app = App::new().http("echo", "");
    app.options.error_limit = usize::MAX;
    let host = app.start().await;
    for round in 1..=5 {
        kill(eventually(|| host.worker_pid().filter(|_| app.starts() == round)).await);
        until(|| app.starts() > round).await;
    }
    assert_eq!(get(host.addr(), "/api/echo").await.0, 200);
    host.stop().await;
}

#[tokio::test]
async fn exit_200_is_intentional_and_exit_0_is_the_end() {
    let app = App::new().http("exit", r#","route":"exit/{code}""#).http("echo", "");
    let host = app.start().await;
    for round in 2..=5 {
        get(host.addr(), "/api/exit/200").await;
        until(|| host.worker_pid().is_some() && app.starts() == round).await;
    }
    assert!(
        app.events(restarting)
            .iter()
            .all(|event| matches!(event, HostEvent::WorkerRestarting { counted: false, .. }))
    );
    get(host.addr(), "/api/exit/0").await;
    app.event(|event| matches!(event, HostEvent::WorkerDead)).await;
    assert_eq!(get(host.addr(), "/api/echo").await, (500, String::new()));
    assert_eq!((app.starts(), host.worker_pid()), (5, None));
    host.stop().await;
}

#[tokio::test]
async fn a_worker_that_never_gets_ready_fails_the_start() {
    let silent = App::new()
        .http("echo", "")
        .env("START", "silent")
        .setting("customHandler__initializationTimeout", "00:00:00.1");
    let crash = App::new().http("echo", "").env("START", "7").env("SAY_ERR", "cannot open the database");
    let early = App::new().http("echo", "").env("START", "0");
    let mut missing = App::new().http("echo", "");
    missing.options.executable = Some("/nowhere/handler".into());
    for (app, starts, word) in [
        (silent, 3, "no answer"),
        (crash, 3, "cannot open"),
        (early, 3, "exited with 0"),
        (missing, 0, "/nowhere/handler"),
    ] {
        match app.try_start().await {
            Err(HostError::Worker(reason)) => assert!(reason.contains(word), "{reason}"),
            Err(error) => panic!("{error}"),
            Ok(_) => panic!("started: {word}"),
        }
        assert_eq!(app.starts(), starts, "{word}");
    }
}

#[tokio::test]
async fn lines_have_streams_and_levels() {
    let app = App::new().http("echo", "").env("SAY_OUT", "hello").env("SAY_ERR", "plain|a Warning");
    let host = app.start().await;
    let lines = eventually(|| {
        let lines = app.events(|event| matches!(event, HostEvent::WorkerLine { .. }));
        (lines.len() == 3).then_some(lines)
    })
    .await;
    for (stream, level, line) in [
        (Stream::Stdout, Level::Information, "hello"),
        (Stream::Stderr, Level::Error, "plain"),
        (Stream::Stderr, Level::Warning, "a Warning"),
    ] {
        assert!(lines.contains(&HostEvent::WorkerLine { stream, level, line: line.into() }), "{line}");
    }
    assert_eq!(app.starts(), 1, "the worker exits when its standard input ends");
    host.stop().await;
}

#[tokio::test]
async fn stopping_and_dropping_kill_the_worker() {
    let alive = |pid: u32| std::path::Path::new(&format!("/proc/{pid}/cmdline")).exists();
    let app = App::new().http("echo", "");
    let host = app.start().await;
    let pid = host.worker_pid().unwrap();
    assert!(alive(pid));
    host.stop().await;
    assert!(!alive(pid));
    let host = app.start().await;
    let pid = host.worker_pid().unwrap();
    let stopped = tokio::spawn(host.stopped());
    drop(host);
    until(|| !alive(pid)).await;
    assert_eq!(stopped.await.unwrap(), "stopped");
}
