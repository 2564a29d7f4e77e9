//! What one machine does: durable writes, point reads, searches. Plain timing; run it alone.
//!
//! `cargo bench -p local --bench local -- [tenants] [chunks a tenant] [seconds]`, by default 20, 1000 and 3.

use local::{Local, Options, OsEntropy};
use pool::{
    TenantId,
    conformance::memory::SeededEntropy,
    ports::{
        Entry, EntryKey, Index, Kind, NewRow, Records, SearchMode, SearchQuery, SystemClock, Visibility,
        Write,
    },
    testing::tenant,
};
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

const WRITERS: usize = 64;
const DIMENSIONS: usize = 256;

#[expect(clippy::print_stdout, clippy::unwrap_used, reason = "a program that measures and prints")]
fn main() {
    let numbers: Vec<u64> = std::env::args().filter_map(|text| text.parse().ok()).collect();
    let setting = |i: usize, default| numbers.get(i).copied().unwrap_or(default);
    let (tenants, chunks, seconds) = (setting(0, 20), setting(1, 1_000), setting(2, 3));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        // Not /tmp, which may be in memory: a durable write should meet a disk.
        let root = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let started = Instant::now();
        let local =
            Local::open(root.path(), Options::default(), Arc::new(SystemClock), Arc::new(OsEntropy)).unwrap();
        println!("open an empty root          {:>10.1} ms", started.elapsed().as_secs_f64() * 1e3);
        println!("memory, open                {:>10.1} MB", resident());
        let who = tenant("bench-writes");
        let period = Duration::from_secs(seconds);
        writes(&local, &who, period).await;
        reads(&local, &who, period).await;
        search(&local, tenants, chunks, period).await;
        println!("memory, after all           {:>10.1} MB", resident());
        local.tidy(Duration::ZERO);
        tokio::time::sleep(Duration::from_secs(2)).await;
        println!("memory, tenants closed      {:>10.1} MB", resident());
    });
}

