//! A local Azure Functions host for a *custom handler*: it reads `host.json` and the `function.json` folders,
//! starts the worker, and drives it over the same wire as the host in Azure does, traps included. It knows
//! HTTP, queue, blob and timer triggers; it knows nothing of what the worker does with them, and prints
//! nothing ([`Options::events`] hears everything).
//!
//! ```text
//!              host_json  load ── function (route, pattern, schedule)        what the app says
//!                             │
//!                           host ─────────── core ── options, event          what runs, and who hears of it
//!            ┌────────────────┼──────────────────┐
//!   front ── admin         worker            queue · blob · timer            what starts an invocation
//!     │ (auth, path)          │ (process)        │     │       └─ state     what survives a restart
//!   proxy (metered)           │              invoke ── envelope, reply       {Data, Metadata} out, {Outputs, Logs} back
//!     └───────────────────────┴── wire ──────────┘                           one HTTP exchange with the worker
//! ```
//!
//! * **An HTTP request** enters `front`, is matched in alphabetical order of function name, and is streamed
//!   both ways by `proxy`.
//! * **A message, blob or tick** becomes an `envelope`; `invoke` posts it, `reply` judges the answer, and the
//!   poller that brought it deletes, releases or poisons it.
//! * **The worker** is restarted when it dies, until the host's patience ends; exit code 0 means it stays
//!   dead. Its standard input is a pipe that this process holds open and never writes to: a worker that reads
//!   it sees the end when the host is gone, even after SIGKILL. Dropping a [`Host`] kills the worker.
//! * **Storage** is a seam ([`HostQueues`], [`HostBlobs`]); [`MemoryQueues`] and [`FolderBlobs`] come with
//!   it.
//!
//! ```no_run
//! # async fn dev(settings: Vec<(String, String)>, queues: std::sync::Arc<dyn devhost::HostQueues>)
//! # -> Result<(), Box<dyn std::error::Error>> {
//! let mut options = devhost::Options::new(".");
//! options.functions = "functions".into();
//! options.executable = Some(std::env::current_exe()?);
//! options.env = settings;
//! options.listen = ([127, 0, 0, 1], 7071).into();
//! options.queues = queues;
//! options.events = std::sync::Arc::new(|event| eprintln!("{event}"));
//! let host = devhost::Host::start(options).await?;
//! tokio::select! {
//!     reason = host.stopped() => eprintln!("{reason}"),
//!     _ = tokio::signal::ctrl_c() => {}
//! }
//! host.stop().await;
//! # Ok(()) }
//! ```
//!
//! Not built, and refused at start rather than half done: request forwarding, HTTP in envelope form, routes
//! in host.json, configuration profiles, retry policies, other triggers and bindings than the four triggers
//! and queue outputs, regular expressions and mixed segments in routes. Time is UTC throughout.

mod admin;
mod auth;
mod blob;
mod clock;
mod core;
mod envelope;
mod error;
mod event;
mod folder;
mod front;
mod function;
mod host;
mod host_json;
mod inspect;
mod invoke;
mod load;
mod memory;
mod metered;
mod options;
mod path;
mod pattern;
mod process;
mod proxy;
mod queue;
mod reply;
mod route;
mod schedule;
mod state;
mod storage;
mod timer;
mod timespan;
mod wire;
mod worker;

pub use error::HostError;
pub use event::{EventSink, HostEvent, Level, Stream, Trap};
pub use folder::FolderBlobs;
pub use function::{AuthLevel, FunctionInfo, TriggerInfo};
pub use host::Host;
pub use inspect::{Inspection, Shadowed, inspect};
pub use memory::MemoryQueues;
pub use options::{Keys, Options};
pub use storage::{BlobItem, HostBlobs, HostQueues, QueueMessage, StorageError};
