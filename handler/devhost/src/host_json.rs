//! `host.json`: the settings this host honours, with `AzureFunctionsJobHost__a__b` overrides applied.

use std::{path::Path, time::Duration};

use serde_json::{Map, Value};

use crate::{error::HostError, timespan};

const OVERRIDE: &str = "AzureFunctionsJobHost__";

/// What host.json says, defaults filled in.
#[derive(Debug, Clone)]
pub(crate) struct HostJson {
    pub(crate) route_prefix: String,
    pub(crate) worker: WorkerJson,
    /// `None` is unbounded (`-1`).
    pub(crate) function_timeout: Option<Duration>,
    pub(crate) queues: QueueJson,
}

/// `customHandler`.
#[derive(Debug, Clone)]
pub(crate) struct WorkerJson {
    pub(crate) executable: String,
    /// Before `%VAR%` expansion and splitting at spaces.
    pub(crate) arguments: Vec<String>,
    pub(crate) working_directory: Option<String>,
    pub(crate) std_error_only: bool,
    pub(crate) proxying: bool,
    pub(crate) port: Option<u16>,
    pub(crate) initialization_timeout: Duration,
}

/// `extensions.queues`.
#[derive(Debug, Clone)]
pub(crate) struct QueueJson {
    pub(crate) max_polling_interval: Duration,
    pub(crate) visibility_timeout: Duration,
    pub(crate) batch_size: usize,
    pub(crate) new_batch_threshold: usize,
    pub(crate) max_dequeue_count: u32,
}

impl HostJson {
    /// Reads `<root>/host.json` and lays the overrides of `env` over it.
    pub(crate) fn load(root: &Path, env: &[(String, String)]) -> Result<Self, HostError> {
        let path = root.join("host.json");
        let text = std::fs::read_to_string(&path)
            .map_err(|error| HostError::HostJson(format!("{}: {error}", path.display())))?;
        Self::parse(&text, env)
    }

    pub(crate) fn parse(text: &str, env: &[(String, String)]) -> Result<Self, HostError> {
        let mut json: Value = serde_json::from_str(text.trim_start_matches('\u{feff}'))
            .map_err(|error| HostError::HostJson(format!("not JSON: {error}")))?;
        if !json.is_object() {
            return Err(HostError::HostJson("not a JSON object".into()));
        }
        for (key, value) in env {
            let (Some(head), Some(path)) = (key.get(..OVERRIDE.len()), key.get(OVERRIDE.len()..)) else {
                continue;
            };
            if head.eq_ignore_ascii_case(OVERRIDE) {
                set(&mut json, path, value);
            }
        }
        let read = Reader(&json);
        refuse_unsupported(&read)?;
        Ok(Self {
            route_prefix: read
                .text("extensions/http/routePrefix")?
                .unwrap_or_else(|| "api".into())
                .trim_matches('/')
                .into(),
            worker: worker(&read)?,
            function_timeout: match read.text("functionTimeout")?.as_deref() {
                Some("-1") => None,
                _ => Some(read.span("functionTimeout", Duration::from_secs(30 * 60))?),
            },
            queues: queues(&read)?,
        })
    }
}

fn refuse_unsupported(read: &Reader<'_>) -> Result<(), HostError> {
    if read.text("version")?.as_deref() != Some("2.0") {
        return Err(HostError::HostJson("\"version\" must be \"2.0\"".into()));
    }
    let profile = read.text("configurationProfile")?.unwrap_or_default();
    if !profile.is_empty() && !profile.eq_ignore_ascii_case("default") {
        return Err(HostError::Unsupported(format!("configurationProfile {profile:?}")));
    }
    if read.at("customHandler/http/routes").is_some() {
        return Err(HostError::Unsupported("customHandler.http.routes; write function.json folders".into()));
    }
    if read.at("retry").is_some() {
        return Err(HostError::Unsupported("retry policies in host.json".into()));
    }
    if !read.flag("customHandler/enableProxyingHttpRequest", false)?
        && read.flag("customHandler/enableForwardingHttpRequest", false)?
    {
        return Err(HostError::Unsupported(
            "customHandler.enableForwardingHttpRequest; use enableProxyingHttpRequest".into(),
        ));
    }
    Ok(())
}

