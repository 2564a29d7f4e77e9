//! Ways in which a deployment can be broken, and the checks that must see each.

use crate::proxy::{Answered, Asked, Behind};
use axum::http::Method;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use futures::future::BoxFuture;
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};

/// A way to be broken.
pub struct Fault {
    pub name: &'static str,
    /// The checks that turn red.
    pub trips: &'static [&'static str],
    /// The name under which it is met, if it is not this machine's.
    pub host: Option<&'static str>,
    pub acts: fn(Arc<Behind>, Asked) -> BoxFuture<'static, Answered>,
}

macro_rules! fault {
    ($name:literal, $trips:expr, |$behind:ident, $asked:ident| $acts:expr) => {
        fault!($name, $trips, None, |$behind, $asked| $acts)
    };
    ($name:literal, $trips:expr, $host:expr, |$behind:ident, $asked:ident| $acts:expr) => {
        Fault {
            name: $name,
            trips: &$trips,
            host: $host,
            acts: |$behind, $asked| Box::pin(async move { $acts }),
        }
    };
}

/// Sends it on; by A if so.
async fn swapped(behind: &Behind, asked: Asked, swap: bool) -> Answered {
    let asked = if swap { asked.by(&behind.a) } else { asked };
    behind.send(&asked).await
}

fn claims(asked: &Asked) -> Value {
    part(asked, 1)
}

fn part(asked: &Asked, at: usize) -> Value {
    let part = asked.token().and_then(|token| token.split('.').nth(at)).unwrap_or_default();
    serde_json::from_slice(&BASE64.decode(part).unwrap_or_default()).unwrap_or_default()
}

/// B asks for one thing of this kind.
fn one(behind: &Behind, asked: &Asked, kind: &str) -> bool {
    let mut parts = asked.path().split('/');
    asked.token() == Some(&behind.b)
        && parts.next() == Some(kind)
        && parts.next().is_some()
        && parts.next().is_none()
}

/// The answer to B, changed if it is a refusal of what A has.
async fn telling(behind: &Behind, asked: Asked, kind: &str, change: fn(Answered) -> Answered) -> Answered {
    let answered = behind.send(&asked).await;
    let foreign = one(behind, &asked, kind) && answered.status == 404 && behind.is_as(&asked).await;
    if foreign { change(answered) } else { answered }
}

/// What B is refused is done in A's name; the answer is A's, or the refusal.
async fn through(behind: &Behind, asked: Asked, method: Method, kind: &str, tells: bool) -> Answered {
    let answered = behind.send(&asked).await;
    if answered.status != 404 || asked.method != method || !one(behind, &asked, kind) {
        return answered;
    }
    let done = behind.send(&asked.by(&behind.a)).await;
    if tells { done } else { answered }
}

fn forged(behind: &Behind, asked: &Asked) -> bool {
    asked.token().is_some_and(|token| ![&behind.a, &behind.b, &behind.user].iter().any(|good| *good == token))
}

/// No fault: a gateway that takes `x-tenant-id` away before the service sees it.
pub const TAKEN_AWAY: Fault = fault!("x-tenant-id is taken away", [], |behind, asked| {
    behind.send(&asked.without("x-tenant-id")).await
});

/// Nobody asks whose anything is: what B is refused, it is given in A's name.
pub const OPEN: Fault = fault!(
    "nothing is anybody's",
    ["ids.read", "ids.write", "ids.delete", "ids.unchanged"],
    |behind, asked| {
        let answered = behind.send(&asked).await;
        let refused = asked.token() == Some(&behind.b) && matches!(answered.status, 403 | 404);
        if refused { behind.send(&asked.by(&behind.a)).await } else { answered }
    }
);

