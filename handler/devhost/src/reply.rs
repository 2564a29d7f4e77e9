//! The worker's answer to a trigger's POST, read by the host's rules.

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use http::StatusCode;
use serde_json::{Map, Value};

use crate::{clock, event::Trap, function::QueueOutput};

/// .NET's `Convert.FromBase64String`: padded, lax about the bits after the last byte.
const DOT_NET: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireCanonical),
);

/// An answer that counts as success.
#[derive(Debug, Default)]
pub(crate) struct Reply {
    pub(crate) logs: Vec<String>,
    /// Queue and message.
    pub(crate) messages: Vec<(String, Vec<u8>)>,
    pub(crate) traps: Vec<(Trap, String)>,
}

/// An answer that does not.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Bad {
    /// The invocation fails.
    Failed(String),
    /// The real host would wait until functionTimeout and then kill the worker.
    Hang,
}

fn failed<T>(reason: impl Into<String>) -> Result<T, Bad> {
    Err(Bad::Failed(reason.into()))
}

/// Reads an answer. `strict` turns on the traps that a friendlier host would spare its users.
pub(crate) fn read(
    status: StatusCode,
    content_type: Option<&str>,
    body: &[u8],
    outputs: &[QueueOutput],
    strict: bool,
) -> Result<Reply, Bad> {
    if !status.is_success() {
        return failed(format!("response status code does not indicate success: {}", status.as_u16()));
    }
    if body.is_empty() {
        return if strict { Err(Bad::Hang) } else { Ok(Reply::default()) };
    }
    let media = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if !media.eq_ignore_ascii_case("application/json") && !media.eq_ignore_ascii_case("text/json") {
        return failed(format!("no MediaTypeFormatter is available for content type {media:?}"));
    }
    let json: Value =
        serde_json::from_slice(body).or_else(|error| failed(format!("the answer is not JSON: {error}")))?;
    let members = match json {
        Value::Object(members) => members,
        Value::Null if strict => return Err(Bad::Hang),
        Value::Null => Map::new(),
        _ => return failed("the answer is not a JSON object"),
    };
    let mut reply = Reply { logs: logs(get(&members, "Logs"))?, ..Reply::default() };
    let returned = get(&members, "ReturnValue");
    let mut values = match get(&members, "Outputs") {
        None => Map::new(),
        Some(Value::Object(values)) => values.clone(),
        Some(_) => return failed("Outputs is not a JSON object"),
    };
    if let Some(Value::Object(more)) = returned
        && !outputs.iter().any(|output| output.name == "$return")
    {
        values.extend(more.clone());
    }
    for output in outputs {
        let value = if output.name == "$return" { returned } else { values.get(&output.name) };
        if let Some(value) = value.filter(|value| !value.is_null()) {
            reply.push(output, value, strict);
        }
    }
    Ok(reply)
}

impl Reply {
    fn push(&mut self, output: &QueueOutput, value: &Value, strict: bool) {
        let bodies = match value {
            Value::String(text) => self.text(output, text, strict),
            Value::Array(items) => items.iter().map(message).collect(),
            other => vec![message(other)],
        };
        self.messages.extend(bodies.into_iter().map(|body| (output.queue.clone(), body)));
    }

    fn text(&mut self, output: &QueueOutput, text: &str, strict: bool) -> Vec<Vec<u8>> {
        if strict && let Some(mangled) = clock::mangled(text) {
            self.traps
                .push((Trap::DateMangled, format!("output {}: {text:?} became {mangled:?}", output.name)));
            return vec![mangled.into_bytes()];
        }
        if strict
            && !output.binary
            && let Some(bytes) = guess(text)
        {
            let detail = format!("output {}: {text:?} was taken for base64 and decoded", output.name);
            self.traps.push((Trap::Base64Guess, detail));
            return vec![bytes];
        }
        match serde_json::from_str::<Value>(text) {
            Ok(Value::Array(items)) => items.iter().map(message).collect(),
            Ok(object @ Value::Object(_)) => vec![message(&object)],
            _ => vec![text.as_bytes().to_vec()],
        }
    }
}

/// One message of a value: text as it is, objects as Json.NET indents them.
fn message(value: &Value) -> Vec<u8> {
    match value {
        Value::String(text) => text.clone().into_bytes(),
        Value::Bool(true) => b"True".to_vec(),
        Value::Bool(false) => b"False".to_vec(),
        Value::Object(_) | Value::Array(_) => serde_json::to_vec_pretty(value).unwrap_or_default(),
        other => other.to_string().into_bytes(),
    }
}

fn guess(text: &str) -> Option<Vec<u8>> {
    let bare: String = text.chars().filter(|c| !matches!(c, ' ' | '\t' | '\r' | '\n')).collect();
    DOT_NET.decode(bare).ok()
}

fn logs(value: Option<&Value>) -> Result<Vec<String>, Bad> {
    match value {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(lines)) => Ok(lines
            .iter()
            .map(|line| line.as_str().map_or_else(|| line.to_string(), str::to_owned))
            .collect()),
        Some(_) => failed("Logs is not an array"),
    }
}

fn get<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let found = members.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value);
    found.filter(|value| !value.is_null())
}

#[cfg(test)]
#[path = "reply_tests.rs"]
mod tests;
