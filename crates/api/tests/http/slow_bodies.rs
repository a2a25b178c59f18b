//! Bodies that do not arrive: nothing was done, and the answer says so.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::Request;
use daybook_api::app::HttpConfig;
use daybook_edge::Edge;
use futures::{StreamExt, stream};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::shop::{Shop, without_rate_limits};

async fn impatient() -> Shop {
    Shop::open_with(HttpConfig {
        body_timeout: Duration::from_millis(200),
        ..without_rate_limits()
    })
    .await
}

#[tokio::test]
async fn a_body_that_does_not_arrive_is_told_from_a_command_that_takes_long() {
    let shop = impatient().await;
    for path in ["categories", "orders", "analytics/events", "users/login"] {
        let begun = stream::once(async { Ok::<_, Infallible>(Bytes::from_static(b"{")) });
        let request = Request::post(format!("/api/v1/{path}"))
            .header("authorization", format!("Bearer {}", shop.admin()))
            .header("content-type", "application/json")
            .body(Body::from_stream(begun.chain(stream::pending())));
        let answer = shop.router.clone().oneshot(request.unwrap()).await.unwrap();
        assert_eq!(answer.status(), 408, "{path}");
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
        let body = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["code"], "slow-body");
    }
    let events: i64 = sqlx::query_scalar("select count(*) from log.events")
        .fetch_one(&shop.pool)
        .await
        .unwrap();
    assert_eq!(events, 1, "there is the admin's account and nothing else");
}

#[tokio::test]
async fn a_client_that_trickles_its_body_is_answered_and_cut_off() {
    let shop = impatient().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap())
        .await
        .unwrap();
    let stop = CancellationToken::new();
    let serving = daybook_edge::serve(listener, shop.router.clone(), Edge::default(), stop.clone());
    let serving = tokio::spawn(serving);
    let head = "POST /api/v1/users/login HTTP/1.1\r\nhost: x\r\n\
        content-type: application/json\r\ncontent-length: 100\r\n\r\n{";
    client.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    // Reads to the end: the rest of the body must not be taken for a request.
    client.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(answer.contains("slow-body"), "{answer}");
    stop.cancel();
    serving.await.unwrap();
}
