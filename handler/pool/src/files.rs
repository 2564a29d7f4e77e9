//! Files: bytes that a tenant gives us, and what became of them.

mod ingest;

use crate::{
    Digest, Error, Metadata, Page, PageRequest, Scope, Versioned,
    filter::{FieldPath, Filter, Scalar},
    outbox::Promise,
    ports::{BlobName, ByteStream, Etag, Kind, Link, PortError, Query},
    rules::{Rules, marked},
    store::{self, Document, newest},
};
use futures::{StreamExt, TryStreamExt};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// How long an upload may take.
pub(crate) const UPLOAD_S: i64 = 3600;
/// After how long the sweep looks for bytes whose arrival nobody told.
const LOOK_S: i64 = 120;
/// How long an upload link is good.
const LINK: Duration = Duration::from_secs(600);
/// Tries of a write that another one overtakes.
const TRIES: usize = 8;

/// A new file.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewFile {
    /// Its name, 1 to 255 characters. Its extension says what it is.
    pub filename: String,
    /// Its content type.
    #[serde(default)]
    pub content_type: Option<String>,
    /// At most 15 pairs.
    #[serde(default)]
    pub metadata: Metadata,
}

/// Where a file stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FileStatus {
    /// Its bytes are on their way.
    Uploading,
    /// Its bytes are here.
    Queued,
    /// It is being read.
    Indexing,
    /// It can be found.
    Indexed,
    /// It could not be read, though it may be good; upload it again.
    Failed,
    /// It cannot be read; `status_details` says why.
    Quarantined,
}

/// Why a file cannot be found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StatusDetails {
    /// One of a closed list: `malformed`, `encrypted`, `no_text`, `type_mismatch`, …
    pub code: String,
    /// What to do about it.
    pub reason: String,
}

/// A file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct File {
    /// Its name within the tenant.
    pub id: String,
    /// `file`.
    pub object: String,
    /// Unix seconds.
    pub created_at: i64,
    /// Its name, as it was sent.
    pub filename: String,
    /// Its content type, as it was sent.
    pub content_type: String,
    /// Its size, in bytes.
    pub bytes: u64,
    /// Where it stands.
    pub status: FileStatus,
    /// Why it cannot be found.
    pub status_details: Option<StatusDetails>,
    /// What it was found to be: `pdf`, `docx`, …
    pub kind: Option<String>,
    /// Its own title.
    pub title: Option<String>,
    /// The number of its passages in the index.
    pub chunks: u32,
    /// Unix seconds.
    pub indexed_at: Option<i64>,
    /// The user it belongs to; empty: the tenant.
    pub user_id: String,
    /// The client's pairs, and `tenantId`.
    pub metadata: Metadata,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct StoredFile {
    pub(crate) file: File,
    /// The version of the bytes that the index holds.
    pub(crate) indexed: Option<Etag>,
    /// No entry of the index has a number as high as this.
    pub(crate) high: u32,
    /// Unix seconds until which somebody may be writing to the index.
    pub(crate) busy_until: i64,
    /// It is deleted, and what it left is being removed.
    pub(crate) gone: bool,
    /// The BLAKE3 hash of the bytes that were uploaded through us, in hexadecimal.
    #[serde(default)]
    pub(crate) hash: Option<String>,
}

impl Document for StoredFile {
    const KIND: Kind = Kind::File;

    fn id(&self) -> &str {
        &self.file.id
    }

    fn owner(&self) -> &str {
        &self.file.user_id
    }
}

/// The files that a caller may see.
pub struct Files<'a>(pub(crate) &'a Scope);

