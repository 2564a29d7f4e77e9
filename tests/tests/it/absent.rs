//! What a stranger can learn: nothing, not even what is there.

use crate::world::World;
use handler::functions::{Access, FUNCTIONS, Takes, Trigger};
use reqwest::Method;
use serde_json::{Value, json};
use tests::{Answer, Caller, run};

/// Every HTTP function that needs a caller: name, verb, route, and whether it takes a body.
pub(crate) fn guarded() -> impl Iterator<Item = (&'static str, Method, &'static str, &'static str)> {
    FUNCTIONS.iter().filter_map(|function| match &function.trigger {
        Trigger::Http(http) => match &http.access {
            Access::Needs(..) => Some((function.name, http.method.clone(), http.route, takes(&http.takes))),
            Access::Public(_) => None,
        },
        _ => None,
    })
}

fn takes(takes: &Takes) -> &'static str {
    if matches!(takes, Takes::Nothing) { "" } else { "body" }
}

/// A good body of each function that takes one.
pub(crate) fn body(name: &str, world: &World) -> Value {
    match name {
        "agents_create" => json!({"name": "x", "instructions": "x"}),
        "messages_create" | "messages_create_alias" => json!({"content": "x"}),
        "runs_create" | "runs_create_alias" => json!({"agent_id": world.agent}),
        "runs_submit" => json!({"tool_outputs": []}),
        "files_create" => json!({"filename": "x.txt"}),
        "search_upsert" => json!([{"id": "x", "content": "x"}]),
        "search_search" => json!({"query": "x"}),
        "search_delete_many" => json!({"ids": ["x"]}),
        _ => json!({}),
    }
}

pub(crate) async fn call(caller: &Caller, name: &str, method: Method, path: &str, world: &World) -> Answer {
    let takes = guarded().any(|(known, .., takes)| known == name && takes == "body");
    let request = caller.request(method, path);
    if takes { request.json(&body(name, world)).send().await } else { request.send().await }
}

pub(crate) fn nobodys() -> World {
    let id = |prefix: &str| format!("{prefix}_01890000000070008000000000000000");
    let record = format!("{}0123456789", id("rec"));
    World {
        agent: id("agent"),
        thread: id("thread"),
        run: id("run"),
        file: id("file"),
        document: "never".into(),
        record,
    }
}

/// Status, headers and body, but for the request's id and the hour.
pub(crate) fn alike(one: &Answer, other: &Answer, what: &str) {
    let seen = |answer: &Answer| {
        let mut body = answer.value();
        if !answer.body.is_empty() {
            assert_eq!(body["instance"], answer.header("x-request-id"), "{what}");
            body["instance"] = "-".into();
        }
        let mut headers: Vec<_> =
            answer.headers.iter().filter(|(name, _)| *name != "date" && *name != "x-request-id").collect();
        headers.sort_by_key(|(name, _)| name.as_str());
        format!("{} {headers:?} {body}", answer.status)
    };
    assert_eq!(seen(one), seen(other), "{what}");
    assert_eq!(one.body.len(), other.body.len(), "{what}");
}

