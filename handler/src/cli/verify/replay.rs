//! What was given to A, in B's hands: cursors, and keys of requests that were answered.

use super::{
    super::Fault,
    attack::targets,
    bench::{Bench, canary, hex},
    check::Findings,
    example::Shape,
    sets::{fill, slots},
    wire::{Ask, Content},
};
use crate::functions::{Gives, Takes};
use axum::http::Method;
use serde_json::json;

/// The way to the next page of A's list.
pub(super) async fn cursors(bench: &Bench, found: &mut Findings) -> Result<(), Fault> {
    let victim = bench.victim().await?;
    let record = json!({"canary": canary()});
    let agent = json!({"name": canary(), "instructions": "None."});
    for (path, body) in [
        ("agents".to_owned(), agent),
        ("threads".to_owned(), json!({})),
        (format!("cosmos/{}", victim.collection), record),
        ("files".to_owned(), json!({"filename": "verify.txt"})),
    ] {
        bench.ask(&bench.a, Ask::post(path, body)).await?;
    }
    for target in targets() {
        if !target.http.query.contains(&"cursor") || !slots(target.http.route).is_empty() {
            continue;
        }
        let path = fill(target.http.route, &victim.collection, |_| Err("no ids".into()))?;
        let first = bench.ask(&bench.a, Ask::get(format!("{path}?limit=1"))).await?;
        let link = first.header("link").and_then(|link| link.split_once("cursor="));
        let end = |c: char| matches!(c, '>' | '&' | ';' | '"');
        let Some(cursor) = link.and_then(|(_, rest)| rest.split(end).next()) else {
            found.gap(format!("{}: A's list has no second page", target.name));
            continue;
        };
        let next = |path: &str| Ask::get(format!("{path}?limit=1&cursor={cursor}"));
        let own = bench.ask(&bench.a, next(&path)).await?;
        if !own.ok() {
            found.gap(format!("{}: A's own cursor is answered {}", target.name, own.status));
        }
        let foreign = bench.ask(&bench.b, next(&path)).await?;
        found.expect(foreign.status == 400, || {
            format!("{} with A's cursor as B: {}, not 400", target.name, foreign.status)
        });
        let other = format!("{path}?limit=1&order=asc&cursor={cursor}");
        let other = bench.ask(&bench.a, Ask::get(other)).await?;
        found.expect(other.status == 400, || {
            format!("{} with the cursor of another query: {}, not 400", target.name, other.status)
        });
    }
    Ok(())
}

/// The same key and the same body are another request when another one sends them.
pub(super) async fn idempotency(bench: &Bench, found: &mut Findings) -> Result<(), Fault> {
    let victim = bench.victim().await?;
    let user = bench.user().ok();
    for target in targets() {
        let creates = target.http.method == Method::POST && matches!(target.http.gives, Gives::One(_));
        if !creates || !slots(target.http.route).is_empty() || !matches!(target.http.takes, Takes::Json(_)) {
            continue;
        }
        let Some(shape) = Shape::of(target.http) else { continue };
        let path = fill(target.http.route, &victim.collection, |_| Err("no ids".into()))?;
        let key = format!("verify-{}", hex(12));
        let body = Content::Json(shape.smallest(&|_| None));
        let ask = || Ask::new(Method::POST, &path).with(body.clone()).header("idempotency-key", &key);
        let first = bench.ask(&bench.a, ask()).await?;
        let again = bench.ask(&bench.a, ask()).await?;
        let Some(id) = first.id().filter(|id| again.id().as_ref() == Some(id)) else {
            found.gap(format!("{}: A's own key does not bring A's answer back", target.name));
            continue;
        };
        for who in [Some(&bench.b), user].into_iter().flatten() {
            let answer = bench.ask(who, ask()).await?;
            let replayed = answer.header("idempotency-replayed").is_some() || answer.text().contains(&id);
            found.expect(!replayed, || format!("{} with A's key as {}: A's answer", target.name, who.name));
        }
    }
    Ok(())
}
