//! Clients that leave: in the middle of what they say, and in the middle of what they are told. Nobody is shown
//! another's text for it, and what a request held is given back; nor when the handler and its readers of files are
//! killed meanwhile, and the model fails.

use crate::{shaky::Shaky, world::World};
use futures::StreamExt;
use serde_json::json;
use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};
use tests::{
    Dev, Options, alone, azure, canary, eventually_in,
    proof::{self, Dice},
    tokens,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const TOGETHER: usize = 32;
/// Kills of the handler, spread over the third of the visits that expects them.
const KILLS: usize = 6;
/// What the handler may have open more after the last third than before it: files of tenants' stores that nobody had
/// wanted yet. Of those who come in that third, some three hundred leave, and a socket of each would be too many.
const FILES: usize = 100;
/// What the handler may hold more after the last third than before it.
const MEMORY: usize = 128 << 20;

/// A tenant's user, with things of its own.
struct Client {
    tenant: &'static str,
    token: String,
    world: World,
}

/// A request, and where its client leaves: after so many bytes sent, or so many read.
struct Visit {
    client: Arc<Client>,
    request: Vec<u8>,
    sends: usize,
    reads: usize,
}

/// A user of each of many tenants, and a second one of the first three.
async fn clients(dev: &Arc<Dev>) -> Vec<Arc<Client>> {
    // On Azure's stand-ins, those that are there: what is more than that, the local backend shows sooner.
    let many = if azure::chosen() { canary::TENANTS.len() } else { usize::MAX };
    for tenant in canary::all().take(many).skip(canary::TENANTS.len()) {
        dev.add_tenant(tenant);
    }
    let first = canary::all().take(many).map(|tenant| (tenant, "user-0"));
    let all = first.chain(canary::TENANTS.map(|tenant| (tenant, "user-1")));
    let made = futures::stream::iter(all).map(async |(tenant, user)| {
        let world = World::make(dev, &dev.as_user(tenant, user), &format!("{tenant}-{user}")).await;
        let token = tokens::minted(dev.state(), tenant, user, "user");
        Arc::new(Client { tenant, token, world })
    });
    made.buffer_unordered(4).collect().await
}

fn visit(client: &Arc<Client>, dice: &mut Dice) -> Visit {
    let World { agent, thread, file, record, .. } = &client.world;
    let word = canary::of(client.tenant);
    let said = |text: &str| json!({"content": format!("{text} {word}")}).to_string();
    let (method, path, body) = match dice.below(12) {
        0 => ("GET", "agents".to_owned(), String::new()),
        1 => ("GET", format!("threads/{thread}/messages"), String::new()),
        2 => ("GET", format!("files/{file}/content"), String::new()),
        3 => ("GET", format!("cosmos/items/{record}"), String::new()),
        4 => ("GET", "search/documents?query=plan".to_owned(), String::new()),
        5 => ("GET", client.world.path("threads/{thread_id}/runs/{run_id}/events"), String::new()),
        6 | 7 => ("POST", format!("threads/{thread}/messages"), said("more")),
        8 => ("POST", "files?filename=b.txt".to_owned(), format!("{word} ").repeat(600)),
        9 => ("POST", "cosmos/items".to_owned(), json!({"text": word}).to_string()),
        10 => ("POST", "search/documents".to_owned(), json!([{"id": "again", "content": word}]).to_string()),
        _ => {
            ("POST", format!("threads/{thread}/runs"), json!({"agent_id": agent, "stream": true}).to_string())
        }
    };
    let kind = if path.starts_with("files?") { "text/plain" } else { "application/json" };
    let token = &client.token;
    let request = format!(
        "{method} /api/{path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {token}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let (mut sends, mut reads) = (request.len(), usize::MAX);
    match dice.below(20) {
        0..3 => sends = dice.below(request.len()),
        3..6 => reads = dice.below(2_000),
        _ => {}
    }
    Visit { client: client.clone(), request: request.into_bytes(), sends, reads }
}

/// The bytes that came.
async fn pay(address: &str, visit: &Visit) -> Vec<u8> {
    let mut seen = Vec::new();
    let Ok(mut stream) = TcpStream::connect(address).await else { return seen };
    // A server that refuses early may have gone before all is said.
    let _early = stream.write_all(&visit.request[..visit.sends]).await;
    if visit.sends == visit.request.len() {
        let _cut = (&mut stream).take(visit.reads as u64).read_to_end(&mut seen).await;
    }
    seen
}

/// Open files of a process.
fn open_files(pid: rustix::process::Pid) -> usize {
    fs::read_dir(format!("/proc/{}/fd", pid.as_raw_nonzero())).map_or(0, Iterator::count)
}

/// The memory of a process, in bytes.
fn memory(pid: rustix::process::Pid) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", pid.as_raw_nonzero())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<usize>().unwrap() << 10
}

/// What has been seen so far.
#[derive(Default)]
struct Seen {
    visits: AtomicUsize,
    left: AtomicUsize,
    failed: AtomicUsize,
    bytes: AtomicUsize,
}

/// Lets so many come, many at a time. `faults` is whether something may fail that nobody left.
async fn round(dev: &Dev, clients: &[Arc<Client>], dice: &mut Dice, count: usize, faults: bool, seen: &Seen) {
    let address = dev.base().trim_start_matches("http://").trim_end_matches("/api");
    let visits = (0..count).map(|_| visit(dice.pick(clients), dice));
    let paid = futures::stream::iter(visits).map(async |visit| {
        let answer = pay(address, &visit).await;
        let text = || String::from_utf8_lossy(&answer);
        let foreign = canary::foreign(&answer, Some(visit.client.tenant));
        assert_eq!(foreign, None, "{}: {}", visit.client.tenant, text());
        let whole = visit.reads == usize::MAX && visit.sends == visit.request.len();
        let status = text().split(' ').nth(1).unwrap_or_default().to_owned();
        // A thread has one run at a time, and takes no message meanwhile.
        let good = ["200", "409"].contains(&&*status);
        let failed = answer.is_empty() || status.starts_with('5');
        assert!(!whole || good || (faults && failed), "{}", text());
        seen.visits.fetch_add(1, Relaxed);
        seen.left.fetch_add(usize::from(!whole), Relaxed);
        seen.failed.fetch_add(usize::from(whole && !good), Relaxed);
        seen.bytes.fetch_add(answer.len(), Relaxed);
    });
    paid.buffer_unordered(TOGETHER).collect::<Vec<_>>().await;
}

/// Kills the handler each time another part of `count` visits is over, and whoever reads a file for it now and then.
/// How many of both.
async fn kills(dev: &Dev, seen: &Seen, count: usize, over: &AtomicBool) -> (usize, usize) {
    let (mut killed, mut readers) = (0, 0);
    while !over.load(Relaxed) {
        tokio::time::sleep(Duration::from_millis(20)).await;
        readers += dev.kill_readers();
        if killed < KILLS && seen.visits.load(Relaxed) > (killed + 1) * count / (KILLS + 1) {
            killed += usize::from(dev.kill_worker());
        }
    }
    (killed, readers)
}

#[test]
fn clients_that_leave_are_shown_nothing_and_hold_nothing() {
    alone(async {
        let state = tempfile::tempdir().unwrap();
        let crashes = vec!["--crashes".to_owned(), "1000".to_owned()];
        let model = Arc::new(Shaky::default());
        // On Azure's stand-ins the model is Foundry's.
        let settings = if azure::chosen() { Vec::new() } else { model.serve().await };
        let options = Options { lenient: true, arguments: crashes, settings, ..Options::on(state.path()) };
        let dev = Arc::new(Dev::start(options).await);
        model.steady.store(true, Relaxed);
        let clients = clients(&dev).await;
        model.steady.store(false, Relaxed);
        let (seed, count) = (proof::seed(), proof::count(3_000));
        let (mut dice, seen, over) = (Dice::new(seed), Seen::default(), AtomicBool::new(false));
        let begun = Instant::now();
        let visits = async {
            round(&dev, &clients, &mut dice, count / 3, true, &seen).await;
            over.store(true, Relaxed);
        };
        let ((), (killed, readers)) = tokio::join!(visits, kills(&dev, &seen, count / 3, &over));
        assert_eq!(killed, KILLS);
        eventually_in(Duration::from_secs(30), "a handler", async || {
            let answer =
                dev.with_token("", None).request(reqwest::Method::GET, "health/ready").attempt().await;
            answer.is_ok_and(|answer| answer.status == 200).then_some(())
        })
        .await;
        let worker = dev.worker().unwrap().0;
        // What is kept for the next request, connections and pages, is there after the second third.
        round(&dev, &clients, &mut dice, count / 3, false, &seen).await;
        let before = (open_files(worker), memory(worker));
        round(&dev, &clients, &mut dice, count - count / 3 * 2, false, &seen).await;
        let took = begun.elapsed().as_secs();
        eventually_in(Duration::from_secs(30), "no more open files than before", async || {
            (open_files(worker) <= before.0 + FILES).then_some(())
        })
        .await;
        let files = open_files(worker);
        let more = memory(worker).saturating_sub(before.1);
        assert!(more <= MEMORY, "{more} bytes more than before");
        assert_eq!(dev.worker().unwrap().0, worker, "it is the same process");
        model.steady.store(true, Relaxed);
        // A thread whose client has left is free again, and a run in it ends. A run that was being worked on when the
        // handler was killed is begun again when the hold on it is over, and the sweep has come.
        for client in &clients {
            let user = dev.with_token(client.tenant, Some(client.token.clone()));
            let runs = format!("threads/{}/runs", client.world.thread);
            let run = eventually_in(Duration::from_secs(180), "a free thread", async || {
                let begun = user.post_json(&runs, json!({"agent_id": client.world.agent})).await;
                (begun.status == 200).then(|| begun.id())
            });
            let run = run.await;
            assert_eq!(crate::world::ended(&user, &client.world.thread, &run).await["status"], "completed");
        }
        let [left, failed, bytes] = [&seen.left, &seen.failed, &seen.bytes].map(|of| of.load(Relaxed));
        println!(
            "cancellation: {count} requests of {} clients in {took} s, {left} left early, {killed} kills failed {failed}, {readers} readers of files killed, {} of {} answers of the model failed, {bytes} bytes read, 0 of another tenant; {} files open, then {files} (seed {seed})",
            clients.len(),
            model.failed.load(Relaxed),
            model.asked.load(Relaxed),
            before.0
        );
        assert_eq!(model.mixed.load(Relaxed), 0, "what the model is told is one tenant's");
        assert!(azure::chosen() || model.failed.load(Relaxed) > 0, "the model fails");
        assert!(readers > 0, "readers are killed");
        assert!(left * 100 >= count * 25, "{left}");
    });
}
