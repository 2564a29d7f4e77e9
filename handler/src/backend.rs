//! The backend's parts that tools use without the service.

use crate::{config::Config, serve};
use pool::ports::Directory;
use std::sync::Arc;

/// The directory of tenants.
///
/// # Errors
/// What is wrong with the backend.
pub fn directory(config: &Config) -> Result<Arc<dyn Directory>, Box<dyn std::error::Error + Send + Sync>> {
    Ok(serve::open(config)?.directory.clone())
}
