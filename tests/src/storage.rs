//! What a test does behind the service's back: as the host, as an operator, as Event Grid. On either backend.

use crate::{
    Dev,
    azure::{self, Stack},
};
use ::local::{Local, OsEntropy};
use pool::ports::{Directory, SystemClock};
use reqwest::Method;
use serde_json::Value;
use std::{fs, sync::Arc, time::Duration};

enum Behind {
    Folder(Local),
    Azure(Arc<Stack>),
}

async fn behind(dev: &Dev) -> Behind {
    if azure::chosen() {
        return Behind::Azure(Stack::of(dev.state()).await);
    }
    let options = ::local::Options::default();
    let local = Local::open(dev.state(), options, Arc::new(SystemClock), Arc::new(OsEntropy));
    Behind::Folder(local.expect("the state folder"))
}

impl Dev {
    /// Puts a file into the drop folder.
    ///
    /// # Panics
    /// If it cannot be put.
    pub async fn drop_file(&self, tenant: &str, name: &str, text: &str) {
        match behind(self).await {
            Behind::Folder(_) => {
                let folder = self.state().join("uploads").join(tenant);
                fs::create_dir_all(&folder).expect("a folder");
                fs::write(folder.join(name), text).expect("a file");
            }
            Behind::Azure(stack) => {
                let (url, token) = stack.blob(&format!("uploads/{tenant}/{name}"));
                let put = self.http.request(Method::PUT, url).bearer_auth(token).body(text.to_owned());
                let put = put.header("x-ms-blob-type", "BlockBlob").header("x-ms-version", "2023-11-03");
                assert_eq!(put.send().await.expect("an answer").status(), 201);
            }
        }
    }

    /// Puts a message into a queue.
    ///
    /// # Panics
    /// If it cannot be put.
    pub async fn push(&self, queue: &str, body: &str) {
        match behind(self).await {
            Behind::Folder(local) => {
                let body = body.as_bytes().to_vec();
                local.queue.push_raw(queue, body, Duration::ZERO).await.expect("a message");
            }
            Behind::Azure(stack) => stack.queues().push(queue, body.into()).await.expect("a message"),
        }
    }

    /// The tenants.
    pub async fn directory(&self) -> Arc<dyn Directory> {
        match behind(self).await {
            Behind::Folder(local) => local.directory,
            Behind::Azure(stack) => stack.directory(),
        }
    }

    /// Where blobs are, as Event Grid spells it, without a slash at the end; `upload`: any upload link.
    pub async fn account(&self, upload: &Value) -> String {
        match behind(self).await {
            Behind::Folder(_) => {
                let url = upload["url"].as_str().unwrap_or_default();
                url.rsplit_once('/').map_or("", |(base, _)| base).to_owned()
            }
            Behind::Azure(stack) => stack.blob("").0.trim_end_matches('/').to_owned(),
        }
    }

    /// Sends bytes by an upload link, as whoever has it; answers the status.
    ///
    /// # Panics
    /// If nothing is answered.
    pub async fn send(&self, upload: &Value, bytes: impl Into<Vec<u8>>) -> u16 {
        let mut put = self.http.request(Method::PUT, upload["url"].as_str().expect("a URL"));
        for (name, value) in upload["headers"].as_object().into_iter().flatten() {
            put = put.header(name, value.as_str().unwrap_or_default());
        }
        put.body(bytes.into()).send().await.expect("an answer").status().as_u16()
    }
}
