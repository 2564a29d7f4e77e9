use super::{
    Held, Reply, Request, Shared,
    brain::{Said, Thought, think},
    invalid, metadata, not_found,
};
use crate::refusal::{Refusal, refuse};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};
use tokio::{sync::watch, time::sleep};

/// The most items of a response's input.
const MOST: usize = 1_000;

/// A response that is being made, or was.
pub(super) struct Run {
    pub(super) agent: String,
    user: Option<String>,
    conversation: Option<String>,
    /// What it was made from: what was before, and its own input.
    context: Vec<Value>,
    input: Vec<Value>,
    state: Mutex<State>,
    pub(super) changed: watch::Sender<usize>,
}

pub(super) struct State {
    response: Value,
    pub(super) events: Vec<Value>,
    pub(super) ended: bool,
}

impl Held {
    pub(super) fn responses(
        &mut self,
        shared: &Arc<Shared>,
        verb: &str,
        rest: &[&str],
        request: &Request<'_>,
    ) -> Result<Reply, Refusal> {
        if let ("POST", []) = (verb, rest) {
            return self.create(shared, request);
        }
        let id = rest.first().copied().unwrap_or_default();
        let run = self.runs.get(id).filter(|run| run.user == request.user).cloned();
        let run = run.ok_or_else(|| not_found(&format!("Response with id '{id}'")))?;
        match (verb, rest) {
            ("GET", [_]) if request.query.get("stream").is_some_and(|stream| stream == "true") => {
                let after = request.query.get("starting_after").map(|after| after.parse());
                Ok(Reply::Stream(run, after.transpose().map_err(|_| invalid("starting_after is no number"))?))
            }
            ("GET", [_]) => Ok(Reply::Json(run.shown())),
            ("GET", [_, "input_items"]) => super::page(&run.input, request.query).map(Reply::Json),
            ("POST", [_, "cancel"]) => {
                if run.state().response["background"] != true {
                    return Err(invalid("Cannot cancel a synchronous response."));
                }
                if run.end("cancelled", |_| {}) {
                    self.release(&run);
                }
                Ok(Reply::Json(run.shown()))
            }
            ("DELETE", [_]) => {
                self.runs.remove(id);
                Ok(Reply::Json(json!({"id": id, "object": "response.deleted", "deleted": true})))
            }
            _ => Err(invalid("The method is not allowed here.")),
        }
    }

    fn create(&mut self, shared: &Arc<Shared>, request: &Request<'_>) -> Result<Reply, Refusal> {
        let body = &request.body;
        let agent = &body["agent_reference"];
        let text = |name: &str| {
            agent[name].as_str().ok_or_else(|| invalid("agent_reference has type, name and version"))
        };
        let (name, version) = (text("name")?.to_owned(), text("version")?);
        if text("type")? != "agent_reference" {
            return Err(invalid("agent_reference.type is agent_reference"));
        }
        for member in ["model", "instructions", "tools"] {
            if !body[member].is_null() {
                return Err(invalid(&format!("{member} is not allowed when an agent is given")));
            }
        }
        let flag = |name: &str| body[name].as_bool().unwrap_or(name == "store");
        if flag("background") && !flag("store") {
            return Err(refuse(400, "unsupported_parameter", "background=true requires store=true"));
        }
        let versions = self.agents.get(&name).ok_or_else(|| not_found("Agent"))?;
        let found = versions.iter().find(|known| known.version.to_string() == version);
        let definition = found.ok_or_else(|| not_found("Agent version"))?.definition.clone();
        let conversation = body["conversation"].as_str().or_else(|| body["conversation"]["id"].as_str());
        let previous = body["previous_response_id"].as_str();
        let before = match (conversation, previous) {
            (Some(_), Some(_)) => {
                return Err(invalid("Only one of conversation and previous_response_id can be given."));
            }
            (Some(id), None) => {
                let conversation = self.conversation(id, request)?;
                if conversation.busy.is_some() {
                    return Err(refuse(409, "conversation_locked", "Another response is being made in it."));
                }
                conversation.items.clone()
            }
            (None, Some(id)) => {
                let previous = self.runs.get(id).filter(|run| run.user == request.user);
                let previous = previous.ok_or_else(|| not_found("Previous response"))?;
                let output = previous.shown()["output"].as_array().cloned().unwrap_or_default();
                previous.context.iter().cloned().chain(output).collect()
            }
            (None, None) => Vec::new(),
        };
        let input = match &body["input"] {
            Value::String(text) => json!([{"type": "message", "role": "user",
                "content": [{"type": "input_text", "text": text}]}]),
            Value::Array(items) if !items.is_empty() => json!(items),
            _ => return Err(invalid("input is a text, or a list that is not empty")),
        };
        let input = self.new_items(&input, MOST)?;
        let context: Vec<Value> = before.iter().chain(&input).cloned().collect();
        answered(&before, &context)?;

        let id = self.id("resp");
        let response = json!({"id": id, "object": "response", "created_at": 1_764_000_000, "status": "in_progress",
            "background": flag("background"), "model": definition["model"], "output": [], "error": null,
            "incomplete_details": null, "instructions": null, "parallel_tool_calls": true,
            "conversation": conversation.map(|id| json!({"id": id})), "previous_response_id": previous,
            "metadata": metadata(&body["metadata"])?, "agent_reference": agent, "usage": null});
        if let Some(id) = conversation {
            self.conversation(id, request)?.busy = Some(response["id"].to_string());
        }
        let run = Arc::new(Run {
            agent: name,
            user: request.user.clone(),
            conversation: conversation.map(str::to_owned),
            context,
            input,
            state: Mutex::new(State { response, events: Vec::new(), ended: false }),
            changed: watch::Sender::new(0),
        });
        self.runs.insert(id, run.clone());
        tokio::spawn(work(shared.clone(), run.clone(), definition, self.pace));
        Ok(match (flag("stream"), flag("background")) {
            (true, _) => Reply::Stream(run, None),
            (false, true) => Reply::Json(run.shown()),
            (false, false) => Reply::Whole(run),
        })
    }

