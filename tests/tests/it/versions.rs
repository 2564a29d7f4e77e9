//! `ETag` and `If-Match`; `Idempotency-Key`.

use crate::world::{agent, settled};
use reqwest::Method;
use serde_json::{Value, json};
use tests::{Answer, Caller, form, run};

async fn with(caller: &Caller, method: Method, path: &str, tag: &str, body: Option<Value>) -> Answer {
    let request = caller.request(method, path).header("if-match", tag);
    match body {
        Some(body) => request.json(&body).send().await,
        None => request.send().await,
    }
}

#[test]
fn a_stale_version_is_not_written() {
    run(async |dev| {
        let admin = dev.as_admin("contoso");
        let agent = agent(&admin, json!({})).await;
        let thread = admin.post_json("threads", json!({})).await.id();
        let record = admin.post_json("cosmos/items", json!({"n": 0})).await.id();
        for (path, method, change, seen) in [
            (format!("agents/{agent}"), Method::PATCH, json!({"name": "new"}), "/name"),
            (format!("threads/{thread}"), Method::PATCH, json!({"metadata": {"a": "b"}}), "/metadata"),
            (format!("cosmos/items/{record}"), Method::PUT, json!({"n": 1}), "/n"),
        ] {
            let first = admin.get(&path).await;
            let tag = first.header("etag").to_owned();
            let changed = with(&admin, method.clone(), &path, &tag, Some(change.clone())).await.is(200);
            assert_ne!(changed.header("etag"), tag, "{path}");
            let now = admin.get(&path).await;
            assert_eq!(now.header("etag"), changed.header("etag"), "{path}");
            assert_ne!(now.value().pointer(seen), first.value().pointer(seen), "{path}");
            with(&admin, method.clone(), &path, &tag, Some(change.clone()))
                .await
                .problem(412, "precondition-failed");
            with(&admin, Method::DELETE, &path, &tag, None).await.problem(412, "precondition-failed");
            for bad in ["abc", "\"a\", \"b\"", "W/\"a\""] {
                with(&admin, method.clone(), &path, bad, Some(change.clone())).await.invalid("If-Match");
            }
            assert_eq!(admin.get(&path).await.value(), now.value(), "{path}: nothing was written");
            with(&admin, Method::DELETE, &path, now.header("etag"), None).await.is(204);
            with(&admin, Method::DELETE, &path, "*", None).await.is(404);
        }
        let file = admin.upload("tagged.txt", "text/plain", b"words".to_vec()).await.id();
        settled(&admin, &file).await;
        let path = format!("files/{file}");
        with(&admin, Method::DELETE, &path, "\"0\"", None).await.problem(412, "precondition-failed");
        let tag = admin.get(&path).await.header("etag").to_owned();
        with(&admin, Method::DELETE, &path, &tag, None).await.is(204);
        admin.get(&path).await.is(404);
    });
}

async fn keyed(caller: &Caller, path: &str, key: &str, body: &Value) -> Answer {
    caller.request(Method::POST, path).header("idempotency-key", key).json(body).send().await
}

#[test]
fn the_first_answer_is_given_again() {
    run(async |dev| {
        let alice = dev.as_user("contoso", "alice-of-keys");
        let thread = alice.post_json("threads", json!({})).await.id();
        for (path, one, other) in [
            ("threads".to_owned(), json!({"metadata": {"a": "1"}}), json!({"metadata": {"a": "2"}})),
            (format!("threads/{thread}/messages"), json!({"content": "a"}), json!({"content": "b"})),
            ("cosmos/items".to_owned(), json!({"a": "once"}), json!({"a": "twice"})),
        ] {
            let first = keyed(&alice, &path, "key-1", &one).await.is(200);
            let again = keyed(&alice, &path, "key-1", &one).await.is(200);
            assert_eq!(first.body, again.body, "{path}");
            assert_eq!(
                (first.header("etag"), first.header("content-type")),
                (again.header("etag"), again.header("content-type"))
            );
            assert_eq!(
                (first.header("idempotency-replayed"), again.header("idempotency-replayed")),
                ("", "true")
            );
            assert_ne!(first.header("x-request-id"), again.header("x-request-id"));
            keyed(&alice, &path, "key-1", &other).await.problem(422, "idempotency-key-reused");
            let second = keyed(&alice, &path, "key-2", &one).await.id();
            assert_ne!(second, first.id(), "{path}");
        }
        // Nobody else's key is this one.
        let mine = keyed(&alice, "threads", "key-3", &json!({})).await.id();
        for other in [dev.as_user("fabrikam", "alice-of-keys"), dev.as_user("contoso", "bob-of-keys")] {
            assert_ne!(keyed(&other, "threads", "key-3", &json!({})).await.id(), mine);
            keyed(&other, "threads", "key-1", &json!({"metadata": {"a": "3"}})).await.is(200);
        }
        // Nor another function's.
        keyed(&alice, "cosmos/events", "key-3", &json!({"a": "b"})).await.is(200);
        assert_eq!(alice.get("threads?limit=100").await.list().len(), 4);
        for bad in ["", &"k".repeat(256)] {
            keyed(&alice, "threads", bad, &json!({})).await.invalid("Idempotency-Key");
        }
        keyed(&alice, "threads", &"k".repeat(255), &json!({})).await.is(200);
    });
}

