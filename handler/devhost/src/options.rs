//! What a host is told at its start.

use std::{
    collections::HashMap,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use crate::{
    event::EventSink,
    folder::FolderBlobs,
    memory::MemoryQueues,
    storage::{HostBlobs, HostQueues},
};

/// Access keys. Without them a host lets everyone in, as Core Tools does.
#[derive(Debug, Clone, Default)]
pub struct Keys {
    /// Opens everything, `/admin` included.
    pub master: String,
    /// Host keys: open every function of level `function`.
    pub host: Vec<String>,
    /// Function keys by function name.
    pub functions: HashMap<String, Vec<String>>,
}

/// How to run an app. Start from [`Options::new`] and change what differs.
#[derive(Clone)]
pub struct Options {
    /// The script root: where host.json is. The worker's working directory unless host.json names another.
    pub root: PathBuf,
    /// The directory whose immediate sub-directories hold function.json. In a staged app that is the root.
    pub functions: PathBuf,
    /// The worker's program, instead of `defaultExecutablePath` of host.json.
    pub executable: Option<PathBuf>,
    /// Arguments for `executable`; host.json's are used only with host.json's program.
    pub arguments: Vec<String>,
    /// App settings and everything else the worker's environment shall hold; nothing is inherited. Also the
    /// source of `AzureFunctionsJobHost__*`, `AzureWebJobs.<function>.Disabled` and `%SETTING%`.
    pub env: Vec<(String, String)>,
    /// Where HTTP is served; port 0 takes a free one, [`Host::addr`](crate::Host::addr) tells which.
    pub listen: SocketAddr,
    /// Reproduce the real host's traps: an empty answer fails loudly, strings are guessed to be base64, dates
    /// are mangled.
    pub strict: bool,
    /// Check keys; `None` lets everyone in.
    pub auth: Option<Keys>,
    /// The queues of queue triggers, queue outputs and poison.
    pub queues: Arc<dyn HostQueues>,
    /// The containers of blob triggers.
    pub blobs: Arc<dyn HostBlobs>,
    /// Where blob receipts and timer status survive a restart.
    pub state: PathBuf,
    /// How many worker errors within the window end the host; `usize::MAX` for tests that kill the worker all
    /// day.
    pub error_limit: usize,
    /// An error older than this is forgiven.
    pub error_window: Duration,
    /// How long a received message is leased; renewed at half time.
    pub queue_lease: Duration,
    /// How often containers are listed.
    pub blob_poll: Duration,
    /// Where everything that happens is told.
    pub events: EventSink,
}

impl Options {
    /// The real host's defaults: strict, no keys, any free port on 127.0.0.1; queues in memory, blobs in
    /// `<root>/.devhost/blobs`, state in `<root>/.devhost/state`, events to nobody. The function folders are
    /// in the root.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        let root = root.into();
        Self {
            functions: root.clone(),
            executable: None,
            arguments: Vec::new(),
            env: Vec::new(),
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            strict: true,
            auth: None,
            queues: Arc::new(MemoryQueues::new()),
            blobs: Arc::new(FolderBlobs::new(root.join(".devhost/blobs"))),
            state: root.join(".devhost/state"),
            error_limit: 3,
            error_window: Duration::from_secs(30 * 60),
            queue_lease: Duration::from_secs(10 * 60),
            blob_poll: Duration::from_millis(500),
            events: Arc::new(|_| ()),
            root,
        }
    }

    pub(crate) fn setting(&self, name: &str) -> Option<&str> {
        self.env.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}
