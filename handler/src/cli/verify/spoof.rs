//! B says that it is A, everywhere but in its token.

use super::{
    super::Fault,
    attack::{Target, request, targets},
    bench::Bench,
    check::Findings,
    example::Shape,
    sets::{Set, fill},
    wire::{Answer, Ask, Content},
};
use crate::functions::Gives;
use axum::http::Method;
use serde_json::json;

/// Names that the API's description says are compared with the token.
const NAMES: [&str; 2] = ["tenantId", "tenant_id"];

/// What was asked for under A's name must be refused; where the name is none that anybody reads, B is still B.
fn judge(bench: &Bench, found: &mut Findings, what: &str, answer: &Answer, refused: bool) {
    let other = answer.json()["metadata"]["tenantId"].as_str().is_some_and(|tenant| tenant == bench.tenant_a);
    let text = answer.text();
    let leaks = answer.ok() && (other || text.contains(&format!("\"tenantId\":\"{}\"", bench.tenant_a)));
    found.expect(!leaks, || format!("{what}: {}, and what is A's in it", answer.status));
    if refused {
        let good = matches!(answer.status, 400 | 403);
        found.expect(good, || format!("{what}: {}, not 403", answer.status));
    } else {
        found.expect(answer.status < 500, || format!("{what}: {}", answer.status));
    }
}

/// A function's path with B's own ids; where there is one missing, that is a gap.
fn path(found: &mut Findings, target: &Target, own: &Set) -> Option<String> {
    match fill(target.http.route, &own.collection, |slot| own.id(slot)) {
        Ok(path) => Some(path),
        Err(why) => {
            found.gap(format!("{}: {why}", target.name));
            None
        }
    }
}

/// `x-tenant-id`, however it is written.
pub(super) async fn header(bench: &Bench, found: &mut Findings) -> Result<(), Fault> {
    let (own, victim) = (bench.own().await?, bench.victim().await?);
    let (a, b) = (bench.tenant_a.as_str(), bench.tenant_b.as_str());
    let agents = || Ask::get("agents?limit=100");
    let plain = bench.ask(&bench.b, agents()).await?;
    let named = bench.ask(&bench.b, agents().header("x-tenant-id", a)).await?;
    // The service refuses it. A gateway may take it away first: then B is answered as if it had not been said.
    let refused = !(named.ok() && named.body == plain.body);
    for target in targets().iter().filter(|target| target.http.method == Method::GET) {
        if matches!(target.http.gives, Gives::Events) || target.http.query.contains(&"query") {
            continue;
        }
        for (whose, set) in [("own", own), ("A's", victim)] {
            let ask = match request(target, set, |slot| set.id(slot), &|_| None) {
                Ok(ask) => ask,
                Err(why) => {
                    found.gap(format!("{}: {why}", target.name));
                    continue;
                }
            };
            let answer = bench.ask(&bench.b, ask.header("x-tenant-id", a)).await?;
            let what = format!("{} of B's with x-tenant-id naming A, for {whose}", target.name);
            judge(bench, found, &what, &answer, refused);
            found.expect(!victim.is_in(&answer.text()), || {
                format!("{what}: {}, with A's data", answer.status)
            });
        }
    }
    for (what, ask, refused) in [
        ("X-Tenant-Id", agents().header("x-tenant-id", a).titled(), refused),
        ("x-tenant-id twice, A last", agents().header("x-tenant-id", b).header("x-tenant-id", a), refused),
        ("x-tenant-id twice, A first", agents().header("x-tenant-id", a).header("x-tenant-id", b), refused),
        ("x-tenant-id: B,A", agents().header("x-tenant-id", format!("{b},{a}")), refused),
        ("x-tenant-id: A, B", agents().header("x-tenant-id", format!("{a}, {b}")), refused),
        ("x-tenant-id in upper case", agents().header("x-tenant-id", a.to_uppercase()), refused),
        ("x_tenant_id", agents().header("x_tenant_id", a), false),
        ("x-tenantid", agents().header("x-tenantid", a), false),
        ("tenant-id", agents().header("tenant-id", a), false),
        ("x-ms-tenant-id", agents().header("x-ms-tenant-id", a), false),
        ("x-original-tenant-id", agents().header("x-original-tenant-id", a), false),
        ("x-ms-client-principal-id", agents().header("x-ms-client-principal-id", a), false),
        ("x-forwarded-tenant-id", agents().header("x-forwarded-tenant-id", a), false),
    ] {
        let answer = bench.ask(&bench.b, ask).await?;
        judge(bench, found, &format!("agents_list with {what} naming A"), &answer, refused);
        found.expect(!victim.is_in(&answer.text()), || format!("agents_list with {what}: A's data"));
    }
    let granted = bench.ask(&bench.b, agents().header("x-tenant-id", b)).await?;
    if !granted.ok() {
        found.gap(format!("B naming itself is answered {}, so a refusal proves nothing", granted.status));
    }
    Ok(())
}

