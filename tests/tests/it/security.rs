//! Who gets in.

use crate::absent::{alike, call, guarded, nobodys};
use handler::functions::{FUNCTIONS, Gives, Trigger};
use local::{Local, OsEntropy};
use pool::{
    TenantRecord, TenantStatus,
    ports::{Directory, SystemClock},
};
use reqwest::Method;
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use tests::{Answer, Dev, Options, alone, eventually, eventually_in, run, tokens};

#[test]
fn without_a_good_token_every_function_is_closed_and_all_refusals_are_alike() {
    run(async |dev| {
        let (signer, stranger) = (dev.signer(), tokens::Signer::unknown());
        let spoilt = |change: fn(&mut Value)| {
            let mut claims = tokens::claims("contoso", "alice", &["admin"]);
            change(&mut claims);
            signer.token(&claims)
        };
        let good = signer.token(&tokens::claims("contoso", "alice", &["admin"]));
        let (head, tail) = good.rsplit_once('.').unwrap();
        let bad = [
            "garbage".to_owned(),
            format!("{head}."),
            format!("{head}.{}", tail.chars().rev().collect::<String>()),
            stranger.token(&tokens::claims("contoso", "alice", &["admin"])),
            spoilt(|claims| claims["exp"] = json!(tokens::now() - 61)),
            spoilt(|claims| claims["nbf"] = json!(tokens::now() + 120)),
            spoilt(|claims| claims["aud"] = json!("api://another")),
            spoilt(|claims| claims["iss"] = json!("https://another.example/")),
            spoilt(|claims| claims["iss"] = json!("https://dev.pooled-agents.invalid")),
            spoilt(|claims| claims["exp"] = json!(tokens::now() + 25 * 3600)),
            spoilt(|claims| claims["extension_tenantId"] = json!("Contoso")),
            spoilt(|claims| claims["extension_tenantId"] = json!("contoso ")),
            spoilt(|claims| claims["extension_tenantId"] = json!(["contoso"])),
            spoilt(|claims| claims["extension_tenantId"] = json!("")),
            spoilt(|claims| drop(claims.as_object_mut().unwrap().remove("sub"))),
            spoilt(|claims| drop(claims.as_object_mut().unwrap().remove("exp"))),
            signer
                .sign(&json!({"alg": "none", "kid": "dev"}), &tokens::claims("contoso", "alice", &["admin"])),
            signer.sign(
                &json!({"alg": "HS256", "kid": "dev"}),
                &tokens::claims("contoso", "alice", &["admin"]),
            ),
            signer.sign(
                &json!({"alg": "RS256", "kid": "other"}),
                &tokens::claims("contoso", "alice", &["admin"]),
            ),
        ];
        dev.with_token("contoso", Some(good)).get("agents").await.is(200);
        let mut first: Option<Answer> = None;
        for token in bad {
            let answer = dev.with_token("", Some(token.clone())).get("agents").await;
            answer.clone().problem(401, "unauthenticated");
            alike(first.get_or_insert(answer.clone()), &answer, &token);
        }
        for (name, method, route, _) in guarded() {
            let answer =
                call(&dev.with_token("", None), name, method.clone(), &nobodys().path(route), &nobodys())
                    .await;
            answer.problem(401, "unauthenticated");
            let answer = call(
                &dev.with_token("", Some("x.y.z".into())),
                name,
                method,
                &nobodys().path(route),
                &nobodys(),
            )
            .await;
            alike(first.as_ref().unwrap(), &answer, name);
        }
        dev.with_token("", None).get("health").await.is(200);
    });
}

#[test]
fn a_token_is_taken_from_one_header_only() {
    run(async |dev| {
        let token = dev.signer().token(&tokens::claims("contoso", "alice", &["user"]));
        let nobody = dev.with_token("", None);
        for path in [
            format!("threads?access_token={token}"),
            format!("threads?token={token}"),
            format!("threads?code={token}"),
        ] {
            nobody.get(&path).await.is(401);
        }
        let bearer = format!("Bearer {token}");
        let threads = || dev.with_token("contoso", None).request(Method::GET, "threads");
        threads()
            .header("cookie", &format!("access_token={token}; authorization={bearer}"))
            .send()
            .await
            .is(401);
        threads().header("x-ms-token-aad-id-token", &token).send().await.is(401);
        threads().header("authorization", &bearer).header("authorization", &bearer).send().await.is(401);
        threads().header("authorization", &format!("Basic {token}")).send().await.is(401);
        threads().header("authorization", &format!("Bearer  {token}")).send().await.is(401);
        threads().header("authorization", &format!("{bearer}, {bearer}")).send().await.is(401);
        threads().header("authorization", &format!("bearer {token}")).send().await.is(200);
    });
}

