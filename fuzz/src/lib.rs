//! What the fuzz targets share: the service in memory of `handler/tests/random`.

#[path = "../../handler/tests/random/service.rs"]
mod service;

pub use service::*;
