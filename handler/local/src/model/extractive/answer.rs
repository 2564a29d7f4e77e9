//! What to say or do next. A pure function of the conversation.

use super::{
    command::{Command, command},
    passages::{passages, without_markers},
    phrases::Language,
    quotes::{Quote, quotes},
    turn::Turn,
};
use pool::ports::{StepRequest, ToolCall};
use serde_json::json;

const FILE_SEARCH: &str = "file_search";
const MAX_QUERY_CHARS: usize = 1000;
const MAX_OUTPUT_CHARS: usize = 4000;

/// The whole of a step.
pub(super) enum Reply {
    Call(ToolCall),
    Text(String),
}

pub(super) fn reply(request: &StepRequest) -> Reply {
    let Some(turn) = Turn::of(&request.items) else {
        return Reply::Text(Language::of(&request.instructions).no_question());
    };
    match command(turn.question) {
        Some(command) => obey(request, &turn, &command),
        None => look_up(request, &turn),
    }
}

fn obey(request: &StepRequest, turn: &Turn<'_>, command: &Command<'_>) -> Reply {
    let language = Language::of(turn.question);
    let name = command.tool;
    if !has_tool(request, name) {
        return Reply::Text(language.no_such_tool(&shorten(name, 64), &tool_names(request, language)));
    }
    let Some(arguments) = command.arguments else {
        return Reply::Text(language.bad_arguments(name, &tool_names(request, language)));
    };
    if !turn.called(name) {
        return call(request, name, arguments.to_owned());
    }
    Reply::Text(match turn.outputs_of(name).next() {
        Some(output) => language
            .tool_answered(name, &without_markers(&shorten(output, MAX_OUTPUT_CHARS), &references(turn))),
        None => language.tool_was_silent(name),
    })
}

fn look_up(request: &StepRequest, turn: &Turn<'_>) -> Reply {
    let language = Language::of(turn.question);
    if turn.question.is_empty() {
        return Reply::Text(language.no_question());
    }
    if turn.called(FILE_SEARCH) {
        let passages = passages(turn.outputs_of(FILE_SEARCH));
        let references = references(turn);
        let quotes: Vec<Quote> = quotes(turn.question, &passages)
            .into_iter()
            .map(|quote| Quote { text: without_markers(&quote.text, &references), ..quote })
            .collect();
        return Reply::Text(match quotes.as_slice() {
            [] => language.nothing_found(),
            quotes => language.quotes(quotes),
        });
    }
    if !has_tool(request, FILE_SEARCH) {
        return Reply::Text(language.no_search());
    }
    let query: String = turn.question.chars().take(MAX_QUERY_CHARS).collect();
    call(request, FILE_SEARCH, json!({ "query": query }).to_string())
}

/// A call whose name follows from its place in the conversation: the same again if the step is tried again.
fn call(request: &StepRequest, name: &str, arguments: String) -> Reply {
    Reply::Call(ToolCall {
        id: format!("call_{}", request.items.len()),
        name: name.to_owned(),
        arguments,
        server: None,
    })
}

fn references(turn: &Turn<'_>) -> Vec<u64> {
    passages(turn.outputs_of(FILE_SEARCH)).iter().map(|passage| passage.reference).collect()
}

fn has_tool(request: &StepRequest, name: &str) -> bool {
    request.tools.iter().any(|tool| tool.name == name)
}

fn tool_names(request: &StepRequest, language: Language) -> String {
    let names: Vec<&str> = request.tools.iter().map(|tool| tool.name.as_str()).collect();
    if names.is_empty() { language.no_tools().to_owned() } else { names.join(", ") }
}

fn shorten(text: &str, chars: usize) -> String {
    match text.char_indices().nth(chars) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
