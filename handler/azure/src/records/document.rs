//! A row as Cosmos DB keeps it.

use crate::error::LARGEST;
use azure_data_cosmos::error::CosmosError;
use pool::{
    TenantId,
    ports::{Etag, Kind, NewRow, PortError, PortResult, Row},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A row, as stored. `id` is unique in the partition, so that it holds the kind as well.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Document {
    pub(super) id: String,
    pub(super) tenant_id: String,
    kind: Kind,
    parent: String,
    owner: String,
    /// Unix seconds. The service drops a document some time after its `ttl`; this is exact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<i64>,
    /// Seconds from the write on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ttl: Option<i64>,
    /// The commit that wrote it: an answer that was lost is recognised by it.
    pub(super) op: String,
    /// The body, for queries.
    body: Value,
    /// The body to the letter, when its numbers are not ones that Cosmos DB keeps to the letter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(rename = "_etag", default, skip_serializing)]
    pub(super) etag: Option<String>,
}

/// The name of a row within its partition.
pub(super) fn item_id(kind: Kind, id: &str) -> String {
    format!("{}:{id}", kind.as_str())
}

impl Document {
    pub(super) fn new(tenant: &TenantId, row: &NewRow, op: &str, now: i64) -> PortResult<Self> {
        let body: Value = serde_json::from_str(&row.body).map_err(PortError::refused)?;
        let text = (!plain(&body)).then(|| row.body.clone());
        let bytes = row.body.len() + text.as_ref().map_or(0, String::len);
        if bytes as u64 > LARGEST {
            return Err(PortError::TooLarge { limit: LARGEST });
        }
        Ok(Self {
            id: item_id(row.kind, &row.id),
            tenant_id: tenant.to_string(),
            kind: row.kind,
            parent: row.parent.clone(),
            owner: row.owner.clone(),
            expires_at: row.expires_at,
            // 2^31 - 1 seconds is the longest that the service takes.
            ttl: row.expires_at.map(|at| at.saturating_sub(now).clamp(1, i64::from(i32::MAX))),
            op: op.to_owned(),
            text,
            body,
            etag: None,
        })
    }

    pub(super) fn lives_at(&self, now: i64) -> bool {
        self.expires_at.is_none_or(|at| at > now)
    }

    /// The row's version; see [`condition`].
    pub(super) fn version(&self) -> Etag {
        version(self.etag.as_deref().unwrap_or_default(), self.expires_at)
    }

    pub(super) fn into_row(self) -> PortResult<Row> {
        let etag = self.version();
        let Some(id) = self.id.strip_prefix(self.kind.as_str()).and_then(|id| id.strip_prefix(':')) else {
            return Err(PortError::refused("a document whose id is not of its kind"));
        };
        let body = self.text.unwrap_or_else(|| self.body.to_string());
        let row = NewRow {
            kind: self.kind,
            id: id.to_owned(),
            parent: self.parent,
            owner: self.owner,
            expires_at: self.expires_at,
            body,
        };
        Ok(Row { tenant: self.tenant_id, etag, row })
    }
}

/// A version carries the row's end, so that a conditional write of an expired row is refused without a read.
pub(super) fn version(etag: &str, expires_at: Option<i64>) -> Etag {
    let etag = etag.trim_matches('"');
    Etag(expires_at.map_or_else(|| etag.to_owned(), |at| format!("{etag}~{at}")))
}

/// What to send as `If-Match` for a version; `None` if the row has expired.
pub(super) fn condition(version: &Etag, now: i64) -> Option<String> {
    let (etag, end) = match version.0.split_once('~') {
        Some((etag, end)) => (etag, end.parse().unwrap_or(i64::MIN)),
        None => (version.0.as_str(), i64::MAX),
    };
    (end > now).then(|| format!("\"{etag}\""))
}

/// Whether all numbers are whole ones that a double holds: those are spelt alike by everyone.
fn plain(value: &Value) -> bool {
    match value {
        Value::Number(number) => {
            number.as_i64().is_some_and(|number| number.unsigned_abs() <= 1 << f64::MANTISSA_DIGITS)
        }
        Value::Array(values) => values.iter().all(plain),
        Value::Object(members) => members.values().all(plain),
        _ => true,
    }
}

pub(super) fn is_status(error: &CosmosError, status: u16) -> bool {
    u16::from(error.status()) == status
}

#[cfg(test)]
mod tests {
    use super::*;
    use pool::testing::tenant;
    use serde_json::json;

    #[test]
    fn what_the_service_does_not_take_is_not_sent() {
        let made = |length: usize, more: Value| {
            let body = json!({"text": "x".repeat(length), "more": more}).to_string();
            let row = NewRow { body, ..pool::conformance::new_row(Kind::Record, "x", json!({})) };
            Document::new(&tenant("conf-a"), &row, "op", 0)
        };
        let around = json!({"text": "", "more": 1}).to_string().len();
        let most = LARGEST as usize - around;
        assert!(made(most, json!(1)).is_ok());
        let refused = made(most + 1, json!(1));
        assert!(matches!(refused, Err(PortError::TooLarge { limit: LARGEST })));
        // One with fractions is kept twice.
        assert!(made(LARGEST as usize / 2 - 100, json!(1.5)).is_ok());
        assert!(matches!(made(LARGEST as usize / 2, json!(1.5)), Err(PortError::TooLarge { .. })));
    }
}
