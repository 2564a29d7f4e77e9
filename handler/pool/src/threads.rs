//! Threads: conversations of one user.

use crate::{
    Error, Metadata, Page, PageRequest, Scope, Versioned,
    events::StoredEvent,
    messages::{Message, NewMessage},
    outbox::{ERASE_PATIENCE_S, Promise, kept},
    ports::{Etag, Kind, Query, Write},
    rules::{Rules, marked},
    runs::StoredRun,
    steps::Step,
    store::{self, Document, newest},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Messages that a thread may be made with.
const FIRST_MESSAGES: usize = 32;

/// A new thread.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewThread {
    /// At most 15 pairs.
    #[serde(default)]
    pub metadata: Metadata,
    /// What has been said already, at most 32, oldest first.
    #[serde(default)]
    pub messages: Vec<NewMessage>,
}

/// A change of a thread: what is not said stays.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ThreadChange {
    /// Replaces the pairs.
    #[serde(default)]
    pub metadata: Option<Metadata>,
}

/// A conversation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Thread {
    /// Its name within the tenant.
    pub id: String,
    /// `thread`.
    pub object: String,
    /// Unix seconds.
    pub created_at: i64,
    /// The user it belongs to.
    pub user_id: String,
    /// The client's pairs, and `tenantId`.
    pub metadata: Metadata,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct StoredThread {
    pub(crate) thread: Thread,
    /// The run that has not ended: a thread has one at most.
    pub(crate) active_run: Option<String>,
    /// What the model wants to be given at the next run.
    #[serde(default)]
    pub(crate) session: Option<String>,
}

impl Document for StoredThread {
    const KIND: Kind = Kind::Thread;

    fn id(&self) -> &str {
        &self.thread.id
    }

    fn owner(&self) -> &str {
        &self.thread.user_id
    }
}

/// The threads that a caller may see.
pub struct Threads<'a>(pub(crate) &'a Scope);

impl Threads<'_> {
    /// Makes a thread, with its first messages if there are any: all or none.
    ///
    /// # Errors
    /// [`Error::Invalid`], or the store's failure.
    pub async fn create(&self, new: NewThread) -> Result<Versioned<Thread>, Error> {
        let mut rules = Rules::default();
        rules.that(
            new.messages.len() <= FIRST_MESSAGES,
            "/messages",
            format!("at most {FIRST_MESSAGES} items"),
        );
        rules.metadata(&new.metadata).done()?;
        let thread = Thread {
            id: self.0.new_id("thread"),
            object: "thread".into(),
            created_at: self.0.seconds(),
            user_id: self.0.owner(),
            metadata: marked(new.metadata, self.0.tenant()),
        };
        let stored = StoredThread { thread, active_run: None, session: None };
        let mut writes = vec![store::create(&stored)?];
        for (n, message) in new.messages.into_iter().enumerate() {
            let message = self.0.messages().make(&stored.thread, message, &format!("/messages/{n}")).await?;
            writes.push(store::create(&message)?);
        }
        let stored = self.0.create_once(stored, writes).await?;
        Ok(Versioned { value: stored.value.thread, etag: stored.etag })
    }

    /// The caller's threads, newest first.
    ///
    /// # Errors
    /// A cursor that is not this list's, or the store's failure.
    pub async fn list(&self, page: &PageRequest) -> Result<Page<Thread>, Error> {
        let owner = self.0.only_owner().map(Into::into);
        let query = Query { owner, ..newest(Kind::Thread, 0) };
        let page = self.0.page::<StoredThread>(query, page, |_| None).await?;
        Ok(page.map(|thread| thread.value.thread))
    }

    /// One thread.
    ///
    /// # Errors
    /// [`Error::NotFound`], or the store's failure.
    pub async fn get(&self, id: &str) -> Result<Versioned<Thread>, Error> {
        let stored = self.stored(id).await?;
        Ok(Versioned { value: stored.value.thread, etag: stored.etag })
    }

    /// Changes a thread.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Stale`], [`Error::Invalid`], or the store's failure.
    pub async fn update(
        &self,
        id: &str,
        change: ThreadChange,
        if_match: Option<&Etag>,
    ) -> Result<Versioned<Thread>, Error> {
        let Versioned { value: mut stored, etag } = self.0.matching(self.stored(id).await?, if_match)?;
        if let Some(metadata) = change.metadata {
            Rules::default().metadata(&metadata).done()?;
            stored.thread.metadata = marked(metadata, self.0.tenant());
        }
        let etags = self
            .0
            .store()
            .commit_if::<StoredThread>(id, if_match, vec![store::replace(&stored, &etag)?])
            .await?;
        Ok(Versioned { value: stored.thread, etag: etags.into_iter().next().unwrap_or(etag) })
    }

    /// Removes a thread and all that is in it. It is gone at once; should the rest be cut short, the sweep ends it.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Stale`], [`Error::Conflict`] while a run is active, or the store's failure.
    pub async fn delete(&self, id: &str, if_match: Option<&Etag>) -> Result<(), Error> {
        let Versioned { value: stored, etag } = self.0.matching(self.stored(id).await?, if_match)?;
        if stored.active_run.is_some() {
            return Err(Error::Conflict("the thread has an active run: cancel it first".into()));
        }
        let promise = self.0.promise(Promise::EraseThread, id, ERASE_PATIENCE_S)?;
        let delete = Write::Delete(Kind::Thread, id.to_owned(), Some(etag));
        self.0.store().commit_if::<StoredThread>(id, if_match, vec![delete, promise]).await?;
        if let Err(fault) = self.erase(id).await {
            tracing::warn!(tenant = %self.0.tenant(), thread = id, %fault, "the sweep will end the removal");
        }
        Ok(())
    }

    /// Removes what a deleted thread left.
    pub(crate) async fn erase(&self, id: &str) -> Result<(), Error> {
        let mut runs = Query { parent: Some(id.to_owned()), ..newest(Kind::Run, 100) };
        loop {
            let page = self.0.store().list::<StoredRun>(&runs).await?;
            for run in &page {
                self.0.delete_children::<Step>(&run.value.run.id).await?;
                self.0.delete_children::<StoredEvent>(&run.value.run.id).await?;
                let gone =
                    vec![Write::Delete(Kind::Run, run.value.run.id.clone(), None), kept(&run.value.run.id)];
                self.0.store().commit(gone).await?;
            }
            let Some(last) = page.last() else { break };
            runs.after = Some(store::after(&last.value.run.id));
        }
        self.0.delete_children::<Message>(id).await?;
        self.0.store().commit(vec![kept(id)]).await?;
        Ok(())
    }

    pub(crate) async fn stored(&self, id: &str) -> Result<Versioned<StoredThread>, Error> {
        let stored = self.0.store().get::<StoredThread>(id).await?.ok_or(Error::NotFound)?;
        if self.0.sees(&stored.value.thread.user_id) { Ok(stored) } else { Err(Error::NotFound) }
    }
}
