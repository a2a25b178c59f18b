//! An edge on a free port, with a certificate of its own if the test wants one.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::routing::{get, post};
use daybook_edge::tls::{Certificate, CertificateFiles};
use daybook_edge::{ConnectionLimits, Edge, OverTls};
use reqwest::ClientBuilder;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ALL_VERSIONS, ClientConfig, RootCertStore};
use tokio_util::sync::CancellationToken;

use crate::certificate::{client_trusting, files_in, write_pair};

/// Far more time than anything takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A time limit that the test exceeds.
pub(crate) const SHORT: Duration = Duration::from_millis(200);

pub(crate) struct Site {
    pub(crate) address: SocketAddr,
    pub(crate) stop: CancellationToken,
    serving: JoinHandle<()>,
}

impl Site {
    pub(crate) async fn open(edge: Edge, router: Router) -> Site {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let serving = tokio::spawn(daybook_edge::serve(listener, router, edge, stop.clone()));
        Site {
            address,
            stop,
            serving,
        }
    }

    pub(crate) fn url(&self, scheme: &str, path: &str) -> String {
        format!("{scheme}://localhost:{}{path}", self.address.port())
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Returns once it has stopped on its own.
    pub(crate) async fn stopped(self) {
        timeout(PATIENCE, self.serving)
            .await
            .expect("the edge stops")
            .unwrap();
    }
}

pub(crate) fn with_limits(change: impl FnOnce(&mut ConnectionLimits)) -> Edge {
    let mut edge = Edge::default();
    change(&mut edge.limits);
    edge
}

/// `/` tells how it was reached, `/echo` answers with the body that it was sent.
pub(crate) fn echo() -> Router {
    let how = |request: Request| async move {
        let over_tls = request.extensions().get::<OverTls>().is_some();
        format!("{:?} {over_tls}", request.version())
    };
    Router::new()
        .route("/", get(how))
        .route("/echo", post(|body: String| async move { body }))
}

/// A certificate for `localhost` in two files.
pub(crate) struct Identity {
    folder: TempDir,
    pub(crate) pem: String,
}

impl Identity {
    pub(crate) fn new() -> Identity {
        let folder = tempfile::tempdir().unwrap();
        let pem = write_pair(folder.path(), |_| {});
        Identity { folder, pem }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn files(&self) -> CertificateFiles {
        files_in(self.folder.path())
    }

    pub(crate) fn certificate(&self) -> Arc<Certificate> {
        Arc::new(Certificate::open(self.files()).unwrap())
    }

    /// Another certificate in the same files.
    pub(crate) fn replace(&mut self) {
        self.pem = write_pair(self.folder.path(), |_| {});
    }

    pub(crate) fn edge(&self) -> Edge {
        Edge {
            certificate: Some(self.certificate()),
            ..Edge::default()
        }
    }

    /// A client that trusts this certificate and no other.
    pub(crate) fn client(&self) -> ClientBuilder {
        client_trusting(&self.pem)
    }

    pub(crate) async fn handshake(
        &self,
        stream: TcpStream,
        alpn: &str,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_slice(self.pem.as_bytes()).unwrap())
            .unwrap();
        let mut config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(ALL_VERSIONS)
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![alpn.as_bytes().to_vec()];
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await
    }
}
