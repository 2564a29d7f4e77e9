//! [`Queue`] in Queue Storage.

use crate::{
    Patience,
    blobs::base,
    error::{code, port},
    transport,
};
use async_trait::async_trait;
use azure_core::{credentials::TokenCredential, http::Url};
use azure_storage_queue::{
    QueueClient, QueueServiceClient, QueueServiceClientOptions,
    models::{QueueClientSendMessageOptions, QueueMessage},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use pool::ports::{PortError, PortResult, Queue, QueueName, SealedJob};
use std::{sync::Arc, time::Duration};

/// The service's own default, which the Functions host uses for what it writes: a message that nobody takes for a week
/// is forgotten.
const LIFETIME: Duration = Duration::from_secs(7 * 24 * 3_600);

/// [`Queue`] in a storage account, asked with the app's own identity: jobs are sealed, and belong to no tenant.
///
/// The body is base64, as `host.json` says (`messageEncoding`). A send that is repeated, because its answer was lost,
/// may leave two messages of one job; a job that is done twice does nothing the second time.
pub struct AzureQueue {
    url: Url,
    credential: Arc<dyn TokenCredential>,
    client: reqwest::Client,
    patience: Patience,
}

impl AzureQueue {
    /// `url`: `https://account.queue.core.windows.net`.
    ///
    /// # Errors
    /// `Refused` if that is no `https` URL.
    pub fn new(url: &str, credential: Arc<dyn TokenCredential>, client: reqwest::Client) -> PortResult<Self> {
        Ok(Self { url: base(url)?, credential, client, patience: Patience::default() })
    }

    /// The same, asked with this patience.
    #[must_use]
    pub fn with_patience(mut self, patience: Patience) -> Self {
        self.patience = patience;
        self
    }

    /// Adds a message of this text to any queue.
    pub(crate) async fn send(&self, queue: &str, text: String, delay: Duration) -> PortResult<()> {
        let queue = self.queue(queue)?;
        // Rounded up: never visible too early.
        let delay = delay.saturating_add(Duration::from_nanos(999_999_999));
        let options = QueueClientSendMessageOptions {
            message_time_to_live: Some(seconds(LIFETIME)),
            visibility_timeout: Some(seconds(delay).min(seconds(LIFETIME) - 1)),
            ..Default::default()
        };
        let message = QueueMessage { message_text: Some(text) }.try_into().map_err(port)?;
        self.patience.port(queue.send_message(message, Some(options))).await.map(drop)
    }

    /// Makes this queue, if it is not there: an operator's work, or a test's.
    ///
    /// # Errors
    /// The service's.
    pub async fn create(&self, queue: &str) -> PortResult<()> {
        match self.patience.wait(self.queue(queue)?.create(None)).await {
            Err(error) if code(&error) == Some("QueueAlreadyExists") => Ok(()),
            made => made.map(drop).map_err(port),
        }
    }

    /// The SDK's client of one queue.
    pub(crate) fn queue(&self, queue: &str) -> PortResult<QueueClient> {
        let client_options = transport::patient(&self.client, self.patience);
        let options = QueueServiceClientOptions { client_options, ..Default::default() };
        let service = QueueServiceClient::new(self.url.clone(), Some(self.credential.clone()), Some(options));
        service.and_then(|service| service.queue_client(queue)).map_err(PortError::refused)
    }

    /// How long an operation is waited for.
    pub(crate) fn patience(&self) -> Patience {
        self.patience
    }
}

#[async_trait]
impl Queue for AzureQueue {
    async fn push(&self, queue: QueueName, job: &SealedJob, delay: Duration) -> PortResult<()> {
        self.send(queue.as_str(), STANDARD.encode(job.as_str()), delay).await
    }

    async fn ready(&self) -> PortResult<()> {
        let queue = self.queue(QueueName::Ingest.as_str())?;
        self.patience.port(queue.get_properties(None)).await.map(drop)
    }
}

/// Whole seconds, as the service counts.
pub(crate) fn seconds(duration: Duration) -> i32 {
    i32::try_from(duration.as_secs()).unwrap_or(i32::MAX)
}
