//! What the front, the pollers and the timers share.

use std::{future::Future, sync::Arc, time::Duration};

use tokio::{sync::watch, time::sleep};

use crate::{
    event::{HostEvent, Trap},
    function::Function,
    host_json::HostJson,
    options::Options,
    state::State,
    worker::Worker,
};

pub(crate) struct Core {
    pub(crate) options: Options,
    pub(crate) host: HostJson,
    pub(crate) functions: Vec<Arc<Function>>,
    pub(crate) worker: Worker,
    pub(crate) state: State,
    pub(crate) wake: watch::Sender<u64>,
}

impl Core {
    pub(crate) fn emit(&self, event: HostEvent) {
        (self.options.events)(event);
    }

    pub(crate) fn trap(&self, function: &str, trap: Trap, detail: impl Into<String>) {
        self.emit(HostEvent::TrapHit { function: function.to_owned(), trap, detail: detail.into() });
    }

    pub(crate) fn trouble(&self, function: &str, reason: impl std::fmt::Display) {
        self.emit(HostEvent::StorageTrouble { function: function.to_owned(), reason: reason.to_string() });
    }

    /// Makes every poller look at once.
    pub(crate) fn wake(&self) {
        self.wake.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Sleeps; false when the host ended meanwhile.
    pub(crate) async fn pause(&self, time: Duration) -> bool {
        self.unless_stopped(sleep(time)).await.is_some()
    }

    /// Sleeps until the time is over or somebody calls [`Core::wake`]; false when the host ended meanwhile.
    pub(crate) async fn pause_or_wake(&self, time: Duration, bell: &mut watch::Receiver<u64>) -> bool {
        let rest = async {
            tokio::select! {
                () = sleep(time) => (),
                _ = bell.changed() => (),
            }
        };
        self.unless_stopped(rest).await.is_some()
    }

    pub(crate) async fn unless_stopped<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            _ = self.worker.stopped() => None,
            done = work => Some(done),
        }
    }
}
