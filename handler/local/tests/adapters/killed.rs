//! Killed at any instant, the store keeps what it acknowledged; and two processes may write one root at once.

use crate::support::{all, open, row};
use pool::{
    ports::{Kind, Records, Write},
    testing::tenant,
};
use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader, Write as _},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    thread::sleep,
    time::Duration,
};

const ROOT: &str = "POOLED_AGENTS_TEST_ROOT";
const NAME: &str = "POOLED_AGENTS_TEST_NAME";

#[expect(clippy::disallowed_methods, reason = "how a test talks to the process that it starts")]
fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Not a test: the process that the tests below start and kill. It writes for ever, and says what was acknowledged.
#[test]
#[ignore = "started by the other tests"]
fn child() {
    let (Some(root), Some(name)) = (setting(ROOT), setting(NAME)) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let local = open(Path::new(&root));
        let out = Arc::new(std::sync::Mutex::new(std::io::stdout()));
        let most = setting("POOLED_AGENTS_TEST_MOST").map_or(u32::MAX, |most| most.parse().unwrap());
        let writers: Vec<_> = (0..8)
            .map(|writer| {
                let (records, out, name) = (local.records.clone(), out.clone(), name.clone());
                tokio::spawn(async move {
                    for i in 0..most {
                        // Two documents in one batch: both or neither.
                        let id = format!("{name}-{writer}-{i}");
                        let body = format!(r#"{{"fill":"{}"}}"#, "x".repeat(900));
                        let pair = ["a", "b"].map(|half| Write::Create(row(&format!("{id}.{half}"), &body)));
                        records.commit(&tenant("conf-a"), pair.into()).await.unwrap();
                        let mut out = out.lock().unwrap();
                        writeln!(out, "ack {id}").unwrap();
                        out.flush().unwrap();
                    }
                })
            })
            .collect();
        for writer in writers {
            writer.await.unwrap();
        }
    });
}

fn start(root: &Path, name: &str, most: Option<u32>) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["killed::child", "--exact", "--ignored", "--nocapture", "--test-threads=1"]);
    command.env(ROOT, root).env(NAME, name).stdout(Stdio::piped()).stderr(Stdio::null());
    if let Some(most) = most {
        command.env("POOLED_AGENTS_TEST_MOST", most.to_string());
    }
    command.spawn().unwrap()
}

fn acknowledged(child: &mut Child) -> Vec<String> {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    // A line without its end was cut by the kill; one with it was acknowledged. The first may follow the runner's words.
    lines.filter_map(|line| line.split_once("ack ").map(|(_, id)| id.to_owned())).collect()
}

fn stored(root: &Path) -> BTreeSet<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let local = open(root);
        let (mut query, mut ids) = (all(), BTreeSet::new());
        loop {
            let page = local.records.query(&tenant("conf-a"), &query).await.unwrap();
            let Some(last) = page.last() else { return ids };
            query.after = Some(pool::ports::Position { id: last.row.id.clone(), value: None });
            ids.extend(page.into_iter().map(|row| row.row.id));
        }
    })
}

#[test]
fn what_was_acknowledged_is_there() {
    let cycles = setting("KILL_CYCLES").map_or(20, |cycles| cycles.parse().unwrap());
    let root = tempfile::tempdir().unwrap();
    let (mut promised, mut worked) = (BTreeSet::new(), 0);
    for cycle in 0..cycles {
        let mut child = start(root.path(), &format!("c{cycle}"), None);
        // 5 to 50 ms after the first write may have begun; the numbers are the same each time, the machine is not.
        sleep(Duration::from_millis(30 + 5 + cycle * 7_919 % 46));
        child.kill().unwrap();
        let acks = acknowledged(&mut child);
        child.wait().unwrap();
        worked += usize::from(!acks.is_empty());
        promised.extend(acks);
        let stored = stored(root.path());
        for id in &promised {
            assert!(
                stored.contains(&format!("{id}.a")),
                "{id} was acknowledged before the kill in cycle {cycle}"
            );
        }
        for id in &stored {
            let (name, half) = id.rsplit_once('.').unwrap();
            let other = if half == "a" { "b" } else { "a" };
            assert!(stored.contains(&format!("{name}.{other}")), "half a batch: {id}");
        }
    }
    assert!(worked > 0, "the child was killed too early every time");
}

#[test]
fn two_processes_share_a_root() {
    let root = tempfile::tempdir().unwrap();
    let mut children = ["left", "right"].map(|name| start(root.path(), name, Some(40)));
    let acks: Vec<_> = children.iter_mut().map(acknowledged).collect();
    for child in &mut children {
        assert!(child.wait().unwrap().success());
    }
    assert!(
        acks.iter().all(|acks| acks.len() == 8 * 40),
        "{:?}",
        acks.iter().map(Vec::len).collect::<Vec<_>>()
    );
    let stored = stored(root.path());
    assert_eq!(stored.len(), 2 * 2 * 8 * 40);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let local = runtime.block_on(async { open(root.path()) });
    let one = runtime.block_on(local.records.get(&tenant("conf-a"), Kind::Record, "left-0-0.a"));
    assert!(one.unwrap().is_some());
}
