//! Telemetry over OTLP: a collector of the test's own takes it, and reads every item.

use crate::{
    telemetry::{contract, names},
    world::{agent, settled},
};
use axum::{Router, body::Bytes, extract::State, http::HeaderMap, http::StatusCode, routing::post};
use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest,
        trace::v1::ExportTraceServiceRequest,
    },
    common::v1::{KeyValue, any_value::Value::StringValue},
    metrics::v1::metric::Data,
};
use prost::Message;
use reqwest::Method;
use serde_json::json;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};
use tests::{Dev, Options, alone, canary, eventually};
use tokio::net::TcpListener;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";
/// By how many an item of a sample is to be counted: for Application Insights, which takes it out again.
const RATE: &str = "_MS.sampleRate";

/// What has come.
#[derive(Default)]
struct Inbox {
    spans: Vec<ExportTraceServiceRequest>,
    logs: Vec<ExportLogsServiceRequest>,
    metrics: Vec<ExportMetricsServiceRequest>,
    bytes: Vec<u8>,
}

type Shared = Arc<Mutex<Inbox>>;

async fn take<M: Message + Default>(
    inbox: &Shared,
    headers: &HeaderMap,
    body: &Bytes,
    to: fn(&mut Inbox) -> &mut Vec<M>,
) -> StatusCode {
    let proto = headers.get("content-type").is_some_and(|kind| kind == "application/x-protobuf");
    match M::decode(body.clone()) {
        Ok(message) if proto => {
            let mut inbox = inbox.lock().unwrap();
            to(&mut inbox).push(message);
            inbox.bytes.extend_from_slice(body);
            StatusCode::OK
        }
        _ => StatusCode::BAD_REQUEST,
    }
}

async fn collector(inbox: Shared) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new()
        .route(
            "/v1/traces",
            post(async |State(to): State<Shared>, headers: HeaderMap, body: Bytes| {
                take(&to, &headers, &body, |inbox| &mut inbox.spans).await
            }),
        )
        .route(
            "/v1/logs",
            post(async |State(to): State<Shared>, headers: HeaderMap, body: Bytes| {
                take(&to, &headers, &body, |inbox| &mut inbox.logs).await
            }),
        )
        .route(
            "/v1/metrics",
            post(async |State(to): State<Shared>, headers: HeaderMap, body: Bytes| {
                take(&to, &headers, &body, |inbox| &mut inbox.metrics).await
            }),
        )
        .with_state(inbox);
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    endpoint
}

/// Attributes by name; of those that are no text, the name alone.
type Attributes = BTreeMap<String, String>;

fn attributes(list: &[KeyValue]) -> Attributes {
    let text = |each: &KeyValue| match each.value.as_ref().and_then(|value| value.value.as_ref()) {
        Some(StringValue(text)) => text.clone(),
        _ => String::new(),
    };
    list.iter().map(|each| (each.key.clone(), text(each))).collect()
}

