use super::{
    batch::Action,
    schema::{Schema, column},
    words,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use pool::{
    FieldType, TenantId,
    filter::Scalar,
    ports::{Entry, EntryKey, Hit, PortError, PortResult},
};
use serde::Deserialize;
use serde_json::{json, value::to_raw_value};

/// The columns that a hit is made of.
pub(super) const SELECT: &str = "tenantId,owner,source,chunk,title,content,place,fields";

/// The service's longest key, in bytes.
const LONGEST_KEY: usize = 1_024;

/// The key of a tenant's entry: `t<tenant>=<source>=<chunk>`, with tenant and source in base64url, in whose alphabet
/// there is no `=`. So no two entries have the same, whatever their names are.
fn key(tenant: &TenantId, key: &EntryKey) -> PortResult<String> {
    let [tenant, source] = [tenant.as_str(), &key.source].map(|name| URL_SAFE_NO_PAD.encode(name));
    let key = format!("t{tenant}={source}={}", key.chunk);
    if key.len() <= LONGEST_KEY {
        return Ok(key);
    }
    Err(PortError::refused("an entry's source is too long a name"))
}

/// Writes an entry, whole: what was there before under its key is gone.
pub(super) fn upload(schema: &Schema, tenant: &TenantId, entry: &Entry) -> PortResult<Action> {
    let key = key(tenant, &entry.key)?;
    if let Some(vector) = &entry.vector
        && (vector.len() != schema.dimensions() || !vector.iter().all(|x| x.is_finite()))
    {
        return Err(PortError::refused("a vector is not of the index's length, or not of numbers"));
    }
    let mut document = json!({
        "@search.action": "upload",
        "key": key,
        "tenantId": tenant,
        "owner": entry.owner,
        "source": entry.key.source,
        "chunk": entry.key.chunk,
        "title": entry.title,
        "content": entry.content,
        "place": entry.place,
        "fields": serde_json::to_string(&entry.fields).map_err(PortError::refused)?,
        "vector": entry.vector.as_deref().and_then(|vector| schema.comparable(vector)),
    });
    for (name, value) in &entry.fields {
        let (kind, value) = match value {
            Scalar::Text(text) => (FieldType::Text, json!(text)),
            Scalar::Number(number) => (FieldType::Number, json!(number + 0.0)),
            Scalar::Bool(value) => (FieldType::Bool, json!(value)),
        };
        // Filters would not see it.
        let undeclared =
            || PortError::refused(format!("an entry has `{}`, which is not declared", column(name, kind)));
        let column = schema.column(name, kind).ok_or_else(undeclared)?;
        document[column] = value;
    }
    Ok(Action { key, json: to_raw_value(&document).map_err(PortError::refused)? })
}

/// Removes an entry, if it is there.
pub(super) fn delete(tenant: &TenantId, entry: &EntryKey) -> PortResult<Action> {
    let key = key(tenant, entry)?;
    let action = json!({"@search.action": "delete", "key": key});
    Ok(Action { key, json: to_raw_value(&action).map_err(PortError::refused)? })
}

/// A document that was found.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Found {
    #[serde(rename = "@search.score")]
    score: f64,
    pub(super) tenant_id: String,
    owner: Option<String>,
    source: String,
    chunk: u32,
    title: String,
    content: String,
    place: String,
    fields: String,
}

impl Found {
    /// The service's score of a vector is `1 / (1 + (1 - cosine))`.
    pub(super) fn cosine(&self) -> f64 {
        2.0 - 1.0 / self.score.max(f64::MIN_POSITIVE)
    }

    pub(super) fn hit(self, score: f64, query: &str) -> PortResult<Hit> {
        let fields = serde_json::from_str(&self.fields);
        let fields = fields.map_err(|_| PortError::unavailable("a document's fields are not understood"))?;
        let snippet = words::snippet(&self.content, query).to_owned();
        let entry = Entry {
            key: EntryKey { source: self.source, chunk: self.chunk },
            owner: self.owner,
            title: self.title,
            content: self.content,
            place: self.place,
            fields,
            vector: None,
        };
        Ok(Hit { tenant: self.tenant_id, entry, score, snippet })
    }
}
