//! `handler stage`.

use super::{Fault, show};
use clap::Args;
use std::{
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};
use zip::{CompressionMethod, DateTime, ZipWriter, write::SimpleFileOptions};

/// The host's settings, as they are committed.
pub(super) const HOST_JSON: &str = include_str!("../../../host.json");

/// Lay out the application as Azure Functions wants it: host.json, a folder a function, and this binary, executable.
#[derive(Debug, Args)]
pub(super) struct Stage {
    /// The folder; what is in it is replaced.
    #[arg(default_value = "target/app")]
    folder: PathBuf,
    /// Pack it, too: a zip of which every run makes the same bytes.
    #[arg(long)]
    zip: Option<PathBuf>,
}

impl Stage {
    pub(super) fn run(self) -> Result<(), Fault> {
        layout(&self.folder)?;
        let binary = self.folder.join("handler");
        std::fs::copy(std::env::current_exe()?, &binary)?;
        std::fs::set_permissions(&binary, PermissionsExt::from_mode(0o755))?;
        show::line(&format!("{} is laid out as the Functions host reads it", self.folder.display()));
        if let Some(zip) = &self.zip {
            pack(&self.folder, zip)?;
            show::line(&format!("{} is its package", zip.display()));
        }
        Ok(())
    }
}

/// Everything but the binary.
pub(super) fn layout(folder: &Path) -> Result<(), Fault> {
    clear(folder)?;
    std::fs::create_dir_all(folder)?;
    std::fs::write(folder.join("host.json"), HOST_JSON)?;
    Ok(crate::manifest::write(folder)?)
}

/// Packs a staged application: sorted names, one date, permissions as they must be, so that the bytes depend on
/// nothing but the files'.
pub(super) fn pack(folder: &Path, zip: &Path) -> Result<(), Fault> {
    let mut files = Vec::new();
    for entry in folder.read_dir()?.collect::<Result<Vec<_>, _>>()? {
        let name = entry.file_name().into_string().map_err(|_| "a name that is not UTF-8")?;
        files.push(if entry.path().is_dir() { format!("{name}/function.json") } else { name });
    }
    files.sort();
    // Beside it, and then in its place: a package is whole or not there.
    let unfinished = tempfile::NamedTempFile::new_in(match zip.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    })?;
    let mut archive = ZipWriter::new(unfinished);
    for name in files {
        let mode = if name == "handler" { 0o755 } else { 0o644 };
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .last_modified_time(DateTime::default())
            .unix_permissions(mode);
        archive.start_file(&name, options)?;
        std::io::copy(&mut std::fs::File::open(folder.join(&name))?, &mut archive)?;
    }
    let finished = archive.finish()?;
    std::fs::set_permissions(finished.path(), PermissionsExt::from_mode(0o644))?;
    finished.persist(zip)?;
    Ok(())
}

/// Removes an application that was laid out before, and nothing else: a folder with anything more is left alone.
fn clear(folder: &Path) -> Result<(), Fault> {
    if !folder.exists() {
        return Ok(());
    }
    let entries = folder.read_dir()?.collect::<Result<Vec<_>, _>>()?;
    let ours = |path: &Path| {
        let named = |name: &str| path.file_name().is_some_and(|known| known == name);
        let only_manifest = || {
            path.read_dir().is_ok_and(|mut inside| {
                inside.all(|entry| entry.is_ok_and(|entry| entry.file_name() == "function.json"))
            })
        };
        if path.is_dir() { only_manifest() } else { named("host.json") || named("handler") }
    };
    if let Some(strange) = entries.iter().find(|entry| !ours(&entry.path())) {
        let name = strange.path();
        return Err(
            format!("{} is no part of a staged application: choose another folder", name.display()).into()
        );
    }
    for entry in entries {
        let path = entry.path();
        if path.is_dir() { std::fs::remove_dir_all(path)? } else { std::fs::remove_file(path)? }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_runs_make_the_same_bytes() {
        let root = tempfile::tempdir().unwrap();
        let packed = |name: &str, wait: bool| {
            let (app, zip) = (root.path().join(name), root.path().join(format!("{name}.zip")));
            layout(&app).unwrap();
            if wait {
                std::thread::sleep(std::time::Duration::from_millis(2100));
            }
            std::fs::write(app.join("handler"), "#!program").unwrap();
            pack(&app, &zip).unwrap();
            std::fs::read(zip).unwrap()
        };
        assert!(packed("one", false) == packed("two", true), "the packages differ");
    }

    #[test]
    fn a_folder_with_anything_else_is_left_alone() {
        let root = tempfile::tempdir().unwrap();
        let app = root.path().join("app");
        layout(&app).unwrap();
        layout(&app).unwrap();
        assert!(app.join("health/function.json").exists());
        std::fs::write(app.join("health/notes.txt"), "mine").unwrap();
        let refused = layout(&app).unwrap_err().to_string();
        assert!(refused.contains("health is no part"), "{refused}");
        assert!(app.join("health/notes.txt").exists() && app.join("host.json").exists());
    }
}
