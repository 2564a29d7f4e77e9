//! 147 PDFs that broke a reader once: each is read or refused, and the process that took them lives on.

use serde_json::Value;
use std::{collections::BTreeMap, fs, path::Path, sync::Arc, time::Duration};
use tests::{Dev, Options, alone, eventually_in, testdata};

const GROWTH_KIB: u64 = 64 * 1024;

fn memory(pid: rustix::process::Pid) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", pid.as_raw_nonzero())).ok()?;
    status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?
        .trim()
        .trim_end_matches(" kB")
        .trim()
        .parse()
        .ok()
}

#[test]
fn every_pdf_ends_indexed_or_quarantined_and_the_handler_lives_on() {
    let Some(folder) = testdata("pdf/qpdf") else { return };
    alone(async {
        let state = tempfile::tempdir().unwrap();
        let dev = Arc::new(Dev::start(Options::on(state.path())).await);
        let alice = dev.as_user("contoso", "alice");
        alice.get("files").await.is(200);
        let (pid, _) = dev.worker().unwrap();
        let before = memory(pid);
        let mut files = BTreeMap::new();
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if is_case(&path) {
                let id = alice
                    .upload(&format!("{name}.pdf"), "application/pdf", fs::read(&path).unwrap())
                    .await
                    .id();
                files.insert(id, name);
            }
        }
        assert!(files.len() >= 147, "{}", files.len());
        let mut ends: BTreeMap<String, usize> = BTreeMap::new();
        for (id, name) in &files {
            let ended = async || {
                let file = alice.get(&format!("files/{id}")).await.ok();
                (!["queued", "indexing"].contains(&file["status"].as_str().unwrap())).then_some(file)
            };
            let file = eventually_in(Duration::from_secs(120), name, ended).await;
            let status = file["status"].as_str().unwrap();
            assert!(["indexed", "quarantined"].contains(&status), "{name}: {file}");
            assert_eq!(status == "quarantined", file["status_details"] != Value::Null, "{name}: {file}");
            *ends.entry(format!("{status} {}", file["status_details"]["code"])).or_default() += 1;
        }
        println!("{ends:?}");
        assert_eq!(dev.worker().map(|(pid, _)| pid), Some(pid), "the handler died");
        if let (Some(before), Some(after)) = (before, memory(pid)) {
            assert!(after < before + GROWTH_KIB, "from {before} to {after} KiB");
        }
    });
}

fn is_case(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "pdf" || end == "fuzz")
}
