//! Telemetry, from a request's first header to the row that queries read: what it says, and what it never does.

use crate::{
    endpoint::{Model, asked, started_with},
    world::{agent, settled},
};
use pool::SecurityEvent;
use reqwest::Method;
use serde_json::{Value, json};
use std::{collections::BTreeSet, path::Path};
use tests::{Dev, alone, canary, eventually, repository};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";
/// Columns that every row has, or that are a metric's.
const COMMON: [&str; 10] = [
    "table",
    "timestamp",
    "itemCount",
    "customDimensions",
    "cloud_RoleName",
    "id",
    "valueSum",
    "valueCount",
    "valueMin",
    "valueMax",
];

pub(crate) fn contract() -> Value {
    let text = std::fs::read_to_string(repository().join("infra/queries/telemetry.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn rows(dev: &Dev) -> Vec<Value> {
    let lines = dev.log().lines();
    let rows = lines.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    rows.filter(|row| row["table"].is_string()).collect()
}

async fn row(dev: &Dev, what: &str, is: impl Fn(&Value) -> bool) -> Value {
    eventually(what, async || rows(dev).into_iter().find(|row| is(row))).await
}

pub(crate) fn names(value: &Value) -> BTreeSet<String> {
    match value {
        Value::Object(members) => members.keys().cloned().collect(),
        Value::Array(names) => names.iter().map(|name| name.as_str().unwrap().to_owned()).collect(),
        _ => BTreeSet::new(),
    }
}

/// The item of the contract that a row is.
fn kind(row: &Value) -> &'static str {
    match (row["table"].as_str().unwrap(), row["type"].as_str()) {
        ("dependencies", Some("InProc")) => "span",
        ("dependencies", Some("HTTP")) => "call",
        ("traces", None) => "log",
        ("customEvents", None) => "security",
        ("customMetrics", None) => "metric",
        other => panic!("{other:?} is nothing of ours: {row}"),
    }
}

#[test]
fn a_request_is_seen_from_the_gateway_to_the_service_behind_and_nothing_more_is_said() {
    alone(async {
        let (state, model) = (tempfile::tempdir().unwrap(), Model::default());
        let (dev, served) = started_with(state.path(), &model, &[]).await;
        let alice = dev.as_user("contoso", "alice");

        // A request, as the gateway passes it on; and what it makes the service do elsewhere.
        let agent = agent(&dev.as_admin("contoso"), json!({})).await;
        let thread =
            alice.post_json("threads", json!({"messages": [{"content": alice.mark("SEARCH")}]})).await.id();
        let run = json!({"agent_id": agent, "stream": true, "metadata": {"canary": canary::of("contoso")}});
        let path = format!("threads/{thread}/runs");
        let gateway = format!("00-{TRACE}-{PARENT}-01");
        let request = alice.request(Method::POST, &path).json(&run).header("traceparent", &gateway);
        let request = request.header("tracestate", "canary=1").header("baggage", "canary=1");
        request.header("x-request-id", "asked-by-gateway").events(usize::MAX).await;
        let span = row(&dev, "the request", |row| row["operation_ParentId"] == PARENT).await;
        assert_eq!((kind(&span), &span["operation_Id"]), ("span", &json!(TRACE)));
        assert_eq!((&span["name"], &span["resultCode"]), (&json!("runs_create"), &json!("200")));
        let said = &span["customDimensions"];
        assert_eq!((&said["tenantId"], &said["requestId"]), (&json!("contoso"), &json!("asked-by-gateway")));
        assert!(!span["user_AuthenticatedId"].as_str().unwrap().contains("alice"));
        let ours =
            |row: &Value| kind(row) == "call" && row["operation_Id"] == TRACE && row["target"] == "127.0.0.1";
        let call = row(&dev, "the call", ours).await;
        assert_eq!((&call["operation_Id"], &call["operation_ParentId"]), (&json!(TRACE), &span["id"]));
        assert_eq!(
            (&call["target"], &call["customDimensions"]["tenantId"]),
            (&json!("127.0.0.1"), &json!("contoso"))
        );
        let passed_on = format!("00-{TRACE}-{}-01", span["id"].as_str().unwrap());
        let sent = model.sent.lock().unwrap().clone();
        assert!(sent.iter().all(|call| call.contains(&passed_on)), "{passed_on} in {sent:?}");
        assert!(!sent.iter().any(|call| call.contains("tracestate") || call.contains("baggage")), "{sent:?}");
        // In Azure the records are another service's, too.
        if tests::azure::chosen() {
            let stored = row(&dev, "a call of the store", |row| {
                kind(row) == "call"
                    && row["operation_Id"] == TRACE
                    && row["target"] == "cosmos"
                    && row["customDimensions"]["tenantId"] == "contoso"
            });
            assert_eq!(stored.await["operation_ParentId"], span["id"]);
        }

        // Without the gateway's word, the operation is the host's invocation.
        let file = alice.upload("a.txt", "text/plain", alice.mark("text").into_bytes()).await.id();
        settled(&alice, &file).await;
        let span = row(&dev, "the ingestion", |row| row["name"] == "ingest_document").await;
        assert_eq!(span["customDimensions"]["tenantId"], "contoso");
        let operation = span["operation_Id"].as_str().unwrap();
        let invoked = dev.log().last("ingest_document succeeded").unwrap().replace('-', "");
        assert!(invoked.contains(operation), "{invoked} {operation}");

        // Who tries another's door is seen, as the tenant that the token says.
        let other = alice.request(Method::GET, "agents").header("x-tenant-id", "fabrikam");
        other.send().await.problem(403, "forbidden");
        let event = row(&dev, "the security event", |row| row["name"] == "security").await;
        let said = &event["customDimensions"];
        assert_eq!((&said["code"], &said["tenantId"]), (&json!("tenant_mismatch"), &json!("contoso")));
        assert_eq!(said["function"], "agents_list");
        let denied = row(&dev, "its span", |row| row["id"] == event["operation_ParentId"]).await;
        assert_eq!((&denied["resultCode"], &denied["success"]), (&json!("403"), &json!(false)));
        dev.with_token("", Some("x.y.z".into())).get("agents").await.problem(401, "unauthenticated");

        // A run whose model fails writes a line of the log.
        asked(&dev, &alice, &alice.mark("REFUSE")).await;
        let line = row(&dev, "a line of the run", |row| {
            kind(row) == "log" && row["customDimensions"]["tenantId"] == "contoso"
        });
        assert!(line.await["operation_Id"].is_string());
        for metric in contract()["metrics"].as_object().unwrap().keys() {
            row(&dev, metric, |row| row["name"] == **metric).await;
        }
        held(&rows(&dev));
        served.abort();
    });
}

/// How rows differ from the contract: each is of it, and all that it promises is there.
fn faults(rows: &[Value]) -> Vec<String> {
    let contract = contract();
    let attributes = names(&contract["attributes"]);
    let mut faults = Vec::new();
    let mut is = |right: bool, what: String| faults.extend((!right).then_some(what));
    for (name, item) in contract["items"].as_object().unwrap() {
        let of_it: Vec<_> = rows.iter().filter(|row| kind(row) == name).collect();
        let all = |of: &dyn Fn(&Value) -> BTreeSet<String>| -> BTreeSet<String> {
            of_it.iter().flat_map(|row| of(row)).collect()
        };
        let columns = &all(&|row| names(row)) - &COMMON.map(str::to_owned).into();
        is(columns == names(&item["columns"]), format!("the columns of {name}: {columns:?}"));
        let dimensions = &all(&|row| names(&row["customDimensions"])) - &attributes;
        is(dimensions == names(&item["dimensions"]), format!("the dimensions of {name}: {dimensions:?}"));
        is(of_it.iter().all(|row| row["table"] == item["table"]), format!("the table of {name}"));
    }
    for row in rows.iter().filter(|row| kind(row) == "metric") {
        let metric = &contract["metrics"][row["name"].as_str().unwrap()];
        is(names(&row["customDimensions"]) == names(&metric["dimensions"]), format!("dimensions: {row}"));
        let histogram = row["valueMax"].is_number();
        is(metric["kind"] == if histogram { "histogram" } else { "counter" }, format!("the kind: {row}"));
    }
    for row in rows {
        is(row["customDimensions"]["tenantId"].is_string(), format!("no tenant: {row}"));
        let code = &row["customDimensions"]["code"];
        let known = code.as_str().is_none_or(|code| names(&contract["codes"]).contains(code));
        is(known, format!("the code: {row}"));
        let text = row.to_string();
        is(
            !["alice", "Bearer", "eyJ"].iter().any(|secret| text.contains(secret)),
            format!("a secret: {row}"),
        );
    }
    faults
}

/// How the fault that is seen begins, and what is done to the rows.
type Seed<'a> = (&'a str, &'a dyn Fn(&mut Vec<Value>));

/// Rows are as the contract says, and rows that are not are seen.
fn held(rows: &[Value]) {
    assert_eq!(faults(rows), [""; 0]);
    let one = |of: &str| rows.iter().position(|row| kind(row) == of).unwrap();
    let all = |rows: &mut [Value], what: &dyn Fn(&mut Value)| rows.iter_mut().for_each(what);
    let seeds: [Seed; 8] = [
        ("the columns of span", &|rows| {
            all(rows, &|row| {
                row.as_object_mut().unwrap().remove("resultCode");
            })
        }),
        ("the columns of call", &|rows| rows[one("call")]["body"] = json!("x")),
        ("the dimensions of log", &|rows| rows[one("log")]["customDimensions"]["query"] = json!("x")),
        ("the dimensions of security", &|rows| rows.retain(|row| kind(row) != "security")),
        ("dimensions", &|rows| rows[one("metric")]["customDimensions"]["userId"] = json!("x")),
        ("no tenant", &|rows| rows[one("span")]["customDimensions"]["tenantId"] = Value::Null),
        ("the code", &|rows| rows[one("security")]["customDimensions"]["code"] = json!("other")),
        ("a secret", &|rows| rows[one("log")]["message"] = json!("alice was here")),
    ];
    for (what, seed) in seeds {
        let mut changed = rows.to_vec();
        seed(&mut changed);
        let told = faults(&changed);
        assert!(told.iter().any(|fault| fault.starts_with(what)), "{what} is not among {told:?}");
    }
}

#[test]
fn the_codes_of_the_contract_are_the_codes_of_the_service() {
    let ours: BTreeSet<_> = SecurityEvent::ALL.map(|event| event.code().to_owned()).into();
    assert_eq!(ours, names(&contract()["codes"]));
}

/// A line's message leaves this process, so it must not be made of anything: only its fields are, and they stay.
#[test]
fn messages_of_the_log_are_constants() {
    let mut count = 0;
    for krate in ["", "pool", "local", "azure", "extract"] {
        sources(&repository().join("handler").join(krate).join("src"), &mut |path, text| {
            for level in ["tracing::info!(", "tracing::warn!(", "tracing::error!("] {
                for (at, _) in text.match_indices(level) {
                    let call = text[at..].split(");").next().unwrap();
                    let message = call.rsplit('"').nth(1).unwrap_or_default();
                    assert!(!message.contains('{'), "{}: {call}", path.display());
                    count += 1;
                }
            }
        });
    }
    assert!(count > 15, "{count}");
}

fn sources(folder: &Path, look: &mut impl FnMut(&Path, &str)) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, look);
        } else if path.extension().is_some_and(|end| end == "rs") {
            look(&path, &std::fs::read_to_string(&path).unwrap());
        }
    }
}
