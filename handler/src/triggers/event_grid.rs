//! Event Grid's word of a blob: `Microsoft.Storage.BlobCreated` and `BlobDeleted`, in the Event Grid schema.
//!
//! <https://learn.microsoft.com/azure/event-grid/event-schema-blob-storage>

use serde_json::Value;
use url::Url;

/// A blob that came or went.
#[derive(Debug, PartialEq)]
pub(super) struct BlobEvent {
    pub(super) container: String,
    pub(super) blob: String,
}

/// Reads an event. The subject and the URL must name the same blob, and the URL the account that is ours.
///
/// # Errors
/// The rule that it breaks.
pub(super) fn read(text: &str, account: Option<&Url>) -> Result<BlobEvent, &'static str> {
    let event = pool::strict_json::parse(text.as_bytes(), 16).map_err(|_| "an event that is not JSON")?;
    let event = match event {
        Value::Array(mut events) if events.len() == 1 => events.remove(0),
        event => event,
    };
    let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str);
    if !matches!(text("/eventType"), Some("Microsoft.Storage.BlobCreated" | "Microsoft.Storage.BlobDeleted"))
    {
        return Err("an event of another type");
    }
    let subject =
        text("/subject").and_then(|subject| subject.strip_prefix("/blobServices/default/containers/"));
    let (container, blob) =
        subject.and_then(|s| s.split_once("/blobs/")).ok_or("an event without a subject")?;
    let url = text("/data/url").and_then(|url| Url::parse(url).ok()).ok_or("an event without a URL")?;
    let plain = url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    if account.is_some_and(|account| account.origin() != url.origin()) {
        return Err("an event of another account");
    }
    // An account whose host is an address has its name in the path.
    let within = account.map_or("", |account| account.path().trim_matches('/'));
    let path = url.path().strip_prefix('/').and_then(|path| path.strip_prefix(within));
    if !plain || path.map(|path| path.trim_start_matches('/')) != Some(&format!("{container}/{blob}")) {
        return Err("an event whose subject and URL disagree");
    }
    Ok(BlobEvent { container: container.to_owned(), blob: blob.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn event(subject: &str, url: &str) -> Result<BlobEvent, &'static str> {
        let event = json!({"eventType": "Microsoft.Storage.BlobCreated", "data": {"url": url},
            "subject": format!("/blobServices/default/containers/{subject}")});
        read(&event.to_string(), Some(&"https://acct.blob.core.windows.net".parse().unwrap()))
    }

    #[test]
    fn subject_and_url_must_agree() {
        let good =
            event("contoso/blobs/files/file_1", "https://acct.blob.core.windows.net/contoso/files/file_1");
        assert_eq!(good, Ok(BlobEvent { container: "contoso".into(), blob: "files/file_1".into() }));
        for (subject, url) in [
            ("contoso/blobs/files/file_1", "https://acct.blob.core.windows.net/fabrikam/files/file_1"),
            ("contoso/blobs/files/file_1", "https://evil.example/contoso/files/file_1"),
            ("contoso/blobs/files/file_1", "https://acct.blob.core.windows.net:444/contoso/files/file_1"),
            ("contoso/blobs/files/file_1", "https://x@acct.blob.core.windows.net/contoso/files/file_1"),
            ("contoso/blobs/files/file_1", "https://acct.blob.core.windows.net/contoso/files/file_1?sig=x"),
            (
                "contoso/blobs/../fabrikam/file_1",
                "https://acct.blob.core.windows.net/contoso/../fabrikam/file_1",
            ),
            ("contoso", "https://acct.blob.core.windows.net/contoso"),
        ] {
            assert!(event(subject, url).is_err(), "{subject} {url}");
        }
    }
}
