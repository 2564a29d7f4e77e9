//! Everything on this machine.

use super::{Backend, Fault, entropy, extractor, models};
use crate::config::Config;
use local::Local;
use pool::{
    SealKeys,
    ports::{Links, Ports, SystemClock},
};
use std::sync::Arc;

pub(super) fn open(config: &Config) -> Result<Backend, Fault> {
    let local = state(config)?;
    let (current, keys) = local.keys.seal();
    let keys =
        SealKeys::new(current, keys, local.keys.names()).ok_or("the key file has no key to seal with")?;
    let (model, embedder) = models(config)?;
    let ports = Ports {
        records: local.records.clone(),
        blobs: local.blobs.clone(),
        links: config.storage_url.is_some().then(|| local.links.clone() as Arc<dyn Links>),
        index: local.index.clone(),
        queue: local.queue.clone(),
        directory: local.directory.clone(),
        model,
        embedder,
        extractor: extractor()?,
        clock: Arc::new(SystemClock),
        entropy: entropy(),
    };
    Ok(Backend { name: "local", ports, keys })
}

/// The state folder.
pub(super) fn state(config: &Config) -> Result<Local, Fault> {
    let mut options = local::Options::default();
    if let Some(url) = &config.storage_url {
        options.upload_base.clone_from(url);
    }
    Ok(Local::open(&config.state, options, Arc::new(SystemClock), entropy())?)
}
