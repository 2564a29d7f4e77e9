//! Search: over passages of files, and over documents that clients write.

mod documents;

pub use documents::Upserted;

use crate::{
    Error, Scope, SecurityEvent,
    files::StoredFile,
    filter::{Filter, Scalar},
    ports::{EntryKey, Hit, SearchMode, SearchQuery, Visibility},
    rules::Rules,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};

/// What to look for.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Find {
    /// Words, at most 1,000 characters. They are words, never operators.
    #[serde(default)]
    pub query: String,
    /// An embedding; the service makes one of `query` if it can and none is given.
    #[serde(default)]
    pub vector: Option<Vec<f32>>,
    /// A tree over declared fields.
    #[serde(default)]
    #[schemars(with = "Option<serde_json::Value>")]
    pub filter: Option<Filter>,
    /// At most this many, 1 to 100.
    #[serde(default = "ten")]
    pub top: usize,
    /// How: `text`, `vector` or `hybrid`.
    #[serde(default = "hybrid")]
    #[schemars(with = "String")]
    pub mode: SearchMode,
}

fn ten() -> usize {
    10
}

fn hybrid() -> SearchMode {
    SearchMode::Hybrid
}

impl Default for Find {
    fn default() -> Self {
        Self { query: String::new(), vector: None, filter: None, top: ten(), mode: hybrid() }
    }
}

/// A passage that was found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Found {
    /// The file's or document's id.
    pub id: String,
    /// `search.hit`.
    pub object: String,
    /// `file` or `document`.
    pub r#type: String,
    /// The file's name or the document's title.
    pub title: String,
    /// The passage.
    pub content: String,
    /// The part of it that matches best.
    pub snippet: String,
    /// Where in the file: "page 3".
    pub position: String,
    /// Greater is better; comparable within one answer only.
    pub score: f64,
    /// The document's declared fields.
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    pub fields: BTreeMap<String, Scalar>,
}

/// Where an index entry comes from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Source {
    File(String),
    Document(String),
}

impl Source {
    pub(crate) fn key(&self, chunk: u32) -> EntryKey {
        let source = match self {
            Self::File(id) => format!("f.{id}"),
            Self::Document(id) => format!("d.{id}"),
        };
        EntryKey { source, chunk }
    }

    fn of(key: &EntryKey) -> Option<Self> {
        match key.source.split_once('.')? {
            ("f", id) => Some(Self::File(id.to_owned())),
            ("d", id) => Some(Self::Document(id.to_owned())),
            _ => None,
        }
    }
}

/// The index, as far as a caller may see it.
pub struct Search<'a>(pub(crate) &'a Scope);

