use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use reqwest::{Client, ClientBuilder, Version};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc};

use crate::site::{Identity, SHORT, Site, echo, with_limits};

/// `/wait` reports when a request arrives, and answers when the test lets it.
fn waiting() -> (Router, mpsc::Receiver<()>, Arc<Notify>) {
    let (asked, arrivals) = mpsc::channel(16);
    let may = Arc::new(Notify::new());
    let allowed = may.clone();
    let wait = move || async move {
        asked.send(()).await.unwrap();
        allowed.notified().await;
        "done"
    };
    (Router::new().route("/wait", get(wait)), arrivals, may)
}

/// A request that is being answered at the stop is answered, and after that no new one.
async fn is_answered(
    site: Site,
    url: String,
    client: ClientBuilder,
    version: Version,
    may: &Notify,
    arrivals: &mut mpsc::Receiver<()>,
) {
    let client = client.build().unwrap();
    let asking = tokio::spawn(async move {
        let answer = client.get(url).send().await.unwrap();
        assert_eq!(answer.version(), version);
        answer.text().await.unwrap()
    });
    arrivals.recv().await.unwrap();
    let address = site.address;
    site.stop.cancel();
    may.notify_one();
    assert_eq!(asking.await.unwrap(), "done");
    site.stopped().await;
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn requests_over_tls_are_answered_after_the_stop() {
    let identity = Identity::new();
    for (client, version) in [
        (identity.client(), Version::HTTP_2),
        (identity.client().http1_only(), Version::HTTP_11),
    ] {
        let (router, mut arrivals, may) = waiting();
        let site = Site::open(identity.edge(), router).await;
        let url = site.url("https", "/wait");
        is_answered(site, url, client, version, &may, &mut arrivals).await;
    }
}

#[tokio::test]
async fn requests_in_the_clear_are_answered_after_the_stop() {
    for (client, version) in [
        (Client::builder().http2_prior_knowledge(), Version::HTTP_2),
        (Client::builder().http1_only(), Version::HTTP_11),
    ] {
        let (router, mut arrivals, may) = waiting();
        let site = Site::open(Default::default(), router).await;
        let url = site.url("http", "/wait");
        is_answered(site, url, client.no_proxy(), version, &may, &mut arrivals).await;
    }
}

#[tokio::test]
async fn what_had_been_sent_before_the_stop_is_read_after_it() {
    let site = Site::open(
        with_limits(|limits| limits.linger = Duration::from_secs(2)),
        echo(),
    )
    .await;
    let mut late = site.connect().await;
    site.stop.cancel();
    late.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    let mut answer = String::new();
    late.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    site.stopped().await;
}

#[tokio::test]
async fn a_request_that_never_ends_is_given_up_after_its_grace() {
    let edge = || with_limits(|limits| limits.grace = SHORT);
    for client in [
        Client::builder().http2_prior_knowledge(),
        Client::builder().http1_only(),
    ] {
        let (router, mut arrivals, _may) = waiting();
        let site = Site::open(edge(), router).await;
        let client = client.no_proxy().build().unwrap();
        let asking = tokio::spawn(client.get(site.url("http", "/wait")).send());
        arrivals.recv().await.unwrap();
        site.stop.cancel();
        site.stopped().await;
        assert!(asking.await.unwrap().is_err());
    }
}