    /// Its conversation takes another response.
    fn release(&mut self, run: &Run) {
        let conversation = run.conversation.as_ref().and_then(|id| self.conversations.get_mut(id));
        if let Some(conversation) = conversation {
            conversation.busy = None;
        }
    }
}

/// Whether each call has its answer, and each answer its call.
fn answered(before: &[Value], context: &[Value]) -> Result<(), Refusal> {
    for (call, id, answer, of) in [
        ("function_call", "call_id", "function_call_output", "call_id"),
        ("mcp_approval_request", "id", "mcp_approval_response", "approval_request_id"),
    ] {
        let named = |items: &[Value], r#type: &str, name: &str| -> BTreeSet<String> {
            let items = items.iter().filter(|item| item["type"] == r#type);
            items.map(|item| item[name].as_str().unwrap_or_default().to_owned()).collect()
        };
        let (calls, answers) = (named(context, call, id), named(context, answer, of));
        if let Some(id) = calls.difference(&answers).next() {
            return Err(invalid(&format!("No tool output found for function call {id}.")));
        }
        let twice = named(before, answer, of);
        let fresh = named(&context[before.len()..], answer, of);
        if let Some(id) = answers.difference(&calls).chain(fresh.intersection(&twice)).next() {
            return Err(invalid(&format!("No tool call found for function call output with call_id {id}.")));
        }
    }
    Ok(())
}

