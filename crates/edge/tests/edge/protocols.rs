use reqwest::{Client, Version};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::site::{Identity, Site, echo};

#[tokio::test]
async fn over_tls_a_client_gets_the_version_of_http_that_it_asks_for() {
    let identity = Identity::new();
    let site = Site::open(identity.edge(), echo()).await;
    for (client, version) in [
        (identity.client(), Version::HTTP_2),
        (identity.client().http1_only(), Version::HTTP_11),
    ] {
        let client = client.build().unwrap();
        let answer = client.get(site.url("https", "/")).send().await.unwrap();
        assert_eq!(answer.version(), version);
        assert_eq!(answer.text().await.unwrap(), format!("{version:?} true"));
        let sent = client.post(site.url("https", "/echo")).body("all of it");
        assert_eq!(
            sent.send().await.unwrap().text().await.unwrap(),
            "all of it"
        );
    }
}

#[tokio::test]
async fn tls_1_2_and_1_3_are_spoken() {
    use reqwest::tls::Version as Tls;
    let identity = Identity::new();
    let site = Site::open(identity.edge(), echo()).await;
    for version in [Tls::TLS_1_2, Tls::TLS_1_3] {
        let client = identity
            .client()
            .tls_version_min(version)
            .tls_version_max(version);
        let answer = client.build().unwrap().get(site.url("https", "/")).send();
        assert_eq!(answer.await.unwrap().status(), 200, "{version:?}");
    }
}

#[tokio::test]
async fn in_the_clear_both_versions_are_spoken_on_one_port() {
    let site = Site::open(Default::default(), echo()).await;
    for (client, version) in [
        (Client::builder().http2_prior_knowledge(), Version::HTTP_2),
        (Client::builder().http1_only(), Version::HTTP_11),
    ] {
        let client = client.no_proxy().build().unwrap();
        let answer = client.get(site.url("http", "/")).send().await.unwrap();
        assert_eq!(answer.version(), version);
        assert_eq!(answer.text().await.unwrap(), format!("{version:?} false"));
    }
}

#[tokio::test]
async fn many_requests_share_one_connection_of_http_2() {
    let identity = Identity::new();
    let mut edge = identity.edge();
    // A second connection would wait for this one's end.
    edge.limits.connections = 1;
    let site = Site::open(edge, echo()).await;
    let client = identity.client().build().unwrap();
    let url = site.url("https", "/");
    assert_eq!(client.get(&url).send().await.unwrap().status(), 200);
    let asked = (0..300).map(|_| client.get(&url).send());
    for answer in futures::future::join_all(asked).await {
        assert_eq!(answer.unwrap().status(), 200);
    }
}

#[tokio::test]
async fn who_does_not_want_tls_gets_nothing_where_there_is_a_certificate() {
    let identity = Identity::new();
    let site = Site::open(identity.edge(), echo()).await;
    let mut plain = site.connect().await;
    plain
        .write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    let mut answer = Vec::new();
    // The connection is closed with or without an error, depending on what was still unread.
    let _ = plain.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
}

#[tokio::test]
async fn whoever_speaks_no_protocol_of_ours_is_refused_in_the_handshake() {
    let identity = Identity::new();
    let site = Site::open(identity.edge(), echo()).await;
    let refused = identity.handshake(site.connect().await, "spdy/3").await;
    assert!(refused.is_err());
}
