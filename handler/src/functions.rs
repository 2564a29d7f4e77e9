//! THE TABLE. Every function of the service: its name, its trigger, who may call it, and the code that answers. The
//! router, the `function.json` folders, OpenAPI and the authorization tests follow from it.

use crate::{app::App, call::Call, http, invocation::Invocation, triggers};
use axum::{http::Method, response::Response};
use futures::future::BoxFuture;
use pool::{
    Action::{Create, Delete, Read, Update},
    Error, Permission,
    Resource::{Agents, Documents, Files, Messages, Records, Runs, Threads},
};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use std::sync::Arc;

/// A function.
#[derive(Debug)]
pub struct Function {
    /// Its name, and that of its folder.
    pub name: &'static str,
    /// What it does.
    pub summary: &'static str,
    /// What sets it off.
    pub trigger: Trigger,
}

/// What sets a function off.
#[derive(Debug)]
pub enum Trigger {
    /// A request, through the host's proxy.
    Http(Http),
    /// A message of a queue.
    Queue {
        /// The queue.
        queue: &'static str,
        /// The code.
        run: Job,
    },
    /// A blob that is new or has changed.
    Blob {
        /// `container/pattern`.
        path: &'static str,
        /// The code.
        run: Job,
    },
    /// The clock.
    Timer {
        /// NCRONTAB: second, minute, hour, day, month, day of week.
        schedule: &'static str,
        /// The code.
        run: Job,
    },
}

/// An HTTP trigger.
#[derive(Debug)]
pub struct Http {
    /// The verb.
    pub method: Method,
    /// The route, without the prefix.
    pub route: &'static str,
    /// Who may call it.
    pub access: Access,
    /// The query's parameters.
    pub query: &'static [&'static str],
    /// What it takes.
    pub takes: Takes,
    /// What it gives.
    pub gives: Gives,
}

/// Who may call a function. There is no default: a function without an answer to this does not compile.
pub enum Access {
    /// Anyone. The code gets no caller.
    Public(fn(Arc<App>) -> BoxFuture<'static, Result<Response, Error>>),
    /// A caller with a permission.
    Needs(Permission, fn(Call) -> BoxFuture<'static, Result<Response, Error>>),
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Public(_) => f.write_str("public"),
            Self::Needs(permission, _) => f.write_str(&permission.name()),
        }
    }
}

/// The code of a trigger that is not HTTP.
pub type Job = fn(Arc<App>, Invocation) -> BoxFuture<'static, Result<(), Error>>;

type MakeSchema = fn(&mut SchemaGenerator) -> Schema;

/// What a function takes.
#[derive(Clone, Copy, Debug)]
pub enum Takes {
    /// No body.
    Nothing,
    /// JSON.
    Json(MakeSchema),
    /// A file's bytes, raw or multipart, or JSON.
    File(MakeSchema),
}

/// What a function gives.
#[derive(Clone, Copy, Debug)]
pub enum Gives {
    /// 200 and one thing.
    One(MakeSchema),
    /// 200 and an array.
    Many(MakeSchema),
    /// 200 and one thing, or, if the request asks for it, server-sent events.
    OneOrEvents(MakeSchema),
    /// 200 and server-sent events.
    Events,
    /// 200 and bytes.
    Bytes,
    /// 204.
    Nothing,
}

fn schema<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

const PAGE: &[&str] = &["limit", "order", "cursor"];

/// An HTTP function: name, verb, route, permission, code, what it takes, what it gives, what it does.
macro_rules! http {
    ($name:literal $method:ident $route:literal, $action:ident:$resource:ident, $run:path, $takes:expr, $gives:expr, $summary:literal $(, $query:expr)?) => {
        Function {
            name: $name,
            summary: $summary,
            trigger: Trigger::Http(Http {
                method: Method::$method,
                route: $route,
                access: Access::Needs(Permission($action, $resource), |call| Box::pin($run(call))),
                query: { let _q: &[&str] = &[]; $(let _q: &[&str] = $query;)? _q },
                takes: $takes,
                gives: $gives,
            }),
        }
    };
}

macro_rules! public {
    ($name:literal GET $route:literal, $run:path, $summary:literal) => {
        Function {
            name: $name,
            summary: $summary,
            trigger: Trigger::Http(Http {
                method: Method::GET,
                route: $route,
                access: Access::Public(|app| Box::pin($run(app))),
                query: &[],
                takes: Takes::Nothing,
                gives: Gives::One(schema::<serde_json::Value>),
            }),
        }
    };
}

