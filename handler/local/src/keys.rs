use crate::{
    error::{Error, Io, Result},
    files::sync_folder,
};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use pool::ports::Entropy;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{
    collections::BTreeMap,
    fmt,
    fs::{File, OpenOptions},
    io::{ErrorKind, Read, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

const VERSION: u32 = 1;

/// The secrets of a root, in a file that its owner alone can read.
///
/// A change locks a file beside it and replaces it whole: two processes never make two sets of keys, and nobody reads half
/// a file. A lock ends with its process, however it ends.
pub struct Keys {
    path: PathBuf,
    held: Held,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Held {
    version: u32,
    seal: Seal,
    names: Secret,
    links: Secret,
    #[serde(default)]
    secrets: BTreeMap<String, Secret<Vec<u8>>>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Seal {
    current: String,
    keys: BTreeMap<String, Secret>,
}

/// Bytes that are base64 in the file.
#[derive(Clone)]
struct Secret<T = [u8; 32]>(T);

impl<T: AsRef<[u8]>> Serialize for Secret<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64.encode(&self.0))
    }
}

impl<'de, T: TryFrom<Vec<u8>>> Deserialize<'de> for Secret<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = BASE64.decode(text).map_err(|_| de::Error::custom("a secret is not base64"))?;
        T::try_from(bytes).map(Self).map_err(|_| de::Error::custom("a key is not 32 bytes"))
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keys({})", self.path.display())
    }
}

impl Keys {
    /// Reads the file; makes it, with new keys, if there is none.
    ///
    /// # Errors
    /// [`Error::Exposed`] if others than its owner have any right to it, [`Error::Keys`] if it is not a key file.
    pub fn open(path: &Path, entropy: &dyn Entropy) -> Result<Self> {
        let held = match read(path)? {
            Some(held) => held,
            None => {
                let _lock = lock(path)?;
                match read(path)? {
                    Some(held) => held,
                    None => {
                        let held = Held::new(entropy);
                        write(path, &held)?;
                        held
                    }
                }
            }
        };
        Ok(Self { path: path.to_owned(), held })
    }

    /// The keys that seal jobs: the name of the one to seal with, and all by name.
    pub fn seal(&self) -> (&str, BTreeMap<String, [u8; 32]>) {
        let keys = self.held.seal.keys.iter().map(|(name, key)| (name.clone(), key.0)).collect();
        (&self.held.seal.current, keys)
    }

    /// The key of derived names, which never changes: names derived with it are stored.
    pub fn names(&self) -> [u8; 32] {
        self.held.names.0
    }

    /// The key that seals upload links.
    pub fn links(&self) -> [u8; 32] {
        self.held.links.0
    }

    /// The secret of this name, which is `make`'s if there is none yet. All processes get the same one.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn get_or_create(&self, name: &str, make: impl FnOnce() -> Vec<u8>) -> Result<Vec<u8>> {
        if let Some(secret) = self.held.secrets.get(name) {
            return Ok(secret.0.clone());
        }
        let _lock = lock(&self.path)?;
        let mut held = read(&self.path)?.unwrap_or_else(|| self.held.clone());
        if let Some(secret) = held.secrets.get(name) {
            return Ok(secret.0.clone());
        }
        let secret = make();
        held.secrets.insert(name.to_owned(), Secret(secret.clone()));
        write(&self.path, &held)?;
        Ok(secret)
    }
}

impl Held {
    fn new(entropy: &dyn Entropy) -> Self {
        let key = || {
            let mut key = [0; 32];
            entropy.fill(&mut key);
            Secret(key)
        };
        let seal = Seal { current: "k1".to_owned(), keys: BTreeMap::from([("k1".to_owned(), key())]) };
        Self { version: VERSION, seal, names: key(), links: key(), secrets: BTreeMap::new() }
    }
}

fn read(path: &Path) -> Result<Option<Held>> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        other => other.at(path)?,
    };
    let mode = file.metadata().at(path)?.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(Error::Exposed { path: path.to_owned(), mode });
    }
    let mut text = String::new();
    file.read_to_string(&mut text).at(path)?;
    let bad = |why: String| Error::Keys { path: path.to_owned(), why };
    let held: Held = serde_json::from_str(&text).map_err(|error| bad(error.to_string()))?;
    if held.version != VERSION {
        return Err(bad(format!("version {} is not {VERSION}", held.version)));
    }
    if !held.seal.keys.contains_key(&held.seal.current) {
        return Err(bad("the current seal key is not among the keys".to_owned()));
    }
    Ok(Some(held))
}

/// Holds off other processes until it is dropped.
fn lock(path: &Path) -> Result<File> {
    let beside = path.with_extension("lock");
    let lock =
        OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&beside).at(&beside)?;
    lock.lock().at(&beside)?;
    Ok(lock)
}

/// Only under the lock. A temporary file that is there is of a process that was killed.
fn write(path: &Path, held: &Held) -> Result<()> {
    let bad = |error: serde_json::Error| Error::Keys { path: path.to_owned(), why: error.to_string() };
    let text = serde_json::to_vec_pretty(held).map_err(bad)?;
    let part = path.with_extension("part");
    let _ = std::fs::remove_file(&part);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part).at(&part)?;
    file.write_all(&text).and_then(|()| file.sync_all()).at(&part)?;
    std::fs::rename(&part, path).at(path)?;
    sync_folder(path)
}
