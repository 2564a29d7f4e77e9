//! One function: `function.json`, read and checked as the host does.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::{pattern::Pattern, route::Template, schedule::Schedule};

/// Who may call an HTTP function when keys are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthLevel {
    /// Anyone.
    Anonymous,
    /// Holders of a function, host or master key.
    Function,
    /// Holders of the master key.
    Admin,
}

/// What starts a function, as [`Host::functions`](crate::Host::functions) shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TriggerInfo {
    /// An HTTP request, proxied.
    Http {
        /// The full template, prefix included, without a leading slash.
        route: String,
        /// Upper-case verbs; empty means every verb.
        methods: Vec<String>,
        /// Who may call.
        auth: AuthLevel,
    },
    /// A queue message.
    Queue {
        /// The queue's name.
        queue: String,
    },
    /// A new or changed blob.
    Blob {
        /// `container/pattern`.
        path: String,
    },
    /// The clock.
    Timer {
        /// The schedule, settings resolved.
        schedule: String,
    },
}

/// A function this host runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionInfo {
    /// The folder's name, in its own case.
    pub name: String,
    /// What starts it.
    pub trigger: TriggerInfo,
    /// Switched off by `AzureWebJobs.<name>.Disabled`: its route still matches, but answers 404.
    pub disabled: bool,
}

#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) info: FunctionInfo,
    /// The trigger binding's `name`: the key of `Data`.
    pub(crate) binding: String,
    pub(crate) trigger: Trigger,
    pub(crate) outputs: Vec<QueueOutput>,
    /// Held while a timer's run lasts.
    pub(crate) gate: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
pub(crate) enum Trigger {
    Http { template: Template, methods: Vec<String>, auth: AuthLevel },
    Queue { queue: String, binary: bool },
    Blob { container: String, pattern: Pattern },
    Timer { schedule: Schedule, use_monitor: bool, run_on_startup: bool },
}

/// A queue output binding.
#[derive(Debug, Clone)]
pub(crate) struct QueueOutput {
    pub(crate) name: String,
    pub(crate) queue: String,
    pub(crate) binary: bool,
}

/// Why a folder is not a function here.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The real host would refuse it too, and run the others.
    Broken(String),
    /// The real host would run it; this one cannot, and must not pretend.
    Unsupported(String),
}

fn broken<T>(reason: impl Into<String>) -> Result<T, Fault> {
    Err(Fault::Broken(reason.into()))
}

/// What a function.json is read against.
pub(crate) struct Context<'a> {
    pub(crate) route_prefix: &'a str,
    pub(crate) proxying: bool,
    /// App settings by lower-case name.
    pub(crate) settings: &'a HashMap<String, String>,
}

impl Function {
    pub(crate) fn parse(name: &str, text: &str, context: &Context<'_>) -> Result<Self, Fault> {
        check_name(name)?;
        let json: Value = serde_json::from_str(text.trim_start_matches('\u{feff}'))
            .map_err(|error| Fault::Broken(format!("function.json is not JSON: {error}")))?;
        if member(&json, "retry").is_some() {
            return Err(Fault::Unsupported(format!("the retry policy of function {name}")));
        }
        let bindings = match member(&json, "bindings") {
            Some(Value::Array(bindings)) if !bindings.is_empty() => bindings,
            _ => return broken("\"bindings\" must be an array with a trigger"),
        };
        let bindings =
            bindings.iter().map(|json| Binding::parse(json, context)).collect::<Result<Vec<_>, _>>()?;
        for (at, binding) in bindings.iter().enumerate() {
            if bindings[..at].iter().any(|other| other.name.eq_ignore_ascii_case(&binding.name)) {
                return broken(format!("two bindings are named {:?}", binding.name));
            }
        }
        let (triggers, others): (Vec<_>, Vec<_>) = bindings.into_iter().partition(Binding::is_trigger);
        let [trigger] = &triggers[..] else {
            return broken(format!("a function has exactly one trigger, this one has {}", triggers.len()));
        };
        let (info, kind) = trigger.trigger(name, &others, context)?;
        let outputs = others.iter().filter(|other| other.kind == "queue");
        let outputs = outputs.map(Binding::queue_output).collect::<Result<_, _>>()?;
        let key = format!("azurewebjobs.{}.disabled", name.to_ascii_lowercase());
        let setting = context.settings.get(&key).or_else(|| context.settings.get(&key.replace('.', "__")));
        let disabled = setting.is_some_and(|value| value == "1" || value.eq_ignore_ascii_case("true"));
        Ok(Self {
            info: FunctionInfo { name: name.to_owned(), trigger: info, disabled },
            binding: trigger.name.clone(),
            trigger: kind,
            outputs,
            gate: tokio::sync::Mutex::new(()),
        })
    }
}

