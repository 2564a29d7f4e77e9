//! What holds for every answer, whichever check asked for it.

use super::{
    super::Fault,
    bench::Bench,
    check::Findings,
    wire::{Ask, Content, Seen},
};
use axum::http::Method;
use serde_json::json;

/// Headers that every answer of a function carries, and what must be in them.
const WANTED: [(&str, &str); 5] = [
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "deny"),
    ("strict-transport-security", "max-age="),
    ("content-security-policy", "default-src"),
    ("cache-control", "no-store"),
];

/// Headers that tell what the service is made of.
const BANNERS: [&str; 6] =
    ["server", "x-powered-by", "x-aspnet-version", "x-aspnetmvc-version", "x-functions-host", "x-runtime"];

/// Text of the inside. Nothing of it has a place in an answer.
const INSIDE: [&str; 22] = [
    "panicked at",
    "stack backtrace",
    "RUST_BACKTRACE",
    "Traceback (most",
    "   at System.",
    ".rs:",
    "/home/",
    "/Users/",
    "/root/",
    "/usr/",
    "/var/",
    "/tmp/",
    "/site/wwwroot",
    "C:\\",
    "sqlite",
    "SELECT ",
    "127.0.0.1:",
    "localhost:",
    ".core.windows.net",
    ".documents.azure.com",
    "sig=",
    "Bearer ey",
];

/// Requests that go wrong in every way that an outsider can make them go wrong.
async fn provoke(bench: &Bench) -> Result<(), Fault> {
    let bytes = |kind, bytes: &[u8]| Content::Bytes(kind, bytes.to_vec());
    let post = |path: &str| Ask::new(Method::POST, path);
    for ask in [
        post("threads").with(bytes("application/json", b"{")),
        post("threads").with(bytes("application/json", b"{\"metadata\": 1}")),
        post("threads").with(bytes("application/json", b"{\"a\": 1, \"a\": 2}")),
        post("threads").with(bytes("application/json", &[0xff, 0xfe])),
        post("threads").with(bytes("application/json", "[".repeat(2000).as_bytes())),
        post("threads").with(bytes("text/plain", b"x")),
        post("agents").with(Content::Json(json!({"name": "x".repeat(5000), "instructions": 1}))),
        post("files").with(bytes("multipart/form-data", b"x")),
        post("files").with(bytes("multipart/form-data; boundary=x", b"--x\r\nbroken")),
        post("search/query").with(Content::Json(json!({"query": "x", "mode": "x"}))),
        post("search/query").with(Content::Json(json!({"query": "x", "filter": {"field": "'", "op": "x"}}))),
        Ask::get("agents?limit=0"),
        Ask::get("agents?limit=x&order=y"),
        Ask::get("agents?cursor=x"),
        Ask::get("agents?verify=x"),
        Ask::get("agents/%00"),
        Ask::get("agents/%ff"),
        Ask::get("agents/%2e%2e%2f%2e%2e"),
        Ask::get(format!("agents/{}", "x".repeat(3000))),
        Ask::get("cosmos/verify"),
        Ask::get("cosmos/items?where=x"),
        Ask::get("search/documents"),
        Ask::get("agents").header("if-match", "x").header("traceparent", "x"),
        Ask::new(Method::PATCH, "threads/x").with(Content::Json(json!({}))).header("if-match", "x"),
        post("threads").with(Content::Json(json!({}))).header("idempotency-key", "x".repeat(300)),
    ] {
        bench.ask(&bench.b, ask).await?;
    }
    bench.wire.send(Ask::get("agents")).await?;
    bench.wire.send(Ask::get("health")).await?;
    bench.ask(&bench.b, Ask::get("agents")).await?;
    Ok(())
}

pub(super) async fn headers(bench: &Bench, found: &mut Findings) -> Result<(), Fault> {
    provoke(bench).await?;
    bench.wire.seen(|seen| {
        for Seen { label, answer, .. } in seen.iter().filter(|seen| seen.function.is_some()) {
            for (name, wanted) in WANTED {
                let value = answer.header(name).unwrap_or_default().to_ascii_lowercase();
                found.expect(value.contains(wanted), || {
                    format!("{label}, {}: no `{name}: {wanted}`", answer.status)
                });
            }
        }
    });
    Ok(())
}

pub(super) async fn banner(bench: &Bench, found: &mut Findings) -> Result<(), Fault> {
    provoke(bench).await?;
    bench.wire.seen(|seen| {
        for Seen { answer, .. } in seen {
            for name in BANNERS {
                let value = answer.header(name);
                found.expect(value.is_none(), || format!("`{name}: {}`", value.unwrap_or_default()));
            }
        }
    });
    Ok(())
}

/// Browsers of strangers.
pub(super) async fn cors(bench: &Bench, found: &mut Findings) -> Result<(), Fault> {
    let preflight = || {
        Ask::new(Method::OPTIONS, "agents")
            .header("access-control-request-method", "DELETE")
            .header("access-control-request-headers", "authorization")
    };
    for origin in
        ["https://evil.example", "null", "http://localhost", "https://evil.example.azurewebsites.net"]
    {
        let plain = Ask::get("agents").by(&bench.b);
        for ask in [plain, Ask::get("agents"), Ask::get("health"), preflight()] {
            let answer = bench.wire.send(ask.header("origin", origin)).await?;
            let allowed = answer.header("access-control-allow-origin").unwrap_or_default();
            found.expect(allowed != "*" && allowed != origin, || {
                format!("a browser at {origin} is allowed: `access-control-allow-origin: {allowed}`")
            });
        }
    }
    bench.wire.seen(|seen| {
        for Seen { label, answer, .. } in seen {
            let any = answer.header("access-control-allow-origin") == Some("*");
            found.expect(!any, || format!("{label}: `access-control-allow-origin: *`"));
        }
    });
    Ok(())
}

pub(super) async fn errors(bench: &Bench, found: &mut Findings) -> Result<(), Fault> {
    provoke(bench).await?;
    bench.wire.seen(|seen| {
        for Seen { label, answer, function } in seen.iter().filter(|seen| seen.answer.status >= 400) {
            let text = answer.text();
            for inside in INSIDE {
                found.expect(!text.contains(inside), || {
                    format!("{label}, {}: `{inside}` in an error", answer.status)
                });
            }
            if function.is_some() {
                let problem = answer.header("content-type") == Some("application/problem+json");
                let known = answer.json()["type"].as_str().is_some_and(|kind| {
                    crate::problem::TYPES.iter().any(|(status, name, _)| {
                        *status == answer.status && kind.ends_with(&format!(":{name}"))
                    })
                });
                found.expect(problem && known, || {
                    format!("{label}, {}: no problem of the closed list", answer.status)
                });
            }
            found.expect(answer.status != 500, || format!("{label}: 500"));
        }
    });
    Ok(())
}
