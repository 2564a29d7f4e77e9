//! What a `dev` and its handler write to their outputs. It must hold no content, no token and no link.

use crate::canary;
use std::{
    io::{BufRead, BufReader, Read},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
};

/// How every token that the harness mints begins: base64 of `{"alg":` or `{"typ":`.
const TOKENS: [&str; 2] = ["eyJhbGciO", "eyJ0eXAiO"];

#[derive(Default)]
struct Kept {
    lines: Vec<String>,
    secrets: Vec<String>,
    /// Whether the banner, which shows a token to be pasted, is over.
    ready: bool,
    leak: Option<String>,
}

/// The lines so far.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Kept>>);

impl Log {
    /// Takes in lines from an output until it ends.
    pub(crate) fn follow(&self, output: impl Read + Send + 'static) -> JoinHandle<()> {
        let log = self.clone();
        std::thread::spawn(move || {
            let mut output = BufReader::new(output);
            let mut line = Vec::new();
            while output.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
                log.push(String::from_utf8_lossy(&line).trim_end().to_owned());
                line.clear();
            }
        })
    }

    fn push(&self, line: String) {
        let mut kept = self.kept();
        let secret = kept.secrets.iter().any(|secret| line.contains(secret.as_str()));
        let token = kept.ready && TOKENS.iter().any(|start| line.contains(start));
        if canary::foreign(line.as_bytes(), None).is_some() || secret || token {
            kept.leak.get_or_insert_with(|| line.clone());
        }
        kept.ready |= line.contains("ready http://");
        kept.lines.push(line);
    }

    /// A text that must never be logged.
    pub(crate) fn secret(&self, secret: &str) {
        self.kept().secrets.push(secret.to_owned());
    }

    /// Fails if a line held what it must not.
    ///
    /// # Panics
    /// If one did.
    pub(crate) fn check(&self) {
        let leak = self.kept().leak.clone();
        assert!(leak.is_none(), "the log holds what it must not: {leak:?}");
    }

    /// All lines so far.
    pub fn lines(&self) -> Vec<String> {
        self.kept().lines.clone()
    }

    /// The last line with `text`.
    pub fn last(&self, text: &str) -> Option<String> {
        self.kept().lines.iter().rev().find(|line| line.contains(text)).cloned()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaks(lines: &[&str]) -> bool {
        let log = Log::default();
        log.secret("k1.secret.link");
        lines.iter().for_each(|line| log.push((*line).to_owned()));
        log.kept().leak.is_some()
    }

    #[test]
    fn content_tokens_and_links_are_seen() {
        assert!(!leaks(&["try it eyJhbGciOiJSUzI1NiJ9", "ready http://127.0.0.1:1/api", "all is well"]));
        assert!(leaks(&["ready http://127.0.0.1:1/api", "token eyJhbGciOiJSUzI1NiJ9"]));
        assert!(leaks(&[&format!("message={}", canary::of("contoso"))]));
        assert!(leaks(&["PUT /k1.secret.link"]));
    }
}
