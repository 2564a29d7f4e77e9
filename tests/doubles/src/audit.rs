//! What was asked of the doubles, by whom, and with whose words.

use axum::{
    body::{Body, to_bytes},
    extract::Request,
    http::StatusCode,
    middleware::Next,
    response::{IntoResponse, Response},
};
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, OnceLock},
};

/// A request that a double answered.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Asked {
    /// The service: `cosmos`, `search`, `blob`, …
    pub service: &'static str,
    /// The identity whose token it carried: a client id, or `system`.
    pub identity: String,
    /// The audience of that token.
    pub audience: String,
    /// The tenant whose part of the service was touched, as far as the double can tell from the request.
    pub tenant: Option<String>,
    /// The verb and the kind of thing, for a reader: `POST docs`.
    pub what: String,
}

/// The tenants whose words a text holds.
pub type Whose = BTreeSet<&'static str>;

/// What is noted of a request.
#[derive(Clone, Debug)]
pub struct Noted {
    /// Who asked for what.
    pub asked: Asked,
    /// Whose words were in its path, its headers and its body, if [`read_with`] says who can tell.
    pub words: Whose,
}

static READER: OnceLock<fn(&[u8]) -> Whose> = OnceLock::new();
/// The longest body that is read before a double has it, in bytes.
const MAX_READ: usize = 32 << 20;

tokio::task_local! {
    /// Whose words are in the request that is being answered.
    static WORDS: Whose;
}

/// Says who can tell whose words a text holds. From then on every request is read before it is answered.
pub fn read_with(reader: fn(&[u8]) -> Whose) {
    let _known = READER.set(reader);
}

/// Everything that was asked, in order.
#[derive(Clone, Default)]
pub struct Audit(Arc<Mutex<Vec<Noted>>>);

impl Audit {
    /// Notes a request.
    pub fn note(&self, asked: Asked) {
        let words = WORDS.try_with(Clone::clone).unwrap_or_default();
        self.0.lock().unwrap().push(Noted { asked, words });
    }

    /// All requests so far.
    pub fn all(&self) -> Vec<Asked> {
        self.noted().into_iter().map(|noted| noted.asked).collect()
    }

    /// The same, with what else is known of each.
    pub fn noted(&self) -> Vec<Noted> {
        self.0.lock().unwrap().clone()
    }
}

/// Reads a request on its way to a double.
pub(crate) async fn read(request: Request, next: Next) -> Response {
    let Some(reader) = READER.get() else { return next.run(request).await };
    let (parts, body) = request.into_parts();
    let body = match to_bytes(body, MAX_READ).await {
        Ok(body) => body,
        // Its client has left, or it is longer than anything that we send.
        Err(fault) => return (StatusCode::BAD_REQUEST, fault.to_string()).into_response(),
    };
    let mut words = reader(format!("{} {:?}", parts.uri, parts.headers).as_bytes());
    words.extend(reader(&body));
    WORDS.scope(words, next.run(Request::from_parts(parts, Body::from(body)))).await
}
