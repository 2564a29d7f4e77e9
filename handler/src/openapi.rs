//! OpenAPI 3.1, from the table.

use crate::{
    functions::{Access, FUNCTIONS, Function, Gives, Http, Takes, Trigger},
    gates::STREAMS,
    problem, route,
};
use schemars::{SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

/// The description of the API.
pub fn document() -> Value {
    let mut generator = SchemaSettings::draft2020_12()
        .with(|settings| settings.definitions_path = "/components/schemas".into())
        .into_generator();
    let mut paths = Map::new();
    for function in FUNCTIONS {
        if let Trigger::Http(http) = &function.trigger {
            let path = paths.entry(format!("/{}/{}", route::PREFIX, http.route)).or_insert_with(|| json!({}));
            path[http.method.as_str().to_ascii_lowercase()] = operation(function, http, &mut generator);
        }
    }
    let schemas = generator.take_definitions(true);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "pooled-agents",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Agents, threads, files and search for many tenants in one deployment.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
            "schemas": with_problem(schemas),
        },
    })
}

fn operation(function: &Function, http: &Http, generator: &mut SchemaGenerator) -> Value {
    let mut operation = json!({
        "operationId": function.name,
        "summary": function.summary,
        "parameters": parameters(http),
        "responses": responses(http, generator),
    });
    match &http.access {
        Access::Public(_) => operation["security"] = json!([]),
        Access::Needs(permission, _) => {
            let mut description = format!("Needs `{}`.", permission.name());
            if matches!(http.gives, Gives::Events | Gives::OneOrEvents(_)) {
                description +=
                    &format!(" A user may have {STREAMS} streams open on an instance; for one more, 429.");
            }
            operation["description"] = json!(description);
        }
    }
    let file = || json!({"schema": {"type": "string", "format": "binary"}});
    match http.takes {
        Takes::Nothing => {}
        Takes::Json(schema) => {
            let content = json!({"application/json": {"schema": schema(generator)}});
            operation["requestBody"] = json!({"required": true, "content": content});
        }
        Takes::File(schema) => {
            let form = json!({"type": "object", "required": ["file"], "properties": {
                "filename": {"type": "string"}, "content_type": {"type": "string"}, "metadata": {"type": "string"},
                "file": {"type": "string", "format": "binary"}}});
            operation["requestBody"] = json!({"required": true, "content": {
                "application/json": {"schema": schema(generator)},
                "multipart/form-data": {"schema": form},
                "application/octet-stream": file(),
            }});
        }
    }
    operation
}

fn parameters(http: &Http) -> Vec<Value> {
    let text = || json!({"type": "string"});
    let names = http.route.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let path = names.map(|name| json!({"name": name, "in": "path", "required": true, "schema": text()}));
    let query = http.query.iter().map(|name| {
        let schema = match *name {
            "limit" | "top" => json!({"type": "integer", "minimum": 1, "maximum": 100}),
            "order" => json!({"type": "string", "enum": ["asc", "desc"]}),
            "where" => json!({"type": "array", "items": {"type": "string"}, "maxItems": 8}),
            _ => text(),
        };
        json!({"name": name, "in": "query", "required": *name == "query", "schema": schema})
    });
    let header = |name: &str| json!({"name": name, "in": "header", "required": false, "schema": text()});
    let needs_caller = matches!(http.access, Access::Needs(..));
    let headers = match http.method.as_str() {
        "POST" => vec![header("Idempotency-Key")],
        "PUT" | "PATCH" | "DELETE" if needs_caller && !http.route.starts_with("search/") => {
            vec![header("If-Match")]
        }
        _ if matches!(http.gives, Gives::Events) => vec![header("Last-Event-ID")],
        _ => Vec::new(),
    };
    path.chain(query).chain(headers).collect()
}

fn responses(http: &Http, generator: &mut SchemaGenerator) -> Value {
    // A stream of such objects, in the frame of server-sent events.
    let text = json!({"type": "string"});
    let events = json!({"schema": {
        "type": "object", "required": ["data"], "properties": {"id": text, "event": text, "data": text},
    }});
    let (status, content) = match http.gives {
        Gives::One(schema) => ("200", json!({"application/json": {"schema": schema(generator)}})),
        Gives::Many(schema) => {
            ("200", json!({"application/json": {"schema": {"type": "array", "items": schema(generator)}}}))
        }
        Gives::OneOrEvents(schema) => {
            ("200", json!({"application/json": {"schema": schema(generator)}, "text/event-stream": events}))
        }
        Gives::Events => ("200", json!({"text/event-stream": events})),
        Gives::Bytes => ("200", json!({"*/*": {"schema": {}}})),
        Gives::Nothing => ("204", Value::Null),
    };
    let mut responses = Map::new();
    let mut good = json!({"description": "Done"});
    if !content.is_null() {
        good["content"] = content;
    }
    responses.insert(status.into(), good);
    let public = matches!(http.access, Access::Public(_));
    for (status, _, title) in problem::TYPES {
        if !public || matches!(status, 404 | 500 | 503) {
            let schema = json!({"$ref": "#/components/schemas/Problem"});
            let problem =
                json!({"description": title, "content": {"application/problem+json": {"schema": schema}}});
            responses.insert(status.to_string(), problem);
        }
    }
    Value::Object(responses)
}

fn with_problem(mut schemas: Map<String, Value>) -> Map<String, Value> {
    let text = json!({"type": "string"});
    let fault = json!({"type": "object", "required": ["pointer", "message"],
        "properties": {"pointer": text, "message": text}});
    let problem = json!({
        "type": "object",
        "description": "RFC 9457",
        "required": ["type", "title", "status", "detail", "instance"],
        "properties": {"type": text, "title": text, "status": {"type": "integer"}, "detail": text,
            "instance": text, "errors": {"type": "array", "items": fault}},
    });
    schemas.insert("Problem".into(), problem);
    schemas
}
