//! The worker's process: how it is started, what becomes of its output.

use std::{
    collections::VecDeque,
    io,
    path::PathBuf,
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader},
    process::{Child, ChildStdin, Command},
    task::JoinSet,
};
use uuid::Uuid;

use crate::{
    event::{EventSink, HostEvent, Level, Stream},
    host_json::WorkerJson,
    options::Options,
};

/// A longer line is cut into several.
const MAX_LINE: u64 = 64 * 1024;
/// How many error lines an exit quotes.
const QUOTED: usize = 3;

/// Everything needed to start the worker, again and again.
#[derive(Debug)]
pub(crate) struct Launch {
    program: PathBuf,
    arguments: Vec<String>,
    directory: PathBuf,
    env: Vec<(String, String)>,
    std_error_only: bool,
}

/// A started worker.
pub(crate) struct Running {
    pub(crate) child: Child,
    pub(crate) errors: Arc<Mutex<VecDeque<String>>>,
    pub(crate) pumps: JoinSet<()>,
    /// Held open and never written: it ends when this process ends, however it ends, and the worker can watch
    /// for that.
    _stdin: Option<ChildStdin>,
}

impl Launch {
    pub(crate) fn new(options: &Options, worker: &WorkerJson, port: u16) -> Self {
        let expand = |text: &str| expand(text, &options.env);
        // Absolute, because the worker's directory is not ours; a bare name is looked up on PATH.
        let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
        let (program, arguments) = match &options.executable {
            Some(program) => (absolute(program.clone()), options.arguments.clone()),
            None => {
                let named = PathBuf::from(expand(&worker.executable));
                let local = options.root.join(&named);
                let split =
                    |text: &String| expand(text).split_whitespace().map(str::to_owned).collect::<Vec<_>>();
                let arguments = worker.arguments.iter().flat_map(split).collect();
                (if local.is_file() { absolute(local) } else { named }, arguments)
            }
        };
        let directory = worker.working_directory.as_ref().map(|path| options.root.join(expand(path)));
        Self {
            program,
            arguments,
            directory: directory.unwrap_or_else(|| options.root.clone()),
            env: environment(options, port),
            std_error_only: worker.std_error_only,
        }
    }

    pub(crate) fn spawn(&self, events: &EventSink) -> io::Result<Running> {
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            .current_dir(&self.directory)
            .env_clear()
            .envs(self.env.iter().map(|(key, value)| (key, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", self.program.display())))?;
        let errors = Arc::new(Mutex::new(VecDeque::new()));
        let mut pumps = JoinSet::new();
        if let Some(stdout) = child.stdout.take() {
            let events = events.clone();
            pumps.spawn(pump(stdout, move |line| {
                events(HostEvent::WorkerLine { stream: Stream::Stdout, level: Level::Information, line });
            }));
        }
        if let Some(stderr) = child.stderr.take() {
            let (events, errors, only) = (events.clone(), errors.clone(), self.std_error_only);
            pumps.spawn(pump(stderr, move |line| {
                let level = stderr_level(&line, only);
                if level == Level::Error {
                    let mut kept = errors.lock().unwrap_or_else(PoisonError::into_inner);
                    kept.push_back(line.clone());
                    if kept.len() > QUOTED {
                        kept.pop_front();
                    }
                }
                events(HostEvent::WorkerLine { stream: Stream::Stderr, level, line });
            }));
        }
        let stdin = child.stdin.take();
        Ok(Running { child, errors, pumps, _stdin: stdin })
    }
}

fn environment(options: &Options, port: u16) -> Vec<(String, String)> {
    let id = Uuid::new_v4().to_string();
    let root = std::path::absolute(&options.root).unwrap_or_else(|_| options.root.clone());
    let own = [
        ("FUNCTIONS_CUSTOMHANDLER_PORT", port.to_string()),
        ("FUNCTIONS_HTTPWORKER_PORT", port.to_string()),
        ("FUNCTIONS_CUSTOMHANDLER_WORKER_ID", id.clone()),
        ("FUNCTIONS_HTTPWORKER_ID", id),
        ("FUNCTIONS_APP_ROOT_PATH", root.display().to_string()),
    ];
    let own = own.into_iter().map(|(key, value)| (key.to_owned(), value));
    options.env.iter().cloned().chain(own).collect()
}

/// `%VAR%` from the app settings; an unset one becomes nothing.
fn expand(text: &str, env: &[(String, String)]) -> String {
    let parts: Vec<&str> = text.split('%').collect();
    // An odd number of percent signs leaves the last one without a partner: it stays as it is.
    let paired = parts.len() - (parts.len() + 1) % 2;
    let mut expanded = String::new();
    for (at, part) in parts.iter().enumerate() {
        if at >= paired {
            expanded.push('%');
            expanded.push_str(part);
        } else if at % 2 == 0 {
            expanded.push_str(part);
        } else if let Some((_, value)) = env.iter().find(|(key, _)| key == part) {
            expanded.push_str(value);
        }
    }
    expanded
}

async fn pump(source: impl AsyncRead + Unpin, emit: impl Fn(String)) {
    let mut reader = BufReader::new(source);
    let mut line = Vec::new();
    loop {
        line.clear();
        match (&mut reader).take(MAX_LINE).read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return,
            Ok(_) => emit(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned()),
        }
    }
}

fn stderr_level(line: &str, std_error_only: bool) -> Level {
    let lower = line.to_ascii_lowercase();
    if lower.contains("warn") {
        return Level::Warning;
    }
    let alarming = ["error", "fail", "severe", "unhandled exception"].iter().any(|word| lower.contains(word));
    if std_error_only || alarming { Level::Error } else { Level::Information }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stderr_is_error_unless_it_warns_or_the_setting_says_otherwise() {
        assert_eq!(stderr_level("listening", true), Level::Error);
        assert_eq!(stderr_level("listening", false), Level::Information);
        assert_eq!(stderr_level("WARNING: error", false), Level::Warning);
        assert_eq!(stderr_level("it Failed", false), Level::Error);
    }

    #[test]
    fn settings_are_expanded() {
        let env = [("A".to_owned(), "x".to_owned())];
        for (text, expected) in
            [("%A%/b", "x/b"), ("%B%/b", "/b"), ("50%", "50%"), ("%A%%A%", "xx"), ("", "")]
        {
            assert_eq!(expand(text, &env), expected, "{text}");
        }
    }

    #[tokio::test]
    async fn lines_are_cut_and_repaired() {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let seen = lines.clone();
        pump(&b"one\r\ntw\xffo\n\nlast"[..], move |line| seen.lock().unwrap().push(line)).await;
        assert_eq!(*lines.lock().unwrap(), ["one", "tw\u{fffd}o", "", "last"]);
    }
}
