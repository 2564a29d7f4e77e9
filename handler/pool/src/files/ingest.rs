//! Ingestion: makes the index agree with a file's bytes, whatever happened to them, and however often it is asked.
//!
//! It looks at what is there, not at what an event says. The same event five times, in any order, ends the same.

use super::{FileStatus, Files, StatusDetails, StoredFile, UPLOAD_S, blob};
use crate::{
    Error, Versioned,
    outbox::{Promise, kept},
    ports::{Entry, EntryKey, Etag, Extracted, Extraction, Kind, PortError, Write},
    search::Source,
    store,
};
use std::{collections::BTreeMap, time::Duration};

/// Entries that are written together.
const BATCH: usize = 200;
/// The most passages that a file may have.
const MAX_PASSAGES: usize = 20_000;

impl Files<'_> {
    /// Makes the index agree with a file.
    ///
    /// # Errors
    /// A backend's failure, or [`Error::Conflict`] when the file changed meanwhile: then ask again.
    pub async fn ingest(&self, id: &str) -> Result<(), Error> {
        let Some(stored) = self.0.store().get::<StoredFile>(id).await? else { return self.erase(id).await };
        if stored.value.gone {
            return self.erase(id).await;
        }
        let Some(info) = self.0.ports().blobs.head(self.0.tenant(), &blob(id)).await? else {
            let file = &stored.value.file;
            let awaited = file.status == FileStatus::Uploading && self.0.seconds() < file.created_at + UPLOAD_S;
            return if awaited { Ok(()) } else { self.erase(id).await };
        };
        let settled = matches!(stored.value.file.status, FileStatus::Indexed | FileStatus::Quarantined);
        if settled && stored.value.indexed.as_ref() == Some(&info.etag) {
            self.0.store().commit(vec![kept(id)]).await?;
            return Ok(());
        }
        self.index(stored, &info.etag).await
    }

    /// Hears that a file's bytes may have changed, and has the queue look. A name that is no file's is no matter.
    pub async fn changed(&self, id: &str) {
        if store::is_row_id(id) {
            self.0.hand_over(Promise::Ingest, id, Duration::ZERO).await;
        }
    }

    /// Gives a file up that could not be read in many tries.
    ///
    /// # Errors
    /// The store's failure.
    pub async fn give_up(&self, id: &str) -> Result<(), Error> {
        let Some(Versioned { value: mut file, etag }) = self.0.store().get::<StoredFile>(id).await? else {
            return Ok(());
        };
        if file.gone || matches!(file.file.status, FileStatus::Indexed | FileStatus::Quarantined) {
            return Ok(());
        }
        file.file.status = FileStatus::Failed;
        let reason = "the service could not read the file in several tries; upload it again".to_owned();
        file.file.status_details = Some(StatusDetails { code: "unavailable".into(), reason });
        self.0.store().commit(vec![store::replace(&file, &etag)?, kept(id)]).await?;
        Ok(())
    }

    /// Removes what is left of a file: its entries, then its bytes, then its record.
    pub(super) async fn erase(&self, id: &str) -> Result<(), Error> {
        let scope = self.0;
        let stored = scope.store().get::<StoredFile>(id).await?;
        if let Some(Versioned { value, .. }) = &stored {
            scope.ports().index.delete(scope.tenant(), &keys(id, 0, value.high)).await?;
        }
        if stored.is_some() {
            scope.ports().blobs.delete(scope.tenant(), &blob(id)).await?;
        }
        let mut writes = vec![kept(id)];
        if let Some(Versioned { etag, .. }) = stored {
            writes.push(Write::Delete(Kind::File, id.to_owned(), Some(etag)));
        }
        scope.store().commit(writes).await?;
        Ok(())
    }

    async fn index(&self, stored: Versioned<StoredFile>, version: &Etag) -> Result<(), Error> {
        let Versioned { value: mut file, etag } = stored;
        let id = file.file.id.clone();
        file.file.status = FileStatus::Indexing;
        file.file.status_details = None;
        let etag = self.save(&file, &etag, Vec::new()).await?;
        let blobs = &self.0.ports().blobs;
        let Some((info, body)) = blobs.get(self.0.tenant(), &blob(&id), Some(version)).await? else {
            return Err(PortError::Conflict.into());
        };
        file.file.bytes = info.len;
        let extractor = &self.0.ports().extractor;
        let extraction = extractor.extract(&file.file.filename, &file.file.content_type, info.len, body).await?;
        match extraction {
            Extraction::Text(text) if text.passages.len() <= MAX_PASSAGES => self.publish(file, etag, version, text).await,
            Extraction::Text(_) => {
                let reason = format!("the file has more than {MAX_PASSAGES} passages; split it");
                self.quarantine(file, etag, version, StatusDetails { code: "too_large".into(), reason }).await
            }
            Extraction::Rejected { code, reason } => {
                self.quarantine(file, etag, version, StatusDetails { code, reason }).await
            }
        }
    }

    async fn publish(&self, mut file: StoredFile, etag: Etag, version: &Etag, text: Extracted) -> Result<(), Error> {
        let id = file.file.id.clone();
        let count = text.passages.len() as u32;
        let before = file.high;
        file.high = before.max(count);
        let etag = self.save(&file, &etag, Vec::new()).await?;
        let owner = Some(file.file.user_id.clone()).filter(|owner| !owner.is_empty());
        for (batch, passages) in text.passages.chunks(BATCH).enumerate() {
            let mut vectors = match &self.0.ports().embedder {
                None => Vec::new(),
                Some(embedder) => {
                    let texts: Vec<String> = passages.iter().map(|passage| passage.text.clone()).collect();
                    embedder.embed(self.0.tenant(), &texts).await?
                }
            }
            .into_iter();
            let entry = |(n, passage): (usize, &crate::ports::Passage)| Entry {
                key: Source::File(id.clone()).key((batch * BATCH + n) as u32),
                owner: owner.clone(),
                title: file.file.filename.clone(),
                content: passage.text.clone(),
                place: passage.place.clone(),
                fields: BTreeMap::new(),
                vector: vectors.next(),
            };
            let entries = passages.iter().enumerate().map(entry).collect();
            self.0.ports().index.upsert(self.0.tenant(), entries).await?;
        }
        self.0.ports().index.delete(self.0.tenant(), &keys(&id, count, before)).await?;
        file.high = count;
        file.indexed = Some(version.clone());
        file.file.status = FileStatus::Indexed;
        file.file.chunks = count;
        file.file.kind = Some(text.kind);
        file.file.title = text.title;
        file.file.indexed_at = Some(self.0.seconds());
        self.save(&file, &etag, vec![kept(&id)]).await.map(drop)
    }

    async fn quarantine(
        &self,
        mut file: StoredFile,
        etag: Etag,
        version: &Etag,
        why: StatusDetails,
    ) -> Result<(), Error> {
        let id = file.file.id.clone();
        self.0.ports().index.delete(self.0.tenant(), &keys(&id, 0, file.high)).await?;
        file.high = 0;
        file.indexed = Some(version.clone());
        file.file.status = FileStatus::Quarantined;
        file.file.status_details = Some(why);
        file.file.chunks = 0;
        self.save(&file, &etag, vec![kept(&id)]).await.map(drop)
    }

    async fn save(&self, file: &StoredFile, etag: &Etag, more: Vec<Write>) -> Result<Etag, Error> {
        let mut writes = vec![store::replace(file, etag)?];
        writes.extend(more);
        let etags = self.0.store().commit(writes).await?;
        etags.into_iter().next().ok_or_else(|| Error::internal("a commit without versions"))
    }
}

fn keys(id: &str, from: u32, to: u32) -> Vec<EntryKey> {
    let source = Source::File(id.to_owned());
    (from..to).map(|chunk| source.key(chunk)).collect()
}
