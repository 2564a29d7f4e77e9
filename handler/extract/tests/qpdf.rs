//! 147 malformed, looping and fuzz-found PDFs: each ends, and the process that asked lives on.

mod common;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use common::{extractor, test_data};
use extract::{Failure, Limits};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_file_ends_read_or_refused() {
    let Some(folder) = test_data("pdf/qpdf") else { return };
    let limits = Limits { cpu_seconds: 5, ..Limits::default() };
    let extractor = std::sync::Arc::new(extractor(&["--cpu", "5"], limits));
    let started = Instant::now();
    let mut running = tokio::task::JoinSet::new();
    for entry in std::fs::read_dir(folder).expect("folder") {
        let path = entry.expect("entry").path();
        let name = path.file_name().expect("name").to_string_lossy().into_owned();
        let bytes = std::fs::read(&path).expect("file");
        // Fuzzers leave out what sniffing asks for; with it, such a file reaches the parser as well.
        let headed = (!bytes.starts_with(b"%PDF-")).then(|| [b"%PDF-1.7\n".as_slice(), &bytes].concat());
        for bytes in std::iter::once(bytes).chain(headed) {
            let (extractor, name) = (extractor.clone(), name.clone());
            running.spawn(async move {
                let begun = Instant::now();
                let result = extractor.run("file.pdf", None, bytes.len() as u64, bytes.as_slice()).await;
                let outcome = match result {
                    Ok(_) => "read".to_owned(),
                    Err(Failure::Rejected(rejected)) => format!("{:?}", rejected.code),
                    Err(Failure::Unavailable(error)) => panic!("{name}: {error}"),
                };
                (name, outcome, begun.elapsed())
            });
        }
    }
    let mut slowest = (Duration::ZERO, String::new());
    let mut outcomes = BTreeMap::<String, Vec<String>>::new();
    while let Some(ended) = running.join_next().await {
        let (name, outcome, took) = ended.expect("no panic");
        slowest = slowest.max((took, name.clone()));
        outcomes.entry(outcome).or_default().push(name);
    }
    for (outcome, names) in &outcomes {
        println!("{outcome}: {} {:?}", names.len(), names.iter().take(6).collect::<Vec<_>>());
    }
    println!("took {:?}, slowest {slowest:?}", started.elapsed());
    assert!(outcomes.values().map(Vec::len).sum::<usize>() >= 200);
    assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
}
