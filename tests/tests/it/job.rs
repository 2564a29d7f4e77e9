//! The main job: files in, answers with citations out, and nothing of what is gone or another's.

use crate::world::{agent, ended, settled, thread};
use reqwest::Method;
use serde_json::{Value, json};
use std::{fs, sync::Arc};
use tests::{Caller, Dev, eventually, form, repository, run};

fn sample(name: &str) -> Vec<u8> {
    fs::read(repository().join("docs/samples").join(name)).unwrap()
}

/// The assistant's last words and the passages that they cite.
async fn ask(dev: &Arc<Dev>, user: &Caller, question: &str, stream: bool) -> (String, Vec<Value>) {
    let agent = agent(&dev.as_admin(&user.tenant), json!({})).await;
    let thread = thread(user, question).await;
    let runs = format!("threads/{thread}/runs");
    if stream {
        let events = user.post_events(&runs, json!({"agent_id": agent, "stream": true})).await;
        let names: Vec<_> = events.iter().map(|event| event.name.as_str()).collect();
        assert_eq!((names[0], names[names.len() - 1]), ("thread.run.created", "done"));
        assert_eq!(names[names.len() - 2], "thread.run.completed");
        let said = events.iter().filter(|event| event.name == "thread.message.delta");
        let said: String =
            said.map(|event| event.data["delta"]["content"][0]["text"]["value"].as_str().unwrap()).collect();
        let whole = events.iter().find(|event| event.name == "thread.message.completed").unwrap();
        assert_eq!(whole.data["content"][0]["text"]["value"], said);
    } else {
        let run = user.post_json(&runs, json!({"agent_id": agent})).await.ok();
        assert_eq!(run["status"], "queued");
        assert_eq!(ended(user, &thread, run["id"].as_str().unwrap()).await["status"], "completed");
    }
    let messages = user.get(&format!("threads/{thread}/messages")).await.list();
    assert_eq!((messages.len(), messages[0]["role"].as_str()), (2, Some("assistant")));
    let text = &messages[0]["content"][0]["text"];
    let cited =
        text["annotations"].as_array().unwrap().iter().map(|citation| citation["file_citation"].clone());
    (text["value"].as_str().unwrap().to_owned(), cited.collect())
}

