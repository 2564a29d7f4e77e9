//! Rules for what clients send: all that are broken are told at once, each with its place.

use crate::{Error, FieldError, TenantId};
use std::collections::BTreeMap;

/// Pairs of text that a client keeps with a thing; `tenantId` among them is ours.
pub type Metadata = BTreeMap<String, String>;

const RESERVED: [&str; 2] = ["tenantId", "originalName"];

#[derive(Default)]
pub(crate) struct Rules(Vec<FieldError>);

impl Rules {
    pub(crate) fn that(&mut self, holds: bool, pointer: &str, message: impl Into<String>) -> &mut Self {
        if !holds {
            self.0.push(FieldError { pointer: pointer.to_owned(), message: message.into() });
        }
        self
    }

    /// Text of `min` to `max` characters.
    pub(crate) fn text(&mut self, pointer: &str, text: &str, min: usize, max: usize) -> &mut Self {
        let length = if text.len() > max * 4 { usize::MAX } else { text.chars().count() };
        self.that((min..=max).contains(&length), pointer, format!("must have {min} to {max} characters"))
    }

    pub(crate) fn metadata(&mut self, metadata: &Metadata) -> &mut Self {
        self.metadata_of("", metadata)
    }

    pub(crate) fn metadata_of(&mut self, at: &str, metadata: &Metadata) -> &mut Self {
        self.that(metadata.len() <= 15, &format!("{at}/metadata"), "must have at most 15 members");
        for (key, value) in metadata {
            let pointer = format!("{at}/metadata/{}", escape(key));
            self.text(&pointer, key, 1, 64).text(&pointer, value, 0, 512);
            self.that(!RESERVED.contains(&key.as_str()), &pointer, "is reserved for the service");
        }
        self
    }

    pub(crate) fn done(&mut self) -> Result<(), Error> {
        if self.0.is_empty() { Ok(()) } else { Err(Error::Invalid(std::mem::take(&mut self.0))) }
    }
}

/// What is stored: the client's pairs and our own.
pub(crate) fn marked(mut metadata: Metadata, tenant: &TenantId) -> Metadata {
    metadata.insert("tenantId".to_owned(), tenant.as_str().to_owned());
    metadata
}

/// A name as a token of a JSON Pointer (RFC 6901 §3).
fn escape(name: &str) -> String {
    name.chars().take(80).collect::<String>().replace('~', "~0").replace('/', "~1")
}