#[test]
fn foreign_deleted_and_never_made_are_alike_in_every_function() {
    run(async |dev| {
        let alice = dev.as_user("contoso", "alice-of-the-slots");
        let foreign = World::make(&dev, &alice, "slots-foreign").await;
        let attacker = dev.as_admin("fabrikam");
        let own = World::make(&dev, &attacker, "slots-own").await;
        let gone = World::make(&dev, &attacker, "slots-gone").await;
        gone.unmake(&dev, &attacker).await;
        let slots =
            guarded().filter(|(_, _, route, _)| route.contains('{') && *route != "cosmos/{collection}");
        let mut count = 0;
        for (name, method, route, _) in slots {
            let never = call(&attacker, name, method.clone(), &nobodys().path(route), &own).await;
            let strange = call(&attacker, name, method.clone(), &foreign.path(route), &own).await;
            let deleted = call(&attacker, name, method.clone(), &gone.path(route), &own).await;
            if route.starts_with("cosmos") {
                // An id says for whom it was made, so that a foreign one is refused unseen, there or not.
                strange.clone().problem(403, "forbidden");
                alike(&strange, &never, name);
                deleted.problem(404, "not-found");
            } else {
                strange.clone().problem(404, "not-found");
                alike(&strange, &never, name);
                alike(&strange, &deleted, name);
            }
            // Another user of the same tenant is a stranger to what is not the tenant's.
            if ["threads/", "files/", "agents/threads/"].iter().any(|own| route.starts_with(own)) {
                let bob = dev.as_user("contoso", "bob");
                let strange = call(&bob, name, method.clone(), &foreign.path(route), &foreign).await;
                alike(
                    &strange,
                    &call(&bob, name, method.clone(), &nobodys().path(route), &foreign).await,
                    name,
                );
                strange.problem(404, "not-found");
            }
            // A run of another thread is no run of this one.
            if route.contains("{run_id}") {
                let mixed = World { thread: own.thread.clone(), ..foreign.clone() };
                alike(&never, &call(&attacker, name, method.clone(), &mixed.path(route), &own).await, name);
            }
            count += 1;
        }
        assert!(count >= 25, "{count}");
        // In bodies, too.
        let strange = attacker
            .post_json(&format!("threads/{}/runs", own.thread), json!({"agent_id": foreign.agent}))
            .await;
        let never = attacker
            .post_json(&format!("threads/{}/runs", own.thread), json!({"agent_id": nobodys().agent}))
            .await;
        alike(&strange.is(404), &never, "agent_id");
        let attach = |file: &str| json!({"content": "x", "attachments": [{"file_id": file}]});
        let messages = format!("threads/{}/messages", own.thread);
        let strange = attacker.post_json(&messages, attach(&foreign.file)).await;
        alike(&strange.is(404), &attacker.post_json(&messages, attach(&nobodys().file)).await, "file_id");
        // And the victim has all that it had.
        for path in [
            "agents/{agent_id}",
            "threads/{thread_id}/runs/{run_id}",
            "files/{file_id}/content",
            "cosmos/items/{id}",
        ] {
            alice.get(&foreign.path(path)).await.is(200);
        }
        assert_eq!(alice.get(&foreign.path("threads/{thread_id}/runs")).await.list().len(), 1);
        let found = alice.get("search/documents?query=document&top=100").await.list();
        assert!(found.iter().any(|hit| hit["id"] == "slots-foreign"));
    });
}

#[test]
fn an_id_that_is_an_attack_is_an_absent_thing() {
    run(async |dev| {
        let admin = dev.as_admin("fabrikam");
        let own = World::make(&dev, &admin, "attacks").await;
        let long = "x".repeat(3_000);
        let ids = [
            "%00",
            "%ff",
            "%0d%0aset-cookie:%20a=b",
            "'%20or%20'1'='1",
            "..%2f..%2fcontoso",
            "..%5c..",
            "%2e%2e%2fkeys.json",
            "*",
            "%25",
            "contoso--file",
            "thread_01890000000070008000000000000000/../x",
            "%F0%9F%98%80",
            "agent_%E2%80%AE",
            "%7b%7d",
            "null",
            "-1",
            &long,
        ];
        for (name, method, route, _) in guarded().filter(|(_, _, route, _)| route.contains('{')) {
            for id in ids {
                let slot = route.rfind('{').unwrap();
                let end = route[slot..].find('}').unwrap() + slot + 1;
                let path = own.path(&format!("{}{id}{}", &route[..slot], &route[end..]));
                let answer = call(&admin, name, method.clone(), &path, &own).await;
                assert_eq!(answer.status.as_u16(), 404, "{method} {path}: {}", answer.text());
                assert!(!answer.headers.contains_key("set-cookie"));
            }
        }
        assert_eq!(admin.get(&own.path("threads/{thread_id}/messages")).await.list().len(), 2);
    });
}

#[test]
fn every_list_of_a_stranger_is_empty() {
    run(async |dev| {
        let alice = dev.as_user("contoso", "alice-of-the-lists");
        World::make(&dev, &alice, "lists").await;
        // Nobody writes anything as this tenant, but the documents' own tests write agents.
        let stranger = dev.as_admin("northwind");
        for (_, _, route, _) in
            guarded().filter(|(name, method, ..)| name.ends_with("_list") && *method == Method::GET)
        {
            if !route.contains("{thread_id}") {
                let list = stranger
                    .get(&format!("{}?limit=100", route.replace("{collection}", "items")))
                    .await
                    .list();
                assert!(
                    list.iter().all(|item| item["metadata"]["tenantId"] == "northwind"),
                    "{route}: {list:?}"
                );
            }
        }
    });
}
