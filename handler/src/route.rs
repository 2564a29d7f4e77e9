//! Which function a request is for, by the rules of the Functions host: literals without regard to case, one trailing
//! slash ignored, a wrong verb is no match. The handler must be as lenient as the host, which does not say what it matched.

use crate::functions::{FUNCTIONS, Function, Trigger};
use axum::http::Method;
use percent_encoding::percent_decode_str;

/// The prefix of every public route; `host.json` says the same.
pub const PREFIX: &str = "api";

/// A function and the values of its route's parameters.
#[derive(Debug)]
pub struct Matched {
    /// The function.
    pub function: &'static Function,
    /// Parameters, by name.
    pub params: Vec<(&'static str, String)>,
}

/// The HTTP function that a request is for.
pub fn find(method: &Method, path: &str) -> Option<Matched> {
    let path = path.strip_prefix('/')?;
    let path = path.strip_suffix('/').unwrap_or(path);
    let (prefix, path) = path.split_once('/')?;
    if !prefix.eq_ignore_ascii_case(PREFIX) {
        return None;
    }
    let segments: Vec<&str> = path.split('/').collect();
    FUNCTIONS.iter().find_map(|function| {
        let Trigger::Http(http) = &function.trigger else { return None };
        if http.method != *method {
            return None;
        }
        matches(http.route, &segments).map(|params| Matched { function, params })
    })
}

/// The trigger that the host's POST to `/{FunctionName}` is for: exact, as the host spells it.
pub fn trigger(path: &str) -> Option<&'static Function> {
    let name = path.strip_prefix('/')?;
    FUNCTIONS.iter().find(|f| f.name == name && !matches!(f.trigger, Trigger::Http(_)))
}

fn matches(route: &'static str, segments: &[&str]) -> Option<Vec<(&'static str, String)>> {
    let mut parts = route.split('/');
    let mut params = Vec::new();
    for segment in segments {
        let part = parts.next()?;
        match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
            Some(name) if !segment.is_empty() => {
                params.push((name, percent_decode_str(segment).decode_utf8().ok()?.into_owned()));
            }
            None if part.eq_ignore_ascii_case(segment) => {}
            _ => return None,
        }
    }
    parts.next().is_none().then_some(params)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(method: Method, path: &str) -> Option<&'static str> {
        find(&method, path).map(|matched| matched.function.name)
    }

    #[test]
    fn the_hosts_rules_hold() {
        assert_eq!(name(Method::GET, "/api/agents"), Some("agents_list"));
        assert_eq!(name(Method::GET, "/API/Agents/"), Some("agents_list"));
        assert_eq!(name(Method::PUT, "/api/agents"), None);
        assert_eq!(name(Method::HEAD, "/api/agents"), None);
        assert_eq!(name(Method::GET, "/api/agents//"), None);
        assert_eq!(name(Method::GET, "/agents"), None);
        assert_eq!(name(Method::GET, "/api"), None);
        assert_eq!(name(Method::POST, "/api/agents/threads"), Some("threads_create_alias"));
        let matched = find(&Method::GET, "/api/AGENTS/agent_%41b/").unwrap();
        assert_eq!(matched.params, [("agent_id", "agent_Ab".to_owned())]);
    }

    #[test]
    fn triggers_are_spelled_exactly_and_routes_reach_none() {
        assert_eq!(trigger("/ingest_document").map(|f| f.name), Some("ingest_document"));
        for path in [
            "/Ingest_Document",
            "/ingest_document/",
            "//ingest_document",
            "/agents_list",
            "/",
            "/api/ingest_document",
        ] {
            assert!(trigger(path).is_none(), "{path}");
        }
        assert_eq!(name(Method::POST, "/api/ingest_document"), None);
    }
}
