//! Storage as the Functions host sees it, for a host that runs on a developer's machine: leases on messages, and
//! listings of a trigger's container. It is the app's own identity that asks.

mod blobs;
mod queues;

pub use blobs::{AzureHostBlobs, HostBlob};
pub use queues::{AzureHostQueues, Encoding, HostMessage};

use azure_core::time::OffsetDateTime;
use jiff::Timestamp;

fn time(time: OffsetDateTime) -> Timestamp {
    Timestamp::from_nanosecond(time.unix_timestamp_nanos()).unwrap_or(Timestamp::UNIX_EPOCH)
}