/// Every fault.
#[rustfmt::skip]
pub const FAULTS: &[Fault] = &[
    fault!("an own thing is refused", ["plan.1-own-data"], |behind, asked| {
        let mut answered = behind.send(&asked).await;
        if asked.path().ends_with("/versions") { answered.status = 404; }
        answered
    }),
    fault!("a path that names a tenant", ["plan.2-tenant-path", "openapi.declared"], |behind, asked| {
        if asked.path().starts_with("tenants/") { return Answered::json(&json!([])); }
        let answered = behind.send(&asked).await;
        match asked.path() {
            "openapi.json" => answered.edit(|body| {
                body["paths"]["/api/tenants/{tenant_id}/agents"] = json!({"get": {"operationId": "tenants_agents"}});
            }),
            _ => answered,
        }
    }),
    fault!("records of any tenant", ["plan.3-foreign-record"], |behind, asked| {
        let swap = asked.token() == Some(&behind.b) && asked.method == Method::GET && asked.path().starts_with("cosmos/items/");
        swapped(&behind, asked, swap).await
    }),
    fault!("contents of any tenant", ["plan.4-foreign-blob"], |behind, asked| {
        let swap = asked.token() == Some(&behind.b) && asked.path().ends_with("/content");
        swapped(&behind, asked, swap).await
    }),

    fault!("no token is good", ["token.none"], |behind, asked| {
        let none = asked.token().is_none();
        swapped(&behind, asked, none).await
    }),
    fault!("one function needs no token", ["token.none"], |behind, asked| {
        let none = asked.token().is_none() && asked.path().ends_with("/cancel");
        swapped(&behind, asked, none).await
    }),
    fault!("garbage is good", ["token.garbage"], |behind, asked| {
        let garbage = asked.token().is_some() && claims(&asked)["sub"].is_null();
        swapped(&behind, asked, garbage).await
    }),
    fault!("alg none is good", ["token.alg-none"], |behind, asked| {
        let none = part(&asked, 0)["alg"].as_str().is_some_and(|alg| alg.eq_ignore_ascii_case("none"));
        swapped(&behind, asked, none).await
    }),
    fault!("signatures are not looked at", ["token.signature"], |behind, asked| {
        let good = Asked { headers: asked.headers.clone(), ..asked.clone() }.by(&behind.b);
        let same = forged(&behind, &asked) && claims(&asked) == claims(&good);
        swapped(&behind, asked, same).await
    }),
    fault!("claims are not sealed", ["token.claims"], |behind, asked| {
        let moved = forged(&behind, &asked) && claims(&asked)["extension_tenantId"] == "contoso";
        swapped(&behind, asked, moved).await
    }),
    fault!("a token in the query is good", ["token.placement"], |behind, asked| {
        let bearer = asked.target.split_once("?access_token=").map(|(path, token)| (path.to_owned(), token.to_owned()));
        match bearer {
            Some((target, token)) => behind.send(&Asked { target, ..asked }.by(&token)).await,
            None => behind.send(&asked).await,
        }
    }),
    fault!("no challenge", ["token.challenge"], |behind, asked| {
        behind.send(&asked).await.without("www-authenticate")
    }),

    fault!("x-tenant-id is believed", ["tenant.header"], |behind, asked| {
        let swap = asked.header("x-tenant-id") == "contoso";
        swapped(&behind, if swap { asked.without("x-tenant-id") } else { asked }, swap).await
    }),
    fault!("x-tenant-id is taken away, but from one function that believes it", ["tenant.header"], |behind, asked| {
        let swap = asked.header("x-tenant-id") == "contoso" && asked.path() == "files";
        swapped(&behind, asked.without("x-tenant-id"), swap).await
    }),
    fault!("another header is believed", ["tenant.header"], |behind, asked| {
        let swap = asked.header("x-ms-tenant-id") == "contoso";
        swapped(&behind, asked, swap).await
    }),
    fault!("a tenant in the query is believed", ["tenant.query"], |behind, asked| {
        let target = asked.target.replace("?tenantId=contoso", "?");
        let swap = target != asked.target;
        swapped(&behind, Asked { target, ..asked }, swap).await
    }),
    fault!("a cookie is believed", ["tenant.cookie"], |behind, asked| {
        let swap = asked.header("cookie").contains("tenantId=contoso");
        swapped(&behind, if swap { asked.without("cookie") } else { asked }, swap).await
    }),
    fault!("a body is believed", ["tenant.body"], |behind, asked| {
        let mut body: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
        let swap = body.as_object_mut().and_then(|body| body.remove("tenantId")).is_some();
        let asked = if swap { Asked { body: body.to_string().into(), ..asked } } else { asked };
        swapped(&behind, asked, swap).await
    }),
    fault!("a form is believed", ["tenant.form"], |behind, asked| {
        let swap = String::from_utf8_lossy(&asked.body).contains("name=\"tenantId\"");
        let asked = if swap {
            Asked { target: "/api/files?filename=x.txt".into(), ..asked }.without("content-type")
        } else {
            asked
        };
        swapped(&behind, asked, swap).await
    }),

    fault!("a list is everybody's", ["lists.foreign"], |behind, asked| {
        let swap = asked.token() == Some(&behind.b) && asked.method == Method::GET && asked.path() == "threads";
        swapped(&behind, asked, swap).await
    }),
    fault!("the filter is or, not and", ["search.foreign"], |behind, asked| {
        let or = String::from_utf8_lossy(&asked.body).contains("{\"or\":");
        let swap = asked.token() == Some(&behind.b) && asked.path() == "search/query" && or;
        swapped(&behind, asked, swap).await
    }),
    fault!("colleagues see everything", ["owner.lists", "owner.ids"], |behind, asked| {
        let mine = ["threads", "files"].iter().any(|kind| asked.path().starts_with(kind));
        let swap = asked.token() == Some(&behind.user) && mine;
        swapped(&behind, asked, swap).await
    }),
    fault!("colleagues find everything", ["owner.search"], |behind, asked| {
        let swap = asked.token() == Some(&behind.user) && asked.path() == "search/query";
        swapped(&behind, asked, swap).await
    }),
    fault!("roles are not looked at", ["role.agents"], |behind, asked| {
        let swap = asked.token() == Some(&behind.user) && asked.path().starts_with("agents");
        swapped(&behind, asked, swap).await
    }),
    fault!("cursors are everybody's", ["cursor.foreign"], |behind, asked| {
        let swap = asked.token() == Some(&behind.b) && asked.target.contains("cursor=");
        swapped(&behind, asked, swap).await
    }),
    fault!("keys are everybody's", ["idempotency.foreign"], |behind, asked| {
        let key = asked.header("idempotency-key").to_owned();
        let kept = behind.kept.lock().unwrap().get(&key).cloned();
        if let Some(kept) = kept { return kept; }
        let answered = behind.send(&asked).await;
        if !key.is_empty() { behind.kept.lock().unwrap().insert(key, answered.clone()); }
        answered
    }),

    fault!("a link for a day", ["link.scope"], |behind, asked| {
        behind.send(&asked).await.edit(|body| {
            if let Some(end) = body["upload"]["expires_at"].as_i64() { body["upload"]["expires_at"] = json!(end + 86_400); }
        })
    }),
    fault!("a link that reads, and is not held against its seal", ["link.scope"], |behind, asked| {
        if asked.target.starts_with("/ey") { return Answered::json(&json!({})); }
        let front = behind.front.clone();
        behind.send(&asked).await.edit(|body| {
            let path = body["upload"]["url"].as_str().and_then(|url| url.rsplit_once('/')).map(|(_, path)| path.to_owned());
            if let Some(path) = path { body["upload"]["url"] = json!(format!("{front}/{path}")); }
        })
    }),
    fault!("a trigger can be called", ["trigger.closed"], |behind, asked| {
        match asked.target.as_str() {
            "/runs_step" => Answered::json(&json!({"Outputs": {}, "Logs": []})),
            _ => behind.send(&asked).await,
        }
    }),
    // It is `dev`, but by its name it is not on this machine: there, an open door is a finding.
    fault!("the host's door is open", ["admin.closed"], Some("127.0.0.2"), |behind, asked| behind.send(&asked).await),
    fault!("verbs can be overridden", ["method.override"], |behind, asked| {
        let method = if asked.header("x-http-method-override") == "DELETE" { Method::DELETE } else { asked.method.clone() };
        behind.send(&Asked { method, ..asked }).await
    }),

    fault!("a refusal takes longer for what is there", ["oracle.timing"], |behind, asked| {
        let answered = behind.send(&asked).await;
        if one(&behind, &asked, "threads") && behind.is_as(&asked).await {
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        answered
    }),
    fault!("one function reads anybody's", ["ids.read", "oracle.existence"], |behind, asked| {
        let swap = asked.path().ends_with("/steps") && asked.token() == Some(&behind.b);
        swapped(&behind, asked, swap).await
    }),
    fault!("403 for what is there", ["ids.read", "oracle.existence"], |behind, asked| {
        telling(&behind, asked, "agents", |answered| Answered { status: 403, ..answered }).await
    }),
    fault!("other words for what is there", ["oracle.existence"], |behind, asked| {
        telling(&behind, asked, "files", |answered| answered.edit(|body| body["detail"] = json!("it is not yours"))).await
    }),
    fault!("another header for what is there", ["oracle.existence"], |behind, asked| {
        telling(&behind, asked, "threads", |answered| answered.set("x-found", "1")).await
    }),
    fault!("anybody changes an agent", ["ids.write", "ids.unchanged"], |behind, asked| {
        through(&behind, asked, Method::PATCH, "agents", true).await
    }),
    fault!("anybody removes a file", ["ids.delete", "ids.unchanged"], |behind, asked| {
        through(&behind, asked, Method::DELETE, "files", true).await
    }),
    fault!("a removal is refused, and done", ["ids.unchanged"], |behind, asked| {
        through(&behind, asked, Method::DELETE, "threads", false).await
    }),
    fault!("one document for all who name it alike", ["ids.unchanged"], |behind, asked| {
        let swap = asked.token() == Some(&behind.b) && asked.path() == "search/documents/delete";
        swapped(&behind, asked, swap).await
    }),
    fault!("anybody's agent in a run", ["ids.body"], |behind, asked| {
        let answered = behind.send(&asked).await;
        let run = asked.method == Method::POST && asked.path().ends_with("/runs");
        if run && answered.status == 404 { Answered::json(&json!({"id": "run_1"})) } else { answered }
    }),

    fault!("a header is missing", ["headers.security"], |behind, asked| {
        behind.send(&asked).await.without("x-content-type-options")
    }),
    fault!("it says what it is", ["headers.banner"], |behind, asked| behind.send(&asked).await.set("server", "Kestrel")),
    fault!("any page may call", ["headers.cors"], |behind, asked| {
        behind.send(&asked).await.set("access-control-allow-origin", "*")
    }),
    fault!("errors tell of the inside", ["errors.text"], |behind, asked| {
        behind.send(&asked).await.edit(|body| {
            if body["status"] == 400 { body["detail"] = json!("panicked at handler/src/call.rs:42:7"); }
        })
    }),
];
