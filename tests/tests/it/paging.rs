//! Lists: bare arrays, newest first, a page at a time.

use crate::world::{agent, ended, thread};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tests::{Caller, run};

/// All pages of a list by its links.
async fn walk(user: &Caller, path: &str, query: &str) -> Vec<Value> {
    let mut found = Vec::new();
    let mut query = format!("?{query}");
    for _ in 0..500 {
        let answer = user.get(&format!("{path}{query}")).await;
        let link = answer.header("link").to_owned();
        found.extend(answer.list());
        let Some(next) = link.strip_prefix("<?").and_then(|link| link.strip_suffix(">; rel=\"next\"")) else {
            assert_eq!(link, "");
            return found;
        };
        query = format!("?{next}");
    }
    panic!("the list does not end");
}

fn ids(items: &[Value]) -> Vec<&str> {
    items.iter().map(|item| item["id"].as_str().unwrap()).collect()
}

/// Holds a list of `path`, in which `made` were made in this order, against the rules. Others may be in it, too.
async fn check(user: &Caller, path: &str, made: &[String]) {
    let join = if path.contains('?') { "&" } else { "?" };
    let (path, fixed) = path.split_once('?').unwrap_or((path, ""));
    let ours = |items: &[Value]| {
        ids(items)
            .into_iter()
            .filter(|id| made.iter().any(|m| m == id))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let newest_first: Vec<_> = made.iter().rev().cloned().collect();
    for limit in [1, 2, 100] {
        let all = walk(user, path, &format!("{fixed}&limit={limit}")).await;
        assert_eq!(ours(&all), newest_first, "{path} by {limit}");
        assert_eq!(
            ids(&all).len(),
            ids(&all).iter().collect::<BTreeSet<_>>().len(),
            "{path}: one comes twice"
        );
    }
    let oldest_first = walk(user, path, &format!("{fixed}&limit=2&order=asc")).await;
    assert_eq!(ours(&oldest_first), made, "{path} ascending");
    let first = user.get(&format!("{path}?{fixed}&limit=1")).await;
    let link = first.header("link").to_owned();
    assert_eq!(first.list().len(), 1, "{path}{join}");
    let cursor = link.split("cursor=").nth(1).and_then(|rest| rest.split('>').next()).unwrap();
    user.get(&format!("{path}?{fixed}&limit=1&order=asc&cursor={cursor}")).await.invalid("cursor");
    user.get(&format!("{path}?{fixed}&limit=50&cursor={cursor}")).await.is(200);
    for at in [10, cursor.len() - 5] {
        let mut altered = cursor.to_owned();
        altered.replace_range(at..=at, if &altered[at..=at] == "A" { "B" } else { "A" });
        user.get(&format!("{path}?{fixed}&limit=1&cursor={altered}")).await.invalid("cursor");
    }
}

#[test]
fn agents_and_their_versions() {
    run(async |dev| {
        let admin = dev.as_admin("contoso");
        let mut made = Vec::new();
        for _ in 0..4 {
            made.push(agent(&admin, json!({})).await);
        }
        // Other tests make agents, too, so that a small page may take many.
        let all = walk(&admin, "agents", "limit=7").await;
        let ours: Vec<_> = ids(&all).into_iter().filter(|id| made.iter().any(|m| m == id)).collect();
        assert_eq!(ours, made.iter().rev().collect::<Vec<_>>());
        let path = format!("agents/{}", made[0]);
        for n in 0..3 {
            admin.patch_json(&path, json!({"name": format!("v{n}")})).await.is(200);
        }
        let versions = walk(&admin, &format!("{path}/versions"), "limit=2").await;
        assert_eq!(versions.iter().map(|v| v["version"].as_i64().unwrap()).collect::<Vec<_>>(), [4, 3, 2, 1]);
    });
}

#[test]
fn threads_messages_runs_and_steps() {
    run(async |dev| {
        let alice = dev.as_user("contoso", "alice-of-pages");
        let agent = agent(&dev.as_admin("contoso"), json!({})).await;
        let mut threads = Vec::new();
        for n in 0..5 {
            threads.push(thread(&alice, &format!("Number {n}?")).await);
        }
        check(&alice, "threads", &threads).await;
        let path = format!("threads/{}", threads[0]);
        let (mut messages, mut runs) = (Vec::new(), Vec::new());
        let first = alice.get(&format!("{path}/messages")).await.list();
        messages.push(first[0]["id"].as_str().unwrap().to_owned());
        for n in 0..4 {
            messages.push(
                alice
                    .post_json(&format!("{path}/messages"), json!({"content": format!("and {n}")}))
                    .await
                    .id(),
            );
        }
        check(&alice, &format!("{path}/messages"), &messages).await;
        for _ in 0..3 {
            let run = alice.post_json(&format!("{path}/runs"), json!({"agent_id": agent})).await.id();
            ended(&alice, &threads[0], &run).await;
            runs.push(run);
        }
        check(&alice, &format!("{path}/runs"), &runs).await;
        let steps = format!("{path}/runs/{}/steps", runs[0]);
        let oldest_first: Vec<_> = ids(&alice.get(&format!("{steps}?order=asc")).await.list())
            .into_iter()
            .map(str::to_owned)
            .collect();
        assert!(oldest_first.len() >= 2);
        check(&alice, &steps, &oldest_first).await;
    });
}

#[test]
fn files_and_records() {
    run(async |dev| {
        let alice = dev.as_user("contoso", "alice-of-pages");
        let (mut files, mut records) = (Vec::new(), Vec::new());
        for n in 0..5 {
            files.push(
                alice.upload(&format!("{n}.txt"), "text/plain", alice.mark("words").into_bytes()).await.id(),
            );
            let record = json!({"batch": "pages", "n": (n * 7) % 5, "deep": {"er": alice.mark("x")}});
            records.push(alice.post_json("cosmos/events", record).await.id());
        }
        check(&alice, "files", &files).await;
        check(&alice, "cosmos/events?where=batch:pages", &records).await;
        let sorted = walk(&alice, "cosmos/events", "where=batch:pages&sort=n&order=asc&limit=2").await;
        assert_eq!(sorted.iter().map(|r| r["n"].as_i64().unwrap()).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
        let two = alice.get("cosmos/events?where=batch:pages&where=n:2").await.list();
        assert_eq!(two.len(), 1);
        assert_eq!(alice.get("cosmos/events?where=batch:pages&where=n:%222%22").await.list().len(), 0);
    });
}

#[test]
fn a_cursor_is_good_for_its_tenant_user_and_list_alone() {
    run(async |dev| {
        let alice = dev.as_user("contoso", "alice-of-cursors");
        for caller in
            [&alice, &dev.as_user("fabrikam", "alice-of-cursors"), &dev.as_user("contoso", "bob-of-cursors")]
        {
            for _ in 0..3 {
                caller.post_json("threads", json!({})).await.is(200);
                caller.post_json("cosmos/items", json!({"batch": "cursors"})).await.is(200);
            }
        }
        let cursor = async |path: &str| {
            let link = alice.get(path).await.header("link").to_owned();
            link.split("cursor=").nth(1).unwrap().split('>').next().unwrap().to_owned()
        };
        let threads = cursor("threads?limit=1").await;
        alice.get(&format!("threads?limit=1&cursor={threads}")).await.is(200);
        for stranger in [
            dev.as_user("fabrikam", "alice-of-cursors"),
            dev.as_user("contoso", "bob-of-cursors"),
            dev.as_admin("contoso"),
        ] {
            stranger.get(&format!("threads?limit=1&cursor={threads}")).await.invalid("cursor");
        }
        alice.get(&format!("files?limit=1&cursor={threads}")).await.invalid("cursor");
        let records = cursor("cosmos/items?limit=1&where=batch:cursors").await;
        alice
            .get(&format!("cosmos/items?limit=1&where=batch:other&cursor={records}"))
            .await
            .invalid("cursor");
        alice
            .get(&format!("cosmos/events?limit=1&where=batch:cursors&cursor={records}"))
            .await
            .invalid("cursor");
        dev.as_user("fabrikam", "x")
            .get(&format!("cosmos/items?limit=1&where=batch:cursors&cursor={records}"))
            .await
            .invalid("cursor");
    });
}