/// Makes the response.
async fn work(shared: Arc<Shared>, run: Arc<Run>, definition: Value, pace: Duration) {
    run.emit_response("response.created");
    run.emit_response("response.in_progress");
    let (status, said, error, cut) = match think(&definition, &run.context).await {
        Thought::NeverEnds => return,
        Thought::Fails(code) => {
            let error = json!({"code": code, "message": "It was told to fail."});
            ("failed", Vec::new(), error, Value::Null)
        }
        Thought::Cut(words, reason) => {
            let said = if words.is_empty() { Vec::new() } else { vec![Said::Words(vec![words])] };
            ("incomplete", said, Value::Null, json!({"reason": reason}))
        }
        Thought::Says(said) => ("completed", said, Value::Null, Value::Null),
    };
    for (n, said) in said.into_iter().enumerate() {
        run.emit_item(&shared, n, said, pace).await;
    }
    let mut held = shared.held();
    // What was made is in the conversation before anybody is told that it is made.
    if run.state().ended {
        return;
    }
    if let (Some(id), true) = (&run.conversation, status != "failed")
        && let Some(conversation) = held.conversations.get_mut(id)
    {
        let output = run.shown()["output"].as_array().cloned().unwrap_or_default();
        conversation.items.extend(run.input.iter().cloned().chain(output));
    }
    run.end(status, |response| {
        response["error"] = error;
        response["incomplete_details"] = cut;
        let words = |value: &Value| value.to_string().split_whitespace().count() as u64;
        let (read, wrote) = (run.context.iter().map(words).sum::<u64>(), words(&response["output"]));
        response["usage"] = json!({"input_tokens": read, "output_tokens": wrote, "total_tokens": read + wrote,
            "input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}});
    });
    held.release(&run);
}

impl Run {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(super) fn shown(&self) -> Value {
        self.state().response.clone()
    }

    /// The response, as soon as it has ended.
    pub(super) async fn ended(&self) -> Value {
        let mut changed = self.changed.subscribe();
        while !self.state().ended {
            changed.changed().await.unwrap();
        }
        self.shown()
    }

    /// Ends it, unless it has ended.
    fn end(&self, status: &str, change: impl FnOnce(&mut Value)) -> bool {
        {
            let mut state = self.state();
            if std::mem::replace(&mut state.ended, true) {
                return false;
            }
            change(&mut state.response);
            state.response["status"] = json!(status);
            state.response["completed_at"] = json!(1_764_000_001);
        }
        self.emit_response(&format!("response.{status}"));
        true
    }

    fn emit_response(&self, r#type: &str) {
        let response = self.shown();
        self.emit(r#type, json!({"response": response}));
    }

    fn emit(&self, r#type: &str, mut event: Value) {
        let mut state = self.state();
        event["type"] = json!(r#type);
        event["sequence_number"] = json!(state.events.len());
        state.events.push(event);
        self.changed.send_replace(state.events.len());
    }

    async fn emit_item(&self, shared: &Shared, n: usize, said: Said, pace: Duration) {
        let id = |prefix| shared.held().id(prefix);
        match said {
            Said::Words(words) => self.emit_message(n, id("msg"), words, pace).await,
            Said::Refusal(text) => {
                let part = json!({"type": "refusal", "refusal": text});
                let item = message(&id("msg"), "completed", vec![part]);
                self.emit("response.output_item.added", json!({"output_index": n, "item": item}));
                let at = json!({"item_id": item["id"], "output_index": n, "content_index": 0});
                self.emit("response.refusal.delta", with(&at, json!({"delta": text})));
                self.emit("response.refusal.done", with(&at, json!({"refusal": text})));
                self.finish(n, item);
            }
            Said::Call { name, arguments } => {
                let call = |status: &str, arguments: &str, id: &str, call: &str| {
                    json!({"type": "function_call", "id": id, "call_id": call, "name": name,
                        "arguments": arguments, "status": status})
                };
                let (id, call_id) = (id("fc"), id("call"));
                let begun = call("in_progress", "", &id, &call_id);
                self.emit("response.output_item.added", json!({"output_index": n, "item": begun}));
                let at = json!({"item_id": id, "output_index": n});
                self.emit("response.function_call_arguments.delta", with(&at, json!({"delta": arguments})));
                let done = with(&at, json!({"name": name, "arguments": arguments}));
                self.emit("response.function_call_arguments.done", done);
                self.finish(n, call("completed", &arguments, &id, &call_id));
            }
            Said::Item(mut item) => {
                item["id"] = json!(id("item"));
                self.emit("response.output_item.added", json!({"output_index": n, "item": item}));
                self.emit("response.something_new.done", json!({"output_index": n}));
                self.finish(n, item);
            }
        }
    }

    async fn emit_message(&self, n: usize, id: String, words: Vec<String>, pace: Duration) {
        let part =
            |text: &str| json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []});
        let item = message(&id, "in_progress", Vec::new());
        self.emit("response.output_item.added", json!({"output_index": n, "item": item}));
        let at = json!({"item_id": id, "output_index": n, "content_index": 0});
        self.emit("response.content_part.added", with(&at, json!({"part": part("")})));
        let mut text = String::new();
        for word in words {
            sleep(pace).await;
            if self.state().ended {
                return;
            }
            text.push_str(&word);
            self.emit("response.output_text.delta", with(&at, json!({"delta": word, "logprobs": []})));
        }
        self.emit("response.output_text.done", with(&at, json!({"text": text, "logprobs": []})));
        self.emit("response.content_part.done", with(&at, json!({"part": part(&text)})));
        self.finish(n, message(&id, "completed", vec![part(&text)]));
    }

    fn finish(&self, n: usize, item: Value) {
        self.state().response["output"].as_array_mut().unwrap().push(item.clone());
        self.emit("response.output_item.done", json!({"output_index": n, "item": item}));
    }
}

fn message(id: &str, status: &str, content: Vec<Value>) -> Value {
    json!({"type": "message", "id": id, "role": "assistant", "content": content, "status": status})
}

fn with(at: &Value, more: Value) -> Value {
    let mut event = at.clone();
    event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    event
}
