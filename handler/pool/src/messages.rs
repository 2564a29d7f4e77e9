//! Messages: what was said in a thread.

use crate::{
    Error, Metadata, Page, PageRequest, Scope, Versioned,
    ports::{Kind, Query, Role},
    rules::{Rules, marked},
    store::{self, Document, newest},
    threads::Thread,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The longest message, in characters.
const MAX_CONTENT: usize = 100_000;
/// Tries of a write that another one overtakes.
const TRIES: usize = 8;

/// A new message.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewMessage {
    /// What is said, 1 to 100,000 characters.
    pub content: String,
    /// `user`: clients speak for nobody else.
    #[serde(default)]
    pub role: Option<String>,
    /// Files it speaks of, at most 10.
    #[serde(default)]
    pub attachments: Vec<Attachment>,
    /// At most 15 pairs.
    #[serde(default)]
    pub metadata: Metadata,
}

/// A file that a message speaks of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Attachment {
    /// The file.
    pub file_id: String,
}

/// What was said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Message {
    /// Its name within the tenant.
    pub id: String,
    /// `thread.message`.
    pub object: String,
    /// Unix seconds.
    pub created_at: i64,
    /// The thread.
    pub thread_id: String,
    /// By whom: `user` or `assistant`.
    #[schemars(with = "String")]
    pub role: Role,
    /// Its parts.
    pub content: Vec<Content>,
    /// Files it speaks of.
    pub attachments: Vec<Attachment>,
    /// The agent that said it.
    pub agent_id: Option<String>,
    /// The run in which it was said.
    pub run_id: Option<String>,
    /// The user whose thread it is in.
    pub user_id: String,
    /// The client's pairs, and `tenantId`.
    pub metadata: Metadata,
}

/// A part of a message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Content {
    /// Words.
    Text {
        /// The words.
        text: Text,
    },
}

/// Words, and what they are based on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Text {
    /// The words.
    pub value: String,
    /// Citations in them.
    pub annotations: Vec<Citation>,
}

/// A mark in the text that stands for a passage of a file or document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Citation {
    /// `file_citation`.
    pub r#type: String,
    /// The mark: `[1]`.
    pub text: String,
    /// Where it begins, in characters.
    pub start_index: usize,
    /// Where it ends, in characters.
    pub end_index: usize,
    /// What it stands for.
    pub file_citation: Passage,
}

/// A passage of a file or search document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Passage {
    /// The file's or document's id.
    pub file_id: String,
    /// Its name.
    pub filename: String,
    /// Where in it: "page 3".
    pub position: String,
    /// The passage.
    pub quote: String,
}

impl Message {
    /// Its words.
    pub fn text(&self) -> String {
        self.content.iter().map(|Content::Text { text }| text.value.as_str()).collect()
    }
}

impl Document for Message {
    const KIND: Kind = Kind::Message;

    fn id(&self) -> &str {
        &self.id
    }

    fn parent(&self) -> &str {
        &self.thread_id
    }

    fn owner(&self) -> &str {
        &self.user_id
    }
}

/// The messages of threads that a caller may see.
pub struct Messages<'a>(pub(crate) &'a Scope);

impl Messages<'_> {
    /// Adds a message to a thread.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Conflict`] while a run is active, [`Error::Invalid`], or the store's failure.
    pub async fn create(&self, thread_id: &str, new: NewMessage) -> Result<Versioned<Message>, Error> {
        let mut thread = self.0.threads().stored(thread_id).await?;
        let message = self.make(&thread.value.thread, new, "").await?;
        for _ in 0..TRIES {
            if thread.value.active_run.is_some() {
                if self.0.repeats()
                    && let Some(made) = self.0.store().get::<Message>(&message.id).await?
                {
                    return Ok(made);
                }
                return Err(Error::Conflict(
                    "the thread has an active run: wait for it, or cancel it".into(),
                ));
            }
            // With the thread as it was read: it may have been deleted since, or have begun a run.
            let writes = vec![store::create(&message)?, store::replace(&thread.value, &thread.etag)?];
            match self.0.create_once(message.clone(), writes).await {
                Err(Error::Conflict(_)) => thread = self.0.threads().stored(thread_id).await?,
                answer => return answer,
            }
        }
        Err(Error::Conflict("the thread is changing too fast: try again".into()))
    }

    /// A thread's messages, newest first.
    ///
    /// # Errors
    /// [`Error::NotFound`], or the store's failure.
    pub async fn list(&self, thread_id: &str, page: &PageRequest) -> Result<Page<Message>, Error> {
        let thread = self.0.threads().stored(thread_id).await?.value.thread;
        let query = Query { parent: Some(thread.id), ..newest(Kind::Message, 0) };
        Ok(self.0.page::<Message>(query, page, |_| None).await?.map(|message| message.value))
    }

    pub(crate) async fn make(&self, thread: &Thread, new: NewMessage, at: &str) -> Result<Message, Error> {
        let mut rules = Rules::default();
        rules.text(&format!("{at}/content"), &new.content, 1, MAX_CONTENT).metadata_of(at, &new.metadata);
        rules.that(
            new.role.as_deref().is_none_or(|role| role == "user"),
            &format!("{at}/role"),
            "must be `user`: a client speaks for nobody else",
        );
        rules.that(new.attachments.len() <= 10, &format!("{at}/attachments"), "must have at most 10 items");
        rules.done()?;
        for attachment in &new.attachments {
            self.0.files().get(&attachment.file_id).await?;
        }
        Ok(Message {
            id: self.0.new_id("msg"),
            object: "thread.message".into(),
            created_at: self.0.seconds(),
            thread_id: thread.id.clone(),
            role: Role::User,
            content: vec![Content::Text { text: Text { value: new.content, annotations: Vec::new() } }],
            attachments: new.attachments,
            agent_id: None,
            run_id: None,
            user_id: thread.user_id.clone(),
            metadata: marked(new.metadata, self.0.tenant()),
        })
    }
}
