//! What is written twice says the same: the table, the folders, the description, the settings, the crates' arrows.

use handler::{
    functions::{Access, FUNCTIONS, Trigger},
    manifest, openapi, route,
};
use reqwest::Method;
use serde_json::Value;
use std::{collections::BTreeSet, fs};
use tests::repository;

/// Every function that the API's description promises and does not put off.
const PROMISED: [&str; 47] = [
    "health",
    "health_ready",
    "openapi",
    "agents_create",
    "agents_list",
    "agents_get",
    "agents_update",
    "agents_delete",
    "agents_versions",
    "threads_create",
    "threads_create_alias",
    "threads_list",
    "threads_get",
    "threads_update",
    "threads_delete",
    "messages_create",
    "messages_create_alias",
    "messages_list",
    "runs_create",
    "runs_create_alias",
    "runs_list",
    "runs_get",
    "runs_cancel",
    "runs_submit",
    "runs_steps",
    "runs_events",
    "files_create",
    "files_list",
    "files_get",
    "files_content",
    "files_delete",
    "search_upsert",
    "search_query",
    "search_search",
    "search_delete",
    "search_delete_many",
    "records_create",
    "records_list",
    "records_get",
    "records_replace",
    "records_delete",
    "ingest_blob",
    "ingest_event",
    "ingest_document",
    "runs_step",
    "runs_sweep",
    "sessions_cleanup",
];

fn read(path: &str) -> String {
    fs::read_to_string(repository().join(path)).unwrap_or_else(|fault| panic!("{path}: {fault}"))
}

fn json(path: &str) -> Value {
    serde_json::from_str(&read(path)).unwrap_or_else(|fault| panic!("{path}: {fault}"))
}

