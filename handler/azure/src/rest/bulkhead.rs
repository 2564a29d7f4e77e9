use crate::retry::Budget;
use pool::{
    TenantId,
    ports::{PortError, PortResult},
};
use quick_cache::sync::Cache;
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout_at},
};

/// Calls of one tenant to one service that are under way at a time.
pub(super) const UNDER_WAY: usize = 32;
/// Calls of one tenant that wait for a place. Others are refused at once.
pub(super) const WAITING: usize = 64;

/// One tenant's slow or many calls take no other tenant's place, and its failing ones no other tenant's retries.
pub(super) struct Bulkheads(Cache<TenantId, Arc<Bulkhead>>);

struct Bulkhead {
    /// Those under way and those that wait.
    admitted: Arc<Semaphore>,
    under_way: Arc<Semaphore>,
    retries: Budget,
}

/// A place that is given back when this is dropped.
pub(super) struct Place {
    _under_way: OwnedSemaphorePermit,
    _admitted: OwnedSemaphorePermit,
    whose: Arc<Bulkhead>,
}

impl Place {
    /// What the tenant's retries may cost.
    pub(super) fn retries(&self) -> &Budget {
        &self.whose.retries
    }
}

impl Default for Bulkheads {
    fn default() -> Self {
        Self(Cache::new(4_096))
    }
}

impl Bulkheads {
    pub(super) async fn enter(&self, tenant: &TenantId, deadline: Instant) -> PortResult<Place> {
        let new = || {
            let admitted = Arc::new(Semaphore::new(UNDER_WAY + WAITING));
            Ok::<_, PortError>(Arc::new(Bulkhead {
                admitted,
                under_way: Arc::new(Semaphore::new(UNDER_WAY)),
                retries: Budget::default(),
            }))
        };
        let full = || PortError::Exhausted { retry_after: Duration::from_secs(1) };
        let mine = self.0.get_or_insert_with(tenant, new)?;
        let admitted = mine.admitted.clone().try_acquire_owned().map_err(|_| full())?;
        let under_way = timeout_at(deadline, mine.under_way.clone().acquire_owned()).await;
        let under_way = under_way.map_err(|_| full())?.map_err(PortError::unavailable)?;
        Ok(Place { _under_way: under_way, _admitted: admitted, whose: mine })
    }
}
