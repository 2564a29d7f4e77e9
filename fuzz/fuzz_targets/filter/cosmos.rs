//! Cosmos DB's: the tenant first and outside of all else, and every value a parameter.

#[path = "../../../handler/azure/src/records/render.rs"]
#[expect(dead_code, reason = "the adapter's source, of which a part is wanted")]
mod render;

use crate::odata::law::Case;
use fuzz::NOW;
use pool::{filter::FieldPath, testing::tenant};
use serde_json::{Value, json};

const START: &str = "SELECT TOP 9 * FROM c WHERE c.tenantId = @p1 AND ";

/// The query as it is sent.
fn sent(case: &Case) -> Value {
    let asked = render::Sql::asked(&tenant("tenant-a"), &crate::query(case, false), NOW);
    serde_json::to_value(asked.first(9, "c.id", false).expect("a query")).expect("JSON")
}

pub fn check(case: &Case) {
    let query = sent(case);
    let text = query["query"].as_str().expect("a text");
    assert!(text.starts_with(START), "{text}");
    assert!(!crate::outermost(text).contains(" OR "), "{text}");
    let parameters = query["parameters"].as_array().expect("parameters");
    assert_eq!(parameters[0]["value"], json!("tenant-a"));
    assert_eq!(text.matches('@').count(), parameters.len(), "{text}");
    assert_eq!(text, sent(&crate::neutral(case, &FieldPath::clone))["query"], "a value is in the text");
}
