//! What the deployment shows beside its functions.

use super::{super::Fault, bench::Bench, check::Findings, wire::Ask};
use crate::{
    functions::{FUNCTIONS, Trigger},
    route,
};
use axum::http::Method;
use serde_json::json;

/// A refusal that no function had a part in: a redirect and a bad request are the front end's.
fn outside(status: u16) -> bool {
    matches!(status, 301 | 302 | 307 | 308 | 400 | 401 | 403 | 404 | 405)
}

/// The paths by which the host calls triggers.
pub(super) async fn triggers(bench: &Bench, found: &mut Findings) -> Result<(), Fault> {
    // An envelope that no trigger takes for good: should one be reached, it does no harm.
    let envelope = json!({"Data": {"message": "verify", "blob": "!"}, "Metadata": {"verify": "1"}});
    for function in FUNCTIONS.iter().filter(|function| !matches!(function.trigger, Trigger::Http(_))) {
        let name = function.name;
        let first: String = name.chars().take(1).map(|c| format!("%{:02x}", u32::from(c))).collect();
        let upper = name.to_uppercase();
        for path in [
            format!("/{name}"),
            format!("/{name}/"),
            format!("//{name}"),
            format!("/{upper}"),
            format!("/{first}{}", &name[1..]),
            format!("/{name}?code=x"),
            format!("/;/{name}"),
            format!("/%2f{name}"),
            format!("/%2e/{name}"),
            format!("/api/{name}"),
            format!("/api//{name}"),
            format!("/api/..%2f{name}"),
            format!("/api/%2e%2e/{name}"),
            format!("/api/..%5c{name}"),
            format!("/api/agents/..%2f..%2f{name}"),
            format!("/api;x/../{name}"),
        ] {
            // Both as it comes, and with the wish that what the host adds be taken off again.
            let hops = "close, x-forwarded-for, x-forwarded-host, x-forwarded-proto, x-ms-invocation-id";
            for connection in [None, Some(hops)] {
                let ask = Ask::post(&path, envelope.clone()).by(&bench.b).once();
                let ask = if let Some(value) = connection { ask.header("connection", value) } else { ask };
                let answer = bench.wire.send(ask).await?;
                let reached = !outside(answer.status) || answer.text().contains("\"Outputs\"");
                let shown = path.replace(name, "NAME").replace(&upper, "UPPER");
                found.expect(!reached, || format!("POST {shown} reaches {name}: {}", answer.status));
            }
        }
    }
    Ok(())
}

/// The host's own door.
pub(super) async fn admin(bench: &Bench, found: &mut Findings) -> Result<(), Fault> {
    let host = url::Url::parse(bench.wire.root())?.host_str().unwrap_or_default().to_owned();
    if matches!(host.as_str(), "127.0.0.1" | "localhost" | "[::1]") {
        found.gap(
            "the host on this machine leaves /admin open, as `func` does; in Azure it wants the master key",
        );
        return Ok(());
    }
    for path in [
        "/admin/host/status",
        "/admin/functions",
        "/Admin/Functions",
        "/admin/host/keys",
        "/runtime/webhooks/blobs",
    ] {
        for ask in [Ask::get(path), Ask::get(path).by(&bench.b)] {
            let answer = bench.wire.send(ask).await?;
            found.expect(outside(answer.status), || format!("GET {path}: {}, not refused", answer.status));
        }
    }
    Ok(())
}

/// The API's description lists what is in the table, and nothing else.
pub(super) async fn openapi(bench: &Bench, found: &mut Findings) -> Result<(), Fault> {
    let answer = bench.wire.send(Ask::get("openapi.json")).await?;
    let said = answer.json();
    let paths =
        said["paths"].as_object().ok_or_else(|| format!("there is no description: {}", answer.status))?;
    for (path, operations) in paths {
        for (method, operation) in operations.as_object().into_iter().flatten() {
            let declared = FUNCTIONS.iter().any(|function| match &function.trigger {
                Trigger::Http(http) => {
                    format!("/{}/{}", route::PREFIX, http.route) == *path
                        && http.method.as_str().eq_ignore_ascii_case(method)
                        && operation["operationId"] == function.name
                }
                _ => false,
            });
            let what = format!("{} {path}", method.to_uppercase());
            found.expect(declared, || format!("{what} is none of the functions of this release"));
        }
    }
    Ok(())
}

/// A verb that is said to be another one.
pub(super) async fn overridden(bench: &Bench, found: &mut Findings) -> Result<(), Fault> {
    let own = bench.spare().await?;
    let path = format!("threads/{}", own.id("thread_id")?);
    for name in ["x-http-method-override", "x-http-method", "x-method-override"] {
        for method in [Method::GET, Method::POST] {
            let ask = Ask::new(method.clone(), &path).header(name, "DELETE");
            bench.ask(&bench.b, ask).await?;
            let still = bench.ask(&bench.b, Ask::get(&path)).await?;
            found.expect(still.status == 200, || format!("{method} with {name}: DELETE removes a thread"));
        }
    }
    let asked = bench.ask(&bench.b, Ask::get(format!("{path}?_method=DELETE"))).await?;
    found.expect(asked.status != 204, || "GET with ?_method=DELETE is taken for a DELETE".into());
    Ok(())
}
