//! A good deployment, and the command.

use reqwest::Client;
use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};
use tempfile::TempDir;

const HANDLER: &str = env!("CARGO_BIN_EXE_handler");
/// Ends `dev` when our end of its input is closed, however that came about.
const KEEPER: &str = r#""$@" & pid=$!; cat >/dev/null; kill "$pid" 2>/dev/null; wait "$pid""#;

/// A running `handler dev`.
pub struct Dev {
    keeper: Child,
    state: TempDir,
    url: String,
    tokens: [String; 3],
}

impl Dev {
    /// Starts one, and waits until it is ready.
    pub fn start() -> Self {
        let state = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", KEEPER, "keeper", HANDLER, "dev", "--port", "0", "--state"]).arg(state.path());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut keeper = command.spawn().unwrap();
        let mut lines = BufReader::new(keeper.stdout.take().unwrap()).lines().map_while(Result::ok);
        let ready = lines.find(|line| line.contains("/api  (Ctrl-C")).expect("it becomes ready");
        std::thread::spawn(move || lines.for_each(drop));
        let url = ready.split_whitespace().find_map(|word| word.strip_suffix("/api")).unwrap().to_owned();
        let token = |tenant, user, role| mint(state.path(), tenant, user, role);
        let tokens = [
            token("contoso", "alice", "admin"),
            token("fabrikam", "bob", "admin"),
            token("contoso", "carol", "user"),
        ];
        Self { keeper, state, url, tokens }
    }

    pub fn state(&self) -> &Path {
        self.state.path()
    }

    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// Of A, of B, of A's user.
    pub fn token(&self, at: usize) -> &str {
        &self.tokens[at]
    }

    /// The arguments that give them.
    pub fn tokens(&self) -> [&str; 6] {
        let [a, b, user] = &self.tokens;
        ["--token-a", a, "--token-b", b, "--token-a-user", user]
    }

    /// What A's admin is listed.
    pub async fn list(&self, list: &str) -> String {
        let url = format!("{}/api/{list}", self.url);
        Client::new().get(url).bearer_auth(&self.tokens[0]).send().await.unwrap().text().await.unwrap()
    }

    /// What was made is removed.
    pub async fn holds_nothing(&self) {
        for token in &self.tokens[..2] {
            for list in ["agents", "threads", "files", "cosmos/items", "search/documents?query=isolation"] {
                let url = format!("{}/api/{list}", self.url);
                let answer = Client::new().get(url).bearer_auth(token).send().await.unwrap();
                assert_eq!(answer.text().await.unwrap(), "[]", "{list}");
            }
        }
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ended = self.keeper.wait();
    }
}

/// A token of its issuer's.
pub fn mint(state: &Path, tenant: &str, user: &str, role: &str) -> String {
    let mut command = Command::new(HANDLER);
    command.args(["token", tenant, "--user", user, "--role", role, "--state"]).arg(state);
    String::from_utf8(command.output().unwrap().stdout).unwrap().trim().to_owned()
}

/// What came of the command.
pub struct Run {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// `handler verify`.
pub async fn verify(url: &str, arguments: &[&str]) -> Run {
    let mut command = tokio::process::Command::new(HANDLER);
    let output = command.arg("verify").arg(url).args(arguments).kill_on_drop(true).output().await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Run { code: output.status.code().unwrap_or(-1), stdout: text(output.stdout), stderr: text(output.stderr) }
}
