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

/// Reads an event: `None` if it is of something else than a blob that came or went. The subject and the URL must name the
/// same blob, and the URL the account that is ours.
///
/// # Errors
/// The rule that it breaks.
pub(super) fn read(text: &str, account: Option<&Url>) -> Result<Option<BlobEvent>, &'static str> {
    let event = pool::strict_json::parse(text.as_bytes(), 16).map_err(|_| "an event that is not JSON")?;
    let event = match event {
        Value::Array(mut events) if events.len() == 1 => events.remove(0),
        event => event,
    };
    let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str);
    match text("/eventType") {
        Some("Microsoft.Storage.BlobCreated" | "Microsoft.Storage.BlobDeleted") => {}
        Some(_) => return Ok(None),
        None => return Err("an event without a type"),
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
    let within = account.map_or("", |account| account.path().trim_end_matches('/'));
    if !plain || url.path() != format!("{within}/{container}/{blob}") {
        return Err("an event whose subject and URL disagree");
    }
    Ok(Some(BlobEvent { container: container.to_owned(), blob: blob.to_owned() }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn account() -> Url {
        "https://acct.blob.core.windows.net".parse().unwrap()
    }

    fn event(subject: &str, url: &str) -> Result<Option<BlobEvent>, &'static str> {
        let event = json!({"eventType": "Microsoft.Storage.BlobCreated", "data": {"url": url},
            "subject": format!("/blobServices/default/containers/{subject}")});
        read(&event.to_string(), Some(&account()))
    }

    #[test]
    fn subject_and_url_must_agree() {
        let good =
            event("contoso/blobs/files/file_1", "https://acct.blob.core.windows.net/contoso/files/file_1");
        assert_eq!(good, Ok(Some(BlobEvent { container: "contoso".into(), blob: "files/file_1".into() })));
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

    #[test]
    fn events_of_other_things_are_passed_over() {
        let other = json!({"eventType": "Microsoft.Storage.BlobTierChanged"}).to_string();
        assert_eq!(read(&other, None), Ok(None));
        for text in ["", "x", "{}", "[]", r#"{"eventType":1}"#, r#"{"eventType":"a","eventType":"b"}"#] {
            assert!(read(text, None).is_err(), "{text}");
        }
    }

    /// Whatever byte of an event is changed, it is refused, or of the blob that it was of.
    #[test]
    fn an_altered_event_is_of_no_other_blob() {
        let event = json!({"eventType": "Microsoft.Storage.BlobCreated", "data": {"url": "https://acct.blob.core.windows.net/contoso/files/file_1"},
            "subject": "/blobServices/default/containers/contoso/blobs/files/file_1", "topic": "/subscriptions/x"});
        let good = event.to_string();
        let own = read(&good, Some(&account()));
        assert!(matches!(own, Ok(Some(_))));
        let mut refused = 0;
        for at in 0..good.len() {
            for byte in 0..128 {
                let mut altered = good.clone().into_bytes();
                altered[at] = byte;
                let altered = String::from_utf8(altered).unwrap();
                let event = read(&altered, Some(&account()));
                assert!(event.is_err() || event == Ok(None) || event == own, "{altered}");
                refused += usize::from(event.is_err());
            }
        }
        assert!(refused > 20_000, "{refused}");
    }
}
