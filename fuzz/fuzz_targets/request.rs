//! Any request of a tenant's admin: routes, queries, JSON, filters, forms. Whatever it is, it is the client's fault.
#![no_main]

use axum::{
    body::Body,
    http::{Method, Request},
};
use fuzz::{RUNTIME, credential, service};
use handler::{
    app::App,
    functions::{FUNCTIONS, Trigger},
};
use libfuzzer_sys::fuzz_target;
use std::sync::{Arc, LazyLock};

static SERVICE: LazyLock<Arc<App>> = LazyLock::new(service);
static ROUTES: LazyLock<Vec<(&'static Method, &'static str)>> = LazyLock::new(|| {
    let route = |function: &'static handler::functions::Function| match &function.trigger {
        Trigger::Http(http) => Some((&http.method, http.route)),
        _ => None,
    };
    FUNCTIONS.iter().filter_map(route).collect()
});
const KINDS: [&str; 4] =
    ["application/json", "multipart/form-data; boundary=x", "text/plain", "application/octet-stream"];

fuzz_target!(|input: (u8, u8, String, String, &[u8])| {
    let (which, kind, id, query, body) = input;
    let (method, route) = ROUTES[usize::from(which) % ROUTES.len()];
    let slots = route
        .split('/')
        .map(|part| if part.starts_with('{') && part != "{collection}" { id.as_str() } else { part });
    let path = slots.collect::<Vec<_>>().join("/").replace("{collection}", "items");
    let request = Request::builder()
        .method(method)
        .uri(format!("/api/{path}?{query}"))
        .header("authorization", credential())
        .header("content-type", KINDS[usize::from(kind) % KINDS.len()])
        .body(Body::from(body.to_vec()));
    let Ok(request) = request else { return };
    let answer = RUNTIME.block_on(SERVICE.clone().answer(request));
    // `health/ready` may well be: there is no storage.
    assert_ne!(answer.status().as_u16(), 500, "{method} {path}?{query}");
});
