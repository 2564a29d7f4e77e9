//! Documents that clients write into the index.

use super::{Search, Source};
use crate::{
    Error, FieldError, Versioned,
    filter::Scalar,
    outbox::{Outbox, Promise},
    ports::{Entry, EntryKey, Kind, PortError, Write},
    rules::Rules,
    settings::FieldType,
    store::{self, Document},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// The most documents of one request.
const MAX_BATCH: usize = 1_000;
/// The longest content, in bytes.
const MAX_CONTENT: usize = 32 * 1024;
/// How long after it wrote the records a request may still write to the index.
const BUSY_S: i64 = 60;
/// Tries of a removal that another write overtakes.
const TRIES: usize = 8;

/// What became of a document of a batch.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Upserted {
    /// The document's id, as it was sent.
    pub id: String,
    /// `indexed` or `rejected`.
    pub status: String,
    /// The rules that a rejected document breaks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Broken>,
}

/// A rule that is broken.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Broken {
    /// JSON Pointer to the member.
    pub pointer: String,
    /// The rule.
    pub message: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct StoredDocument {
    id: String,
    updated_at: i64,
    /// Unix seconds until which somebody may be writing to the index.
    #[serde(default)]
    busy_until: i64,
    /// It is deleted, and what is written behind our back is still to be removed.
    #[serde(default)]
    pub(super) gone: bool,
}

impl Document for StoredDocument {
    const KIND: Kind = Kind::Document;

    fn id(&self) -> &str {
        &self.id
    }
}

