//! A request of a known caller: what a function's code works with.

use crate::app::App;
use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, header, request::Parts},
};
use pool::{Digest, Error, PageRequest, Scope, ports::Etag, strict_json};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::sync::Arc;

/// The largest JSON body, in bytes: a megabyte, and room for what is around it.
pub(crate) const MAX_JSON: usize = 1024 * 1024 + 64 * 1024;
const MAX_DEPTH: usize = 64;
/// Names by which requests say whose they are. None is believed; each is compared.
pub(crate) const TENANT_NAMES: [&str; 2] = ["tenantId", "tenant_id"];

/// A request of a known caller.
pub struct Call {
    /// The service.
    pub app: Arc<App>,
    /// What the caller may do.
    pub scope: Scope,
    /// The route's parameters.
    pub params: Vec<(&'static str, String)>,
    /// Method, URI, headers.
    pub parts: Parts,
    /// The body, until it is taken.
    pub body: Body,
    /// Where a form's parts are hashed, if somebody wants to know.
    pub digest: Option<Digest>,
}

impl Call {
    /// A parameter of the route.
    pub fn param(&self, name: &str) -> &str {
        self.params.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value)
    }

    /// The body as JSON, strictly.
    ///
    /// # Errors
    /// [`Error::UnsupportedMedia`], [`Error::TooLarge`], or [`Error::Invalid`] with the place and the rule.
    pub async fn json<T: DeserializeOwned>(&mut self) -> Result<T, Error> {
        let value = self.value().await?;
        serde_path_to_error::deserialize(value)
            .map_err(|fault| Error::invalid(pointer(fault.path()), fault.inner().to_string()))
    }

    /// The body as any JSON value, strictly.
    ///
    /// # Errors
    /// As [`json`](Self::json); [`Error::Forbidden`] when it names another tenant.
    pub async fn value(&mut self) -> Result<Value, Error> {
        if media_type(&self.parts.headers).as_deref() != Some("application/json") {
            return Err(Error::UnsupportedMedia("send the body as `content-type: application/json`".into()));
        }
        let body = std::mem::take(&mut self.body);
        let body = read(body, MAX_JSON).await?;
        let value = strict_json::parse(&body, MAX_DEPTH).map_err(|fault| Error::invalid("", fault))?;
        let things = value.as_array().map_or(std::slice::from_ref(&value), Vec::as_slice);
        for presented in things.iter().flat_map(|thing| TENANT_NAMES.map(|name| thing.get(name))) {
            if let Some(presented) = presented.and_then(Value::as_str) {
                self.scope.named(presented, "body")?;
            }
        }
        Ok(value)
    }

    /// The query's parameters, of which only `known` may occur, each once.
    ///
    /// # Errors
    /// [`Error::Invalid`], or [`Error::Forbidden`] when one names another tenant.
    pub fn query(&self, known: &[&'static str]) -> Result<Query, Error> {
        let mut found = Vec::new();
        for (name, value) in
            url::form_urlencoded::parse(self.parts.uri.query().unwrap_or_default().as_bytes())
        {
            if TENANT_NAMES.contains(&&*name) {
                self.scope.named(&value, "query")?;
            }
            // The gateway's key travels as `code`, and the host leaves it in.
            let Some(known) = known.iter().find(|known| **known == name) else {
                if name == "code" {
                    continue;
                }
                return Err(Error::invalid(
                    name.chars().take(64).collect::<String>(),
                    format!("is not a parameter of this function: {}", known.join(", ")),
                ));
            };
            if *known != "where" && found.iter().any(|(other, _)| other == known) {
                return Err(Error::invalid(*known, "occurs twice"));
            }
            found.push((*known, value.into_owned()));
        }
        Ok(Query(found))
    }

    /// The page that is asked for.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub fn page(&self) -> Result<PageRequest, Error> {
        self.query(&["limit", "order", "cursor"])?.page()
    }

    /// The version that a write is for: `If-Match`.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub fn if_match(&self) -> Result<Option<Etag>, Error> {
        let Some(header) = self.parts.headers.get(header::IF_MATCH) else { return Ok(None) };
        let text = header.to_str().unwrap_or_default().trim();
        if text == "*" {
            return Ok(None);
        }
        let tag =
            text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).filter(|tag| !tag.contains('"'));
        let tag = tag.ok_or_else(|| Error::invalid("If-Match", "must be one quoted ETag, or *"))?;
        Ok(Some(Etag(tag.to_owned())))
    }
}

/// The parameters of a query.
pub struct Query(Vec<(&'static str, String)>);

impl Query {
    /// A parameter's value.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    /// All values of a parameter that may occur many times.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    /// A number.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub fn number(&self, name: &str, range: std::ops::RangeInclusive<usize>) -> Result<Option<usize>, Error> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let number = text.parse().ok().filter(|number| range.contains(number));
        let rule =
            || Error::invalid(name, format!("must be a number from {} to {}", range.start(), range.end()));
        number.map(Some).ok_or_else(rule)
    }

    /// The page that is asked for.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub fn page(&self) -> Result<PageRequest, Error> {
        let descending = match self.get("order") {
            None | Some("desc") => true,
            Some("asc") => false,
            Some(_) => return Err(Error::invalid("order", "must be `asc` or `desc`")),
        };
        let limit = self.number("limit", 1..=100)?.unwrap_or(20);
        Ok(PageRequest { limit, descending, cursor: self.get("cursor").map(str::to_owned) })
    }
}

/// The media type of a request's body, without parameters, in lower case.
pub(crate) fn media_type(headers: &HeaderMap) -> Option<String> {
    let kind = headers.get(header::CONTENT_TYPE)?.to_str().ok()?.split(';').next()?;
    Some(kind.trim().to_ascii_lowercase())
}

/// A whole body, of at most `limit` bytes.
///
/// # Errors
/// [`Error::TooLarge`], or [`Error::Invalid`] when it breaks off.
pub(crate) async fn read(body: Body, limit: usize) -> Result<Bytes, Error> {
    use http_body_util::{BodyExt, LengthLimitError, Limited};
    match Limited::new(body, limit).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(fault) if fault.is::<LengthLimitError>() => Err(Error::TooLarge { limit: limit as u64 }),
        Err(_) => Err(Error::invalid("", "the body broke off")),
    }
}

fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    path.iter()
        .filter_map(|segment| match segment {
            Segment::Seq { index } => Some(format!("/{index}")),
            Segment::Map { key } => Some(format!("/{}", key.replace('~', "~0").replace('/', "~1"))),
            Segment::Enum { .. } | Segment::Unknown => None,
        })
        .collect()
}
