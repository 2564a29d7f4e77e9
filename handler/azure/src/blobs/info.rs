//! What is written beside a blob's bytes, and what of it is believed.

use crate::error::{code, port};
use azure_core::http::{NoFormat, Response};
use azure_storage_blob::models::{
    BlobClientGetPropertiesResult, BlobClientGetPropertiesResultHeaders, BlobDownloadProperties,
};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use pool::{
    TenantId,
    ports::{BlobInfo, Etag, PortError, PortResult},
};
use std::collections::HashMap;

/// Whose the blob is.
const TENANT: &str = "tenantid";
/// The content type as it was put, where a header cannot carry it.
const CONTENT_TYPE: &str = "contenttype";

/// The content type and the metadata that a blob is stored with.
pub(crate) fn headers(tenant: &TenantId, content_type: &str) -> (String, HashMap<String, String>) {
    let mut metadata = HashMap::from([(TENANT.to_owned(), tenant.to_string())]);
    if content_type.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return (content_type.to_owned(), metadata);
    }
    let exact = utf8_percent_encode(content_type, NON_ALPHANUMERIC).to_string();
    metadata.insert(CONTENT_TYPE.to_owned(), exact);
    ("application/octet-stream".to_owned(), metadata)
}

/// Whether the service says that there is no such blob. A container that is missing is another matter.
pub(crate) fn absent(error: &azure_core::Error) -> bool {
    code(error) == Some("BlobNotFound")
}

/// What a head says.
pub(super) fn found(
    tenant: &TenantId,
    answer: &Response<BlobClientGetPropertiesResult, NoFormat>,
) -> PortResult<BlobInfo> {
    let parts = || Ok((answer.etag()?, answer.content_length()?, answer.content_type()?, answer.metadata()?));
    let (etag, len, content_type, metadata) = parts().map_err(port)?;
    info(tenant, etag, len, content_type, &metadata)
}

/// What the head of a download says.
pub(super) fn downloaded(tenant: &TenantId, said: BlobDownloadProperties) -> PortResult<BlobInfo> {
    info(tenant, said.etag, said.content_length, said.content_type, &said.metadata)
}

fn info(
    tenant: &TenantId,
    etag: Option<azure_core::http::Etag>,
    len: Option<u64>,
    content_type: Option<String>,
    metadata: &HashMap<String, String>,
) -> PortResult<BlobInfo> {
    // A blob that came by a link carries what its sender wrote, which may be nothing, or nonsense: no alarm.
    if metadata.get(TENANT).is_some_and(|owner| owner != tenant.as_str()) {
        return Err(PortError::refused("a blob with another tenant's mark"));
    }
    let exact =
        metadata.get(CONTENT_TYPE).map(|exact| percent_decode_str(exact).decode_utf8_lossy().into_owned());
    Ok(BlobInfo {
        etag: bare(etag)?,
        len: len.ok_or_else(|| PortError::unavailable("an answer without a length"))?,
        content_type: exact.or(content_type).unwrap_or_else(|| "application/octet-stream".to_owned()),
    })
}

/// An ETag without its quotes.
pub(super) fn bare(etag: Option<azure_core::http::Etag>) -> PortResult<Etag> {
    let etag = etag.ok_or_else(|| PortError::unavailable("an answer without an ETag"))?;
    Ok(Etag(etag.as_ref().trim_matches('"').to_owned()))
}
