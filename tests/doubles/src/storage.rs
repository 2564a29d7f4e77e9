//! Azurite, Microsoft's own stand-in for blobs and queues, as a process of its own.

mod front;

pub use front::{AUDIENCE, Storage};

use crate::{Ca, install};
use std::{
    io::{BufRead, BufReader},
    net::{Ipv4Addr, SocketAddr},
    process::{Child, ChildStdout, Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

const ACCOUNT: &str = "devstoreaccount1";
/// Our end of its input is closed when we end, however that comes about.
const ENDS_WITH_US: &str = "data:text/javascript,process.stdin.on('end',()=>process.exit()).resume()";
const PATIENCE: Duration = Duration::from_secs(60);

/// Azurite over HTTPS with `--oauth basic`: it believes any token for Storage, and checks user-delegation signatures.
/// What it stores goes when this is dropped.
pub struct Azurite {
    process: Child,
    blob: u16,
    queue: u16,
    _folder: tempfile::TempDir,
}

impl Azurite {
    /// Starts one with `ca`'s certificate; the first time on a machine, it is installed.
    ///
    /// # Panics
    /// If `node` or `npm` is absent, or the server does not start.
    pub fn start(ca: &Ca) -> Self {
        let script = install::servers().join("node_modules/azurite/dist/src/azurite.js");
        let folder = tempfile::tempdir().unwrap();
        let mut process = Command::new("node")
            .args(["--import", ENDS_WITH_US])
            .arg(script)
            .args(["--silent", "--loose", "--skipApiVersionCheck", "--disableTelemetry", "--oauth", "basic"])
            .arg("--location")
            .arg(folder.path())
            .arg("--cert")
            .arg(ca.folder().join("cert.pem"))
            .arg("--key")
            .arg(ca.folder().join("key.pem"))
            // It takes ports that are free, and tells them: one that we chose might be taken before it begins.
            .args(["--blobPort", "0", "--queuePort", "0", "--tablePort", "0"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("`node` is not to be found; these tests need Node.js 20 or later");
        let told = told(process.stdout.take().expect("its output"));
        let port = |service: &str| {
            let said = format!("Azurite {service} service is successfully listening at https://127.0.0.1:");
            let begun = Instant::now();
            loop {
                let line = told.recv_timeout(PATIENCE.saturating_sub(begun.elapsed()));
                let line = line.unwrap_or_else(|_| panic!("azurite does not tell where {service} listens"));
                if let Some(port) = line.strip_prefix(&said) {
                    return port.parse().expect("a port");
                }
            }
        };
        let (blob, queue) = (port("Blob"), port("Queue"));
        Self { process, blob, queue, _folder: folder }
    }

    /// `https://127.0.0.1:PORT/devstoreaccount1`, of blobs.
    pub fn blob_url(&self) -> String {
        self.behind(&format!("https://{}", self.blob_address()))
    }

    /// The same, of queues.
    pub fn queue_url(&self) -> String {
        self.behind(&format!("https://{}", self.queue_address()))
    }

    /// The account's URL behind a proxy with this URL.
    pub fn behind(&self, proxy: &str) -> String {
        format!("{proxy}/{ACCOUNT}")
    }

    /// Where blobs are.
    pub fn blob_address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.blob).into()
    }

    /// Where queues are.
    pub fn queue_address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.queue).into()
    }

    /// Its process's id.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Azurite {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The lines that a process prints, read to its end, lest it wait for a reader.
fn told(output: ChildStdout) -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            // Once it listens, nobody asks any more.
            let _ = sender.send(line);
        }
    });
    lines
}
