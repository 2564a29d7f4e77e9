//! Any bytes as the host's payload of a trigger: envelopes, sealed jobs, Event Grid's events, blobs.
#![no_main]

use axum::{body::Body, http::Request};
use fuzz::{RUNTIME, service};
use handler::app::App;
use libfuzzer_sys::fuzz_target;
use serde_json::json;
use std::sync::{Arc, LazyLock};

static SERVICE: LazyLock<Arc<App>> = LazyLock::new(service);
const TRIGGERS: [&str; 4] = ["ingest_blob", "ingest_event", "ingest_document", "runs_step"];

fuzz_target!(|input: (u8, bool, &[u8])| {
    let (which, whole, bytes) = input;
    let name = TRIGGERS[usize::from(which) % TRIGGERS.len()];
    let text = String::from_utf8_lossy(bytes);
    // A whole payload, or the message in a good one.
    let body = if whole {
        bytes.to_vec()
    } else {
        json!({"Data": {"message": text, "blob": text}, "Metadata": {"tenant": "contoso", "name": text}})
            .to_string()
            .into()
    };
    let request = Request::post(format!("/{name}")).body(Body::from(body)).expect("a request");
    let answer = RUNTIME.block_on(SERVICE.clone().answer(request));
    assert!([200, 500, 503].contains(&answer.status().as_u16()), "{}", answer.status());
});
