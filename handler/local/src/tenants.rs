//! The open tenants: each has its database, opened at first use and closed when others need the place or nobody asks.

use crate::{
    db::Db,
    error::{Io, Result},
    files::{make_folder, sync_folder},
    schema::TENANT,
};
use pool::ports::{PortError, PortResult};
use std::{
    collections::HashMap,
    io::ErrorKind,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::{sync::OnceCell, task::spawn_blocking};

pub(crate) struct Tenants {
    root: PathBuf,
    most: usize,
    open: Mutex<HashMap<String, Slot>>,
}

struct Slot {
    db: Arc<OnceCell<Arc<Db>>>,
    used: Instant,
}

impl Tenants {
    pub(crate) fn new(root: &Path, most: usize) -> Self {
        Self { root: root.join("tenants"), most: most.max(1), open: Mutex::default() }
    }

    /// The tenant's folder. Only a name of the tenants' grammar has one.
    pub(crate) fn folder(&self, tenant: &str) -> PortResult<PathBuf> {
        if pool::is_tenant_name(tenant) {
            Ok(self.root.join(tenant))
        } else {
            Err(PortError::refused("not a tenant's name"))
        }
    }

    /// The tenant's database.
    pub(crate) async fn get(&self, tenant: &str) -> PortResult<Arc<Db>> {
        let folder = self.folder(tenant)?;
        let cell = {
            let mut open = self.slots();
            if let Some(slot) = open.get_mut(tenant) {
                slot.used = Instant::now();
                if let Some(db) = slot.db.get() {
                    return Ok(db.clone());
                }
                slot.db.clone()
            } else {
                let cell = Arc::new(OnceCell::new());
                open.insert(tenant.to_owned(), Slot { db: cell.clone(), used: Instant::now() });
                close(make_room(&mut open, self.most, tenant));
                cell
            }
        };
        let opened = cell.get_or_try_init(|| async {
            let opening = spawn_blocking(move || -> Result<Arc<Db>> {
                make_folder(&folder)?;
                Ok(Arc::new(Db::open(&folder.join("tenant.db"), &TENANT)?))
            });
            opening.await.map_err(PortError::unavailable)?.map_err(PortError::from)
        });
        Ok(opened.await?.clone())
    }

    /// Closes the databases that nobody asked for in this time; answers how many remain open.
    pub(crate) fn tidy(&self, idle: Duration) -> usize {
        let mut open = self.slots();
        let old: Vec<String> = open
            .iter()
            .filter(|(_, slot)| slot.used.elapsed() >= idle)
            .map(|(name, _)| name.clone())
            .collect();
        close(old.iter().filter_map(|name| open.remove(name)).collect());
        open.len()
    }

    /// Closes the tenant's database and deletes its folder; `false` if it has none.
    pub(crate) async fn offboard(&self, tenant: &str) -> PortResult<bool> {
        let folder = self.folder(tenant)?;
        let slot = self.slots().remove(tenant);
        let delete = move || {
            drop(slot);
            match std::fs::remove_dir_all(&folder) {
                Ok(()) => sync_folder(&folder).map(|()| true),
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
                Err(error) => Err(error).at(&folder),
            }
        };
        Ok(spawn_blocking(delete).await.map_err(PortError::unavailable)??)
    }

    fn slots(&self) -> MutexGuard<'_, HashMap<String, Slot>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes out the least recently used until the rest fits. One that is in use closes when its last user is done.
fn make_room(open: &mut HashMap<String, Slot>, most: usize, newest: &str) -> Vec<Slot> {
    let mut out = Vec::new();
    while open.len() > most {
        let others = open.iter().filter(|(name, _)| *name != newest);
        let Some(oldest) = others.min_by_key(|(_, slot)| slot.used).map(|(name, _)| name.clone()) else {
            break;
        };
        out.extend(open.remove(&oldest));
    }
    out
}

/// Closing writes the log back into the database and joins the writer: not on an async thread.
fn close(slots: Vec<Slot>) {
    if slots.is_empty() {
        return;
    }
    match tokio::runtime::Handle::try_current() {
        Ok(runtime) => drop(runtime.spawn_blocking(move || drop(slots))),
        Err(_) => drop(slots),
    }
}
