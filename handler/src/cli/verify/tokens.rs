//! Tokens that must not be believed, at every function that needs one.

use super::{
    super::Fault,
    attack::{Target, targets},
    bench::Bench,
    check::Findings,
    example::Shape,
    forge,
    sets::{fill, shaped},
    wire::{Answer, Ask, Content, Who},
};
use axum::http::Method;
use futures::StreamExt;

/// A request that would be good if its caller were.
fn plain(target: &Target) -> Result<Ask, Fault> {
    let mut ids = Vec::new();
    for slot in super::sets::slots(target.http.route) {
        ids.push((slot, shaped(slot)));
    }
    let id = |slot: &str| {
        let found = ids.iter().find(|(known, _)| *known == slot).map(|(_, id)| id.as_str());
        found.ok_or_else(|| Fault::from("no such slot"))
    };
    let path = fill(target.http.route, "items", id)?;
    let content =
        Shape::of(target.http).map_or(Content::Empty, |shape| Content::Json(shape.smallest(&|_| None)));
    Ok(Ask::new(target.http.method.clone(), path).with(content))
}

/// Sends every request with every token, and holds every answer to be a refusal.
async fn refused(
    bench: &Bench,
    found: &mut Findings,
    tokens: &[Option<String>],
    what: &str,
) -> Result<(), Fault> {
    let mut asks = Vec::new();
    for target in targets() {
        // Every function meets one of them, and a plain list all.
        let all = target.http.method == Method::GET && target.http.route == "agents";
        for token in if all { tokens } else { tokens.get(..1).unwrap_or_default() } {
            let ask = plain(&target)?;
            let who = token.as_ref().map(|token| Who { name: "nobody", token: token.clone() });
            let ask = if let Some(who) = who { ask.by(&who) } else { ask };
            asks.push((target.name, ask));
        }
    }
    let answers = futures::stream::iter(asks)
        .map(|(name, ask)| async move { (name, bench.wire.send(ask).await) })
        .buffered(4)
        .collect::<Vec<(&str, Result<Answer, Fault>)>>()
        .await;
    for (name, answer) in answers {
        let answer = answer?;
        found.expect(answer.status == 401, || format!("{name} with {what}: {}, not 401", answer.status));
    }
    Ok(())
}

pub(super) async fn none(bench: &Bench, found: &mut Findings) -> Result<(), Fault> {
    refused(bench, found, &[None], "no token").await
}

pub(super) async fn garbage(bench: &Bench, found: &mut Findings) -> Result<(), Fault> {
    refused(bench, found, &some(Some(forge::garbage()))?, "what is no token").await
}

pub(super) async fn unsigned(bench: &Bench, found: &mut Findings) -> Result<(), Fault> {
    refused(bench, found, &some(forge::unsigned(&bench.b.token))?, "`alg: none`, or no signature").await
}

pub(super) async fn badly_signed(bench: &Bench, found: &mut Findings) -> Result<(), Fault> {
    refused(bench, found, &some(forge::badly_signed(&bench.b.token))?, "a signature that was changed").await
}

pub(super) async fn badly_claimed(bench: &Bench, found: &mut Findings) -> Result<(), Fault> {
    let forged = forge::badly_claimed(&bench.b.token, &bench.tenant_b, &bench.tenant_a);
    refused(bench, found, &some(forged)?, "claims that were changed").await
}

fn some(tokens: Option<Vec<String>>) -> Result<Vec<Option<String>>, Fault> {
    let tokens = tokens.ok_or("the tokens are not JWTs that can be read: nothing can be forged from them")?;
    Ok(tokens.into_iter().map(Some).collect())
}

/// A good token counts in the one place where it belongs.
pub(super) async fn placement(bench: &Bench, found: &mut Findings) -> Result<(), Fault> {
    let token = &bench.b.token;
    let bearer = format!("Bearer {token}");
    let list = || Ask::get("agents");
    for (what, ask) in [
        ("in the query", Ask::get(format!("agents?access_token={token}"))),
        ("in a cookie", list().header("cookie", format!("access_token={token}; Authorization={token}"))),
        ("in another header", list().header("x-authorization", &bearer).header("x-access-token", token)),
        ("in another header", list().header("x-ms-token-aad-access-token", token)),
        ("without its scheme", list().header("authorization", token)),
        ("under another scheme", list().header("authorization", format!("Basic {token}"))),
        ("twice", list().header("authorization", &bearer).header("authorization", &bearer)),
        ("with something after it", list().header("authorization", format!("{bearer}, {bearer}"))),
    ] {
        let answer = bench.wire.send(ask).await?;
        // A front end may refuse two headers of one name on its own account.
        found.expect(matches!(answer.status, 400 | 401), || {
            format!("a good token {what}: {}, not 401", answer.status)
        });
        found.expect(!answer.text().contains(token.as_str()), || format!("a token {what} is echoed"));
    }
    Ok(())
}

/// Every 401 says how to do better (RFC 6750).
pub(super) async fn challenge(bench: &Bench, found: &mut Findings) -> Result<(), Fault> {
    let nobody = Who { name: "nobody", token: "x".into() };
    bench.wire.send(Ask::get("agents")).await?;
    bench.wire.send(Ask::get("agents").by(&nobody)).await?;
    bench.wire.seen(|seen| {
        for seen in seen.iter().filter(|seen| seen.answer.status == 401 && seen.function.is_some()) {
            let challenge = seen.answer.header("www-authenticate").unwrap_or_default();
            let bearer = challenge.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case("bearer"));
            found.expect(bearer, || format!("{}: 401 without `WWW-Authenticate: Bearer`", seen.label));
        }
    });
    Ok(())
}
