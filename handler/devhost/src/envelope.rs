//! The body of a trigger's POST: `{"Data":{…},"Metadata":{…}}`, with the host's own double encoding.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::clock;

/// A .NET value, as far as its encoding on the wire is concerned.
#[derive(Debug, Clone)]
pub(crate) enum Datum {
    /// `byte[]`: one level of base64.
    Bytes(Vec<u8>),
    /// A date, to the second.
    Time(Timestamp),
    /// A JSON object, as it is.
    Object(Map<String, Value>),
    /// Anything else: a JSON string whose content is the value's JSON text.
    Plain(Value),
}

impl Datum {
    fn encode(self) -> Value {
        match self {
            Self::Bytes(bytes) => Value::String(STANDARD.encode(bytes)),
            Self::Time(time) => Value::String(clock::wire(time)),
            Self::Object(members) => Value::Object(members),
            Self::Plain(value) => Value::String(value.to_string()),
        }
    }
}

/// Binding data. Names do not distinguish case; the first spelling stays.
#[derive(Debug, Default)]
pub(crate) struct Metadata {
    entries: Vec<(String, Datum)>,
}

impl Metadata {
    /// The entries every invocation has.
    pub(crate) fn new(function: &str, now: Timestamp) -> Self {
        let mut metadata = Self::default();
        let sys = json!({ "MethodName": function, "UtcNow": now.to_string(), "RandGuid": Uuid::new_v4().to_string() });
        if let Value::Object(members) = sys {
            metadata.set("sys", Datum::Object(members));
        }
        metadata
    }

    /// Sets an entry; true when one of that name was there.
    pub(crate) fn set(&mut self, name: &str, datum: Datum) -> bool {
        match self.entries.iter_mut().find(|(key, _)| key.eq_ignore_ascii_case(name)) {
            Some((_, old)) => {
                *old = datum;
                true
            }
            None => {
                self.entries.push((name.to_owned(), datum));
                false
            }
        }
    }

    /// What the host does with a *string* payload that looks like JSON: each member that is not an array
    /// becomes an entry, even over one of the host's own. Returns the names that were overwritten.
    pub(crate) fn pollute(&mut self, payload: &str) -> Vec<String> {
        let Ok(Value::Object(members)) = serde_json::from_str(payload) else { return Vec::new() };
        let mut overwritten = Vec::new();
        for (name, value) in members {
            let datum = match value {
                Value::Array(_) => continue,
                Value::Object(members) => Datum::Object(members),
                scalar => Datum::Plain(Value::String(dot_net_text(scalar))),
            };
            if self.set(&name, datum) {
                overwritten.push(name);
            }
        }
        overwritten
    }
}

/// `JValue.ToString()`.
fn dot_net_text(scalar: Value) -> String {
    match scalar {
        Value::Null => String::new(),
        Value::Bool(flag) => if flag { "True" } else { "False" }.into(),
        Value::String(text) => clock::mangled(&text).unwrap_or(text),
        other => other.to_string(),
    }
}

/// The whole body.
pub(crate) fn envelope(binding: &str, data: Datum, metadata: Metadata) -> Vec<u8> {
    let visible = metadata.entries.into_iter().filter(|(name, _)| !ends_with_trigger(name));
    let metadata: Map<String, Value> = visible.map(|(name, datum)| (name, datum.encode())).collect();
    let data: Map<String, Value> = [(binding.to_owned(), data.encode())].into_iter().collect();
    json!({ "Data": data, "Metadata": metadata }).to_string().into_bytes()
}

fn ends_with_trigger(name: &str) -> bool {
    name.to_ascii_lowercase().ends_with("trigger")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(datum: Datum) -> String {
        datum.encode().to_string()
    }

    #[test]
    fn the_value_encoder() {
        assert_eq!(encoded(Datum::Plain(json!("abc"))), r#""\"abc\"""#);
        assert_eq!(encoded(Datum::Plain(json!(1))), r#""1""#);
        assert_eq!(encoded(Datum::Plain(json!([1]))), r#""[1]""#);
        assert_eq!(encoded(Datum::Plain(Value::Null)), r#""null""#);
        assert_eq!(encoded(Datum::Bytes(b"{\"a\":1}".to_vec())), r#""eyJhIjoxfQ==""#);
        let time = "2026-11-22T08:00:00.5Z".parse().unwrap();
        assert_eq!(encoded(Datum::Time(time)), r#""2026-11-22T08:00:00+00:00""#);
    }

    #[test]
    fn pollution_overwrites_whatever_the_case_and_skips_arrays() {
        let mut metadata = Metadata::default();
        metadata.set("DequeueCount", Datum::Plain(json!(1)));
        metadata.set("QueueTrigger", Datum::Plain(json!("x")));
        let payload = r#"{"dequeuecount":"9","a":1,"b":true,"n":null,"l":[1],"o":{"p":[1]},
            "when":"2026-11-22T08:00:00Z"}"#;
        assert_eq!(metadata.pollute(payload), ["dequeuecount"]);
        let body: Value = serde_json::from_slice(&envelope("m", Datum::Bytes(vec![]), metadata)).unwrap();
        let expected = json!({
            "DequeueCount": "\"9\"", "a": "\"1\"", "b": "\"True\"", "n": "\"\"", "o": {"p": [1]},
            "when": "\"11/22/2026 08:00:00\"",
        });
        assert_eq!(body["Metadata"], expected);
        assert!(Metadata::default().pollute("[1,2]").is_empty());
        assert!(Metadata::default().pollute("{broken").is_empty());
    }
}
