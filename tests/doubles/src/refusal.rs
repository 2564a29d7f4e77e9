//! What Azure's services answer when they refuse.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

/// An error's answer.
pub(crate) struct Refusal(StatusCode, Value);

/// `{"error": {"code": …, "message": …}}`
pub(crate) fn refuse(status: u16, code: &str, message: &str) -> Refusal {
    Refusal(StatusCode::from_u16(status).unwrap(), json!({"error": {"code": code, "message": message}}))
}

impl Refusal {
    /// With an inner error, as Key Vault has it.
    pub(crate) fn inner(mut self, code: &str) -> Self {
        self.1["error"]["innererror"] = json!({"code": code});
        self
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.0, Json(self.1)).into_response()
    }
}
