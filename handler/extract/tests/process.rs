//! The child's limits and the parent's part.

mod common;

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use common::{code, extractor, program, refusal, run, sample, short};
use extract::{Code, Extractor, Failure, Limits};
use tokio::io::{AsyncRead, ReadBuf};

async fn mode(mode: &str) -> Result<extract::Extracted, Failure> {
    let args: &[&str] = if mode == "spin" { &["--cpu", "1", mode] } else { &[mode] };
    run(&extractor(args, short()), "a.txt", b"hello").await
}

#[tokio::test]
async fn a_confined_child_can_compute_and_nothing_else() {
    let reason = refusal(mode("probe").await).reason;
    assert_eq!(reason, "Confined { limits: true, filter: true } able: []");
}

#[tokio::test]
async fn every_way_to_die_has_its_code() {
    for (how, expected) in [
        ("hog", Code::Memory),
        ("die", Code::Memory),
        ("spin", Code::Timeout),
        ("abort", Code::Crashed),
        ("recurse", Code::Crashed),
        ("panic", Code::Crashed),
        ("flood", Code::TooLarge),
        ("deaf", Code::Malformed),
    ] {
        let started = Instant::now();
        assert_eq!(code(mode(how).await), expected, "{how}");
        assert!(started.elapsed() < Duration::from_secs(15), "{how}: {:?}", started.elapsed());
    }
}

#[tokio::test]
async fn a_child_that_only_waits_is_killed() {
    let limits = Limits { wall: Duration::from_millis(500), ..Limits::default() };
    let started = Instant::now();
    assert_eq!(code(run(&extractor(&["sleep"], limits), "a.txt", b"hello").await), Code::Timeout);
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_child_that_cannot_work_is_not_the_files_fault() {
    let missing = Extractor::new("/nonexistent/reader", ["x"], Limits::default());
    assert!(matches!(run(&missing, "a.txt", b"hello").await, Err(Failure::Unavailable(_))));
    assert!(matches!(mode("usage").await, Err(Failure::Unavailable(_))));
}

#[tokio::test]
async fn an_early_end_with_input_outstanding_is_no_error() {
    // Far more than a pipe holds, to a child that answers without reading.
    let bytes = vec![b'a'; 20 << 20];
    assert_eq!(code(run(&extractor(&["deaf"], short()), "a.txt", &bytes).await), Code::Malformed);
}

/// Gives `left` bytes, then ends, fails or stalls.
struct Source {
    left: u64,
    then: Option<io::ErrorKind>,
}

impl AsyncRead for Source {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let n = usize::try_from(self.left).unwrap_or(usize::MAX).min(buf.remaining());
        buf.put_slice(&vec![b'a'; n]);
        self.left -= n as u64;
        match self.then {
            _ if n > 0 => Poll::Ready(Ok(())),
            None => Poll::Ready(Ok(())),
            Some(io::ErrorKind::WouldBlock) => Poll::Pending,
            Some(kind) => Poll::Ready(Err(kind.into())),
        }
    }
}

#[tokio::test]
async fn input_that_breaks_off_is_not_the_files_fault() {
    let limits = Limits { feed: Duration::from_millis(500), ..Limits::default() };
    let extractor = extractor(&[], limits);
    for (len, left, then) in [
        (1_000, 500, None),
        (500, 1_000, None),
        (1_000, 500, Some(io::ErrorKind::ConnectionReset)),
        (1_000, 500, Some(io::ErrorKind::WouldBlock)),
    ] {
        let result = extractor.run("a.txt", None, len, Source { left, then }).await;
        assert!(matches!(result, Err(Failure::Unavailable(_))), "{len} {left} {then:?}: {result:?}");
    }
}

#[tokio::test]
async fn a_hundred_megabytes_pass_through_a_parent_that_stays_small() {
    let limits = Limits { input: 100 << 20, ..Limits::default() };
    let extractor = extractor(&[], limits.clone());
    let before = resident();
    let source = Source { left: limits.input, then: None };
    assert_eq!(code(extractor.run("a.pdf", None, limits.input, source).await), Code::TypeMismatch);
    let grown = resident().saturating_sub(before);
    assert!(grown < 32 << 20, "grew by {} MiB", grown >> 20);
    let over = extractor.run("a.pdf", None, limits.input + 1, Source { left: 0, then: None }).await;
    assert_eq!(code(over), Code::TooLarge);
}

/// Highest resident memory of this process so far, in bytes.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).unwrap_or_default() << 10
}

/// How many children of this test run with the given mark among their arguments.
fn children(mark: &str) -> usize {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let lines = processes.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok());
    lines.filter(|line| line.split(|byte| *byte == 0).any(|argument| argument == mark.as_bytes())).count()
}

#[tokio::test]
async fn dropping_the_future_kills_the_child() {
    let mark = format!("dropped-{}", std::process::id());
    let limits = Limits { wall: Duration::from_secs(60), ..Limits::default() };
    let extractor = Extractor::new(program(), ["sleep", mark.as_str()], limits);
    let running = tokio::time::timeout(Duration::from_secs(1), run(&extractor, "a.txt", b"hello"));
    assert!(running.await.is_err());
    for _ in 0..100 {
        if children(&mark) == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the child lives on");
}

#[tokio::test]
async fn no_more_children_than_permitted_run_at_once() {
    let mark = format!("counted-{}", std::process::id());
    let limits = Limits { wall: Duration::from_millis(400), ..Limits::default() };
    let extractor = Extractor::new(program(), ["sleep", mark.as_str()], limits).concurrent(2);
    let most = async {
        let mut most = 0;
        for _ in 0..40 {
            most = most.max(children(&mark));
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        most
    };
    let one = || run(&extractor, "a.txt", b"hello");
    let (most, ..) = tokio::join!(most, one(), one(), one(), one());
    assert_eq!(most, 2);
}

#[tokio::test]
async fn a_long_name_and_odd_characters_in_it_do_no_harm() {
    let extractor = extractor(&[], Limits::default());
    let name = format!("{}\n\"\u{202e}.pdf", "長".repeat(20_000));
    run(&extractor, &name, &sample("travel-policy.pdf")).await.expect("readable");
}
