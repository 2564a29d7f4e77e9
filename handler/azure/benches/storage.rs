//! What storage costs: a point read through the stand-in for Cosmos DB, and a put and a get through Azurite, beside a bare
//! request to it; and the memory of fifty uploads of 200 MiB at once. `cargo bench -p azure --bench storage -- [uploads]
//! [MiB each]`, where nobody asks the network for the metadata of a virtual machine (`tests/loopback`).

use axum::{Router, body::Body, http::StatusCode, routing::any};
use azure::{AzureBlobs, BlobAccount, Cosmos, CosmosRecords, Identities, Maker, Tenants};
use bytes::Bytes;
use doubles::{Audit, Ca, Identity, Server, cosmos, storage::Azurite};
use futures::{StreamExt, future::join_all, stream};
use pool::{
    TenantRecord,
    conformance::{
        memory::{ManualClock, MemoryDirectory, SeededEntropy},
        new_row,
    },
    ports::{Blobs, ByteStream, Kind, Records, Write as Change},
    testing::{blob, tenant},
};
use std::{
    error::Error,
    io::{BufRead, BufReader, Write, stdin, stdout},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

const MIB: usize = 1 << 20;
/// What fifty uploads may need, in MiB.
const MEMORY: f64 = 256.0;

type Fault = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), Fault> {
    let arguments: Vec<String> = std::env::args().collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    if arguments.get(1).is_some_and(|first| first == "sink") {
        return runtime.block_on(sink());
    }
    let mut numbers = arguments.iter().filter_map(|text| text.parse().ok());
    let (uploads, each) = (numbers.next().unwrap_or(50), numbers.next().unwrap_or(200));
    runtime.block_on(async {
        memory(uploads, each).await?;
        point_read().await?;
        speed().await
    })
}

fn say(what: &str, figure: &str) {
    let _nobody_listens = writeln!(stdout(), "{what:44} {figure}");
}

/// The credentials of an identity endpoint, each with a token that is made once.
fn maker(identity: &Identity) -> Maker {
    let credential = identity.credential(None);
    Arc::new(move |_| Ok(credential.clone()))
}

fn identities(identity: &Identity) -> (Tenants, Arc<Identities>) {
    let tenants = Tenants::new(Arc::new(MemoryDirectory::new([TenantRecord::new("bench", "Bench")])));
    (tenants.clone(), Arc::new(Identities::new(None, tenants, maker(identity))))
}

fn account(url: &str, client: &reqwest::Client, identity: &Identity) -> Result<BlobAccount, Fault> {
    let (tenants, identities) = identities(identity);
    Ok(BlobAccount::new(url, identities, tenants, client.clone())?)
}

fn body(len: usize) -> ByteStream {
    let part = Bytes::from(vec![b'x'; 64 << 10]);
    stream::iter((0..len.div_ceil(part.len())).map(move |_| Ok(part.clone()))).boxed()
}

/// The highest resident memory of this process so far, in MiB.
fn peak() -> Result<f64, Fault> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? / 1024.0)
}

/// Uploads into a server that takes blocks and forgets them, in a process of its own.
async fn memory(uploads: usize, each: usize) -> Result<(), Fault> {
    let mut child = Sink::start()?;
    let (url, root) = (child.line()?, child.line()?);
    let root = reqwest::Certificate::from_pem(&std::fs::read(root)?)?;
    let client = azure::transport_trusting([root])?;
    let identity = Identity::start(&[], &Audit::default()).await;
    let store = AzureBlobs::new(account(&url, &client, &identity)?);
    let (before, begun) = (peak()?, Instant::now());
    let (who, limit) = (tenant("bench"), u64::MAX);
    let names: Vec<_> = (0..uploads).map(|i| blob(&format!("upload_{i}"))).collect();
    let puts = names.iter().map(|name| store.put(&who, name, "x/y", limit, body(each * MIB)));
    for end in join_all(puts).await {
        assert_eq!(end?.len, (each * MIB) as u64);
    }
    let (after, took) = (peak()?, begun.elapsed());
    let rate = (uploads * each) as f64 / took.as_secs_f64();
    say(
        &format!("{uploads} uploads of {each} MiB at once"),
        &format!("{after:.0} MiB at most ({before:.0} before), {rate:.0} MiB/s"),
    );
    if after > MEMORY { Err(format!("more than {MEMORY} MiB").into()) } else { Ok(()) }
}

struct Sink(Child, BufReader<std::process::ChildStdout>);

impl Sink {
    fn start() -> Result<Self, Fault> {
        let mut command = Command::new(std::env::current_exe()?);
        let mut child = command.arg("sink").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let lines = child.stdout.take().ok_or("no output")?;
        Ok(Self(child, BufReader::new(lines)))
    }

    fn line(&mut self) -> Result<String, Fault> {
        let mut line = String::new();
        self.1.read_line(&mut line)?;
        Ok(line.trim().to_owned())
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _gone = self.0.wait();
    }
}

