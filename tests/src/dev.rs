//! `handler dev`, as a child of the test.

use crate::{
    azure::{self, Stack},
    client::Caller,
    kept::Kept,
    log::Log,
    tokens::{self, Signer},
    wait::eventually,
};
use reqwest::Client;
use rustix::process::{Pid, Signal, kill_process};
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, OnceLock, PoisonError},
    thread::JoinHandle,
    time::{Duration, Instant},
};

/// Starts `dev`, tells its id, and ends it when our end of the input is closed, however that came about: a test process
/// that is killed leaves nothing behind.
const KEEPER: &str = r#"rm_at_end="$1"; shift; "$@" & pid=$!; echo "pid $pid"; cat >/dev/null
kill "$pid" 2>/dev/null; wait "$pid"; [ -z "$rm_at_end" ] || rm -rf "$rm_at_end""#;

/// How a `dev` is started.
#[derive(Default)]
pub struct Options {
    /// Its folder.
    pub state: PathBuf,
    /// Whether the folder is removed at the end.
    pub forget: bool,
    /// The program; `None`: this build's.
    pub program: Option<PathBuf>,
    /// More arguments.
    pub arguments: Vec<String>,
    /// Settings.
    pub settings: Vec<(String, String)>,
    /// Answers of 500 and 503 are not the test's failure.
    pub lenient: bool,
}

impl Options {
    pub(crate) fn shared() -> Self {
        let state = tempfile::tempdir().expect("a folder").keep();
        Self { state, forget: true, ..Self::default() }
    }

    /// A `dev` on this folder.
    pub fn on(state: &Path) -> Self {
        Self { state: state.to_owned(), ..Self::default() }
    }
}

/// A running `dev`.
pub struct Dev {
    keeper: Child,
    pid: Pid,
    base: String,
    state: PathBuf,
    log: Log,
    outputs: [JoinHandle<()>; 2],
    kept: Kept,
    stack: Option<Arc<Stack>>,
    pub(crate) lenient: bool,
    pub(crate) http: Client,
    /// Tokens by tenant, user and role.
    tokens: Mutex<HashMap<[String; 3], String>>,
}

