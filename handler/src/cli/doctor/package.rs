//! A package, before it is deployed: what the Functions host would trip over is told here.

use super::{Check, State, settings::Sources};
use crate::{cli::Fault, functions::FUNCTIONS, manifest, route::PREFIX};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs::File,
    io::Read,
    os::unix::fs::PermissionsExt,
    path::{Component, Path},
};

/// The largest function.json or host.json, in bytes.
const MAX_TEXT: u64 = 1024 * 1024;
/// As much of the program as its kind is told by.
const HEAD: usize = 64;
/// The largest program that is looked through, in bytes.
const MAX_PROGRAM: u64 = 512 * 1024 * 1024;
/// Functions run on Debian 12, whose glibc is 2.36.
const HOST_GLIBC: u32 = 36;
const STAGE: &str = "Make it anew: `make package`.";

/// A file of the package.
struct Entry {
    /// Permissions; `None`: the archive does not say.
    mode: Option<u32>,
    /// Its first bytes; of JSON, all.
    bytes: Vec<u8>,
    /// Of a program, the newest glibc 2.x that it asks for.
    glibc: Option<u32>,
}

type Entries = BTreeMap<String, Entry>;

/// Checks a package.
///
/// # Errors
/// When it cannot be read at all.
pub(super) fn check(path: &Path, sources: &Sources) -> Result<Vec<Check>, Fault> {
    let mut entries = Entries::new();
    let read = if path.is_dir() { folder(path, path, &mut entries) } else { archive(path, &mut entries) };
    read.map_err(|fault| format!("{}: {fault}", path.display()))?;
    let mut checks = Vec::new();
    if !entries.contains_key("host.json") {
        let deep = entries.keys().any(|name| name.ends_with("/host.json"));
        let says = if deep { "is not at the root, but a folder deeper" } else { "is not there" };
        checks.push(Check::of_package("host.json", State::Bad, says, STAGE));
        return Ok(checks);
    }
    // The host reads folders: so the JSON is laid out as it would find it.
    let root = tempfile::tempdir()?;
    for (name, entry) in entries.iter().filter(|(name, _)| name.ends_with(".json")) {
        let to = root.path().join(name);
        if let Some(folder) = to.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(to, &entry.bytes)?;
    }
    let env: Vec<_> = sources.values.clone().into_iter().collect();
    match devhost::inspect(root.path(), root.path(), &env) {
        Ok(found) => {
            let rule =
                format!("extensions.http.routePrefix must be `{PREFIX}`, not `{}`", found.route_prefix);
            checks.push(match found.route_prefix == PREFIX {
                true => {
                    Check::of_package("host.json", State::Good, "is read, and HTTP is passed on as it is", "")
                }
                false => Check::of_package("host.json", State::Bad, rule, STAGE),
            });
            checks.push(program(&found.executable, &entries));
            functions(&found, &entries, &mut checks);
        }
        Err(fault) => checks.push(Check::of_package("host.json", State::Bad, fault.to_string(), STAGE)),
    }
    strange(&entries, &mut checks);
    Ok(checks)
}

/// The program is there, may be run, and is one for where Functions run: x86-64 Linux.
fn program(name: &str, entries: &Entries) -> Check {
    let bad = |says: &str| Check::of_package(name, State::Bad, says, STAGE);
    let Some(entry) = entries.get(name) else { return bad("is what host.json starts, and is not there") };
    match entry.mode {
        None => return bad("may not be run: the archive has no permissions (it was packed on Windows?)"),
        Some(mode) if mode & 0o111 != 0o111 => {
            return bad("may not be run by everyone: its executable bit is not set");
        }
        Some(_) => {}
    }
    let at =
        |from: usize| entry.bytes.get(from..from + 2).map(|bytes| u16::from_le_bytes([bytes[0], bytes[1]]));
    match (entry.bytes.get(..6), at(16), at(18)) {
        // Magic, 64 bits, little end first; type executable or shared; machine.
        (Some(b"\x7fELF\x02\x01"), Some(2 | 3), Some(62)) => match entry.glibc {
            Some(minor) if minor > HOST_GLIBC => Check::of_package(
                name,
                State::Doubtful,
                format!("asks for glibc 2.{minor}, and where Functions run there is 2.{HOST_GLIBC}"),
                "Build it on Debian 12 or Ubuntu 22.04, or in a container of either: it may not start.",
            ),
            _ => Check::of_package(name, State::Good, "is a program for x86-64 Linux, and may be run", ""),
        },
        (Some(b"\x7fELF\x02\x01"), Some(2 | 3), Some(183)) => {
            bad("is a program for arm64: Functions run on x86-64")
        }
        _ => bad("is no program for x86-64 Linux"),
    }
}