#[expect(clippy::print_stdout, clippy::unwrap_used, reason = "a program that measures and prints")]
async fn writes(local: &Local, who: &TenantId, period: Duration) {
    let body = format!(r#"{{"fill":"{}"}}"#, "x".repeat(1_000));
    for writers in [1, WRITERS] {
        let started = Instant::now();
        let tasks: Vec<_> = (0..writers)
            .map(|writer| {
                let (records, who, body) = (local.records.clone(), who.clone(), body.clone());
                tokio::spawn(async move {
                    let mut done = Vec::new();
                    while started.elapsed() < period {
                        let row = NewRow {
                            kind: Kind::Record,
                            id: format!("{writers}-{writer}-{}", done.len()),
                            parent: format!("p{writer}"),
                            owner: "someone".into(),
                            expires_at: None,
                            body: body.clone(),
                        };
                        let asked = Instant::now();
                        records.commit(&who, vec![Write::Create(row)]).await.unwrap();
                        done.push(asked.elapsed());
                    }
                    done
                })
            })
            .collect();
        let mut all = Vec::new();
        for task in tasks {
            all.extend(task.await.unwrap());
        }
        let rate = all.len() as f64 / started.elapsed().as_secs_f64();
        println!("durable 1 KB writes, {writers:>2} at once {rate:>8.0} /s  {}", quantiles(all));
    }
}

#[expect(clippy::print_stdout, clippy::unwrap_used, reason = "a program that measures and prints")]
async fn reads(local: &Local, who: &TenantId, period: Duration) {
    for readers in [1, 8] {
        let started = Instant::now();
        let tasks: Vec<_> = (0..readers)
            .map(|reader| {
                let (records, who) = (local.records.clone(), who.clone());
                tokio::spawn(async move {
                    let (chance, mut done) = (SeededEntropy::new(reader), 0_u64);
                    while started.elapsed() < period {
                        for _ in 0..100 {
                            let id =
                                format!("{WRITERS}-{}-{}", chance.below(WRITERS as u64), chance.below(40));
                            assert!(records.get(&who, Kind::Record, &id).await.unwrap().is_some());
                        }
                        tokio::task::yield_now().await;
                        done += 100;
                    }
                    done
                })
            })
            .collect();
        let mut all = 0;
        for task in tasks {
            all += task.await.unwrap();
        }
        println!(
            "point reads, {readers} at once      {:>10.0} /s",
            all as f64 / started.elapsed().as_secs_f64()
        );
    }
}

#[expect(clippy::print_stdout, clippy::unwrap_used, reason = "a program that measures and prints")]
async fn search(local: &Local, tenants: u64, chunks: u64, period: Duration) {
    let chance = SeededEntropy::new(5);
    let started = Instant::now();
    for i in 0..tenants {
        let who = tenant(&format!("bench-{i}"));
        for first in (0..chunks).step_by(100) {
            let entries = (first..chunks.min(first + 100)).map(|chunk| entry(&chance, chunk)).collect();
            local.index.upsert(&who, entries).await.unwrap();
        }
    }
    let all = tenants * chunks;
    println!("index {all} chunks of 1 KB  {:>10.0} /s", all as f64 / started.elapsed().as_secs_f64());
    for (name, mode, owner) in [
        ("text", SearchMode::Text, false),
        ("text, one user's", SearchMode::Text, true),
        ("vector", SearchMode::Vector, false),
        ("hybrid", SearchMode::Hybrid, false),
    ] {
        let (started, mut times) = (Instant::now(), Vec::new());
        while started.elapsed() < period {
            let who = tenant(&format!("bench-{}", chance.below(tenants)));
            let query = SearchQuery {
                mode,
                text: format!("How do I find the {} {} of {}?", word(&chance), word(&chance), word(&chance)),
                vector: Some(vector(&chance)),
                filter: None,
                visibility: if owner { Visibility::User("u1".into()) } else { Visibility::Tenant },
                top: 10,
            };
            let asked = Instant::now();
            let hits = local.index.search(&who, &query).await.unwrap();
            times.push(asked.elapsed());
            assert!(hits.len() <= 10);
        }
        println!(
            "search by {name:<18}{:>10.0} /s  {}",
            times.len() as f64 / period.as_secs_f64(),
            quantiles(times)
        );
    }
}

fn entry(chance: &SeededEntropy, chunk: u64) -> Entry {
    let mut content = String::new();
    while content.len() < 1_000 {
        content += &word(chance);
        content += if chance.below(12) == 0 { ". " } else { " " };
    }
    if chance.below(5) == 0 {
        content += "従業員は毎年二十日の有給休暇を取得できます。";
    }
    Entry {
        key: EntryKey { source: format!("s{}", chunk / 20), chunk: (chunk % 20) as u32 },
        owner: (chance.below(2) == 0).then(|| format!("u{}", chance.below(4))),
        title: format!("{} {}", word(chance), word(chance)),
        content,
        place: "page 1".into(),
        fields: BTreeMap::new(),
        vector: Some(vector(chance)),
    }
}

/// A made-up word; some are common and most are rare, as in a language.
fn word(chance: &SeededEntropy) -> String {
    let rank = chance.below(20_000).min(chance.below(20_000)).min(chance.below(20_000));
    let syllables = ["ka", "lo", "mi", "ter", "nu", "sa", "ven", "ri", "do", "pel"];
    format!("{rank:05}").bytes().map(|digit| syllables[usize::from(digit - b'0')]).collect()
}

fn vector(chance: &SeededEntropy) -> Vec<f32> {
    (0..DIMENSIONS).map(|_| chance.below(2_001) as f32 / 1_000.0 - 1.0).collect()
}

fn quantiles(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let at = |part: f64| {
        let place = ((times.len() as f64 * part) as usize).min(times.len().saturating_sub(1));
        times.get(place).map_or(0.0, Duration::as_secs_f64) * 1e3
    };
    format!("p50 {:.2} ms, p99 {:.2} ms", at(0.5), at(0.99))
}

/// Resident memory, in MB; 0 where the system does not say.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok()).unwrap_or(0.0) / 1e3
}
