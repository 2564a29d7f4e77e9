//! Any event and any path of a blob: each is of the tenant that a plain reading of it names, or of none.
#![no_main]

#[path = "../../handler/src/triggers/event_grid.rs"]
mod event_grid;

use axum::{body::Body, http::Request};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use fuzz::{RUNTIME, service};
use handler::app::App;
use libfuzzer_sys::fuzz_target;
use pool::{Owned, PageRequest};
use serde_json::{Value, json};
use std::sync::{Arc, LazyLock};
use url::Url;

static SERVICE: LazyLock<Arc<App>> = LazyLock::new(service);
const TENANTS: [&str; 2] = ["contoso", "fabrikam"];
/// An account with a host of its own, and one whose name is in the path.
const ACCOUNTS: [&str; 2] = ["https://acct.blob.core.windows.net", "http://127.0.0.1:10000/acct"];

fuzz_target!(|input: (u8, &str, &str, &str)| {
    let (how, first, name, other) = input;
    let bit = |n: u8| how >> n & 1 == 1;
    let first = if bit(0) { TENANTS[usize::from(bit(1))] } else { first };
    if bit(2) {
        return blob(first, name);
    }
    let account = ACCOUNTS[usize::from(bit(3))];
    let subject = format!("/blobServices/default/containers/{first}/blobs/{name}");
    let text = match how >> 4 & 3 {
        0 => other.to_owned(),
        1 => told(&subject, &format!("https://{other}/{first}/{name}")),
        2 => told(&subject, &format!("{account}/{first}/{other}")),
        _ => told(&subject, &format!("{account}/{first}/{name}{other}")),
    };
    event(&text, account, bit(6));
});

fn told(subject: &str, url: &str) -> String {
    json!([{"eventType": "Microsoft.Storage.BlobCreated", "subject": subject, "data": {"url": url}}])
        .to_string()
}

fn event(text: &str, account: &str, encoded: bool) {
    let account = Url::parse(account).expect("a URL");
    let read = event_grid::read(text, Some(&account));
    if let Ok(Some(event)) = &read
        && let Ok(scope) = RUNTIME.block_on(SERVICE.doors.claim(Owned::Container(&event.container)))
    {
        let (whose, blob) = plainly(text, &account);
        assert_eq!((scope.tenant().as_str(), event.blob.as_str()), (whose.as_str(), blob.as_str()), "{text}");
    }
    let message = if encoded { BASE64.encode(text) } else { json!(text).to_string() };
    let status = posted("ingest_event", &json!({"Data": {"message": message}, "Metadata": {}}));
    // The service has the first account.
    if account.path() == "/" {
        assert_eq!(status == 200, read.is_ok(), "{status} {text}");
    }
}

/// The container and the blob of an event's URL, by its segments.
fn plainly(text: &str, account: &Url) -> (String, String) {
    let event: Value = serde_json::from_str(text).expect("JSON");
    let event = event.get(0).unwrap_or(&event);
    let url = Url::parse(event["data"]["url"].as_str().expect("a URL")).expect("a URL");
    assert_eq!((url.host(), url.port_or_known_default()), (account.host(), account.port_or_known_default()));
    assert_eq!((url.scheme(), url.query(), url.fragment()), (account.scheme(), None, None));
    let mut segments = url.path_segments().expect("segments");
    for within in account.path_segments().expect("segments").filter(|segment| !segment.is_empty()) {
        assert_eq!(segments.next(), Some(within));
    }
    let whose = segments.next().expect("a container").to_owned();
    let blob = segments.collect::<Vec<_>>();
    assert!(!blob.contains(&".."), "{text}");
    let blob = blob.join("/");
    assert_eq!(event["subject"], format!("/blobServices/default/containers/{whose}/blobs/{blob}"));
    (whose, blob)
}

/// A blob in the drop container, in a service that has no other.
fn blob(folder: &str, name: &str) {
    let app = service();
    let metadata = json!({"tenant": folder, "name": name});
    post(&app, "ingest_blob", &json!({"Data": {"blob": BASE64.encode("x")}, "Metadata": metadata}));
    let path = format!("{}/{}", plain(folder), plain(name));
    let (whose, name) = path.split_once('/').expect("a slash");
    let fine = (1..=255).contains(&name.len()) && !name.contains(char::is_control);
    for tenant in TENANTS {
        let page = PageRequest { limit: 9, descending: true, cursor: None };
        let files = RUNTIME.block_on(async {
            let scope = app.doors.claim(Owned::DropFolder(tenant)).await.expect("a tenant");
            scope.files().list(&page).await.expect("a list").items
        });
        let expected = if whose == tenant && fine { vec![name] } else { Vec::new() };
        assert_eq!(files.iter().map(|file| file.filename.as_str()).collect::<Vec<_>>(), expected, "{tenant}");
    }
}

/// The host writes some metadata as JSON in a string.
fn plain(text: &str) -> String {
    serde_json::from_str(text).unwrap_or_else(|_| text.to_owned())
}

fn posted(name: &str, payload: &Value) -> u16 {
    post(&SERVICE, name, payload)
}

fn post(app: &Arc<App>, name: &str, payload: &Value) -> u16 {
    let request = Request::post(format!("/{name}")).body(Body::from(payload.to_string())).expect("a request");
    let status = RUNTIME.block_on(app.clone().answer(request)).status().as_u16();
    assert!([200, 500, 503].contains(&status), "{name}: {status}");
    status
}
