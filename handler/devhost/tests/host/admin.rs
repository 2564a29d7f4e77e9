use serde_json::Value;

use crate::support::{App, call, eventually, get};

#[tokio::test]
async fn functions_can_be_run_by_hand() {
    let app = App::new().queue("ok", "").http("echo", "");
    let host = app.start().await;
    for (path, body, expected) in [
        ("/admin/functions/ok", r#"{"input":"by hand"}"#, 202),
        ("/admin/functions/OK/", r#"{"input":"again"}"#, 202),
        ("/admin/functions/ok", "by hand", 400),
        ("/admin/functions/ok", "", 400),
        ("/admin/functions/nope", "{}", 404),
        ("/admin/functions/echo", "{}", 400),
        ("/admin/other", "{}", 404),
    ] {
        assert_eq!(call(host.addr(), "POST", path, body).await.0, expected, "{path} {body}");
    }
    let posted = eventually(|| Some(app.posted("ok")).filter(|posted| posted.len() == 2)).await;
    let mut items: Vec<_> = posted.iter().map(|(body, _)| body["Data"]["item"].as_str().unwrap()).collect();
    items.sort_unstable();
    assert_eq!(items, ["\"again\"", "\"by hand\""]);
    host.stop().await;
}

#[tokio::test]
async fn status_and_functions_are_listed() {
    let app = App::new()
        .queue("ok", "")
        .http("echo", r#","methods":["get"]"#)
        .function("tick", r#"{"type":"timerTrigger","name":"t","schedule":"0 0 0 1 1 *"}"#);
    let host = app.start().await;
    let status: Value = serde_json::from_str(&get(host.addr(), "/admin/host/status").await.1).unwrap();
    assert_eq!(status["state"], "Running");
    let list: Value = serde_json::from_str(&get(host.addr(), "/admin/functions").await.1).unwrap();
    let names: Vec<_> = list.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["echo", "ok", "tick"]);
    assert_eq!((&list[0]["route"], &list[0]["methods"][0]), (&"api/echo".into(), &"GET".into()));
    assert_eq!((&list[1]["queue"], &list[2]["schedule"]), (&"work".into(), &"0 0 0 1 1 *".into()));
    assert_eq!(get(host.addr(), "/admin/functions/nope").await.0, 404);
    host.stop().await;
}
