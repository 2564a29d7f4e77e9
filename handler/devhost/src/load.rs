//! Function folders: the immediate sub-directories that hold a function.json, in the order in which the host
//! tries their routes.

use std::{collections::HashMap, path::Path, sync::Arc};

use crate::{
    error::HostError,
    function::{Context, Fault, Function, Trigger},
    host_json::HostJson,
};

pub(crate) struct Loaded {
    pub(crate) functions: Vec<Arc<Function>>,
    /// Folder and reason of each that is broken.
    pub(crate) faults: Vec<(String, String)>,
}

/// Reads every folder below `dir`. A broken one is reported and left out; one that only this host cannot run
/// is an error.
pub(crate) fn load(dir: &Path, host: &HostJson, env: &[(String, String)]) -> Result<Loaded, HostError> {
    let settings: HashMap<_, _> =
        env.iter().map(|(key, value)| (key.to_ascii_lowercase(), value.clone())).collect();
    let context =
        Context { route_prefix: &host.route_prefix, proxying: host.worker.proxying, settings: &settings };
    let mut loaded = Loaded { functions: Vec::new(), faults: Vec::new() };
    for name in folders(dir)? {
        let text = std::fs::read_to_string(dir.join(&name).join("function.json"));
        let function = text
            .map_err(|error| Fault::Broken(format!("function.json: {error}")))
            .and_then(|text| Function::parse(&name, &text, &context))
            .and_then(|function| conflicts(&loaded.functions, &function).map(|()| function));
        match function {
            Ok(function) => loaded.functions.push(Arc::new(function)),
            Err(Fault::Broken(reason)) => loaded.faults.push((name, reason)),
            Err(Fault::Unsupported(what)) => return Err(HostError::Unsupported(what)),
        }
    }
    Ok(loaded)
}

/// Names in ordinal order without regard to case. .NET folds to upper case, so `_` sorts after every letter.
fn folders(dir: &Path) -> Result<Vec<String>, HostError> {
    let unreadable = |source| HostError::Functions { path: dir.to_owned(), source };
    let mut names = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        if entry.path().join("function.json").is_file() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort_by_key(|name| (name.to_ascii_uppercase(), name.clone()));
    Ok(names)
}

fn conflicts(others: &[Arc<Function>], function: &Function) -> Result<(), Fault> {
    for other in others {
        let name = &other.info.name;
        if name.eq_ignore_ascii_case(&function.info.name) {
            return Err(Fault::Broken(format!("function {name} has the same name in another case")));
        }
        if let (Trigger::Http { template: a, methods: m, .. }, Trigger::Http { template: b, methods: n, .. }) =
            (&other.trigger, &function.trigger)
            && a.key() == b.key()
            && (m.is_empty() || n.is_empty() || m.iter().any(|verb| n.contains(verb)))
        {
            return Err(Fault::Broken(format!("route {b} conflicts with the route of function {name}")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app(folders: &[(&str, &str)]) -> Result<Loaded, HostError> {
        let dir = tempfile::tempdir().unwrap();
        for (name, json) in folders {
            std::fs::create_dir_all(dir.path().join(name)).unwrap();
            std::fs::write(dir.path().join(name).join("function.json"), json).unwrap();
        }
        std::fs::create_dir_all(dir.path().join("not-a-function")).unwrap();
        let host = r#"{"version":"2.0","customHandler":{"description":{"defaultExecutablePath":"h"},
            "enableProxyingHttpRequest":true}}"#;
        load(dir.path(), &HostJson::parse(host, &[]).unwrap(), &[])
    }

    fn http(route: &str, verb: &str) -> String {
        format!(
            r#"{{"bindings":[{{"type":"httpTrigger","name":"req","route":"{route}","methods":["{verb}"]}},
                {{"type":"http","direction":"out","name":"res"}}]}}"#
        )
    }

    #[test]
    fn order_is_ordinal_in_upper_case() {
        let get = |route: &str| http(route, "get");
        let folders =
            [("a_b", get("1")), ("ab", get("2")), ("B", get("3")), ("a", get("4")), ("a-b", get("5"))];
        let folders: Vec<_> = folders.iter().map(|(name, json)| (*name, json.as_str())).collect();
        let loaded = app(&folders).unwrap();
        let names: Vec<_> = loaded.functions.iter().map(|f| f.info.name.as_str()).collect();
        assert_eq!(names, ["a", "a-b", "ab", "a_b", "B"]);
    }

    #[test]
    fn the_same_route_and_verb_breaks_the_second_function_only() {
        let folders = [
            ("one", &*http("x/{id}", "get")),
            ("two", &*http("/X/{id}/", "GET")),
            ("three", &*http("x/{id}", "post")),
            ("broken", "{"),
        ];
        let loaded = app(&folders).unwrap();
        let names: Vec<_> = loaded.functions.iter().map(|f| f.info.name.as_str()).collect();
        assert_eq!(names, ["one", "three"]);
        assert_eq!(loaded.faults.len(), 2);
        assert!(loaded.faults[0].1.contains("not JSON"), "{:?}", loaded.faults);
        assert!(
            loaded.faults[1].1.contains("conflicts with the route of function one"),
            "{:?}",
            loaded.faults
        );
    }
}
