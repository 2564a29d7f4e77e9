//! Bytes on their way in: streamed, never whole in memory.

use super::form::{Form, Part};
use crate::{
    answer,
    call::{Call, TENANT_NAMES},
};
use axum::{body::Bytes, http::header, response::Response};
use futures::StreamExt;
use pool::{
    Digest, Error, Metadata, Scope, Versioned,
    files::{File, NewFile},
    strict_json,
};
use serde_json::json;
use tokio::sync::mpsc;

/// The longest part that is not the file, in bytes.
const MAX_TEXT: usize = 16 * 1024;

/// The body is the file.
pub(super) async fn raw(call: Call, filename: String) -> Result<Response, Error> {
    let content_type = call.parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    // What curl sends when it is told nothing says nothing of the file.
    let content_type =
        content_type.filter(|value| *value != "application/x-www-form-urlencoded").map(str::to_owned);
    let new = NewFile { filename, content_type, metadata: Metadata::new() };
    let body = call.body.into_data_stream().map(|chunk| chunk.map_err(std::io::Error::other)).boxed();
    answer::one(&call.scope.files().upload(new, body).await?)
}

/// One part is the file, `file`; parts before it may be `filename`, `content_type` and `metadata` (a JSON object).
/// Should the form turn out bad after that, what was stored is taken back.
pub(super) async fn multipart(call: Call) -> Result<Response, Error> {
    let mut form = Form::open(call.parts, call.body).await?;
    let mut stored = None;
    let digest = call.digest.unwrap_or_default();
    match (parts(&call.scope, &mut form, &mut stored, &digest).await, stored) {
        (Ok(()), Some(stored)) => answer::one(&stored),
        (Ok(()), None) => Err(Error::invalid("/file", "is needed: the file's bytes")),
        (Err(fault), None) => Err(fault),
        (Err(fault), Some(stored)) => {
            call.scope.files().delete(&stored.value.id, None).await?;
            Err(fault)
        }
    }
}

/// Reads a form for nothing but its hash.
pub(crate) async fn drain(call: Call, digest: &Digest) -> Result<(), Error> {
    let mut form = Form::open(call.parts, call.body).await?;
    while let Some(mut part) = form.next().await? {
        let mut hash = blake3::Hasher::new();
        while let Some(chunk) = part.chunk().await? {
            hash.update(&chunk);
        }
        add(digest, &part, &hash.finalize());
    }
    Ok(())
}

async fn parts(
    scope: &Scope,
    form: &mut Form,
    stored: &mut Option<Versioned<File>>,
    digest: &Digest,
) -> Result<(), Error> {
    let mut new = NewFile { filename: String::new(), content_type: None, metadata: Metadata::new() };
    while let Some(part) = form.next().await? {
        let name = part.name().unwrap_or_default().to_owned();
        let refused =
            |rule| Err(Error::invalid(format!("/{}", name.chars().take(64).collect::<String>()), rule));
        match name.as_str() {
            tenant if TENANT_NAMES.contains(&tenant) => {
                scope.named(&text(part, digest).await?, "multipart")?;
                return refused("is not a part of this form");
            }
            _ if stored.is_some() => return refused("must come before the part `file`"),
            "filename" => new.filename = text(part, digest).await?,
            "content_type" => new.content_type = Some(text(part, digest).await?),
            "metadata" => {
                let object = strict_json::parse(text(part, digest).await?.as_bytes(), 2).ok();
                new.metadata = object
                    .and_then(|object| serde_json::from_value(object).ok())
                    .ok_or_else(|| Error::invalid("/metadata", "must be a JSON object of strings"))?;
            }
            "file" => {
                if new.filename.is_empty() {
                    new.filename = part.file_name().unwrap_or_default().to_owned();
                }
                new.content_type = new.content_type.or_else(|| part.content_type().map(str::to_owned));
                *stored = Some(store(scope, new.clone(), part, digest).await?);
            }
            _ => return refused("is not a part of this form: file, filename, content_type, metadata"),
        }
    }
    Ok(())
}

/// Adds a part to the hash of its form: what it is called, and its bytes. A form is framed anew whenever it is sent, so its
/// own bytes say nothing.
fn add(digest: &Digest, part: &Part<'_>, bytes: &blake3::Hash) {
    let named = [part.name(), part.file_name(), part.content_type()];
    digest.add(json!([named, bytes.to_hex().as_str()]).to_string().as_bytes());
}

/// Passes the part on as it comes: the form lends it, and the store wants to own what it reads.
async fn store(
    scope: &Scope,
    new: NewFile,
    mut part: Part<'_>,
    digest: &Digest,
) -> Result<Versioned<File>, Error> {
    let (sender, receiver) = mpsc::channel::<std::io::Result<Bytes>>(2);
    let body =
        futures::stream::unfold(receiver, |mut from| async { from.recv().await.map(|chunk| (chunk, from)) });
    let mut hash = blake3::Hasher::new();
    let feed = async move {
        loop {
            let chunk = match part.chunk().await {
                Ok(Some(chunk)) => {
                    hash.update(&chunk);
                    Ok(chunk)
                }
                Ok(None) => {
                    add(digest, &part, &hash.finalize());
                    return;
                }
                Err(fault) => Err(std::io::Error::other(fault)),
            };
            let broken = chunk.is_err();
            if sender.send(chunk).await.is_err() || broken {
                return;
            }
        }
    };
    let files = scope.files();
    tokio::join!(files.upload(new, body.boxed()), feed).0
}

async fn text(mut part: Part<'_>, digest: &Digest) -> Result<String, Error> {
    let mut bytes = Vec::new();
    while let Some(chunk) = part.chunk().await? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > MAX_TEXT {
            return Err(Error::TooLarge { limit: MAX_TEXT as u64 });
        }
    }
    add(digest, &part, &blake3::hash(&bytes));
    String::from_utf8(bytes).map_err(|_| Error::invalid("", "a part is not UTF-8"))
}
