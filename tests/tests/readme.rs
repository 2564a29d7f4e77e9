//! The README's tour, as a newcomer pastes it: every command is run, and what it prints is held against what is written.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::{
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// A command of the README, and what it says that the command prints.
struct Step {
    command: String,
    expected: Vec<String>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn steps(readme: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut inside = false;
    for line in readme.lines() {
        match (inside, line) {
            (false, "```console") => inside = true,
            (true, "```") => inside = false,
            (true, line) => match line.strip_prefix("$ ") {
                Some(command) => steps.push(Step { command: command.to_owned(), expected: Vec::new() }),
                None => steps.last_mut().unwrap().expected.push(line.to_owned()),
            },
            _ => {}
        }
    }
    steps
}

/// Whether printed text is what is written, where `…` stands for any text.
fn fits(written: &str, printed: &str) -> bool {
    let parts: Vec<&str> = written.split('…').collect();
    let (first, last) = (parts[0], parts[parts.len() - 1]);
    if parts.len() == 1 {
        return written == printed;
    }
    let Some(mut rest) = printed.strip_prefix(first) else { return false };
    for part in &parts[1..parts.len() - 1] {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[test]
fn an_ellipsis_stands_for_any_text_and_nothing_else_does() {
    assert!(fits("a…c", "abc") && fits("a…c", "ac") && fits("…", "") && fits("a…b…c", "a1b2c"));
    assert!(!fits("a…c", "abd") && !fits("ac", "abc") && !fits("a…b…c", "a1c") && !fits("", "x"));
}

struct Dev(Child);

impl Drop for Dev {
    fn drop(&mut self) {
        let _ended = self.0.kill();
        let _reaped = self.0.wait();
    }
}

/// `make dev`, on a free port, in `folder`; and the port.
fn dev(binary: &Path, folder: &Path) -> (Dev, String) {
    let mut child = Command::new(binary)
        .args(["dev", "--port", "0"])
        .current_dir(folder)
        .stdout(Stdio::piped())
        .spawn()
        .expect("the handler starts");
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let dev = Dev(child);
    let mut lines = lines.map_while(Result::ok);
    let ready = lines.by_ref().find(|line| line.starts_with("ready ")).expect("`dev` gets ready");
    std::thread::spawn(move || lines.for_each(drop));
    let port = ready.split("127.0.0.1:").nth(1).unwrap().split('/').next().unwrap().to_owned();
    (dev, port)
}

#[test]
fn the_tour_works_as_pasted() {
    let built =
        Command::new(env!("CARGO")).args(["build", "--locked", "-p", "handler"]).current_dir(root()).status();
    assert!(built.unwrap().success());
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let binary = target.join("debug/handler");
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(root().join("docs"), folder.path().join("docs")).unwrap();
    std::os::unix::fs::symlink(target, folder.path().join("target")).unwrap();
    let (_dev, port) = dev(&binary, folder.path());

    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let steps = steps(&readme);
    assert!(steps.len() > 12, "the tour is gone");
    let mut shell = Command::new("bash")
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("bash starts");
    let mut input = shell.stdin.take().unwrap();
    let mut output = BufReader::new(shell.stdout.take().unwrap()).lines().map_while(Result::ok);
    for step in &steps {
        let mut command = step.command.replace("7071", &port);
        if command.contains("$handler chat") {
            command =
                command.replace("$handler chat", &format!("$handler chat --url http://127.0.0.1:{port}"));
        }
        writeln!(input, "{command}\necho; echo '--end--'").unwrap();
        let printed: Vec<String> = output.by_ref().take_while(|line| line != "--end--").collect();
        let printed = printed.join("\n");
        let written = step.expected.join("\n");
        assert!(
            fits(written.trim_end(), printed.trim_end()),
            "$ {}\nwritten:\n{written}\nprinted:\n{printed}",
            step.command
        );
    }
    drop(input);
    assert!(shell.wait().unwrap().success());
}
