//! The conventions: what is true of every function.

use handler::functions::{FUNCTIONS, Takes, Trigger};
use reqwest::Method;
use serde_json::{Value, json};
use tests::{HEADERS, run};

#[test]
fn every_answer_carries_the_headers_errors_too() {
    run(async |dev| {
        let alice = dev.as_user("contoso", "alice");
        let nobody = dev.with_token("", None);
        let thread = alice.post_json("threads", json!({})).await.id();
        let answers = [
            alice.get("threads").await.is(200),
            alice.delete(&format!("threads/{thread}")).await.is(204),
            alice.get("threads?limit=0").await.is(400),
            nobody.get("threads").await.is(401),
            alice.get("threads/thread_none").await.is(404),
            nobody.get("health").await.is(200),
            nobody.get("openapi.json").await.is(200),
        ];
        for answer in answers {
            for (name, value) in HEADERS {
                assert_eq!(answer.header(name), value, "{name} of a {}", answer.status);
            }
            assert!(answer.header("x-request-id").len() >= 8);
            for revealing in ["server", "x-powered-by", "access-control-allow-origin", "location"] {
                assert!(!answer.headers.contains_key(revealing), "{revealing}");
            }
        }
    });
}

#[test]
fn a_decent_request_id_is_given_back_and_another_is_replaced() {
    run(async |dev| {
        let alice = dev.as_user("contoso", "alice");
        let with =
            async |id: &str| alice.request(Method::GET, "threads").header("x-request-id", id).send().await;
        for decent in ["abcdefgh", "0af7651916cd43dd8448eb211c80319c", "A-1-b-2-C-3"] {
            assert_eq!(with(decent).await.header("x-request-id"), decent);
        }
        for bad in ["short", "", "a b c d e f", "<script>alert</script>", "ümläut-ümläut", &"x".repeat(65)]
        {
            let answer = with(bad).await;
            let id = answer.header("x-request-id");
            assert!(id != bad && id.len() == 32, "{bad:?}: {id}");
        }
        let answers = [alice.get("threads").await, alice.get("threads").await];
        assert_ne!(answers[0].header("x-request-id"), answers[1].header("x-request-id"));
    });
}

/// The functions that take JSON, with their slots filled by ids that need not exist, as an admin.
fn json_functions() -> impl Iterator<Item = (&'static str, Method, String)> {
    FUNCTIONS.iter().filter_map(|function| match &function.trigger {
        Trigger::Http(http) if !matches!(http.takes, Takes::Nothing) => {
            let path = http.route.replace("{collection}", "items").replace(['{', '}'], "");
            Some((function.name, http.method.clone(), path))
        }
        _ => None,
    })
}

#[test]
fn a_bad_body_is_refused_by_every_function_that_takes_one() {
    run(async |dev| {
        let admin = dev.as_admin("contoso");
        for (name, method, path) in json_functions() {
            let send = async |text: &str| admin.request(method.clone(), &path).text(text).send().await;
            for bad in
                ["", "{", "nonsense", "{\"a\":1,\"a\":2}", "{}{}", "{\"name\":\"\\ud800\"}", "\u{feff}{}"]
            {
                send(bad).await.invalid("");
            }
            send(&format!("{}1{}", "[".repeat(65), "]".repeat(65))).await.invalid("");
            send(&format!("{}{}", "{\"a\":".repeat(100_000), "1")).await.invalid("");
            send(&format!("{{\"a\":\"{}\"}}", "x".repeat(1_200_000))).await.problem(413, "too-large");
            let plain = admin
                .request(method.clone(), &path)
                .header("content-type", "text/plain")
                .body(b"{}".to_vec());
            let answer = plain.send().await;
            if name == "files_create" {
                answer.invalid("filename")
            } else {
                drop(answer.problem(415, "unsupported-media-type"))
            }
        }
        let vendor =
            admin.request(Method::POST, "threads").header("content-type", "application/json; charset=utf-8");
        vendor.body(b"{}".to_vec()).send().await.is(200);
    });
}

