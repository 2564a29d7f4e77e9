//! Tools: ours are run here, in the run's own scope and with its user's eyes; the client's are asked for.

use super::{Driver, Stop, Turn};
use crate::{
    agents::{FILE_SEARCH, Tool},
    messages::Passage,
    ports::{Item, SearchMode, ToolCall, ToolSpec, Visibility},
    runs::{FunctionCall, McpCall, Move, RequiredAction},
    search::Find,
    store,
};
use serde::Deserialize;
use serde_json::{Value, json};

const RESULTS: usize = 5;
const MAX_QUERY: usize = 1_000;
const MAX_ARGUMENTS: usize = 64 * 1024;
/// What is kept of a passage's text, for citations, in bytes.
const MAX_QUOTE: usize = 1024;

/// What the model is told of an agent's tools.
pub(super) fn specs(tools: &[Tool]) -> Vec<ToolSpec> {
    let spec = |tool: &Tool| match tool {
        Tool::FileSearch {} => Some(ToolSpec {
            name: FILE_SEARCH.into(),
            description:
                "Searches the user's documents. Cite a result by writing its number in brackets: [1].".into(),
            parameters: json!({
                "type": "object",
                "properties": {"query": {"type": "string", "description": "What to look for."}},
                "required": ["query"],
                "additionalProperties": false,
            }),
        }),
        Tool::Function { function } => Some(ToolSpec {
            name: function.name.clone(),
            description: function.description.clone(),
            parameters: function.parameters.clone(),
        }),
        Tool::Mcp { .. } => None,
    };
    tools.iter().filter_map(spec).collect()
}

/// The MCP servers whose tools an agent may use.
pub(super) fn servers(tools: &[Tool]) -> Vec<String> {
    let label = |tool: &Tool| match tool {
        Tool::Mcp { server_label } => Some(server_label.clone()),
        _ => None,
    };
    tools.iter().filter_map(label).collect()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SearchArguments {
    query: String,
}

impl Driver<'_> {
    /// Runs our tools, and asks the client for the others.
    pub(super) async fn call(&mut self, calls: Vec<ToolCall>) -> Result<Turn, Stop> {
        let names: Vec<String> = specs(&self.run.run.tools).into_iter().map(|spec| spec.name).collect();
        let mut outputs = Vec::new();
        let servers = servers(&self.run.run.tools);
        let (mut required, mut approvals) = (Vec::new(), Vec::new());
        let mut details = Vec::new();
        for call in calls {
            self.run.calls += 1;
            let call = ToolCall { id: format!("call_{}", self.run.calls), ..call };
            self.run.items.push(Item::Call(call.clone()));
            let mcp = call.server.as_ref().map(|server| McpCall {
                id: call.id.clone(),
                r#type: "mcp".into(),
                server_label: server.clone(),
                name: call.name.clone(),
                arguments: call.arguments.clone(),
            });
            details.push(mcp.as_ref().map_or_else(|| json!(FunctionCall::from(&call)), |mcp| json!(mcp)));
            let known = call.server.as_ref().map_or(names.contains(&call.name), |it| servers.contains(it));
            let output = if !known {
                Some(json!({"error": "there is no such tool"}))
            } else if call.arguments.len() > MAX_ARGUMENTS {
                Some(json!({"error": "the arguments are too long"}))
            } else if mcp.is_none() && call.name == FILE_SEARCH {
                Some(self.file_search(&call.arguments).await?)
            } else {
                None
            };
            match output {
                None => match mcp {
                    Some(mcp) => approvals.push(mcp),
                    None => required.push(FunctionCall::from(&call)),
                },
                Some(output) => outputs.push((call.id, output.to_string())),
            }
        }
        let told: Vec<Value> =
            outputs.iter().map(|(id, output)| json!({"id": id, "output": output})).collect();
        for (call_id, output) in outputs {
            self.run.items.push(Item::Output { call_id, output });
        }
        let details = json!({"type": "tool_calls", "tool_calls": details, "outputs": told});
        if required.is_empty() && approvals.is_empty() {
            let step = self.new_step("tool_calls", "completed", details);
            self.writes.push(store::create(&step)?);
            self.tell("thread.run.step.completed", serde_json::to_value(&step).unwrap_or_default());
            self.save().await?;
            return Ok(Turn::Again);
        }
        self.run.apply(Move::Ask)?;
        self.run.open_step = Some(self.new_step("tool_calls", "in_progress", details));
        self.run.run.required_action = Some(RequiredAction::new(required, approvals));
        let event = self.run.run_event("thread.run.requires_action");
        self.pending.push(event);
        self.rest().await?;
        Ok(Turn::Rest)
    }

    /// What the run's user may see, and nothing that the model asks for can widen that.
    async fn file_search(&mut self, arguments: &str) -> Result<Value, Stop> {
        let query = match serde_json::from_str::<SearchArguments>(arguments) {
            Ok(arguments) => arguments.query.chars().take(MAX_QUERY).collect::<String>(),
            Err(_) => return Ok(json!({"error": "the arguments must be {\"query\": \"…\"}"})),
        };
        let find = Find { query, top: RESULTS, mode: SearchMode::Hybrid, ..Find::default() };
        let visibility = Visibility::User(self.run.run.user_id.clone());
        let hits = self.scope.search().find(find, visibility).await?;
        let mut results = Vec::new();
        for hit in hits {
            let quote = hit.content[..hit.content.floor_char_boundary(MAX_QUOTE)].to_owned();
            let passage = Passage { file_id: hit.id, filename: hit.title, position: hit.position, quote };
            let known = self.run.passages.iter().position(|known| *known == passage);
            let at = known.unwrap_or_else(|| {
                self.run.passages.push(passage.clone());
                self.run.passages.len() - 1
            });
            results.push(json!({"ref": at + 1, "file_id": passage.file_id, "title": passage.filename,
                "place": passage.position, "text": hit.content}));
        }
        Ok(json!({"results": results}))
    }
}
