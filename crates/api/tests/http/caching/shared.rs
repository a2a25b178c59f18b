//! Servers that share their answers in a Redis.

use daybook_api::app::HttpConfig;
use serde_json::json;

use crate::redis::connected;
use crate::redis_server::RedisServer;
use crate::shop::{Server, Shop, without_rate_limits};

fn config() -> HttpConfig {
    without_rate_limits()
}

#[tokio::test]
async fn what_one_server_read_another_need_not() {
    let server = RedisServer::start();
    let (redis, _tasks) = connected(&server, b"a shop").await;
    let shop = Shop::open_sharing(config(), Some(redis.clone())).await;
    let another = shop.beside(Server::Another, Some(redis)).await;
    let alone = shop.beside(Server::Another, None).await;
    let id = shop.product("1", 5).await;
    for server in [&shop, &another, &alone] {
        server.until_kept("products").await;
    }
    let path = "products?limit=7";
    shop.forge("Forged once").await;
    assert_eq!(shop.names(path).await, ["Forged once"]);
    shop.forge("Forged twice").await;
    assert_eq!(another.names(path).await, ["Forged once"]);
    assert_eq!(alone.names(path).await, ["Forged twice"]);
    // Waits until it is visible.
    let stock = format!("products/{id}/stock");
    let body = json!({"change": 1});
    let changed = another
        .put(&stock)
        .token(&another.admin())
        .json(&body)
        .await;
    for server in [&shop, &another] {
        let seen = server.get(path).after(&changed).await;
        assert_eq!(seen.json()[0]["stock"], 6);
        assert_eq!(seen.json()[0]["name"], "Forged twice");
    }
}

#[tokio::test]
async fn other_shops_in_the_same_redis_are_none_of_ones_business() {
    let server = RedisServer::start();
    let (one, _tasks) = connected(&server, b"one shop").await;
    let (other, _others) = connected(&server, b"another").await;
    let one = Shop::open_sharing(config(), Some(one)).await;
    let other = Shop::open_sharing(config(), Some(other)).await;
    // Both logs have the same number of events.
    one.product("1", 5).await;
    other.product("2", 5).await;
    for shop in [&one, &other] {
        shop.until_kept("products").await;
    }
    let path = "products?limit=7";
    one.forge("Of the one").await;
    other.forge("Of the other").await;
    assert_eq!(one.names(path).await, ["Of the one"]);
    assert_eq!(other.names(path).await, ["Of the other"]);
}

/// Sales continue, and every server sees them, while Redis dies and comes back.
#[tokio::test(flavor = "multi_thread")]
async fn redis_may_die_at_any_time() {
    let mut server = RedisServer::start();
    let (redis, _tasks) = connected(&server, b"a shop").await;
    let shop = Shop::open_sharing(config(), Some(redis.clone())).await;
    let another = shop.beside(Server::Another, Some(redis.clone())).await;
    let admin = shop.admin();
    let id = shop.product("1", 0).await;
    let stock = format!("products/{id}/stock");
    for round in 1..=60 {
        match round {
            20 => server.kill(),
            40 => {
                server.restart();
                redis.up().await;
            }
            _ => {}
        }
        let readers = [&shop, &another, &shop, &another].map(|shop| shop.get("products"));
        let readers = futures::future::join_all(readers.map(IntoFuture::into_future));
        let body = json!({"change": 1});
        let writer = async { shop.put(&stock).token(&admin).json(&body).await };
        let (read, changed) = futures::join!(readers, writer);
        assert!(read.iter().all(|reply| reply.status == 200), "{read:?}");
        for shop in [&another, &shop] {
            let seen = shop.get("products").after(&changed).await;
            assert_eq!(seen.json()[0]["stock"], round);
        }
    }
}