#[test]
fn an_unknown_member_is_named() {
    run(async |dev| {
        let admin = dev.as_admin("contoso");
        for (path, body, pointer) in [
            ("agents", json!({"name": "n", "instructions": "i", "temperature": 1}), "/temperature"),
            (
                "agents",
                json!({"name": "n", "instructions": "i", "tools": [{"type": "file_search", "x": 1}]}),
                "/tools/0",
            ),
            ("threads", json!({"user_id": "bob"}), "/user_id"),
            ("threads", json!({"messages": [{"content": "x", "created_at": 1}]}), "/messages/0/created_at"),
            ("files", json!({"filename": "a.txt", "status": "indexed"}), "/status"),
            ("search/query", json!({"query": "x", "orderby": "x"}), "/orderby"),
            ("search/documents/delete", json!({"ids": [], "all": true}), "/all"),
            ("cosmos/items", json!({"id": "mine"}), "/id"),
            ("cosmos/items", json!({"_etag": "mine"}), "/_etag"),
        ] {
            let answer = admin.request(Method::POST, path).json(&body).send().await;
            let problem = answer.problem(400, "invalid-request");
            let found = problem["errors"][0]["pointer"].as_str().unwrap().to_owned();
            assert!(found.starts_with(pointer), "{path}: {problem}");
        }
        admin.post_json("agents", json!({"instructions": "i"})).await.invalid("");
        admin.post_json("agents", json!({"name": 1, "instructions": "i"})).await.invalid("/name");
        admin.post_json("agents", json!({"name": "", "instructions": "i"})).await.invalid("/name");
        admin
            .post_json("agents", json!({"name": "x".repeat(257), "instructions": "i"}))
            .await
            .invalid("/name");
        let message = json!({"content": "x", "role": "assistant"});
        let thread = admin.post_json("threads", json!({})).await.id();
        admin.post_json(&format!("threads/{thread}/messages"), message).await.invalid("/role");
        admin
            .post_json(&format!("threads/{thread}/messages"), json!({"content": ""}))
            .await
            .invalid("/content");
    });
}

#[test]
fn an_unknown_parameter_is_refused_by_every_function() {
    run(async |dev| {
        let admin = dev.as_admin("contoso");
        for function in FUNCTIONS {
            let Trigger::Http(http) = &function.trigger else { continue };
            if matches!(http.access, handler::functions::Access::Public(_)) {
                continue;
            }
            let path = http.route.replace("{collection}", "items").replace(['{', '}'], "");
            let request = admin.request(http.method.clone(), &format!("{path}?colour=red"));
            request.text("{}").send().await.invalid("colour");
        }
        // The gateway's key travels as `code`.
        admin.get("threads?code=key").await.is(200);
        admin.get("threads?limit=2&limit=3").await.invalid("limit");
        for (query, name) in [
            ("limit=0", "limit"),
            ("limit=101", "limit"),
            ("limit=-1", "limit"),
            ("limit=x", "limit"),
            ("order=up", "order"),
            ("cursor=x", "cursor"),
            ("cursor=k1.e30.e30", "cursor"),
        ] {
            admin.get(&format!("threads?{query}")).await.invalid(name);
        }
        for query in ["where=x", "where=a'b:1", "where=a.b.c.d.e.f.g.h.i.j:1", "sort=a;b"] {
            admin.get(&format!("cosmos/items?{query}")).await.invalid(&query[..query.find('=').unwrap()]);
        }
        admin.get("search/documents").await.invalid("query");
        admin.get("search/documents?query=x&top=0").await.invalid("top");
    });
}

