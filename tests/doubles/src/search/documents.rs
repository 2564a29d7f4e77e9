//! Batches of writes.

use super::{
    Document, Refused, bad,
    schema::{Kind, Schema},
};
use serde_json::{Value, json};
use std::collections::BTreeMap;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Upload,
    Merge,
    MergeOrUpload,
    Delete,
}

/// A write of one document.
pub(super) struct Action {
    what: What,
    key: String,
    document: Document,
}

/// Reads a batch. One bad document spoils all of it.
pub(super) fn actions(schema: &Schema, body: &Value) -> Result<Vec<Action>, Refused> {
    let values = body["value"].as_array().ok_or_else(|| bad("a batch has a `value`"))?;
    if values.is_empty() || values.len() > 1_000 {
        return Err(bad("a batch has 1 to 1,000 actions"));
    }
    values.iter().map(|value| action(schema, value)).collect()
}

fn action(schema: &Schema, value: &Value) -> Result<Action, Refused> {
    let mut document = value.as_object().cloned().ok_or_else(|| bad("an action is an object"))?;
    let what = match document.remove("@search.action").as_ref().and_then(Value::as_str) {
        None | Some("upload") => What::Upload,
        Some("merge") => What::Merge,
        Some("mergeOrUpload") => What::MergeOrUpload,
        Some("delete") => What::Delete,
        Some(other) => return Err(bad(format!("there is no action `{other}`"))),
    };
    for (name, value) in &document {
        let field = schema.get(name)?;
        let fits = match field.kind {
            _ if value.is_null() => !field.key,
            Kind::Text => value.as_str().is_some_and(|text| !field.filterable || text.len() <= 32_766),
            Kind::Double => value.is_number(),
            Kind::Integer => value.is_i64(),
            Kind::Bool => value.is_boolean(),
            Kind::Vector(length) => value
                .as_array()
                .is_some_and(|numbers| numbers.len() == length && numbers.iter().all(Value::is_number)),
        };
        if !fits {
            return Err(bad(format!("`{name}` has a value of another type, size or length")));
        }
    }
    let key = document.get(&schema.key).and_then(Value::as_str).ok_or_else(|| bad("a document has a key"))?;
    let fine = |b: u8| b.is_ascii_alphanumeric() || b"_-=".contains(&b);
    if !(1..=1_024).contains(&key.len()) || !key.bytes().all(fine) || key.starts_with('_') {
        return Err(bad(
            "keys have letters, digits, `_`, `-` and `=`, do not begin with `_`, and are not longer than 1,024",
        ));
    }
    Ok(Action { what, key: key.to_owned(), document })
}

impl Action {
    /// Whose document it writes, or whose it removes.
    pub(super) fn tenant(&self, documents: &BTreeMap<String, Document>) -> Option<String> {
        let tenant = |document: &Document| Some(document.get("tenantId")?.as_str()?.to_owned());
        tenant(&self.document).or_else(|| tenant(documents.get(&self.key)?))
    }

    pub(super) fn run(self, documents: &mut BTreeMap<String, Document>, refusal: Option<u16>) -> Value {
        let there = documents.contains_key(&self.key);
        let status = match (refusal, self.what) {
            (Some(status), _) => status,
            (None, What::Delete) => {
                documents.remove(&self.key);
                200
            }
            (None, What::Merge) if !there => 404,
            (None, What::Merge | What::MergeOrUpload) => {
                documents.entry(self.key.clone()).or_default().extend(self.document);
                if there { 200 } else { 201 }
            }
            (None, What::Upload) => {
                documents.insert(self.key.clone(), self.document);
                if there { 200 } else { 201 }
            }
        };
        let done = status < 300;
        let message = (!done).then_some("the document was not written");
        json!({"key": self.key, "status": done, "errorMessage": message, "statusCode": status})
    }
}
