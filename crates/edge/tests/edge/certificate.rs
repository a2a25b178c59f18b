//! A certificate for `localhost` in two files, as a server is given it.

use std::fs;
use std::path::Path;

use daybook_edge::tls::CertificateFiles;
use rcgen::{CertificateParams, KeyPair};
use reqwest::{Client, ClientBuilder};

pub(crate) fn client_trusting(pem: &str) -> ClientBuilder {
    let root = reqwest::Certificate::from_pem(pem.as_bytes()).unwrap();
    Client::builder().tls_certs_only([root]).no_proxy()
}

pub(crate) fn files_in(folder: &Path) -> CertificateFiles {
    CertificateFiles {
        certificate: folder.join("cert.pem"),
        key: folder.join("key.pem"),
    }
}

/// Writes a certificate and its key; returns the certificate.
pub(crate) fn write_pair(folder: &Path, change: impl FnOnce(&mut CertificateParams)) -> String {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    change(&mut params);
    let pem = params.self_signed(&key).unwrap().pem();
    let files = files_in(folder);
    fs::write(files.certificate, &pem).unwrap();
    fs::write(files.key, key.serialize_pem()).unwrap();
    pem
}
