//! Everything a host has to say. It prints nothing itself; whoever starts it decides how these look.

use std::{fmt, sync::Arc, time::Duration};

/// Where [`HostEvent`]s go. Called from many tasks at once; must not block.
pub type EventSink = Arc<dyn Fn(HostEvent) + Send + Sync>;

/// One of the worker's two output streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// The level the host gives a console line of the worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Any line of stdout, and quiet lines of stderr when `useStdErrorStreamForErrorsOnly` is false.
    Information,
    /// A line of stderr that contains "warn".
    Warning,
    /// Other lines of stderr.
    Error,
}

/// A thing that works on this host only because it is local, or that the real host silently gets wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trap {
    /// An empty 2xx or `null` answer: the real host would hang until functionTimeout.
    EmptyReply,
    /// A string output decoded as base64 and became bytes.
    Base64Guess,
    /// A string output that looks like an ISO date was printed again in another format.
    DateMangled,
    /// The worker redirected a trigger's POST, and the host followed.
    Redirect,
    /// A member of the payload replaced a system entry of the metadata, `DequeueCount` for instance.
    MetadataPollution,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum HostEvent {
    /// A function folder is broken; the function does not exist for this run, the others do.
    FunctionFault {
        /// The folder's name.
        function: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The worker answered `GET /`.
    WorkerReady {
        /// Its process id.
        pid: u32,
        /// Its port on 127.0.0.1.
        port: u16,
    },
    /// The worker wrote a line.
    WorkerLine {
        /// Where it wrote it.
        stream: Stream,
        /// What the host makes of it.
        level: Level,
        /// The line without its end; invalid UTF-8 is replaced.
        line: String,
    },
    /// The worker ended, was killed or never became ready, and is started again.
    WorkerRestarting {
        /// Why.
        reason: String,
        /// Whether it counts towards the host's patience.
        counted: bool,
    },
    /// The worker exited with 0. The real host never starts it again; invocations fail from now on.
    WorkerDead,
    /// The host gave up, or was stopped.
    HostStopped {
        /// Why.
        reason: String,
    },
    /// An invocation ended well.
    InvocationSucceeded {
        /// Which function.
        function: String,
        /// The invocation's id.
        invocation: String,
        /// The worker's HTTP status, for a proxied request; `None` when the client left before there was one.
        status: Option<u16>,
        /// How long it took.
        elapsed: Duration,
    },
    /// An invocation failed.
    InvocationFailed {
        /// Which function.
        function: String,
        /// The invocation's id.
        invocation: String,
        /// Why.
        reason: String,
        /// How long it took.
        elapsed: Duration,
    },
    /// A line of the `Logs` array of a worker's answer.
    InvocationLog {
        /// Which function.
        function: String,
        /// The invocation's id.
        invocation: String,
        /// The line.
        line: String,
    },
    /// A message or blob failed for the last time and was moved to a poison queue.
    Poisoned {
        /// Which function failed.
        function: String,
        /// The poison queue.
        queue: String,
        /// The message's id, or `container/name` of the blob.
        item: String,
    },
    /// The worker's answer hit a known trap of the protocol.
    TrapHit {
        /// Which function.
        function: String,
        /// Which trap.
        trap: Trap,
        /// What exactly.
        detail: String,
    },
    /// A queue, a blob container or the state directory failed; the host will try again.
    StorageTrouble {
        /// Which function waits for it.
        function: String,
        /// What the storage said.
        reason: String,
    },
}

impl fmt::Display for HostEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FunctionFault { function, reason } => {
                write!(f, "function {function} is in error: {reason}")
            }
            Self::WorkerReady { pid, port } => write!(f, "worker {pid} is ready on 127.0.0.1:{port}"),
            Self::WorkerLine { line, .. } => f.write_str(line),
            Self::WorkerRestarting { reason, counted: true } => {
                write!(f, "worker error, restarting: {reason}")
            }
            Self::WorkerRestarting { reason, .. } => write!(f, "restarting the worker: {reason}"),
            Self::WorkerDead => {
                f.write_str("the worker exited with 0: the real host would not start it again")
            }
            Self::HostStopped { reason } => write!(f, "host stopped: {reason}"),
            Self::InvocationSucceeded { function, invocation, status, elapsed } => {
                write!(f, "{function} succeeded ({invocation}, {} ms", elapsed.as_millis())?;
                status.map_or(Ok(()), |status| write!(f, ", {status}"))?;
                f.write_str(")")
            }
            Self::InvocationFailed { function, invocation, reason, elapsed } => {
                write!(f, "{function} failed ({invocation}, {} ms): {reason}", elapsed.as_millis())
            }
            Self::InvocationLog { function, line, .. } => write!(f, "{function}: {line}"),
            Self::Poisoned { function, queue, item } => write!(f, "{function}: {item} moved to {queue}"),
            Self::TrapHit { function, trap, detail } => write!(f, "{function}: TRAP {trap:?}: {detail}"),
            Self::StorageTrouble { function, reason } => write!(f, "{function}: storage: {reason}"),
        }
    }
}
