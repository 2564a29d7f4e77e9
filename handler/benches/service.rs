//! What the service costs, as ratios against a floor in the same run: a bare axum endpoint that answers as many bytes.
//!
//! `make bench`. The server is a process of its own, started as the Functions host starts it; its cost is the CPU time
//! that the kernel books on it, so that the client beside it does not count.

mod bench;

use bench::{cpu, load, server};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

type Fault = Box<dyn std::error::Error + Send + Sync>;

fn main() -> Result<(), Fault> {
    if std::env::args().nth(1).as_deref() == Some("floor") {
        return server::floor();
    }
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(run())
}

fn say(what: &str, figure: &str) {
    use std::io::Write;
    let _nobody_listens = writeln!(std::io::stdout(), "{what:44} {figure}");
}

async fn run() -> Result<(), Fault> {
    let floor = server::Server::floor().await?;
    let service = server::Server::service(&[]).await?;
    let mut starts = Vec::new();
    for _ in 0..20 {
        starts.push(service.start_another().await?.0);
    }
    starts.sort();
    say("exec to the first 200", &format!("p50 {:.1?}, p95 {:.1?}", starts[10], starts[18]));
    let (_, another) = service.start_another().await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    say("idle memory (RSS)", &format!("{:.1} MB", cpu::rss_mb(another.id())?));
    drop(another);

    let client = service.client()?;
    let agent =
        client.post("/api/agents", &json!({"name": "Bench", "instructions": "x".repeat(400)})).await?;
    let path = format!("/api/agents/{}", agent["id"].as_str().unwrap_or_default());

    let bare = load::gets(&floor, "/", &[String::new()], 60_000).await?;
    say("bare axum endpoint", &bare.to_string());
    let cached = load::gets(&service, &path, &[service.token("alice")?], 60_000).await?;
    say(
        "GET agents/{id}, token seen before",
        &format!("{cached}   {:.2} x the floor's CPU", cached.cpu_us / bare.cpu_us),
    );
    let tokens = (0..1_000).map(|n| service.token(&format!("user-{n}"))).collect::<Result<Vec<_>, _>>()?;
    let fresh = load::gets(&service, &path, &tokens, 1_000).await?;
    say(
        "GET agents/{id}, token never seen",
        &format!("{fresh}   {:.2} x the floor's CPU", fresh.cpu_us / bare.cpu_us),
    );

    telemetry(&service, &path).await?;

    let writes =
        load::posts(&service, "/api/cosmos/items", &json!({"text": "x".repeat(900)}), 20_000).await?;
    say("POST cosmos/items, durable, 64 at a time", &writes.to_string());

    runs(&service, agent["id"].as_str().unwrap_or_default()).await?;
    ingestion(&service).await
}

/// The same GETs with telemetry on, in turns with telemetry off: what else this machine does hits both alike.
async fn telemetry(off: &server::Server, path: &str) -> Result<(), Fault> {
    let on = server::Server::service(&["--telemetry"]).await?;
    let agent =
        on.client()?.post("/api/agents", &json!({"name": "Bench", "instructions": "x".repeat(400)})).await?;
    let path_on = format!("/api/agents/{}", agent["id"].as_str().unwrap_or_default());
    let (token_off, token_on) = (off.token("alice")?, on.token("alice")?);
    let mut ratios = Vec::new();
    for _ in 0..7 {
        let without = load::gets(off, path, std::slice::from_ref(&token_off), 20_000).await?;
        let with = load::gets(&on, &path_on, std::slice::from_ref(&token_on), 20_000).await?;
        ratios.push((with.cpu_us / without.cpu_us, without.rate / with.rate));
    }
    ratios.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (cpu, _) = ratios[3];
    ratios.sort_by(|a, b| a.1.total_cmp(&b.1));
    say(
        "the same, telemetry on, beside off",
        &format!("{cpu:.3} x CPU, {:.3} x time a request (medians of 7)", ratios[3].1),
    );
    let mut starts = Vec::new();
    let sent = [(
        "APPLICATIONINSIGHTS_CONNECTION_STRING",
        "InstrumentationKey=x;IngestionEndpoint=https://127.0.0.1:9/",
    )];
    for _ in 0..20 {
        starts.push(off.start_with(&sent).await?.0);
    }
    starts.sort();
    say("exec to the first 200, telemetry on", &format!("p50 {:.1?}, p95 {:.1?}", starts[10], starts[18]));
    Ok(())
}

async fn runs(service: &server::Server, agent: &str) -> Result<(), Fault> {
    let user = service.client()?;
    let mut first = Vec::new();
    for _ in 0..200 {
        let thread = user.post("/api/threads", &json!({"messages": [{"content": "What is it?"}]})).await?;
        let path = format!("/api/threads/{}/runs", thread["id"].as_str().unwrap_or_default());
        let began = Instant::now();
        let mut events = user.stream(&path, &json!({"agent_id": agent, "stream": true})).await?;
        events.chunk().await?;
        first.push(began.elapsed());
        while events.chunk().await?.is_some() {}
    }
    first.sort();
    say("run start to first event", &format!("p50 {:.1?}, p99 {:.1?}", first[100], first[197]));
    Ok(())
}

async fn ingestion(service: &server::Server) -> Result<(), Fault> {
    let user = service.client()?;
    let paragraph =
        "The quick brown fox jumps over the lazy dog while seven wizards keep an eye on the kettle. "
            .repeat(6);
    let text = format!("{paragraph}\n\n").repeat(400);
    let began = Instant::now();
    let mut ids = Vec::new();
    for n in 0..20 {
        let file = user.upload(&format!("/api/files?filename=bench-{n}.txt"), text.clone()).await?;
        ids.push(file["id"].as_str().unwrap_or_default().to_owned());
    }
    for id in &ids {
        loop {
            let file: Value = user.get(&format!("/api/files/{id}")).await?;
            match file["status"].as_str() {
                Some("indexed") => break,
                Some("queued" | "indexing") => tokio::time::sleep(Duration::from_millis(10)).await,
                other => return Err(format!("the file is {other:?}").into()),
            }
        }
    }
    let megabytes = (text.len() * ids.len()) as f64 / 1e6;
    say("ingestion of text", &format!("{:.1} MB/s", megabytes / began.elapsed().as_secs_f64()));
    Ok(())
}