#[test]
fn a_refusal_is_not_kept() {
    run(async |dev| {
        let alice = dev.as_user("contoso", "alice-of-refusals");
        let bad = json!({"metadata": {"a": 1}});
        keyed(&alice, "threads", "again", &bad).await.is(400);
        keyed(&alice, "threads", "again", &bad).await.is(400);
    });
}

#[test]
fn many_at_once_with_one_key_make_one_thing() {
    run(async |dev| {
        let alice = dev.as_user("contoso", "alice-at-once");
        let requests = (0..12).map(|_| keyed(&alice, "threads", "race", &Value::Null));
        drop(requests);
        let body = json!({"metadata": {"a": "b"}});
        let answers =
            futures::future::join_all((0..12).map(|_| keyed(&alice, "threads", "race", &body))).await;
        assert!(answers.iter().any(|answer| answer.status == 200));
        for answer in answers {
            assert!(answer.status == 200 || answer.status == 409, "{}", answer.status);
        }
        assert_eq!(alice.get("threads").await.list().len(), 1);
    });
}

#[test]
fn an_upload_is_given_again_if_its_bytes_are_the_same() {
    run(async |dev| {
        let alice = dev.as_user("contoso", "alice-of-uploads");
        let raw = async |name: &str, bytes: &[u8]| {
            let request = alice
                .request(Method::POST, &format!("files?filename={name}"))
                .header("idempotency-key", "upload");
            request.header("content-type", "text/plain").body(bytes.to_vec()).send().await
        };
        let first = raw("a.txt", b"one two").await.is(200);
        let again = raw("a.txt", b"one two").await.is(200);
        assert_eq!((first.body, again.header("idempotency-replayed")), (again.body.clone(), "true"));
        raw("a.txt", b"one two three").await.problem(422, "idempotency-key-reused");
        raw("b.txt", b"one two").await.problem(422, "idempotency-key-reused");
        // A form has a boundary of its own each time: its parts are what is compared.
        let post = async |name: &str, bytes: &[u8], metadata: &'static str| {
            let file = form(name, "text/plain", bytes.to_vec());
            let form = reqwest::multipart::Form::new().text("metadata", metadata);
            let part = reqwest::multipart::Part::bytes(bytes.to_vec()).file_name(name.to_owned());
            let form = if metadata.is_empty() { file } else { form.part("file", part) };
            alice.request(Method::POST, "files").header("idempotency-key", "form").form(form).send().await
        };
        let first = post("c.txt", b"three", "").await.is(200);
        let again = post("c.txt", b"three", "").await.is(200);
        assert_eq!((first.body, again.header("idempotency-replayed")), (again.body.clone(), "true"));
        post("c.txt", b"four", "").await.problem(422, "idempotency-key-reused");
        post("d.txt", b"three", "").await.problem(422, "idempotency-key-reused");
        post("c.txt", b"three", "{\"a\": \"b\"}").await.problem(422, "idempotency-key-reused");
        assert_eq!(alice.get("files").await.list().len(), 2);
    });
}

/// The gateway's key is no part of a request, and a link is made anew: it is good for minutes, an answer for a day.
#[test]
fn what_a_second_try_of_a_link_is_given() {
    run(async |dev| {
        let alice = dev.as_user("contoso", "alice-of-links");
        let wish = json!({"filename": "a.txt", "content_type": "text/plain"});
        let first = keyed(&alice, "files?code=one", "link", &wish).await.is(200).value();
        tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
        let again = keyed(&alice, "files?code=two", "link", &wish).await.is(200).value();
        assert_eq!(first["id"], again["id"], "the same file");
        let ends = |wish: &Value| wish["upload"]["expires_at"].as_i64().unwrap();
        assert!(ends(&again) > ends(&first), "another link");
        let other = json!({"filename": "b.txt", "content_type": "text/plain"});
        keyed(&alice, "files", "link", &other).await.problem(422, "idempotency-key-reused");
        let upper = alice.request(Method::POST, "files").header("content-type", "Application/JSON");
        upper.body(wish.to_string().into_bytes()).send().await.is(200);
    });
}
