use crate::{
    ports::{KeySource, PortError, PortResult},
    token::KeyUrl,
};
use async_trait::async_trait;
use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// What issuers publish, by URL; it remembers what it was asked for.
#[derive(Debug, Default)]
pub struct MemoryKeys(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    documents: HashMap<String, Option<Vec<u8>>>,
    asked: Vec<String>,
}

impl MemoryKeys {
    /// Publishes a document.
    pub fn publish(&self, url: &str, document: impl Into<Vec<u8>>) {
        self.state().documents.insert(url.to_owned(), Some(document.into()));
    }

    /// Answers for this URL no more, but keeps who asks waiting.
    pub fn stall(&self, url: &str) {
        self.state().documents.insert(url.to_owned(), None);
    }

    /// Answers no more for any URL.
    pub fn fail(&self) {
        self.state().documents.clear();
    }

    /// How often it was asked for this URL.
    pub fn asked(&self, url: &str) -> usize {
        self.state().asked.iter().filter(|asked| *asked == url).count()
    }

    /// How often it was asked at all.
    pub fn asked_in_all(&self) -> usize {
        self.state().asked.len()
    }

    /// The URLs that it was asked for, in their order.
    pub fn urls(&self) -> Vec<String> {
        self.state().asked.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl KeySource for MemoryKeys {
    async fn get(&self, url: &KeyUrl, limit: usize) -> PortResult<Vec<u8>> {
        tokio::task::yield_now().await;
        let answer = {
            let mut state = self.state();
            state.asked.push(url.as_str().to_owned());
            state.documents.get(url.as_str()).cloned()
        };
        match answer {
            None => Err(PortError::unavailable("it does not answer")),
            Some(None) => std::future::pending().await,
            Some(Some(document)) if document.len() > limit => {
                Err(PortError::TooLarge { limit: limit as u64 })
            }
            Some(Some(document)) => Ok(document),
        }
    }
}
