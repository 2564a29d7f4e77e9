//! The local storage's door for upload links: what a signed URL of Blob Storage is in Azure. An upload is told to the
//! service as Event Grid would tell it.

use super::Fault;
use axum::{
    Router,
    extract::{Path, Request, State},
    http::StatusCode,
    routing::put,
};
use futures::StreamExt;
use local::{Local, Uploaded};
use pool::ports::{Clock, PortError, SystemClock};
use serde_json::json;
use std::{net::SocketAddr, time::Duration};
use tokio::net::TcpListener;

#[derive(Clone)]
struct Storage {
    local: Local,
    base: String,
    limit: u64,
}

/// Serves upload links on `listener`; `base` is what their URLs begin with.
pub(super) async fn serve(
    listener: TcpListener,
    local: Local,
    base: String,
    limit: u64,
) -> Result<(), Fault> {
    let storage = Storage { local, base, limit };
    let router = Router::new().route("/{token}", put(upload)).with_state(storage);
    Ok(axum::serve(listener, router).await?)
}

/// What the URLs of links begin with.
pub(super) fn base(address: SocketAddr) -> String {
    format!("http://{address}")
}

async fn upload(State(storage): State<Storage>, Path(token): Path<String>, request: Request) -> StatusCode {
    let body =
        request.into_body().into_data_stream().map(|chunk| chunk.map_err(std::io::Error::other)).boxed();
    match storage.local.redeem_upload(&token, storage.limit, body).await {
        Ok(Some(uploaded)) => storage.tell(&uploaded).await,
        Ok(None) => StatusCode::FORBIDDEN,
        Err(PortError::TooLarge { .. }) => StatusCode::PAYLOAD_TOO_LARGE,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

impl Storage {
    async fn tell(&self, uploaded: &Uploaded) -> StatusCode {
        let Uploaded { container, blob, .. } = uploaded;
        let event = json!({
            "topic": "local",
            "subject": format!("/blobServices/default/containers/{container}/blobs/{blob}"),
            "eventType": "Microsoft.Storage.BlobCreated",
            "eventTime": SystemClock.now().to_string(),
            "id": uploaded.etag.0,
            "data": {
                "api": "PutBlob",
                "contentType": uploaded.content_type,
                "contentLength": uploaded.len,
                "blobType": "BlockBlob",
                "eTag": uploaded.etag.0,
                "url": format!("{}/{container}/{blob}", self.base),
            },
            "dataVersion": "",
            "metadataVersion": "1",
        });
        let told =
            self.local.queue.push_raw("blob-events", event.to_string().into_bytes(), Duration::ZERO).await;
        if told.is_ok() { StatusCode::CREATED } else { StatusCode::SERVICE_UNAVAILABLE }
    }
}
