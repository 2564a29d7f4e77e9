//! Start and stop: the parts are made here and joined.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::{net::TcpListener, sync::watch, task::JoinSet, time::timeout};

use crate::{
    blob,
    core::Core,
    error::HostError,
    event::HostEvent,
    front,
    function::{FunctionInfo, Trigger},
    host_json::HostJson,
    load::{self, Loaded},
    options::Options,
    process::Launch,
    queue,
    state::State,
    timer,
    worker::{Plan, Port, Status, Worker},
};

/// How long a stopping host waits for messages in hand to be released.
const FAREWELL: Duration = Duration::from_secs(2);

/// A running host. Dropping it kills the worker and ends every task, without the farewell of [`Host::stop`].
pub struct Host {
    core: Arc<Core>,
    addr: SocketAddr,
    functions: Vec<FunctionInfo>,
    // Only this ends with the host: connections and `stopped` futures may hold the core for longer.
    supervisor: JoinSet<()>,
    front: JoinSet<()>,
    triggers: JoinSet<()>,
}

impl Host {
    /// Reads the app, starts the worker and returns when it answers.
    ///
    /// # Errors
    /// host.json is wrong or asks for what is not built here, there is no valid function, the address is
    /// taken, or the worker did not become ready within its attempts. A broken function folder is no error:
    /// it is told as [`HostEvent::FunctionFault`] and left out.
    pub async fn start(options: Options) -> Result<Self, HostError> {
        let host = HostJson::load(&options.root, &options.env)?;
        let loaded = load::load(&options.functions, &host, &options.env)?;
        report(&options, &loaded)?;
        let listen =
            |source| HostError::Listen { what: format!("cannot listen on {}", options.listen), source };
        let listener = TcpListener::bind(options.listen).await.map_err(listen)?;
        let addr = listener.local_addr().map_err(listen)?;
        let port = Port::find(host.worker.port)
            .map_err(|source| HostError::Listen { what: "no port for the worker".into(), source })?;
        let mut supervisor = JoinSet::new();
        let plan = Plan {
            launch: Launch::new(&options, &host.worker, port.number),
            port,
            initialization_timeout: host.worker.initialization_timeout,
            error_limit: options.error_limit,
            error_window: options.error_window,
            events: options.events.clone(),
        };
        let worker = Worker::supervise(plan, &mut supervisor);
        let functions = loaded.functions.iter().map(|function| function.info.clone()).collect();
        let state = State::new(&options.state);
        let wake = watch::channel(0).0;
        let core = Arc::new(Core { options, host, functions: loaded.functions, worker, state, wake });
        let mut front = JoinSet::new();
        front.spawn(front::serve(core.clone(), listener));
        started(&core.worker).await?;
        let triggers = triggers(&core);
        Ok(Self { core, addr, functions, supervisor, front, triggers })
    }

    /// Where HTTP is served.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The functions that run, disabled ones included, in the order in which their routes are tried.
    pub fn functions(&self) -> &[FunctionInfo] {
        &self.functions
    }

    /// The worker's process id, while it is ready.
    pub fn worker_pid(&self) -> Option<u32> {
        match self.core.worker.status() {
            Status::Ready { pid, .. } => Some(pid),
            _ => None,
        }
    }

    /// The worker's port on 127.0.0.1; the same for all its lives.
    pub fn worker_port(&self) -> u16 {
        self.core.worker.port
    }

    /// Makes every queue and blob poller look at once, for those who have just pushed something.
    pub fn wake(&self) {
        self.core.wake();
    }

    /// Resolves with the reason when the host gives up (or is stopped). A worker that exited with 0 is not
    /// that: the real host then stays, and fails every invocation.
    pub fn stopped(&self) -> impl Future<Output = String> + Send + 'static {
        let worker = self.core.worker.clone();
        async move { worker.stopped().await }
    }

    /// Kills the worker (SIGKILL, no warning: the real host gives none), releases the messages in hand and
    /// ends.
    pub async fn stop(mut self) {
        self.core.worker.stop().await;
        let _late = timeout(FAREWELL, async { while self.triggers.join_next().await.is_some() {} }).await;
        self.front.shutdown().await;
        self.supervisor.shutdown().await;
    }
}

fn report(options: &Options, loaded: &Loaded) -> Result<(), HostError> {
    for (function, reason) in &loaded.faults {
        let (function, reason) = (function.clone(), reason.clone());
        (options.events)(HostEvent::FunctionFault { function, reason });
    }
    if loaded.functions.is_empty() {
        let faults = loaded.faults.iter().map(|(name, reason)| format!("; {name}: {reason}")).collect();
        return Err(HostError::NoFunctions { path: options.functions.clone(), faults });
    }
    Ok(())
}

async fn started(worker: &Worker) -> Result<(), HostError> {
    loop {
        match worker.ready().await {
            Ok(_) => return Ok(()),
            Err(reason) if worker.is_stopped() => return Err(HostError::Worker(reason)),
            // Slow, but the supervisor has not lost its patience yet.
            Err(_) => {}
        }
    }
}

fn triggers(core: &Arc<Core>) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    for function in core.functions.iter().filter(|function| !function.info.disabled) {
        let (core, function) = (core.clone(), function.clone());
        match &function.trigger {
            Trigger::Http { .. } => {}
            Trigger::Queue { queue, binary } => {
                let (queue, binary) = (queue.clone(), *binary);
                tasks.spawn(queue::run(core, function, queue, binary));
            }
            Trigger::Blob { container, pattern } => {
                let (container, pattern) = (container.clone(), pattern.clone());
                tasks.spawn(blob::run(core, function, container, pattern));
            }
            Trigger::Timer { .. } => {
                tasks.spawn(timer::run(core, function));
            }
        }
    }
    tasks
}