fn hex(id: &[u8]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Every data point: its metric, its attributes.
fn points(inbox: &Inbox) -> Vec<(String, Attributes)> {
    let scopes =
        inbox.metrics.iter().flat_map(|one| &one.resource_metrics).flat_map(|one| &one.scope_metrics);
    let of = |data: &Data| -> Vec<Attributes> {
        match data {
            Data::Sum(sum) => sum.data_points.iter().map(|point| attributes(&point.attributes)).collect(),
            Data::Histogram(all) => {
                all.data_points.iter().map(|point| attributes(&point.attributes)).collect()
            }
            other => panic!("{other:?} is nothing of ours"),
        }
    };
    let metrics = scopes.flat_map(|one| &one.metrics);
    metrics
        .flat_map(|one| of(one.data.as_ref().unwrap()).into_iter().map(|of| (one.name.clone(), of)))
        .collect()
}

#[test]
fn spans_lines_and_metrics_arrive_with_their_tenant_and_without_content() {
    alone(async {
        let (state, inbox) = (tempfile::tempdir().unwrap(), Shared::default());
        let endpoint = collector(inbox.clone()).await;
        let settings = vec![("OTEL_EXPORTER_OTLP_ENDPOINT".to_owned(), endpoint)];
        // Application Insights is beside it: the one must not take from the other.
        let dev = Arc::new(Dev::start(Options { settings, ..Options::on(state.path()) }).await);
        let alice = dev.as_user("contoso", "alice");
        agent(&dev.as_admin("contoso"), json!({})).await;
        let asked =
            alice.request(Method::GET, "agents").header("traceparent", &format!("00-{TRACE}-{PARENT}-01"));
        asked.header("x-request-id", "asked-over-otlp").send().await.list();
        let file = alice.upload("a.txt", "text/plain", alice.mark("text").into_bytes()).await.id();
        settled(&alice, &file).await;
        let other = alice.request(Method::GET, "agents").header("x-tenant-id", "fabrikam");
        other.send().await.problem(403, "forbidden");

        let wanted: BTreeSet<_> =
            ["pool.requests", "pool.request.duration", "pool.documents.ingested", "pool.denials"]
                .map(str::to_owned)
                .into();
        eventually("spans and metrics", async || {
            let inbox = inbox.lock().unwrap();
            let metrics: BTreeSet<_> = points(&inbox).into_iter().map(|(name, _)| name).collect();
            (spans(&inbox).any(|span| hex(&span.parent_span_id) == PARENT) && metrics.is_superset(&wanted))
                .then_some(())
        })
        .await;
        held(&inbox.lock().unwrap());
    });
}

fn spans(inbox: &Inbox) -> impl Iterator<Item = &opentelemetry_proto::tonic::trace::v1::Span> {
    let scopes = inbox.spans.iter().flat_map(|one| &one.resource_spans).flat_map(|one| &one.scope_spans);
    scopes.flat_map(|one| &one.spans)
}

fn held(inbox: &Inbox) {
    let contract = contract();
    let known = &names(&contract["dimensions"]) | &names(&contract["attributes"]);
    let known = &known | &BTreeSet::from([RATE.to_owned()]);
    let span = spans(inbox).find(|span| hex(&span.parent_span_id) == PARENT).unwrap();
    let said = attributes(&span.attributes);
    assert_eq!((hex(&span.trace_id), span.name.as_str()), (TRACE.to_owned(), "agents_list"));
    assert_eq!((said["tenantId"].as_str(), said["requestId"].as_str()), ("contoso", "asked-over-otlp"));
    for span in spans(inbox) {
        let said = attributes(&span.attributes);
        assert!(said.contains_key("tenantId"), "{span:?}");
        assert!(said.keys().all(|name| known.contains(name)), "{span:?}");
    }
    let events: Vec<_> =
        spans(inbox).flat_map(|span| &span.events).map(|event| attributes(&event.attributes)).collect();
    let refused = events.iter().find(|said| said["code"] == "tenant_mismatch").unwrap();
    assert_eq!((refused["tenantId"].as_str(), refused["function"].as_str()), ("contoso", "agents_list"));
    let metrics = contract["metrics"].as_object().unwrap();
    for (name, said) in points(inbox) {
        let dimensions: BTreeSet<_> = said.keys().cloned().collect();
        assert_eq!(dimensions, names(&metrics[&name]["dimensions"]), "{name}");
        assert!(!said["tenantId"].is_empty(), "{name}");
    }
    let scopes = inbox.logs.iter().flat_map(|one| &one.resource_logs).flat_map(|one| &one.scope_logs);
    let lines: Vec<_> = scopes.flat_map(|one| &one.log_records).collect();
    assert!(!lines.is_empty());
    for line in lines {
        let said = attributes(&line.attributes);
        assert!(!said["tenantId"].is_empty() && said.keys().all(|name| known.contains(name)), "{line:?}");
    }
    let text = String::from_utf8_lossy(&inbox.bytes);
    for secret in ["alice", "Bearer", "eyJ", "a.txt"].into_iter().chain(canary::TENANTS.map(canary::of)) {
        assert!(!text.contains(secret), "{secret} left the service");
    }
}
