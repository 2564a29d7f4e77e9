//! An OpenID Connect provider, as a child of the test.

use doubles::install::servers;
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{Mutex, PoisonError},
};

/// A provider; it ends with the test.
pub struct Oidc {
    /// Its `iss`.
    pub issuer: String,
    child: Child,
    pipes: Mutex<(ChildStdin, BufReader<ChildStdout>)>,
}

impl Oidc {
    /// Starts one, with a key.
    ///
    /// # Panics
    /// If it does not start.
    pub fn start() -> Self {
        let mut command = Command::new("node");
        command.arg("oidc.mjs").current_dir(servers()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("node");
        let stdin = child.stdin.take().expect("its input");
        let stdout = BufReader::new(child.stdout.take().expect("its output"));
        let pipes = Mutex::new((stdin, stdout));
        let mut provider = Self { issuer: String::new(), child, pipes };
        provider.issuer = provider.answer().as_str().expect("a URL").to_owned();
        provider.key("first");
        provider
    }

    /// Its discovery document.
    pub fn discovery_url(&self) -> String {
        format!("{}/.well-known/openid-configuration", self.issuer)
    }

    /// A new key of this id, in the place of the old one if there was one.
    pub fn key(&self, kid: &str) {
        self.tell(&json!({"command": "key", "kid": kid}));
    }

    /// A token by the key of this id: good for an hour, with these claims laid over.
    ///
    /// # Panics
    /// If it makes none.
    pub fn token(&self, kid: &str, claims: &Value) -> String {
        let token = self.tell(&json!({"command": "token", "kid": kid, "claims": claims}));
        token.as_str().expect("a token").to_owned()
    }

    /// Answers every request like this from now on: `500`, `stall`, `html`, `redirect`, `huge`; or well again: ``.
    pub fn fail(&self, how: &str) {
        self.tell(&json!({"command": "fail", "how": how}));
    }

    /// How often its key set was asked for.
    pub fn key_sets(&self) -> u64 {
        self.tell(&json!({"command": "asked"}))["/jwks"].as_u64().unwrap_or(0)
    }

    fn tell(&self, command: &Value) -> Value {
        let mut pipes = self.pipes.lock().unwrap_or_else(PoisonError::into_inner);
        writeln!(pipes.0, "{command}").expect("its input");
        drop(pipes);
        self.answer()
    }

    fn answer(&self) -> Value {
        let mut line = String::new();
        self.pipes.lock().unwrap_or_else(PoisonError::into_inner).1.read_line(&mut line).expect("its output");
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("the provider says {line:?}"))
    }
}

impl Drop for Oidc {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _ended = self.child.wait();
    }
}
