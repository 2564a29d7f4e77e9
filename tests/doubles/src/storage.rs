//! Azurite, Microsoft's own stand-in for blobs and queues, as a process of its own.

mod front;

pub use front::{AUDIENCE, Storage};

use crate::{Ca, install};
use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
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
        // Somebody else may have taken a port that was free a moment ago: then it ends at once.
        let mut tries = (0..5).map(|_| Self::spawn(ca));
        tries.find_map(|mut azurite| azurite.listens().then_some(azurite)).expect("azurite starts")
    }

    fn spawn(ca: &Ca) -> Self {
        let script = install::servers().join("node_modules/azurite/dist/src/azurite.js");
        let folder = tempfile::tempdir().unwrap();
        let [blob, queue, table] = free_ports();
        let process = Command::new("node")
            .args(["--import", ENDS_WITH_US])
            .arg(script)
            .args(["--silent", "--loose", "--skipApiVersionCheck", "--disableTelemetry", "--oauth", "basic"])
            .arg("--location")
            .arg(folder.path())
            .arg("--cert")
            .arg(ca.folder().join("cert.pem"))
            .arg("--key")
            .arg(ca.folder().join("key.pem"))
            .args(["--blobPort", &blob.to_string(), "--queuePort", &queue.to_string()])
            .args(["--tablePort", &table.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("`node` is not to be found; these tests need Node.js 20 or later");
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

    /// Waits until it listens; `false`: it has ended.
    fn listens(&mut self) -> bool {
        let begun = Instant::now();
        for address in [self.blob_address(), self.queue_address()] {
            while TcpStream::connect(address).is_err() && self.process.try_wait().unwrap().is_none() {
                assert!(begun.elapsed() < PATIENCE, "azurite does not listen on {address}");
                thread::sleep(Duration::from_millis(50));
            }
        }
        self.process.try_wait().unwrap().is_none()
    }
}

impl Drop for Azurite {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Ports that were free a moment ago.
fn free_ports<const N: usize>() -> [u16; N] {
    let held: [TcpListener; N] = std::array::from_fn(|_| TcpListener::bind("127.0.0.1:0").unwrap());
    held.map(|listener| listener.local_addr().unwrap().port())
}
