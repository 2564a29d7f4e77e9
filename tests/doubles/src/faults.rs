//! A proxy that does to requests and answers what networks and overloaded services do.

mod door;

use crate::Ca;
use bytes::Bytes;
use door::{Door, Mode};
use futures::{StreamExt, stream};
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    Request, Response,
    body::{Body, Frame, Incoming},
    http::request::Parts,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, ServerConfig, pki_types::ServerName};
use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::sleep,
};
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// What happens to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is answered with this status and header; the server never sees it.
    Status(u16, Option<(&'static str, &'static str)>),
    /// The connection is reset; the server never sees it.
    Reset,
    /// The server does it; the connection is reset where the answer should be.
    Lost,
    /// The server never sees it, and nothing ever comes back.
    HalfOpen,
    /// The server does it; half of the answer comes, then the end.
    Truncated,
    /// The server does it; what comes back is no HTTP.
    Garbage,
    /// The server does it; the answer's body is replaced by noise of the same length.
    Noise,
    /// The server does it; the answer's body comes a byte at a time, 200 ms apart.
    Slow,
}

/// The faults that every operation of every adapter must survive.
pub const FAULTS: [Fault; 12] = [
    Fault::Status(429, Some(("retry-after", "1"))),
    Fault::Status(503, None),
    Fault::Status(500, None),
    Fault::Status(408, None),
    Fault::Reset,
    Fault::Lost,
    Fault::HalfOpen,
    Fault::Truncated,
    Fault::Garbage,
    Fault::Noise,
    Fault::Slow,
    Fault::Status(429, Some(("retry-after", "86400"))),
];

type Only = Box<dyn Fn(&Parts) -> bool + Send>;
type Answer = Response<UnsyncBoxBody<Bytes, io::Error>>;

/// The proxy. Without a plan it passes everything on, unchanged. It ends when it is dropped.
pub struct Faults {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    upstream: SocketAddr,
    client: Arc<ClientConfig>,
    plan: Mutex<Option<(Fault, usize, Only)>>,
    seen: Mutex<Vec<String>>,
}

impl Faults {
    /// Starts one, over TLS and HTTP/1.1 on both sides, before a server at `upstream` that is under the same authority.
    pub async fn start(ca: &Ca, upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut server: ServerConfig = ca.server_config();
        server.alpn_protocols = vec![b"http/1.1".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(server));
        let client = Arc::new(ca.client_config());
        let shared = Arc::new(Shared { upstream, client, plan: Mutex::default(), seen: Mutex::default() });
        let task = tokio::spawn(accept(listener, acceptor, shared.clone()));
        Self { address, shared, task }
    }

    /// `https://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next `times` requests meet this fault. What was seen before is forgotten.
    pub fn plan(&self, fault: Fault, times: usize) {
        self.plan_for(fault, times, |_| true);
    }

    /// The same, of requests that are meant.
    pub fn plan_for(&self, fault: Fault, times: usize, only: impl Fn(&Parts) -> bool + Send + 'static) {
        self.shared.seen.lock().unwrap().clear();
        *self.shared.plan.lock().unwrap() = Some((fault, times, Box::new(only)));
    }

    /// Passes everything on again.
    pub fn heal(&self) {
        *self.shared.plan.lock().unwrap() = None;
    }

    /// The requests that came since the last plan: verb, path and query.
    pub fn seen(&self) -> Vec<String> {
        self.shared.seen.lock().unwrap().clone()
    }
}

impl Drop for Faults {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, shared) = (acceptor.clone(), shared.clone());
        tokio::spawn(async move {
            let _ = stream.set_nodelay(true);
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let (door, mode) = Door::new(stream);
            let service = service_fn(move |request| shared.clone().answer(mode.clone(), request));
            // Connections that break are what this is for.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(door), service)
                .await;
        });
    }
}

impl Shared {
    async fn answer(self: Arc<Self>, mode: Mode, request: Request<Incoming>) -> io::Result<Answer> {
        let (parts, body) = request.into_parts();
        self.seen.lock().unwrap().push(format!("{} {}", parts.method, parts.uri));
        match self.fault(&parts) {
            Some(Fault::Status(status, header)) => {
                body.collect().await.map_err(io::Error::other)?;
                let answer = Response::builder().status(status);
                let answer =
                    header.into_iter().fold(answer, |answer, (name, value)| answer.header(name, value));
                Ok(answer.body(Full::default().map_err(|never| match never {}).boxed_unsync()).unwrap())
            }
            Some(Fault::HalfOpen) => std::future::pending().await,
            Some(Fault::Reset) => Err(mode.reset()),
            fault => {
                let answer = self.pass(Request::from_parts(parts, body)).await?;
                broken(fault, &mode, answer).await
            }
        }
    }

    fn fault(&self, parts: &Parts) -> Option<Fault> {
        let mut plan = self.plan.lock().unwrap();
        let (fault, left, only) = plan.as_mut()?;
        if *left == 0 || !only(parts) {
            return None;
        }
        *left -= 1;
        Some(*fault)
    }

    async fn pass(&self, request: Request<Incoming>) -> io::Result<Response<Incoming>> {
        let stream = TcpStream::connect(self.upstream).await?;
        let name = ServerName::IpAddress(self.upstream.ip().into());
        let stream = TlsConnector::from(self.client.clone()).connect(name, stream).await?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        tokio::spawn(connection);
        sender.send_request(request).await.map_err(io::Error::other)
    }
}

/// What a fault leaves of an answer.
async fn broken(fault: Option<Fault>, mode: &Mode, answer: Response<Incoming>) -> io::Result<Answer> {
    let (parts, body) = answer.into_parts();
    let empty = body.is_end_stream();
    let body = match fault {
        Some(Fault::Lost) => {
            body.collect().await.map_err(io::Error::other)?;
            return Err(mode.reset());
        }
        Some(Fault::Garbage) => {
            mode.garbage();
            body.map_err(io::Error::other).boxed_unsync()
        }
        Some(Fault::Truncated) if empty => {
            mode.cut();
            body.map_err(io::Error::other).boxed_unsync()
        }
        Some(Fault::Truncated) => {
            let all = body.collect().await.map_err(io::Error::other)?.to_bytes();
            let half = Ok(Frame::data(all.slice(..all.len() / 2)));
            // Hyper would hold back the half if the error came with it.
            let end = stream::once(async {
                sleep(Duration::from_millis(50)).await;
                Err(io::Error::other("truncated"))
            });
            StreamBody::new(stream::iter([half]).chain(end)).boxed_unsync()
        }
        Some(Fault::Noise) => {
            let mut all = body.collect().await.map_err(io::Error::other)?.to_bytes().to_vec();
            all.iter_mut().zip(0_u8..=255).for_each(|(byte, noise)| *byte ^= noise.wrapping_mul(31) | 0x81);
            Full::from(all).map_err(|never| match never {}).boxed_unsync()
        }
        Some(Fault::Slow) => {
            let all = body.collect().await.map_err(io::Error::other)?.to_bytes();
            let bytes = stream::iter(0..all.len()).then(move |at| {
                let byte = all.slice(at..=at);
                async move {
                    sleep(Duration::from_millis(200)).await;
                    Ok(Frame::data(byte))
                }
            });
            StreamBody::new(bytes).boxed_unsync()
        }
        _ => body.map_err(io::Error::other).boxed_unsync(),
    };
    Ok(Response::from_parts(parts, body))
}
