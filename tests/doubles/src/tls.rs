//! A certificate authority of the test's own, and servers under it.

use crate::audit;
use axum::{Router, middleware::from_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
};
use std::{net::SocketAddr, path::Path, sync::Arc};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_rustls::TlsAcceptor;

/// A certificate authority, and one certificate of it: for this machine's loopback names, and for vaults, whose names say
/// which one is meant.
pub struct Ca {
    folder: tempfile::TempDir,
    config: Arc<ServerConfig>,
    der: CertificateDer<'static>,
    pem: String,
}

impl Ca {
    /// A new one. Its files go when it does.
    pub fn new() -> Self {
        let ca_key = KeyPair::generate().unwrap();
        let mut ca = CertificateParams::default();
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let mut name = DistinguishedName::new();
        name.push(DnType::CommonName, "a test's authority");
        ca.distinguished_name = name;
        let signed = ca.self_signed(&ca_key).unwrap();
        let (pem, der) = (signed.pem(), signed.der().clone());

        let key = KeyPair::generate().unwrap();
        let mut leaf =
            CertificateParams::new(["localhost", "127.0.0.1", "::1", "*.vault.azure.net"].map(str::to_owned))
                .unwrap();
        leaf.use_authority_key_identifier_extension = true;
        let leaf = leaf.signed_by(&key, &Issuer::new(ca, ca_key)).unwrap();

        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone()], private)
            .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];

        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), &pem).unwrap();
        std::fs::write(folder.path().join("cert.pem"), leaf.pem()).unwrap();
        std::fs::write(folder.path().join("key.pem"), key.serialize_pem()).unwrap();
        Self { folder, config: Arc::new(config), der, pem }
    }

    /// The authority's certificate, as a file: for `SSL_CERT_FILE`.
    pub fn file(&self) -> std::path::PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// The folder with `ca.pem`, `cert.pem` and `key.pem`, for servers that are processes of their own.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What a server under this authority is configured with.
    pub(crate) fn server_config(&self) -> ServerConfig {
        (*self.config).clone()
    }

    /// What a client that trusts this authority alone is configured with.
    pub(crate) fn client_config(&self) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.der.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth()
    }

    /// The authority's certificate.
    pub fn pem(&self) -> &str {
        &self.pem
    }
}

impl Default for Ca {
    fn default() -> Self {
        Self::new()
    }
}

/// A server on loopback that ends when this is dropped.
pub struct Server {
    address: SocketAddr,
    scheme: &'static str,
    task: JoinHandle<()>,
}

impl Server {
    /// Serves over TLS, HTTP/1.1 and HTTP/2.
    pub async fn tls(ca: &Ca, router: Router) -> Self {
        Self::with(ca.config.clone(), router).await
    }

    /// Serves over TLS, HTTP/1.1 alone, as Azure Storage does.
    pub async fn tls_http1(ca: &Ca, router: Router) -> Self {
        let mut config = ca.server_config();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Self::with(Arc::new(config), router).await
    }

    async fn with(config: Arc<ServerConfig>, router: Router) -> Self {
        let router = router.layer(from_fn(audit::read));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let acceptor = TlsAcceptor::from(config);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, router) = (acceptor.clone(), router.clone());
                tokio::spawn(async move {
                    let _ = stream.set_nodelay(true);
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    let service = TowerToHyperService::new(router);
                    let server = auto::Builder::new(TokioExecutor::new());
                    // A client that goes away is no fault of the server's.
                    let _ = server.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { address, scheme: "https", task }
    }

    /// Serves without TLS, HTTP/1.1 and HTTP/2 with prior knowledge.
    pub async fn plain(router: Router) -> Self {
        let router = router.layer(from_fn(audit::read));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let router = router.clone();
                tokio::spawn(async move {
                    let _ = stream.set_nodelay(true);
                    let service = TowerToHyperService::new(router);
                    let server = auto::Builder::new(TokioExecutor::new());
                    let _ = server.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { address, scheme: "http", task }
    }

    /// `https://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}
