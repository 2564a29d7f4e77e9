//! Triggers that are not HTTP: nobody but the host sets them off, and what is not ours changes nothing.

use crate::world::settled;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use local::{Keys, OsEntropy};
use serde_json::{Value, json};
use std::{fs, path::Path, sync::Arc, time::Duration};
use tests::{Dev, Options, alone, eventually, not_run, repository, run, tokens};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

pub(crate) const TRIGGERS: [&str; 6] =
    ["ingest_blob", "ingest_event", "ingest_document", "runs_step", "runs_sweep", "sessions_cleanup"];

/// A request as it is written here: no client tidies its path.
pub(crate) async fn raw(address: &str, path: &str, headers: &str) -> String {
    let body = r#"{"Data":{"message":"x"},"Metadata":{}}"#;
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n{headers}content-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _cut = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

pub(crate) fn status(answer: &str) -> &str {
    answer.split_whitespace().nth(1).unwrap_or(answer)
}

#[test]
fn a_triggers_path_is_not_there_for_the_public() {
    run(async |dev| {
        let address = dev.base().trim_start_matches("http://").trim_end_matches("/api").to_owned();
        for name in TRIGGERS {
            let upper = name.to_uppercase();
            let escaped = format!("%{:02x}{}", name.as_bytes()[0], &name[1..]);
            for path in [
                format!("/{name}"),
                format!("/{name}/"),
                format!("//{name}"),
                format!("/{upper}"),
                format!("/{escaped}"),
                format!("/api/{name}"),
                format!("/api/../{name}"),
                format!("/api/%2e%2e/{name}"),
                format!("/api/..%2f{name}"),
                format!("/api/health/../../{name}"),
                format!("/./{name}"),
                format!("/x/../{name}"),
                format!("/{name}?x=y"),
                format!("/api/threads/..%2f..%2f{name}"),
                format!("/{name};x"),
                format!("/{name}%00"),
                format!("/\\{name}"),
                format!("http://{address}/{name}"),
                format!("/runtime/webhooks/{name}"),
            ] {
                let answer = raw(&address, &path, "").await;
                assert!(["404", "400"].contains(&status(&answer)), "{path}: {answer}");
                assert!(
                    !answer.contains("Outputs") && !answer.to_lowercase().contains("\r\nlocation:"),
                    "{path}: {answer}"
                );
            }
        }
    });
}

#[test]
fn the_worker_refuses_a_trigger_that_came_through_a_proxy() {
    run(async |dev| {
        let address = format!("127.0.0.1:{}", dev.worker().unwrap().1);
        for name in TRIGGERS {
            for header in [
                "x-forwarded-for: 10.0.0.1",
                "X-Forwarded-Host: a",
                "x-forwarded-proto: http",
                "x-ms-invocation-id: 1",
                "X-FORWARDED-PREFIX: /",
            ] {
                let answer = raw(&address, &format!("/{name}"), &format!("{header}\r\n")).await;
                assert_eq!(status(&answer), "404", "{name} {header}: {answer}");
            }
        }
        assert!(dev.log().last("\"code\":\"trigger_forged\"").is_some());
    });
}

#[test]
fn the_answer_to_the_host_is_always_an_object_and_never_a_redirect() {
    run(async |dev| {
        let worker = format!("http://127.0.0.1:{}", dev.worker().unwrap().1);
        // The host itself is not the harness's client: 500 is one of the three answers that it may get.
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        for name in TRIGGERS {
            for body in [
                "",
                "null",
                "[]",
                "{}",
                "{\"Data\":{}}",
                "{\"Data\":{\"message\":1},\"Metadata\":{}}",
                "\u{0}",
                "{\"Data\":{\"message\":\"x\",\"blob\":\"!\"},\"Metadata\":{\"tenant\":\"contoso\",\"name\":\"x\"}}",
                "{\"Data\":{\"message\":\"\\\"k1.e30.e30\\\"\"},\"Metadata\":{\"DequeueCount\":\"9\"}}",
            ] {
                let answer = http.post(format!("{worker}/{name}")).body(body).send().await.unwrap();
                let status = answer.status().as_u16();
                assert!([200, 500, 503].contains(&status), "{name} {body}: {status}");
                assert!(!answer.headers().contains_key("location"));
                let value: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
                assert!(value.is_object(), "{name} {body}: {value}");
            }
        }
        for path in ["/ingest_document/", "/Ingest_Document", "//ingest_document", "/agents_create", "/x"] {
            let answer = http.post(format!("{worker}{path}")).body("{}").send().await.unwrap();
            assert_eq!(answer.status().as_u16(), 404, "{path}");
        }
    });
}

/// The addresses, as the kernel writes them, on which somebody listens at a port.
fn listening(port: u16) -> Vec<String> {
    let tables =
        ["/proc/net/tcp", "/proc/net/tcp6"].map(|table| fs::read_to_string(table).unwrap_or_default());
    let lines = tables.iter().flat_map(|table| table.lines().skip(1));
    let fields = lines.map(|line| line.split_whitespace().collect::<Vec<_>>());
    let ours = fields.filter(|field| field[3] == "0A" && field[1].ends_with(&format!(":{port:04X}")));
    ours.map(|field| field[1].split(':').next().unwrap().to_owned()).collect()
}

#[test]
fn everything_listens_on_loopback_alone() {
    if !Path::new("/proc/net/tcp").exists() {
        return not_run("this system does not tell who listens where");
    }
    run(async |dev| {
        let front: u16 = dev.base().trim_end_matches("/api").rsplit(':').next().unwrap().parse().unwrap();
        let wish =
            dev.as_user("contoso", "alice").post_json("files", json!({"filename": "a.txt"})).await.ok();
        let door: u16 =
            wish["upload"]["url"].as_str().unwrap().split(['/', ':']).nth(4).unwrap().parse().unwrap();
        for port in [front, dev.worker().unwrap().1, door] {
            assert_eq!(listening(port), ["0100007F"], "{port}");
        }
    });
}

#[test]
fn timers_can_be_set_off_by_hand_and_a_forged_job_fails() {
    run(async |dev| {
        for name in ["runs_sweep", "sessions_cleanup"] {
            dev.invoke(name, "");
            eventually(name, async || dev.log().last(&format!("{name} succeeded"))).await;
        }
        for name in ["ingest_document", "runs_step"] {
            dev.invoke(name, "k1.eyJ0ZW5hbnQiOiJjb250b3NvIn0.e30");
            eventually(name, async || dev.log().last(&format!("{name} failed"))).await;
        }
    });
}

/// A `dev` whose queues try again at once.
async fn impatient(state: &Path) -> Arc<Dev> {
    let root = state.join("root");
    fs::create_dir_all(&root).unwrap();
    let mut host: Value =
        serde_json::from_str(&fs::read_to_string(repository().join("host.json")).unwrap()).unwrap();
    host["extensions"]["queues"]["visibilityTimeout"] = "00:00:00".into();
    fs::write(root.join("host.json"), host.to_string()).unwrap();
    for function in handler::functions::FUNCTIONS {
        let folder = root.join("functions").join(function.name);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("function.json"), handler::manifest::text(function)).unwrap();
    }
    let arguments = vec!["--root".into(), root.display().to_string()];
    Arc::new(Dev::start(Options { arguments, ..Options::on(state) }).await)
}

