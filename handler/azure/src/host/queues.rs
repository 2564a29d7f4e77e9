use super::time;
use crate::{
    AzureQueue,
    error::{code, port},
    queue::seconds,
};
use azure_core::http::headers::HeaderName;
use azure_storage_queue::models::{QueueClientReceiveMessagesOptions, ReceivedMessage};
use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use pool::ports::{PortError, PortResult};
use std::time::Duration;

/// How a message's text stands for its bytes: `messageEncoding` of `host.json`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// It is base64; a message that is not goes to the poison queue.
    Base64,
    /// It is the bytes.
    Plain,
}

/// A message that was received: hidden from others until [`next_visible`](Self::next_visible).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostMessage {
    /// Its name within its queue.
    pub id: String,
    /// The right to renew, release or delete it.
    pub pop_receipt: String,
    /// What was pushed.
    pub body: Vec<u8>,
    /// How often it was received, this time included.
    pub dequeue_count: u32,
    /// When it was pushed.
    pub inserted: Timestamp,
    /// When it will be forgotten.
    pub expires: Timestamp,
    /// When others can receive it.
    pub next_visible: Timestamp,
}

/// The queues.
pub struct AzureHostQueues {
    queues: AzureQueue,
    encoding: Encoding,
}

impl AzureHostQueues {
    /// The queues of `queues`, as the host reads and writes them.
    pub fn new(queues: AzureQueue, encoding: Encoding) -> Self {
        Self { queues, encoding }
    }

    /// Leases at most `max` messages (the service gives 32 at once) for `lease`. A queue that is not there is empty.
    ///
    /// # Errors
    /// The service's.
    pub async fn receive(&self, queue: &str, max: usize, lease: Duration) -> PortResult<Vec<HostMessage>> {
        let options = QueueClientReceiveMessagesOptions {
            number_of_messages: Some(i32::try_from(max.clamp(1, 32)).unwrap_or(32)),
            visibility_timeout: Some(seconds(lease).max(1)),
            ..Default::default()
        };
        let client = self.queues.queue(queue)?;
        let answer = async { client.receive_messages(Some(options)).await?.into_model() };
        let received = match self.queues.patience().wait(answer).await {
            Err(error) if code(&error) == Some("QueueNotFound") => return Ok(Vec::new()),
            received => received.map_err(port)?.items.unwrap_or_default(),
        };
        let mut messages = Vec::new();
        for message in received {
            let text = message.message_text.clone().unwrap_or_default();
            let body = match self.encoding {
                Encoding::Plain => text.into_bytes(),
                Encoding::Base64 => match STANDARD.decode(text.trim()) {
                    Ok(body) => body,
                    Err(_) => {
                        self.poison(queue, &message, text).await?;
                        continue;
                    }
                },
            };
            messages.push(read(message, body)?);
        }
        Ok(messages)
    }

    /// Hides a received message for `lease` from now; answers its new receipt.
    ///
    /// # Errors
    /// [`PortError::Conflict`] if the receipt is stale or the message gone.
    pub async fn renew(
        &self,
        queue: &str,
        id: &str,
        pop_receipt: &str,
        lease: Duration,
    ) -> PortResult<String> {
        let queue = self.queues.queue(queue)?;
        let updated = queue.update_message(id, pop_receipt, seconds(lease), None);
        let updated = self.queues.patience().wait(updated).await.map_err(stale)?;
        // The model leaves it out; the header is documented.
        let receipt = updated.headers().get_optional_str(&HeaderName::from_static("x-ms-popreceipt"));
        receipt.map(str::to_owned).ok_or_else(|| PortError::unavailable("a message without a receipt"))
    }

    /// Deletes a received message: it is done.
    ///
    /// # Errors
    /// As [`renew`](Self::renew).
    pub async fn delete(&self, queue: &str, id: &str, pop_receipt: &str) -> PortResult<()> {
        let queue = self.queues.queue(queue)?;
        let deleted = queue.delete_message(id, pop_receipt, None);
        self.queues.patience().wait(deleted).await.map(drop).map_err(stale)
    }

    /// Adds a message, and makes the queue if there is none: a poison queue begins with its first message.
    ///
    /// # Errors
    /// The service's.
    pub async fn push(&self, queue: &str, body: Vec<u8>) -> PortResult<()> {
        let text = match self.encoding {
            Encoding::Base64 => STANDARD.encode(body),
            Encoding::Plain => String::from_utf8(body).map_err(PortError::refused)?,
        };
        self.queues.create(queue).await?;
        self.queues.send(queue, text, Duration::ZERO).await
    }

    async fn poison(&self, queue: &str, message: &ReceivedMessage, text: String) -> PortResult<()> {
        let poison = format!("{queue}-poison");
        self.queues.create(&poison).await?;
        self.queues.send(&poison, text, Duration::ZERO).await?;
        let (id, receipt) = (message.message_id.as_deref(), message.pop_receipt.as_deref());
        self.delete(queue, id.unwrap_or_default(), receipt.unwrap_or_default()).await
    }
}

fn read(message: ReceivedMessage, body: Vec<u8>) -> PortResult<HostMessage> {
    let whole = || {
        Some(HostMessage {
            id: message.message_id?,
            pop_receipt: message.pop_receipt?,
            body,
            dequeue_count: u32::try_from(message.dequeue_count?).ok()?,
            inserted: time(message.insertion_time?),
            expires: time(message.expiration_time?),
            next_visible: time(message.time_next_visible?),
        })
    };
    whole().ok_or_else(|| PortError::unavailable("a message with a part missing"))
}

fn stale(error: azure_core::Error) -> PortError {
    match code(&error) {
        Some("MessageNotFound" | "PopReceiptMismatch" | "QueueNotFound") => PortError::Conflict,
        _ => port(error),
    }
}