impl Dev {
    /// Starts one, and waits until it is ready.
    ///
    /// # Panics
    /// If it does not become ready.
    pub async fn start(options: Options) -> Self {
        let mut command = Command::new("sh");
        let forget = if options.forget { options.state.as_os_str() } else { "".as_ref() };
        command.args(["-c", KEEPER, "keeper"]).arg(forget);
        command.arg(options.program.as_deref().unwrap_or_else(|| binary())).args(["dev", "--state"]);
        // Telemetry is printed, and so is read as the log is.
        command.arg(&options.state).args(["--port", "0", "--strict", "--verbose", "--telemetry"]);
        command.args(&options.arguments);
        command.current_dir(crate::repository());
        let http = Client::builder().redirect(reqwest::redirect::Policy::none()).build();
        let mut http = http.expect("a client");
        let stack = if azure::chosen() { Some(Stack::of(&options.state).await) } else { None };
        if let Some(stack) = &stack {
            // A test's own model is there instead of Foundry.
            let own_model = options.settings.iter().any(|(name, _)| name == "MODEL_ENDPOINT");
            let set =
                stack.environment().into_iter().filter(|(name, _)| !own_model || name != "FOUNDRY_ENDPOINT");
            command.envs(set);
            http = stack.client();
        }
        command.envs(options.settings);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut keeper = command.spawn().expect("sh");
        let log = Log::default();
        let outputs = [
            log.follow(keeper.stdout.take().expect("its output")),
            log.follow(keeper.stderr.take().expect("its errors")),
        ];
        let line = |text: &'static str| {
            let log = &log;
            async move { eventually(text, async || log.last(text)).await }
        };
        let pid = line("pid ").await.trim_start_matches("pid ").parse().ok().and_then(Pid::from_raw);
        let ready = line("/api  (Ctrl-C").await;
        let base =
            ready.split_whitespace().find(|word| word.starts_with("http://")).expect("a URL").to_owned();
        let pid = pid.expect("an id");
        Self {
            keeper,
            pid,
            base,
            state: options.state,
            log,
            outputs,
            kept: Kept::default(),
            stack,
            lenient: options.lenient,
            http,
            tokens: Mutex::default(),
        }
    }

    /// A caller with the role `user`.
    pub fn as_user(self: &Arc<Self>, tenant: &str, user: &str) -> Caller {
        self.caller(tenant, user, "user")
    }

    /// A caller with the role `admin`.
    pub fn as_admin(self: &Arc<Self>, tenant: &str) -> Caller {
        self.caller(tenant, "root", "admin")
    }

    fn caller(self: &Arc<Self>, tenant: &str, user: &str, role: &str) -> Caller {
        let key = [tenant, user, role].map(str::to_owned);
        let mut known = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        let token =
            known.entry(key).or_insert_with(|| tokens::minted(&self.state, tenant, user, role)).clone();
        Caller::new(self.clone(), tenant, user, Some(token))
    }

    /// A caller with a token of the test's making, or none. What it sees is held to be of `tenant`'s eyes.
    pub fn with_token(self: &Arc<Self>, tenant: &str, token: Option<String>) -> Caller {
        Caller::new(self.clone(), tenant, "", token)
    }

    /// The issuer whose tokens it believes.
    pub fn signer(&self) -> Signer {
        Signer::of(&self.state)
    }

    /// `http://127.0.0.1:PORT/api`.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Its folder.
    pub fn state(&self) -> &Path {
        &self.state
    }

    /// What it has written.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Holds what it has written, kept and asked of others so far against the scanner. Done once more at its end.
    ///
    /// # Panics
    /// If a tenant's words are where they must not be.
    pub(crate) fn check(&self) {
        self.log.check();
        self.kept.check(&self.state);
        if let Some(stack) = &self.stack {
            stack.audited();
        }
    }

    /// What stands in for Azure behind it, if anything does.
    pub fn stack(&self) -> Option<&Stack> {
        self.stack.as_deref()
    }

    /// Its process.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// The handler's process and port, as `dev` told them last.
    pub fn worker(&self) -> Option<(Pid, u16)> {
        let line = self.log.last(" is ready on 127.0.0.1:")?;
        let pid = line.split_whitespace().skip_while(|word| *word != "worker").nth(1)?;
        let port = line.rsplit(':').next()?.trim_matches(|c: char| !c.is_ascii_digit());
        Some((Pid::from_raw(pid.parse().ok()?)?, port.parse().ok()?))
    }

    /// `handler tenant add`, in the local backend.
    ///
    /// # Panics
    /// If it fails.
    pub fn add_tenant(&self, id: &str) {
        let output = Command::new(binary()).args(["tenant", "add", id, "--state"]).arg(&self.state).output();
        let output = output.expect("handler tenant");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// `handler invoke`.
    ///
    /// # Panics
    /// If it fails.
    pub fn invoke(&self, function: &str, event: &str) {
        let mut command = Command::new(binary());
        command.args(["invoke", function, "--event", event, "--url", self.base.trim_end_matches("/api")]);
        let output = command.output().expect("handler invoke");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Kills the handler, as the host would: without a word.
    pub fn kill_worker(&self) -> bool {
        self.worker().is_some_and(|(pid, _)| kill_process(pid, Signal::KILL).is_ok())
    }

    /// Kills whoever reads a file for the handler at the moment: how many.
    pub fn kill_readers(&self) -> usize {
        let Some((worker, _)) = self.worker() else { return 0 };
        let threads = std::fs::read_dir(format!("/proc/{}/task", worker.as_raw_nonzero()));
        let children = threads.into_iter().flatten().flatten().map(|thread| thread.path().join("children"));
        let children = children.filter_map(|list| std::fs::read_to_string(list).ok());
        let children: Vec<_> = children
            .flat_map(|list| list.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
            .collect();
        let ids = children.iter().filter_map(|id| Pid::from_raw(id.parse().ok()?));
        ids.filter(|id| kill_process(*id, Signal::KILL).is_ok()).count()
    }

    /// Kills `dev` itself. The handler dies with it.
    pub fn kill(&self) {
        let _gone = kill_process(self.pid, Signal::KILL);
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ended = self.keeper.wait();
        // What it writes at the very end is read, too.
        let read = Instant::now() + Duration::from_secs(5);
        while !self.outputs.iter().all(JoinHandle::is_finished) && Instant::now() < read {
            std::thread::sleep(Duration::from_millis(5));
        }
        if !std::thread::panicking() {
            self.check();
        }
    }
}

/// The binary beside this test's own, built once a process.
///
/// # Panics
/// If it does not build.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let test = std::env::current_exe().expect("this executable");
        let folder = test.ancestors().find(|folder| folder.ends_with("deps")).and_then(Path::parent);
        let folder = folder.expect("target/<profile>/deps");
        let profile = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let profile = if profile == "debug" { "dev" } else { profile };
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args([
            "build",
            "--quiet",
            "-p",
            "handler",
            "--bin",
            "handler",
            "--profile",
            profile,
            "--target-dir",
        ]);
        cargo.arg(folder.parent().expect("target")).current_dir(crate::repository());
        assert!(cargo.status().expect("cargo").success(), "the handler does not build");
        folder.join("handler")
    })
}
