//! `functions/<name>/function.json`, from the table.

use crate::functions::{Access, Function, Trigger};
use serde_json::{Value, json};
use std::{io, path::Path};

/// The application setting that names the host's storage.
const STORAGE: &str = "AzureWebJobsStorage";

/// What the Functions host reads of a function.
pub fn manifest(function: &Function) -> Value {
    let bindings = match &function.trigger {
        Trigger::Http(http) => {
            // The gateway holds the key; the token is checked in any case.
            let open = matches!(http.access, Access::Public(_)) && function.name.starts_with("health");
            let level = if open { "anonymous" } else { "function" };
            let method = http.method.as_str().to_ascii_lowercase();
            json!([
                {"type": "httpTrigger", "direction": "in", "name": "request", "authLevel": level,
                    "methods": [method], "route": http.route},
                {"type": "http", "direction": "out", "name": "response"},
            ])
        }
        // As bytes: a message that looks like JSON would else overwrite the host's own metadata.
        Trigger::Queue { queue, .. } => json!([{"type": "queueTrigger", "direction": "in", "name": "message",
            "queueName": queue, "connection": STORAGE, "dataType": "binary"}]),
        Trigger::Blob { path, .. } => {
            json!([{"type": "blobTrigger", "direction": "in", "name": "blob", "path": path,
            "source": "EventGrid", "connection": STORAGE, "dataType": "binary"}])
        }
        Trigger::Timer { schedule, .. } => {
            json!([{"type": "timerTrigger", "direction": "in", "name": "timer",
            "schedule": schedule, "useMonitor": true}])
        }
    };
    json!({"bindings": bindings})
}

/// A manifest's text.
pub fn text(function: &Function) -> String {
    format!("{:#}\n", manifest(function))
}

/// Writes every function's folder under `root`.
///
/// # Errors
/// The first that cannot be written.
pub fn write(root: &Path) -> io::Result<()> {
    for function in crate::functions::FUNCTIONS {
        let folder = root.join(function.name);
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join("function.json"), text(function))?;
    }
    Ok(())
}