impl Search<'_> {
    /// Writes documents: `{id, content, title?, …declared fields}`. One that breaks a rule does not keep the others
    /// from being written.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a batch that is empty or too large, or a backend's failure: then nothing is certain, and
    /// writing them again is safe.
    pub async fn upsert(&self, documents: Vec<Value>) -> Result<Vec<Upserted>, Error> {
        let size = (1..=MAX_BATCH).contains(&documents.len());
        Rules::default().that(size, "", format!("must be an array of 1 to {MAX_BATCH} documents")).done()?;
        let mut seen = BTreeSet::new();
        let mut results = Vec::with_capacity(documents.len());
        let mut good = Vec::new();
        for (n, document) in documents.into_iter().enumerate() {
            let id = document.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
            let fault = match self.entry(n, document) {
                Ok(entry) if seen.insert(id.clone()) => {
                    good.push((id.clone(), entry));
                    None
                }
                Ok(_) => Some(vec![(format!("/{n}/id"), "occurs twice in this batch".to_owned())]),
                Err(faults) => Some(faults.into_iter().map(|f| (f.pointer, f.message)).collect()),
            };
            let errors: Vec<Broken> =
                fault.into_iter().flatten().map(|(pointer, message)| Broken { pointer, message }).collect();
            let status = if errors.is_empty() { "indexed" } else { "rejected" };
            results.push(Upserted { id: id.chars().take(128).collect(), status: status.into(), errors });
        }
        for batch in good.chunks(100) {
            self.write(batch).await?;
        }
        Ok(results)
    }

    /// Removes documents; those that are absent are removed already.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a batch that is empty or too large, or a backend's failure.
    pub async fn delete(&self, ids: &[String]) -> Result<(), Error> {
        let size = (1..=MAX_BATCH).contains(&ids.len());
        Rules::default().that(size, "/ids", format!("must have 1 to {MAX_BATCH} items")).done()?;
        let ids: BTreeSet<&String> = ids.iter().filter(|id| is_document_id(id)).collect();
        // Of each a record and a promise.
        for batch in ids.into_iter().collect::<Vec<_>>().chunks(50) {
            for left in (0..TRIES).rev() {
                match self.remove(batch).await {
                    Err(Error::Conflict(_)) if left > 0 => {}
                    done => {
                        done?;
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    async fn remove(&self, ids: &[&String]) -> Result<(), Error> {
        let mut writes = Vec::new();
        for id in ids {
            match self.0.store().get::<StoredDocument>(id).await? {
                // What is being written behind our back is removed when it must have ended.
                Some(Versioned { mut value, etag }) if self.0.seconds() < value.busy_until => {
                    let patience = value.busy_until - self.0.seconds();
                    value.gone = true;
                    writes.push(store::replace(&value, &etag)?);
                    let promised = Source::Document((*id).clone()).key(0).source;
                    writes.push(self.0.renewed(Promise::EraseDocument, &promised, patience).await?);
                }
                Some(known) => {
                    writes.push(Write::Delete(Kind::Document, (*id).clone(), Some(known.etag)));
                }
                None => {}
            }
        }
        let keys: Vec<_> = ids.iter().map(|id| Source::Document((*id).clone()).key(0)).collect();
        // The record last: while it is there, what is left of the document can be removed.
        self.0.ports().index.delete(self.0.tenant(), &keys).await?;
        if !writes.is_empty() {
            self.0.store().commit(writes).await?;
        }
        Ok(())
    }

    /// Removes what was written to the index of a document while it was deleted.
    pub(crate) async fn erase(&self, promised: &str) -> Result<(), Error> {
        let store = self.0.store();
        let promise = store.get::<Outbox>(promised).await?;
        let Some(promise) = promise else { return Ok(()) };
        let key = EntryKey { source: promised.to_owned(), chunk: 0 };
        let Some(Source::Document(id)) = Source::of(&key) else { return Err(Error::NotFound) };
        let mut writes = vec![Write::Delete(Kind::Outbox, promised.to_owned(), Some(promise.etag))];
        match store.get::<StoredDocument>(&id).await? {
            Some(known) if known.value.gone && self.0.seconds() < known.value.busy_until => return Ok(()),
            Some(known) if known.value.gone => {
                self.0.ports().index.delete(self.0.tenant(), &[key]).await?;
                writes.push(Write::Delete(Kind::Document, id, Some(known.etag)));
            }
            // It was written anew.
            _ => {}
        }
        store.commit(writes).await?;
        Ok(())
    }

    /// Whether there is a document of this id.
    ///
    /// # Errors
    /// [`Error::NotFound`] if not, or the store's failure.
    pub async fn exists(&self, id: &str) -> Result<(), Error> {
        if is_document_id(id) && self.is_there(id).await? { Ok(()) } else { Err(Error::NotFound) }
    }

    pub(super) async fn is_there(&self, id: &str) -> Result<bool, Error> {
        let known = self.0.store().get::<StoredDocument>(id).await?;
        Ok(known.is_some_and(|known| !known.value.gone))
    }

    async fn write(&self, batch: &[(String, Entry)]) -> Result<(), Error> {
        let mut entries: Vec<Entry> = batch.iter().map(|(_, entry)| entry.clone()).collect();
        if let Some(embedder) = &self.0.ports().embedder {
            let texts: Vec<String> = entries.iter().map(|entry| entry.content.clone()).collect();
            let vectors = embedder.embed(self.0.tenant(), &texts).await?;
            for (entry, vector) in entries.iter_mut().zip(vectors) {
                entry.vector = Some(vector);
            }
        }
        let now = self.0.seconds();
        let (mut writes, mut held) = (Vec::with_capacity(batch.len()), Vec::with_capacity(batch.len()));
        for (id, _) in batch {
            let known = self.0.store().get::<StoredDocument>(id).await?;
            let document =
                StoredDocument { id: id.clone(), updated_at: now, busy_until: now + BUSY_S, gone: false };
            writes.push(match &known {
                Some(known) => store::replace(&document, &known.etag)?,
                None => store::create(&document)?,
            });
            // Another request may be writing still.
            let before = known.map_or(0, |known| known.value.busy_until);
            held.push(StoredDocument { busy_until: if before > now { before } else { 0 }, ..document });
        }
        let etags = self.0.store().commit(writes).await?;
        self.0.ports().index.upsert(self.0.tenant(), entries).await?;
        let free: Result<_, _> =
            held.iter().zip(&etags).map(|(document, etag)| store::replace(document, etag)).collect();
        match self.0.store().commit(free?).await {
            // One was deleted meanwhile, which will remove the entry; or is being written anew.
            Ok(_) | Err(PortError::Conflict) => Ok(()),
            Err(fault) => Err(fault.into()),
        }
    }

    fn entry(&self, n: usize, document: Value) -> Result<Entry, Vec<FieldError>> {
        let Value::Object(mut members) = document else {
            return Err(vec![FieldError { pointer: format!("/{n}"), message: "must be an object".into() }]);
        };
        let mut rules = Rules::default();
        let mut text = |rules: &mut Rules, name: &str, needed: bool| match members.remove(name) {
            Some(Value::String(text)) => text,
            None if !needed => String::new(),
            _ => {
                rules.that(false, &format!("/{n}/{name}"), "must be text");
                String::new()
            }
        };
        let id = text(&mut rules, "id", true);
        let content = text(&mut rules, "content", true);
        let title = text(&mut rules, "title", false);
        rules.that(
            is_document_id(&id),
            &format!("/{n}/id"),
            "must be 1 to 128 characters of [A-Za-z0-9_.:-]",
        );
        let fits = !content.is_empty() && content.len() <= MAX_CONTENT;
        rules.that(fits, &format!("/{n}/content"), format!("must have 1 to {MAX_CONTENT} bytes"));
        rules.text(&format!("/{n}/title"), &title, 0, 512);
        let fields = self.fields(n, members, &mut rules);
        match rules.done() {
            Ok(()) => Ok(Entry {
                key: Source::Document(id).key(0),
                owner: None,
                title,
                content,
                place: String::new(),
                fields,
                vector: None,
            }),
            Err(Error::Invalid(faults)) => Err(faults),
            Err(_) => Err(Vec::new()),
        }
    }

    fn fields(&self, n: usize, members: Map<String, Value>, rules: &mut Rules) -> BTreeMap<String, Scalar> {
        let declared = &self.0.settings().search_fields;
        let mut fields = BTreeMap::new();
        for (name, value) in members {
            let value = match (declared.get(&name), value) {
                (Some(FieldType::Text), Value::String(text)) if text.len() <= 1_024 => {
                    Some(Scalar::Text(text))
                }
                (Some(FieldType::Number), Value::Number(number)) => number.as_f64().map(Scalar::Number),
                (Some(FieldType::Bool), Value::Bool(value)) => Some(Scalar::Bool(value)),
                _ => None,
            };
            let pointer = format!("/{n}/{}", name.chars().take(64).collect::<String>());
            match value {
                Some(value) => drop(fields.insert(name, value)),
                None => {
                    let known: Vec<_> =
                        declared.iter().map(|(name, kind)| format!("{name} ({kind:?})")).collect();
                    rules.that(
                        false,
                        &pointer,
                        format!("is not one of the declared fields: {}", known.join(", ")),
                    );
                }
            }
        }
        fields
    }
}

fn is_document_id(id: &str) -> bool {
    (1..=128).contains(&id.len()) && store::is_row_id(id)
}
