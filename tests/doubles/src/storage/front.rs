//! Azurite believes any token and remembers none. This stands before it, believes what the service believes, and notes who
//! touched whose container.

use super::Azurite;
use crate::{Asked, Audit, Ca, Identity, Server};
use axum::{
    Router,
    body::Body,
    extract::State,
    http::{Request, Response, StatusCode},
};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, pki_types::ServerName};
use std::{
    collections::HashMap,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// The audience of its tokens.
pub const AUDIENCE: &str = "https://storage.azure.com";
/// A connection that rested longer is not used again: Azurite is about to close it.
const REST: Duration = Duration::from_secs(2);

/// A storage account: Azurite behind two fronts.
///
/// A request carries a token of the identity endpoint for Storage, or the signature of a link; anything else is refused.
/// The [`Audit`] has it as `blob` or `queue` with the token's identity; or as `link`, with the identity whose key signed.
/// The tenant is the container's name; in `uploads`, with the folder's. What goes by a link is checked by Azurite.
pub struct Storage {
    azurite: Azurite,
    blobs: Server,
    queues: Server,
}

impl Storage {
    /// Starts it.
    pub async fn start(ca: &Ca, identity: &Identity, audit: &Audit) -> Self {
        let azurite = Azurite::start(ca);
        let front = async |service, upstream| {
            let (identity, audit) = (identity.clone(), audit.clone());
            let client = Arc::new(ca.client_config());
            let front = Front { service, upstream, client, identity, audit, resting: Mutex::default() };
            Server::tls_http1(ca, Router::new().fallback(answer).with_state(Arc::new(front))).await
        };
        let blobs = front("blob", azurite.blob_address()).await;
        let queues = front("queue", azurite.queue_address()).await;
        Self { azurite, blobs, queues }
    }

    /// `https://127.0.0.1:PORT/devstoreaccount1`, of blobs.
    pub fn blob_url(&self) -> String {
        self.azurite.behind(&self.blobs.url())
    }

    /// The same, of queues.
    pub fn queue_url(&self) -> String {
        self.azurite.behind(&self.queues.url())
    }
}

struct Front {
    service: &'static str,
    upstream: SocketAddr,
    client: Arc<ClientConfig>,
    identity: Identity,
    audit: Audit,
    /// Connections to Azurite, since when they rest.
    resting: Mutex<Vec<(Instant, SendRequest<Body>)>>,
}

async fn answer(State(front): State<Arc<Front>>, request: Request<Body>) -> Response<Body> {
    let Some(asked) = front.asked(&request) else {
        return refusal(StatusCode::UNAUTHORIZED, "InvalidAuthenticationInfo");
    };
    front.audit.note(asked);
    let answer = front.pass(request).await;
    answer.unwrap_or_else(|_| refusal(StatusCode::SERVICE_UNAVAILABLE, "ServerBusy"))
}

impl Front {
    /// Who asks for what; `None`: nobody that the service would believe.
    fn asked(&self, request: &Request<Body>) -> Option<Asked> {
        let query = request.uri().query().unwrap_or_default().as_bytes();
        let query: HashMap<_, _> = url::form_urlencoded::parse(query).into_owned().collect();
        let bearer = request.headers().contains_key("authorization");
        let (service, identity) = match (query.contains_key("sig"), bearer) {
            (false, true) => (self.service, self.identity.check(request.headers(), AUDIENCE)?.identity),
            (true, false) => ("link", query.get("skoid")?.clone()),
            // Both: a link needs nobody's token, and whoever sends one along gives it away.
            _ => return None,
        };
        let mut path = request.uri().path().splitn(4, '/').skip(2).filter(|part| !part.is_empty());
        let (container, inside) = (path.next().map(str::to_owned), path.next());
        let kind = match (
            self.service,
            container.is_some(),
            inside.is_some(),
            query.get("comp").map(String::as_str),
        ) {
            (_, false, ..) => "account",
            (_, true, false, Some("list")) => "list",
            (_, true, false, _) => "container",
            (.., true, _) => "content",
        };
        // A queue is no tenant's, and what is dropped for a tenant is in a folder of the tenant's name.
        let folder = inside.and_then(|path| path.split_once('/')).map(|(folder, _)| folder);
        let tenant = container.filter(|_| self.service == "blob").map(|container| match folder {
            Some(folder) if container == "uploads" => format!("uploads/{folder}"),
            _ => container,
        });
        let what = format!("{} {kind}", request.method());
        Some(Asked { service, identity, audience: AUDIENCE.to_owned(), tenant, what })
    }

    async fn pass(self: Arc<Self>, request: Request<Body>) -> io::Result<Response<Body>> {
        let mut sender = match self.rested() {
            Some(sender) => sender,
            None => self.connect().await?,
        };
        let answer = sender.send_request(request).await.map_err(io::Error::other)?;
        tokio::spawn(async move {
            // Once the answer has been read to its end.
            if sender.ready().await.is_ok() {
                self.resting.lock().unwrap().push((Instant::now(), sender));
            }
        });
        Ok(answer.map(Body::new))
    }

    fn rested(&self) -> Option<SendRequest<Body>> {
        let mut resting = self.resting.lock().unwrap();
        resting.retain(|(since, sender)| since.elapsed() < REST && sender.is_ready());
        resting.pop().map(|(_, sender)| sender)
    }

    async fn connect(&self) -> io::Result<SendRequest<Body>> {
        let stream = TcpStream::connect(self.upstream).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::IpAddress(self.upstream.ip().into());
        let stream = TlsConnector::from(self.client.clone()).connect(name, stream).await?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        tokio::spawn(connection);
        Ok(sender)
    }
}

/// As Storage refuses: <https://learn.microsoft.com/rest/api/storageservices/status-and-error-codes2>.
fn refusal(status: StatusCode, code: &str) -> Response<Body> {
    let body = format!(
        r#"<?xml version="1.0" encoding="utf-8"?><Error><Code>{code}</Code><Message>refused</Message></Error>"#
    );
    let answer = Response::builder().status(status).header("x-ms-error-code", code);
    let answer = answer.header("content-type", "application/xml").header(
        "www-authenticate",
        format!("Bearer authorization_uri=https://login.microsoftonline.com/common resource_id={AUDIENCE}"),
    );
    answer.body(body.into()).unwrap()
}
