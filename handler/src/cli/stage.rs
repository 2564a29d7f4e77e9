//! `handler stage`.

use super::{Fault, show};
use clap::Args;
use std::{
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// The host's settings, as they are committed.
pub(super) const HOST_JSON: &str = include_str!("../../../host.json");

/// Lay out the application as Azure Functions wants it: host.json, a folder a function, and this binary, executable.
#[derive(Debug, Args)]
pub(super) struct Stage {
    /// The folder; what is in it is replaced.
    #[arg(default_value = "target/app")]
    folder: PathBuf,
}

impl Stage {
    pub(super) fn run(self) -> Result<(), Fault> {
        layout(&self.folder)?;
        let binary = self.folder.join("handler");
        std::fs::copy(std::env::current_exe()?, &binary)?;
        std::fs::set_permissions(&binary, PermissionsExt::from_mode(0o755))?;
        show::line(&format!("{} is ready: `func start` there, or zip it", self.folder.display()));
        Ok(())
    }
}

/// Everything but the binary.
pub(super) fn layout(folder: &Path) -> Result<(), Fault> {
    if folder.join("host.json").exists() {
        std::fs::remove_dir_all(folder)?;
    } else if folder.exists() && folder.read_dir()?.next().is_some() {
        return Err(format!(
            "{} is not empty, and is no application: choose another folder",
            folder.display()
        )
        .into());
    }
    std::fs::create_dir_all(folder)?;
    std::fs::write(folder.join("host.json"), HOST_JSON)?;
    Ok(crate::manifest::write(folder)?)
}
