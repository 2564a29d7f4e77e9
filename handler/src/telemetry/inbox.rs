//! Application Insights on this machine: takes what the exporter sends, and tells each item as the row that it becomes,
//! with the names of columns that queries read.

use axum::{Router, body::Bytes, extract::State, http::StatusCode, routing::post};
use flate2::read::GzDecoder;
use serde_json::{Map, Value, json};
use std::{io::Read, sync::Arc};
use tokio::net::TcpListener;

/// The largest batch, unpacked, in bytes.
const MAX_BATCH: u64 = 16 * 1024 * 1024;

/// Who hears of rows.
pub type Hears = Arc<dyn Fn(Value) + Send + Sync>;

/// What to set `APPLICATIONINSIGHTS_CONNECTION_STRING` to, so that items come here.
pub fn connection_string(address: std::net::SocketAddr) -> String {
    format!("InstrumentationKey=00000000-0000-0000-0000-000000000000;IngestionEndpoint=https://{address}/")
}

/// Takes batches until it is dropped.
///
/// # Errors
/// When nothing can be accepted any more.
pub async fn serve(listener: TcpListener, hears: Hears) -> std::io::Result<()> {
    let take = async |State(hears): State<Hears>, body: Bytes| match items(&body) {
        Some(items) => {
            let count = items.len();
            items.iter().map(row).for_each(|row| hears(row));
            let answer = json!({"itemsReceived": count, "itemsAccepted": count, "errors": []});
            (StatusCode::OK, answer.to_string())
        }
        None => (StatusCode::BAD_REQUEST, String::new()),
    };
    // Both versions of the API are in use, and alike.
    let router = Router::new().route("/v2/track", post(take)).route("/v2.1/track", post(take));
    let no_limit = axum::extract::DefaultBodyLimit::disable();
    axum::serve(listener, router.layer(no_limit).with_state(hears)).await
}

/// A batch: gzip of a JSON array, or of an object a line.
fn items(body: &[u8]) -> Option<Vec<Value>> {
    let mut text = String::new();
    GzDecoder::new(body).take(MAX_BATCH).read_to_string(&mut text).ok()?;
    match serde_json::from_str(&text) {
        Ok(Value::Array(items)) => Some(items),
        _ => text.lines().map(|line| serde_json::from_str(line).ok()).collect(),
    }
}

/// The row that an item becomes. Columns that it has no value for are left out.
pub fn row(item: &Value) -> Value {
    let data = &item["data"]["baseData"];
    let mut row = Map::new();
    let mut put = |name: &str, value: &Value| {
        if !value.is_null() {
            row.insert(name.to_owned(), value.clone());
        }
    };
    put("timestamp", &item["time"]);
    for (column, tag) in [
        ("operation_Id", "ai.operation.id"),
        ("operation_ParentId", "ai.operation.parentId"),
        ("user_AuthenticatedId", "ai.user.authUserId"),
        ("cloud_RoleName", "ai.cloud.role"),
    ] {
        put(column, &item["tags"][tag]);
    }
    let rate = item["sampleRate"].as_f64().unwrap_or(100.0);
    put("itemCount", &json!((100.0 / rate).round() as u64));
    put("customDimensions", &data["properties"]);
    let table = match item["data"]["baseType"].as_str() {
        Some("RemoteDependencyData") => {
            for column in ["id", "name", "type", "target", "data", "resultCode", "success"] {
                put(column, &data[column]);
            }
            put("duration", &json!(data["duration"].as_str().and_then(milliseconds)));
            "dependencies"
        }
        Some("RequestData") => "requests",
        Some("MessageData") => {
            put("message", &data["message"]);
            put("severityLevel", &data["severityLevel"]);
            "traces"
        }
        Some("EventData") => {
            put("name", &data["name"]);
            "customEvents"
        }
        Some("ExceptionData") => "exceptions",
        Some("MetricData") => {
            let point = &data["metrics"][0];
            put("name", &point["name"]);
            put("valueSum", &point["value"]);
            put("valueCount", point.get("count").unwrap_or(&json!(1)));
            put("valueMin", &point["min"]);
            put("valueMax", &point["max"]);
            "customMetrics"
        }
        _ => "unknown",
    };
    put("table", &json!(table));
    Value::Object(row)
}

/// `days.hours:minutes:seconds`, in milliseconds.
fn milliseconds(text: &str) -> Option<f64> {
    let (days, rest) = text.split_once('.')?;
    let mut parts = rest.split(':').map(|part| part.parse::<f64>().ok());
    let (hours, minutes, seconds) = (parts.next()??, parts.next()??, parts.next()??);
    Some((((days.parse::<f64>().ok()? * 24.0 + hours) * 60.0 + minutes) * 60.0 + seconds) * 1000.0)
}

#[cfg(test)]
mod tests {
    use super::milliseconds;

    #[test]
    fn a_duration_is_read() {
        assert_eq!(milliseconds("0.00:00:01.250000"), Some(1250.0));
        assert_eq!(milliseconds("1.01:01:00.000000"), Some(90_060_000.0));
        assert_eq!(milliseconds("soon"), None);
    }
}