#[test]
fn a_user_does_not_make_change_or_remove_agents() {
    run(async |dev| {
        let admin = dev.as_admin("contoso");
        let agent = crate::world::agent(&admin, json!({})).await;
        for caller in [
            dev.as_user("contoso", "alice"),
            dev.with_token(
                "contoso",
                Some(dev.signer().token(&tokens::claims("contoso", "m", &["Admin", "platform"]))),
            ),
        ] {
            let new = json!({"name": "n", "instructions": "i"});
            caller.post_json("agents", new).await.problem(403, "forbidden");
            caller
                .patch_json(&format!("agents/{agent}"), json!({"name": "mine"}))
                .await
                .problem(403, "forbidden");
            caller.delete(&format!("agents/{agent}")).await.problem(403, "forbidden");
            assert_eq!(caller.get(&format!("agents/{agent}")).await.ok()["version"], 1);
        }
    });
}

/// Seals a job, as the service did at some time before: a pool of its own, with the keys that `dev` has in its folder.
async fn sealed(dev: &Dev, file: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    for name in ["keys.json", "jwks.json"] {
        std::fs::copy(dev.state().join(name), folder.path().join(name)).unwrap();
    }
    let path = |name: &str| folder.path().join(name).display().to_string();
    let config = handler::config::Config::read(|name| match name {
        "FUNCTIONS_CUSTOMHANDLER_PORT" => Some("1".into()),
        "POOL_STATE" => Some(path("")),
        "JWT_JWKS_FILE" => Some(path("jwks.json")),
        "JWT_ISSUER" | "JWT_AUDIENCE" => Some("x".into()),
        _ => None,
    });
    let options = local::Options::default();
    let local = Local::open(folder.path(), options, Arc::new(SystemClock), Arc::new(OsEntropy)).unwrap();
    local.directory.put(&TenantRecord::new("contoso", "Contoso Ltd.")).await.unwrap();
    let doors = handler::serve::app(&config.unwrap()).unwrap().doors;
    let scope = doors.claim(pool::Owned::Container("contoso")).await.unwrap();
    scope.files().changed(file).await.unwrap();
    String::from_utf8(local.queue.peek("ingest", 1).unwrap().remove(0).body).unwrap()
}

#[test]
fn a_suspended_tenant_is_refused_its_jobs_wait_and_the_others_go_on() {
    alone(async {
        let state = tempfile::tempdir().unwrap();
        let dev = Arc::new(Dev::start(Options::on(state.path())).await);
        let directory = dev.directory().await;
        let set = async |status| {
            let record = directory.get("contoso").await.unwrap().unwrap();
            directory.put(&TenantRecord { status, ..record }).await.unwrap();
        };
        let alice = dev.as_user("contoso", "alice");
        let agent = crate::world::agent(&dev.as_admin("contoso"), json!({})).await;
        let thread = crate::world::thread(&alice, "What?").await;
        let link = alice.post_json("files", json!({"filename": "later.txt"})).await.ok();
        let id = link["id"].as_str().unwrap();
        let job = sealed(&dev, id).await;
        set(TenantStatus::Suspended).await;
        let refused = eventually_in(Duration::from_secs(8), "403", async || {
            let answer = alice.get("agents").await;
            (answer.status == 403).then_some(answer)
        });
        refused.await.problem(403, "forbidden");
        for (name, method, route, _) in guarded() {
            call(&alice, name, method, &nobodys().path(route), &nobodys()).await.problem(403, "forbidden");
        }
        dev.as_user("fabrikam", "bob").get("agents").await.is(200);
        // A job that was sealed before waits: it is neither done nor poison.
        assert_eq!(dev.send(&link["upload"], "late words").await, 201);
        dev.push("ingest", &job).await;
        eventually("a parked job", async || dev.log().last("the job is parked")).await;
        set(TenantStatus::Active).await;
        eventually_in(Duration::from_secs(8), "200", async || {
            (alice.get("agents").await.status == 200).then_some(())
        })
        .await;
        let status = async || alice.get(&format!("files/{id}")).await.ok()["status"].clone();
        assert_eq!(status().await, "uploading");
        dev.push("ingest", &job).await;
        eventually("the parked file", async || (status().await == "indexed").then_some(())).await;
        let run = alice.post_json(&format!("threads/{thread}/runs"), json!({"agent_id": agent})).await.id();
        assert_eq!(crate::world::ended(&alice, &thread, &run).await["status"], "completed");
        assert!(dev.log().last("moved to").is_none());
    });
}

#[test]
fn no_function_streams_bytes_without_a_type() {
    let bytes = FUNCTIONS.iter().filter(
        |function| matches!(&function.trigger, Trigger::Http(http) if matches!(http.gives, Gives::Bytes)),
    );
    assert_eq!(bytes.map(|function| function.name).collect::<Vec<_>>(), ["files_content"]);
}