#[test]
fn the_main_job() {
    run(async |dev| {
        let alice = dev.as_user("contoso", "alice-of-the-job");
        let pdf =
            alice.upload("travel-policy.pdf", "application/pdf", sample("travel-policy.pdf")).await.id();
        let post = alice.request(Method::POST, "files").form(form(
            "work-rules-ja.txt",
            "text/plain",
            sample("work-rules-ja.txt"),
        ));
        let rules = post.send().await.id();
        let word = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
        let wish = alice
            .post_json("files", json!({"filename": "product-faq.docx", "content_type": word}))
            .await
            .ok();
        assert_eq!(wish["status"], "uploading");
        let upload = &wish["upload"];
        assert_eq!(dev.send(upload, sample("product-faq.docx")).await, 201);
        let url = upload["url"].as_str().unwrap();
        let mut cut = upload.clone();
        cut["url"] = json!(url[..url.len() - 1]);
        assert_eq!(dev.send(&cut, *b"forged").await, 403);
        let read = dev.with_token("contoso", None).get(url).await.status.as_u16();
        assert!([403, 405].contains(&read), "a link to write does not read: {read}");
        let faq = wish["id"].as_str().unwrap();
        for file in [&pdf, &rules, faq] {
            let file = settled(&alice, file).await;
            assert_eq!(file["status"], "indexed", "{file}");
            assert!(file["chunks"].as_u64().unwrap() > 0 && file["bytes"].as_u64().unwrap() > 0, "{file}");
        }
        assert_eq!(alice.get(&format!("files/{pdf}/content")).await.body, sample("travel-policy.pdf"));
        for stream in [false, true] {
            let (answer, cited) = ask(&dev, &alice, "How much may a hotel cost a night?", stream).await;
            assert!(answer.contains("140 euros a night"), "{answer}");
            let place = (&cited[0]["file_id"], &cited[0]["filename"], &cited[0]["position"]);
            assert_eq!(place, (&json!(pdf), &json!("travel-policy.pdf"), &json!("page 2")));
            let (answer, cited) = ask(&dev, &alice, "年次有給休暇は何日ですか？", stream).await;
            assert!(answer.contains("12日の年次有給休暇"), "{answer}");
            assert!(
                cited[0]["file_id"] == rules && cited[0]["position"].as_str().unwrap().starts_with("lines "),
                "{cited:?}"
            );
            let (answer, cited) = ask(&dev, &alice, "What is the airspeed of a swallow?", stream).await;
            assert!(answer.contains("found nothing") && cited.is_empty(), "{answer}");
        }
        let (answer, cited) = ask(&dev, &alice, "How long is the warranty of the kettle?", false).await;
        assert!(
            answer.contains("Three years") && cited.iter().any(|passage| passage["file_id"] == faq),
            "{answer}"
        );
        strangers(&dev, &pdf).await;
        alice.delete(&format!("files/{pdf}")).await.is(204);
        let found = alice.get("search/documents?query=hotel%20euros%20night&top=50").await.list();
        assert!(found.iter().all(|hit| hit["id"] != pdf), "{found:?}");
        let (answer, cited) = ask(&dev, &alice, "How much may a hotel cost a night?", false).await;
        assert!(
            !answer.contains("140 euros") && cited.iter().all(|passage| passage["file_id"] != pdf),
            "{answer}"
        );
        alice.get(&format!("files/{pdf}")).await.is(404);
        alice.get(&format!("files/{pdf}/content")).await.is(404);
    });
}

/// What others see of alice's file while it is there: her admin all, anyone else nothing.
async fn strangers(dev: &Arc<Dev>, file: &str) {
    let question = "How much may a hotel cost a night?";
    for (tenant, user) in [("contoso", "bob-of-the-job"), ("fabrikam", "alice-of-the-job")] {
        let stranger = dev.as_user(tenant, user);
        assert_eq!(stranger.get("files").await.list().len(), 0);
        stranger.get(&format!("files/{file}")).await.is(404);
        let found = stranger.get("search/documents?query=hotel%20euros%20night&top=50").await.list();
        assert!(found.iter().all(|hit| hit["id"] != file), "{found:?}");
        let (answer, cited) = ask(dev, &stranger, question, false).await;
        assert!(
            !answer.contains("140 euros") && cited.iter().all(|passage| passage["file_id"] != file),
            "{answer}"
        );
    }
    let admin = dev.as_admin("contoso");
    assert_eq!(admin.get(&format!("files/{file}")).await.ok()["user_id"], "alice-of-the-job");
    let listed = admin.get("files?limit=100&order=desc").await.list();
    assert!(listed.iter().any(|known| known["id"] == file));
    let found = admin.get("search/documents?query=hotel%20euros%20night&top=50").await.list();
    assert!(found.iter().any(|hit| hit["id"] == file));
}

