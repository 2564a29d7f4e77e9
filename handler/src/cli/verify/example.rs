//! Bodies that functions take, made from their schemas: a new function needs no example of its own.

use crate::functions::{Http, Takes};
use schemars::{SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

/// Text that is good wherever text is wanted.
const TEXT: &str = "verify";
const DEEPEST: usize = 8;

/// What a function takes.
pub(super) struct Shape {
    root: Value,
    types: Map<String, Value>,
}

impl Shape {
    /// The JSON that a function takes, if it does.
    pub(super) fn of(http: &Http) -> Option<Self> {
        let (Takes::Json(schema) | Takes::File(schema)) = http.takes else { return None };
        let settings = SchemaSettings::draft2020_12();
        let mut generator: SchemaGenerator = settings.into_generator();
        let root = schema(&mut generator).to_value();
        Some(Self { root, types: generator.take_definitions(true) })
    }

    /// The smallest body that is taken. `id` says what stands for an id.
    pub(super) fn smallest<'a>(&self, id: &dyn Fn(&str) -> Option<&'a str>) -> Value {
        self.example(&self.root, "", None, id, 0).unwrap_or_else(|| json!({}))
    }

    /// The smallest body that has a member of this name, which names a thing.
    pub(super) fn with<'a>(&self, member: &str, id: &dyn Fn(&str) -> Option<&'a str>) -> Option<Value> {
        let body = self.example(&self.root, "", Some(member), id, 0)?;
        has(&body, member).then_some(body)
    }

    /// Whether the smallest body has a member that names a thing.
    pub(super) fn names_things(&self) -> bool {
        let body = self.smallest(&|_| None);
        super::sets::SLOTS.iter().any(|slot| *slot != "id" && has(&body, slot))
    }

    /// Whether it is one thing with members, and not a list.
    pub(super) fn is_object(&self) -> bool {
        self.smallest(&|_| None).is_object()
    }

    fn resolve<'a>(&'a self, schema: &'a Value) -> &'a Value {
        let name = schema["$ref"].as_str().and_then(|at| at.rsplit('/').next());
        name.and_then(|name| self.types.get(name)).unwrap_or(schema)
    }

    fn example<'a>(
        &self,
        schema: &Value,
        name: &str,
        wanted: Option<&str>,
        id: &dyn Fn(&str) -> Option<&'a str>,
        depth: usize,
    ) -> Option<Value> {
        if depth > DEEPEST {
            return None;
        }
        let schema = self.resolve(schema);
        for member in ["const", "enum"] {
            match &schema[member] {
                Value::Null => {}
                Value::Array(values) => return values.first().cloned(),
                value => return Some(value.clone()),
            }
        }
        for any in ["oneOf", "anyOf", "allOf"] {
            if let Some(choices) = schema[any].as_array() {
                let choices = || choices.iter().filter(|choice| choice["type"] != "null");
                let example = |choice| self.example(choice, name, wanted, id, depth + 1);
                let best =
                    choices().filter_map(example).find(|body| wanted.is_none_or(|want| has(body, want)));
                return best.or_else(|| choices().find_map(example));
            }
        }
        let kind = match &schema["type"] {
            Value::Array(kinds) => kinds.first().cloned().unwrap_or_default(),
            kind => kind.clone(),
        };
        Some(match kind.as_str() {
            Some("string") => json!(id(name).unwrap_or(TEXT)),
            Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or(json!(1)),
            Some("boolean") => json!(false),
            Some("array") => {
                let item = self.example(&schema["items"], name, wanted, id, depth + 1)?;
                json!([item])
            }
            Some("object") => self.object(schema, wanted, id, depth)?,
            // Anything: an object is good for what takes anything at all.
            _ => json!({"verify": TEXT}),
        })
    }

    fn object<'a>(
        &self,
        schema: &Value,
        wanted: Option<&str>,
        id: &dyn Fn(&str) -> Option<&'a str>,
        depth: usize,
    ) -> Option<Value> {
        let nothing = Map::new();
        let members = schema["properties"].as_object().unwrap_or(&nothing);
        let required = |name: &str| {
            schema["required"].as_array().is_some_and(|names| names.iter().any(|known| known == name))
        };
        let mut body = Map::new();
        for (name, inner) in members {
            let example = || self.example(inner, name, wanted, id, depth + 1);
            let sought = wanted.is_some_and(|want| {
                name == want || (inner["type"] != "string" && example().is_some_and(|body| has(&body, want)))
            });
            if required(name) || sought {
                body.insert(name.clone(), example()?);
            }
        }
        // A change that changes nothing may be refused as such: it shall say one thing.
        if body.is_empty() && depth == 0 {
            let said = ["name", "query", "metadata"].into_iter().find(|name| members.contains_key(*name));
            if let Some(name) = said {
                let value = if name == "metadata" { json!({}) } else { json!(TEXT) };
                body.insert(name.to_owned(), value);
            }
            if members.is_empty() {
                body.insert("verify".into(), json!(TEXT));
            }
        }
        Some(Value::Object(body))
    }
}

/// Whether a member of this name is anywhere in it.
fn has(body: &Value, member: &str) -> bool {
    match body {
        Value::Object(members) => members.iter().any(|(name, value)| name == member || has(value, member)),
        Value::Array(items) => items.iter().any(|item| has(item, member)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::functions::{FUNCTIONS, Trigger, find};

    fn shape(function: &str) -> Shape {
        let Trigger::Http(http) = &find(function).unwrap().trigger else { panic!("{function}") };
        Shape::of(http).unwrap()
    }

    #[test]
    fn bodies_follow_the_schemas() {
        let id = |name: &str| (name == "agent_id" || name == "file_id").then_some("x_1");
        assert_eq!(shape("agents_create").smallest(&id), json!({"name": TEXT, "instructions": TEXT}));
        assert_eq!(shape("runs_create").smallest(&id), json!({"agent_id": "x_1"}));
        let message = shape("messages_create");
        assert_eq!(message.smallest(&id), json!({"content": TEXT}));
        let attached = json!({"content": TEXT, "attachments": [{"file_id": "x_1"}]});
        assert_eq!(message.with("file_id", &id), Some(attached.clone()));
        assert_eq!(shape("threads_create").with("file_id", &id), Some(json!({"messages": [attached]})));
        assert_eq!(message.with("agent_id", &id), None);
        assert!(!shape("search_upsert").is_object());
    }

    #[test]
    fn every_function_that_takes_json_has_a_body() {
        for function in FUNCTIONS {
            if let Trigger::Http(http) = &function.trigger
                && let Some(shape) = Shape::of(http)
            {
                let body = shape.smallest(&|_| None);
                assert!(body.is_object() || body.is_array(), "{}: {body}", function.name);
            }
        }
    }
}
