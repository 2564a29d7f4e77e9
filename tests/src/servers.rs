//! Real servers of others, which tests run against: installed from `tests/servers` under `target`, once.

use crate::repository;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// The folder with the servers, installed as the lock file says.
///
/// # Panics
/// If they cannot be installed: `npm` and its registry are needed.
pub fn servers() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let folder = repository().join("target/servers");
        fs::create_dir_all(&folder).expect("target/servers");
        // Test processes run side by side.
        let lock = fs::File::create(folder.join("lock")).expect("a lock file");
        lock.lock().expect("the lock");
        let source = repository().join("tests/servers");
        let wanted = fs::read(source.join("package-lock.json")).expect("tests/servers/package-lock.json");
        for file in fs::read_dir(&source).expect("tests/servers") {
            let file = file.expect("a file").path();
            if file.is_file() {
                fs::copy(&file, folder.join(file.file_name().unwrap_or_default())).expect("a copy");
            }
        }
        let installed = folder.join("installed.json");
        if fs::read(&installed).ok().as_deref() != Some(&wanted) {
            let npm =
                Command::new("npm").args(["ci", "--no-audit", "--no-fund"]).current_dir(&folder).status();
            assert!(
                npm.expect("npm: install Node.js 20 or later").success(),
                "npm ci fails in {}",
                folder.display()
            );
            fs::write(&installed, wanted).expect("installed.json");
        }
        folder
    })
}
