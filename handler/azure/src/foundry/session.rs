//! How far a conversation upstream agrees with ours. Ours is the authority: where the two differ, upstream's is left
//! alone and a new one begun.

use super::names::Names;
use pool::{
    TenantId, hex,
    ports::{Item, Role, StepRequest, ToolCall},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::HashMap;

/// What we remember of a conversation from step to step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Session {
    /// Its id.
    pub(super) conversation: String,
    /// Its last item's id: if another one is last now, something happened there that we do not know of.
    pub(super) last: String,
    /// The messages that it holds.
    messages: usize,
    /// A digest of them, and of what the run adds to the agent's instructions.
    digest: String,
    /// Calls and outputs that it holds after the last message.
    since: usize,
    /// What it calls the calls that wait for their outputs, in their order.
    pending: Vec<String>,
}

impl Session {
    /// A conversation after a step. `text`: what the step said; `pending`: what it calls the step's calls.
    pub(super) fn after(
        conversation: &str,
        last: &str,
        request: &StepRequest,
        text: &str,
        pending: Vec<String>,
    ) -> Self {
        let said = Item::Message { role: Role::Assistant, text: text.to_owned() };
        let items: Vec<&Item> = request.items.iter().chain((!text.is_empty()).then_some(&said)).collect();
        let message = |item: &&&Item| matches!(item, Item::Message { .. });
        let messages = items.iter().filter(message).count();
        let since = items.iter().rev().take_while(|item| !message(item)).count();
        let digest = digest(request, items.iter().copied(), messages);
        Self {
            conversation: conversation.to_owned(),
            last: last.to_owned(),
            messages,
            digest,
            since,
            pending,
        }
    }

    /// What is to be added to the conversation, so that it agrees with the step's items. `None`: it does not agree, and
    /// cannot be made to.
    pub(super) fn input(&self, request: &StepRequest) -> Option<Vec<Value>> {
        if digest(request, request.items.iter(), self.messages) != self.digest {
            return None;
        }
        let message = |item: &Item| matches!(item, Item::Message { .. });
        let ends = request.items.iter().enumerate().filter(|(_, item)| message(item)).map(|(n, _)| n + 1);
        let known = [0].into_iter().chain(ends).nth(self.messages)?;
        let rest = request.items.get(known..)?;
        // A later run does not know of them.
        let since = rest.iter().take(self.since).take_while(|item| !message(item)).count();
        let (mut pending, mut called, mut input) = (self.pending.iter(), HashMap::new(), Vec::new());
        for item in rest.get(since..)? {
            match item {
                Item::Call(call) => drop(called.insert(call.id.as_str(), (call, pending.next()?))),
                Item::Output { call_id, output } => {
                    let (call, theirs) = called.remove(call_id.as_str())?;
                    let answer = if call.server.is_some() { approved } else { answered };
                    input.push(answer(theirs, output));
                }
                Item::Message { role: Role::User, .. } => input.push(wire(item)),
                Item::Message { role: Role::Assistant, .. } => return None,
            }
        }
        let settled = pending.next().is_none() && called.is_empty();
        (settled && !input.is_empty()).then_some(input)
    }

    /// As text, with a seal.
    pub(super) fn seal(&self, names: &Names, tenant: &TenantId, request: &StepRequest) -> String {
        let text = serde_json::to_string(self).unwrap_or_default();
        format!("{}.{text}", names.seal([tenant.as_str(), &request.user, &request.thread, &text]))
    }

    /// What was sealed, if it was for this tenant, user and thread.
    pub(super) fn open(names: &Names, tenant: &TenantId, request: &StepRequest) -> Option<Self> {
        let (seal, text) = request.session.as_deref()?.split_once('.')?;
        if !names.sealed([tenant.as_str(), &request.user, &request.thread, text], seal) {
            tracing::warn!(%tenant, thread = request.thread, "a session that is not this thread's is left aside");
            return None;
        }
        serde_json::from_str(text).ok()
    }
}

/// What a run adds to its agent's instructions.
pub(super) fn additional(request: &StepRequest) -> &str {
    request
        .instructions
        .strip_prefix(request.agent.instructions.as_str())
        .unwrap_or(&request.instructions)
        .trim()
}

/// A digest of the first messages.
fn digest<'a>(request: &StepRequest, items: impl Iterator<Item = &'a Item>, messages: usize) -> String {
    let mut digest = Sha256::new();
    let mut add = |text: &str| {
        digest.update((text.len() as u64).to_be_bytes());
        digest.update(text);
    };
    add(additional(request));
    let said = items.filter_map(|item| match item {
        Item::Message { role, text } => Some((role, text)),
        _ => None,
    });
    for (role, text) in said.take(messages) {
        add(if *role == Role::User { "user" } else { "assistant" });
        add(text);
    }
    hex(&digest.finalize()[..16])
}

fn answered(call_id: &str, output: &str) -> Value {
    json!({"type": "function_call_output", "call_id": call_id, "output": output})
}

/// All but a clear yes is a no.
fn approved(request: &str, output: &str) -> Value {
    let output: Value = serde_json::from_str(output).unwrap_or_default();
    json!({"type": "mcp_approval_response", "approval_request_id": request, "approve": output["approve"] == true})
}

/// Items, as upstream spells them. An approval is for the conversation that it was given in: in another one, upstream
/// asks again.
pub(super) fn wires(items: &[Item]) -> Vec<Value> {
    let asked = |item: &Item| match item {
        Item::Call(call) if call.server.is_some() => Some(call.id.clone()),
        _ => None,
    };
    let approvals: Vec<String> = items.iter().filter_map(asked).collect();
    let approval = |item: &Item| match item {
        Item::Call(ToolCall { id, .. }) | Item::Output { call_id: id, .. } => approvals.contains(id),
        Item::Message { .. } => false,
    };
    items.iter().filter(|item| !approval(item)).map(wire).collect()
}

fn wire(item: &Item) -> Value {
    match item {
        Item::Message { role: Role::User, text } => message("user", text),
        Item::Message { role: Role::Assistant, text } => {
            let part = json!({"type": "output_text", "text": text, "annotations": []});
            json!({"type": "message", "role": "assistant", "content": [part]})
        }
        Item::Call(call) => json!({"type": "function_call", "call_id": call.id, "name": call.name,
            "arguments": call.arguments}),
        Item::Output { call_id, output } => answered(call_id, output),
    }
}

/// A message that upstream is given.
pub(super) fn message(role: &str, text: &str) -> Value {
    json!({"type": "message", "role": role, "content": [{"type": "input_text", "text": text}]})
}
