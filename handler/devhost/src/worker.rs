//! The worker's life: start, readiness, death, restart, the end of patience.

use std::{io, net::Ipv4Addr, time::Duration};

use http::{Request, header::HOST};
use tokio::{
    net::TcpSocket,
    sync::{mpsc, oneshot, watch},
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use crate::{
    event::{EventSink, HostEvent},
    process::{Launch, Running},
    wire::{self, WireError},
};

/// "Restart me, and it is nobody's fault."
const INTENTIONAL: i32 = 200;
const PING: Duration = Duration::from_millis(25);

/// Where the worker is in its life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Status {
    /// Not ready yet: the first time, or again.
    Starting,
    /// It answers. Generations count starts, so that a late complaint does not kill a successor.
    Ready { pid: u32, generation: u64 },
    /// It exited with 0, and nothing will start it again.
    Dead,
    /// The host is over.
    Stopped(String),
}

enum Command {
    Restart { generation: u64, reason: String },
    Stop(oneshot::Sender<()>),
}

/// What the supervisor needs to know.
pub(crate) struct Plan {
    pub(crate) launch: Launch,
    pub(crate) port: Port,
    pub(crate) initialization_timeout: Duration,
    pub(crate) error_limit: usize,
    pub(crate) error_window: Duration,
    pub(crate) events: EventSink,
}

/// A handle to the supervised worker.
#[derive(Clone)]
pub(crate) struct Worker {
    pub(crate) port: u16,
    status: watch::Receiver<Status>,
    commands: mpsc::Sender<Command>,
    patience: Duration,
}

impl Worker {
    /// Starts supervising, in one of `tasks`; when that ends, however it ends, so does the worker.
    pub(crate) fn supervise(plan: Plan, tasks: &mut JoinSet<()>) -> Self {
        let (status, watcher) = watch::channel(Status::Starting);
        let (commands, inbox) = mpsc::channel(16);
        // Four times the initialisation timeout is how long the real host lets an invocation wait for a
        // worker.
        let patience = plan.initialization_timeout.saturating_mul(4);
        let port = plan.port.number;
        tasks.spawn(Supervisor { plan, status, inbox, errors: 0, last_error: None }.run());
        Self { port, status: watcher, commands, patience }
    }

    pub(crate) fn status(&self) -> Status {
        self.status.borrow().clone()
    }

    pub(crate) fn is_stopped(&self) -> bool {
        matches!(*self.status.borrow(), Status::Stopped(_))
    }

    /// Waits until an invocation may be tried and returns the worker's generation. A dead worker may be
    /// tried: the connection will be refused, as with the real host.
    pub(crate) async fn ready(&self) -> Result<u64, String> {
        let mut status = self.status.clone();
        let settled = status.wait_for(|status| *status != Status::Starting);
        match timeout(self.patience, settled).await {
            Ok(Ok(status)) => match &*status {
                Status::Ready { generation, .. } => Ok(*generation),
                Status::Stopped(reason) => Err(format!("the host has stopped: {reason}")),
                Status::Dead | Status::Starting => Ok(0),
            },
            Ok(Err(_)) => Err("the host has stopped".into()),
            Err(_) => Err("the worker did not become ready in time".into()),
        }
    }

    /// Resolves when the host is over, with the reason.
    pub(crate) async fn stopped(&self) -> String {
        let mut status = self.status.clone();
        match status.wait_for(|status| matches!(status, Status::Stopped(_))).await.as_deref() {
            Ok(Status::Stopped(reason)) => reason.clone(),
            _ => "stopped".into(),
        }
    }

    /// Kills this generation and starts the next; uncounted.
    pub(crate) async fn restart(&self, generation: u64, reason: String) {
        let _gone = self.commands.send(Command::Restart { generation, reason }).await;
    }

    /// SIGKILL, without a word of warning: that is what the host does.
    pub(crate) async fn stop(&self) {
        let (done, wait) = oneshot::channel();
        if self.commands.send(Command::Stop(done)).await.is_ok() {
            let _gone = wait.await;
        }
    }
}

/// The worker's port.
pub(crate) struct Port {
    pub(crate) number: u16,
    /// On Linux the port stays bound, never listening, so that nobody else gets it between two lives of the
    /// worker. Address reuse lets the worker listen beside it; every common HTTP server sets that option.
    _held: Option<TcpSocket>,
}

impl Port {
    /// The wanted port, or any free one.
    pub(crate) fn find(wanted: Option<u16>) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        socket.bind((Ipv4Addr::LOCALHOST, wanted.unwrap_or(0)).into())?;
        let number = socket.local_addr()?.port();
        Ok(Self { number, _held: cfg!(target_os = "linux").then_some(socket) })
    }
}

/// How one life ended.
enum End {
    Exited(i32),
    Failed(String),
    Restart(String),
    Stop(Option<oneshot::Sender<()>>),
}

struct Supervisor {
    plan: Plan,
    status: watch::Sender<Status>,
    inbox: mpsc::Receiver<Command>,
    errors: usize,
    last_error: Option<Instant>,
}

