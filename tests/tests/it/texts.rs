//! Hostile text: JSON that is none, and strings that break things.

use crate::world::agent;
use reqwest::Method;
use serde_json::{Value, json};
use std::fs;
use tests::{run, testdata};

fn cases(start: &str) -> Vec<(String, Vec<u8>)> {
    let Some(folder) = testdata("jsontestsuite/test_parsing") else { return Vec::new() };
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let named = files.map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), path));
    let cases: Vec<_> = named.filter(|(name, _)| name.starts_with(start)).collect();
    assert!(cases.len() > 30, "{start}: {}", cases.len());
    cases.into_iter().map(|(name, path)| (name, fs::read(path).unwrap())).collect()
}

#[test]
fn json_that_is_none_is_refused() {
    run(async |dev| {
        let alice = dev.as_user("contoso", "alice");
        for (name, text) in cases("n_") {
            for path in ["cosmos/items", "threads"] {
                let answer = alice.request(Method::POST, path).text(text.clone()).send().await;
                assert_eq!(answer.status.as_u16(), 400, "{name} {path}");
            }
        }
    });
}

#[test]
fn json_that_is_one_is_read() {
    run(async |dev| {
        let alice = dev.as_user("contoso", "alice");
        for (name, text) in cases("y_") {
            let answer = alice.request(Method::POST, "cosmos/items").text(text.clone()).send().await;
            let parsed: Option<Value> = serde_json::from_slice(&text).ok();
            // A member that occurs twice is legal JSON, and refused here.
            let double = name.contains("duplicate");
            match parsed {
                Some(Value::Object(members)) if !double && !members.contains_key("id") => {
                    let made = answer.ok();
                    for (member, value) in members {
                        assert_eq!(made[&member], value, "{name}");
                    }
                }
                _ => assert_eq!(answer.status.as_u16(), 400, "{name}"),
            }
        }
        for (name, text) in cases("i_") {
            let answer = alice.request(Method::POST, "cosmos/items").text(text).send().await;
            assert!([200, 400].contains(&answer.status.as_u16()), "{name}");
        }
    });
}

#[test]
fn naughty_strings_come_back_byte_for_byte() {
    let Some(path) = testdata("blns/blns.json") else { return };
    let strings: Vec<String> = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    assert!(strings.len() > 400);
    run(async |dev| {
        let alice = dev.as_user("contoso", "alice");
        let naughty = strings.iter().filter(|text| !text.is_empty());
        for some in naughty.collect::<Vec<_>>().chunks(10) {
            let metadata: Value =
                some.iter().enumerate().map(|(n, text)| (format!("k{n}"), short(text))).collect();
            let messages: Vec<_> = some.iter().map(|text| json!({"content": text})).collect();
            let thread =
                alice.post_json("threads", json!({"metadata": metadata, "messages": messages})).await.id();
            let stored = alice.get(&format!("threads/{thread}")).await.ok();
            let messages = alice.get(&format!("threads/{thread}/messages?order=asc")).await.list();
            let fields: Value =
                some.iter().map(|text| (format!("-{text}"), Value::from(text.as_str()))).collect();
            let record = alice.post_json("cosmos/items", fields.clone()).await.id();
            let record = alice.get(&format!("cosmos/items/{record}")).await.ok();
            for (n, text) in some.iter().enumerate() {
                assert_eq!(stored["metadata"][format!("k{n}")], short(text));
                assert_eq!(messages[n]["content"][0]["text"]["value"], text.as_str());
                assert_eq!(record[format!("-{text}")], text.as_str());
            }
        }
    });
}

fn short(text: &str) -> Value {
    text.chars().take(512).collect::<String>().into()
}

#[test]
fn naughty_strings_are_words_to_a_search_and_names_to_an_agent() {
    let Some(path) = testdata("blns/blns.json") else { return };
    let strings: Vec<String> = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    run(async |dev| {
        let admin = dev.as_admin("contoso");
        let made = agent(&admin, json!({})).await;
        for text in strings.iter().filter(|text| text.chars().count() <= 1000) {
            admin.post_json("search/query", json!({"query": text})).await.is(200);
            let filter = json!({"field": "category", "op": "eq", "value": text});
            let found = admin.post_json("search/query", json!({"query": "x", "filter": filter})).await;
            assert_eq!(found.list().len(), 0, "{text:?}");
        }
        for text in strings.iter().filter(|text| (1..=256).contains(&text.chars().count())).step_by(3) {
            let changed = admin
                .patch_json(&format!("agents/{made}"), json!({"name": text, "description": text}))
                .await
                .ok();
            assert_eq!(
                (changed["name"].as_str(), changed["description"].as_str()),
                (Some(text.as_str()), Some(text.as_str()))
            );
        }
    });
}

#[test]
fn naughty_file_names_are_kept_and_shown_as_they_are_and_lead_nowhere() {
    run(async |dev| {
        let alice = dev.as_user("contoso", "alice-of-names");
        for name in [
            "../../etc/passwd.txt",
            "..\\..\\x.txt",
            "a/b.txt",
            "CON.txt",
            "日本語.txt",
            "a\"b;c.txt",
            "%2e%2e%2f.txt",
            ".txt",
            "x.txt ",
        ] {
            let post = alice.request(Method::POST, "files").json(&json!({"filename": name}));
            let file = post.send().await.ok();
            assert_eq!(file["filename"], name);
            assert!(!file["upload"]["url"].as_str().unwrap().contains(".."));
        }
        for bad in ["", "a\nb.txt", "a\0b.txt", &"x".repeat(256)] {
            alice.post_json("files", json!({"filename": bad})).await.invalid("/filename");
        }
        let file = alice.upload("日本 \"x\".txt", "text/html", b"<script>".to_vec()).await.id();
        let answer = alice.get(&format!("files/{file}/content")).await;
        assert_eq!((answer.header("content-type"), answer.text().as_str()), ("text/html", "<script>"));
        assert!(answer.header("content-disposition").starts_with("attachment; filename*=UTF-8''%E6%97%A5"));
    });
}
