//! The host kills without warning. What was acknowledged is there, once, and nothing is stuck.

use crate::world::{agent, thread};
use reqwest::Method;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tests::{Answer, Caller, Dev, Options, alone, eventually, eventually_in};
use tokio::time::{Instant, sleep};

/// A request that a kill holds up blocks its key for a minute; a job that is lost with it is promised for a minute, and
/// the sweep that finds it comes once a minute.
const DRAIN: Duration = Duration::from_secs(150);
const WRITERS: usize = 3;
const TALKERS: usize = 2;

#[expect(clippy::disallowed_methods, reason = "how long a test takes is no setting of the service")]
fn cycles() -> usize {
    let usual = if tests::azure::chosen() { 10 } else { 100 };
    std::env::var("CRASH_CYCLES").ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// A random number below `below`.
fn random(below: u64) -> u64 {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).unwrap();
    u64::from_le_bytes(bytes) % below
}

/// Sends a request with a key until it is acknowledged; `None` when it is refused for what it says.
async fn persist(user: &Caller, path: &str, key: &str, body: &Value) -> Option<Value> {
    let end = Instant::now() + DRAIN + Duration::from_secs(90);
    loop {
        let request = user.request(Method::POST, path).header("idempotency-key", key).json(body);
        match request.attempt().await {
            Ok(answer) if answer.status == 200 => return Some(answer.ok()),
            Ok(answer) if answer.status == 409 && !answer.text().contains("in flight") => return None,
            Ok(answer) if answer.status == 409 || answer.status.is_server_error() => {}
            Ok(answer) => panic!("{path}: {} {}", answer.status, answer.text()),
            Err(_) => {}
        }
        assert!(Instant::now() < end, "{path} {key} is never acknowledged");
        sleep(Duration::from_millis(100)).await;
    }
}

async fn read(user: &Caller, path: &str) -> Answer {
    eventually_in(DRAIN, path, async || {
        let answer = user.request(Method::GET, path).attempt().await.ok()?;
        (!answer.status.is_server_error()).then_some(answer)
    })
    .await
}

/// Writes records, each until it is acknowledged, many at once; answers their ids by their number.
async fn write(user: Caller, writer: usize, stop: Arc<AtomicBool>) -> BTreeMap<u64, String> {
    let mut all = tokio::task::JoinSet::new();
    let mut n = 0;
    while !stop.load(Ordering::Relaxed) {
        n += 1;
        let user = user.clone();
        all.spawn(async move {
            let body = json!({"writer": writer, "n": n, "text": user.mark("x")});
            let made = persist(&user, "cosmos/items", &format!("w{writer}-{n}"), &body).await.unwrap();
            (n, made["id"].as_str().unwrap().to_owned())
        });
        sleep(Duration::from_millis(40)).await;
    }
    all.join_all().await.into_iter().collect()
}

/// Talks in threads, a new one for each turn; answers each thread with its run.
async fn talk(user: Caller, agent: String, talker: usize, stop: Arc<AtomicBool>) -> Vec<(String, String)> {
    let mut all = tokio::task::JoinSet::new();
    let mut n = 0;
    while !stop.load(Ordering::Relaxed) {
        n += 1;
        let (user, agent) = (user.clone(), agent.clone());
        all.spawn(async move {
            let key = |what: &str| format!("t{talker}-{n}-{what}");
            let thread = persist(&user, "threads", &key("thread"), &json!({})).await.unwrap();
            let thread = thread["id"].as_str().unwrap().to_owned();
            let messages = format!("threads/{thread}/messages");
            persist(&user, &messages, &key("message"), &json!({"content": "What is the code?"}))
                .await
                .unwrap();
            let run =
                persist(&user, &format!("threads/{thread}/runs"), &key("run"), &json!({"agent_id": agent}))
                    .await;
            (thread, run.unwrap()["id"].as_str().unwrap().to_owned())
        });
        sleep(Duration::from_millis(400)).await;
    }
    all.join_all().await
}

async fn kill(dev: &Arc<Dev>, cycles: usize) {
    for cycle in 0..cycles {
        sleep(Duration::from_millis(random(250))).await;
        let (pid, _) = dev.worker().unwrap();
        assert!(dev.kill_worker(), "cycle {cycle}");
        let other = async || dev.worker().filter(|(other, _)| *other != pid);
        eventually("another handler", other).await;
    }
}

async fn all_records(user: &Caller, writer: usize) -> Vec<Value> {
    let (mut found, mut query) = (Vec::new(), format!("?limit=100&where=writer:{writer}"));
    loop {
        let answer = read(user, &format!("cosmos/items{query}")).await;
        let link = answer.header("link").to_owned();
        found.extend(answer.list());
        let Some(next) = link.strip_prefix("<?").and_then(|link| link.split('>').next()) else {
            return found;
        };
        query = format!("?{next}");
    }
}

