//! Ingestion: makes the index agree with a file's bytes, whatever happened to them, and however often it is asked.
//!
//! It looks at what is there, not at what an event says. The same event five times, in any order, ends the same.

use super::{File, FileStatus, Files, StatusDetails, StoredFile, UPLOAD_S, blob, is_file_id};
use crate::{
    Error, Versioned,
    outbox::{Promise, kept},
    ports::{BlobInfo, ByteStream, Entry, EntryKey, Etag, Extracted, Extraction, Kind, PortError, Write},
    search::Source,
    store, telemetry,
};
use futures::{StreamExt, TryStreamExt};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::sync::Mutex;

/// Entries that are written together.
const BATCH: usize = 200;
/// The most passages that a file may have.
const MAX_PASSAGES: usize = 20_000;
/// How long after it last wrote the record an ingestion may still write to the index.
const BUSY_S: i64 = 60;
/// How often the record is written while the file is being read.
const RENEW: Duration = Duration::from_secs(20);

/// A file that is being read.
struct Held {
    file: StoredFile,
    etag: Etag,
    /// Whether its bytes were asked for.
    begun: bool,
    /// Why they could not be had.
    fault: Option<Error>,
}

impl Files<'_> {
    /// Makes the index agree with a file.
    ///
    /// # Errors
    /// A backend's failure, or [`Error::Conflict`] when the file changed meanwhile, or is being read: then ask again.
    pub async fn ingest(&self, id: &str) -> Result<(), Error> {
        let Some(stored) = self.0.store().get::<StoredFile>(id).await? else { return self.erase(id).await };
        if stored.value.gone {
            return self.erase(id).await;
        }
        let Some(info) = self.0.ports().blobs.head(self.0.tenant(), &blob(id)).await? else {
            let file = &stored.value.file;
            let awaited =
                file.status == FileStatus::Uploading && self.0.seconds() < file.created_at + UPLOAD_S;
            if self.is_too_large(file) {
                self.0.store().commit(vec![kept(id)]).await?;
                return Ok(());
            }
            return if awaited { Ok(()) } else { self.erase(id).await };
        };
        let settled = matches!(stored.value.file.status, FileStatus::Indexed | FileStatus::Quarantined);
        if settled && stored.value.indexed.as_ref() == Some(&info.etag) {
            self.0.store().commit(vec![kept(id)]).await?;
            return Ok(());
        }
        if self.0.seconds() < stored.value.busy_until {
            return Err(Error::Conflict("the file is being read".into()));
        }
        self.index(stored, &info).await
    }

    /// Hears that a file's bytes may have changed, and has the queue look. A name that is no file's is no matter.
    ///
    /// # Errors
    /// The store's failure: then nothing is promised.
    pub async fn changed(&self, id: &str) -> Result<(), Error> {
        if is_file_id(id) {
            let promise = self.0.renewed(Promise::Ingest, id, 60).await?;
            self.0.store().commit(vec![promise]).await?;
            self.0.hand_over(Promise::Ingest, id, Duration::ZERO).await;
        }
        Ok(())
    }

    /// Gives a file up that could not be read in many tries.
    ///
    /// # Errors
    /// The store's failure.
    pub async fn give_up(&self, id: &str) -> Result<(), Error> {
        let Some(Versioned { value: mut file, etag }) = self.0.store().get::<StoredFile>(id).await? else {
            return Ok(());
        };
        let settled = matches!(file.file.status, FileStatus::Indexed | FileStatus::Quarantined);
        if file.gone || settled || self.0.seconds() < file.busy_until {
            return Ok(());
        }
        file.file.status = FileStatus::Failed;
        let reason = "the service could not read the file in several tries; upload it again".to_owned();
        file.file.status_details = Some(StatusDetails { code: "unavailable".into(), reason });
        self.0.store().commit(vec![store::replace(&file, &etag)?, kept(id)]).await?;
        telemetry::document(self.0.tenant(), "failed");
        Ok(())
    }

    /// Removes what is left of a file: its entries, then its bytes, then its record.
    pub(super) async fn erase(&self, id: &str) -> Result<(), Error> {
        let scope = self.0;
        let stored = scope.store().get::<StoredFile>(id).await?;
        if let Some(Versioned { value, .. }) = &stored {
            scope.ports().index.delete(scope.tenant(), &keys(id, 0, value.high)).await?;
        }
        if is_file_id(id) {
            scope.ports().blobs.delete(scope.tenant(), &blob(id)).await?;
        }
        let writes = match stored {
            None => vec![kept(id)],
            // What an ingestion writes behind our back is removed when it must have ended.
            Some(Versioned { mut value, etag }) if scope.seconds() < value.busy_until => {
                value.gone = true;
                vec![store::replace(&value, &etag)?, scope.renewed(Promise::Ingest, id, BUSY_S).await?]
            }
            Some(Versioned { etag, .. }) => {
                vec![Write::Delete(Kind::File, id.to_owned(), Some(etag)), kept(id)]
            }
        };
        scope.store().commit(writes).await?;
        Ok(())
    }

    async fn index(&self, stored: Versioned<StoredFile>, info: &BlobInfo) -> Result<(), Error> {
        let Versioned { value: mut file, etag } = stored;
        file.file.status = FileStatus::Indexing;
        file.file.status_details = None;
        file.file.bytes = info.len;
        let limit = self.0.settings().max_file;
        if info.len > limit {
            let reason = format!("the file is larger than {limit} bytes, which were not kept");
            let why = StatusDetails { code: "too_large".into(), reason };
            return self.quarantine(file, etag, &info.etag, why).await;
        }
        let (name, content_type) = (file.file.filename.clone(), file.file.content_type.clone());
        let held = Arc::new(Mutex::new(Held { file, etag, begun: false, fault: None }));
        let body = self.opened(held.clone(), info.etag.clone());
        let asked = tokio::select! {
            asked = self.0.ports().extractor.extract(&name, &content_type, info.len, body) => asked,
            fault = self.keep_held(&held) => return Err(fault),
        };
        let mut held = held.lock().await;
        let (file, etag, fault) = (held.file.clone(), held.etag.clone(), held.fault.take());
        let extraction = match (asked, fault) {
            (_, Some(fault)) => return Err(fault),
            (Ok(extraction), None) => extraction,
            (Err(fault), None) => return self.let_go(file, &etag, fault).await,
        };
        match extraction {
            Extraction::Text(text) if text.passages.len() <= MAX_PASSAGES => {
                self.publish(file, etag, &info.etag, text).await
            }
            Extraction::Text(_) => {
                let reason = format!("the file has more than {MAX_PASSAGES} passages; split it");
                self.quarantine(file, etag, &info.etag, StatusDetails { code: "too_large".into(), reason })
                    .await
            }
            Extraction::Rejected { code, reason } => {
                self.quarantine(file, etag, &info.etag, StatusDetails { code, reason }).await
            }
        }
    }

    /// The file's bytes, not asked for before the extractor wants them: until then it may stand in line, and nobody
    /// reads the file.
    fn opened(&self, held: Arc<Mutex<Held>>, version: Etag) -> ByteStream {
        let scope = self.0.clone();
        let open = async move {
            let mut held = held.lock().await;
            let Held { file, etag, begun, fault } = &mut *held;
            let files = Files(&scope);
            let opened = async {
                files.hold(file, etag).await?;
                let name = blob(&file.file.id);
                let found = scope.ports().blobs.get(scope.tenant(), &name, Some(&version)).await?;
                found.map(|(_, body)| body).ok_or_else(|| PortError::Conflict.into())
            };
            match opened.await {
                Ok(body) => {
                    *begun = true;
                    Ok(body)
                }
                Err(why) => {
                    let told = std::io::Error::other(format!("the file cannot be opened: {why}"));
                    *fault = Some(why);
                    Err(told)
                }
            }
        };
        futures::stream::once(open).try_flatten().boxed()
    }

    /// Holds a file for as long as it is being read. Ends when it cannot.
    async fn keep_held(&self, held: &Mutex<Held>) -> Error {
        loop {
            tokio::time::sleep(RENEW).await;
            let mut held = held.lock().await;
            let Held { file, etag, begun, .. } = &mut *held;
            if *begun && let Err(fault) = self.hold(file, etag).await {
                return fault;
            }
        }
    }

    async fn publish(
        &self,
        mut file: StoredFile,
        mut etag: Etag,
        version: &Etag,
        text: Extracted,
    ) -> Result<(), Error> {
        let id = file.file.id.clone();
        let count = text.passages.len() as u32;
        let before = file.high;
        file.high = before.max(count);
        let owner = Some(file.file.user_id.clone()).filter(|owner| !owner.is_empty());
        for (batch, passages) in text.passages.chunks(BATCH).enumerate() {
            let mut vectors = match &self.0.ports().embedder {
                None => Vec::new(),
                Some(embedder) => {
                    let texts: Vec<String> = passages.iter().map(|passage| passage.text.clone()).collect();
                    match embedder.embed(self.0.tenant(), &texts).await {
                        Ok(vectors) => vectors,
                        Err(fault) if batch > 0 => return Err(fault.into()),
                        Err(fault) => return self.let_go(file, &etag, fault).await,
                    }
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
            self.hold(&mut file, &mut etag).await?;
            self.0.ports().index.upsert(self.0.tenant(), entries).await?;
        }
        self.forget(&mut file, &mut etag, &keys(&id, count, before)).await?;
        file.high = count;
        file.file.status = FileStatus::Indexed;
        file.file.chunks = count;
        file.file.kind = Some(text.kind);
        file.file.title = text.title;
        file.file.indexed_at = Some(self.0.seconds());
        self.settle(file, &etag, version).await
    }

    /// Whether it is quarantined without its bytes: it came by a link, and was larger than a file may be.
    fn is_too_large(&self, file: &File) -> bool {
        file.status == FileStatus::Quarantined && file.bytes > self.0.settings().max_file
    }

    async fn quarantine(
        &self,
        mut file: StoredFile,
        mut etag: Etag,
        version: &Etag,
        why: StatusDetails,
    ) -> Result<(), Error> {
        let all = keys(&file.file.id, 0, file.high);
        self.hold(&mut file, &mut etag).await?;
        self.forget(&mut file, &mut etag, &all).await?;
        file.high = 0;
        file.file.status = FileStatus::Quarantined;
        file.file.status_details = Some(why);
        file.file.chunks = 0;
        if self.is_too_large(&file.file) {
            // Should this be cut short, the record tells why there are no bytes.
            self.hold(&mut file, &mut etag).await?;
            self.0.ports().blobs.delete(self.0.tenant(), &blob(&file.file.id)).await?;
        }
        self.settle(file, &etag, version).await
    }

    /// Nothing was written to the index: the next try need not wait.
    async fn let_go(&self, mut file: StoredFile, etag: &Etag, fault: PortError) -> Result<(), Error> {
        file.busy_until = 0;
        drop(self.0.store().commit(vec![store::replace(&file, etag)?]).await);
        Err(fault.into())
    }

    /// Removes entries, and holds the file meanwhile.
    async fn forget(&self, file: &mut StoredFile, etag: &mut Etag, keys: &[EntryKey]) -> Result<(), Error> {
        for some in keys.chunks(1_000) {
            self.hold(file, etag).await?;
            self.0.ports().index.delete(self.0.tenant(), some).await?;
        }
        Ok(())
    }

    /// Before each write to the index: nobody else reads the file, or has deleted or replaced it.
    async fn hold(&self, file: &mut StoredFile, etag: &mut Etag) -> Result<(), Error> {
        file.busy_until = self.0.seconds() + BUSY_S;
        let etags = self.0.store().commit(vec![store::replace(file, etag)?]).await?;
        *etag = etags.into_iter().next().ok_or_else(|| Error::internal("a commit without versions"))?;
        Ok(())
    }

    async fn settle(&self, mut file: StoredFile, etag: &Etag, version: &Etag) -> Result<(), Error> {
        file.indexed = Some(version.clone());
        file.busy_until = 0;
        let writes = vec![store::replace(&file, etag)?, kept(&file.file.id)];
        self.0.store().commit(writes).await?;
        let indexed = file.file.status == FileStatus::Indexed;
        telemetry::document(self.0.tenant(), if indexed { "indexed" } else { "quarantined" });
        Ok(())
    }
}

fn keys(id: &str, from: u32, to: u32) -> Vec<EntryKey> {
    let source = Source::File(id.to_owned());
    (from..to).map(|chunk| source.key(chunk)).collect()
}
