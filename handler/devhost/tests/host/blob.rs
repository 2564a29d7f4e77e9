use std::{
    path::Path,
    time::{Duration, SystemTime},
};

use devhost::HostEvent;
use serde_json::{Value, json};

use crate::support::{App, call, eventually, until};

fn app(function: &str) -> App {
    App::new().function(function, r#"{"type":"blobTrigger","name":"file","path":"docs/{tenant}/{name}"}"#)
}

/// A file that has been lying there for a while.
fn drop_file(path: &Path, text: &str, age: u64) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
    let file = std::fs::File::options().write(true).open(path).unwrap();
    let modified = file.metadata().unwrap().modified().unwrap() - Duration::from_secs(age);
    file.set_modified(modified).unwrap();
    assert!(modified < SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 40));
}

#[tokio::test]
async fn a_blob_is_delivered_once_even_across_a_restart_and_again_when_it_changes() {
    let app = app("ok");
    let path = app.path("blobs/docs/acme/a b.pdf");
    drop_file(&path, "%PDF", 10);
    let host = app.start().await;
    let (body, _) = eventually(|| app.posted("ok").pop()).await;
    assert_eq!(body["Data"], json!({ "file": "JVBERg==" }));
    let metadata = &body["Metadata"];
    assert_eq!(metadata["Uri"], "\"http://127.0.0.1:10000/devstoreaccount1/docs/acme/a%20b.pdf\"");
    assert_eq!((&metadata["tenant"], &metadata["name"]), (&json!("\"acme\""), &json!("\"a b.pdf\"")));
    assert_eq!(metadata["Properties"]["ContentLength"], 4);
    assert_eq!(metadata["Properties"]["ContentType"], "application/pdf");
    assert_eq!(metadata["Metadata"], json!({}));
    until(|| app.path(".devhost/state/blobs/ok.json").is_file()).await;
    host.stop().await;
    let host = app.start().await;
    drop_file(&app.path("blobs/docs/acme/second"), "2", 10);
    until(|| app.posted("ok").len() >= 2).await;
    let second = &app.posted("ok")[1].0;
    assert_eq!(second["Metadata"]["name"], "\"second\"", "the first blob fired again");
    drop_file(&path, "%PDF", 5);
    until(|| app.posted("ok").len() == 3).await;
    host.stop().await;
}

#[tokio::test]
async fn a_blob_that_always_fails_is_told_to_the_poison_queue_once() {
    let app = app("fail");
    drop_file(&app.path("blobs/docs/acme/bad"), "x", 10);
    let host = app.start().await;
    app.event(|event| matches!(event, HostEvent::Poisoned { item, .. } if item == "docs/acme/bad")).await;
    assert_eq!(app.posted("fail").len(), 5);
    let message: Value = serde_json::from_str(&app.queue_texts("webjobs-blobtrigger-poison")[0]).unwrap();
    assert_eq!(message["FunctionId"], "Host.Functions.fail");
    assert_eq!((&message["ContainerName"], &message["BlobName"]), (&json!("docs"), &json!("acme/bad")));
    assert_eq!(message["BlobType"], "BlockBlob");
    assert!(message["ETag"].as_str().unwrap().starts_with('"'));
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(app.posted("fail").len(), 5);
    host.stop().await;
}

#[tokio::test]
async fn names_outside_the_pattern_are_left_alone_and_a_blob_can_be_run_by_hand() {
    let app = app("ok");
    drop_file(&app.path("blobs/docs/stray"), "x", 10);
    drop_file(&app.path("blobs/docs/acme/a"), "y", 10);
    let host = app.start().await;
    until(|| app.posted("ok").len() == 1).await;
    let (status, _) = call(host.addr(), "POST", "/admin/functions/ok", r#"{"input":"docs/acme/a"}"#).await;
    assert_eq!(status, 202);
    until(|| app.posted("ok").len() == 2).await;
    assert!(app.posted("ok").iter().all(|(body, _)| body["Metadata"]["name"] == "\"a\""));
    host.stop().await;
}