fn functions(found: &devhost::Inspection, entries: &Entries, checks: &mut Vec<Check>) {
    let mut bad = |what: &str, says: String| checks.push(Check::of_package(what, State::Bad, says, STAGE));
    for (name, reason) in &found.broken {
        bad(name, reason.clone());
    }
    for shadowed in &found.shadowed {
        bad(&shadowed.function, shadowed.to_string());
    }
    for function in FUNCTIONS {
        let path = format!("{}/function.json", function.name);
        match entries.get(&path) {
            None => bad(function.name, "has no function.json".into()),
            Some(entry) => {
                let packed: Option<Value> = serde_json::from_slice(&entry.bytes).ok();
                if packed.is_some_and(|packed| packed != manifest::manifest(function)) {
                    bad(function.name, "its function.json is not the one of this version".into());
                }
            }
        }
    }
    for function in &found.functions {
        if !FUNCTIONS.iter().any(|known| known.name == function.name) {
            bad(&function.name, "is no function of this version".into());
        }
    }
    let good = !checks.iter().any(|check| check.state == State::Bad && check.what != "host.json");
    if good {
        let says = format!("{} are read, and each is reached", found.functions.len());
        checks.push(Check::of_package("functions", State::Good, says, ""));
    }
}

/// What does not belong into a package, settings and keys before all.
fn strange(entries: &Entries, checks: &mut Vec<Check>) {
    for name in entries.keys() {
        let parts: Vec<_> = name.split('/').collect();
        match parts[..] {
            ["host.json" | "handler"] | [_, "function.json"] => {}
            _ if name.contains("local.settings") || name.contains("keys") || name.ends_with(".pem") => {
                checks.push(Check::of_package(
                    name,
                    State::Bad,
                    "looks like settings or keys: it must not be deployed",
                    STAGE,
                ));
            }
            _ => checks.push(Check::of_package(
                name,
                State::Doubtful,
                "is nothing that the host or the handler reads",
                STAGE,
            )),
        }
        if let [folder, _, ..] = parts[..]
            && !entries.contains_key(&format!("{folder}/function.json"))
        {
            checks.push(Check::of_package(folder, State::Bad, "is a folder without function.json", STAGE));
        }
    }
}

fn folder(root: &Path, at: &Path, entries: &mut Entries) -> Result<(), Fault> {
    for entry in at.read_dir()? {
        let path = entry?.path();
        let name = path.strip_prefix(root)?.to_str().ok_or("a name that is not UTF-8")?.to_owned();
        let meta = path.symlink_metadata()?;
        if meta.is_dir() {
            if path.read_dir()?.next().is_none() {
                entries
                    .insert(format!("{name}/(empty)"), Entry { mode: None, bytes: Vec::new(), glibc: None });
            }
            folder(root, &path, entries)?;
        } else if meta.is_file() {
            let mode = Some(meta.permissions().mode());
            entries.insert(name.clone(), Entry::read(&name, mode, File::open(&path)?)?);
        } else {
            return Err(format!("{name} is neither file nor folder").into());
        }
    }
    Ok(())
}

fn archive(path: &Path, entries: &mut Entries) -> Result<(), Fault> {
    let mut archive = zip::ZipArchive::new(File::open(path)?)?;
    for index in 0..archive.len() {
        let mut file = archive.by_index(index)?;
        let name = file.name()?.into_owned();
        let plain = Path::new(&name).components().all(|part| matches!(part, Component::Normal(_)));
        if !plain || name.contains('\\') {
            return Err(format!("`{name}` is no name within a package").into());
        }
        if file.is_dir() {
            continue;
        }
        let mode = file.unix_mode();
        if entries.insert(name.clone(), Entry::read(&name, mode, &mut file)?).is_some() {
            return Err(format!("`{name}` is in it twice").into());
        }
    }
    Ok(())
}

impl Entry {
    fn read(name: &str, mode: Option<u32>, file: impl Read) -> Result<Self, Fault> {
        let json = name.ends_with(".json");
        let mut bytes = Vec::new();
        file.take(if json { MAX_TEXT } else { MAX_PROGRAM }).read_to_end(&mut bytes)?;
        if json {
            return Ok(Self { mode, bytes, glibc: None });
        }
        let glibc = bytes.starts_with(b"\x7fELF").then(|| glibc(&bytes)).flatten();
        bytes.truncate(HEAD);
        bytes.shrink_to_fit();
        Ok(Self { mode, bytes, glibc })
    }
}

/// The newest glibc 2.x of an ELF file's table of strings, where the versions that its symbols need stand by themselves.
fn glibc(program: &[u8]) -> Option<u32> {
    let texts = program.split(|byte| *byte == 0).filter_map(|text| text.strip_prefix(b"GLIBC_2."));
    texts.filter_map(|minor| std::str::from_utf8(minor).ok()?.split('.').next()?.parse().ok()).max()
}
