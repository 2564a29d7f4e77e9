//! Third-party servers and oracles, installed under `target/` from the manifests in `tests/servers`. Absence of the
//! tool that installs them is a failure, never a test that is left out.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

/// The folder with the `node_modules` of `tests/servers/package.json`.
///
/// # Panics
/// If they are not there, and `npm ci` cannot put them there.
pub fn servers() -> PathBuf {
    let files = ["package.json", "package-lock.json", ".npmrc", "oidc.mjs"];
    installed("servers", &files, |folder| {
        run(Command::new("npm")
            .args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"])
            .current_dir(folder));
    })
}

/// The interpreter of a virtual environment with `tests/servers/requirements.txt`.
///
/// # Panics
/// If it is not there, and `python3` with `pip` cannot put it there.
pub fn python() -> PathBuf {
    let folder = installed("python", &["requirements.txt"], |folder| {
        run(Command::new("python3").args(["-m", "venv"]).arg(folder));
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"];
        run(Command::new(folder.join("bin/python")).args(pip).arg(folder.join("requirements.txt")));
    });
    folder.join("bin/python")
}

/// Copies the manifests and installs, unless that was done with these very manifests. One process at a time does.
fn installed(name: &str, manifests: &[&str], install: impl FnOnce(&Path)) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let (source, folder) = (root.join("tests/servers"), root.join("target").join(name));
    fs::create_dir_all(&folder).unwrap();
    let lock = File::create(folder.join(".lock")).unwrap();
    lock.lock().unwrap();
    let wanted: Vec<u8> = manifests.iter().flat_map(|file| fs::read(source.join(file)).unwrap()).collect();
    let done = folder.join(".installed");
    if fs::read(&done).ok() != Some(wanted.clone()) {
        for file in manifests {
            fs::copy(source.join(file), folder.join(file)).unwrap();
        }
        install(&folder);
        fs::write(done, wanted).unwrap();
    }
    folder
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}; the tests need it"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