/// The query.
pub(super) async fn query(bench: &Bench, found: &mut Findings) -> Result<(), Fault> {
    let (own, victim) = (bench.own().await?, bench.victim().await?);
    for target in targets().iter().filter(|target| target.http.method == Method::GET) {
        if matches!(target.http.gives, Gives::Events) {
            continue;
        }
        let Some(path) = path(found, target, own) else { continue };
        let searched = if target.http.query.contains(&"query") { "&query=isolation" } else { "" };
        for name in NAMES.into_iter().chain(["TenantId", "x-tenant-id"]) {
            let ask = Ask::get(format!("{path}?{name}={}{searched}", bench.tenant_a));
            let answer = bench.ask(&bench.b, ask).await?;
            let what = format!("{} with ?{name}= naming A", target.name);
            judge(bench, found, &what, &answer, NAMES.contains(&name));
            found.expect(!victim.is_in(&answer.text()), || format!("{what}: A's data"));
        }
    }
    Ok(())
}

/// Cookies: nobody reads them, so they change nothing.
pub(super) async fn cookie(bench: &Bench, found: &mut Findings) -> Result<(), Fault> {
    let victim = bench.victim().await?;
    for target in targets().iter().filter(|target| target.http.method == Method::GET) {
        if matches!(target.http.gives, Gives::Events) {
            continue;
        }
        let ask = match request(target, victim, |slot| victim.id(slot), &|_| None) {
            Ok(ask) => ask,
            Err(why) => {
                found.gap(format!("{}: {why}", target.name));
                continue;
            }
        };
        let cookies = NAMES.map(|name| format!("{name}={}", bench.tenant_a)).join("; ");
        let answer = bench
            .ask(&bench.b, ask.header("cookie", format!("{cookies}; x-tenant-id={}", bench.tenant_a)))
            .await?;
        let what = format!("{} with cookies naming A", target.name);
        judge(bench, found, &what, &answer, false);
        found.expect(!victim.is_in(&answer.text()), || format!("{what}: A's data"));
    }
    Ok(())
}

/// A member of the body.
pub(super) async fn body(bench: &Bench, found: &mut Findings) -> Result<(), Fault> {
    let own = bench.own().await?;
    for target in &targets() {
        let Some(shape) = Shape::of(target.http).filter(Shape::is_object) else { continue };
        let Some(path) = path(found, target, own) else { continue };
        for name in NAMES {
            let mut body = shape.smallest(&|slot| own.id(slot).ok());
            body[name] = json!(bench.tenant_a);
            let ask = Ask::new(target.http.method.clone(), path.clone()).with(Content::Json(body));
            let answer = bench.ask(&bench.b, ask).await?;
            judge(
                bench,
                found,
                &format!("{} with `{name}` naming A in the body", target.name),
                &answer,
                true,
            );
        }
    }
    Ok(())
}

/// A field of a form, before the file and after it.
pub(super) async fn form(bench: &Bench, found: &mut Findings) -> Result<(), Fault> {
    for name in NAMES {
        for at in [0, 1] {
            let fields = vec![(name, bench.tenant_a.clone())];
            let ask = Ask::new(Method::POST, "files").with(Content::Form(fields, at));
            let answer = bench.ask(&bench.b, ask).await?;
            judge(bench, found, &format!("files_create with a field `{name}` naming A"), &answer, true);
        }
    }
    Ok(())
}