async fn sink() -> Result<(), Fault> {
    let ca = Ca::new();
    let take = any(async |body: Body| {
        let mut parts = body.into_data_stream();
        while let Some(Ok(_)) = parts.next().await {}
        (StatusCode::CREATED, [("etag", "\"1\"")])
    });
    let server = Server::tls_http1(&ca, Router::new().fallback_service(take)).await;
    say(&server.url(), "");
    say(&ca.file().to_string_lossy(), "");
    // Until whoever started it is gone.
    tokio::task::spawn_blocking(|| stdin().read_line(&mut String::new())).await??;
    Ok(())
}

/// A read of one document, beside a bare request for it.
async fn point_read() -> Result<(), Fault> {
    let audit = Audit::default();
    let identity = Identity::start(&[], &audit).await;
    let account = cosmos::Cosmos::start(&identity, &audit).await;
    let (_, identities) = identities(&identity);
    let cosmos = Cosmos::new(account.url().parse()?, "pool", None, maker(&identity));
    let (clock, entropy) = (Arc::new(ManualClock::default()), Arc::new(SeededEntropy::default()));
    let records = CosmosRecords::new(Arc::new(cosmos), identities, clock, entropy);
    let row = new_row(Kind::Record, "it", serde_json::json!({"text": "x".repeat(1_000)}));
    let who = tenant("bench");
    records.commit(&who, vec![Change::Create(row)]).await?;
    let stored = account.documents("documents", "bench").await;
    let id = stored.first().and_then(|document| document["id"].as_str()).ok_or("nothing was stored")?;
    let url = format!("{}/dbs/pool/colls/documents/docs/{id}", account.url());
    let token = format!("type%3daad%26ver%3d1.0%26sig%3d{}", identity.mint("system", cosmos::AUDIENCES[0]));
    let client = azure::transport()?;
    let floor = timed(1_000, async || {
        let request = client.get(&url).header("authorization", &token).header("x-ms-version", "2020-07-15");
        let answer = request.header("x-ms-documentdb-partitionkey", "[\"bench\"]").send().await?;
        Ok(answer.error_for_status()?.bytes().await?)
    });
    let floor = floor.await?;
    let ours = timed(1_000, async || {
        Ok(records.get(&who, Kind::Record, "it").await?.ok_or("the document is not there")?)
    });
    ratio("point read of 1 KiB through Cosmos DB's stand-in", ours.await?, floor);
    Ok(())
}

/// Puts and gets of two sizes, beside a bare request with the same bytes, one after the other.
async fn speed() -> Result<(), Fault> {
    let ca = Ca::new();
    let azurite = Azurite::start(&ca);
    let identity = Identity::start(&[], &Audit::default()).await;
    let token = identity.mint("system", "https://storage.azure.com");
    let client = azure::transport_trusting([reqwest::Certificate::from_pem(ca.pem().as_bytes())?])?;
    let account = account(&azurite.blob_url(), &client, &identity)?;
    let (who, name) = (tenant("bench"), blob("it"));
    account.create_container(&who).await?;
    let store = AzureBlobs::new(account);
    let url = format!("{}/bench/it", azurite.blob_url());
    for (label, len, rounds) in [("64 KiB", 64 << 10, 200), ("16 MiB", 16 * MIB, 10)] {
        let bytes = Bytes::from(vec![b'x'; len]);
        let bare = |method, body: Bytes| {
            let request =
                client.request(method, &url).bearer_auth(&token).header("x-ms-version", "2026-04-06");
            let request = request.header("x-ms-blob-type", "BlockBlob").body(body);
            async {
                let mut answer = request.send().await?.error_for_status()?;
                while answer.chunk().await?.is_some() {}
                Ok::<_, Fault>(())
            }
        };
        let floor = timed(rounds, async || bare(reqwest::Method::PUT, bytes.clone()).await).await?;
        let ours =
            timed(rounds, async || Ok(store.put(&who, &name, "x/y", u64::MAX, body(len)).await?)).await?;
        ratio(&format!("put of {label} through Azurite"), ours, floor);
        let floor = timed(rounds, async || bare(reqwest::Method::GET, Bytes::new()).await).await?;
        let ours = timed(rounds, async || {
            let (_, mut read) = store.get(&who, &name, None).await?.ok_or("gone")?;
            while let Some(part) = read.next().await {
                part?;
            }
            Ok(())
        });
        ratio(&format!("get of {label} through Azurite"), ours.await?, floor);
    }
    Ok(())
}

fn ratio(what: &str, ours: Duration, floor: Duration) {
    let ratio = ours.as_secs_f64() / floor.as_secs_f64();
    say(what, &format!("p50 {ours:.1?}   {ratio:.2} x a bare request's time"));
}

/// The median of some rounds.
async fn timed<T>(rounds: usize, work: impl AsyncFn() -> Result<T, Fault>) -> Result<Duration, Fault> {
    let mut times = Vec::new();
    for _ in 0..rounds {
        let begun = Instant::now();
        work().await?;
        times.push(begun.elapsed());
    }
    times.sort();
    Ok(times[rounds / 2])
}