impl Files<'_> {
    /// Stores a file, and promises to index it. What has been acknowledged is durable.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::TooLarge`], or a backend's failure.
    pub async fn upload(&self, new: NewFile, body: ByteStream) -> Result<Versioned<File>, Error> {
        let begun = self.begin(new).await?;
        if begun.value.file.status != FileStatus::Uploading {
            // An earlier try of this request got as far as that, if its bytes are the same.
            let hash = Digest::default();
            hash.over(body).try_for_each(async |_| Ok(())).await.map_err(|_| broke_off())?;
            if begun.value.hash.as_ref().is_some_and(|known| *known != hash.hex()) {
                return Err(Error::KeyReused);
            }
            return Ok(Versioned { value: begun.value.file, etag: begun.etag });
        }
        let id = begun.value.file.id.clone();
        match self.fill(begun, body).await {
            Ok(file) => Ok(file),
            Err(fault) => {
                if let Err(residue) = self.erase(&id).await {
                    tracing::warn!(tenant = %self.0.tenant(), file = id, fault = %residue, "the sweep will remove it");
                }
                Err(fault)
            }
        }
    }

    /// Makes the record of a file whose bytes will come by a signed link: one blob, write only, ten minutes.
    ///
    /// # Errors
    /// [`Error::Invalid`], or a backend's failure.
    pub async fn link(&self, new: NewFile) -> Result<(Versioned<File>, Link), Error> {
        let links = self.0.ports().links.as_ref();
        let links = links
            .ok_or_else(|| Error::invalid("", "this deployment makes no upload links: send the bytes"))?;
        let Versioned { value, etag } = self.begin(new).await?;
        let name = blob(&value.file.id);
        let link = links.upload(self.0.tenant(), &name, &value.file.content_type, LINK).await?;
        Ok((Versioned { value: value.file, etag }, link))
    }

    /// Takes a file from the tenant's drop folder: it is the tenant's, and another one of the same name replaces it.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::TooLarge`], or a backend's failure.
    pub async fn take_in(
        &self,
        filename: &str,
        content_type: Option<String>,
        body: ByteStream,
    ) -> Result<Versioned<File>, Error> {
        let tag = self.0.sealer().tag("pooled-agents drop folder", &[self.0.tenant().as_str(), filename]);
        let digits = crate::hex(&tag[..16]);
        let id = format!("file_{digits}");
        let known = self.0.store().get::<StoredFile>(&id).await?;
        let begun = match known {
            Some(known) if !known.value.gone => known,
            Some(_) => return Err(PortError::Conflict.into()),
            None => {
                let new = NewFile { filename: filename.to_owned(), content_type, metadata: Metadata::new() };
                let mut file = self.make(new)?;
                file.file.id = id;
                let writes =
                    vec![store::create(&file)?, self.0.promise(Promise::Ingest, &file.file.id, LOOK_S)?];
                self.0.create_once(file, writes).await?
            }
        };
        self.fill(begun, body).await
    }

    /// The files that the caller may see, newest first: its own, and the tenant's.
    ///
    /// # Errors
    /// A cursor that is not this list's, or the store's failure.
    pub async fn list(&self, page: &PageRequest) -> Result<Page<File>, Error> {
        let field = |name| FieldPath::parse(name).ok_or_else(|| Error::internal("not a field"));
        let mut and = vec![Filter::eq(field("gone")?, Scalar::Bool(false))];
        if let Some(user) = self.0.only_owner() {
            let owners = [user.into_owned(), String::new()].map(Scalar::Text).to_vec();
            and.push(Filter::In { field: field("file.user_id")?, r#in: owners });
        }
        let query = Query { filter: Some(Filter::And { and }), ..newest(Kind::File, 0) };
        Ok(self.0.page::<StoredFile>(query, page, |_| None).await?.map(|file| file.value.file))
    }

    /// One file.
    ///
    /// # Errors
    /// [`Error::NotFound`], or the store's failure.
    pub async fn get(&self, id: &str) -> Result<Versioned<File>, Error> {
        let Versioned { value, etag } = self.stored(id).await?;
        Ok(Versioned { value: value.file, etag })
    }

    /// A file and its bytes.
    ///
    /// # Errors
    /// [`Error::NotFound`], also while the bytes are on their way, or a backend's failure.
    pub async fn content(&self, id: &str) -> Result<(File, u64, ByteStream), Error> {
        let file = self.stored(id).await?.value.file;
        let found = self.0.ports().blobs.get(self.0.tenant(), &blob(id), None).await?;
        let (info, body) = found.ok_or(Error::NotFound)?;
        Ok((file, info.len, body))
    }

    /// Removes a file: it is gone at once, and then its entries, its bytes and its record are removed, in that order.
    /// Should that be cut short, the sweep ends it.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Stale`], [`Error::Forbidden`] when the file is the tenant's and the caller is no admin, or a
    /// backend's failure.
    pub async fn delete(&self, id: &str, if_match: Option<&Etag>) -> Result<(), Error> {
        for left in (0..TRIES).rev() {
            let Versioned { value: mut file, etag } = self.0.matching(self.stored(id).await?, if_match)?;
            if file.file.user_id.is_empty() && self.0.only_owner().is_some() {
                return Err(Error::Forbidden("a file that is the tenant's is removed by its admin"));
            }
            file.gone = true;
            let promise = self.0.renewed(Promise::Ingest, id, 60).await?;
            match self.0.store().commit(vec![store::replace(&file, &etag)?, promise]).await {
                // It is being read, and the reader wrote how far it is; or its promise was renewed.
                Err(PortError::Conflict) if left > 0 => {}
                done => {
                    done?;
                    break;
                }
            }
        }
        if let Err(fault) = self.erase(id).await {
            tracing::warn!(tenant = %self.0.tenant(), file = id, %fault, "the sweep will end the removal");
        }
        Ok(())
    }

    /// Makes a record, or finds the one that an earlier try of this request made, if it is the same request.
    async fn begin(&self, new: NewFile) -> Result<Versioned<StoredFile>, Error> {
        let file = self.make(new)?;
        let promise = self.0.promise(Promise::Ingest, &file.file.id, LOOK_S)?;
        let writes = vec![store::create(&file)?, promise];
        let said = |file: &File| (file.filename.clone(), file.content_type.clone(), file.metadata.clone());
        let asked = said(&file.file);
        let begun = self.0.create_once(file, writes).await?;
        if said(&begun.value.file) == asked { Ok(begun) } else { Err(Error::KeyReused) }
    }

    /// Stores the bytes of a file that has a record, and promises to index them.
    async fn fill(
        &self,
        mut begun: Versioned<StoredFile>,
        body: ByteStream,
    ) -> Result<Versioned<File>, Error> {
        let id = begun.value.file.id.clone();
        let limit = self.0.settings().max_file;
        let content_type = begun.value.file.content_type.clone();
        let broken = Arc::new(AtomicBool::new(false));
        let told = broken.clone();
        let hash = Digest::default();
        let body = hash.over(body).inspect_err(move |_| told.store(true, Ordering::Relaxed)).boxed();
        let stored = self.0.ports().blobs.put(self.0.tenant(), &blob(&id), &content_type, limit, body).await;
        let info = match stored {
            Err(_) if broken.load(Ordering::Relaxed) => return Err(broke_off()),
            stored => stored?,
        };
        for _ in 0..TRIES {
            let Versioned { value: mut file, etag } = begun;
            file.file.bytes = info.len;
            file.hash = Some(hash.hex());
            if file.indexed.as_ref() != Some(&info.etag) {
                file.file.status = FileStatus::Queued;
                file.file.status_details = None;
            }
            let promise = self.0.renewed(Promise::Ingest, &id, 60).await?;
            match self.0.store().commit(vec![store::replace(&file, &etag)?, promise]).await {
                Ok(etags) => {
                    self.0.hand_over(Promise::Ingest, &id, Duration::ZERO).await;
                    return Ok(Versioned {
                        value: file.file,
                        etag: etags.into_iter().next().unwrap_or(etag),
                    });
                }
                // The bytes were heard of, and are being read already; or the file was deleted.
                Err(PortError::Conflict) => begun = self.stored(&id).await?,
                Err(fault) => return Err(fault.into()),
            }
        }
        Err(PortError::Conflict.into())
    }

    fn make(&self, new: NewFile) -> Result<StoredFile, Error> {
        let mut rules = Rules::default();
        let content_type = new.content_type.unwrap_or_else(|| "application/octet-stream".into());
        let legal = content_type.len() <= 127 && content_type.bytes().all(|b| (0x20..0x7f).contains(&b));
        rules
            .text("/filename", &new.filename, 1, 255)
            .that(
                !new.filename.chars().any(char::is_control),
                "/filename",
                "must not have control characters",
            )
            .that(legal, "/content_type", "must be a media type")
            .metadata(&new.metadata)
            .done()?;
        let file = File {
            id: self.0.new_id("file"),
            object: "file".into(),
            created_at: self.0.seconds(),
            filename: new.filename,
            content_type,
            bytes: 0,
            status: FileStatus::Uploading,
            status_details: None,
            kind: None,
            title: None,
            chunks: 0,
            indexed_at: None,
            user_id: self.0.owner(),
            metadata: marked(new.metadata, self.0.tenant()),
        };
        Ok(StoredFile { file, indexed: None, high: 0, busy_until: 0, gone: false, hash: None })
    }

    async fn stored(&self, id: &str) -> Result<Versioned<StoredFile>, Error> {
        let stored = self.0.store().get::<StoredFile>(id).await?.ok_or(Error::NotFound)?;
        let seen = !stored.value.gone && self.0.sees(&stored.value.file.user_id);
        if seen { Ok(stored) } else { Err(Error::NotFound) }
    }
}

fn broke_off() -> Error {
    Error::invalid("", "the body broke off")
}

/// Whether it is a name that we give to files.
fn is_file_id(id: &str) -> bool {
    let digits = id.strip_prefix("file_").unwrap_or_default();
    digits.len() == 32 && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// Where a file's bytes are: under the id that we made, whatever it is called.
fn blob(id: &str) -> BlobName {
    BlobName(format!("files/{id}"))
}