macro_rules! job {
    ($name:literal $kind:ident $field:ident $value:literal, $run:path, $summary:literal) => {
        Function {
            name: $name,
            summary: $summary,
            trigger: Trigger::$kind {
                $field: $value,
                run: |app, invocation| Box::pin($run(app, invocation)),
            },
        }
    };
}

use self::{
    Gives::{Bytes, Events, Many, One, OneOrEvents},
    Takes::Json,
};
use http::{agents, files, messages, records, runs, search, system, threads};
use pool::{
    agents::{Agent, AgentChange, NewAgent},
    files::{File, NewFile},
    messages::{Message, NewMessage},
    runs::{NewRun, Run, ToolOutputs},
    search::{Find, Found, Upserted},
    steps::Step,
    threads::{NewThread, Thread, ThreadChange},
};

type Any = serde_json::Value;
const NOTHING: Takes = Takes::Nothing;
const GONE: Gives = Gives::Nothing;

/// Every function of the service.
#[rustfmt::skip]
pub static FUNCTIONS: &[Function] = &[
    public!("health" GET "health", system::health, "Is the process alive?"),
    public!("health_ready" GET "health/ready", system::ready, "Does every dependency answer?"),
    public!("openapi" GET "openapi.json", system::openapi, "This description, as OpenAPI 3.1"),

    http!("agents_create" POST "agents", Create:Agents, agents::create, Json(schema::<NewAgent>), One(schema::<Agent>), "Make an agent"),
    http!("agents_list" GET "agents", Read:Agents, agents::list, NOTHING, Many(schema::<Agent>), "List agents", PAGE),
    http!("agents_get" GET "agents/{agent_id}", Read:Agents, agents::get, NOTHING, One(schema::<Agent>), "Read an agent"),
    http!("agents_update" PATCH "agents/{agent_id}", Update:Agents, agents::update, Json(schema::<AgentChange>), One(schema::<Agent>), "Make a new version of an agent"),
    http!("agents_delete" DELETE "agents/{agent_id}", Delete:Agents, agents::delete, NOTHING, GONE, "Remove an agent"),
    http!("agents_versions" GET "agents/{agent_id}/versions", Read:Agents, agents::versions, NOTHING, Many(schema::<Agent>), "List an agent's versions", PAGE),

    http!("threads_create" POST "threads", Create:Threads, threads::create, Json(schema::<NewThread>), One(schema::<Thread>), "Make a thread"),
    http!("threads_create_alias" POST "agents/threads", Create:Threads, threads::create, Json(schema::<NewThread>), One(schema::<Thread>), "Make a thread"),
    http!("threads_list" GET "threads", Read:Threads, threads::list, NOTHING, Many(schema::<Thread>), "List threads", PAGE),
    http!("threads_get" GET "threads/{thread_id}", Read:Threads, threads::get, NOTHING, One(schema::<Thread>), "Read a thread"),
    http!("threads_update" PATCH "threads/{thread_id}", Update:Threads, threads::update, Json(schema::<ThreadChange>), One(schema::<Thread>), "Change a thread"),
    http!("threads_delete" DELETE "threads/{thread_id}", Delete:Threads, threads::delete, NOTHING, GONE, "Remove a thread and what is in it"),

    http!("messages_create" POST "threads/{thread_id}/messages", Create:Messages, messages::create, Json(schema::<NewMessage>), One(schema::<Message>), "Say something in a thread"),
    http!("messages_create_alias" POST "agents/threads/{thread_id}/messages", Create:Messages, messages::create, Json(schema::<NewMessage>), One(schema::<Message>), "Say something in a thread"),
    http!("messages_list" GET "threads/{thread_id}/messages", Read:Messages, messages::list, NOTHING, Many(schema::<Message>), "List a thread's messages", PAGE),

    http!("runs_create" POST "threads/{thread_id}/runs", Create:Runs, runs::create, Json(schema::<NewRun>), OneOrEvents(schema::<Run>), "Give an agent its turn"),
    http!("runs_create_alias" POST "agents/threads/{thread_id}/runs", Create:Runs, runs::create, Json(schema::<NewRun>), OneOrEvents(schema::<Run>), "Give an agent its turn"),
    http!("runs_list" GET "threads/{thread_id}/runs", Read:Runs, runs::list, NOTHING, Many(schema::<Run>), "List a thread's runs", PAGE),
    http!("runs_get" GET "threads/{thread_id}/runs/{run_id}", Read:Runs, runs::get, NOTHING, One(schema::<Run>), "Read a run"),
    http!("runs_cancel" POST "threads/{thread_id}/runs/{run_id}/cancel", Update:Runs, runs::cancel, NOTHING, One(schema::<Run>), "Cancel a run"),
    http!("runs_submit" POST "threads/{thread_id}/runs/{run_id}/submit_tool_outputs", Update:Runs, runs::submit, Json(schema::<ToolOutputs>), OneOrEvents(schema::<Run>), "Hand in outputs of functions"),
    http!("runs_steps" GET "threads/{thread_id}/runs/{run_id}/steps", Read:Runs, runs::steps, NOTHING, Many(schema::<Step>), "List a run's steps", PAGE),
    http!("runs_events" GET "threads/{thread_id}/runs/{run_id}/events", Read:Runs, runs::events, NOTHING, Events, "Follow a run"),

    http!("files_create" POST "files", Create:Files, files::create, Takes::File(schema::<NewFile>), One(schema::<File>), "Upload a file, or get an upload link", &["filename"]),
    http!("files_list" GET "files", Read:Files, files::list, NOTHING, Many(schema::<File>), "List files", PAGE),
    http!("files_get" GET "files/{file_id}", Read:Files, files::get, NOTHING, One(schema::<File>), "Read a file's record"),
    http!("files_content" GET "files/{file_id}/content", Read:Files, files::content, NOTHING, Bytes, "Download a file"),
    http!("files_delete" DELETE "files/{file_id}", Delete:Files, files::delete, NOTHING, GONE, "Remove a file everywhere"),

    http!("search_upsert" POST "search/documents", Create:Documents, search::upsert, Json(schema::<Vec<Any>>), Many(schema::<Upserted>), "Write search documents"),
    http!("search_query" GET "search/documents", Read:Documents, search::query, NOTHING, Many(schema::<Found>), "Search by words", &["query", "top"]),
    http!("search_search" POST "search/query", Read:Documents, search::search, Json(schema::<Find>), Many(schema::<Found>), "Search by words, vector or both, with a filter"),
    http!("search_delete" DELETE "search/documents/{document_id}", Delete:Documents, search::delete, NOTHING, GONE, "Remove a search document"),
    http!("search_delete_many" POST "search/documents/delete", Delete:Documents, search::delete_many, Json(schema::<search::Ids>), GONE, "Remove search documents"),

    http!("records_create" POST "cosmos/{collection}", Create:Records, records::create, Json(schema::<Any>), One(schema::<Any>), "Make a document of the tenant's own"),
    http!("records_list" GET "cosmos/{collection}", Read:Records, records::list, NOTHING, Many(schema::<Any>), "List a collection", &["limit", "order", "cursor", "where", "sort"]),
    http!("records_get" GET "cosmos/{collection}/{id}", Read:Records, records::get, NOTHING, One(schema::<Any>), "Read a document"),
    http!("records_replace" PUT "cosmos/{collection}/{id}", Update:Records, records::replace, Json(schema::<Any>), One(schema::<Any>), "Replace a document"),
    http!("records_delete" DELETE "cosmos/{collection}/{id}", Delete:Records, records::delete, NOTHING, GONE, "Remove a document"),

    job!("ingest_blob" Blob path "uploads/{tenant}/{name}", triggers::ingest_blob, "Take in a file from a tenant's drop folder"),
    job!("ingest_event" Queue queue "blob-events", triggers::ingest_event, "Hear of blobs that came or went"),
    job!("ingest_document" Queue queue "ingest", triggers::ingest_document, "Make the index agree with a file"),
    job!("runs_step" Queue queue "runs", triggers::runs_step, "Drive a run"),
    job!("runs_sweep" Timer schedule "0 * * * * *", triggers::runs_sweep, "Renew promises, expire runs, release dead leases"),
    job!("sessions_cleanup" Timer schedule "0 */5 * * * *", triggers::sessions_cleanup, "Forget what has expired"),
];

/// The function of a name.
pub fn find(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|function| function.name == name)
}