#[test]
fn every_folder_is_written_from_the_table_and_there_is_no_other() {
    for function in FUNCTIONS {
        let text = read(&format!("functions/{}/function.json", function.name));
        assert_eq!(text, manifest::text(function), "{}: run `handler functions`", function.name);
    }
    let folders = fs::read_dir(repository().join("functions")).unwrap();
    let folders: BTreeSet<_> =
        folders.map(|folder| folder.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(folders, FUNCTIONS.iter().map(|function| function.name.to_owned()).collect());
}

#[test]
fn every_promised_function_is_there_once() {
    let mut names: Vec<_> = FUNCTIONS.iter().map(|function| function.name).collect();
    names.sort_unstable();
    let mut promised = PROMISED;
    promised.sort_unstable();
    assert_eq!(names, promised);
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
}

/// The HTTP functions in the order in which the host tries them.
fn in_host_order() -> Vec<(&'static str, &'static Method, &'static str)> {
    let http = FUNCTIONS.iter().filter_map(|function| match &function.trigger {
        Trigger::Http(http) => Some((function.name, &http.method, http.route)),
        _ => None,
    });
    let mut functions: Vec<_> = http.collect();
    functions.sort_by_key(|(name, ..)| name.to_ascii_uppercase());
    functions
}

fn is_slot(part: &str) -> bool {
    part.starts_with('{')
}

fn fits(route: &str, path: &str) -> bool {
    let (route, path): (Vec<_>, Vec<_>) = (route.split('/').collect(), path.split('/').collect());
    route.len() == path.len()
        && route.iter().zip(path).all(|(part, word)| is_slot(part) || part.eq_ignore_ascii_case(word))
}

/// A route's paths: with a word in each slot that is nobody's, and with each literal that another route has there.
fn samples(route: &str) -> Vec<String> {
    let mut paths = vec![String::new()];
    for (at, part) in route.split('/').enumerate() {
        let words: BTreeSet<&str> = if is_slot(part) {
            let others = in_host_order().into_iter().filter_map(|(.., other)| other.split('/').nth(at));
            others.filter(|word| !is_slot(word)).chain(["nobodys-word"]).collect()
        } else {
            BTreeSet::from([part])
        };
        let longer =
            |path: &String| words.iter().map(move |word| format!("{path}/{word}")).collect::<Vec<_>>();
        paths = paths.iter().flat_map(longer).collect();
    }
    paths.into_iter().map(|path| path.trim_start_matches('/').to_owned()).collect()
}

#[test]
fn no_route_shadows_another() {
    let functions = in_host_order();
    for (_, method, route) in &functions {
        for path in samples(route) {
            let fitting: Vec<_> =
                functions.iter().filter(|(_, m, r)| m == method && fits(r, &path)).collect();
            let first = fitting[0];
            // The right one is the one that says the most: literals before slots, from the left.
            let right =
                fitting.iter().min_by_key(|(.., r)| r.split('/').map(is_slot).collect::<Vec<_>>()).unwrap();
            assert_eq!(first.0, right.0, "{method} {path}");
            let found = route::find(method, &format!("/api/{path}")).unwrap();
            assert_eq!(found.function.name, right.0, "the handler differs from the host: {method} {path}");
        }
    }
}

#[test]
fn names_and_routes_are_what_the_host_takes() {
    for function in FUNCTIONS {
        let name = function.name;
        let legal = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-".contains(&b));
        assert!(legal && name.starts_with(|c: char| c.is_ascii_lowercase()), "{name}");
        match &function.trigger {
            Trigger::Http(http) => {
                let first = http.route.split('/').next().unwrap().to_ascii_lowercase();
                assert!(
                    !["admin", "runtime"].contains(&first.as_str()) && !is_slot(&first),
                    "{name}: {}",
                    http.route
                );
                assert!(!http.route.contains('*') && !http.route.contains('?'), "{name}: {}", http.route);
                let job = |other: &handler::functions::Function| !matches!(other.trigger, Trigger::Http(_));
                assert!(
                    !FUNCTIONS.iter().any(|f| job(f) && f.name == first),
                    "{name}: a route that is a trigger's path"
                );
                let open = ["health", "health_ready", "openapi"].contains(&name);
                assert_eq!(
                    matches!(http.access, Access::Public(_)),
                    open,
                    "{name}: the list of exemptions may only shrink"
                );
            }
            Trigger::Blob { path, .. } => {
                let container = path.split('/').next().unwrap();
                assert!(!container.contains('{') && path.contains('/'), "{name}: {path}");
            }
            Trigger::Queue { .. } | Trigger::Timer { .. } => {}
        }
    }
}

#[test]
fn host_json_agrees_with_the_code() {
    let host = json("host.json");
    assert_eq!(host["extensions"]["http"]["routePrefix"], route::PREFIX);
    assert!(!route::PREFIX.is_empty());
    assert_eq!(host["customHandler"]["enableProxyingHttpRequest"], true);
    let tries = host["extensions"]["queues"]["maxDequeueCount"].as_u64().unwrap();
    let code = read("handler/src/triggers/ingest.rs");
    assert!(code.contains(&format!("const LAST_TRY: u32 = {tries};")), "maxDequeueCount is {tries}");
}

fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("$ref").and_then(Value::as_str));
            members.values().for_each(|value| references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

#[test]
fn the_description_is_whole() {
    let document = openapi::document();
    assert_eq!(json("infra/openapi.json"), document, "what the gateway imports: run `make functions`");
    for (name, method, route) in in_host_order() {
        let operation = &document["paths"][format!("/api/{route}")][method.as_str().to_ascii_lowercase()];
        assert_eq!(operation["operationId"], name);
        let slots = route.split('/').filter(|part| is_slot(part)).count();
        let parameters = operation["parameters"].as_array().unwrap();
        assert_eq!(parameters.iter().filter(|parameter| parameter["in"] == "path").count(), slots, "{name}");
    }
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(!found.is_empty());
    for reference in found {
        assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
    }
    tests::run(async |dev| {
        assert_eq!(dev.with_token("", None).get("openapi.json").await.ok(), openapi::document());
    });
}

#[test]
fn every_setting_is_in_the_example_with_its_default_and_its_meaning() {
    let example = json("local.settings.json.example");
    assert_eq!(example["IsEncrypted"], false);
    let platform = ["AzureWebJobsStorage", "FUNCTIONS_WORKER_RUNTIME"];
    for member in ["Values", "Meaning"] {
        let names: BTreeSet<_> = example[member].as_object().unwrap().keys().map(String::as_str).collect();
        let ours = handler::config::SETTINGS.iter().map(|setting| setting.name);
        let wanted: BTreeSet<_> = ours.chain(platform).collect();
        assert_eq!(names, wanted, "{member}");
    }
    for setting in handler::config::SETTINGS {
        assert_eq!(example["Meaning"][setting.name], setting.meaning, "{}", setting.name);
        assert_eq!(example["Values"][setting.name], setting.default, "{}", setting.name);
    }
}
