//! Microsoft's own server of the Responses protocol, beside our double: the same script makes the same events, with the
//! same members of the same types.

use crate::{World, client};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

/// The server, which ends when this is dropped.
struct Oracle {
    child: Child,
    url: String,
}

impl Oracle {
    async fn start() -> Self {
        let python = tokio::task::spawn_blocking(doubles::install::python).await.unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/servers/responses.py");
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new(python)
            .arg(script)
            .arg(port.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let oracle = Self { child, url: format!("http://127.0.0.1:{port}") };
        for _ in 0..300 {
            if reqwest::get(format!("{}/readiness", oracle.url)).await.is_ok() {
                return oracle;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("the oracle does not start");
    }

    async fn post(&self, path: &str, body: &Value) -> (u16, String) {
        let answer =
            reqwest::Client::new().post(format!("{}/{path}", self.url)).json(body).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The names and types of a value's members, at every depth; null and absence are alike.
fn shape(value: &Value, at: &str, found: &mut BTreeMap<String, &'static str>) {
    let kind = match value {
        Value::Null => return,
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "text",
        Value::Array(items) => {
            items.iter().for_each(|item| shape(item, &format!("{at}[]"), found));
            "list"
        }
        Value::Object(members) => {
            members.iter().for_each(|(name, member)| shape(member, &format!("{at}.{name}"), found));
            "object"
        }
    };
    found.insert(at.to_owned(), kind);
}

/// Members that hosts of agents add, and the project's own endpoint does not.
const HOSTS: [&str; 3] = ["response_id", "agent_session_id", "agent_reference"];

fn shapes(value: &Value) -> BTreeMap<String, &'static str> {
    let mut found = BTreeMap::new();
    shape(value, "", &mut found);
    found.retain(|path, _| !path.split('.').any(|name| HOSTS.contains(&name.trim_end_matches("[]"))));
    found
}

/// The events of a stream, as both lines of each say.
fn events(wire: &str) -> Vec<Value> {
    let events = wire.split("\n\n").filter(|event| !event.trim().is_empty()).map(|event| {
        let mut lines = event.trim().lines();
        let name = lines.next().unwrap().strip_prefix("event: ").unwrap();
        let data: Value =
            serde_json::from_str(lines.next().unwrap().strip_prefix("data: ").unwrap()).unwrap();
        assert_eq!(data["type"], name);
        data
    });
    events.collect()
}

/// Events one after another; words may be cut in more or fewer pieces.
fn sequence(events: &[Value]) -> Vec<&str> {
    let mut names: Vec<&str> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    names.dedup_by(|one, other| one == other && one.ends_with(".delta"));
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn the_double_speaks_as_microsofts_server_does() {
    let (oracle, world) = (Oracle::start().await, World::new().await);
    let tools = json!([{"type": "function", "name": "weather", "parameters": {"type": "object"}}]);
    let definition = json!({"kind": "prompt", "model": "m", "instructions": "Help.", "tools": tools});
    world.raw("POST", "agents?api-version=v1", json!({"name": "a", "definition": definition})).await;
    let token = world.identity.mint("system", doubles::foundry::AUDIENCE);
    let double = async |body: &Value| {
        let request = client(&world.ca).post(format!("{}/openai/v1/responses", world.foundry.url()));
        let answer = request.bearer_auth(&token).json(body).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let reference = json!({"type": "agent_reference", "name": "a", "version": "1"});
    for input in ["hello", "/tool weather {\"city\":\"Kyoto\"}"] {
        let said =
            json!([{"type": "message", "role": "user", "content": [{"type": "input_text", "text": input}]}]);
        for stream in [true, false] {
            let body = json!({"agent_reference": reference, "input": said, "stream": stream, "store": true,
                "metadata": {"x": "y"}});
            let (status, theirs) = oracle.post("responses", &body).await;
            assert_eq!(status, 200, "{theirs}");
            let (status, ours) = double(&body).await;
            assert_eq!(status, 200, "{ours}");
            if !stream {
                let [theirs, ours] = [theirs, ours].map(|text| shapes(&serde_json::from_str(&text).unwrap()));
                assert_eq!(ours, theirs, "{input}");
                continue;
            }
            let (theirs, ours) = (events(&theirs), events(&ours));
            assert_eq!(sequence(&ours), sequence(&theirs), "{input}");
            for events in [&ours, &theirs] {
                let numbers: Vec<_> =
                    events.iter().map(|event| event["sequence_number"].as_u64().unwrap()).collect();
                assert_eq!(numbers, (0..events.len() as u64).collect::<Vec<_>>());
            }
            for event in &ours {
                let like = theirs.iter().find(|other| other["type"] == event["type"]).unwrap();
                // A foreground response does not say that it is one until it has ended.
                let [mut ours, mut theirs] = [event, like].map(shapes);
                ours.remove(".response.background");
                theirs.remove(".response.background");
                assert_eq!(ours, theirs, "{}", event["type"]);
            }
        }
    }
    // What both refuse, they refuse alike.
    for body in [
        json!({"agent_reference": reference, "input": 7}),
        json!({"agent_reference": reference, "input": [{"type": "strange"}]}),
        json!({"agent_reference": reference, "input": "x", "background": true, "store": false}),
    ] {
        let ((theirs, why), (ours, _)) = (oracle.post("responses", &body).await, double(&body).await);
        assert_eq!((ours, theirs), (400, 400), "{body}: {why}");
    }
}

/// Our own reader of streams, on theirs.
#[tokio::test(flavor = "multi_thread")]
async fn our_client_reads_microsofts_server() {
    let (oracle, world) = (Oracle::start().await, World::new().await);
    let theirs = oracle.url.clone();
    let double = world.foundry.url();
    let root = client(&world.ca);
    // Responses are theirs; agents and conversations, which they do not have, are the double's.
    let router = axum::Router::new().fallback(async move |request: axum::extract::Request| {
        let (parts, body) = request.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        let path = parts
            .uri
            .path_and_query()
            .unwrap()
            .as_str()
            .strip_prefix("/api/projects/pool/")
            .unwrap()
            .to_owned();
        let url = match path.strip_prefix("openai/v1/responses") {
            Some(rest) => format!("{theirs}/responses{rest}"),
            None => format!("{double}/{path}"),
        };
        let mut body: Value = serde_json::from_slice(&body).unwrap_or_default();
        if let Some(body) = body.as_object_mut().filter(|_| path == "openai/v1/responses") {
            // They know ids of their own making alone.
            body.remove("conversation");
        }
        let mut request = root.request(parts.method, url).json(&body);
        for name in ["authorization", "x-ms-user-identity"] {
            request = parts
                .headers
                .get(name)
                .into_iter()
                .fold(request, |request, value| request.header(name, value));
        }
        let answer = request.send().await.unwrap();
        let status = answer.status();
        (status, axum::body::Body::from_stream(answer.bytes_stream()))
    });
    let server = crate::scripted(&world.ca, router).await;
    let ours = crate::adapter(&world.ca, &world.identity, &format!("{}/api/projects/pool", server.url()));
    let told = crate::told(&ours, "conf-a", crate::asks(vec![crate::user("hello")])).await;
    assert_eq!((told.text.as_str(), told.tokens, told.truncated), ("You said: hello", (3, 2), false));
    let told =
        crate::told(&ours, "conf-a", crate::asks(vec![crate::user("/tool weather {\"city\":\"Kyoto\"}")]))
            .await;
    assert_eq!(
        (told.calls[0].name.as_str(), told.calls[0].arguments.as_str()),
        ("weather", "{\"city\":\"Kyoto\"}")
    );
}