fn worker(read: &Reader<'_>) -> Result<WorkerJson, HostError> {
    let description = "customHandler/description";
    let text = |name: &str| read.text(&format!("{description}/{name}"));
    let list = |name: &str| read.list(&format!("{description}/{name}"));
    let executable = text("defaultExecutablePath")?.unwrap_or_default();
    if executable.trim().is_empty() {
        let message = "customHandler.description.defaultExecutablePath is missing";
        return Err(HostError::HostJson(message.into()));
    }
    let mut arguments = list("arguments")?;
    arguments.extend(text("defaultWorkerPath")?);
    arguments.extend(list("workerArguments")?);
    let port = read.count("customHandler/port", 0)?;
    Ok(WorkerJson {
        executable,
        arguments,
        working_directory: text("workingDirectory")?.filter(|path| !path.is_empty()),
        std_error_only: read.flag(&format!("{description}/useStdErrorStreamForErrorsOnly"), true)?,
        proxying: read.flag("customHandler/enableProxyingHttpRequest", false)?,
        port: match u16::try_from(port) {
            Ok(0) => None,
            Ok(port) => Some(port),
            Err(_) => return Err(HostError::HostJson(format!("customHandler.port {port}"))),
        },
        initialization_timeout: read.span("customHandler/initializationTimeout", Duration::from_secs(30))?,
    })
}

fn queues(read: &Reader<'_>) -> Result<QueueJson, HostError> {
    let at = |name: &str| format!("extensions/queues/{name}");
    let batch_size = read.count(&at("batchSize"), 16)?;
    if !(1..=32).contains(&batch_size) {
        return Err(HostError::HostJson("extensions.queues.batchSize must be 1 to 32".into()));
    }
    let max_dequeue_count = read.count(&at("maxDequeueCount"), 5)?;
    if max_dequeue_count < 1 {
        return Err(HostError::HostJson("extensions.queues.maxDequeueCount must be at least 1".into()));
    }
    Ok(QueueJson {
        max_polling_interval: read.span(&at("maxPollingInterval"), Duration::from_secs(60))?,
        visibility_timeout: read.span(&at("visibilityTimeout"), Duration::ZERO)?,
        batch_size,
        new_batch_threshold: read.count(&at("newBatchThreshold"), batch_size / 2)?,
        max_dequeue_count: u32::try_from(max_dequeue_count).unwrap_or(u32::MAX),
    })
}

/// Lays one override; .NET configuration keys do not distinguish case, so an existing member keeps its
/// spelling.
fn set(json: &mut Value, path: &str, value: &str) {
    let mut at = json;
    for name in path.split("__") {
        if !at.is_object() {
            *at = Value::Object(Map::new());
        }
        let Value::Object(members) = at else { return };
        let key = members.keys().find(|key| key.eq_ignore_ascii_case(name)).cloned();
        at = members.entry(key.unwrap_or_else(|| name.to_owned())).or_insert(Value::Null);
    }
    *at = Value::String(value.to_owned());
}

/// Typed, case-insensitive look-ups. Overrides arrive as strings, so `"true"` and `"16"` are accepted
/// everywhere.
struct Reader<'a>(&'a Value);

