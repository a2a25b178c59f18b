//! The two files of a certificate, and what can be wrong with them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use aws_lc_rs::digest::{Context, SHA256};
use chrono::{DateTime, SecondsFormat, Utc};
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{Error as RustlsError, InconsistentKeys};
use x509_parser::parse_x509_certificate;

/// PEM files: a certificate chain that begins with the server's own certificate, and that certificate's key.
#[derive(Clone, Debug)]
pub struct CertificateFiles {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("only one of DAYBOOK_TLS_CERT and DAYBOOK_TLS_KEY is set")]
    Half,
    #[error("{} cannot be read", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{} has no certificate in PEM", path.display())]
    NoCertificate { path: PathBuf },
    #[error("{} has no private key in PEM", path.display())]
    NoKey { path: PathBuf },
    #[error("the certificate in {} is malformed", path.display())]
    Malformed { path: PathBuf },
    #[error("the private key in {} is not one that TLS can use", path.display())]
    UnusableKey { path: PathBuf },
    #[error(
        "the private key in {} is not that of the certificate in {}",
        key.display(),
        certificate.display()
    )]
    Mismatch { certificate: PathBuf, key: PathBuf },
    #[error("the certificate in {} expired at {}", path.display(), written(at))]
    Expired { path: PathBuf, at: DateTime<Utc> },
    #[error("the certificate in {} is not valid before {}", path.display(), written(at))]
    NotYetValid { path: PathBuf, at: DateTime<Utc> },
    #[error("TLS could not be set up")]
    Unsupported(#[source] RustlsError),
}

impl TlsError {
    pub fn remedy(&self) -> &'static str {
        match self {
            TlsError::Half => "set both, or neither to serve without TLS",
            TlsError::Unreadable { .. } => {
                "let this user read it, or mend DAYBOOK_TLS_CERT and DAYBOOK_TLS_KEY"
            }
            TlsError::NoCertificate { .. } | TlsError::Malformed { .. } => {
                "DAYBOOK_TLS_CERT names a PEM file with the server's certificate, then those that lead to the root"
            }
            TlsError::NoKey { .. } | TlsError::UnusableKey { .. } => {
                "DAYBOOK_TLS_KEY names a PEM file with an RSA, ECDSA or Ed25519 key that is not encrypted"
            }
            TlsError::Mismatch { .. } => "give the key that the certificate was issued for",
            TlsError::Expired { .. } => "renew it, then start again",
            TlsError::NotYetValid { .. } => "see that this machine's clock is right, or wait",
            TlsError::Unsupported(_) => "report this: the binary was built without what TLS needs",
        }
    }
}

fn written(at: &DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

impl CertificateFiles {
    /// `None` where neither is set; set but empty counts as not set.
    pub fn of(
        certificate: Option<&Path>,
        key: Option<&Path>,
    ) -> Result<Option<CertificateFiles>, TlsError> {
        let given = |path: Option<&Path>| {
            path.filter(|path| !path.as_os_str().is_empty())
                .map(Path::to_owned)
        };
        match (given(certificate), given(key)) {
            (Some(certificate), Some(key)) => Ok(Some(CertificateFiles { certificate, key })),
            (None, None) => Ok(None),
            _ => Err(TlsError::Half),
        }
    }

    pub(super) fn read(&self) -> Result<FileContents, TlsError> {
        Ok(FileContents {
            certificate: contents(&self.certificate)?,
            key: contents(&self.key)?,
        })
    }
}

fn contents(path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|source| TlsError::Unreadable {
        path: path.to_owned(),
        source,
    })
}

/// The contents of the files.
pub(super) struct FileContents {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

pub(super) struct CheckedCertificate {
    pub(super) key: Arc<CertifiedKey>,
    pub(super) not_after: DateTime<Utc>,
}

impl FileContents {
    /// A digest to recognise the same contents again without keeping the key in memory twice.
    pub(super) fn digest(&self) -> [u8; 32] {
        let mut context = Context::new(&SHA256);
        context.update(&(self.certificate.len() as u64).to_be_bytes());
        context.update(&self.certificate);
        context.update(&self.key);
        let mut digest = [0; 32];
        digest.copy_from_slice(context.finish().as_ref());
        digest
    }

    pub(super) fn check(&self, files: &CertificateFiles) -> Result<CheckedCertificate, TlsError> {
        let path = &files.certificate;
        let chain = self.chain(path)?;
        let not_after = in_its_time(&chain[0], path)?;
        let key = PrivateKeyDer::from_pem_slice(&self.key).map_err(|_| TlsError::NoKey {
            path: files.key.clone(),
        })?;
        let key = CertifiedKey::from_der(chain, key, &default_provider());
        let key = key.map_err(|error| match error {
            RustlsError::InconsistentKeys(InconsistentKeys::KeyMismatch) => TlsError::Mismatch {
                certificate: path.clone(),
                key: files.key.clone(),
            },
            RustlsError::InvalidCertificate(_) => TlsError::Malformed { path: path.clone() },
            _ => TlsError::UnusableKey {
                path: files.key.clone(),
            },
        })?;
        Ok(CheckedCertificate {
            key: Arc::new(key),
            not_after,
        })
    }

    /// At least one certificate.
    fn chain(&self, path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&self.certificate).collect();
        match chain {
            Ok(chain) if chain.is_empty() => Err(TlsError::NoCertificate {
                path: path.to_owned(),
            }),
            Ok(chain) => Ok(chain),
            Err(_) => Err(TlsError::Malformed {
                path: path.to_owned(),
            }),
        }
    }
}

/// The instant until which the certificate is valid, if it is valid now.
fn in_its_time(certificate: &CertificateDer<'_>, path: &Path) -> Result<DateTime<Utc>, TlsError> {
    let malformed = || TlsError::Malformed {
        path: path.to_owned(),
    };
    let (_, parsed) = parse_x509_certificate(certificate).map_err(|_| malformed())?;
    let instant = |seconds| DateTime::from_timestamp(seconds, 0).ok_or_else(malformed);
    let not_before = instant(parsed.validity().not_before.timestamp())?;
    let not_after = instant(parsed.validity().not_after.timestamp())?;
    let now = Utc::now();
    if now > not_after {
        return Err(TlsError::Expired {
            path: path.to_owned(),
            at: not_after,
        });
    }
    if now < not_before {
        return Err(TlsError::NotYetValid {
            path: path.to_owned(),
            at: not_before,
        });
    }
    Ok(not_after)
}