impl Supervisor {
    async fn run(mut self) {
        let mut generation = 0;
        loop {
            generation += 1;
            let (reason, counted) = match self.live(generation).await {
                End::Exited(0) => {
                    self.status.send_replace(Status::Dead);
                    (self.plan.events)(HostEvent::WorkerDead);
                    return self.wait_for_stop().await;
                }
                End::Exited(INTENTIONAL) => (format!("it asked for it (exit code {INTENTIONAL})"), false),
                End::Exited(code) => (format!("exit code {code}"), true),
                End::Failed(reason) => (reason, true),
                End::Restart(reason) => (reason, false),
                End::Stop(done) => return self.over("stopped".into(), done),
            };
            if counted && self.patience_is_over() {
                self.over(format!("exceeded the worker restart retry count: {reason}"), None);
                return self.wait_for_stop().await;
            }
            self.status.send_replace(Status::Starting);
            (self.plan.events)(HostEvent::WorkerRestarting { reason, counted });
        }
    }

    async fn live(&mut self, generation: u64) -> End {
        let mut running = match self.plan.launch.spawn(&self.plan.events) {
            Ok(running) => running,
            Err(error) => return End::Failed(error.to_string()),
        };
        let pid = running.child.id().unwrap_or_default();
        let (port, limit) = (self.plan.port.number, self.plan.initialization_timeout);
        let mut readiness = std::pin::pin!(timeout(limit, answers(port)));
        let mut ready = false;
        let end = loop {
            tokio::select! {
                exit = running.child.wait() => break exited(exit, ready, &mut running).await,
                pong = &mut readiness, if !ready => match pong {
                    Ok(()) => {
                        ready = true;
                        (self.plan.events)(HostEvent::WorkerReady { pid, port });
                        self.status.send_replace(Status::Ready { pid, generation });
                    }
                    Err(_) => break End::Failed(format!("no answer to GET / within {limit:?}")),
                },
                command = self.inbox.recv() => match command {
                    Some(Command::Restart { generation: meant, reason }) if meant == generation => {
                        break End::Restart(reason);
                    }
                    Some(Command::Restart { .. }) => {}
                    Some(Command::Stop(done)) => break End::Stop(Some(done)),
                    None => break End::Stop(None),
                },
            }
        };
        // Before the kill: nobody may start an invocation on a port that is about to lose its worker, and
        // those that the host's own end breaks must be able to tell.
        self.status.send_replace(match end {
            End::Stop(_) => Status::Stopped("stopped".into()),
            _ => Status::Starting,
        });
        let _already_dead = running.child.start_kill();
        let _reaped = timeout(Duration::from_secs(1), running.child.wait()).await;
        end
    }

    /// Counts an error. The count starts anew when the previous error is older than the window.
    fn patience_is_over(&mut self) -> bool {
        if self.last_error.is_some_and(|at| at.elapsed() > self.plan.error_window) {
            self.errors = 0;
        }
        self.errors = self.errors.saturating_add(1);
        self.last_error = Some(Instant::now());
        self.errors >= self.plan.error_limit
    }

    fn over(&self, reason: String, done: Option<oneshot::Sender<()>>) {
        self.status.send_replace(Status::Stopped(reason.clone()));
        (self.plan.events)(HostEvent::HostStopped { reason });
        if let Some(done) = done {
            let _gone = done.send(());
        }
    }

    async fn wait_for_stop(mut self) {
        while let Some(command) = self.inbox.recv().await {
            if let Command::Stop(done) = command {
                if !matches!(*self.status.borrow(), Status::Stopped(_)) {
                    return self.over("stopped".into(), Some(done));
                }
                let _gone = done.send(());
                return;
            }
        }
    }
}

async fn exited(exit: io::Result<std::process::ExitStatus>, ready: bool, running: &mut Running) -> End {
    // The last lines may still be in the pipe; a grandchild that holds it open must not hold us.
    let _late =
        timeout(Duration::from_millis(200), async { while running.pumps.join_next().await.is_some() {} })
            .await;
    let quoted = running.errors.lock().map(|lines| lines.iter().cloned().collect::<Vec<_>>().join(" | "));
    let quoted =
        quoted.ok().filter(|text| !text.is_empty()).map(|text| format!(": {text}")).unwrap_or_default();
    match exit.map(|status| (status.code(), status)) {
        // The real host would go on pinging until the initialisation timeout; the result is the same.
        Ok((Some(0), _)) if !ready => End::Failed(format!("exited with 0 before it answered GET /{quoted}")),
        Ok((Some(code @ (0 | INTENTIONAL)), _)) => End::Exited(code),
        Ok((_, status)) => End::Failed(format!("{status}{quoted}")),
        Err(error) => End::Failed(error.to_string()),
    }
}

/// Resolves when the worker gives any sign of HTTP; only a refused connection means "not yet".
async fn answers(port: u16) {
    loop {
        let request = Request::get("/").header(HOST, format!("127.0.0.1:{port}")).body(wire::empty());
        let Ok(request) = request else { return };
        match wire::send(port, request, 0).await {
            Err(WireError::Connect(_)) => sleep(PING).await,
            _ => return,
        }
    }
}
