//! The host's dialect for triggers that are not HTTP: `POST /{FunctionName}` with `{Data, Metadata}`.
//!
//! Strings are JSON inside JSON, bytes are base64, and a message's own members may have overwritten the metadata.
//! So the message alone is trusted, and only after a door has opened it.

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use pool::{Error, strict_json};
use serde_json::{Map, Value, json};

/// The largest envelope, in bytes: a file of 100 MiB in base64, and room for what is around it.
pub const MAX_ENVELOPE: usize = 142 * 1024 * 1024;

/// A trigger's call.
#[derive(Debug)]
pub struct Invocation {
    data: Map<String, Value>,
    metadata: Map<String, Value>,
}

impl Invocation {
    /// Reads an envelope.
    ///
    /// # Errors
    /// [`Error::Invalid`], with the place and the rule.
    pub fn parse(body: &[u8]) -> Result<Self, Error> {
        let mut envelope = strict_json::parse(body, 64).map_err(|fault| Error::invalid("", fault))?;
        let mut member = |name: &str| match envelope.get_mut(name).map(Value::take) {
            Some(Value::Object(members)) => Ok(members),
            _ => Err(Error::invalid(format!("/{name}"), "must be an object")),
        };
        Ok(Self { data: member("Data")?, metadata: member("Metadata")? })
    }

    /// A queue message's text, whichever way the host wrote it: base64 (`dataType: binary`), JSON in a string, or plain.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub fn message(&self) -> Result<String, Error> {
        let raw = self.text("message")?;
        if let Ok(Value::String(inner)) = serde_json::from_str(raw) {
            return Ok(inner);
        }
        let decoded = BASE64.decode(raw).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        Ok(decoded.unwrap_or_else(|| raw.to_owned()))
    }

    /// A blob's bytes. Nothing else is kept: they are many, and their text is more.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub fn into_bytes(mut self) -> Result<Vec<u8>, Error> {
        let Some(Value::String(text)) = self.data.remove("blob") else {
            return Err(Error::invalid("/Data/blob", "must be a string"));
        };
        BASE64.decode(text).map_err(|_| Error::invalid("/Data/blob", "must be base64"))
    }

    /// A string of the metadata. Not to be trusted: see above.
    pub fn metadata(&self, name: &str) -> Option<String> {
        match self.metadata.get(name)? {
            Value::String(text) => match serde_json::from_str(text) {
                Ok(Value::String(inner)) => Some(inner),
                _ => Some(text.clone()),
            },
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    /// How often the message has been delivered, this time included.
    pub fn dequeue_count(&self) -> u32 {
        self.metadata("DequeueCount").and_then(|count| count.parse().ok()).unwrap_or(1)
    }

    fn text(&self, name: &str) -> Result<&str, Error> {
        let value = self.data.get(name).and_then(Value::as_str);
        value.ok_or_else(|| Error::invalid(format!("/Data/{name}"), "must be a string"))
    }
}

/// The answer to the host. Only three statuses, never a redirect, and always an object: an empty body would make the
/// host wait until its timeout.
pub fn response(status: StatusCode) -> Response {
    let mut response = Response::new(Body::from(json!({"Outputs": {}, "Logs": []}).to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(value: &str) -> String {
        let envelope = json!({"Data": {"message": value}, "Metadata": {"DequeueCount": "3", "Id": "\"x\""}});
        let invocation = Invocation::parse(envelope.to_string().as_bytes()).unwrap();
        assert_eq!(invocation.dequeue_count(), 3);
        assert_eq!(invocation.metadata("Id").as_deref(), Some("x"));
        invocation.message().unwrap()
    }

    #[test]
    fn a_message_reads_the_same_however_it_is_written() {
        let text = "k1.eyJhIjoxfQ.bWFj";
        assert_eq!(message(text), text);
        assert_eq!(message(&serde_json::to_string(text).unwrap()), text);
        assert_eq!(message(&BASE64.encode(text)), text);
        assert_eq!(message(&BASE64.encode("{\"a\":1}")), "{\"a\":1}");
        assert_eq!(message("{\"a\":1}"), "{\"a\":1}");
    }

    #[test]
    fn what_is_no_envelope_is_refused() {
        for body in [
            "",
            "null",
            "[]",
            "{}",
            r#"{"Data":{}}"#,
            r#"{"Data":{},"Metadata":1}"#,
            r#"{"Data":{},"Data":{},"Metadata":{}}"#,
        ] {
            assert!(Invocation::parse(body.as_bytes()).is_err(), "{body}");
        }
        let empty = Invocation::parse(br#"{"Data":{"message":1},"Metadata":{}}"#).unwrap();
        assert!(empty.message().is_err() && empty.into_bytes().is_err());
    }
}
