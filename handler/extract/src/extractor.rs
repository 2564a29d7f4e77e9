//! The parent's side: start a child, feed it, judge its end.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::Stdio;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::blocks::too_much_text;
use crate::child::{Header, too_long};
use crate::sniffing::by_name;
use crate::verdict::{self, Remains};
use crate::{Extracted, Limits, Rejected};

/// Why there is no text.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The file's own fault, and permanent: the same bytes will be refused again.
    #[error("{0}")]
    Rejected(#[from] Rejected),
    /// Not the file's fault: the child could not be started or the input broke off. Another try may help.
    #[error("the reader is not available")]
    Unavailable(#[source] io::Error),
}

/// Reads files in child processes, a bounded number at a time.
#[derive(Debug)]
pub struct Extractor {
    program: PathBuf,
    args: Vec<OsString>,
    limits: Limits,
    permits: Semaphore,
}

impl Extractor {
    /// Children that may run at once unless told otherwise.
    pub const CONCURRENT: usize = 2;

    /// An extractor that runs `program` (an absolute path) with `args`, which must come to [`child::main`](crate::child::main)
    /// with the same limits.
    pub fn new(
        program: impl Into<PathBuf>,
        args: impl IntoIterator<Item = impl Into<OsString>>,
        limits: Limits,
    ) -> Self {
        let args = args.into_iter().map(Into::into).collect();
        Self { program: program.into(), args, limits, permits: Semaphore::new(Self::CONCURRENT) }
    }

    /// The same with another number of children at once (at least one).
    #[must_use]
    pub fn concurrent(self, children: usize) -> Self {
        Self { permits: Semaphore::new(children.max(1)), ..self }
    }

    /// Reads one file of `len` bytes. The bytes stream through: the parent holds a buffer's worth.
    ///
    /// Waits while too many children are busy. Dropping the future kills the child and gives its place free.
    ///
    /// # Errors
    ///
    /// [`Failure::Rejected`] for whatever the file brings about, the death of its child included;
    /// [`Failure::Unavailable`] when the child could not be started or `input` failed, stalled, or did not
    /// hold exactly `len` bytes.
    pub async fn run(
        &self,
        name: &str,
        content_type: Option<&str>,
        len: u64,
        input: impl AsyncRead + Unpin + Send,
    ) -> Result<Extracted, Failure> {
        by_name(name)?;
        if len > self.limits.input {
            return Err(too_long(&self.limits).into());
        }
        let header = Header { name: ending(name), content_type: content_type.map(str::to_owned), len };
        let mut header =
            serde_json::to_vec(&header).map_err(io::Error::from).map_err(Failure::Unavailable)?;
        header.push(b'\n');
        let closed = |_| Failure::Unavailable(io::Error::other("the extractor is closed"));
        let _permit = self.permits.acquire().await.map_err(closed)?;
        let mut child = self.spawn().map_err(Failure::Unavailable)?;
        let verdict = self.talk(&mut child, &header, len, input).await;
        // Reaped here when it can be; `kill_on_drop` covers the future that is dropped half-way.
        let _ = child.kill().await;
        verdict
    }

    fn spawn(&self) -> io::Result<Child> {
        Command::new(&self.program)
            .args(&self.args)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
    }

    async fn talk(
        &self,
        child: &mut Child,
        header: &[u8],
        len: u64,
        input: impl AsyncRead + Unpin + Send,
    ) -> Result<Extracted, Failure> {
        let Some(stdin) = child.stdin.take() else {
            return Err(Failure::Unavailable(io::ErrorKind::BrokenPipe.into()));
        };
        let ending = remains(child, self.limits.output);
        tokio::pin!(ending);
        // A child may answer before it has all its input, or die of it: then the rest is not sent.
        let early = tokio::select! {
            biased;
            ended = &mut ending => Some(ended),
            fed = timeout(self.limits.feed, feed(stdin, header, len, input)) => {
                fed.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())).map_err(Failure::Unavailable)?;
                None
            }
        };
        let ended = match early {
            Some(ended) => ended,
            None => match timeout(self.limits.wall, ending).await {
                Ok(ended) => ended,
                Err(_) => return Err(verdict::timeout().into()),
            },
        };
        match ended.map_err(Failure::Unavailable)? {
            Some(remains) => verdict::verdict(&remains),
            None => Err(too_much_text().into()),
        }
    }
}

/// Sends the header and the file. A child that no longer listens is not an error: its end tells.
async fn feed(
    mut stdin: ChildStdin,
    header: &[u8],
    len: u64,
    mut input: impl AsyncRead + Unpin + Send,
) -> io::Result<()> {
    let mut listening = stdin.write_all(header).await.is_ok();
    let mut buffer = vec![0; 64 * 1024];
    let mut sent = 0_u64;
    while listening {
        let n = input.read(&mut buffer).await?;
        sent += n as u64;
        match n {
            _ if sent > len => {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "longer than declared"));
            }
            0 if sent < len => return Err(io::ErrorKind::UnexpectedEof.into()),
            0 => break,
            _ => listening = stdin.write_all(buffer.get(..n).unwrap_or_default()).await.is_ok(),
        }
    }
    Ok(())
}

/// Waits for the child's end, or `None` when it writes more than `cap` bytes.
async fn remains(child: &mut Child, cap: u64) -> io::Result<Option<Remains>> {
    let output = capped(child.stdout.take(), cap + 1);
    // Only the runtime's last words matter, and a child that says more is not waited for.
    let errors = capped(child.stderr.take(), 4096);
    let (output, errors) = tokio::join!(output, errors);
    let (output, errors) = (output?, errors?);
    if output.len() as u64 > cap {
        return Ok(None);
    }
    Ok(Some(Remains { output, errors, status: child.wait().await? }))
}

async fn capped(stream: Option<impl AsyncRead + Unpin>, cap: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(stream) = stream {
        stream.take(cap).read_to_end(&mut bytes).await?;
    }
    Ok(bytes)
}

/// The end of a name, which holds the extension: all the child needs, and short enough for its header.
fn ending(name: &str) -> String {
    let skip = name.chars().count().saturating_sub(200);
    name.chars().skip(skip).collect()
}