impl Search<'_> {
    /// The best passages that the caller may see, best first.
    ///
    /// # Errors
    /// [`Error::Invalid`], or a backend's failure.
    pub async fn query(&self, find: Find) -> Result<Vec<Found>, Error> {
        let visibility = self.0.only_owner().map_or(Visibility::Tenant, |user| Visibility::User(user.into()));
        self.find(find, visibility).await
    }

    pub(crate) async fn find(&self, find: Find, visibility: Visibility) -> Result<Vec<Found>, Error> {
        let query = self.check(find, visibility).await?;
        if query.text.trim().is_empty() && query.vector.is_none() {
            return Ok(Vec::new());
        }
        let hits = self.0.ports().index.search(self.0.tenant(), &query).await?;
        self.honest(&hits, &query)?;
        self.standing(hits, &query.visibility).await
    }

    async fn check(&self, find: Find, visibility: Visibility) -> Result<SearchQuery, Error> {
        let embedder = self.0.ports().embedder.as_ref();
        let mut rules = Rules::default();
        rules
            .text("/query", &find.query, 0, 1_000)
            .that((1..=100).contains(&find.top), "/top", "must be 1 to 100")
            .that(
                find.mode != SearchMode::Text || find.vector.is_none(),
                "/vector",
                "is not used by mode `text`",
            );
        if let Some(vector) = &find.vector {
            let finite = vector.iter().all(|x| x.is_finite()) && !vector.is_empty() && vector.len() <= 4096;
            rules.that(finite, "/vector", "must have 1 to 4,096 finite numbers");
        }
        let can_embed = find.vector.is_some() || (embedder.is_some() && !find.query.trim().is_empty());
        rules.that(
            find.mode != SearchMode::Vector || can_embed,
            "/vector",
            "is needed: there is no embedding model",
        );
        rules.done()?;
        if let Some(filter) = &find.filter {
            filter.check("/filter")?;
            self.declared(filter)?;
        }
        let vector = match (find.vector, embedder) {
            (None, Some(embedder)) if find.mode != SearchMode::Text && can_embed => {
                embedder.embed(self.0.tenant(), std::slice::from_ref(&find.query)).await?.pop()
            }
            (given, _) => given,
        };
        let mode = match (find.mode, &vector, find.query.trim().is_empty()) {
            (SearchMode::Hybrid, None, _) => SearchMode::Text,
            (SearchMode::Hybrid, Some(_), true) => SearchMode::Vector,
            (mode, ..) => mode,
        };
        Ok(SearchQuery { mode, text: find.query, vector, filter: find.filter, visibility, top: find.top })
    }

    fn declared(&self, filter: &Filter) -> Result<(), Error> {
        let fields = &self.0.settings().search_fields;
        let known = |field: &str| {
            if fields.contains_key(field) {
                return Ok(());
            }
            let names: Vec<_> = fields.keys().map(String::as_str).collect();
            Err(Error::invalid("/filter", format!("fields are {}", names.join(", "))))
        };
        match filter {
            Filter::And { and: parts } | Filter::Or { or: parts } => {
                parts.iter().try_for_each(|p| self.declared(p))
            }
            Filter::Not { not } => self.declared(not),
            Filter::In { field, .. } | Filter::Compare { field, .. } => known(field.as_str()),
        }
    }

    /// Holds every hit against what was asked.
    fn honest(&self, hits: &[Hit], query: &SearchQuery) -> Result<(), Error> {
        let good = hits.len() <= query.top
            && hits.is_sorted_by(|a, b| a.score >= b.score)
            && hits.iter().all(|hit| {
                let fields = serde_json::to_value(&hit.entry.fields).unwrap_or_default();
                let seen = match (&query.visibility, &hit.entry.owner) {
                    (Visibility::Tenant, _) | (_, None) => true,
                    (Visibility::User(user), Some(owner)) => user == owner,
                };
                hit.tenant == self.0.tenant().as_str()
                    && seen
                    && query.filter.as_ref().is_none_or(|filter| filter.passes(&fields))
            });
        if good {
            return Ok(());
        }
        SecurityEvent::StoreLied.raise(Some(self.0.tenant()), "index");
        Err(Error::internal("the index answered with what was not asked for"))
    }

    /// Drops passages of what has been deleted since: records are the authority, the index follows.
    async fn standing(&self, hits: Vec<Hit>, visibility: &Visibility) -> Result<Vec<Found>, Error> {
        let mut known: HashMap<Source, bool> = HashMap::new();
        let mut found = Vec::with_capacity(hits.len());
        for hit in hits {
            let Some(source) = Source::of(&hit.entry.key) else { continue };
            if !known.contains_key(&source) {
                let stands = self.stands(&source, visibility).await?;
                known.insert(source.clone(), stands);
            }
            if known.get(&source) == Some(&true) {
                let (id, r#type) = match source {
                    Source::File(id) => (id, "file"),
                    Source::Document(id) => (id, "document"),
                };
                found.push(Found {
                    id,
                    object: "search.hit".into(),
                    r#type: r#type.into(),
                    title: hit.entry.title,
                    content: hit.entry.content,
                    snippet: hit.snippet,
                    position: hit.entry.place,
                    // A rank: the index's own score would tell what other users' files hold.
                    score: 1.0 / (found.len() + 1) as f64,
                    fields: hit.entry.fields,
                });
            }
        }
        Ok(found)
    }

    async fn stands(&self, source: &Source, visibility: &Visibility) -> Result<bool, Error> {
        Ok(match source {
            Source::Document(id) => self.is_there(id).await?,
            Source::File(id) => self.0.store().get::<StoredFile>(id).await?.is_some_and(|file| {
                let owner = &file.value.file.user_id;
                let seen = match visibility {
                    Visibility::Tenant => true,
                    Visibility::User(user) => owner.is_empty() || owner == user,
                };
                !file.value.gone && seen
            }),
        })
    }
}
