//! An app, read as a host reads it at its start, and not started.

use std::{fmt, path::Path};

use crate::{
    error::HostError,
    function::{Function, FunctionInfo, Trigger},
    host_json::HostJson,
    load,
};

/// What a host would make of an app.
#[derive(Debug)]
pub struct Inspection {
    /// The worker's program, as host.json spells it.
    pub executable: String,
    /// What comes before every route.
    pub route_prefix: String,
    /// The functions that are good, in the order in which their routes are tried.
    pub functions: Vec<FunctionInfo>,
    /// Folder and reason of each that is broken.
    pub broken: Vec<(String, String)>,
    /// Functions that no request reaches, because another's route takes it first.
    pub shadowed: Vec<Shadowed>,
}

/// A function whose requests go to another.
#[derive(Debug, PartialEq, Eq)]
pub struct Shadowed {
    /// The function.
    pub function: String,
    /// Who gets its requests.
    pub by: String,
}

impl fmt::Display for Shadowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "requests for {} go to {}, whose route is tried before", self.function, self.by)
    }
}

/// Reads the host.json in `root` and the folders in `functions`, with the app's settings `env`.
///
/// # Errors
/// What keeps a host from reading them at all.
pub fn inspect(root: &Path, functions: &Path, env: &[(String, String)]) -> Result<Inspection, HostError> {
    let host = HostJson::load(root, env)?;
    if !host.worker.proxying {
        let rule = "customHandler.enableProxyingHttpRequest must be true: HTTP would come in envelopes";
        return Err(HostError::HostJson(rule.into()));
    }
    let loaded = load::load(functions, &host, env)?;
    let all: Vec<&Function> = loaded.functions.iter().map(AsRef::as_ref).collect();
    let shadowed = all.iter().enumerate().filter_map(|(at, function)| {
        let by = all[..at].iter().find(|earlier| takes(earlier, function))?;
        Some(Shadowed { function: function.info.name.clone(), by: by.info.name.clone() })
    });
    Ok(Inspection {
        executable: host.worker.executable.clone(),
        route_prefix: host.route_prefix.clone(),
        functions: all.iter().map(|function| function.info.clone()).collect(),
        broken: loaded.faults,
        shadowed: shadowed.collect(),
    })
}

/// Whether one function's route takes what is meant for the other, whose parameters are filled with nothing special.
fn takes(one: &Function, other: &Function) -> bool {
    let (Trigger::Http { template, methods, .. }, Trigger::Http { template: route, methods: verbs, .. }) =
        (&one.trigger, &other.trigger)
    else {
        return false;
    };
    let shared = methods.is_empty() || verbs.is_empty() || methods.iter().any(|verb| verbs.contains(verb));
    let path: Vec<String> = route
        .to_string()
        .split('/')
        .map(|part| if part.starts_with('{') { "zz00".to_owned() } else { part.to_owned() })
        .collect();
    shared && template.matches(&format!("/{}", path.join("/")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_that_another_takes_is_told() {
        let root = tempfile::tempdir().unwrap();
        let host = r#"{"version":"2.0","customHandler":{"description":{"defaultExecutablePath":"handler"},
            "enableProxyingHttpRequest":true}}"#;
        std::fs::write(root.path().join("host.json"), host).unwrap();
        for (name, verb, route) in [
            ("a_get", "get", "things/{id}"),
            ("b_special", "get", "things/special"),
            ("c_made", "post", "things/special"),
            ("d_other", "get", "things/{id}/parts"),
        ] {
            let json = format!(
                r#"{{"bindings":[{{"type":"httpTrigger","name":"req","route":"{route}","methods":["{verb}"]}},
                {{"type":"http","direction":"out","name":"res"}}]}}"#
            );
            std::fs::create_dir(root.path().join(name)).unwrap();
            std::fs::write(root.path().join(name).join("function.json"), json).unwrap();
        }
        let found = inspect(root.path(), root.path(), &[]).unwrap();
        assert_eq!(found.functions.len(), 4);
        assert_eq!(found.shadowed, [Shadowed { function: "b_special".into(), by: "a_get".into() }]);
    }
}
