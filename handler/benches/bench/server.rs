//! The servers that are measured: the floor, and the service as `handler dev` runs it, asked at the handler's own port.

use crate::Fault;
use handler::config::{DEV_AUDIENCE, DEV_ISSUER};
use serde_json::Value;
use std::{
    io::{BufRead, BufReader},
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

const BINARY: &str = env!("CARGO_BIN_EXE_handler");

/// A process that is ended when nobody wants it any more.
pub struct Process(Child);

impl Process {
    /// Its id.
    pub fn id(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ended = self.0.kill();
        let _reaped = self.0.wait();
    }
}

/// A server.
pub struct Server {
    _process: Process,
    pid: u32,
    port: u16,
    state: tempfile::TempDir,
}

/// A caller of the service.
pub struct Client {
    http: reqwest::Client,
    base: String,
    token: String,
}

impl Server {
    /// A bare axum endpoint.
    pub async fn floor() -> Result<Self, Fault> {
        let port = free_port()?;
        let mut command = Command::new(std::env::current_exe()?);
        let process = Process(command.arg("floor").arg(port.to_string()).spawn()?);
        let server = Self { pid: process.id(), _process: process, port, state: tempfile::tempdir()? };
        server.answers().await?;
        Ok(server)
    }

    /// The service, with its state on a real disk, and more arguments of `dev`.
    pub async fn service(arguments: &[&str]) -> Result<Self, Fault> {
        let state = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
        let mut command = Command::new(BINARY);
        let dev =
            command.args(["dev", "--port", "0", "--verbose", "--state"]).arg(state.path()).args(arguments);
        let mut process = Process(dev.env("LOG_LEVEL", "info").stdout(Stdio::piped()).spawn()?);
        let mut lines =
            BufReader::new(process.0.stdout.take().ok_or("no output")?).lines().map_while(Result::ok);
        let worker = lines.by_ref().find(|line| line.starts_with("worker ")).ok_or("`dev` does not start")?;
        lines.by_ref().find(|line| line.starts_with("ready ")).ok_or("`dev` does not get ready")?;
        std::thread::spawn(move || lines.for_each(drop));
        let words: Vec<&str> = worker.split_whitespace().collect();
        let pid = words[1].parse()?;
        let port = worker.rsplit_once(':').ok_or("an odd line")?.1.parse()?;
        Ok(Self { _process: process, pid, port, state })
    }

    /// Starts one more handler on the same state; how long it took from exec to its first answer.
    pub async fn start_another(&self) -> Result<(Duration, Process), Fault> {
        self.start_with(&[]).await
    }

    /// As [`start_another`](Self::start_another), with more settings.
    pub async fn start_with(&self, more: &[(&str, &str)]) -> Result<(Duration, Process), Fault> {
        let port = free_port()?;
        let began = Instant::now();
        let settings = [
            ("FUNCTIONS_CUSTOMHANDLER_PORT", port.to_string()),
            ("POOL_STATE", self.state.path().display().to_string()),
            ("JWT_ISSUER", DEV_ISSUER.to_owned()),
            ("JWT_AUDIENCE", DEV_AUDIENCE.to_owned()),
            ("JWT_JWKS_FILE", self.state.path().join("jwks.json").display().to_string()),
        ];
        let process = Process(
            Command::new(BINARY).envs(settings).envs(more.iter().copied()).stdout(Stdio::null()).spawn()?,
        );
        loop {
            if let Ok(mut stream) = std::net::TcpStream::connect(("127.0.0.1", port)) {
                use std::io::{Read, Write};
                stream.write_all(b"GET /api/health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")?;
                let mut answer = String::new();
                stream.read_to_string(&mut answer)?;
                assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
                return Ok((began.elapsed(), process));
            }
            std::thread::sleep(Duration::from_micros(200));
        }
    }

    pub fn pid(&self) -> u32 {
        self.pid
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// A token of a user of contoso's, who may all.
    pub fn token(&self, user: &str) -> Result<String, Fault> {
        let mut command = Command::new(BINARY);
        let token = command
            .args(["token", "contoso", "--role", "admin", "--user", user, "--state"])
            .arg(self.state.path());
        Ok(String::from_utf8(token.output()?.stdout)?.trim().to_owned())
    }

    pub fn client(&self) -> Result<Client, Fault> {
        Ok(Client { http: reqwest::Client::new(), base: self.url(""), token: self.token("alice")? })
    }

    async fn answers(&self) -> Result<(), Fault> {
        for _ in 0..500 {
            if reqwest::get(self.url("/")).await.is_ok() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Err("the server does not answer".into())
    }
}

impl Client {
    pub async fn get(&self, path: &str) -> Result<Value, Fault> {
        self.send(self.http.get(format!("{}{path}", self.base))).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Result<Value, Fault> {
        self.send(self.http.post(format!("{}{path}", self.base)).json(body)).await
    }

    pub async fn upload(&self, path: &str, bytes: String) -> Result<Value, Fault> {
        let request = self.http.post(format!("{}{path}", self.base)).header("content-type", "text/plain");
        self.send(request.body(bytes)).await
    }

    pub async fn stream(&self, path: &str, body: &Value) -> Result<reqwest::Response, Fault> {
        let request = self.http.post(format!("{}{path}", self.base)).json(body).bearer_auth(&self.token);
        Ok(request.send().await?.error_for_status()?)
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<Value, Fault> {
        Ok(request.bearer_auth(&self.token).send().await?.error_for_status()?.json().await?)
    }
}

/// Serves the floor: as many bytes as an agent has, and nothing else.
pub fn floor() -> Result<(), Fault> {
    let port: u16 = std::env::args().nth(2).map_or_else(|| Ok(0), |port| port.parse())?;
    let body = format!("{{\"fill\":\"{}\"}}", "x".repeat(800));
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let answer = move || async move { ([("content-type", "application/json")], body) };
        let router = axum::Router::new().route("/", axum::routing::get(answer));
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
        Ok(axum::serve(listener, router).await?)
    })
}

fn free_port() -> Result<u16, Fault> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}
