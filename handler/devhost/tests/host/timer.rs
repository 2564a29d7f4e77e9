use devhost::HostEvent;
use serde_json::{Value, json};

use crate::support::{App, call, eventually, until};

fn app(schedule: &str, rest: &str) -> App {
    App::new()
        .function("tick", &format!(r#"{{"type":"timerTrigger","name":"t","schedule":"{schedule}"{rest}}}"#))
}

fn status(app: &App) -> Value {
    let text = std::fs::read_to_string(app.path(".devhost/state/timers/tick.json")).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

fn missed(app: &App, next: &str) {
    let folder = app.path(".devhost/state/timers");
    std::fs::create_dir_all(&folder).unwrap();
    let status =
        json!({ "Last": "2020-01-01T00:00:00Z", "Next": next, "LastUpdated": "2020-01-01T00:00:00Z" });
    std::fs::write(folder.join("tick.json"), status.to_string()).unwrap();
}

#[tokio::test]
async fn a_missed_occurrence_is_made_up_for_at_start_and_only_once() {
    let app = app("0 0 0 1 1 *", "");
    missed(&app, "2021-01-01T00:00:00Z");
    let host = app.start().await;
    let (body, _) = eventually(|| app.posted("tick").pop()).await;
    let expected = json!({ "t": {
        "Schedule": { "AdjustForDST": true },
        "ScheduleStatus": { "Last": "2020-01-01T00:00:00+00:00", "Next": "2021-01-01T00:00:00+00:00",
            "LastUpdated": "2020-01-01T00:00:00+00:00" },
        "IsPastDue": true,
    } });
    assert_eq!(body["Data"], expected);
    assert_eq!(body["Metadata"].as_object().unwrap().len(), 1);
    until(|| status(&app)["Last"].as_str().is_some_and(|last| !last.starts_with("2020"))).await;
    host.stop().await;
    let host = app.start().await;
    let (state, _) = call(host.addr(), "POST", "/admin/functions/tick", "{}").await;
    assert_eq!(state, 202);
    until(|| app.posted("tick").len() == 2).await;
    assert_eq!(app.posted("tick")[1].0["Data"]["t"]["IsPastDue"], false);
    host.stop().await;
}

#[tokio::test]
async fn a_changed_schedule_is_not_past_due() {
    let app = app("0 0 0 1 1 *", "");
    missed(&app, "2021-06-01T00:00:00Z");
    let host = app.start().await;
    until(|| status(&app)["Next"].as_str().is_some_and(|next| next.ends_with("-01-01T00:00:00Z"))).await;
    assert!(app.posted("tick").is_empty());
    host.stop().await;
}

#[tokio::test]
async fn it_fires_on_time_without_a_status_when_it_is_frequent() {
    let app = app("* * * * * *", "");
    let host = app.start().await;
    let (body, _) = eventually(|| app.posted("tick").pop()).await;
    assert_eq!(body["Data"]["t"]["ScheduleStatus"], Value::Null);
    assert_eq!(body["Data"]["t"]["IsPastDue"], false);
    assert_eq!(status(&app), Value::Null);
    host.stop().await;
}

#[tokio::test]
async fn a_run_at_startup_is_not_past_due_and_settings_are_resolved() {
    let app = app("%WHEN%", r#","runOnStartup":true"#).env("WHEN", "0 0 0 1 1 *");
    let host = app.start().await;
    let (body, _) = eventually(|| app.posted("tick").pop()).await;
    assert_eq!(body["Data"]["t"]["IsPastDue"], false);
    app.event(|event| matches!(event, HostEvent::InvocationSucceeded { function, .. } if function == "tick"))
        .await;
    host.stop().await;
}
