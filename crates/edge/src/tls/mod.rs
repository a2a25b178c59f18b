//! TLS 1.2 and 1.3 by rustls, with a certificate that is read again when its files change.

mod files;
mod watch;

use std::sync::Arc;

use crate::measure;
use parking_lot::{Mutex, RwLock};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{ALL_VERSIONS, ServerConfig};
use tokio_rustls::server::TlsStream;

pub use self::files::{CertificateFiles, TlsError};
pub use self::watch::watch;

const HTTP2: &[u8] = b"h2";
const HTTP1: &[u8] = b"http/1.1";

/// Stands for the digest of files that cannot be read.
const UNREADABLE: [u8; 32] = [0; 32];

/// The certificate and key that connections are given.
pub struct Certificate {
    files: CertificateFiles,
    shown: Arc<Shown>,
    /// The digest of the files when they were last read, whether they could be used or not.
    seen: Mutex<[u8; 32]>,
    config: Arc<ServerConfig>,
}

impl Certificate {
    /// Reads the files. They must be usable now: a chain with its key, and a certificate that is valid at this time.
    pub fn open(files: CertificateFiles) -> Result<Certificate, TlsError> {
        let read = files.read()?;
        let usable = read.check(&files)?;
        measure::certificate(usable.not_after);
        let shown = Arc::new(Shown(RwLock::new(usable.key)));
        Ok(Certificate {
            config: Arc::new(config(shown.clone())?),
            seen: Mutex::new(read.digest()),
            files,
            shown,
        })
    }

    /// Reads the files again and uses their certificate for new connections; answers whether it is another one. For
    /// files that cannot be used the error is returned once, and the previous certificate stays.
    pub fn renew(&self) -> Result<bool, TlsError> {
        let read = match self.files.read() {
            Ok(read) => read,
            Err(error) => {
                return match self.is_news(UNREADABLE) {
                    true => Err(error),
                    false => Ok(false),
                };
            }
        };
        if !self.is_news(read.digest()) {
            return Ok(false);
        }
        let usable = read.check(&self.files)?;
        measure::certificate(usable.not_after);
        *self.shown.0.write() = usable.key;
        Ok(true)
    }

    fn is_news(&self, digest: [u8; 32]) -> bool {
        std::mem::replace(&mut *self.seen.lock(), digest) != digest
    }
}

/// Without early data, which could be replayed: rustls accepts none unless it is configured to.
fn config(shown: Arc<Shown>) -> Result<ServerConfig, TlsError> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(ALL_VERSIONS)
        .map_err(TlsError::Unsupported)?
        .with_no_client_auth()
        .with_cert_resolver(shown);
    config.alpn_protocols = vec![HTTP2.to_vec(), HTTP1.to_vec()];
    Ok(config)
}

pub(super) fn acceptor(certificate: &Arc<Certificate>) -> TlsAcceptor {
    TlsAcceptor::from(Arc::clone(&certificate.config))
}

pub(super) fn agreed_on_http2<S>(stream: &TlsStream<S>) -> bool {
    stream.get_ref().1.alpn_protocol() == Some(HTTP2)
}

#[derive(Debug)]
struct Shown(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read()))
    }
}
