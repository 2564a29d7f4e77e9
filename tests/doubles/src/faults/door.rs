//! The server's side of a connection, which can be broken in the middle.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    task::{Context, Poll},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::server::TlsStream;

const RESET: u8 = 1;
const GARBAGE: u8 = 2;
const CUT: u8 = 3;
const NOISE: &[u8] = b"\x16\x03\0\xffSSH-2.0 what you asked for is not here\r\n\r\n\0\0\0";

/// How a connection ends.
#[derive(Clone, Default)]
pub(super) struct Mode(Arc<AtomicU8>);

impl Mode {
    /// By a reset. The error makes the server let go of it.
    pub(super) fn reset(&self) -> io::Error {
        self.0.store(RESET, Ordering::SeqCst);
        io::ErrorKind::ConnectionReset.into()
    }

    /// After noise.
    pub(super) fn garbage(&self) {
        self.0.store(GARBAGE, Ordering::SeqCst);
    }

    /// In the middle of the next write.
    pub(super) fn cut(&self) {
        self.0.store(CUT, Ordering::SeqCst);
    }
}

/// The connection.
pub(super) struct Door {
    stream: TlsStream<TcpStream>,
    mode: Mode,
    broken: bool,
}

impl Door {
    pub(super) fn new(stream: TlsStream<TcpStream>) -> (Self, Mode) {
        let mode = Mode::default();
        (Self { stream, mode: mode.clone(), broken: false }, mode)
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        if self.mode.0.load(Ordering::SeqCst) == RESET {
            let _ = self.stream.get_ref().0.set_zero_linger();
        }
    }
}

impl AsyncRead for Door {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl AsyncWrite for Door {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        from: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.broken {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let instead = match self.mode.0.load(Ordering::SeqCst) {
            GARBAGE => NOISE,
            CUT => &from[..from.len() / 2],
            _ => return Pin::new(&mut self.stream).poll_write(context, from),
        };
        let wrote = std::task::ready!(Pin::new(&mut self.stream).poll_write(context, instead));
        self.broken = true;
        Poll::Ready(wrote.map(|_| from.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        std::task::ready!(Pin::new(&mut self.stream).poll_flush(context))?;
        if self.broken { Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())) } else { Poll::Ready(Ok(())) }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
