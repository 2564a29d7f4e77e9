//! Clients that leave: in the middle of what they say, and in the middle of what they are told. Nobody is shown
//! another's text for it, and what a request held is given back.

use crate::world::World;
use futures::StreamExt;
use serde_json::json;
use std::{fs, sync::Arc, time::Duration};
use tests::{
    Dev, Options, alone, canary, eventually_in,
    proof::{self, Dice},
    tokens,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const TOGETHER: usize = 32;
const USERS: usize = 2;

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

async fn clients(dev: &Arc<Dev>) -> Vec<Arc<Client>> {
    let mut all = Vec::new();
    for tenant in canary::TENANTS {
        for user in 0..USERS {
            let user = format!("user-{user}");
            let world = World::make(dev, &dev.as_user(tenant, &user), &format!("{tenant}-{user}")).await;
            let token = tokens::minted(dev.state(), tenant, &user, "user");
            all.push(Arc::new(Client { tenant, token, world }));
        }
    }
    all
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
    let mut stream = TcpStream::connect(address).await.unwrap();
    // A server that refuses early may have gone before all is said.
    let _early = stream.write_all(&visit.request[..visit.sends]).await;
    let mut seen = Vec::new();
    if visit.sends == visit.request.len() {
        let _cut = (&mut stream).take(visit.reads as u64).read_to_end(&mut seen).await;
    }
    seen
}

/// Open files of a process.
fn open_files(pid: rustix::process::Pid) -> usize {
    fs::read_dir(format!("/proc/{}/fd", pid.as_raw_nonzero())).map_or(0, Iterator::count)
}

/// Lets them all come, many at a time, and tells how many bytes they saw.
async fn round(address: &str, visits: Vec<Visit>) -> usize {
    let paid = futures::stream::iter(visits).map(async |visit| {
        let seen = pay(address, &visit).await;
        let foreign = canary::foreign(&seen, Some(visit.client.tenant));
        assert_eq!(foreign, None, "{}: {}", visit.client.tenant, String::from_utf8_lossy(&seen));
        let whole = visit.reads == usize::MAX && visit.sends == visit.request.len();
        let status = String::from_utf8_lossy(&seen).split(' ').nth(1).unwrap_or_default().to_owned();
        // A thread has one run at a time, and takes no message meanwhile.
        assert!(!whole || ["200", "409"].contains(&&*status), "{}", String::from_utf8_lossy(&seen));
        seen.len()
    });
    paid.buffer_unordered(TOGETHER).collect::<Vec<_>>().await.into_iter().sum()
}

#[test]
fn clients_that_leave_are_shown_nothing_and_hold_nothing() {
    alone(async {
        let state = tempfile::tempdir().unwrap();
        let dev = Arc::new(Dev::start(Options { lenient: true, ..Options::on(state.path()) }).await);
        let clients = clients(&dev).await;
        let address = dev.base().trim_start_matches("http://").trim_end_matches("/api").to_owned();
        let worker = dev.worker().unwrap().0;
        let (seed, count) = (proof::seed(), proof::count(3_000));
        let mut dice = Dice::new(seed);
        let mut visits: Vec<_> = (0..count).map(|_| visit(dice.pick(&clients), &mut dice)).collect();
        let left = visits
            .iter()
            .filter(|visit| visit.sends < visit.request.len() || visit.reads < usize::MAX)
            .count();
        // What is kept for the next request, connections and pages, is there after the first third.
        let mut bytes = round(&address, visits.drain(..count / 3).collect()).await;
        let before = open_files(worker);
        bytes += round(&address, visits).await;
        eventually_in(Duration::from_secs(5), "open files as before", async || {
            (open_files(worker) <= before + 8).then_some(())
        })
        .await;
        assert_eq!(dev.worker().unwrap().0, worker, "it is the same process");
        // A thread whose client has left is free again, and a run in it ends.
        for client in &clients {
            let user = dev.with_token(client.tenant, Some(client.token.clone()));
            let runs = format!("threads/{}/runs", client.world.thread);
            let run = eventually_in(Duration::from_secs(90), "a free thread", async || {
                let begun = user.post_json(&runs, json!({"agent_id": client.world.agent})).await;
                (begun.status == 200).then(|| begun.id())
            });
            let run = run.await;
            assert_eq!(crate::world::ended(&user, &client.world.thread, &run).await["status"], "completed");
        }
        println!(
            "cancellation: {count} requests of {} clients, {left} left early, {bytes} bytes read, 0 of another tenant (seed {seed})",
            clients.len()
        );
        assert!(left * 100 >= count * 25, "{left}");
        dev.log().clean();
    });
}
