use super::PortResult;
use crate::{
    TenantId,
    filter::{Filter, Scalar},
};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The name of an entry within a tenant's index.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EntryKey {
    /// The file or document it is a part of.
    pub source: String,
    /// Which part, from 0.
    pub chunk: u32,
}

/// A passage that can be found.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its name.
    pub key: EntryKey,
    /// The user whose file it is from; `None`: every user of the tenant may find it.
    pub owner: Option<String>,
    /// The title of its source.
    pub title: String,
    /// The passage.
    pub content: String,
    /// Where in the source, for people: "page 3".
    pub place: String,
    /// The source's declared fields, for filters.
    pub fields: BTreeMap<String, Scalar>,
    /// Its embedding.
    pub vector: Option<Vec<f32>>,
}

/// How to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SearchMode {
    /// By words (BM25).
    Text,
    /// By embedding.
    Vector,
    /// By both, fused by reciprocal rank.
    Hybrid,
}

/// Whose entries may be found. It is applied beside the tenant, outside the caller's filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// All of the tenant's.
    Tenant,
    /// Those that belong to nobody, and this user's.
    User(String),
}

/// A search in one tenant's entries.
#[derive(Clone, Debug, PartialEq)]
pub struct SearchQuery {
    /// How.
    pub mode: SearchMode,
    /// Words; needed by text and hybrid. They are words, never operators.
    pub text: String,
    /// An embedding; needed by vector and hybrid.
    pub vector: Option<Vec<f32>>,
    /// Only entries whose fields pass.
    pub filter: Option<Filter>,
    /// Only entries that the caller may see.
    pub visibility: Visibility,
    /// At most this many, 1 to 100.
    pub top: usize,
}

/// An entry that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    /// The tenant of the index it was found in, as stored with it. Checked again by the pool.
    pub tenant: String,
    /// The entry, without its vector.
    pub entry: Entry,
    /// Greater is better; comparable within one answer only.
    pub score: f64,
    /// The part of the passage that matches best, at most about 300 characters.
    pub snippet: String,
}

/// The search index.
#[async_trait]
pub trait Index: Send + Sync {
    /// Writes entries, new or not; an entry replaces the one of the same name. All or none.
    async fn upsert(&self, tenant: &TenantId, entries: Vec<Entry>) -> PortResult<()>;

    /// Removes entries; those that are absent are removed already.
    async fn delete(&self, tenant: &TenantId, keys: &[EntryKey]) -> PortResult<()>;

    /// The best entries, best first.
    async fn search(&self, tenant: &TenantId, query: &SearchQuery) -> PortResult<Vec<Hit>>;
}
