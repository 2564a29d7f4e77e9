//! The child process of the tests: [`extract::child::main`], and ways for a reader to go wrong.
//!
//! `child [--cpu N] [MODE]`; without a mode it does the real thing.

use std::io::{Read, Write};
use std::process::{Command, ExitCode};

use extract::{Limits, child};
use rustix::process::{
    Resource, Rlimit, Signal, getpid, getppid, kill_process, setrlimit, test_kill_process,
};

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let mut limits = Limits::default();
    let mut mode = args.next();
    if mode.as_deref() == Some("--cpu") {
        limits.cpu_seconds = args.next().and_then(|n| n.parse().ok()).unwrap_or(limits.cpu_seconds);
        mode = args.next();
    }
    let Some(mode) = mode else { return child::main(&limits) };
    // Dying by a signal needs a right the filter takes away.
    if mode == "die" {
        let _ = kill_process(getpid(), Signal::KILL);
    }
    let parent = getppid();
    let confined = child::confine(&limits);
    match mode.as_str() {
        // Ends without having read anything, while the parent still writes.
        "deaf" => {
            let answer = r#"{"rejected":{"code":"malformed","reason":"deaf"}}"#;
            let _ = std::io::stdout().write_all(answer.as_bytes());
        }
        "hog" => {
            let mut hoard = Vec::new();
            loop {
                hoard.push(std::hint::black_box(vec![1_u8; 8 << 20]));
            }
        }
        "spin" => loop {
            std::hint::black_box(());
        },
        "sleep" => std::thread::sleep(std::time::Duration::from_secs(600)),
        "abort" => std::process::abort(),
        "recurse" => return ExitCode::from(recurse(1)),
        "panic" => std::panic::panic_any("on purpose"),
        "usage" => return ExitCode::from(2),
        "flood" => while std::io::stdout().write_all(&[b' '; 65_536]).is_ok() {},
        "probe" => {
            let mut input = Vec::new();
            let _ = std::io::stdin().read_to_end(&mut input);
            let done = [
                ("read a file", std::fs::read("/proc/self/status").is_ok()),
                ("write a file", std::fs::write("/tmp/extract-probe", b"x").is_ok()),
                ("connect", std::net::TcpStream::connect("127.0.0.1:9").is_ok()),
                ("listen", std::net::TcpListener::bind("127.0.0.1:0").is_ok()),
                ("run a program", Command::new("/bin/true").status().is_ok()),
                ("start a thread", std::thread::Builder::new().spawn(|| ()).is_ok()),
                // Signal 0 changes nothing, and is refused like any other.
                ("signal its parent", parent.is_some_and(|parent| test_kill_process(parent).is_ok())),
                ("raise a limit", raise()),
            ];
            let able: Vec<&str> = done.into_iter().filter(|(_, done)| *done).map(|(what, _)| what).collect();
            let reason = format!("{confined:?} able: {able:?}");
            let answer = serde_json::json!({ "rejected": { "code": "malformed", "reason": reason } });
            let _ = std::io::stdout().write_all(answer.to_string().as_bytes());
        }
        _ => return ExitCode::from(2),
    }
    ExitCode::SUCCESS
}

fn raise() -> bool {
    setrlimit(Resource::Cpu, Rlimit { current: Some(1), maximum: Some(1) }).is_ok()
}

/// Runs out of stack, as a reader of deeply nested data does.
fn recurse(depth: u64) -> u8 {
    let here = std::hint::black_box([depth; 512]);
    if here[0] == 0 { 0 } else { recurse(depth + 1).wrapping_add(1) }
}