#[test]
fn a_handler_that_is_killed_a_hundred_times_loses_nothing_and_doubles_nothing() {
    alone(async {
        let state = tempfile::tempdir().unwrap();
        let arguments = vec!["--crashes".into(), "1000000".into()];
        let dev =
            Arc::new(Dev::start(Options { arguments, lenient: true, ..Options::on(state.path()) }).await);
        let agent = agent(&dev.as_admin("contoso"), json!({})).await;
        let stop = Arc::new(AtomicBool::new(false));
        let alice = dev.as_user("contoso", "alice");
        let writers: Vec<_> =
            (0..WRITERS).map(|n| tokio::spawn(write(alice.clone(), n, stop.clone()))).collect();
        let talkers: Vec<_> =
            (0..TALKERS).map(|n| tokio::spawn(talk(alice.clone(), agent.clone(), n, stop.clone()))).collect();
        let began = Instant::now();
        kill(&dev, cycles()).await;
        let killing = began.elapsed();
        stop.store(true, Ordering::Relaxed);
        let mut records = 0;
        for (writer, acknowledged) in writers.into_iter().enumerate() {
            let acknowledged = acknowledged.await.unwrap();
            let stored = all_records(&alice, writer).await;
            let found: BTreeMap<u64, String> = stored
                .iter()
                .map(|r| (r["n"].as_u64().unwrap(), r["id"].as_str().unwrap().to_owned()))
                .collect();
            assert_eq!(found, acknowledged, "writer {writer}");
            assert_eq!(stored.len(), found.len(), "writer {writer}: one is there twice");
            records += stored.len();
        }
        let mut turns = Vec::new();
        for talker in talkers {
            turns.extend(talker.await.unwrap());
        }
        let completed = AtomicUsize::new(0);
        for (thread, run) in &turns {
            let path = format!("threads/{thread}/runs/{run}");
            let ended = async || {
                let run = read(&alice, &path).await.ok();
                (!["queued", "in_progress"].contains(&run["status"].as_str().unwrap())).then_some(run)
            };
            let run = eventually_in(DRAIN, &path, ended).await;
            assert_eq!(run["status"], "completed", "{run}");
            completed.fetch_add(1, Ordering::Relaxed);
            let roles: Vec<_> = read(&alice, &format!("threads/{thread}/messages")).await.list();
            let roles: Vec<_> = roles.iter().map(|message| message["role"].as_str().unwrap()).collect();
            assert_eq!(roles, ["assistant", "user"], "{thread}");
            assert_eq!(read(&alice, &format!("threads/{thread}/runs")).await.list().len(), 1);
        }
        println!(
            "{} kills in {killing:?}; {records} records, {} runs; all told {:?}",
            cycles(),
            turns.len(),
            began.elapsed()
        );
        assert!(records > 0 && !turns.is_empty());
    });
}

/// The minute's timer, more often.
async fn sweep(dev: Arc<Dev>) {
    let url = dev.base().replace("/api", "/admin/functions/runs_sweep");
    loop {
        dev.with_token("", None).request(Method::POST, &url).json(&json!({"input": ""})).send().await.is(202);
        sleep(Duration::from_secs(3)).await;
    }
}

#[test]
fn a_host_that_is_killed_finds_everything_again_and_goes_on() {
    alone(async {
        let state = tempfile::tempdir().unwrap();
        let first = Arc::new(Dev::start(Options { lenient: true, ..Options::on(state.path()) }).await);
        let agent = agent(&first.as_admin("contoso"), json!({})).await;
        let alice = first.as_user("contoso", "alice");
        let record = alice.post_json("cosmos/items", json!({"n": 1})).await.id();
        let thread = thread(&alice, "What is the code?").await;
        let (mut files, mut pid) = (Vec::new(), first.worker().unwrap().0);
        for n in 0..6 {
            let text = alice.mark(&format!("The code of door {n} is zanzibar.")).into_bytes();
            files.push(alice.upload(&format!("{n}.txt"), "text/plain", text).await.id());
        }
        let run = alice.post_json(&format!("threads/{thread}/runs"), json!({"agent_id": agent})).await.id();
        first.kill();
        // Its handler must not outlive it: it would work on beside the next one's.
        let gone = async || {
            (!std::path::Path::new(&format!("/proc/{}", pid.as_raw_nonzero())).exists()).then_some(())
        };
        eventually("the orphan's end", gone).await;
        let second = Arc::new(Dev::start(Options::on(state.path())).await);
        pid = second.worker().unwrap().0;
        // What the dead host had taken from the queue is hidden for ten minutes; the promises are renewed after one.
        let sweeping = tokio::spawn(sweep(second.clone()));
        let alice = second.as_user("contoso", "alice");
        assert_eq!(alice.get(&format!("cosmos/items/{record}")).await.ok()["n"], 1);
        let path = format!("threads/{thread}/runs/{run}");
        for (path, end) in
            files.iter().map(|file| (format!("files/{file}"), "indexed")).chain([(path, "completed")])
        {
            let done = async || (alice.get(&path).await.ok()["status"] == end).then_some(());
            eventually_in(Duration::from_secs(150), &path, done).await;
        }
        sweeping.abort();
        let _aborted = sweeping.await;
        assert_eq!(alice.get(&format!("threads/{thread}/messages")).await.list().len(), 2);
        assert_eq!(second.worker().unwrap().0, pid);
    });
}
