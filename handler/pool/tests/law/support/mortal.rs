use async_trait::async_trait;
use futures::future::BoxFuture;
use pool::{TenantId, ports::*};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

/// When the process dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Death {
    /// Before its nth write takes effect.
    Before(usize),
    /// After its nth write took effect, and before it is answered.
    After(usize),
}

impl Death {
    /// Both deaths at each of the first `writes` writes.
    pub(crate) fn each(writes: usize) -> impl Iterator<Item = Self> {
        (0..writes).flat_map(|n| [Self::Before(n), Self::After(n)])
    }
}

type Hook = Box<dyn FnOnce() -> BoxFuture<'static, ()> + Send>;

#[derive(Default)]
struct State {
    death: Option<Death>,
    dead: bool,
    writes: usize,
    calls: Vec<(String, String)>,
    hook: Option<(&'static str, bool, Hook)>,
}

/// What all the ports of a world share: who was called, and whether the process lives.
#[derive(Default)]
pub(crate) struct Fuse(Mutex<State>);

impl Fuse {
    /// Lets the process die so, counting writes from now.
    pub(crate) fn dies(&self, death: Death) {
        let mut state = self.0.lock().unwrap();
        (state.death, state.dead, state.writes) = (Some(death), false, 0);
    }

    /// Starts the process again; answers whether it had died.
    pub(crate) fn revive(&self) -> bool {
        let mut state = self.0.lock().unwrap();
        (state.death, state.hook) = (None, None);
        std::mem::take(&mut state.dead)
    }

    /// Every call since the last time: tenant and what was called.
    pub(crate) fn calls(&self) -> Vec<(String, String)> {
        std::mem::take(&mut self.0.lock().unwrap().calls)
    }

    /// Does something else when this is called next: before it has its effect, or after.
    pub(crate) fn at(
        &self,
        call: &'static str,
        after: bool,
        hook: impl FnOnce() -> BoxFuture<'static, ()> + Send + 'static,
    ) {
        self.0.lock().unwrap().hook = Some((call, after, Box::new(hook)));
    }

    async fn hook(&self, call: &str, after: bool) {
        let hook = {
            let mut state = self.0.lock().unwrap();
            let due = state.hook.as_ref().is_some_and(|(name, late, _)| *name == call && *late == after);
            if due { state.hook.take() } else { None }
        };
        if let Some((.., hook)) = hook {
            hook().await;
        }
    }

    async fn read<T>(
        &self,
        tenant: &TenantId,
        call: &str,
        effect: BoxFuture<'_, PortResult<T>>,
    ) -> PortResult<T> {
        self.hook(call, false).await;
        {
            let mut state = self.0.lock().unwrap();
            state.calls.push((tenant.to_string(), call.to_owned()));
            assert!(state.calls.len() < 20_000, "it never ends");
            if state.dead {
                return Err(dead());
            }
        }
        effect.await
    }

    async fn write<T>(
        &self,
        tenant: &str,
        call: &str,
        effect: BoxFuture<'_, PortResult<T>>,
    ) -> PortResult<T> {
        self.hook(call, false).await;
        let after = {
            let mut state = self.0.lock().unwrap();
            state.calls.push((tenant.to_owned(), call.to_owned()));
            assert!(state.calls.len() < 20_000, "it never ends");
            let n = state.writes;
            state.writes += 1;
            if state.death == Some(Death::Before(n)) {
                state.dead = true;
            }
            if state.dead {
                return Err(dead());
            }
            state.death == Some(Death::After(n))
        };
        let done = effect.await;
        self.hook(call, true).await;
        if after {
            self.0.lock().unwrap().dead = true;
            return Err(dead());
        }
        done
    }
}

fn dead() -> PortError {
    PortError::unavailable("the process is dead")
}

/// A port that a fuse can cut.
pub(crate) struct Mortal<P: ?Sized> {
    inner: Arc<P>,
    fuse: Arc<Fuse>,
}

impl<P: ?Sized> Mortal<P> {
    pub(crate) fn new(inner: Arc<P>, fuse: &Arc<Fuse>) -> Self {
        Self { inner, fuse: fuse.clone() }
    }
}

#[async_trait]
impl Records for Mortal<dyn Records> {
    async fn get(&self, tenant: &TenantId, kind: Kind, id: &str) -> PortResult<Option<Row>> {
        self.fuse.read(tenant, "records.get", self.inner.get(tenant, kind, id)).await
    }

    async fn query(&self, tenant: &TenantId, query: &Query) -> PortResult<Vec<Row>> {
        self.fuse.read(tenant, "records.query", self.inner.query(tenant, query)).await
    }

    async fn commit(&self, tenant: &TenantId, writes: Vec<Write>) -> PortResult<Vec<Etag>> {
        self.fuse.write(tenant.as_str(), "records.commit", self.inner.commit(tenant, writes)).await
    }

    async fn sweep(&self, tenant: &TenantId, limit: usize) -> PortResult<usize> {
        self.fuse.write(tenant.as_str(), "records.sweep", self.inner.sweep(tenant, limit)).await
    }
}

#[async_trait]
impl Blobs for Mortal<dyn Blobs> {
    async fn put(
        &self,
        tenant: &TenantId,
        name: &BlobName,
        content_type: &str,
        limit: u64,
        body: ByteStream,
    ) -> PortResult<BlobInfo> {
        let put = self.inner.put(tenant, name, content_type, limit, body);
        self.fuse.write(tenant.as_str(), "blobs.put", put).await
    }

    async fn get(
        &self,
        tenant: &TenantId,
        name: &BlobName,
        if_match: Option<&Etag>,
    ) -> PortResult<Option<(BlobInfo, ByteStream)>> {
        self.fuse.read(tenant, "blobs.get", self.inner.get(tenant, name, if_match)).await
    }

    async fn head(&self, tenant: &TenantId, name: &BlobName) -> PortResult<Option<BlobInfo>> {
        self.fuse.read(tenant, "blobs.head", self.inner.head(tenant, name)).await
    }

    async fn delete(&self, tenant: &TenantId, name: &BlobName) -> PortResult<bool> {
        self.fuse.write(tenant.as_str(), "blobs.delete", self.inner.delete(tenant, name)).await
    }
}

#[async_trait]
impl Index for Mortal<dyn Index> {
    async fn upsert(&self, tenant: &TenantId, entries: Vec<Entry>) -> PortResult<()> {
        self.fuse.write(tenant.as_str(), "index.upsert", self.inner.upsert(tenant, entries)).await
    }

    async fn delete(&self, tenant: &TenantId, keys: &[EntryKey]) -> PortResult<()> {
        self.fuse.write(tenant.as_str(), "index.delete", self.inner.delete(tenant, keys)).await
    }

    async fn search(&self, tenant: &TenantId, query: &SearchQuery) -> PortResult<Vec<Hit>> {
        self.fuse.read(tenant, "index.search", self.inner.search(tenant, query)).await
    }
}

#[async_trait]
impl Queue for Mortal<dyn Queue> {
    async fn push(&self, queue: QueueName, job: &SealedJob, delay: Duration) -> PortResult<()> {
        self.fuse.write("_queue", "queue.push", self.inner.push(queue, job, delay)).await
    }

    async fn ready(&self) -> PortResult<()> {
        self.inner.ready().await
    }
}
