//! What a `dev` keeps on this machine: in a tenant's folder are that tenant's words alone, in what is shared are none.

use crate::canary;
use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::SystemTime,
};

/// Files that were read, and when they had been written last.
#[derive(Default)]
pub(crate) struct Kept(Mutex<HashMap<PathBuf, SystemTime>>);

impl Kept {
    /// Reads what has been written since the last time.
    ///
    /// # Panics
    /// If a file holds words that are not of whose folder it is in.
    pub(crate) fn check(&self, state: &Path) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let leak = look(state, None, &mut known).expect("the state of a `dev`");
        assert!(leak.is_none(), "another tenant's words are kept: {leak:?}");
    }
}

/// The first file below `folder` with a foreign word, and whose it is. The folder of a tenant has the tenant's name.
fn look(
    folder: &Path,
    tenant: Option<&str>,
    known: &mut HashMap<PathBuf, SystemTime>,
) -> io::Result<Option<(PathBuf, &'static str)>> {
    // What was there a moment ago may be gone.
    let Ok(entries) = fs::read_dir(folder) else { return Ok(None) };
    for entry in entries.flatten() {
        let path = entry.path();
        let name = entry.file_name().into_string().unwrap_or_default();
        let Ok(about) = entry.metadata() else { continue };
        let leak = if about.is_dir() {
            look(&path, tenant.or_else(|| canary::all().find(|known| **known == name)), known)?
        } else if about.is_file() && known.insert(path.clone(), about.modified()?) != about.modified().ok() {
            let foreign = canary::foreign(&fs::read(&path).unwrap_or_default(), tenant);
            foreign.map(|whose| (path, whose))
        } else {
            None
        };
        if leak.is_some() {
            return Ok(leak);
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn words_are_found_where_they_do_not_belong() {
        let state = tempfile::tempdir().unwrap();
        let leaks = |file: &str, tenant: &str| {
            let path = state.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, format!("words {} of a tenant", canary::of(tenant))).unwrap();
            let leak = look(state.path(), None, &mut HashMap::new()).unwrap();
            fs::remove_file(path).unwrap();
            leak.map(|(_, whose)| whose)
        };
        assert_eq!(leaks("tenants/contoso/tenant.db", "contoso"), None);
        assert_eq!(leaks("tenants/contoso/blobs/ab/c", "contoso"), None);
        assert_eq!(leaks("tenants/contoso/blobs/ab/c", "fabrikam"), Some("fabrikam"));
        assert_eq!(leaks("platform.db-wal", "contoso"), Some("contoso"));
    }

    #[test]
    fn a_file_is_read_again_when_it_has_changed() {
        let (state, kept) = (tempfile::tempdir().unwrap(), Kept::default());
        let file = state.path().join("platform.db");
        fs::write(&file, "nothing").unwrap();
        kept.check(state.path());
        fs::write(&file, canary::of("contoso")).unwrap();
        let later = fs::metadata(&file).unwrap().modified().unwrap() + Duration::from_secs(1);
        fs::File::options().write(true).open(&file).unwrap().set_modified(later).unwrap();
        assert!(std::panic::catch_unwind(|| kept.check(state.path())).is_err());
    }
}
