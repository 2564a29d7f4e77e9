//! The API, one file a resource: parse the request, call the scope, shape the answer.

pub(crate) mod agents;
pub(crate) mod files;
pub(crate) mod messages;
pub(crate) mod records;
pub(crate) mod runs;
pub(crate) mod search;
pub(crate) mod system;
pub(crate) mod threads;
