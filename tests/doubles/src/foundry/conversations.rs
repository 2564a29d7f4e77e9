use super::{Answer, Held, Request, invalid, metadata, not_found, page};
use crate::refusal::Refusal;
use serde_json::{Value, json};

/// The most items of one call.
const MOST: usize = 20;
/// The types of items that may be sent.
const TYPES: [&str; 7] = [
    "message",
    "function_call",
    "function_call_output",
    "mcp_approval_request",
    "mcp_approval_response",
    "reasoning",
    "item_reference",
];

/// What was said, oldest first.
pub(super) struct Conversation {
    pub(super) metadata: Value,
    pub(super) items: Vec<Value>,
    /// Whose it is; others do not find it.
    pub(super) user: Option<String>,
    /// The response that is being made.
    pub(super) busy: Option<String>,
}

impl Held {
    pub(super) fn conversations(&mut self, verb: &str, rest: &[&str], request: &Request<'_>) -> Answer {
        let body = &request.body;
        match (verb, rest) {
            ("POST", []) => {
                let (metadata, items) = (metadata(&body["metadata"])?, self.new_items(&body["items"], MOST)?);
                let (id, user) = (self.id("conv"), request.user.clone());
                self.conversations.insert(id.clone(), Conversation { metadata, items, user, busy: None });
                self.conversation(&id, request)?;
                Ok(self.shown(&id))
            }
            ("GET", [id]) => self.conversation(id, request).map(drop).map(|()| self.shown(id)),
            ("POST", [id]) => {
                let metadata = metadata(&body["metadata"])?;
                self.conversation(id, request)?.metadata = metadata;
                Ok(self.shown(id))
            }
            ("DELETE", [id]) => {
                self.conversation(id, request)?;
                self.conversations.remove(*id);
                Ok(json!({"id": id, "object": "conversation.deleted", "deleted": true}))
            }
            ("POST", [id, "items"]) => {
                let items = self.new_items(&body["items"], MOST)?;
                self.conversation(id, request)?.items.extend(items.iter().cloned());
                page(&items, &[("order".to_owned(), "asc".to_owned())].into())
            }
            ("GET", [id, "items"]) => page(&self.conversation(id, request)?.items, request.query),
            _ => Err(invalid("The method is not allowed here.")),
        }
    }

    pub(super) fn conversation(
        &mut self,
        id: &str,
        request: &Request<'_>,
    ) -> Result<&mut Conversation, Refusal> {
        let found = self.conversations.get_mut(id).filter(|found| found.user == request.user);
        found.ok_or_else(|| not_found(&format!("Conversation with id '{id}'")))
    }

    fn shown(&self, id: &str) -> Value {
        json!({"id": id, "object": "conversation", "created_at": 1_764_000_000,
            "metadata": self.conversations[id].metadata})
    }

    /// Items as they are stored: with ids.
    pub(super) fn new_items(&mut self, items: &Value, most: usize) -> Result<Vec<Value>, Refusal> {
        let empty = Vec::new();
        let items = if items.is_null() {
            &empty
        } else {
            items.as_array().ok_or_else(|| invalid("items is no list"))?
        };
        if items.len() > most {
            return Err(invalid("Too many items."));
        }
        items.iter().map(|item| self.new_item(item)).collect()
    }

    fn new_item(&mut self, item: &Value) -> Result<Value, Refusal> {
        let r#type = item["type"].as_str().filter(|r#type| TYPES.contains(r#type));
        let r#type = r#type.ok_or_else(|| invalid("Invalid discriminator of an item."))?;
        let text = |name: &str| item[name].is_string();
        let prefix = match r#type {
            "message" => {
                let role = item["role"].as_str().unwrap_or_default();
                let wanted = if role == "assistant" { "output_text" } else { "input_text" };
                let said = |part: &Value| part["type"] == wanted && part["text"].is_string();
                let said = item["content"].as_array().is_some_and(|parts| parts.iter().all(said));
                if !["user", "assistant", "developer", "system"].contains(&role) || !said {
                    return Err(invalid("Invalid role or content of a message."));
                }
                "msg"
            }
            "function_call" if text("call_id") && text("name") && text("arguments") => "fc",
            "function_call_output" if text("call_id") && text("output") => "fco",
            "mcp_approval_response" if text("approval_request_id") && item["approve"].is_boolean() => "mcpar",
            "function_call" | "function_call_output" | "mcp_approval_response" => {
                return Err(invalid("A member of an item is missing."));
            }
            _ => "item",
        };
        let mut item = item.clone();
        item["id"] = json!(self.id(prefix));
        Ok(item)
    }
}
