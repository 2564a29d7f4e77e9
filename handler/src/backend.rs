//! Where data is kept: the local backend or Azure, wired as the settings say.

pub(crate) mod azure;
mod local;

use crate::{config::Config, extraction::ChildExtractor};
use ::local::{
    OsEntropy,
    model::{Endpoint, Extractive, OpenAiCompatible, OpenAiEmbeddings, Secret},
};
use pool::{
    SealKeys,
    ports::{Directory, Embedder, Extractor, Model, Ports, SystemClock},
};
use std::sync::Arc;

pub(crate) type Fault = Box<dyn std::error::Error + Send + Sync>;

/// A backend that is open.
pub struct Backend {
    /// Its name: `local` or `azure`.
    pub name: &'static str,
    /// The ports.
    pub ports: Ports,
    /// The keys that seal and name.
    pub keys: SealKeys,
}

/// Opens the backend. Nothing that is far away is asked yet.
///
/// # Errors
/// What is wrong with the state folder, the keys or the settings.
pub fn open(config: &Config) -> Result<Backend, Fault> {
    match &config.azure {
        None => local::open(config),
        Some(azure) => azure::open(config, azure),
    }
}

/// The directory alone, for those who look after tenants.
///
/// # Errors
/// As [`open`].
pub fn directory(config: &Config) -> Result<Arc<dyn Directory>, Fault> {
    match &config.azure {
        None => Ok(local::state(config)?.directory),
        Some(azure) => Ok(azure::Services::new(azure)?.directory),
    }
}

fn extractor() -> Result<Arc<dyn Extractor>, Fault> {
    Ok(Arc::new(ChildExtractor::new(&std::env::current_exe()?)))
}

type Models = (Arc<dyn Model>, Option<Arc<dyn Embedder>>);

/// The OpenAI-compatible endpoint that is set, or the offline model.
fn models(config: &Config) -> Result<Models, Fault> {
    let Some(model) = &config.model else { return Ok((Arc::new(Extractive::default()), None)) };
    let key = model.key.clone().map(Secret::new);
    let endpoint = Arc::new(Endpoint::new(&model.endpoint, key.as_ref(), Arc::new(SystemClock))?);
    let embedder = model.embedding.as_ref().map(|(name, dimensions)| {
        Arc::new(OpenAiEmbeddings::new(endpoint.clone(), name, *dimensions)) as Arc<dyn Embedder>
    });
    Ok((Arc::new(OpenAiCompatible::new(endpoint, &model.name)), embedder))
}

fn entropy() -> Arc<OsEntropy> {
    Arc::new(OsEntropy)
}