#[test]
fn case_and_one_trailing_slash_do_not_matter_and_verbs_do() {
    run(async |dev| {
        let alice = dev.as_user("contoso", "alice");
        let root = dev.base().trim_end_matches("/api").to_owned();
        for path in ["/api/threads", "/api/threads/", "/API/Threads", "/Api/THREADS/", "/api/%74hreads"] {
            assert_eq!(alice.get(&format!("{root}{path}")).await.status.as_u16(), 200, "{path}");
        }
        let thread = alice.post_json("threads", json!({})).await.id();
        alice.get(&format!("THREADS/{thread}")).await.is(200);
        alice.get(&format!("threads/{}", thread.to_uppercase())).await.problem(404, "not-found");
        for (method, path) in [
            (Method::PUT, "threads"),
            (Method::DELETE, "threads"),
            (Method::PATCH, "agents"),
            (Method::HEAD, "threads"),
            (Method::HEAD, "health"),
            (Method::OPTIONS, "threads"),
            (Method::TRACE, "threads"),
            (Method::GET, "search/query"),
            (Method::POST, "health"),
        ] {
            let answer = alice.request(method.clone(), path).send().await;
            assert_eq!((answer.status.as_u16(), answer.header("allow")), (404, ""), "{method} {path}");
        }
        for path in [
            "",
            "nothing",
            "threads/x/y/z",
            "agents/x/versions/y",
            "health/x",
            "../threads",
            "threads%2fx",
            "threads//",
            "/threads",
        ] {
            let answer = alice.get(path).await;
            assert_eq!(answer.status.as_u16(), 404, "{path}");
        }
    });
}

#[test]
fn metadata_has_its_rules() {
    run(async |dev| {
        let alice = dev.as_user("contoso", "alice");
        let with = async |metadata: Value| alice.post_json("threads", json!({"metadata": metadata})).await;
        let pairs =
            |n: usize| (0..n).map(|n| (format!("k{n}"), Value::from("v"))).collect::<serde_json::Map<_, _>>();
        with(pairs(15).into()).await.is(200);
        with(pairs(16).into()).await.invalid("/metadata");
        with(json!({"k".repeat(64): "v".repeat(512)})).await.is(200);
        with(json!({"k".repeat(65): "v"})).await.is(400);
        with(json!({"": "v"})).await.invalid("/metadata/");
        with(json!({"k": "v".repeat(513)})).await.invalid("/metadata/k");
        with(json!({"a/b~c": "v".repeat(513)})).await.invalid("/metadata/a~1b~0c");
        with(json!({"k": 1})).await.invalid("/metadata/k");
        with(json!([])).await.invalid("/metadata");
        for reserved in ["tenantId", "originalName"] {
            for tenant in ["contoso", "fabrikam"] {
                with(json!({reserved: tenant})).await.invalid(&format!("/metadata/{reserved}"));
            }
        }
        let thread = with(json!({"k": "v"})).await.ok();
        assert_eq!(thread["metadata"], json!({"k": "v", "tenantId": "contoso"}));
        let path = format!("threads/{}", thread["id"].as_str().unwrap());
        let changed = alice.patch_json(&path, json!({"metadata": {"l": "w"}})).await.ok();
        assert_eq!(changed["metadata"], json!({"l": "w", "tenantId": "contoso"}));
    });
}

#[test]
fn objects_are_of_one_shape() {
    run(async |dev| {
        let alice = dev.as_user("contoso", "alice-of-shapes");
        let world = crate::world::World::make(&dev, &alice, "shapes").await;
        for (route, object, prefix) in [
            ("agents/{agent_id}", "agent", "agent_"),
            ("threads/{thread_id}", "thread", "thread_"),
            ("threads/{thread_id}/runs/{run_id}", "thread.run", "run_"),
            ("files/{file_id}", "file", "file_"),
            ("cosmos/{collection}/{id}", "record", "rec_"),
        ] {
            let answer = alice.get(&world.path(route)).await;
            let tag = answer.header("etag");
            assert!(tag.len() > 2 && tag.starts_with('"') && tag.ends_with('"'), "{route}: {tag}");
            let thing = answer.ok();
            assert!(thing["id"].as_str().unwrap().starts_with(prefix), "{thing}");
            assert_eq!(thing["object"], object);
            assert!(
                thing["created_at"].as_i64().unwrap() > 1_700_000_000 && thing["metadata"].is_object(),
                "{thing}"
            );
            if object != "record" {
                assert_eq!(thing["metadata"]["tenantId"], "contoso", "{thing}");
            }
        }
    });
}