impl Reader<'_> {
    fn at(&self, path: &str) -> Option<&Value> {
        path.split('/')
            .try_fold(self.0, |at, name| {
                let members = at.as_object()?;
                members.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
            })
            .filter(|value| !value.is_null())
    }

    fn text(&self, path: &str) -> Result<Option<String>, HostError> {
        match self.at(path) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(_) => Err(wrong(path, "a string")),
        }
    }

    fn flag(&self, path: &str, default: bool) -> Result<bool, HostError> {
        match self.at(path) {
            None => Ok(default),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(Value::String(text)) if text.eq_ignore_ascii_case("true") => Ok(true),
            Some(Value::String(text)) if text.eq_ignore_ascii_case("false") => Ok(false),
            Some(_) => Err(wrong(path, "true or false")),
        }
    }

    fn count(&self, path: &str, default: usize) -> Result<usize, HostError> {
        match self.text(path)? {
            None => Ok(default),
            Some(text) => text.parse().map_err(|_| wrong(path, "a whole number")),
        }
    }

    fn span(&self, path: &str, default: Duration) -> Result<Duration, HostError> {
        match self.text(path)? {
            None => Ok(default),
            Some(text) => timespan::parse(&text).ok_or_else(|| wrong(path, "a time span such as 00:00:30")),
        }
    }

    /// A JSON array of strings, or the `{"0": …, "1": …}` object that overrides of single elements leave
    /// behind.
    fn list(&self, path: &str) -> Result<Vec<String>, HostError> {
        let values: Vec<&Value> = match self.at(path) {
            None => return Ok(Vec::new()),
            Some(Value::Array(values)) => values.iter().collect(),
            Some(Value::Object(members)) => members.values().collect(),
            Some(_) => return Err(wrong(path, "an array of strings")),
        };
        values
            .into_iter()
            .map(|value| value.as_str().map(str::to_owned).ok_or_else(|| wrong(path, "an array of strings")))
            .collect()
    }
}

fn wrong(path: &str, wanted: &str) -> HostError {
    HostError::HostJson(format!("{} must be {wanted}", path.replace('/', ".")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINIMAL: &str =
        r#"{"version":"2.0","customHandler":{"description":{"defaultExecutablePath":"handler"}}}"#;

    fn env(key: &str, value: &str) -> Vec<(String, String)> {
        vec![(key.into(), value.into())]
    }

    #[test]
    fn defaults_are_the_hosts() {
        let host = HostJson::parse(MINIMAL, &[]).unwrap();
        assert_eq!(host.route_prefix, "api");
        assert_eq!(host.function_timeout, Some(Duration::from_secs(1_800)));
        assert_eq!(host.worker.initialization_timeout, Duration::from_secs(30));
        assert!(host.worker.std_error_only && !host.worker.proxying && host.worker.port.is_none());
        assert_eq!((host.queues.batch_size, host.queues.new_batch_threshold), (16, 8));
        assert_eq!(host.queues.max_dequeue_count, 5);
        assert_eq!(host.queues.max_polling_interval, Duration::from_secs(60));
    }

    #[test]
    fn an_override_wins_whatever_its_case() {
        let vars = env("azurefunctionsjobhost__Extensions__queues__maxDequeueCount", "2");
        assert_eq!(HostJson::parse(MINIMAL, &vars).unwrap().queues.max_dequeue_count, 2);
        let vars = env("AzureFunctionsJobHost__functionTimeout", "-1");
        assert_eq!(HostJson::parse(MINIMAL, &vars).unwrap().function_timeout, None);
        let vars = env("AzureFunctionsJobHost__customHandler__enableProxyingHttpRequest", "True");
        assert!(HostJson::parse(MINIMAL, &vars).unwrap().worker.proxying);
    }

    #[test]
    fn what_is_not_built_is_refused_by_name() {
        for (key, word) in [
            ("customHandler__enableForwardingHttpRequest", "enableForwarding"),
            ("customHandler__http__routes__0__route", "routes"),
            ("configurationProfile", "configurationProfile"),
            ("retry__strategy", "retry"),
        ] {
            let vars = env(&format!("AzureFunctionsJobHost__{key}"), "true");
            let error = HostJson::parse(MINIMAL, &vars).unwrap_err();
            assert!(matches!(&error, HostError::Unsupported(text) if text.contains(word)), "{key}: {error}");
        }
    }

    #[test]
    fn faults_name_the_member() {
        for (text, word) in [
            ("{", "JSON"),
            ("[]", "object"),
            (r#"{"version":"1.0"}"#, "version"),
            (r#"{"version":"2.0"}"#, "defaultExecutablePath"),
        ] {
            let error = HostJson::parse(text, &[]).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
        let vars = env("AzureFunctionsJobHost__extensions__queues__batchSize", "64");
        assert!(HostJson::parse(MINIMAL, &vars).unwrap_err().to_string().contains("batchSize"));
        let vars = env("AzureFunctionsJobHost__functionTimeout", "soon");
        assert!(HostJson::parse(MINIMAL, &vars).unwrap_err().to_string().contains("functionTimeout"));
    }
}
