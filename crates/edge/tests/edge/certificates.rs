use std::fs;

use daybook_edge::tls::{Certificate, TlsError};
use rcgen::date_time_ymd;

use crate::certificate::{client_trusting, files_in, write_pair};
use crate::site::{Identity, Site, echo};

#[tokio::test]
async fn a_new_certificate_is_shown_to_whoever_comes_next() {
    let mut identity = Identity::new();
    let edge = identity.edge();
    let certificate = edge.certificate.clone().unwrap();
    let site = Site::open(edge, echo()).await;
    let url = site.url("https", "/");
    let before = identity.client().build().unwrap();
    assert_eq!(before.get(&url).send().await.unwrap().status(), 200);
    assert!(!certificate.renew().unwrap(), "the files are as they were");

    identity.replace();
    assert!(certificate.renew().unwrap());
    let after = identity.client().build().unwrap();
    assert_eq!(after.get(&url).send().await.unwrap().status(), 200);
    // Open connections continue to work.
    assert_eq!(before.get(&url).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn files_that_are_of_no_use_leave_the_certificate_as_it_was() {
    let identity = Identity::new();
    let edge = identity.edge();
    let certificate = edge.certificate.clone().unwrap();
    let site = Site::open(edge, echo()).await;
    let files = identity.files();
    let url = site.url("https", "/");

    fs::write(&files.certificate, "half of it").unwrap();
    assert!(matches!(
        certificate.renew(),
        Err(TlsError::NoCertificate { .. })
    ));
    assert!(!certificate.renew().unwrap(), "told once");
    fs::remove_file(&files.key).unwrap();
    assert!(matches!(
        certificate.renew(),
        Err(TlsError::Unreadable { .. })
    ));
    assert!(!certificate.renew().unwrap(), "told once");
    let client = identity.client().build().unwrap();
    assert_eq!(client.get(&url).send().await.unwrap().status(), 200);

    let pem = write_pair(identity.folder(), |_| {});
    assert!(certificate.renew().unwrap());
    let client = client_trusting(&pem).build().unwrap();
    assert_eq!(client.get(&url).send().await.unwrap().status(), 200);
}

#[test]
fn files_that_are_of_no_use_are_refused_for_what_is_wrong_with_them() {
    let folder = tempfile::tempdir().unwrap();
    let (folder, other) = (folder.path(), tempfile::tempdir().unwrap());
    let files = files_in(folder);
    let refused = || match Certificate::open(files.clone()) {
        Err(error) => error,
        Ok(_) => panic!("taken"),
    };
    assert!(matches!(refused(), TlsError::Unreadable { .. }));

    write_pair(folder, |params| {
        params.not_after = date_time_ymd(2020, 1, 1)
    });
    let expired = refused();
    assert!(matches!(expired, TlsError::Expired { .. }));
    assert!(
        expired
            .to_string()
            .ends_with("expired at 2020-01-01T00:00:00Z")
    );

    write_pair(folder, |params| {
        params.not_before = date_time_ymd(4000, 1, 1)
    });
    assert!(matches!(refused(), TlsError::NotYetValid { .. }));

    write_pair(folder, |_| {});
    write_pair(other.path(), |_| {});
    fs::copy(files_in(other.path()).key, &files.key).unwrap();
    assert!(matches!(refused(), TlsError::Mismatch { .. }));

    fs::write(&files.key, "no key").unwrap();
    assert!(matches!(refused(), TlsError::NoKey { .. }));
    fs::copy(&files.certificate, &files.key).unwrap();
    assert!(matches!(refused(), TlsError::NoKey { .. }));

    let torn = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    fs::write(&files.certificate, torn).unwrap();
    assert!(matches!(refused(), TlsError::Malformed { .. }));
    fs::write(&files.certificate, "").unwrap();
    assert!(matches!(refused(), TlsError::NoCertificate { .. }));
}
