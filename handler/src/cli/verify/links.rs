//! Upload links: one blob, written by who has the link, for ten minutes, and nothing else.

use super::{
    super::Fault,
    bench::{Bench, canary},
    check::Findings,
    sets::{string, until},
    wire::{Answer, Ask, Content},
};
use axum::http::Method;
use pool::ports::{Clock, SystemClock};
use serde_json::{Value, json};
use url::Url;

/// How long a link may be good, in seconds, and how far two clocks may be apart.
const LONGEST: i64 = 600;
const SKEW: i64 = 60;

pub(super) async fn scope(bench: &Bench, found: &mut Findings) -> Result<(), Fault> {
    let wanted = json!({"filename": "verify.txt", "content_type": "text/plain"});
    let made = bench.ask(&bench.a, Ask::post("files", wanted)).await?;
    let said = made.json();
    let (Some(file), Some(link)) = (made.id(), string(&said["upload"]["url"])) else {
        return Err(format!("the deployment gives no upload link: {}", made.status).into());
    };
    let url = Url::parse(&link)?;
    let seconds = said["upload"]["expires_at"].as_i64().unwrap_or(i64::MAX) - SystemClock.now().as_second();
    found.expect(seconds <= LONGEST + SKEW, || format!("a link that is good for {seconds} s"));
    signature(found, &url);
    let headers = said["upload"]["headers"].as_object().cloned().unwrap_or_default();
    let text = canary();
    let ask = |method: Method, url: &str| {
        // The content's type is sent as the link says, not as a JSON body would have it.
        let ask = Ask::new(method.clone(), url);
        let ask = headers
            .iter()
            .filter_map(|(name, value)| Some((name, value.as_str()?)))
            .fold(ask, |ask, (name, value)| ask.header(name, value));
        if method == Method::PUT {
            ask.with(Content::Bytes("text/plain", text.clone().into_bytes()))
        } else {
            ask
        }
    };
    let no = |answer: &Answer| answer.status >= 400 && answer.status < 500;
    for method in [Method::GET, Method::DELETE, Method::POST, Method::PATCH] {
        let answer = bench.wire.send(ask(method.clone(), &link)).await?;
        found.expect(no(&answer), || format!("{method} of an upload link: {}, not refused", answer.status));
    }
    for (what, other) in altered(&url, &file, bench.victim().await?.id("file_id")?) {
        let answer = bench.wire.send(ask(Method::PUT, &other)).await?;
        found.expect(no(&answer), || format!("PUT of a link with {what}: {}, not refused", answer.status));
    }
    let untouched = bench.ask(&bench.a, Ask::get(format!("files/{file}/content"))).await?;
    found.expect(untouched.status == 404, || {
        format!("there are bytes before there was an upload: {}", untouched.status)
    });
    let put = bench.wire.send(ask(Method::PUT, &link)).await?;
    if !put.ok() {
        found.gap(format!("the link itself is answered {}, so refusals prove nothing", put.status));
        return Ok(());
    }
    let path = format!("files/{file}/content");
    let there = until(async || Ok(bench.ask(&bench.a, Ask::get(&path)).await?.text() == text)).await?;
    found.expect(there, || "what was put by a link is not what A reads".into());
    let read = bench.wire.send(ask(Method::GET, &link)).await?;
    found.expect(no(&read) && !read.text().contains(&text), || {
        format!("an upload link reads: {}", read.status)
    });
    let foreign = bench.ask(&bench.b, Ask::get(&path)).await?;
    found.expect(foreign.status == 404, || format!("B reads what A put by a link: {}", foreign.status));
    Ok(())
}

/// What a signed URL of Blob Storage says of itself.
fn signature(found: &mut Findings, url: &Url) {
    let value =
        |name: &str| url.query_pairs().find(|(known, _)| known == name).map(|(_, value)| value.into_owned());
    if value("sig").is_none() {
        return;
    }
    found.expect(value("sr").as_deref() == Some("b"), || "the signature is not for one blob (`sr`)".into());
    let rights = value("sp").unwrap_or_default();
    found.expect(!rights.is_empty() && rights.chars().all(|right| "cw".contains(right)), || {
        format!("the signature gives the rights `{rights}`, more than to write")
    });
    found.expect(value("spr").as_deref() == Some("https"), || {
        "the signature is good without TLS (`spr`)".into()
    });
    found.expect(value("skoid").is_some(), || {
        "the signature is the account key's, not a user's delegation".into()
    });
}

/// The link, for what it is not for.
fn altered(url: &Url, file: &str, foreign: &str) -> Vec<(&'static str, String)> {
    let text = url.as_str();
    let mut made = Vec::new();
    if text.contains(file) {
        made.push(("another blob's name", text.replace(file, foreign)));
    }
    let change = |part: &str, at: usize| {
        let other = if part.as_bytes().get(at) == Some(&b'A') { "B" } else { "A" };
        format!("{}{other}{}", part.get(..at).unwrap_or_default(), part.get(at + 1..).unwrap_or_default())
    };
    let last =
        url.path_segments().and_then(|mut segments| segments.next_back()).unwrap_or_default().to_owned();
    if !last.is_empty() {
        made.push(("another path", text.replace(&last, &change(&last, last.len() / 2))));
        made.push(("another end of the path", text.replace(&last, &change(&last, last.len() - 4))));
    }
    if let Some((payload, seal)) = last.split_once('.')
        && let Some(forged) = repointed(payload, file, foreign)
    {
        made.push(("another blob under the same seal", text.replace(&last, &format!("{forged}.{seal}"))));
        made.push(("no seal", text.replace(&last, payload)));
    }
    for (name, value) in [("sp", "rcwdl"), ("se", "2099-01-01T00:00:00Z"), ("sr", "c")] {
        if url.query_pairs().any(|(known, _)| known == name) {
            let mut other = url.clone();
            let pairs: Vec<_> = url.query_pairs().into_owned().collect();
            other.query_pairs_mut().clear().extend_pairs(
                pairs
                    .iter()
                    .map(|(known, old)| (known.as_str(), if known == name { value } else { old.as_str() })),
            );
            made.push(("more rights than were signed", other.into()));
        }
    }
    made
}

/// A local link's payload, for another file.
fn repointed(payload: &str, file: &str, foreign: &str) -> Option<String> {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
    let mut said: Value = serde_json::from_slice(&BASE64.decode(payload).ok()?).ok()?;
    let blob = said["blob"].as_str()?.replace(file, foreign);
    said["blob"] = json!(blob);
    Some(BASE64.encode(said.to_string()))
}