struct Binding<'a> {
    members: &'a Map<String, Value>,
    context: &'a Context<'a>,
    /// Lower case.
    kind: String,
    name: String,
    output: bool,
}

impl<'a> Binding<'a> {
    fn parse(json: &'a Value, context: &'a Context<'a>) -> Result<Self, Fault> {
        let Value::Object(members) = json else { return broken("a binding is not an object") };
        let text = |name| member(json, name).and_then(Value::as_str);
        let Some(kind) = text("type") else { return broken("a binding has no \"type\"") };
        let Some(name) = text("name") else { return broken(format!("the {kind} binding has no \"name\"")) };
        let output = match text("direction").unwrap_or("in").to_ascii_lowercase().as_str() {
            "in" => false,
            "out" => true,
            other => return broken(format!("binding {name:?}: direction {other:?}")),
        };
        let mut letters = name.bytes();
        let valid = letters.next().is_some_and(|b| b.is_ascii_alphabetic())
            && name.len() <= 128
            && letters.all(|b| b.is_ascii_alphanumeric());
        let returned = name == "$return" && output;
        if !valid && !returned {
            return broken(format!("{name:?} is not a binding name: a letter, then letters and digits"));
        }
        Ok(Self { members, context, kind: kind.to_ascii_lowercase(), name: name.to_owned(), output })
    }

    fn is_trigger(&self) -> bool {
        self.kind.ends_with("trigger")
    }

    fn trigger(
        &self,
        name: &str,
        others: &[Self],
        context: &Context<'_>,
    ) -> Result<(TriggerInfo, Trigger), Fault> {
        if self.output {
            return broken("a trigger's direction is \"in\"");
        }
        let known = |other: &&Self| !(other.output && matches!(other.kind.as_str(), "queue" | "http"));
        if let Some(other) = others.iter().find(known) {
            return Err(Fault::Unsupported(format!("the {} binding of function {name}", other.kind)));
        }
        match self.kind.as_str() {
            "httptrigger" => self.http(name, others, context),
            "queuetrigger" => {
                let queue = self.queue_name()?;
                let trigger = Trigger::Queue { queue: queue.clone(), binary: self.binary() };
                Ok((TriggerInfo::Queue { queue }, trigger))
            }
            "blobtrigger" => {
                let path = self.resolved("path")?;
                let (container, pattern) = path.split_once('/').unwrap_or((&path, "{name}"));
                if container.is_empty() || container.contains(['{', '}']) {
                    return Err(Fault::Unsupported(format!("the container of blob path {path:?}")));
                }
                let pattern = Pattern::parse(pattern).map_err(Fault::Broken)?;
                let trigger = Trigger::Blob { container: container.to_owned(), pattern };
                Ok((TriggerInfo::Blob { path }, trigger))
            }
            "timertrigger" => {
                let schedule = self.resolved("schedule")?;
                let trigger = Trigger::Timer {
                    schedule: Schedule::parse(&schedule).map_err(Fault::Broken)?,
                    use_monitor: self.flag("useMonitor").unwrap_or(true),
                    run_on_startup: self.flag("runOnStartup").unwrap_or(false),
                };
                Ok((TriggerInfo::Timer { schedule }, trigger))
            }
            other => Err(Fault::Unsupported(format!("the {other} of function {name}"))),
        }
    }

