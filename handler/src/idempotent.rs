//! `Idempotency-Key`: the first answer to a POST is given again.

use crate::{
    call::{Call, MAX_JSON, media_type, read},
    http::files::upload,
};
use axum::{
    body::{Body, HttpBody, to_bytes},
    http::{HeaderName, HeaderValue, StatusCode, Uri, header},
    response::Response,
};
use futures::{TryStreamExt, future::BoxFuture};
use pool::{
    Digest, Error,
    idempotency::{Answer, Begun},
};

/// The header.
pub(crate) const KEY: &str = "idempotency-key";
/// The longest answer that is kept, in bytes.
const MAX_ANSWER: usize = 1_200_000;

type Run = fn(Call) -> BoxFuture<'static, Result<Response, Error>>;

/// Answers a request that has a key. With `streams`, its body is hashed as it goes by, for it may be large.
pub(crate) async fn answer(
    mut call: Call,
    function: &'static str,
    streams: bool,
    run: Run,
) -> Result<Response, Error> {
    let key = call.parts.headers.get(KEY).and_then(|key| key.to_str().ok()).unwrap_or_default().to_owned();
    if !(1..=255).contains(&key.len()) || call.parts.headers.get_all(KEY).iter().count() > 1 {
        return Err(Error::invalid("Idempotency-Key", "must be one value of 1 to 255 visible characters"));
    }
    let mut request = blake3::Hasher::new();
    request.update(target(&call.parts.uri).as_bytes());
    if !streams {
        let body = read(std::mem::take(&mut call.body), MAX_JSON).await?;
        request.update(&body);
        call.body = Body::from(body);
    }
    // Two tries of an upload must not meet; two of anything else make the same things.
    let patience_s = if streams { 230 } else { 15 };
    let scope = call.scope.clone();
    let begun =
        scope.idempotency().begin(&key, function, request.finalize().to_hex().as_str(), patience_s).await?;
    let (scope, ticket) = match begun {
        Begun::Replay(answer) => return replay(call, answer).await,
        Begun::Go(scope, ticket) => (scope, ticket),
    };
    let digest = streams.then(Digest::default);
    match &digest {
        Some(digest) if is_form(&call) => call.digest = Some(digest.clone()),
        Some(digest) => call.body = Body::from_stream(digest.over(call.body.into_data_stream())),
        None => {}
    }
    let idempotency = scope.clone();
    call.scope = scope;
    let (response, kept) = match run(call).await {
        Ok(response) if is_events(&response) || is_long(&response) || is_not_kept(&response) => {
            (Ok(response), None)
        }
        Ok(response) => {
            let (response, answer) = keep(response, digest).await?;
            (Ok(response), Some(answer))
        }
        Err(fault) => (Err(fault), None),
    };
    idempotency.idempotency().end(ticket, kept).await?;
    response
}

/// The first answer once more, if the body, where it was not compared before, is the same one.
async fn replay(call: Call, answer: Answer) -> Result<Response, Error> {
    if let Some(expected) = &answer.body_hash {
        let digest = Digest::default();
        if is_form(&call) {
            upload::drain(call, &digest).await?;
        } else {
            let read = digest.over(call.body.into_data_stream()).try_for_each(async |_| Ok(()));
            read.await.map_err(|_| Error::invalid("", "the body broke off"))?;
        }
        if digest.hex() != *expected {
            return Err(Error::KeyReused);
        }
    }
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    for (name, value) in answer.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response.headers_mut().insert("idempotency-replayed", HeaderValue::from_static("true"));
    Ok(response)
}

async fn keep(response: Response, digest: Option<Digest>) -> Result<(Response, Answer), Error> {
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, MAX_ANSWER).await.map_err(|fault| Error::Internal(Box::new(fault)))?;
    let ours = [header::CONTENT_TYPE, header::ETAG, header::LINK];
    let header = |name: &HeaderName| {
        let value = parts.headers.get(name)?.to_str().ok()?;
        Some((name.as_str().to_owned(), value.to_owned()))
    };
    let answer = Answer {
        status: parts.status.as_u16(),
        headers: ours.iter().filter_map(header).collect(),
        body: String::from_utf8_lossy(&body).into_owned(),
        body_hash: digest.map(|digest| digest.hex()),
    };
    Ok((Response::from_parts(parts, Body::from(body)), answer))
}

/// What is asked of which function. The gateway's key travels as `code`, and may be another one at the next try.
fn target(uri: &Uri) -> String {
    let pairs = uri.query().unwrap_or_default().split('&');
    let asked: Vec<_> = pairs.filter(|pair| pair.split('=').next() != Some("code")).collect();
    format!("{}?{}", uri.path(), asked.join("&"))
}

fn is_form(call: &Call) -> bool {
    media_type(&call.parts.headers).as_deref() == Some("multipart/form-data")
}

/// The mark of an answer that will not be true for long: another try does the work again.
#[derive(Clone)]
pub(crate) struct NotKept;

fn is_not_kept(response: &Response) -> bool {
    response.extensions().get::<NotKept>().is_some()
}

/// Too long to be kept: another try does the work again, which reads alone are this long for.
fn is_long(response: &Response) -> bool {
    response.body().size_hint().exact().is_none_or(|length| length > MAX_ANSWER as u64)
}

fn is_events(response: &Response) -> bool {
    response.headers().get(header::CONTENT_TYPE).is_some_and(|value| value == "text/event-stream")
}