#[test]
fn a_job_that_nobody_sealed_and_an_event_that_disagrees_with_itself_are_poison() {
    alone(async {
        let state = tempfile::tempdir().unwrap();
        let dev = impatient(state.path()).await;
        let alice = dev.as_user("contoso", "alice");
        let file = alice.upload("a.txt", "text/plain", alice.mark("kept words").into_bytes()).await.id();
        let before = settled(&alice, &file).await;
        let poisoned = |queue: &str| {
            dev.log().lines().iter().filter(|line| line.contains(&format!("moved to {queue}-poison"))).count()
        };
        let forged = [
            "x",
            "k1.e30.e30",
            "{\"tenant\":\"contoso\",\"operation\":\"ingest\"}",
            "\"\"",
            "k1..",
            "\u{feff}",
            &unsealed(state.path(), "contoso", &file),
            &unsealed(state.path(), "fabrikam", &file),
        ];
        for text in forged {
            dev.push("ingest", text).await;
            dev.push("runs", &text.replace("ingest", "drive_run")).await;
        }
        eventually("poison", async || {
            (poisoned("ingest") + poisoned("runs") == 2 * forged.len()).then_some(())
        })
        .await;
        let account = before_account(&dev, &alice).await;
        let event = |subject: &str, url: &str, kind: &str| {
            json!({"eventType": format!("Microsoft.Storage.{kind}"), "data": {"url": url},
                "subject": format!("/blobServices/default/containers/{subject}")})
        };
        let own = format!("contoso/blobs/files/{file}");
        let handled =
            || dev.log().lines().iter().filter(|line| line.contains("ingest_event succeeded")).count();
        // Azure tells of the upload, too.
        let told = usize::from(tests::azure::chosen());
        eventually("the upload's own event", async || (handled() == told).then_some(())).await;
        for event in [
            event(&own, &format!("{account}/fabrikam/files/{file}"), "BlobDeleted"),
            event(&own, &format!("https://evil.example/contoso/files/{file}"), "BlobDeleted"),
            event(&own, &format!("{account}/contoso/files/{file}?sig=x"), "BlobDeleted"),
            event(
                &format!("fabrikam/blobs/files/{file}"),
                &format!("{account}/fabrikam/files/{file}"),
                "BlobDeleted",
            ),
            event(
                &format!("nobody/blobs/files/{file}"),
                &format!("{account}/nobody/files/{file}"),
                "BlobCreated",
            ),
            // It says that the blob went; the blob is there.
            event(&own, &format!("{account}/contoso/files/{file}"), "BlobDeleted"),
            json!("not an event"),
        ] {
            dev.push("blob-events", &event.to_string()).await;
        }
        // Three are in order, whether or not they are true; the four that break a rule are kept for operators to see.
        eventually("the events", async || (handled() >= told + 3).then_some(())).await;
        eventually("quarantine", async || (poisoned("blob-events") == 4).then_some(())).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!((handled() - told, poisoned("blob-events")), (3, 4));
        assert_eq!(settled(&alice, &file).await, before);
        assert_eq!(alice.get("search/documents?query=kept").await.list().len(), 1);
        assert_eq!(dev.as_admin("fabrikam").get("files").await.list().len(), 0);
        let alarms = |code: &str| {
            // Of the log: an item of telemetry, which is printed too, names its table.
            let code = format!("\"code\":\"{code}\"");
            let line = |line: &&String| line.contains(&code) && !line.contains("\"table\":");
            dev.log().lines().iter().filter(line).count()
        };
        assert!(alarms("seal_broken") >= 2 * forged.len(), "{}", alarms("seal_broken"));
        // Each of the four, five times; and the container that is nobody's.
        assert_eq!(alarms("foreign_container"), 21);
    });
}

/// A job in good form, with the name of the key in use and a seal that is none.
fn unsealed(state: &Path, tenant: &str, target: &str) -> String {
    let keys = Keys::open(&state.join("keys.json"), &OsEntropy).unwrap();
    let now = tokens::now();
    let envelope = json!({"v": 1, "tenant": tenant, "operation": "ingest", "target": target,
        "issued_at": now, "expires_at": now + 3600});
    let text = |bytes: &[u8]| BASE64.encode(bytes);
    format!("{}.{}.{}", keys.seal().0, text(envelope.to_string().as_bytes()), text(&[0; 32]))
}

/// Where blobs are, as events that are believed spell it.
async fn before_account(dev: &Dev, user: &tests::Caller) -> String {
    let wish = user.post_json("files", json!({"filename": "b.txt"})).await.ok();
    dev.account(&wish["upload"]).await
}