    fn http(
        &self,
        name: &str,
        others: &[Self],
        context: &Context<'_>,
    ) -> Result<(TriggerInfo, Trigger), Fault> {
        if !context.proxying || others.len() != 1 || others[0].kind != "http" {
            let reason =
                "the envelope form of HTTP; it wants enableProxyingHttpRequest and exactly one http output";
            return Err(Fault::Unsupported(format!("function {name} needs {reason}")));
        }
        let route = match self.text("route") {
            Some(route) if !route.trim().is_empty() => self.context.resolve(route)?,
            _ => name.to_owned(),
        };
        let route = route.trim_matches('/');
        let lower = route.to_ascii_lowercase();
        if lower.starts_with("admin") || lower.starts_with("runtime") {
            return broken(format!("route {route:?} begins with a reserved word"));
        }
        let template = Template::parse(&format!("{}/{route}", context.route_prefix))?;
        let methods = match get(self.members, "methods") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(verbs)) if verbs.iter().all(Value::is_string) => {
                verbs.iter().filter_map(Value::as_str).map(str::to_ascii_uppercase).collect()
            }
            Some(_) => return broken("\"methods\" must be an array of strings"),
        };
        let auth = match self.text("authLevel").unwrap_or("function").to_ascii_lowercase().as_str() {
            "anonymous" => AuthLevel::Anonymous,
            "function" => AuthLevel::Function,
            "admin" => AuthLevel::Admin,
            other => return broken(format!("authLevel {other:?}")),
        };
        let info = TriggerInfo::Http { route: template.to_string(), methods: methods.clone(), auth };
        Ok((info, Trigger::Http { template, methods, auth }))
    }

    fn queue_output(&self) -> Result<QueueOutput, Fault> {
        Ok(QueueOutput { name: self.name.clone(), queue: self.queue_name()?, binary: self.binary() })
    }

    /// The SDK folds queue names to lower case before it checks them.
    fn queue_name(&self) -> Result<String, Fault> {
        let name = self.resolved("queueName")?.to_ascii_lowercase();
        let valid = (3..=63).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !name.starts_with('-')
            && !name.ends_with('-')
            && !name.contains("--");
        if valid { Ok(name) } else { broken(format!("{name:?} is not a queue name")) }
    }

    fn binary(&self) -> bool {
        self.text("dataType").is_some_and(|kind| kind.eq_ignore_ascii_case("binary"))
    }

    fn resolved(&self, member: &str) -> Result<String, Fault> {
        match self.text(member) {
            Some(text) if !text.trim().is_empty() => self.context.resolve(text),
            _ => broken(format!("binding {:?} has no {member:?}", self.name)),
        }
    }

    fn text(&self, member: &str) -> Option<&str> {
        get(self.members, member).and_then(Value::as_str)
    }

    fn flag(&self, member: &str) -> Option<bool> {
        get(self.members, member).and_then(Value::as_bool)
    }
}

impl Context<'_> {
    /// Replaces every `%NAME%` by that app setting.
    fn resolve(&self, text: &str) -> Result<String, Fault> {
        let mut resolved = String::new();
        for (at, part) in text.split('%').enumerate() {
            if at % 2 == 0 {
                resolved.push_str(part);
                continue;
            }
            match self.settings.get(&part.to_ascii_lowercase()) {
                Some(value) => resolved.push_str(value),
                None => return broken(format!("%{part}% does not resolve to a value")),
            }
        }
        Ok(resolved)
    }
}

fn check_name(name: &str) -> Result<(), Fault> {
    let mut letters = name.bytes();
    let valid = letters.next().is_some_and(|b| b.is_ascii_alphabetic())
        && name.len() <= 128
        && letters.all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
        && !name.eq_ignore_ascii_case("host");
    if valid { Ok(()) } else { broken(format!("{name:?} is not a valid function name")) }
}

fn member<'a>(json: &'a Value, name: &str) -> Option<&'a Value> {
    get(json.as_object()?, name)
}

fn get<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    members.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

#[cfg(test)]
#[path = "function_tests.rs"]
mod tests;
