use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::routing::get;
use daybook_edge::Edge;
use futures::{StreamExt, stream};
use reqwest::Client;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::{Instant, interval, sleep, timeout};

use crate::site::{Identity, PATIENCE, SHORT, Site, echo, with_limits};

const LONG: Duration = Duration::from_secs(600);

/// A time limit that even a busy machine does not exceed.
const AMPLE: Duration = Duration::from_secs(1);

/// Sends a head that never ends, a byte at a time, until it is cut off.
async fn trickle(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> Duration {
    let start = Instant::now();
    let trickling = async {
        stream.write_all(b"GET / HTTP/1.1\r\nx: ").await?;
        let mut turn = interval(Duration::from_millis(10));
        let mut answer = [0; 1];
        loop {
            tokio::select! {
                _ = turn.tick() => stream.write_all(b"x").await?,
                read = stream.read(&mut answer) => return read.map(|count| assert_eq!(count, 0)),
            }
        }
    };
    // It does not matter how the connection ends.
    let _: std::io::Result<()> = timeout(PATIENCE, trickling).await.expect("it is cut off");
    start.elapsed()
}

fn short_head(edge: Edge) -> Edge {
    let mut edge = edge;
    edge.limits.head = SHORT;
    edge.limits.idle = LONG;
    edge
}

#[tokio::test]
async fn a_head_that_trickles_in_is_cut_off() {
    let site = Site::open(short_head(Edge::default()), echo()).await;
    assert!(trickle(site.connect().await).await >= SHORT);
}

#[tokio::test]
async fn a_head_that_trickles_in_over_tls_is_cut_off() {
    let identity = Identity::new();
    let site = Site::open(short_head(identity.edge()), echo()).await;
    let stream = identity.handshake(site.connect().await, "http/1.1").await;
    assert!(trickle(stream.unwrap()).await >= SHORT);
}

#[tokio::test]
async fn a_handshake_that_trickles_in_is_cut_off_and_keeps_nobody_waiting() {
    let identity = Identity::new();
    let mut edge = identity.edge();
    edge.limits.handshake = AMPLE;
    let site = Site::open(edge, echo()).await;
    let start = Instant::now();
    let mut silent = site.connect().await;
    let client = identity.client().build().unwrap();
    let answer = client.get(site.url("https", "/")).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let mut nothing = Vec::new();
    timeout(PATIENCE, silent.read_to_end(&mut nothing))
        .await
        .expect("it is cut off")
        .unwrap();
    assert!(nothing.is_empty() && start.elapsed() >= AMPLE);
}

#[tokio::test]
async fn a_connection_may_rest_for_longer_than_a_head_may_take() {
    let site = Site::open(short_head(Edge::default()), echo()).await;
    let mut stream = site.connect().await;
    for _ in 0..2 {
        // The test is that this much time may pass.
        sleep(SHORT * 2).await;
        stream
            .write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            .await
            .unwrap();
        let mut answer = [0; 15];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 200 OK");
        let mut rest = [0; 1024];
        assert!(stream.read(&mut rest).await.unwrap() > 0);
    }
}

#[tokio::test]
async fn a_connection_that_rests_too_long_is_ended() {
    let edge = with_limits(|limits| limits.idle = SHORT);
    let site = Site::open(edge, echo()).await;
    let start = Instant::now();
    let mut nothing = Vec::new();
    let mut stream = site.connect().await;
    timeout(PATIENCE, stream.read_to_end(&mut nothing))
        .await
        .expect("it is ended")
        .unwrap();
    assert!(nothing.is_empty() && start.elapsed() >= SHORT);
}

#[tokio::test]
async fn a_connection_of_http_2_that_rests_too_long_is_ended() {
    let edge = with_limits(|limits| limits.idle = AMPLE);
    let site = Site::open(edge, echo()).await;
    let (mut requests, connection) = http2(&site).await;
    let request = hyper::Request::get("http://localhost/").body(Body::empty());
    let answer = requests.send_request(request.unwrap()).await.unwrap();
    assert_eq!(answer.status(), 200);
    timeout(PATIENCE, connection)
        .await
        .expect("it is ended")
        .unwrap();
}

type Requests = hyper::client::conn::http2::SendRequest<Body>;

/// A client whose task returns when the connection has ended.
async fn http2(site: &Site) -> (Requests, tokio::task::JoinHandle<()>) {
    use hyper_util::rt::{TokioExecutor, TokioIo};
    let stream = TokioIo::new(site.connect().await);
    let (requests, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), stream)
            .await
            .unwrap();
    let ended = tokio::spawn(async move {
        let _ = connection.await;
    });
    (requests, ended)
}