#[test]
fn a_file_in_the_drop_folder_is_the_tenants_and_is_replaced() {
    run(async |dev| {
        let user = dev.as_user("northwind", "nancy");
        let hits = async |word: &str| user.get(&format!("search/documents?query={word}")).await.list();
        let found = async |word: &'static str| {
            let one = async || hits(word).await.into_iter().next();
            eventually(word, one).await["id"].as_str().unwrap().to_owned()
        };
        dev.drop_file("northwind", "x.txt", &user.mark("The gate code is zanzibar.")).await;
        let first = found("zanzibar").await;
        assert_eq!(user.get(&format!("files/{first}")).await.ok()["filename"], "x.txt");
        dev.drop_file("northwind", "x.txt", &user.mark("The gate code is timbuktu now.")).await;
        assert_eq!(found("timbuktu").await, first, "the same name is the same file");
        assert_eq!(hits("zanzibar").await.len(), 0);
        for who in [&user, &dev.as_admin("northwind")] {
            let listed = who.get("files").await.list();
            assert_eq!(listed.iter().filter(|file| file["filename"] == "x.txt").count(), 1);
        }
        assert_eq!(
            dev.as_user("contoso", "bob").get("search/documents?query=timbuktu").await.list().len(),
            0
        );
        // A folder of nobody, and one whose name is none, are nobody's.
        for stranger in ["strangers", "Northwind", "con--toso"] {
            dev.drop_file(stranger, "y.txt", "wagadugu").await;
        }
        eventually("the log", async || dev.log().last("in the folder of no tenant")).await;
        assert_eq!(hits("wagadugu").await.len(), 0);
    });
}

#[test]
fn each_of_nine_kinds_is_read() {
    run(async |dev| {
        let alice = dev.as_user("contoso", "alice-of-kinds");
        let fixtures = repository().join("handler/extract/tests/fixtures");
        let names = [
            "notice-ja.pdf",
            "welcome-ja.docx",
            "price-list.xlsx",
            "launch-plan.pptx",
            "work-rules-sjis.txt",
            "handbook.md",
            "intranet.html",
            "sites.csv",
            "settings.json",
            "work-rules-eucjp.txt",
            "work-rules-utf16.txt",
        ];
        let mut files = Vec::new();
        for name in names {
            let bytes = fs::read(fixtures.join(name)).unwrap();
            files.push((name, alice.upload(name, "application/octet-stream", bytes).await.id()));
        }
        let mut kinds = std::collections::BTreeSet::new();
        for (name, file) in &files {
            let file = settled(&alice, file).await;
            assert_eq!(
                (file["status"].as_str(), &file["status_details"]),
                (Some("indexed"), &Value::Null),
                "{name}: {file}"
            );
            kinds.insert(file["kind"].as_str().unwrap().to_owned());
            assert_eq!(file["kind"], name.rsplit('.').next().unwrap());
        }
        assert_eq!(kinds.len(), 9);
        let found = alice.get("search/documents?query=有給休暇&top=20").await.list();
        for name in ["work-rules-sjis.txt", "work-rules-eucjp.txt", "work-rules-utf16.txt"] {
            assert!(found.iter().any(|hit| hit["title"] == name), "{name} in {found:?}");
        }
    });
}

#[test]
fn a_bad_file_is_quarantined_and_says_why() {
    run(async |dev| {
        let alice = dev.as_user("contoso", "alice-of-bad-files");
        let fixture =
            |name: &str| fs::read(repository().join("handler/extract/tests/fixtures").join(name)).unwrap();
        let cases = [
            ("broken.pdf", b"%PDF-1.7\nnothing more".to_vec(), "malformed"),
            ("locked.pdf", fixture("locked.pdf"), "encrypted"),
            ("scan.pdf", fixture("scan.pdf"), "no_text"),
            ("page.txt", b"<!DOCTYPE html><p>hi</p>".to_vec(), "type_mismatch"),
            ("program.exe", b"MZ".to_vec(), "unsupported_type"),
        ];
        for (name, bytes, code) in cases {
            let file = alice.upload(name, "application/octet-stream", bytes.clone()).await.id();
            let file = settled(&alice, &file).await;
            assert_eq!(
                (file["status"].as_str(), file["chunks"].as_u64()),
                (Some("quarantined"), Some(0)),
                "{name}: {file}"
            );
            assert_eq!(file["status_details"]["code"], code, "{name}");
            assert!(file["status_details"]["reason"].as_str().unwrap().len() > 10, "{name}");
            let path = format!("files/{}", file["id"].as_str().unwrap());
            assert_eq!(alice.get(&format!("{path}/content")).await.body, bytes);
            alice.delete(&path).await.is(204);
        }
    });
}