/// Reports when it is dropped.
struct Held(mpsc::Sender<()>);

impl Drop for Held {
    fn drop(&mut self) {
        let _ = self.0.try_send(());
    }
}

/// Answers `/endless` as long as somebody reads the answer; reports when nobody does any more.
fn endless() -> (Router, mpsc::Receiver<()>) {
    let (held, let_go) = mpsc::channel(1);
    let answer = move || {
        let held = Held(held.clone());
        async move {
            let part = Bytes::from_static(&[b'x'; 16 * 1024]);
            let parts = stream::repeat(part).map(move |part| {
                let _held = &held;
                Ok::<_, std::convert::Infallible>(part)
            });
            Body::from_stream(parts)
        }
    };
    (Router::new().route("/endless", get(answer)), let_go)
}

#[tokio::test]
async fn who_does_not_take_the_answer_is_cut_off() {
    let edge = with_limits(|limits| limits.stall = SHORT);
    let (router, mut let_go) = endless();
    let site = Site::open(edge, router).await;
    let start = Instant::now();
    let mut stream = site.connect().await;
    stream
        .write_all(b"GET /endless HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    let mut some = [0; 64];
    stream.read_exact(&mut some).await.unwrap();
    assert!(some.starts_with(b"HTTP/1.1 200 OK"));
    let cut_off = timeout(PATIENCE, let_go.recv()).await;
    assert!(cut_off.expect("it is cut off").is_some() && start.elapsed() >= SHORT);
}

#[tokio::test]
async fn who_gives_no_leave_to_send_more_is_cut_off() {
    let edge = with_limits(|limits| limits.stall = SHORT);
    let (router, mut let_go) = endless();
    let site = Site::open(edge, router).await;
    let (mut requests, connection) = http2(&site).await;
    let request = hyper::Request::get("http://localhost/endless").body(Body::empty());
    let answer = requests.send_request(request.unwrap()).await.unwrap();
    assert_eq!(answer.status(), 200);
    // The client stays active: it answers pings and reads frames, but never reads the body.
    let cut_off = timeout(PATIENCE, let_go.recv()).await;
    assert!(cut_off.expect("it is cut off").is_some());
    drop(answer);
    connection.await.unwrap();
}

#[tokio::test]
async fn an_answer_that_is_taken_slowly_goes_on() {
    let edge = with_limits(|limits| limits.stall = AMPLE);
    let (router, _let_go) = endless();
    let site = Site::open(edge, router).await;
    for client in [
        Client::builder().http1_only(),
        Client::builder().http2_prior_knowledge(),
    ] {
        let client = client.no_proxy().build().unwrap();
        let answer = client.get(site.url("http", "/endless")).send().await;
        let mut parts = answer.unwrap().bytes_stream();
        let start = Instant::now();
        // Longer than a client that reads nothing may take.
        while start.elapsed() < AMPLE * 2 {
            parts.next().await.unwrap().unwrap();
            sleep(Duration::from_millis(1)).await;
        }
    }
}

#[tokio::test]
async fn an_answer_that_has_nothing_to_say_for_a_while_goes_on() {
    let edge = with_limits(|limits| {
        (limits.stall, limits.head, limits.idle) = (AMPLE, AMPLE, AMPLE);
    });
    let quiet = || async {
        let parts = stream::iter(0..2).then(|_| async {
            sleep(AMPLE * 2).await;
            Ok::<_, std::convert::Infallible>("and\n")
        });
        Body::from_stream(parts)
    };
    let site = Site::open(edge, Router::new().route("/quiet", get(quiet))).await;
    for client in [
        Client::builder().http1_only(),
        Client::builder().http2_prior_knowledge(),
    ] {
        let client = client.no_proxy().build().unwrap();
        let answer = client.get(site.url("http", "/quiet")).send().await.unwrap();
        assert_eq!(answer.text().await.unwrap(), "and\nand\n");
    }
}
